"""A station: a vehicle or a roadside unit, against any PKI's URLs (TS 102 941, TS 103 097 7.1).

station = Station.create(path, settings, canonical)      # register its key with the EA's operator
station.refresh()                                        # TLM, ECTL, CTL, CRL: verified, kept
station.enrol()
station.authorize(10)
octets = station.sign_cam(payload)
other.receive(octets).payload
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Self

from v2xpki.crypto import Certificate, Curve, PrivateCaterpillar
from v2xpki.crypto.butterfly import Variant
from v2xpki.errors import (
    DecodeError,
    InvalidList,
    PermissionDenied,
    UnexpectedContent,
)
from v2xpki.keystore.memory import MemoryKey
from v2xpki.secured import etsi_header, sign
from v2xpki.station import http as web
from v2xpki.station.answers import authorization_answer, enrolment_answer
from v2xpki.station.butterfly import (
    Supply,
    butterfly_request,
    download_request,
    info_answer,
    open_archive,
    request_hash_of,
)
from v2xpki.station.errors import BeyondProfile, NoCredential, Unreachable, Untrusted
from v2xpki.station.hearing import Hearing
from v2xpki.station.pki import Access, Pki, Where, discover, first_root
from v2xpki.station.requests import EC_PERMISSIONS, SCR, authorization_request, enrolment_request
from v2xpki.station.state import Followed, Settings, State, StateDirectory
from v2xpki.time import HOUR, Clock, SystemClock
from v2xpki.trust import regions
from v2xpki.trust.lists import RcaEntry, SignedList
from v2xpki.trust.messages import CAM, DENM, VerifiedMessage
from v2xpki.trust.permissions import Grants
from v2xpki.trust.profiles import StationProfile, station_profile
from v2xpki.trust.validity import period
from v2xpki.wire import dot2, etsi

SPATEM, MAPEM, IVI = 137, 138, 139
_FURTHEST = 64  # periods ahead that are asked for


def location(latitude: float, longitude: float, elevation: float = 0.0) -> dot2.ThreeDLocation:
    """A ThreeDLocation of degrees (WGS 84) and metres (IEEE 1609.2 6.3.12: decimetres above -409.5 m)."""
    return dot2.ThreeDLocation(
        latitude=round(latitude * 10_000_000),
        longitude=round(longitude * 10_000_000),
        elevation=min(max(round(elevation * 10) + 4095, 0), 65535),
    )


class Station:
    """One station with its directory, clock and network. Not for several threads at once."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock | None = None,
        http: web.Http | None = None,
        choose: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        """The station of an existing directory. Raises BadState.

        choose(n): a number below n; which ticket is used next must not be foreseen, so it is random.
        """
        self.directory = StateDirectory(path)
        self.state: State = self.directory.load()
        self.clock: Clock = clock or SystemClock()
        self._http, self._choose = http, choose
        self._pki: Pki | None = None
        self._current: str | None = None
        self._credentials: dict[str, tuple[Certificate, MemoryKey]] = {}
        self._hearing = Hearing(lambda: self.last_pki)

    @classmethod
    def create(
        cls,
        path: Path,
        settings: Settings,
        canonical: MemoryKey,
        *,
        clock: Clock | None = None,
        http: web.Http | None = None,
    ) -> Self:
        """A new station. Raises BadState (there is one), ConfigError (settings that make no station)."""
        settings.check()
        StateDirectory.create(path, settings, canonical)
        return cls(path, clock=clock, http=http)

    # --- the PKI ---------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        return self.state.settings

    @property
    def profile(self) -> StationProfile:
        return station_profile(self.settings.profile)

    @property
    def http(self) -> web.Http:
        if self._http is None:
            ca = self.settings.tls_ca
            self._http = web.Urllib3Http(tls_ca=None if ca is None else Path(ca))
        return self._http

    @property
    def pki(self) -> Pki:
        """What was verified down from the TLM; of the stored documents if nothing was fetched yet.

        Raises Untrusted, among others for lists whose nextUpdate has passed.
        """
        if self._pki is None or self._pki.next_update <= self.clock.time32():
            return self._stored(expired=False)
        return self._pki

    @property
    def last_pki(self) -> Pki:
        """As `pki`, but lists whose nextUpdate has passed count too.

        Peers are verified under these: a station far from any network still hears its neighbours.
        """
        return self._stored(expired=True) if self._pki is None else self._pki

    def _stored(self, *, expired: bool) -> Pki:
        def read(name: str, _url: str, _type: str) -> bytes:
            octets = self.directory.document(name)
            if octets is None:
                raise Untrusted(f"{name} was not fetched yet", rule="missing", hint="refresh first")
            return octets

        pki = discover(self._where(), read, self.clock.time32(), expired=expired)
        self._take(pki)
        return pki

    def refresh(self) -> Pki:
        """Fetch, verify and keep TLM certificate, ECTL, CTLs and CRLs. Raises Unreachable, Untrusted.

        Nothing is replaced unless all that the own root's PKI needs verified. Where TLM or root have
        successors that verify, the station trusts these from now on, and begins with them the next time.
        """

        def source(_name: str, url: str, content_type: str) -> bytes:
            return web.fetch(self.http, url, content_type)

        pki = discover(
            self._where(), source, self.clock.time32(), previous=self.directory.document, follow=True
        )
        for name, octets in pki.documents.items():  # nothing that did not verify takes another's place
            self.directory.write_document(name, octets)
        self._move_on(pki)
        self._take(pki)
        return pki

    def _move_on(self, pki: Pki) -> None:
        """Trust the successors that were followed; the documents that this is read from are there by now.

        Who was told no root is bound to the first one from now on: another PKI's that comes onto the ECTL
        must not make a station ask which is its own.
        """
        settings, followed = self.settings, self.state.followed
        if settings.root is None:
            settings = replace(settings, root=pki.root.hex8)
        if pki.former_tlms or pki.former_roots:
            left = [id8.hex().upper() for id8 in (*pki.former_tlms, *pki.former_roots)]
            followed = Followed(
                pki.tlm.hex8 if pki.former_tlms else followed.tlm,
                pki.root.hex8 if pki.former_roots else followed.root,
                (*followed.left, *left),
            )
        state = replace(self.state, settings=settings, followed=followed)
        if state != self.state:
            self.state = state
            self.directory.save(state)

    def _take(self, pki: Pki) -> None:
        if self._pki is not None:
            pki.trust.follow(self._pki.trust)
        self._pki = pki
        self._hearing.authorities = {certificate.hashed_id3: certificate for certificate in pki.authorities}

    def _where(self) -> Where:
        settings, followed = self.settings, self.state.followed
        root = followed.root or settings.root
        return Where(
            cpoc=settings.cpoc,
            tlm=bytes.fromhex(followed.tlm or settings.tlm),
            origin=bytes.fromhex(settings.tlm),
            left=frozenset(map(bytes.fromhex, followed.left)),
            root=self._only_root() if root is None else bytes.fromhex(root),
            ea=settings.ea,
            aa=settings.aa,
        )

    def _only_root(self) -> bytes | None:
        """The first root of the ECTL that was kept, where it has one alone: there were no others then."""
        octets = self.directory.document("ectl")
        try:
            entries = () if octets is None else SignedList.parse(octets).entries
        except (DecodeError, InvalidList, UnexpectedContent):
            return None  # damaged; what is fetched anew will tell
        first = first_root({e.certificate.hashed_id8: e for e in entries if isinstance(e, RcaEntry)})
        return None if first is None else first.hashed_id8

    # --- credentials -----------------------------------------------------------------------

    @property
    def ec(self) -> Certificate | None:
        """The current enrolment credential."""
        return None if self.state.ec is None else self._credential(self.state.ec)[0]

    @property
    def tickets(self) -> list[Certificate]:
        """All tickets held, expired ones too."""
        return [self._credential(name)[0] for name in self.state.tickets]

    def enrol(self, curve: Curve = Curve.NIST_P256, *, its_aids: Iterable[int] = ()) -> Certificate:
        """Enrol by the canonical key; the EC is kept. its_aids: what it is to sign beside requests.
        Raises RequestRefused, BadAnswer, Unreachable."""
        its_id, key = bytes.fromhex(self.settings.its_id), self.directory.key("canonical")
        return self._enrol(curve, its_id, key, None, its_aids)

    def re_enrol(
        self, curve: Curve = Curve.NIST_P256, *, its_aids: Iterable[int] | None = None
    ) -> Certificate:
        """Enrol a new key by the current EC. its_aids: as for enrol, by default those of the current EC.
        Raises NoCredential without one in force."""
        ec, key = self._current_ec()
        extra = set(ec.app_permissions) - {SCR} if its_aids is None else its_aids
        return self._enrol(curve, ec.hashed_id8, key, ec, extra)

    def _enrol(
        self,
        curve: Curve,
        its_id: bytes,
        signer: MemoryKey,
        current: Certificate | None,
        its_aids: Iterable[int],
    ) -> Certificate:
        pki, new = self.pki, MemoryKey.generate(curve)
        sent = enrolment_request(
            its_id=its_id,
            new=new,
            signer=signer,
            current=current,
            ea=pki.ea.certificate,
            attributes=etsi.CertificateSubjectAttributes(
                app_permissions=(*EC_PERMISSIONS, *(dot2.PsidSsp(psid=psid) for psid in sorted(its_aids))),
                region=self._region(),
            ),
            time64=self.clock.time64(),
        )
        answer = self._post(pki.ea.url, sent.octets)
        certificate = enrolment_answer(answer, sent, pki.ea.certificate, pki.trust, self.clock.time64())
        self.state = self.directory.add_credential(self.state, certificate, new, ec=True)
        return certificate

    def sign_by_ec(self, its_aid: int, payload: bytes) -> bytes:
        """A message under the enrolment credential, which it carries, with psid and generationTime alone.
        Raises NoCredential without one in force that holds the ITS-AID."""
        ec, key = self._current_ec()
        if its_aid not in ec.app_permissions:
            raise NoCredential(
                f"EC {ec.hex8} does not hold ITS-AID {its_aid}", hint=f"enrol with --its-aid {its_aid}"
            )
        header = etsi_header(its_aid, self.clock.time64())
        return sign(key, header, payload=payload, certificate=ec, identifier="certificate")

    def authorize(
        self,
        count: int = 1,
        *,
        curve: Curve = Curve.NIST_P256,
        proof: bool = True,
        plain_signature: bool | None = None,
        start: int | None = None,
        hours: int | None = None,
        permissions: Iterable[dot2.PsidSsp] | None = None,
        aa: bytes | None = None,
    ) -> list[Certificate]:
        """Obtain tickets, each for a key of its own; they are kept.

        proof: sign the request with the new key. plain_signature: ecSignature in clear, by default as the
        profile says. start: TAI seconds; hours: of validity; by default the EA's. permissions: by default
        what profile and AA allow, with the least SSP. aa: HashedId8 of an AA on any root's CTL, by default
        the own root's. Raises NoCredential, BeyondProfile, RequestRefused, BadAnswer, Unreachable; tickets
        obtained before the failure are kept.
        """
        profile = self.profile
        plain = profile.plain_signature if plain_signature is None else plain_signature
        if plain and not profile.plain_signature:
            raise BeyondProfile(f"a {profile.name} encrypts its ecSignature: the AA must not learn who asks")
        pki, (ec, ec_key) = self.pki, self._current_ec()
        now = self.clock.time32()
        at = now if start is None else start
        parallel = sum(1 for ticket in self.tickets if ticket.start <= at < ticket.end)
        if parallel + count > profile.parallel_limit:
            raise BeyondProfile(
                f"{parallel} tickets in force and {count} more: "
                f"a {profile.name} has at most {profile.parallel_limit}"
            )
        validity = None
        if start is not None or hours is not None:
            length = profile.ticket_validity if hours is None else hours * HOUR
            validity = period(at, length)
        asked = pki.aa if aa is None else self._aa(aa)
        wanted = tuple(permissions) if permissions is not None else self._least_permissions(asked.certificate)
        attributes = etsi.CertificateSubjectAttributes(
            validity_period=validity, region=self._region(), app_permissions=wanted
        )
        made = []
        for _ in range(count):
            new = MemoryKey.generate(curve)
            sent = authorization_request(
                new=new,
                encryption_key=None,
                ec_key=ec_key,
                ec=ec,
                ea=pki.ea.certificate,
                aa=asked.certificate,
                attributes=attributes,
                time64=self.clock.time64(),
                proof=proof,
                plain_signature=plain,
            )
            answer = self._post(asked.url, sent.octets)
            ticket = authorization_answer(answer, sent, asked.certificate, pki.trust, self.clock.time64())
            self.state = self.directory.add_credential(self.state, ticket, new, ec=False)
            made.append(ticket)
        return made

    def default_permissions(self) -> tuple[dot2.PsidSsp, ...]:
        """The profile's services that the AA certifies, each with the least SSP."""
        return self._least_permissions(self.pki.aa.certificate)

    def _aa(self, id8: bytes) -> Access:
        for access in self.pki.aas:
            if access.certificate.hashed_id8 == id8:
                return access
        raise Untrusted(
            f"no AA {id8.hex().upper()} in force is on a CTL of a root on the ECTL", rule="authority"
        )

    def _least_permissions(self, aa: Certificate) -> tuple[dot2.PsidSsp, ...]:
        grants = Grants.of(aa)
        found: dict[int, dot2.PsidSsp] = {}
        for entry in self.profile.permissions:
            limit = entry.ssp_range
            ssp = None
            if limit is not None and isinstance(limit.value, dot2.BitmapSspRange):
                pairs = zip(limit.value.ssp_value, limit.value.ssp_bitmask, strict=True)
                ssp = dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=bytes(v & m for v, m in pairs))
            wanted = dot2.PsidSsp(psid=entry.psid, ssp=ssp)
            try:
                grants.check_app_permissions((wanted,))
            except PermissionDenied:
                continue
            found.setdefault(entry.psid, wanted)
        return tuple(found.values())

    def renew(
        self, tickets: int, *, margin: int = 30 * 24 * HOUR, ahead: int = 24 * HOUR
    ) -> tuple[bool, int]:
        """Keep going: fresh lists, a new EC within `margin` seconds of its end, expired tickets dropped,
        and `tickets` that are in force now and for `ahead` seconds more.

        Whether the EC was renewed, and how many tickets were obtained. Raises as enrol and authorize.
        """
        self.refresh()
        now = self.clock.time32()
        ec = self.ec
        renewed = ec is None or ec.end - margin <= now
        if renewed:
            _ = self.enrol() if ec is None or ec.end <= now else self.re_enrol()
        self.drop_expired()
        lasting = sum(1 for ticket in self.tickets if ticket.start <= now and ticket.end > now + ahead)
        held = sum(1 for ticket in self.tickets if ticket.start <= now < ticket.end)
        missing = min(tickets - lasting, self.profile.parallel_limit - held)
        return renewed, len(self.authorize(missing)) if missing > 0 else 0

    # --- butterfly tickets -----------------------------------------------------------------

    @property
    def supplies(self) -> list[Supply]:
        """The butterfly requests that were granted."""
        return [Supply.of_document(document) for document in self.directory.supplies()]

    def request_butterfly(
        self,
        variant: Variant = "unified",
        *,
        until: int | None = None,
        permissions: Iterable[dot2.PsidSsp] | None = None,
    ) -> Supply:
        """Ask for tickets by butterfly keys: one request, a supply for as long as the EC lasts, or `until`
        (TAI seconds). Raises NoCredential, Unreachable (a refusal is an HTTP status here), BadAnswer."""
        pki, (ec, ec_key) = self.pki, self._current_ec()
        now = self.clock.time32()
        wanted = tuple(permissions) if permissions is not None else self.default_permissions()
        caterpillar, region = PrivateCaterpillar.generate(variant), self._region()
        octets = butterfly_request(
            caterpillar,
            permissions=wanted,
            region=region,
            validity=period(now, max((until or ec.end) - now, 1)),
            ec=ec,
            ec_key=ec_key,
            ea=pki.ea.certificate,
            time64=self.clock.time64(),
        )
        request_hash = request_hash_of(octets)
        # kept before it is sent: tickets of a caterpillar that is lost are lost
        supply = Supply(request_hash, caterpillar, wanted, region, 0, now)
        self.directory.write_supply(supply.name, supply.document())
        try:
            answer = self._post(pki.ea.url, octets)
        except Unreachable as error:
            if error.status is not None and 400 <= error.status < 500:
                self.directory.drop_supply(supply.name)
            raise
        info = info_answer(answer, request_hash, pki.ea.certificate, self.clock.time64())
        supply = supply.with_info(info)
        self.directory.write_supply(supply.name, supply.document())
        return supply

    def download_butterfly(self, supply: Supply) -> tuple[Supply, list[Certificate]]:
        """Fetch what is there of a supply, from the present period on; the tickets are kept.

        Raises Unreachable, BadAnswer; what came before the failure is kept.
        """
        pki = self.pki
        made: list[Certificate] = []
        octets = self._download(f"{supply.name}.info", web.RESPONSE)
        if octets is None:
            return supply, made  # the EA does not know it, or not any more
        supply = supply.with_info(
            info_answer(octets, supply.request_hash, pki.ea.certificate, self.clock.time64())
        )
        misses = 0
        for number in range(supply.current_period, supply.current_period + _FURTHEST):
            if number in supply.taken:
                continue
            octets = self._download(f"{supply.name}-{number:X}.zip", web.ZIP)
            if octets is None:
                misses += 1
                if misses > 1:
                    break
                continue
            tickets = open_archive(octets, supply, number, pki.authorities, pki.trust, self.clock.time64())
            self.state = self.directory.add_tickets(self.state, tickets)
            supply = supply.with_taken(number)
            self.directory.write_supply(supply.name, supply.document())
            made += [ticket.certificate for ticket in tickets]
        self.directory.write_supply(supply.name, supply.document())
        return supply, made

    def _download(self, filename: str, kind: str) -> bytes | None:
        """A file of the EA; None where it is not there (yet)."""
        ec, ec_key = self._current_ec()
        url = f"{self.pki.ea.url.rstrip('/')}/butterfly/download"
        body = download_request(
            filename, ec=ec, ec_key=ec_key, ea=self.pki.ea.certificate, time64=self.clock.time64()
        )
        reply = self.http.post(url, body, web.REQUEST)
        return None if reply.status == 404 else web.check(reply, url, kind)

    def drop_expired(self) -> int:
        """Forget tickets whose time is over; how many."""
        now = self.clock.time32()
        gone = {name for name in self.state.tickets if self._credential(name)[0].end <= now}
        if gone:
            self.state = self.directory.drop_tickets(self.state, gone)
            for name in gone:
                self._credentials.pop(name, None)
        return len(gone)

    def _current_ec(self) -> tuple[Certificate, MemoryKey]:
        if self.state.ec is None:
            raise NoCredential("no enrolment credential yet", hint="enrol first")
        ec, key = self._credential(self.state.ec)
        if not ec.start <= self.clock.time32() < ec.end:
            raise NoCredential(f"EC {ec.hex8} is not in force", hint="enrol by the canonical key")
        return ec, key

    def _credential(self, name: str) -> tuple[Certificate, MemoryKey]:
        found = self._credentials.get(name)
        if found is None:
            found = self._credentials[name] = self.directory.certificate(name), self.directory.key(name)
        return found

    def _post(self, url: str, body: bytes) -> bytes:
        """The answer; the same octets once more where none came: they get the same answer (E13)."""
        try:
            reply = self.http.post(url, body, web.REQUEST)
        except Unreachable:
            reply = self.http.post(url, body, web.REQUEST)
        return web.check(reply, url, web.RESPONSE)

    def _region(self) -> dot2.GeographicRegion | None:
        text = self.settings.region
        return None if text is None else regions.from_text(text)

    # --- messages --------------------------------------------------------------------------

    def ticket(self, psid: int) -> Certificate:
        """The ticket that messages of this psid go out under now. Raises NoCredential."""
        return self._ticket(psid)[0]

    def change_ticket(self) -> None:
        """Use another ticket from now on, chosen at random, where there is another."""
        self._current = self._other(lambda _: True, self._current)

    def sign_cam(self, payload: bytes) -> bytes:
        """A CAM: signer by digest, or by certificate when that is due (TS 103 097 7.1.1)."""
        ticket, key = self._ticket(CAM)
        now = self.clock.time64()
        learning = self._hearing.learning
        identifier = learning.identifier(CAM, ticket, now)
        header = dot2.HeaderInfo(
            psid=CAM,
            generation_time=now,
            inline_p2pcd_request=learning.requests(now),
            requested_certificate=learning.certificate_to_send(identifier),
        )
        return sign(key, header, payload=payload, certificate=ticket, identifier=identifier)

    def sign_denm(self, payload: bytes, where: dot2.ThreeDLocation) -> bytes:
        """A DENM: always the certificate, and where it was generated (TS 103 097 7.1.2).

        Raises BeyondProfile for a place outside the ticket's region.
        """
        ticket, key = self._ticket(DENM)
        self._check_place(ticket, where)
        header = dot2.HeaderInfo(psid=DENM, generation_time=self.clock.time64(), generation_location=where)
        return sign(key, header, payload=payload, certificate=ticket, identifier="certificate")

    def sign_message(self, psid: int, payload: bytes, where: dot2.ThreeDLocation | None = None) -> bytes:
        """Any other message, as IVI, MAPEM, SPATEM (TS 103 097 7.1.3): the certificate once a second."""
        if psid == CAM:
            return self.sign_cam(payload)
        if psid == DENM:
            if where is None:
                raise BeyondProfile("a DENM says where it was generated")
            return self.sign_denm(payload, where)
        ticket, key = self._ticket(psid)
        if where is not None:
            self._check_place(ticket, where)
        now = self.clock.time64()
        header = dot2.HeaderInfo(psid=psid, generation_time=now, generation_location=where)
        identifier = self._hearing.learning.identifier(psid, ticket, now)
        return sign(key, header, payload=payload, certificate=ticket, identifier=identifier)

    def receive(self, octets: bytes, *, place: tuple[int, int] | None = None) -> VerifiedMessage:
        """A message of another station, verified and not seen before.

        place: where this station is (latitude, longitude in tenths of microdegrees). Raises InvalidMessage
        (its `rule` says why), DecodeError, UnexpectedContent. An unknown ticket or AA is asked for in the
        next CAM; AAs that peers send along are learned where they verify under a known root.
        """
        own = None if self._current is None else self._credential(self._current)[0]
        return self._hearing.receive(octets, self.clock.time64(), own, place)

    def learn(self, ticket: Certificate) -> None:
        """Know a ticket that came another way than in a message. Raises InvalidChain."""
        self._hearing.learn(ticket, self.clock.time32())

    def _ticket(self, psid: int) -> tuple[Certificate, MemoryKey]:
        now = self.clock.time32()

        def fits(ticket: Certificate) -> bool:
            return ticket.start <= now < ticket.end and psid in ticket.app_permissions

        if self._current not in self.state.tickets or not fits(self._credential(self._current)[0]):
            self._current = self._other(fits, None)
        if self._current is None:
            raise NoCredential(f"no ticket in force that holds psid {psid}", hint="authorize")
        return self._credential(self._current)

    def _other(self, fits: Callable[[Certificate], bool], present: str | None) -> str | None:
        """A ticket in force other than the present one where there is one; chosen at random."""
        now = self.clock.time32()
        names = []
        for name in self.state.tickets:
            ticket = self._credential(name)[0]
            if name != present and ticket.start <= now < ticket.end and fits(ticket):
                names.append(name)
        return names[self._choose(len(names))] if names else present

    def _check_place(self, ticket: Certificate, where: dot2.ThreeDLocation) -> None:
        region = self.last_pki.trust.region_of(ticket)
        if not regions.point_in_region(region, where.latitude, where.longitude):
            raise BeyondProfile(f"that place is outside the region of ticket {ticket.hex8}")
