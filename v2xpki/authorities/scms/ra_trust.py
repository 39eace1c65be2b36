"""Whose enrolment certificates an RA believes.

ecas = KnownEcas.of([[eca, root]], [root], clock.time32())
proven = prove(certificate, ecas, now)      an enrolment certificate as it came
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol, Self

from v2xpki.authorities.scms.ra_reasons import RaReason, refusal
from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, InvalidChain
from v2xpki.trust.regions import Region
from v2xpki.trust.scms_enrolment import verify_eca, verify_enrolment


class TrustedEca(NamedTuple):
    """An ECA. region: what binds it, its own or inherited; None for everywhere."""

    certificate: Certificate
    region: Region


class TrustedEcas(Protocol):
    """The ECAs that an RA goes by: proven by chain and CTL by whoever fills it."""

    def eca(self, hashed_id8: bytes) -> TrustedEca | None:
        """None for one that is unknown or revoked."""
        ...

    def is_revoked(self, enrolment: Certificate) -> bool:
        """Whether a CRL names this enrolment certificate."""
        ...


class KnownEcas:
    """A fixed set of ECAs. revoked: asked for each enrolment certificate."""

    def __init__(
        self, ecas: Iterable[TrustedEca], revoked: Callable[[Certificate], bool] = lambda _: False
    ) -> None:
        self._known = {eca.certificate.hashed_id8: eca for eca in ecas}
        self._revoked = revoked

    @classmethod
    def of(
        cls,
        chains: Iterable[Sequence[Certificate]],
        roots: Sequence[Certificate],
        at: int,
        revoked: Callable[[Certificate], bool] = lambda _: False,
    ) -> Self:
        """The ECAs that head these chains; at: Time32. Raises InvalidChain for one that leads to no root."""
        return cls((TrustedEca(chain[0], verify_eca(chain, roots, at)) for chain in chains), revoked)

    def eca(self, hashed_id8: bytes) -> TrustedEca | None:
        return self._known.get(hashed_id8)

    def is_revoked(self, enrolment: Certificate) -> bool:
        return self._revoked(enrolment)


class Proven(NamedTuple):
    """An enrolment certificate in force, of a trusted ECA. region: the narrowest that binds it."""

    certificate: Certificate
    region: Region


def prove(certificate: Certificate, ecas: TrustedEcas, now: int) -> Proven:
    """Raise RefusedRequest unless this is an enrolment certificate (psid 35, SSP ee) in force at `now`, a
    Time32, of a trusted ECA in force."""
    issuer = certificate.issuer_id8
    eca = None if issuer is None else ecas.eca(issuer)
    if eca is None:
        raise refusal(RaReason.UNKNOWN_ECA)
    if not eca.certificate.start <= now < eca.certificate.end:
        raise refusal(RaReason.UNKNOWN_ECA, "the ECA's certificate is not in force")
    try:
        verify_enrolment(certificate, eca.certificate, now, eca.region)
    except (InvalidChain, CryptoError) as error:
        raise refusal(RaReason.BAD_ENROLMENT, str(error)) from error
    if now < certificate.start:
        raise refusal(RaReason.BAD_ENROLMENT, "not yet valid")
    if ecas.is_revoked(certificate):
        raise refusal(RaReason.REVOKED)
    own = certificate.record.to_be_signed.region
    return Proven(certificate, eca.region if own is None else own)
