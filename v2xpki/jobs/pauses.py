"""How long a job that failed waits for its next try."""

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0


def pause_after(failures: int, first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE) -> float:
    """Seconds after so many failures in a row, from 1 on: doubled each time, up to the longest."""
    return min(first * 2.0 ** min(failures - 1, 20), longest)
