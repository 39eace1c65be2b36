"""What certificates of each type, and stations of each kind, look like: data in trust/data/*.toml.

The shipped profiles follow TS 103 097 clause 7.2 and the EU certificate policy. An operator's file
overrides single keys and adds station profiles:

    [rca]
    curve = "nistP384"
    validity = { years = 5 }
    [station.truck]
    base = "vehicle"
    parallel_limit = 60

    [station.vehicle]
    credential_its_aids = [270549119]

`credential_its_aids`, in rca, ea and station profiles: ITS-AIDs without SSP that enrolment credentials may
hold beside 623. All three must name one: the root lets its EAs grant it, the EA grants it, to stations of
this kind, that ask for it.

Nothing is guessed: an unknown key, or a value of another type, is a ConfigError that names it.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from v2xpki.crypto import Certificate, Curve, PublicKey
from v2xpki.errors import ConfigError, CryptoError, PermissionDenied
from v2xpki.trust import regions, validity
from v2xpki.trust.permissions import Grants
from v2xpki.wire import dot2

Kind = Literal["RCA", "TLM", "EA", "AA", "EC", "AT"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Presence = Literal["required", "optional", "absent"]

CRL_PSID, SCR_PSID, CTL_PSID = 622, 623, 624
PKI_PSIDS = frozenset((CRL_PSID, SCR_PSID, CTL_PSID))
MDM_PSID = 1622
# ITS-AIDs that stations use (TS 102 965); an operator's policy may pass others to the linter.
SERVICES = frozenset((36, 37, 137, 138, 139, 140, 141, 637, 638, 639, 640, 1619, MDM_PSID, 540801))
NONE_ID = dot2.CertificateId(kind="none", value=None)
_NO_CRACA = bytes(3)
_EC_SSP = "01c0"
_EE_BITS = {"app": 0x80, "enrol": 0x40}
_STATIONS = ("vehicle", "rsu")


def is_operators_own(psid: int) -> bool:
    """Whether an ITS-AID is one that an operator may give a meaning of its own."""
    return psid not in SERVICES and psid not in PKI_PSIDS


@dataclass(frozen=True)
class CertificateProfile:
    """One certificate type. Times in seconds; `validity` is the usual length, an issuer's end cuts it."""

    kind: Kind
    issuer: Literal["self", "digest"]
    ids: tuple[str, ...]  # kinds of CertificateId
    curve: Curve  # of our own keys; a station chooses its own
    encryption_key: Presence
    encryption_curve: Curve | None
    backdate: int
    validity: dot2.Duration
    app_permissions: tuple[dot2.PsidSsp, ...] | None = None
    cert_issue_permissions: tuple[dot2.PsidGroupPermissions, ...] | None = None
    region: dot2.GeographicRegion | None = None
    assurance_level: bytes | None = None

    def build_tbs(
        self,
        *,
        verification_key: PublicKey,
        now: int,
        issuer: Certificate | None = None,
        encryption_key: PublicKey | None = None,
        name: str | None = None,
        app_permissions: Iterable[dot2.PsidSsp] | None = None,
        validity_period: dot2.ValidityPeriod | None = None,
        region: dot2.GeographicRegion | None = None,
        assurance_level: bytes | None = None,
    ) -> dot2.ToBeSignedCertificate:
        """The ToBeSignedCertificate of this profile, keys compressed.

        now: TAI seconds. issuer: None for the self-signed. Without a `validity_period` it starts
        `backdate` seconds before now, down to the full hour, and is cut to the issuer's; a given one is
        taken as it is, and refused where it leaves the issuer's. Raises ConfigError for a call that the
        profile does not allow, PermissionDenied for validity or region beyond the issuer's.
        """
        if (issuer is None) != (self.issuer == "self"):
            what = "missing" if issuer is None else "given, but it signs itself"
            raise ConfigError(f"{self.kind}: issuer is {what}")
        if (encryption_key is None and self.encryption_key == "required") or (
            encryption_key is not None and self.encryption_key == "absent"
        ):
            raise ConfigError(f"{self.kind}: encryptionKey is {self.encryption_key} in this profile")
        period = validity_period
        if period is None:
            start = validity.floor_hour(now - self.backdate)
            period = dot2.ValidityPeriod(start=start, duration=self.validity)
            if issuer is not None:
                period = validity.cut(period, issuer.start, issuer.end)
            if validity.end(period) <= now:  # what backdating alone would leave
                raise PermissionDenied(
                    f"nothing of the issuer's validity is left at {now}", rule="validity-inside"
                )
        elif issuer is not None and not validity.inside(period, issuer.start, issuer.end):
            raise PermissionDenied(
                f"validity {period.start}..{validity.end(period)} is outside the issuer's "
                f"{issuer.start}..{issuer.end}",
                rule="validity-inside",
            )
        own_region = region if region is not None else self.region
        if (
            own_region is not None
            and issuer is not None
            and not regions.region_contains(issuer.record.to_be_signed.region, own_region)
        ):
            raise PermissionDenied("region is not proven to be inside the issuer's", rule="region")
        return dot2.ToBeSignedCertificate(
            id=self._id(name),
            craca_id=_NO_CRACA,
            crl_series=0,
            validity_period=period,
            region=own_region,
            assurance_level=assurance_level if assurance_level is not None else self.assurance_level,
            app_permissions=self.app_permissions if app_permissions is None else tuple(app_permissions),
            cert_issue_permissions=self.cert_issue_permissions,
            encryption_key=None if encryption_key is None else encryption_key.to_encryption_key(),
            verify_key_indicator=dot2.VerificationKeyIndicator(
                kind="verificationKey", value=verification_key.to_verification_key()
            ),
        )

    def _id(self, name: str | None) -> dot2.CertificateId:
        if name is None and "none" in self.ids:
            return NONE_ID
        if name is None or "name" not in self.ids:
            raise ConfigError(f"{self.kind}: id is {' or '.join(self.ids)}, and {name!r} was given")
        return dot2.CertificateId(kind="name", value=name)


@dataclass(frozen=True)
class StationProfile:
    """What stations of one kind may be certified for. Times in seconds."""

    name: str
    privacy: bool
    plain_signature: bool  # ecSignature may come unencrypted (TS 102 941 6.2.3.3.1: no privacy to protect)
    region_bound: bool  # its EC and tickets carry the region it is registered with
    parallel_limit: int  # tickets of overlapping validity for one EC
    parallel_alert: int
    parallel_ceiling: int
    preload: int  # how far ahead of now a ticket may start
    ticket_validity: int
    ticket_validity_max: int
    permissions: tuple[dot2.PsidSspRange, ...]
    assurance_level: bytes | None = None
    region: dot2.GeographicRegion | None = None  # for a station registered without one
    credential_its_aids: tuple[int, ...] = ()  # what its EC may hold beside 623
    _grants: Grants = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= self.parallel_limit <= self.parallel_ceiling:
            raise ConfigError(
                f"station profile {self.name}: parallel_limit {self.parallel_limit} is not between 1 and "
                f"parallel_ceiling {self.parallel_ceiling}"
            )
        if not 1 <= self.ticket_validity <= self.ticket_validity_max:
            raise ConfigError(
                f"station profile {self.name}: ticket_validity {self.ticket_validity} s is not between 1 and "
                f"ticket_validity_max {self.ticket_validity_max} s"
            )
        if self.privacy and self.plain_signature:
            raise ConfigError(
                f"station profile {self.name}: plain_signature would tell the AA who asks; privacy is on"
            )
        group = dot2.PsidGroupPermissions(
            subject_permissions=dot2.SubjectPermissions(kind="explicit", value=self.permissions)
        )
        object.__setattr__(self, "_grants", Grants((group,)))

    def check_app_permissions(self, permissions: Iterable[dot2.PsidSsp]) -> None:
        """Raises PermissionDenied, naming the PSID, for what a station of this profile may not have."""
        self._grants.check_app_permissions(permissions)


@dataclass(frozen=True)
class Profiles:
    """All profiles of an instance."""

    certificates: Mapping[Kind, CertificateProfile]
    stations: Mapping[str, StationProfile]

    @classmethod
    def load(cls, override: Path | Mapping[str, Any] | None = None) -> "Profiles":
        """The shipped profiles with an operator's file (or its content) merged in. Raises ConfigError."""
        if isinstance(override, Path):
            override = _read(override.read_bytes(), str(override))
        given = dict(override or {})
        stations = given.pop("station", {})
        if not isinstance(stations, Mapping):
            raise ConfigError("station: expected tables [station.NAME]")
        certificates: dict[Kind, CertificateProfile] = {
            kind: _certificate_profile(_merged(kind.lower(), given.pop(kind.lower(), {}))) for kind in KINDS
        }
        if given:
            raise ConfigError(
                f"unknown profile {', '.join(sorted(given))}",
                hint=f"known: {', '.join(k.lower() for k in KINDS)}, station.NAME",
            )
        found = {}
        for name in (*_STATIONS, *(n for n in stations if n not in _STATIONS)):
            changes = dict(stations.get(name, {}))
            base = changes.pop("base", name if name in _STATIONS else None)
            if base not in _STATIONS:
                raise ConfigError(
                    f"station.{name}: base is {base!r}", hint=f"base = one of {', '.join(_STATIONS)}"
                )
            found[name] = _station_profile(_merged(str(base), changes) | {"station": name})
        return cls(certificates, found)

    def profile(self, kind: str) -> CertificateProfile:
        """The profile of a certificate type. Raises ConfigError for an unknown one."""
        found = self.certificates.get(kind)  # type: ignore[call-overload]
        if found is None:
            raise ConfigError(
                f"no certificate profile {kind!r}", hint=f"known: {', '.join(self.certificates)}"
            )
        assert isinstance(found, CertificateProfile)
        return found

    def station(self, name: str) -> StationProfile:
        """The station profile of this name. Raises ConfigError for an unknown one."""
        if name not in self.stations:
            raise ConfigError(f"no station profile {name!r}", hint=f"known: {', '.join(self.stations)}")
        return self.stations[name]


@cache
def shipped() -> Profiles:
    """The profiles as shipped."""
    return Profiles.load()


def profile(kind: str) -> CertificateProfile:
    """The shipped profile of a certificate type: RCA, TLM, EA, AA, EC or AT."""
    return shipped().profile(kind)


def station_profile(name: str) -> StationProfile:
    """The shipped profile of a kind of station: vehicle or rsu."""
    return shipped().station(name)


# --- TOML -> profiles; every key is taken once, what is left over is refused ------------------

# keys that a profile knows beside those in the shipped file
_MORE_CERTIFICATE = {
    "region",
    "assurance_level",
    "encryption_curve",
    "app_permissions",
    "cert_issue_permissions",
    "credential_its_aids",
}
_MORE_STATION = {"region", "credential_its_aids"}
_T = TypeVar("_T")
_UNITS: tuple[dot2.DurationKind, ...] = ("seconds", "minutes", "hours", "sixtyHours", "years")
_FIXED = {"kind", "issuer", "id", "station"}  # what a type is cannot be overridden


def _read(octets: bytes, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(octets.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: {error}") from error


def _merged(name: str, changes: object) -> dict[str, Any]:
    shipped = _read((resources.files("v2xpki.trust") / "data" / f"{name}.toml").read_bytes(), f"{name}.toml")
    if not isinstance(changes, Mapping):
        raise ConfigError(f"{name}: expected a table")
    known = set(shipped) | (_MORE_STATION if "station" in shipped else _MORE_CERTIFICATE)
    if unknown := sorted(set(changes) - known | set(changes) & _FIXED):
        raise ConfigError(
            f"profile {name}: unknown key {', '.join(unknown)}",
            hint=f"known: {', '.join(sorted(known - _FIXED))}",
        )
    return shipped | dict(changes)


def _take(table: dict[str, Any], key: str, kind: type[_T]) -> _T:
    value = table.pop(key)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{key} = {value!r}: expected {kind.__name__}")
    return value


def _certificate_profile(table: dict[str, Any]) -> CertificateProfile:
    kind: Kind = table.pop("kind")
    presence = _take(table, "encryption_key", str)
    if presence not in get_args(Presence):
        raise ConfigError(
            f"{kind}: encryption_key = {presence!r}", hint=f"one of {', '.join(get_args(Presence))}"
        )
    encryption_curve = _curve(table["encryption_curve"]) if table.get("encryption_curve") else None
    if encryption_curve is not None and encryption_curve.encryption_kind is None:
        raise ConfigError(f"{kind}: encryption_curve {encryption_curve.text} has no ECIES")
    permissions = table.get("app_permissions")
    groups = table.get("cert_issue_permissions")
    its_aids = _its_aids(table)
    if its_aids and kind not in ("RCA", "EA"):
        raise ConfigError(f"{kind}: only a root and its EAs say what enrolment credentials may hold")
    return CertificateProfile(
        kind=kind,
        issuer=table.pop("issuer"),
        ids=tuple(table.pop("id")),
        curve=_curve(_take(table, "curve", str)),
        encryption_key=presence,  # type: ignore[arg-type]
        encryption_curve=encryption_curve,
        backdate=_take(table, "backdate", int),
        validity=duration_of(_take(table, "validity", dict)),
        app_permissions=None
        if permissions is None
        else tuple(
            dot2.PsidSsp(psid=_number(psid), ssp=bitmap_ssp(_octets(ssp)))
            for psid, ssp in permissions.items()
        ),
        cert_issue_permissions=None
        if groups is None
        else tuple(_group(dict(group), its_aids) for group in groups),
        region=regions.from_table(table["region"]) if table.get("region") else None,
        assurance_level=_octets(table.get("assurance_level", "")) or None,
    )


def _station_profile(table: dict[str, Any]) -> StationProfile:
    def seconds(key: str) -> int:
        return validity.duration_seconds(duration_of(_take(table, key, dict)))

    return StationProfile(
        name=_take(table, "station", str),
        privacy=_take(table, "privacy", bool),
        plain_signature=_take(table, "plain_signature", bool),
        region_bound=_take(table, "region_bound", bool),
        parallel_limit=_take(table, "parallel_limit", int),
        parallel_alert=_take(table, "parallel_alert", int),
        parallel_ceiling=_take(table, "parallel_ceiling", int),
        preload=seconds("preload"),
        ticket_validity=seconds("ticket_validity"),
        ticket_validity_max=seconds("ticket_validity_max"),
        permissions=tuple(psid_range(dict(entry)) for entry in _take(table, "permissions", list)),
        assurance_level=_octets(_take(table, "assurance_level", str)) or None,
        region=regions.from_table(table["region"]) if table.get("region") else None,
        credential_its_aids=_its_aids(table),
    )


def _its_aids(table: dict[str, Any]) -> tuple[int, ...]:
    found = table.get("credential_its_aids", [])
    if not isinstance(found, list) or not all(type(one) is int and one > 0 for one in found):
        raise ConfigError("credential_its_aids is a list of numbers")
    if others := [one for one in found if not is_operators_own(one)]:
        raise ConfigError(f"credential_its_aids: {others[0]} has a meaning already")
    return tuple(found)


def bitmap_ssp(octets: bytes) -> dot2.ServiceSpecificPermissions | None:
    """A bitmap SSP; None for no octets."""
    return dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=octets) if octets else None


def _curve(text: object) -> Curve:
    try:
        return Curve.from_text(str(text))
    except CryptoError as error:
        raise ConfigError(
            f"unknown curve {text!r}", hint=f"known: {', '.join(c.text for c in Curve)}"
        ) from error


def _number(text: object) -> int:
    try:
        return int(str(text))
    except ValueError as error:
        raise ConfigError(f"{text!r} is not a PSID") from error


def _octets(text: object) -> bytes:
    try:
        return bytes.fromhex(str(text))
    except ValueError as error:
        raise ConfigError(f"{text!r} is not hex") from error


def duration_of(table: dict[str, Any]) -> dot2.Duration:
    """The duration of a table such as { hours = 168 }. Raises ConfigError."""
    if len(table) != 1 or not set(table) <= set(_UNITS):
        raise ConfigError(f"{table!r} is not a duration", hint="for instance { hours = 168 }")
    ((unit, count),) = table.items()
    if not isinstance(count, int) or not 1 <= count <= 65535:
        raise ConfigError(f"{unit} = {count!r}: expected 1 to 65535")
    kind: dot2.DurationKind = next(known for known in _UNITS if known == unit)
    return dot2.Duration(kind=kind, value=count)


def psid_range(entry: dict[str, Any]) -> dot2.PsidSspRange:
    """The range of a table with psid, and value and mask, all, or neither. Raises ConfigError."""
    psid, value, mask, all_ = (entry.pop(key, None) for key in ("psid", "value", "mask", "all"))
    limit: dot2.SspRange | None = None
    if value is not None and mask is not None and not all_:
        pair = _octets(value), _octets(mask)
        if len(pair[0]) != len(pair[1]) or not pair[0]:
            raise ConfigError(f"psid {psid}: value {value} and mask {mask} are not of one length")
        limit = dot2.SspRange(
            kind="bitmapSspRange", value=dot2.BitmapSspRange(ssp_value=pair[0], ssp_bitmask=pair[1])
        )
    elif all_ is True and value is mask is None:
        limit = dot2.SspRange(kind="all", value=None)
    elif value is not None or mask is not None or all_ is not None:
        raise ConfigError(f"psid {psid}: a range has value and mask, or all = true, or neither")
    if entry or not isinstance(psid, int):
        raise ConfigError(
            f"a range has psid, value, mask, all; not psid {psid!r}, {', '.join(entry) or 'no more'}"
        )
    return dot2.PsidSspRange(psid=psid, ssp_range=limit)


def _group(table: dict[str, Any], its_aids: tuple[int, ...]) -> dot2.PsidGroupPermissions:
    bits, ranges = 0, list(table.pop("ranges", ()))
    if any(entry.get("psid") == SCR_PSID and entry.get("value") == _EC_SSP for entry in ranges):
        ranges += [{"psid": one} for one in its_aids]  # the group that enrolment credentials come from
    for name in table.pop("ee_type", ["app"]):
        if name not in _EE_BITS:
            raise ConfigError(f"ee_type {name!r}", hint="app, enrol")
        bits |= _EE_BITS[name]
    group = dot2.PsidGroupPermissions(
        subject_permissions=dot2.SubjectPermissions(
            kind="explicit", value=tuple(psid_range(dict(entry)) for entry in ranges)
        ),
        min_chain_length=table.pop("min_chain_length", 1),
        chain_length_range=table.pop("chain_length_range", 0),
        ee_type=bits,
    )
    if table:
        raise ConfigError(f"cert_issue_permissions: unknown key {', '.join(sorted(table))}")
    return group
