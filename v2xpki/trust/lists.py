"""Trust and revocation lists (TS 102 941 6.3): the RCA's CTL and CRL, the TLM's ECTL; full lists.
Deltas are in `deltas.py`, runs of lists that are signed ahead in `runs.py`.

Schedules and entries refuse nonsense when they are made; `build_*` return what a ListIssuer signs.
`SignedList` reads and verifies what others published. Times are TAI seconds since 2004.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal, TypeVar

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import DecodeError, InvalidList, InvalidSignature, UnexpectedContent
from v2xpki.secured import SignedMessage
from v2xpki.time import MICROSECONDS, iso_from_time32
from v2xpki.trust.profiles import CRL_PSID, CTL_PSID
from v2xpki.wire import dot2, etsi

ListKind = Literal["ctl", "ectl", "crl"]
LAST_SEQUENCE = 255
_SKEW = 60  # seconds by which a reader's clock may be behind
ECTL_WARNING = 200  # from this sequence on, plan the TLM's re-key
_CONTENT: dict[ListKind, etsi.EtsiTs102941DataContentKind] = {
    "ctl": "certificateTrustListRca",
    "ectl": "certificateTrustListTlm",
    "crl": "certificateRevocationList",
}
_KINDS: dict[str, ListKind] = {content: kind for kind, content in _CONTENT.items()}
# SSP bits of psid 624 (TS 102 941 B.2): what the entries of a CTL may be
_CTL_BITS = {"tlm": 0x80, "rca": 0x40, "ea": 0x20, "aa": 0x10, "dc": 0x08}


# --- schedules -----------------------------------------------------------------------------


@dataclass(frozen=True)
class CrlSchedule:
    """When a CRL holds: from this_update on, and the next is published before next_update."""

    this_update: int
    next_update: int

    def __post_init__(self) -> None:
        _check_times(self.this_update, self.next_update)


@dataclass(frozen=True)
class CtlSchedule:
    """When an RCA's CTL holds, and its number, 0 to 255."""

    this_update: int  # becomes the generationTime
    next_update: int
    sequence: int

    list_name: ClassVar[str] = "CTL"

    def __post_init__(self) -> None:
        _check_times(self.this_update, self.next_update)
        if not 0 <= self.sequence <= LAST_SEQUENCE:
            raise InvalidList(
                f"{self.list_name} sequence {self.sequence} is not between 0 and {LAST_SEQUENCE}",
                rule="sequence",
            )

    @property
    def next_sequence(self) -> int:
        """The number of the list after this one; a CTL wraps to 0 after 255."""
        return (self.sequence + 1) % (LAST_SEQUENCE + 1)

    @property
    def warning(self) -> str | None:
        """What an operator has to be told, if anything."""
        return None


@dataclass(frozen=True)
class EctlSchedule(CtlSchedule):
    """When the TLM's ECTL holds, and its number; it never wraps."""

    list_name: ClassVar[str] = "ECTL"

    def __post_init__(self) -> None:
        if self.sequence > LAST_SEQUENCE:
            raise InvalidList(
                f"ECTL sequence {self.sequence} is past {LAST_SEQUENCE}: the ECTL does not wrap",
                rule="sequence",
                hint="re-key the TLM; with its new certificate the sequence restarts at 0",
            )
        super().__post_init__()

    @property
    def next_sequence(self) -> int:
        """The number of the list after this one; past 255 no schedule takes it."""
        return self.sequence + 1

    @property
    def warning(self) -> str | None:
        if self.sequence < ECTL_WARNING:
            return None
        return (
            f"ECTL sequence {self.sequence} of {LAST_SEQUENCE}: plan the TLM's re-key, "
            "with whose certificate it restarts at 0"
        )


def _check_times(this_update: int, next_update: int) -> None:
    for name, value in (("thisUpdate", this_update), ("nextUpdate", next_update)):
        if not 0 <= value < 1 << 32:
            raise InvalidList(f"{name} {value} is no Time32", rule="schedule")
    if next_update <= this_update:
        raise InvalidList(f"nextUpdate {next_update} is not after thisUpdate {this_update}", rule="schedule")


# --- entries -------------------------------------------------------------------------------


@dataclass(frozen=True)
class RcaEntry:
    """A root certificate in an ECTL. successor_to: the root that it takes over from."""

    certificate: Certificate
    successor_to: Certificate | None = None

    def __post_init__(self) -> None:
        if not self.certificate.is_self_signed:
            raise InvalidList(f"RCA entry {self.certificate.hex8} is not self-signed", rule="entry")

    def record(self) -> etsi.CtlEntry:
        return etsi.CtlEntry(
            kind="rca",
            value=etsi.RootCaEntry(
                selfsigned_root_ca=self.certificate.record, successor_to=_record(self.successor_to)
            ),
        )


@dataclass(frozen=True)
class TlmEntry:
    """A TLM certificate in an ECTL, with the CPOC's URL."""

    certificate: Certificate
    access_point: str
    successor_to: Certificate | None = None

    def __post_init__(self) -> None:
        if not self.certificate.is_self_signed:
            raise InvalidList(f"TLM entry {self.certificate.hex8} is not self-signed", rule="entry")
        _check_url("TLM accessPoint", self.access_point)

    def record(self) -> etsi.CtlEntry:
        return etsi.CtlEntry(
            kind="tlm",
            value=etsi.TlmEntry(
                self_signed_tlm_certificate=self.certificate.record,
                successor_to=_record(self.successor_to),
                access_point=self.access_point,
            ),
        )


@dataclass(frozen=True)
class EaEntry:
    """An EA in a CTL. aa_access_point: for validation by AAs, mandatory; its_access_point: for stations."""

    certificate: Certificate
    aa_access_point: str
    its_access_point: str | None = None

    def __post_init__(self) -> None:
        _check_url("EA aaAccessPoint", self.aa_access_point)
        if self.its_access_point is not None:
            _check_url("EA itsAccessPoint", self.its_access_point)

    def record(self) -> etsi.CtlEntry:
        return etsi.CtlEntry(
            kind="ea",
            value=etsi.EaEntry(
                ea_certificate=self.certificate.record,
                aa_access_point=self.aa_access_point,
                its_access_point=self.its_access_point,
            ),
        )


@dataclass(frozen=True)
class AaEntry:
    """An AA in a CTL, with the URL for stations."""

    certificate: Certificate
    access_point: str

    def __post_init__(self) -> None:
        _check_url("AA accessPoint", self.access_point)

    def record(self) -> etsi.CtlEntry:
        return etsi.CtlEntry(
            kind="aa",
            value=etsi.AaEntry(aa_certificate=self.certificate.record, access_point=self.access_point),
        )


@dataclass(frozen=True)
class DcEntry:
    """A distribution centre: its URL, and the HashedId8 of the roots whose lists it has."""

    url: str
    roots: tuple[bytes, ...]

    def __post_init__(self) -> None:
        _check_url("DC url", self.url)
        if not self.roots or any(len(root) != 8 for root in self.roots):
            raise InvalidList(f"DC entry {self.url} names no roots by their eight octets", rule="entry")

    def record(self) -> etsi.CtlEntry:
        return etsi.CtlEntry(kind="dc", value=etsi.DcEntry(url=self.url, cert=self.roots))


EctlEntry = RcaEntry | TlmEntry | DcEntry
CtlEntry = EaEntry | AaEntry | DcEntry
E = TypeVar("E", bound=CtlEntry | EctlEntry)
_ORDER: tuple[type, ...] = (RcaEntry, TlmEntry, EaEntry, AaEntry, DcEntry)


def _record(certificate: Certificate | None) -> dot2.Certificate | None:
    return None if certificate is None else certificate.record


def _check_url(field: str, url: str) -> None:
    if (
        not url.isascii()
        or not url.isprintable()
        or " " in url
        or not url.startswith(("http://", "https://"))
    ):
        raise InvalidList(f"{field} {url!r} is not an http or https URL of ASCII", rule="entry")


# --- building ------------------------------------------------------------------------------


def build_ctl(root: Certificate, schedule: CtlSchedule, entries: Sequence[CtlEntry]) -> etsi.EtsiTs102941Data:
    """The full CTL of an RCA: its EAs and AAs, and at least one DC that has its lists.

    Raises InvalidList, naming the entry.
    """
    if isinstance(schedule, EctlSchedule):
        raise InvalidList("a CTL with the schedule of an ECTL", rule="schedule")
    if not any(isinstance(entry, DcEntry) and root.hashed_id8 in entry.roots for entry in entries):
        raise InvalidList(f"no DC entry holds the RCA's own digest {root.hex8}", rule="own-dc")
    for entry in entries:
        if isinstance(entry, EaEntry | AaEntry):
            if entry.certificate.issuer_id8 != root.hashed_id8:
                raise InvalidList(
                    f"CTL entry {entry.certificate.hex8} was not issued by the RCA {root.hex8}", rule="entry"
                )
        elif not isinstance(entry, DcEntry):
            raise InvalidList(f"a CTL has ea, aa and dc entries, not {type(entry).__name__}", rule="entry")
    return _trust_list("ctl", schedule, entries)


def build_ectl(
    tlm: Certificate, schedule: EctlSchedule, entries: Sequence[EctlEntry]
) -> etsi.EtsiTs102941Data:
    """The full ECTL of a TLM: roots, DCs, and TLM certificates, its own among them.

    Raises InvalidList, naming the entry.
    """
    if not isinstance(schedule, EctlSchedule):
        raise InvalidList("an ECTL needs an EctlSchedule: its sequence does not wrap", rule="schedule")
    for entry in entries:
        if not isinstance(entry, RcaEntry | TlmEntry | DcEntry):
            raise InvalidList(
                f"an ECTL has rca, tlm and dc entries, not {type(entry).__name__}", rule="entry"
            )
    if not any(isinstance(entry, TlmEntry) and entry.certificate == tlm for entry in entries):
        raise InvalidList(f"no entry for the TLM {tlm.hex8} that signs", rule="own-tlm")
    return _trust_list("ectl", schedule, entries)


def build_crl(
    root: Certificate,
    schedule: CrlSchedule,
    revoked: Iterable[Certificate],
    known: Mapping[bytes, int] = MappingProxyType({}),
) -> etsi.EtsiTs102941Data:
    """The CRL of an RCA; an empty one is issued too (checklist L5).

    revoked: certificates of its EAs and AAs, or its own. known: what it has revoked before, HashedId8 -> end
    in TAI seconds. Expired ones are left out. Raises InvalidList for another root and for what another one
    issued.
    """
    entries = {id8 for id8, end in known.items() if end > schedule.this_update}
    for certificate in revoked:
        if certificate != root and certificate.issuer_id8 != root.hashed_id8:
            what = "another root" if certificate.is_self_signed else "not issued by this RCA"
            raise InvalidList(f"CRL entry {certificate.hex8} is {what} (RCA {root.hex8})", rule="entry")
        if certificate.end > schedule.this_update:
            entries.add(certificate.hashed_id8)
    return _data(
        "crl",
        etsi.ToBeSignedCrl(
            version=1,
            this_update=schedule.this_update,
            next_update=schedule.next_update,
            entries=tuple(sorted(entries)),
        ),
    )


def _trust_list(
    kind: ListKind, schedule: CtlSchedule, entries: Sequence[CtlEntry | EctlEntry]
) -> etsi.EtsiTs102941Data:
    if len(set(map(key_of, entries))) != len(entries):
        raise InvalidList("an entry twice", rule="entry")
    commands = [etsi.CtlCommand(kind="add", value=entry.record()) for entry in in_order(entries)]
    return build_commands(kind, schedule, commands, full=True)


def build_commands(
    kind: ListKind, schedule: CtlSchedule, commands: Iterable[etsi.CtlCommand], *, full: bool
) -> etsi.EtsiTs102941Data:
    """A CTL or ECTL of commands as they are; `build_ctl`, `build_ectl`, `deltas.build_delta` check them."""
    return _data(
        kind,
        etsi.CtlFormat(
            version=1,
            next_update=schedule.next_update,
            is_full_ctl=full,
            ctl_sequence=schedule.sequence,
            ctl_commands=tuple(commands),
        ),
    )


def key_of(entry: CtlEntry | EctlEntry) -> str | bytes:
    """What tells entries apart: a certificate's HashedId8, a distribution centre's URL."""
    return entry.url if isinstance(entry, DcEntry) else entry.certificate.hashed_id8


def in_order(entries: Iterable[E]) -> tuple[E, ...]:
    """Entries in the order that every full list made here has: by kind, then by certificate or URL. So the
    same entries make the same octets, whoever lists them and however they came about."""
    return tuple(sorted(entries, key=lambda entry: (_ORDER.index(type(entry)), _sortable(key_of(entry)))))


def _sortable(key: str | bytes) -> bytes:
    return key.encode() if isinstance(key, str) else key


def _data(kind: ListKind, value: etsi.CtlFormat | etsi.ToBeSignedCrl) -> etsi.EtsiTs102941Data:
    return etsi.EtsiTs102941Data(
        version=1, content=etsi.EtsiTs102941DataContent(kind=_CONTENT[kind], value=value)
    )


# --- reading -------------------------------------------------------------------------------


@dataclass(frozen=True)
class SignedList:
    """A published CTL, ECTL or CRL. Parsing trusts nothing; `verify` does."""

    kind: ListKind
    message: SignedMessage
    body: etsi.CtlFormat | etsi.ToBeSignedCrl
    entries: tuple[CtlEntry | EctlEntry, ...]  # added by a trust list
    revoked: frozenset[bytes]  # of a CRL
    octets: bytes

    @classmethod
    def parse(cls, octets: bytes) -> "SignedList":
        """Raises DecodeError, UnexpectedContent for no list, InvalidList for bad entries."""
        message = SignedMessage.parse(octets)
        data = wire.decode(etsi.EtsiTs102941Data, message.payload)
        kind, body = _KINDS.get(data.content.kind), data.content.value
        if kind is None:
            raise UnexpectedContent(f"{data.content.kind} instead of a CTL, ECTL or CRL")
        assert isinstance(body, etsi.CtlFormat | etsi.ToBeSignedCrl)
        if body.version != 1:
            raise DecodeError(
                f"version {body.version} instead of 1", where=("EtsiTs102941Data", data.content.kind)
            )
        if isinstance(body, etsi.ToBeSignedCrl):
            return cls(kind, message, body, (), frozenset(body.entries), octets)
        added = [command.value for command in body.ctl_commands if command.kind == "add"]
        entries = tuple(parse_entry(entry) for entry in added if isinstance(entry, etsi.CtlEntry))
        return cls(kind, message, body, entries, frozenset(), octets)

    @property
    def generation_time(self) -> int:
        """TAI seconds; 0 where the header has none (which verify refuses)."""
        return (self.message.header.generation_time or 0) // MICROSECONDS

    @property
    def this_update(self) -> int:
        """From when it holds: a CRL's thisUpdate, a trust list's generationTime."""
        return self.body.this_update if isinstance(self.body, etsi.ToBeSignedCrl) else self.generation_time

    @property
    def next_update(self) -> int:
        return self.body.next_update

    @property
    def sequence(self) -> int | None:
        """ctlSequence; None for a CRL."""
        return self.body.ctl_sequence if isinstance(self.body, etsi.CtlFormat) else None

    @property
    def is_full(self) -> bool:
        return not isinstance(self.body, etsi.CtlFormat) or self.body.is_full_ctl

    @property
    def deletes(self) -> bool:
        """Whether a trust list takes entries away."""
        commands = self.body.ctl_commands if isinstance(self.body, etsi.CtlFormat) else ()
        return any(command.kind == "delete" for command in commands)

    @property
    def repeats(self) -> bool:
        """Whether an entry is there twice."""
        if isinstance(self.body, etsi.ToBeSignedCrl):
            return len(self.revoked) != len(self.body.entries)
        return len(set(map(key_of, self.entries))) != len(self.entries)

    @property
    def signer_id8(self) -> bytes | None:
        """HashedId8 that the signer field names, by digest or by certificate."""
        certificates = self.message.signer_certificates
        return certificates[0].hashed_id8 if certificates else self.message.signer_digest

    def verify(self, signer: Certificate, at: int, *, expired: bool = False) -> None:
        """Raise InvalidList unless `signer`, whom the caller trusts, issued this list, in force at `at`.

        at: TAI seconds. expired: accept one whose nextUpdate has passed, for reading the past.
        """
        self._check_header(signer)
        bits = _ssp_bits(signer, CRL_PSID if self.kind == "crl" else CTL_PSID)
        if isinstance(self.body, etsi.ToBeSignedCrl):
            self._check_crl()
        else:
            self._check_trust_list(self.body, signer, bits)
        try:
            self.message.verify(signer.verification_key, signer.octets)
        except InvalidSignature as error:
            raise InvalidList(
                f"{self.kind.upper()} is not signed by {signer.hex8}: {error}", rule="signature"
            ) from error
        _check_times(self.this_update, self.next_update)
        if not signer.start <= self.generation_time < signer.end:
            raise InvalidList(
                f"generated {iso_from_time32(self.generation_time)}, outside the validity of its signer",
                rule="generation-time",
            )
        if at < self.this_update - _SKEW:
            raise InvalidList(
                f"{self.kind.upper()} holds from {iso_from_time32(self.this_update)} on", rule="not-yet-valid"
            )
        if at >= self.next_update and not expired:
            raise InvalidList(
                f"{self.kind.upper()} was to be replaced by {iso_from_time32(self.next_update)}",
                rule="out-of-date",
                hint="fetch the current one",
            )

    def _check_header(self, signer: Certificate) -> None:
        header, name = self.message.header, self.kind.upper()
        psid = CRL_PSID if self.kind == "crl" else CTL_PSID
        if header.psid != psid:
            raise InvalidList(f"{name} with psid {header.psid} instead of {psid}", rule="psid")
        others = [
            field
            for field, value in header._asdict().items()
            if value is not None and field not in ("psid", "generation_time")
        ]
        if header.generation_time is None or others:
            raise InvalidList(
                f"{name} header: generationTime and psid only, not {', '.join(others) or 'psid alone'}",
                rule="header",
            )
        # TS 102 941 6.3.5 fixes the signer's form for the trust lists; for the CRL both forms are read
        form = self.message.signer.kind
        if form not in (("certificate", "digest") if self.kind == "crl" else ("certificate",)):
            raise InvalidList(f"{name} signer is {form}", rule="signer")
        if len(self.message.signer_certificates) > 1 or self.signer_id8 != signer.hashed_id8:
            named = self.signer_id8.hex().upper() if self.signer_id8 else "nobody"
            raise InvalidList(f"{name} names {named} as signer, not {signer.hex8} alone", rule="signer")

    def _check_crl(self) -> None:
        if self.repeats:
            raise InvalidList("CRL: an entry twice", rule="entry")

    def _check_trust_list(self, body: etsi.CtlFormat, signer: Certificate, bits: int) -> None:
        name = self.kind.upper()
        allowed = ("ea", "aa", "dc") if self.kind == "ctl" else ("rca", "tlm", "dc")
        for command in body.ctl_commands:
            if command.kind == "delete":
                if body.is_full_ctl:
                    raise InvalidList(f"a full {name} only adds", rule="full-list")
                continue
            assert isinstance(command.value, etsi.CtlEntry)
            if command.value.kind not in allowed:
                raise InvalidList(f"{name} with an entry of kind {command.value.kind}", rule="entry")
            if not bits & _CTL_BITS[command.value.kind]:
                raise InvalidList(
                    f"{name}: its signer's SSP does not allow {command.value.kind} entries",
                    rule="signer-permissions",
                )
        if (
            self.kind == "ctl"
            and body.is_full_ctl
            and not any(
                isinstance(entry, DcEntry) and signer.hashed_id8 in entry.roots for entry in self.entries
            )
        ):
            raise InvalidList(f"no DC entry holds the RCA's own digest {signer.hex8}", rule="own-dc")


def _ssp_bits(signer: Certificate, psid: int) -> int:
    ssp = signer.app_permissions.get(psid)
    if ssp is None or not ssp.value or ssp.value[0] != 1:
        raise InvalidList(
            f"{signer.hex8} does not hold psid {psid} with an SSP of version 1", rule="signer-permissions"
        )
    return ssp.value[1] if len(ssp.value) > 1 else 0


def parse_entry(entry: etsi.CtlEntry) -> CtlEntry | EctlEntry:
    """The typed entry of a record. Raises InvalidList."""
    value = entry.value
    if isinstance(value, etsi.RootCaEntry):
        return RcaEntry(Certificate.of(value.selfsigned_root_ca), _certificate(value.successor_to))
    if isinstance(value, etsi.TlmEntry):
        return TlmEntry(
            Certificate.of(value.self_signed_tlm_certificate),
            value.access_point,
            _certificate(value.successor_to),
        )
    if isinstance(value, etsi.EaEntry):
        return EaEntry(Certificate.of(value.ea_certificate), value.aa_access_point, value.its_access_point)
    if isinstance(value, etsi.AaEntry):
        return AaEntry(Certificate.of(value.aa_certificate), value.access_point)
    return DcEntry(value.url, tuple(value.cert))


def _certificate(record: dot2.Certificate | None) -> Certificate | None:
    return None if record is None else Certificate.of(record)
