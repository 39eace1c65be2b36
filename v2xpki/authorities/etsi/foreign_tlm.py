"""A TLM of another operator: the anchor of a PKI that has a root and no TLM of its own."""

from dataclasses import dataclass

from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError, InvalidChain
from v2xpki.station import follow_ectl
from v2xpki.trust import lint_certificate
from v2xpki.trust.lists import SignedList, TlmEntry


@dataclass(frozen=True, slots=True)
class ForeignTlm:
    """A verified TLM certificate and its ECTL of today. cpoc: where the ECTL says that the next one is."""

    certificate: Certificate
    ectl: bytes
    sequence: int
    cpoc: str


def read_foreign_tlm(tlm: Certificate, ectl: bytes, now: int) -> ForeignTlm:
    """The TLM with its ECTL, verified at `now` (TAI seconds).

    Raises InvalidChain for a certificate that is not of the profile (TS 103 097 7.2.5), Untrusted for one
    that is not in force and for an ECTL that is not its own, in force and full; ConfigError where the ECTL
    does not say where the next one is.
    """
    found = [f for f in lint_certificate(tlm, "TLM") if f.rule.severity == "error"]
    if found:
        raise InvalidChain(f"TLM {tlm.hex8} breaks rules: {'; '.join(map(str, found))}", rule="profile")
    follow_ectl(ectl, tlm, now)
    listed = SignedList.parse(ectl)
    for entry in listed.entries:
        if isinstance(entry, TlmEntry) and entry.certificate == tlm:
            return ForeignTlm(tlm, ectl, listed.sequence or 0, entry.access_point)
    raise ConfigError(f"the ECTL has no entry of its TLM {tlm.hex8}: nobody knows where the next one is")
