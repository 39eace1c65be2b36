"""Headers of signed data."""

from v2xpki.wire import dot2


def etsi_header(psid: int, time64: int) -> dot2.HeaderInfo:
    """psid and generationTime (TAI microseconds since 2004), nothing else (TS 102 941 6.2.3.2.1)."""
    return dot2.HeaderInfo(psid=psid, generation_time=time64)


SECURITY_MGMT = 35  # the PSID of all that the components of an SCMS say


def scms_header() -> dot2.HeaderInfo:
    """psid 35 alone: in IEEE 1609.2.1 a PDU has its own generationTime."""
    return dot2.HeaderInfo(psid=SECURITY_MGMT)
