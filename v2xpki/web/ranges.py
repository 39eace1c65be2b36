"""Which octets of a file a GET asks for (RFC 9110 13.1.5, 14): one range of them, or the whole."""

import re
from typing import NamedTuple

# more digits than any file's length has are no range of one
_ONE = re.compile(r"[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*")


class Span(NamedTuple):
    """Octets from start to before end, of a file's length."""

    start: int
    end: int
    length: int

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.end - 1}/{self.length}"


class Unsatisfiable(Exception):
    """The range has no octet of the file: HTTP 416. content_range: what that answer says."""

    def __init__(self, length: int) -> None:
        super().__init__(f"the range has none of the {length} octets")
        self.content_range = f"bytes */{length}"


def asked_span(wanted: str | None, if_range: str | None, etag: str, length: int) -> Span | None:
    """Of the fields Range and If-Range; None where the whole file is the answer. etag: the file's strong one,
    without its quotes. Raises Unsatisfiable.

    The whole is given where If-Range names another file (13.1.5), or says so by a date, where the unit is not
    known (14.2: it must be ignored) and where the range is none; and of several ranges, as 14.2 allows.
    """
    if wanted is None or (if_range is not None and if_range.strip() != f'"{etag}"'):
        return None
    unit, _, ranges = wanted.partition("=")
    found = _ONE.fullmatch(ranges) if unit.strip().lower() == "bytes" else None
    if found is None:
        return None
    first, last = (int(text) if text else None for text in found.groups())
    if first is None:  # the last octets
        if last is None:
            return None
        first, last = length - min(last, length), None
    elif last is not None and last < first:
        return None
    if first >= length:
        raise Unsatisfiable(length)
    return Span(first, length if last is None else min(last + 1, length), length)
