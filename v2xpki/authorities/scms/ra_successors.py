"""A successor's enrolment certificate, by way of the RA (IEEE 1609.2.1 7.4).

The device asks with the certificate that it has; the ECA answers the RA, which keeps the answer until the
device comes for it, and knows from then on that both certificates are of one device. What the ECA says is
believed as a device would believe it: signed by a trusted ECA, to this request, an enrolment certificate.
"""

from hashlib import sha256

from v2xpki import wire
from v2xpki.authorities.scms.eca_reasons import RefusedEnrolmentRequest
from v2xpki.authorities.scms.peers import EcaLink
from v2xpki.authorities.scms.ra_answers import Answers
from v2xpki.authorities.scms.ra_asking import Asker, Askers
from v2xpki.authorities.scms.ra_devices import tx_add_enrolment, tx_device_of
from v2xpki.authorities.scms.ra_reasons import RaReason, refusal
from v2xpki.authorities.scms.ra_requests import SuccessorWish
from v2xpki.authorities.scms.ra_trust import TrustedEcas
from v2xpki.config import ScmsPolicy
from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError, InvalidChain, LinkError, UnexpectedContent
from v2xpki.secured import SignedMessage, scms_header
from v2xpki.store import Database
from v2xpki.store.ra import RaSuccessor
from v2xpki.time import Clock
from v2xpki.trust.scms_enrolment import verify_enrolment
from v2xpki.wire import scms


class Successors:
    """For all threads of a process."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        policy: ScmsPolicy,
        ecas: TrustedEcas,
        link: EcaLink,
        askers: Askers,
        answers: Answers,
    ) -> None:
        self._database, self._clock, self._policy = database, clock, policy
        self._ecas, self._link, self._askers, self._answers = ecas, link, askers, answers

    def answer(self, wish: SuccessorWish) -> tuple[bytes, bool]:
        """The acknowledgement, and whether it was given before. No transaction is open while the ECA works.

        Raises RefusedRequest; LinkError for an ECA that is not there, or whose answer cannot be believed.
        """
        asker = self._askers.who(wish.spdu)
        key = self._answers.key(wish.digest)
        known = self._answers.recall(key)
        if known is not None:
            return known, True
        asked = sha256(wish.inner).digest()
        if asker.device is not None:
            same = self._answers.wish(asker.device, asked)
            known = self._answers.recall_wish(same, key, wish.digest[-8:], asker.device)
            if known is not None:
                return known, True
        now = self._clock.time32()
        if abs(wish.asked.generation_time - now) > self._policy.generation_time_window:
            raise refusal(RaReason.OUT_OF_TIME)
        if wish.spdu.signer.kind != "certificate":
            raise refusal(RaReason.BAD_SIGNATURE, "the ECA wants the certificate, not its digest")
        try:
            response = self._link.succeed(wish.opened)
        except RefusedEnrolmentRequest as error:
            raise refusal(RaReason.ECA_REFUSED, error.reason.name.lower()) from error
        successor = self._successor(wish, response, now)
        return self._record(wish, asker, key, successor, response)

    def _record(
        self, wish: SuccessorWish, asker: Asker, key: bytes, successor: Certificate, response: bytes
    ) -> tuple[bytes, bool]:
        now, request_hash = self._clock.time32(), wish.digest[-8:]
        # it is there at once
        answer = self._answers.acknowledge(request_hash, now)
        with self._database.write(durable=True) as tx:
            device = tx_device_of(tx, asker.proven.certificate)
            same = self._answers.wish(device, sha256(wish.inner).digest())
            before = self._answers.tx_keep(tx, key, same, answer)
            if before is not None:
                return before, True
            self._answers.tx_count(tx, device)
            tx_add_enrolment(tx, successor, device)
            tx.insert(
                RaSuccessor,
                request_hash=request_hash,
                device=device,
                response=response,
                expires=self._answers.kept_until(),
            )
        return answer, False

    def _successor(self, wish: SuccessorWish, octets: bytes, now: int) -> Certificate:
        """The certificate that the ECA has made."""
        try:
            message = SignedMessage.parse(octets)
            response = getattr(wire.decode(scms.ScmsPdu, message.payload).content.value, "value", None)
            if not isinstance(response, scms.EcaEeCertResponse) or message.header != scms_header():
                raise LinkError("the ECA's answer is no EcaEeCertResponse")
            if response.request_hash != sha256(wish.inner).digest()[-8:]:
                raise LinkError("the ECA's answer is to another request")
            (signer,) = message.signer_certificates
            eca = self._ecas.eca(signer.hashed_id8)
            if eca is None or eca.certificate != signer:
                raise LinkError("the answer is of no ECA that is trusted")
            message.verify(signer.verification_key, signer)
            made = Certificate.of(response.certificate)
            verify_enrolment(made, signer, now, eca.region)
        except (DecodeError, UnexpectedContent, CryptoError, InvalidChain, ValueError) as error:
            raise LinkError(f"the ECA's answer: {error}") from error
        return made
