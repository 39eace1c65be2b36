"""A device of an SCMS, against any PKI's URLs (IEEE 1609.2.1): a vehicle, or a roadside unit.

    car = ScmsVehicle.create(path, settings, canonical, anchors)    register its key with the ECA's operator
    car.refresh()                                    chain file, RA certificate, CRLs: verified, kept
    car.enrol()
    car.request("unified"); car.download()           certificates, each with its private key
    octets = car.sign(payload)                       psid 32, under the pseudonym in use
    other.verify(octets).payload

Every step is written down before it is sent, and may be called again after whatever has happened: a request
that was not answered goes out as it was, and what was there stays until what takes its place is good.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from v2xpki.crypto import Certificate, PrivateCaterpillar
from v2xpki.crypto.butterfly import Variant
from v2xpki.secured import sign
from v2xpki.station.errors import BeyondProfile, NoCredential, Refusal, Unreachable
from v2xpki.station.scms import api
from v2xpki.station.scms.answers import SKEW, acknowledged, info_of
from v2xpki.station.scms.archives import BadEntry, archive_name, open_archive
from v2xpki.station.scms.basis import DeviceBasis, step
from v2xpki.station.scms.enrolment import (
    DeviceIdentity,
    Enrolled,
    EnrolmentWish,
    accept,
    ask,
    ask_successor,
    seal,
)
from v2xpki.station.scms.requests import (
    CertificateWish,
    Keys,
    Kind,
    OwnKeys,
    authorization,
    certificate_request,
    download_request,
    request_hash,
)
from v2xpki.station.scms.state import ScmsDirectory, Waiting
from v2xpki.station.scms.supplies import Supply
from v2xpki.trust import regions, validity
from v2xpki.trust.messages import BSM, VerifiedMessage, verify_message
from v2xpki.trust.scms_devices import SECURITY_MGMT, ranges_of
from v2xpki.trust.scms_receiving import Peers
from v2xpki.wire import dot2

_FURTHEST = 256  # periods ahead that are asked for in one go
_MISSES = 2  # files in a row that are not there, and no more is asked for
_OPEN = dot2.ValidityPeriod(0, dot2.Duration("hours", 0))


class Downloaded(NamedTuple):
    """certificates: taken. bad: entries that were not. missing: files that are not there, and why."""

    certificates: tuple[Certificate, ...]
    bad: tuple[BadEntry, ...]
    missing: tuple[str, ...]


class ScmsDevice(DeviceBasis):
    """What vehicles and roadside units have in common."""

    # --- enrolment -------------------------------------------------------------------------------

    @property
    def enrolled(self) -> Enrolled | None:
        """The enrolment certificate, in force or not."""
        return self.directory.enrolled

    def enrol(self, wish: EnrolmentWish | None = None) -> Certificate:
        """Get an enrolment certificate of the ECA, by the canonical key where the device is registered.

        A request that was not answered is sent again as it was. Raises Refusal, Unreachable, BadAnswer,
        Untrusted.
        """
        with step("enrolment", "is the device registered with the ECA under this id and key?"):
            now, waiting = self.clock.time32(), self._waiting()
            if waiting is None or waiting.pending.present is not None:
                name = self.settings.canonical_id
                identity = None if name is None else DeviceIdentity(name, self.directory.canonical)
                waiting = Waiting(ask(identity, wish or EnrolmentWish(), now))
                self.directory.write_waiting(waiting)
            url = self.settings.eca + api.ENROLMENT
            answer = self._post_waiting(url, waiting.pending.request, waiting)
            return self._accept(waiting, answer)

    def successor(self, wish: EnrolmentWish | None = None) -> Certificate:
        """Get the next enrolment certificate, by way of the RA, with the present one.

        May have to be called again where the RA has acknowledged and the answer is not there yet. Raises
        NoCredential and as enrol.
        """
        with step("successor", "an enrolment certificate that has ended is renewed by enrolling anew"):
            present, now, waiting = self._present(), self.clock.time32(), self._waiting()
            if waiting is None or waiting.pending.present != present.certificate or waiting.sealed is None:
                pending = ask_successor(present, wish or EnrolmentWish(), now)
                waiting = Waiting(pending, seal(pending, self.ra))
                self.directory.write_waiting(waiting)
            url, sealed = self.settings.ra + api.SUCCESSOR, waiting.sealed or b""
            name = request_hash(sealed)
            if not waiting.acknowledged:
                answer = self._post_waiting(url, sealed, waiting)
                acknowledged(answer, name, waiting.pending.time, self.ra, self.clock.time32())
                waiting = replace(waiting, acknowledged=True)
                self.directory.write_waiting(waiting)
            return self._accept(waiting, self._fetch(url, f"{name.hex().upper()}.oer"))

    def _accept(self, waiting: Waiting, answer: bytes) -> Certificate:
        enrolled = accept(waiting.pending, answer, self.chains.roots, self.clock.time32())
        self.directory.write_enrolled(enrolled)
        return enrolled.certificate

    def _waiting(self) -> Waiting | None:
        """What is on its way; not what has come, and was only not put away any more."""
        waiting, enrolled = self.directory.waiting, self.directory.enrolled
        if waiting is None or enrolled is None:
            return waiting
        return None if waiting.pending.key.public_key == enrolled.key.public_key else waiting

    def _post_waiting(self, url: str, octets: bytes, waiting: Waiting) -> bytes:
        try:
            return self._post(url, octets)
        except Refusal as error:
            if self._is_final(error, waiting.pending.time):
                self.directory.drop_waiting()
            raise

    def _present(self) -> Enrolled:
        """The enrolment certificate in force. Raises NoCredential."""
        enrolled = self.enrolled
        if enrolled is None:
            raise NoCredential("no enrolment certificate yet", hint="enrol first")
        certificate = enrolled.certificate
        if not certificate.start <= self.clock.time32() < certificate.end:
            raise NoCredential(f"enrolment certificate {certificate.hex8} is not in force", hint="enrol")
        return enrolled

    # --- certificates ----------------------------------------------------------------------------

    @property
    def supplies(self) -> list[Supply]:
        """The requests that were made."""
        return list(self.directory.supplies())

    def _request(
        self,
        kind: Kind,
        keys: Callable[[], Keys],
        permissions: Sequence[dot2.PsidSsp] | None,
        until: int | None,
        implicit: bool,
    ) -> Supply:
        with step("request", "what may be asked for is in the enrolment certificate and the RA's policy"):
            for supply in self.supplies:
                if not supply.is_acknowledged and supply.wish.kind == kind:
                    return self._send(supply)  # the one that was not answered, as it was
            present, now = self._present(), self.clock.time32()
            region = self.settings.region
            wish = CertificateWish(
                kind,
                tuple(permissions) if permissions is not None else _permitted(present.certificate),
                _OPEN if until is None else validity.period(now, max(until - now, 1)),
                None if region is None else regions.from_text(region),
                implicit=implicit,
            )
            made = keys()
            sent = certificate_request(wish, made, present, self.ra, now)
            supply = Supply.of(sent, wish, made, now)
            self.directory.write_supply(supply)  # before it is sent: keys that are lost are lost
            return self._send(supply)

    def _send(self, supply: Supply) -> Supply:
        url = self.settings.ra + api.CERTIFICATES
        try:
            answer = self._post(url, supply.unsent or b"")
        except Refusal as error:
            if self._is_final(error, supply.asked):
                self.directory.drop_supply(supply)
            raise
        now = self.clock.time32()
        supply = supply.with_ack(acknowledged(answer, supply.request_hash, supply.asked, self.ra, now))
        self.directory.write_supply(supply)
        return supply

    def download(self) -> Downloaded:
        """Fetch what is there, for every request, from the present period on, and keep what is good.

        What was cut off goes on where it ended. Raises NoCredential, Unreachable, BadAnswer (an archive that
        is none), Untrusted; what came before the failure is kept.
        """
        made: list[Certificate] = []
        bad: list[BadEntry] = []
        missing: list[str] = []
        with step("download", "the .info tells when to come again; `status` shows it"):
            for supply in self.supplies:
                known = supply if supply.is_acknowledged else self._send(supply)
                self._download(self._with_info(known, missing), made, bad, missing)
            self.credentials.drop_expired()
        return Downloaded(tuple(made), tuple(bad), tuple(missing))

    def _with_info(self, supply: Supply, missing: list[str]) -> Supply:
        name = f"{supply.name}.info"
        try:
            octets = self._fetch(self.settings.ra + api.CERTIFICATES, name)
        except Refusal as error:
            missing.append(f"{name}: HTTP {error.status}")
            return supply
        info = info_of(octets, supply.request_hash)
        supply = replace(supply, next_download=info.next_dl_time)
        self.directory.write_supply(supply)
        return supply

    def _download(
        self, supply: Supply, made: list[Certificate], bad: list[BadEntry], missing: list[str]
    ) -> None:
        misses = 0
        for i in self._periods_of(supply):
            name = archive_name(supply.name, i)
            try:
                octets = self._fetch(self.settings.ra + api.CERTIFICATES, name)
            except Refusal as error:
                missing.append(f"{name}: HTTP {error.status}")
                misses += 1
                if misses == _MISSES:
                    return
                continue
            misses = 0
            batch = open_archive(octets, supply, i, self.settings.periods, self.chains, self.clock.time32())
            bad += batch.bad
            if not batch.made:
                continue  # the next time it may be better
            self.credentials.add(supply.name, i, batch.made)
            supply = supply.with_taken(i)
            self.directory.write_supply(supply)
            made += [one.certificate for one in batch.made]

    def _periods_of(self, supply: Supply) -> list[int]:
        """The periods whose files are wanted."""
        if supply.wish.kind == "application":
            wanted = range(supply.first, supply.first + 1)
        else:
            periods, asked = self.settings.periods, supply.wish.validity
            first = max(supply.first, periods.at(self.clock.time32()))
            last = first + _FURTHEST if asked == _OPEN else periods.at(validity.end(asked) - 1)
            wanted = range(first, min(last, first + _FURTHEST) + 1)
        return [i for i in wanted if i not in supply.taken]

    def _fetch(self, url: str, name: str) -> bytes:
        """A file of the RA. Raises Refusal where it is not there."""
        downloads = api.Downloads(self.http, self.directory.path / "downloads")
        present, ra = self._present(), self.ra

        def asking() -> dict[str, str]:
            return authorization(download_request(name, present, ra, self.clock.time32()))

        return downloads.fetch(url, name, asking)

    def _post(self, url: str, octets: bytes) -> bytes:
        """The same octets once more where no answer came: they are answered the same."""
        try:
            return api.post(self.http, url, octets)
        except Refusal:
            raise
        except Unreachable:
            return api.post(self.http, url, octets)

    def _is_final(self, refusal: Refusal, asked: int) -> bool:
        """Whether the same request will be refused for ever: 500 may be a fault, or coarse for a no."""
        return (refusal.status or 0) < 500 or self.clock.time32() > asked + SKEW

    # --- messages --------------------------------------------------------------------------------

    def rotate(self) -> None:
        """Sign with other certificates from now on, where there are others."""
        self.credentials.change()

    def sign(self, payload: bytes, psid: int = BSM, where: dot2.ThreeDLocation | None = None) -> bytes:
        """A message of this psid: psid and generationTime in the header, generationLocation where it is told;
        the signer's certificate once a second and after each change, else its digest (IEEE 1609.2 8.2).

        Raises NoCredential, BeyondProfile (a place outside the certificate's region).
        """
        held, now = self.credentials.use(psid), self.clock.time64()
        certificate = held.certificate
        if where is not None and not regions.point_in_region(
            self.chains.region_of(certificate), where.latitude, where.longitude
        ):
            raise BeyondProfile(f"that place is outside the region of {certificate.hex8}")
        header = dot2.HeaderInfo(psid=psid, generation_time=now, generation_location=where)
        identifier = self._learning.identifier(psid, certificate, now)
        return sign(held.key, header, payload=payload, certificate=certificate, identifier=identifier)

    def verify(self, octets: bytes, *, place: tuple[int, int] | None = None) -> VerifiedMessage:
        """A message of another, verified and not seen before. place: where this device is (latitude,
        longitude in tenths of microdegrees). Raises InvalidMessage (its `rule` says why), DecodeError,
        UnexpectedContent."""
        return verify_message(octets, self.peers, self.clock.time64(), replay=self._replay, place=place)

    @property
    def peers(self) -> Peers:
        """The certificates of others that were seen."""
        if self._peers is None:
            self._peers = Peers(self.chains)
        return self._peers


class ScmsVehicle(ScmsDevice):
    """A vehicle: pseudonyms by butterfly keys."""

    def request(
        self,
        variant: Variant = "unified",
        *,
        kind: Kind = "pseudonym",
        permissions: Sequence[dot2.PsidSsp] | None = None,
        until: int | None = None,
        implicit: bool = False,
    ) -> Supply:
        """Ask the RA for pseudonyms (or identification certificates), for as long as it gives them, or until
        a moment (Time32). permissions: by default all that the enrolment certificate lets one ask for.
        implicit: shorter certificates, where RA and ACA offer them.

        A request that was not answered is sent again instead. Raises NoCredential, Refusal, Unreachable,
        BadAnswer, Untrusted.
        """
        return self._request(kind, lambda: PrivateCaterpillar.generate(variant), permissions, until, implicit)


class ScmsRsu(ScmsDevice):
    """A roadside unit: one certificate of its own key."""

    def request(
        self,
        *,
        permissions: Sequence[dot2.PsidSsp] | None = None,
        until: int | None = None,
        implicit: bool = False,
    ) -> Supply:
        """Ask the RA for an application certificate. Arguments and errors as a vehicle's."""
        return self._request("application", OwnKeys.generate, permissions, until, implicit)


def open_device(path: Path, **options: object) -> ScmsVehicle | ScmsRsu:
    """The device of a directory, by its profile. Raises BadState."""
    kinds: dict[str, type[ScmsVehicle | ScmsRsu]] = {"obe": ScmsVehicle, "rsu": ScmsRsu}
    return kinds[ScmsDirectory(path).settings.profile](path, **options)  # type: ignore[arg-type]


def _permitted(enrolment: Certificate) -> tuple[dot2.PsidSsp, ...]:
    """What the enrolment certificate lets one ask for, without SSP; not the PKI's own service."""
    ranges = ranges_of(enrolment.record.to_be_signed.cert_request_permissions or ())
    return tuple(dot2.PsidSsp(entry.psid, None) for entry in ranges if entry.psid != SECURITY_MGMT)
