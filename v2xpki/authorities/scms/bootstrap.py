"""What `init` does for an SCMS: its ceremonies, its first CTL, and what its components go by.

The same way as for ETSI's PKI (authorities/etsi/bootstrap.py, which runs it all): files of
hsm/ceremonies/scms are filled in, each is run in a process of its own, and certificates and lists are copied
to where the services look for them.
"""

import os
import secrets
import shutil
import string
from collections.abc import Iterator, Mapping
from pathlib import Path

from v2xpki._resources import data_dir
from v2xpki.authorities.lab_tls import make_internal_tls
from v2xpki.authorities.scms.ceremony_file import ELECTORS
from v2xpki.authorities.scms.distribution import open_distribution
from v2xpki.authorities.scms.electing import gathered
from v2xpki.config import OFFLINE_DOMAINS, SCMS_DOMAINS, Instance, ScmsPolicy
from v2xpki.crypto import Certificate
from v2xpki.store import Database, upgrade
from v2xpki.time import Clock, iso_from_time32

COMPONENTS = ("eca", "ra", "aca", "la1", "la2", "ma")
ONLINE = tuple(name for name in SCMS_DOMAINS if name not in OFFLINE_DOMAINS)
#: Who else speaks to services on their internal listeners.
INTERNAL_CLIENTS = ("router", "admin")
_PROFILES = {"la1": "LA", "la2": "LA"}
_KEEPING = ("aca", "la1", "la2")
_ISSUED = (*COMPONENTS, "crlg")

_REQUESTS = tuple(f"scms-{name}-request" for name in COMPONENTS)
_ANCHORS = ("scms-root", *(f"scms-{name}" for name in ELECTORS))
#: ceremony -> those that must be done before it; one domain's run one after the other
CEREMONIES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_ANCHORS, ()),
    **dict.fromkeys(_REQUESTS, ()),
    "scms-components": ("scms-root", *_REQUESTS),
    "scms-la1-key": ("scms-components",),
    "scms-la2-key": ("scms-components",),
    "scms-la-keys": ("scms-la1-key", "scms-la2-key"),
    **{f"scms-ctl-{name}": _ANCHORS for name in ELECTORS},
}


def settings_lines() -> list[str]:
    """The section of v2xpki.toml, as comments: all that an operator is likely to change, with its default."""
    policy = ScmsPolicy()
    return [
        "",
        "[scms]",
        "# i-periods: where number 0 begins (TAI seconds since 2004), how long one is, and what its",
        "# certificates hold beyond it. Not to be changed once certificates are out.",
        f"# epoch = {policy.epoch}",
        f"# period = {policy.period}",
        f"# overlap = {policy.overlap}",
        "# Pseudonyms of a vehicle for a period, and how far ahead they are made.",
        f"# certificates = {policy.certificates}",
        f"# preload = {policy.preload}",
        "# The ACA sees the certificates of so many vehicles mixed, unless one has waited this long.",
        f"# mix_vehicles = {policy.mix_vehicles}",
        f"# mix_wait = {policy.mix_wait}",
        "# Electors that a first CTL needs; each CTL says how many the next one needs.",
        f"# ctl_quorum = {policy.ctl_quorum}",
    ]


def render(instance: Instance, host: str, clock: Clock) -> Iterator[tuple[str, str]]:
    """The ceremonies' names and texts. host: what names end in."""
    folder = data_dir("hsm") / "ceremonies" / "scms"

    def filled(template: str, **values: object) -> str:
        text = (folder / f"{template}.yaml").read_text("utf-8")
        return string.Template(text).safe_substitute(instance="..", **values)

    names = {name: f"{name}.{host}" for name in (*_ISSUED, *ELECTORS)}
    first_list = {
        "series": secrets.token_hex(8),
        "sequence": 0,
        "effective": iso_from_time32(clock.time32()),
        "quorum": instance.settings.scms.ctl_quorum,
        "electors": ", ".join(map(_own_path, ELECTORS)),
        "roots": _own_path("scmsroot"),
    }
    yield "scms-root", filled("root", name=f"root.{host}")
    for number, name in enumerate(ELECTORS, 1):
        yield f"scms-{name}", filled("elector", number=number, name=names[name])
        yield f"scms-ctl-{name}", filled("ctl", number=number, **first_list)
    for name in COMPONENTS:
        if name == "ma":
            text = filled("ma-request", name=names["ma"], crlg_name=names["crlg"])
        else:
            template = "keeping-request" if name in _KEEPING else "component-request"
            text = filled(template, domain=name, profile=_PROFILES.get(name, name.upper()), name=names[name])
        yield f"scms-{name}-request", text
    yield "scms-components", filled("components", **{name: names[name] for name in _ISSUED})
    for name in ("la1", "la2"):
        yield f"scms-{name}-key", filled("la-key", domain=name)
    yield "scms-la-keys", filled("la-keys")


def _own_path(domain: str) -> str:
    return f"{domain}/certificates/{domain}-1.oer"


def install(instance: Instance, clock: Clock) -> None:
    """After the ceremonies: certificates, the first CTL, the distribution centre, trust folders."""
    for name in _ISSUED:
        folder = instance.domain("ma" if name == "crlg" else name).certificates_dir
        shutil.copyfile(instance.path(f"scmsroot/issued/{name}-1.oer"), folder / f"{name}-1.oer")
    ctl = gathered(instance, sorted(instance.ceremonies_dir.glob("*-scms-ctl-*.yaml"))).octets
    for name in ONLINE:
        trust = instance.domain(name).trust_dir
        trust.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number, elector in enumerate(ELECTORS, 1):
            shutil.copyfile(instance.path(_own_path(elector)), trust / f"elector-{number}.oer")
        shutil.copyfile(instance.path(_own_path("scmsroot")), trust / "root.oer")
        (trust / "ctl.oer").write_bytes(ctl)
        for issued in _ISSUED:
            shutil.copyfile(instance.path(f"scmsroot/issued/{issued}-1.oer"), trust / f"{issued}.oer")
    certificates = [instance.path(f"scmsroot/issued/{name}-1.oer").read_bytes() for name in _ISSUED]
    with Database.open(instance.domain("sdc").database_url, clock=clock) as database:
        upgrade(database, "sdc")
        centre = open_distribution(instance, database, clock)
        centre.publish([ctl, *certificates])
        chain_file = centre.ccf_ctl()
        assert chain_file is not None
    for name in ONLINE:
        (instance.domain(name).trust_dir / "ccf.oer").write_bytes(chain_file.octets)


def write_internal_tls(instance: Instance, clock: Clock) -> None:
    """A CA for the components' mutual TLS, whose key is dropped, and a certificate for each of them."""
    ca, pairs = make_internal_tls((*ONLINE, *INTERNAL_CLIENTS), clock)
    _write(instance.path("tls/internal-ca.pem"), ca, 0o644)
    for name, (certificate, key) in pairs.items():
        where = instance.directory / name / "internal"
        if name in INTERNAL_CLIENTS:
            where = instance.path("tls") / f"internal-{name}"
        _write(where.with_suffix(".pem"), certificate, 0o644)
        _write(where.with_suffix(".key"), key, 0o600)


def _write(path: Path, octets: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)


def authorities(instance: Instance) -> Iterator[tuple[str, Certificate, str, Path]]:
    """Role, certificate, key's label and the certificate's file, of the present generations."""
    for name in ("scmsroot", *ELECTORS, *COMPONENTS):
        domain = instance.domain(name)
        path = domain.certificate_path
        yield name, Certificate.parse(path.read_bytes()), f"{name}-sign-{domain.generation}", path
    path = instance.domain("ma").certificates_dir / "crlg-1.oer"
    yield "crlg", Certificate.parse(path.read_bytes()), "ma-crl-sign-1", path
