"""Headers of signed data."""

from v2xpki.wire import dot2


def etsi_header(psid: int, time64: int) -> dot2.HeaderInfo:
    """psid and generationTime (TAI microseconds since 2004), nothing else (TS 102 941 6.2.3.2.1)."""
    return dot2.HeaderInfo(psid=psid, generation_time=time64)
