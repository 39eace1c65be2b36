"""Registration of vehicles: by their enrolment credential, or by the OEM; and their next client certificates.

A registration is one message that the enrolment credential signs under the ITS-AID of `[ota] its_aid`, fresh
by its generationTime and by a challenge of this Director, which is good once. What is kept of the credential
is a keyed digest, by which nobody without this database's secret finds it again.
"""

import contextlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.config.ota import EXPECTED, OtaPolicy
from v2xpki.crypto import Certificate
from v2xpki.errors import AlreadyRecorded, CryptoError, InvalidChain, InvalidMessage, StoreError
from v2xpki.issuance import Prepared, tx_complete, tx_save, tx_void
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.ota.expected import Expected
from v2xpki.ota.inventory import (
    Ecu,
    Vehicle,
    tx_add_ecus,
    tx_add_vehicle,
    tx_by_credential,
    tx_by_vin,
    tx_ecus,
    tx_hold_vehicle_of,
)
from v2xpki.ota.vehicle_ca import Certified, VehicleCa, key_of_csr
from v2xpki.secured import SignedMessage
from v2xpki.store import Database, Statement, Transaction, random_key
from v2xpki.store import director as store
from v2xpki.store.base import table_of
from v2xpki.store.expiry import Expiry
from v2xpki.time import HOUR, MICROSECONDS, Clock, iso_from_time32
from v2xpki.trust.messages import verify_pki_message
from v2xpki.trust.ota.registration import EcuEntry, Registration

BY_CREDENTIAL = "credential"
_NONCE, _MAC = 16, 16
_V = table_of(store.Vehicle).c


def _certified(column: str, *where: sa.ColumnElement[bool]) -> Statement:
    return Statement(
        sa.update(table_of(store.Vehicle))
        .where(_V.id == sa.bindparam("of_vehicle"), *where)
        .values(
            {
                column: sa.bindparam("digest", type_=sa.LargeBinary()),
                f"{column}_expires": sa.bindparam("end", type_=sa.BigInteger()),
            }
        )
    )


_CERTIFIED, _PENDING = _certified("certificate"), _certified("pending")
# Not for one whose certificate is in force no more: its box may have been taken out while this was signed.
_RENEWED = _certified("pending", _V.certificate == sa.bindparam("present", type_=sa.LargeBinary()))


class Credentials(Protocol):
    """Who judges enrolment credentials, by the trusted lists."""

    def verify_credential(self, certificate: Certificate, at: int) -> None:
        """Raise InvalidChain unless it is an enrolment credential in force at a TAI second, of an EA in force
        below a trusted root, none of them revoked."""
        ...


class Challenge(NamedTuple):
    """For one registration. expires: TAI seconds."""

    text: str
    expires: int

    def document(self) -> dict[str, Any]:
        return {"challenge": self.text, "expires": iso_from_time32(self.expires)}


class Registered(NamedTuple):
    """A vehicle that was registered, or was before and has a new certificate (PEM chain)."""

    vehicle: bytes
    vin: str
    certificate: str
    renewed: bool

    def document(self) -> dict[str, Any]:
        return {"vehicleId": self.vin, "certificate": self.certificate}


class Registrar:
    """For all threads of a process. credentials: None where vehicles register through the OEM alone."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ca: VehicleCa,
        policy: OtaPolicy,
        credentials: Credentials | None,
        expected: Expected,
    ) -> None:
        self._database, self._clock, self._ca = database, clock, ca
        self._policy, self._credentials, self._expected = policy, credentials, expected
        self._old = Expiry(store.UsedChallenge)

    # --- challenges ----------------------------------------------------------------------------------

    def challenge(self) -> Challenge:
        """A new one; nothing is kept of it."""
        expires = self._clock.time32() + self._policy.challenge_validity
        body = expires.to_bytes(8, "big") + secrets.token_bytes(_NONCE)
        return Challenge((body + self._mac(body)).hex(), expires)

    def _mac(self, body: bytes) -> bytes:
        return self._database.blind("challenge", body)[:_MAC]

    def _check_challenge(self, text: str, now: int) -> int:
        """When it expires. Raises DirectorRefusal for one of somebody else, or past its time."""
        octets = bytes.fromhex(text) if len(text) % 2 == 0 else b""
        body, mac = octets[:-_MAC], octets[-_MAC:]
        if len(body) != 8 + _NONCE or not hmac.compare_digest(mac, self._mac(body)):
            raise DirectorRefusal(DirectorReason.NOT_AUTHENTIC, "challenge is not of this Director")
        expires = int.from_bytes(body[:8], "big")
        if now >= expires:
            raise DirectorRefusal(DirectorReason.OUT_OF_TIME, "challenge has expired")
        return expires

    # --- registrations -------------------------------------------------------------------------------

    def register(self, octets: bytes) -> Registered:
        """Of a message that an enrolment credential signed: COER. Where only expected vehicles register, a
        first registration is as the list has it; else it is refused and audited, and its challenge used.
        Raises DecodeError, UnexpectedContent, DirectorRefusal; StoreError, TokenLost and the like where the
        service is not able to."""
        if self._credentials is None or not self._policy.its_aid:
            raise DirectorRefusal(
                DirectorReason.FORBIDDEN, "vehicles are registered through the OEM's interface here"
            )
        now = self._clock.time32()
        message = SignedMessage.parse(octets)
        credential = self._credential(message, now)
        wish = Registration.parse(message.payload)
        expires = self._check_challenge(wish.challenge, now)
        key = key_of_csr(wish.csr)
        blinded = self._database.blind("credential", credential.digest)

        def use(tx: Transaction) -> None:
            used = self._database.blind("used challenge", bytes.fromhex(wish.challenge))[:16]
            if not tx.insert_if_new(store.UsedChallenge, id=used, expires=expires + -expires % HOUR):
                raise DirectorRefusal(DirectorReason.REPLAYED, "challenge was used before")

        def deviation(tx: Transaction) -> str:
            if self._policy.registration != EXPECTED:
                return ""
            return self._expected.tx_deviation(tx, wish, credential.hashed_id8)

        return self._register(
            wish.vin, wish.model, wish.ecus, key, credential=blinded, by=BY_CREDENTIAL, first=use, now=now,
            deviation=deviation,
        )  # fmt: skip

    def register_by_oem(
        self, vin: str, model: str, ecus: Sequence[EcuEntry], csr: Any, operator: str
    ) -> Registered:
        """Of a vehicle whose credential does not say so itself. Raises DirectorRefusal; as register."""
        return self._register(
            vin, model, ecus, key_of_csr(csr), credential=None, by=operator, first=_nothing,
            now=self._clock.time32(), deviation=lambda _: "",
        )  # fmt: skip

    def renew(self, vehicle: Vehicle, csr: Any) -> str:
        """The next client certificate of a vehicle that is known by its present one: PEM chain. It takes the
        other's place when it is first used. Raises DirectorRefusal, also where the present one has ended
        meanwhile; as register."""
        prepared = self._ca.prepare(vehicle.id, key_of_csr(csr))
        with self._database.write(durable=True) as tx:
            tx_save(tx, prepared.record)

        def keep(tx: Transaction, made: Certified) -> None:
            values = {"of_vehicle": vehicle.id, "digest": made.digest, "end": made.expires}
            if tx.run(_RENEWED, present=vehicle.certificate, **values) != 1:
                raise DirectorRefusal(
                    DirectorReason.CONFLICT,
                    "the certificate that asked is in force no more; renew by the newest, or register again",
                )

        return self._certify(prepared, keep).chain

    def purge(self, now: int) -> int:
        """Forget used challenges that have expired; the count."""
        return self._old.purge(self._database, now)

    def _credential(self, message: SignedMessage, now: int) -> Certificate:
        """The enrolment credential that signed a message, all of which but its payload is believed then."""
        policy, credentials = self._policy, self._credentials
        assert credentials is not None
        if message.header.psid != policy.its_aid:
            raise DirectorRefusal(DirectorReason.FORBIDDEN, f"psid is not {policy.its_aid}")
        if message.signer.kind != "certificate" or len(message.signer_certificates) != 1:
            raise DirectorRefusal(DirectorReason.MALFORMED, "signer is not the enrolment credential itself")
        generated = (message.header.generation_time or 0) // MICROSECONDS
        if abs(generated - now) > policy.time_window:
            raise DirectorRefusal(DirectorReason.OUT_OF_TIME, "generationTime is outside the window")
        credential = message.signer_certificates[0]
        try:
            credentials.verify_credential(credential, now)
            # header, the credential's own psid, its validity at that time, the signature
            verify_pki_message(message, credential)
        except (InvalidChain, InvalidMessage, CryptoError) as error:
            raise DirectorRefusal(DirectorReason.NOT_AUTHENTIC, str(error)) from error
        return credential

    def _register(
        self, vin: str, model: str, ecus: Sequence[EcuEntry], key: Any, *, credential: bytes | None, by: str,
        first: Callable[[Transaction], None], now: int, deviation: Callable[[Transaction], str],
    ) -> Registered:  # fmt: skip
        """deviation: why a vehicle that is not registered may not be; that refusal is recorded."""

        def record() -> tuple[Vehicle | None, bytes, Prepared | str]:
            with self._database.write(durable=True) as tx:
                first(tx)
                standing = tx_by_vin(tx, vin)
                vehicle = random_key() if standing is None else standing.id
                refused = deviation(tx) if standing is None else ""
                if refused:
                    tx.audit(Event.REGISTRATION_REFUSED, reason=refused, credential=credential)
                    return standing, vehicle, refused
                if standing is not None:
                    _check_same(standing, tx_ecus(tx, vehicle), model, ecus, credential, by)
                else:
                    _tx_add(tx, vehicle, vin, model, ecus, credential, by, now)
                prepared = self._ca.prepare(vehicle, key)
                tx_save(tx, prepared.record)
            return standing, vehicle, prepared

        try:
            try:
                standing, vehicle, prepared = record()
            except AlreadyRecorded:
                # It may have come from another process since this one looked: then it stands now.
                standing, vehicle, prepared = record()
        except AlreadyRecorded as error:
            raise DirectorRefusal(
                DirectorReason.CONFLICT, "ecus: an id that is another ECU's, or was replaced in a vehicle"
            ) from error
        if isinstance(prepared, str):
            raise DirectorRefusal(DirectorReason.NOT_EXPECTED, prepared)
        pending = standing is not None and (standing.certificate_expires or 0) > now
        primary = next(entry.ecu for entry in ecus if entry.primary)

        def keep(tx: Transaction, made: Certified) -> None:
            tx_hold_vehicle_of(tx, primary)
            if primary not in {ecu.id for ecu in tx_ecus(tx, vehicle)}:
                raise DirectorRefusal(
                    DirectorReason.CONFLICT, "ecus: the Primary has just been replaced; register with the new"
                )
            tx.run(
                _PENDING if pending else _CERTIFIED,
                of_vehicle=vehicle,
                digest=made.digest,
                end=made.expires,
            )

        made = self._certify(prepared, keep)
        return Registered(vehicle, vin, made.chain, standing is not None)

    def _certify(self, prepared: Prepared, keep: Callable[[Transaction, Certified], None]) -> Certified:
        """keep: makes it the vehicle's, in the transaction that completes its record."""
        try:
            der, made = self._ca.issue(prepared)
            with self._database.write(durable=True) as tx:
                keep(tx, made)
                tx_complete(tx, prepared.record, der)
        except BaseException:
            with contextlib.suppress(StoreError), self._database.write(durable=False) as tx:
                tx_void(tx, prepared.record, "signing or storing failed")
            raise
        return made


def _tx_add(
    tx: Transaction, vehicle: bytes, vin: str, model: str, ecus: Sequence[EcuEntry],
    credential: bytes | None, by: str, now: int,
) -> None:  # fmt: skip
    if credential is not None and tx_by_credential(tx, credential) is not None:
        raise DirectorRefusal(DirectorReason.CONFLICT, "this credential has registered another vehicle")
    tx_add_vehicle(tx, vehicle, vin, model, credential=credential, by=by, now=now)
    tx_add_ecus(tx, vehicle, ecus, now)
    tx.audit(Event.VEHICLE_REGISTERED, vehicle=vehicle, operator=by)


def _check_same(
    standing: Vehicle, ecus: Sequence[Ecu], model: str, entries: Sequence[EcuEntry],
    credential: bytes | None, by: str,
) -> None:  # fmt: skip
    """Who registers a vehicle again is who did it first, or an operator, and names what is registered."""
    if not standing.is_active:
        raise DirectorRefusal(DirectorReason.FORBIDDEN, "the vehicle is blocked")
    if by == BY_CREDENTIAL and (
        credential is None
        or standing.credential is None
        or not hmac.compare_digest(credential, standing.credential)
    ):
        raise DirectorRefusal(DirectorReason.CONFLICT, "vehicleId is registered, and not by this credential")
    if standing.model != model:
        raise DirectorRefusal(DirectorReason.CONFLICT, "model is not the registered one")
    by_id = {ecu.id: ecu for ecu in ecus}
    if by_id.keys() != {entry.ecu for entry in entries} or not all(
        by_id[entry.ecu].is_of(entry) for entry in entries
    ):
        raise DirectorRefusal(
            DirectorReason.CONFLICT, "ecus are not the registered ones; the OEM replaces an ECU"
        )


def _nothing(_: Transaction) -> None:
    pass
