"""Who asks an RA: the enrolment certificate behind a message, proven, and the device that it is of."""

from typing import NamedTuple

from v2xpki.authorities.scms.ra_devices import KnownDevice, find_device
from v2xpki.authorities.scms.ra_reasons import RaReason, refusal
from v2xpki.authorities.scms.ra_requests import Signed, signer_of, verify
from v2xpki.authorities.scms.ra_trust import Proven, TrustedEcas, prove
from v2xpki.crypto import Certificate
from v2xpki.store import Database
from v2xpki.time import Clock


class Asker(NamedTuple):
    """Who signed. device: its id; None for one that was never granted anything."""

    proven: Proven
    device: bytes | None


class Askers:
    """For all threads of a process."""

    def __init__(self, database: Database, ecas: TrustedEcas, clock: Clock) -> None:
        self._database, self._ecas, self._clock = database, ecas, clock

    def who(self, signed: Signed) -> Asker:
        """Raises RefusedRequest for a signer that is none, or blocked."""
        known: KnownDevice | None = None

        def remembered(hashed_id8: bytes) -> Certificate | None:
            nonlocal known
            known = find_device(self._database, hashed_id8)
            return None if known is None else known.certificate

        certificate = signer_of(signed, remembered)
        proven = prove(certificate, self._ecas, self._clock.time32())
        verify(signed, certificate)
        known = known or find_device(self._database, certificate.hashed_id8)
        if known is not None and known.certificate not in (None, certificate):
            raise refusal(RaReason.BAD_SIGNATURE, "another certificate of the same HashedId8")
        if known is not None and known.is_blocked:
            raise refusal(RaReason.BLOCKED)
        return Asker(proven, None if known is None else known.id)
