"""A sub-CA's side of its own life: it asks for the certificate of its next generation, and installs it.

    asked = ask(instance, "aa", rekey=True, operator="alice")     keys and request, in a ceremony
    done = install(instance, octets, operator="alice")            the certificate that came of it

    DIR/aa/certificates/aa-2.request      asked for; keys aa-sign-2 and aa-encrypt-2 are in the token
    DIR/aa/certificates/aa-2.oer          installed: from now on generation 2 is the present one

A generation that was asked for and never installed can be asked for again without new keys. What an older
generation has to answer it goes on answering until its certificate ends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from v2xpki.audit import Event
from v2xpki.authorities.etsi.anchors import Anchor, anchors
from v2xpki.authorities.etsi.ca_request import CaRequest
from v2xpki.authorities.etsi.ceremony import write_new
from v2xpki.authorities.etsi.ceremony_process import Holder, hold
from v2xpki.config import DomainConfig, Instance, installed_generations
from v2xpki.crypto import Certificate, Curve, PublicKey
from v2xpki.errors import CeremonyRefused, ConfigError, InvalidChain, KeystoreError, V2xPkiError
from v2xpki.keystore import KeyLabel, TokenConfig, open_token
from v2xpki.keystore.inventory import asking
from v2xpki.store import Database, require_current
from v2xpki.time import Clock, SystemClock, iso_from_time32
from v2xpki.trust import detect_kind
from v2xpki.trust.chain import verify_chain
from v2xpki.trust.lists import SignedList

ROLES = ("ea", "aa")
_TIMEOUT = 30.0  # seconds for a token to answer

#: What keys a domain's token has.
TokenKeys = Callable[[DomainConfig], Mapping[KeyLabel, PublicKey]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is ready. `fresh`: it was made now; else it was there."""

    role: str
    generation: int
    file: Path
    request: CaRequest
    fresh: bool


@dataclass(frozen=True, slots=True)
class Installed:
    """A certificate in its place. `fresh`: since now; else it was there."""

    role: str
    generation: int
    file: Path
    certificate: Certificate
    #: The one before it, which goes on answering until it ends.
    former: Certificate | None
    fresh: bool


# --- asking --------------------------------------------------------------------------------------------


def ask(
    instance: Instance,
    role: str,
    *,
    operator: str,
    rekey: bool = False,
    name: str | None = None,
    curve: str | None = None,
    anew: bool = False,
    clock: Clock | None = None,
    holder: Holder = hold,
    keys: TokenKeys | None = None,
) -> Asked:
    """The request for an EA's or AA's next certificate; its keys are made in its token, in a ceremony.

    rekey: signed under the present certificate too. name, curve: by default those of the present one. anew:
    new keys although a request is waiting for its certificate. Raises ConfigError, CeremonyRefused (the
    present certificate is not in force, a request of the other kind is waiting), KeystoreError.
    """
    clock = clock or SystemClock()
    domain = _domain(instance, role)
    present = _present(domain)
    if not anew:
        waiting = waiting_requests(domain)
        if waiting:
            generation, path = waiting[-1]
            request = CaRequest.parse(path.read_bytes())
            if (request.outer is not None) != rekey:
                raise CeremonyRefused(
                    f"{path} waits for its certificate, and is {'a' if rekey else 'no'} first request",
                    hint="--new makes new keys and leaves it",
                )
            return Asked(role, generation, path, request, fresh=False)
    if rekey:
        _require_rekeyable(domain, present, clock)
    generation = _next_generation(domain, keys or token_keys)
    named = name if name is not None else present.name if present is not None else None
    file = _ceremony(instance, domain, generation, present if rekey else None, named, curve)
    held = holder(file, operator)
    path = held.outputs[0]
    return Asked(role, generation, path, CaRequest.parse(path.read_bytes()), fresh=True)


def waiting_requests(domain: DomainConfig) -> list[tuple[int, Path]]:
    """Requests that have no certificate yet, of generations above the present one: by generation."""
    installed = installed_generations(domain.certificates_dir, domain.name)
    found = []
    for path in domain.certificates_dir.glob(f"{domain.name}-*.request"):
        number = path.stem.removeprefix(f"{domain.name}-")
        if number.isdecimal() and int(number) > max(installed, default=0):
            found.append((int(number), path))
    return sorted(found)


def all_waiting(instance: Instance) -> list[CaRequest]:
    """The requests of the instance's EA and AA that have no certificate yet."""
    return [
        CaRequest.parse(path.read_bytes())
        for role in ROLES
        for _, path in waiting_requests(instance.domain(role))
    ]


def _domain(instance: Instance, role: str) -> DomainConfig:
    if role not in ROLES:
        raise ConfigError(f"{role!r} is no sub-CA", hint=f"one of {', '.join(ROLES)}")
    return instance.domain(role)


def _present(domain: DomainConfig) -> Certificate | None:
    try:
        return Certificate.parse(domain.certificate_path.read_bytes())
    except FileNotFoundError:
        return None


def _require_rekeyable(domain: DomainConfig, present: Certificate | None, clock: Clock) -> None:
    if present is None:
        raise CeremonyRefused(f"{domain.name} has no certificate to re-key from", hint="without --rekey")
    if not present.start <= clock.time32() < present.end:
        raise CeremonyRefused(
            f"{present.hex8} is valid from {iso_from_time32(present.start)} to "
            f"{iso_from_time32(present.end)}: it signs no request",
            hint="without --rekey it is a first request, which the root's operator has to know you by",
        )
    if any(present.hashed_id8 in _revoked(root) for root in anchors(domain.trust_dir, "root")):
        raise CeremonyRefused(f"{present.hex8} is revoked: it signs no request", hint="without --rekey")


def _next_generation(domain: DomainConfig, keys: TokenKeys) -> int:
    """One above all that were ever begun: a label is used once, also where its ceremony did not finish."""
    used = installed_generations(domain.certificates_dir, domain.name)
    used += [number for number, _ in waiting_requests(domain)]
    used += [label.generation for label in keys(domain) if label.authority == domain.name]
    return max(used, default=0) + 1


def _ceremony(
    instance: Instance,
    domain: DomainConfig,
    generation: int,
    present: Certificate | None,
    name: str | None,
    curve: str | None,
) -> Path:
    role = domain.name
    table: dict[str, Any] = {
        "title": f"{role.upper()}, generation {generation}, keys and request",
        "kind": "request",
        "instance": "..",
        "domain": role,
        "sign": {"label": f"{role}-sign-{generation}", "curve": curve or domain.curve or "nistP256"},
        "encrypt": {"label": f"{role}-encrypt-{generation}", "curve": "nistP256"},
        "certificate": {"profile": role.upper(), **({} if name is None else {"name": name})},
        "output": f"{role}/certificates/{role}-{generation}.request",
    }
    if present is not None:
        table["rekey"] = {
            "key": f"{role}-sign-{domain.generation}",
            "certificate": f"{role}/certificates/{role}-{domain.generation}.oer",
        }
    return write_ceremony(instance, f"{role}-request-{generation}", table)


def write_ceremony(instance: Instance, name: str, table: Mapping[str, object]) -> Path:
    """A ceremony file of DIR/ceremonies; one that was written before and never held is written anew."""
    path = instance.ceremonies_dir / f"{name}.yaml"
    path.unlink(missing_ok=True)
    write_new(path, yaml.safe_dump(dict(table), sort_keys=False, allow_unicode=True, width=110).encode())
    return path


# --- installing --------------------------------------------------------------------------------------------


def install(
    instance: Instance,
    octets: bytes,
    *,
    operator: str,
    clock: Clock | None = None,
    keys: TokenKeys | None = None,
) -> Installed:
    """Put a certificate in its place, from where the services take it over.

    It has to be of a key that this sub-CA asked for and has, to be what was asked for, and to lead to the
    root in the domain's trust folder, in force and not revoked. Raises ConfigError, CeremonyRefused,
    InvalidChain, DecodeError, KeystoreError, StoreError.
    """
    clock = clock or SystemClock()
    certificate = Certificate.parse(octets)
    domain, generation, request = _asked_by(instance, certificate)
    path = domain.certificates_dir / f"{domain.name}-{generation}.oer"
    _require_as_asked(certificate, domain, request)
    _require_chain(certificate, domain, clock.time32())
    former = _present(domain)
    if path.exists():
        if path.read_bytes() != octets:
            raise CeremonyRefused(f"{path} is another certificate of the same key; nothing was replaced")
        return Installed(domain.name, generation, path, certificate, None, fresh=False)
    _require_keys(certificate, domain, generation, (keys or token_keys)(domain))
    with _database(domain) as database, database.write(durable=True) as tx:
        tx.audit(
            Event.CERTIFICATE_INSTALLED,
            certificate=certificate.hashed_id8,
            kind=domain.name.upper(),
            operator=operator,
        )
    write_new(path, octets)
    return Installed(domain.name, generation, path, certificate, former, fresh=True)


def _asked_by(instance: Instance, certificate: Certificate) -> tuple[DomainConfig, int, CaRequest]:
    """Whose request it answers, installed before or not."""
    for role in ROLES:
        domain = instance.domain(role)
        for path in sorted(domain.certificates_dir.glob(f"{role}-*.request")):
            request = CaRequest.parse(path.read_bytes())
            if request.verification_key == certificate.verification_key:
                return domain, int(path.stem.removeprefix(f"{role}-")), request
    raise CeremonyRefused(
        f"certificate {certificate.hex8} is of no key that was asked for here",
        hint="`v2xpki ca request` leaves its requests in DIR/ea/certificates and DIR/aa/certificates",
    )


def _require_as_asked(certificate: Certificate, domain: DomainConfig, request: CaRequest) -> None:
    tbs, asked = certificate.record.to_be_signed, request.attributes
    wrong = [
        field
        for field, differs in (
            ("encryption key", certificate.encryption_key != request.encryption_key),
            ("id", tbs.id != asked.id),
            ("appPermissions", tbs.app_permissions != asked.app_permissions),
            ("certIssuePermissions", tbs.cert_issue_permissions != asked.cert_issue_permissions),
            ("kind", detect_kind(certificate.record) != domain.name.upper()),
        )
        if differs
    ]
    if wrong:
        raise CeremonyRefused(f"certificate {certificate.hex8} is not what was asked for: {', '.join(wrong)}")


def _require_chain(certificate: Certificate, domain: DomainConfig, now: int) -> None:
    roots = anchors(domain.trust_dir, "root")
    if not roots:
        raise ConfigError(
            f"{domain.trust_dir / 'root.oer'} is not there: whose certificate it is cannot be told"
        )
    issuer = next((one for one in roots if one.certificate.hashed_id8 == certificate.issuer_id8), None)
    if issuer is None:
        known = ", ".join(one.certificate.hex8 for one in roots)
        raise InvalidChain(
            f"{certificate.hex8} is not issued by root {known} of {domain.name}/trust", rule="anchor"
        )
    verify_chain([certificate], issuer.certificate, now, crl=_revoked(issuer))


def _revoked(issuer: Anchor) -> frozenset[bytes]:
    """The CRL beside a root; a service refuses to work without one, this does not."""
    try:
        crl = SignedList.parse((issuer.folder / "crl.oer").read_bytes())
        crl.verify(issuer.certificate, crl.this_update)
    except (OSError, V2xPkiError):
        return frozenset()
    return crl.revoked if crl.kind == "crl" else frozenset()


def _require_keys(
    certificate: Certificate, domain: DomainConfig, generation: int, there: Mapping[KeyLabel, PublicKey]
) -> None:
    wanted = {"sign": certificate.verification_key, "encrypt": certificate.encryption_key}
    for use, key in wanted.items():
        label = KeyLabel(domain.name, use, generation)  # type: ignore[arg-type]
        if there.get(label) != key:
            raise KeystoreError(
                f"the token has no key {label} of certificate {certificate.hex8}",
                hint="its keys were made in another token, or destroyed",
            )


def _database(domain: DomainConfig) -> Database:
    database = Database.open(domain.database_url, must_exist=True)
    try:
        require_current(database, domain.name)
    except BaseException:
        database.close()
        raise
    return database


# --- the token ---------------------------------------------------------------------------------------


def token_keys(domain: DomainConfig) -> Mapping[KeyLabel, PublicKey]:
    """The keys of a domain's token, asked in a process of its own: SoftHSM reads its configuration once a
    process. Raises KeystoreError."""
    context = asking()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_list_keys, args=(theirs, domain), daemon=True)
    process.start()
    theirs.close()
    try:
        found = ours.recv() if ours.poll(_TIMEOUT) else "its token does not answer"
    except EOFError:
        found = "asking its token ended without an answer"
    finally:
        ours.close()
        process.join(1)
        process.kill()
    if isinstance(found, str):
        raise KeystoreError(f"{domain.name}: {found}")
    return {
        KeyLabel.parse(label): PublicKey.from_sec1(Curve.from_text(curve), point)
        for label, curve, point in found
    }


def _list_keys(connection: Any, domain: DomainConfig) -> None:
    try:
        with open_token(TokenConfig.of_domain(domain)) as keystore:
            connection.send([(i.label.text, i.curve.text, i.public_key.point) for i in keystore.keys()])
    except V2xPkiError as error:
        connection.send(str(error))
