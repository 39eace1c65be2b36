"""The work of an SCMS's ceremonies; authorities/etsi/ceremony.py asks, and writes the transcript."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from v2xpki.audit import Event
from v2xpki.authorities.ceremony_parts import CertificateSpec
from v2xpki.authorities.domain import OpenDomain
from v2xpki.authorities.scms.ceremony_file import (
    AcaImplicit,
    ComponentRequests,
    Components,
    CtlVote,
    GrantSpec,
    LaKey,
    LaKeys,
    ScmsSpec,
)
from v2xpki.authorities.scms.component_request import ComponentRequest, request_tbs
from v2xpki.authorities.scms.electors import Elector
from v2xpki.authorities.scms.la_keys import new_sealing_key, put_shared_key
from v2xpki.authorities.scms.scms_root import ScmsRoot
from v2xpki.authorities.scms.secrets import SecretStore, implicit_name, la_name, new_implicit_key
from v2xpki.config import Instance
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import CeremonyRefused, ConfigError
from v2xpki.issuance import recover, sign_component_request, sign_implicit_request
from v2xpki.keystore import KeyLabel, MemoryKey
from v2xpki.secured import RecipientKey, decrypt, encrypt
from v2xpki.store.aca import WrappedSecret
from v2xpki.time import iso_from_time32, time32_from_iso
from v2xpki.trust.scms_ctl import ScmsCtl, elector_hash, root_hash, verify_ctl_signature
from v2xpki.trust.scms_ctl_plan import CtlPlan, build_ctl
from v2xpki.trust.scms_profiles import role_of, scms_profile
from v2xpki.wire import dot2

_SHARED = 16  # octets of a key shared by an LA and the ACA


class Run(Protocol):
    """What a ceremony's work needs of the one that runs it."""

    started: int
    instance: Instance

    @property
    def outcome(self) -> Any: ...
    def read(self, path: Path) -> bytes: ...
    def certificate(self, path: Path) -> Certificate: ...
    def period(self, spec: CertificateSpec, domain: OpenDomain) -> dot2.ValidityPeriod | None: ...
    def keep_certificate(self, certificate: Certificate, kind: str, output: Path | None = None) -> None: ...
    def keep(
        self, octets: bytes, kind: str, hashed_id8: bytes | None = None, output: Path | None = None
    ) -> None: ...


# --- what will happen, for people ----------------------------------------------------------------------


def plan(run: Run, spec: ScmsSpec) -> list[str]:
    """Lines of the plan that are a kind's own."""
    if isinstance(spec, ComponentRequests):
        asked = [f"asks for   {w.certificate.profile} {w.certificate.name}" for w in spec.requests]
        return [*([f"new key    {spec.wrap}, AES-256"] if spec.wrap else []), *asked]
    if isinstance(spec, Components):
        return [f"signs with {spec.key}", *(_granted(run, grant) for grant in spec.certificates)]
    if isinstance(spec, CtlVote):
        return [f"signs with {spec.key}", *_planned_list(run, spec)]
    if isinstance(spec, AcaImplicit):
        return [
            f"new key    in the database, outside of the token, wrapped with {spec.wrap}",
            f"asks for   {spec.certificate.profile} {spec.certificate.name}",
        ]
    if isinstance(spec, LaKey):
        return [f"wraps with {spec.wrap}", f"for ACA    {run.certificate(spec.aca).hex8}"]
    lines = [f"opens with {spec.key}, wraps with {spec.wrap}"]
    for taken in spec.keys:
        la = run.certificate(taken.certificate)
        lines.append(f"takes      {taken.file} of {la.hex8}, SHA-256 {_digest(run.read(taken.file))}")
    return lines


def _granted(run: Run, grant: GrantSpec) -> str:
    digest, certificate = _digest(run.read(grant.request)), grant.certificate
    la_id = f" la id {grant.la_id}" if grant.la_id else ""
    return f"certifies  {certificate.profile} {certificate.name}{la_id}: {grant.request}, SHA-256 {digest}"


def _planned_list(run: Run, spec: CtlVote) -> list[str]:
    ctl, before = list_of(spec, run.read)
    tbs = build_ctl(ctl, before)
    lines = [
        f"list       series {spec.series}, sequence {spec.sequence}",
        f"holds from {iso_from_time32(ctl.effective)}",
        f"quorum     {ctl.quorum} of {len(ctl.electors)} for the next list",
        *(f"elector    {c.hex8} {c.name}" for c in ctl.electors),
        *(f"root       {c.hex8} {c.name}" for c in ctl.roots),
    ]
    if before is not None:
        left = {*map(elector_hash, ctl.electors), *map(root_hash, ctl.roots)}
        gone = [name for name in (*before.electors, *before.roots) if name not in left]
        lines += [f"removes    {name.hex()}" for name in gone]
    return [*lines, f"SHA-384    {hashlib.sha384(tbs).hexdigest()}"]


# --- the work ------------------------------------------------------------------------------------------


def work(run: Run, domain: OpenDomain, spec: ScmsSpec) -> None:
    """Do what the file asks for, in its open domain, once it is confirmed."""
    if isinstance(spec, ComponentRequests):
        _request(run, domain, spec)
    elif isinstance(spec, Components):
        _certify(run, domain, spec)
    elif isinstance(spec, CtlVote):
        _vote(run, domain, spec)
    elif isinstance(spec, LaKey):
        _make_la_key(run, domain, spec)
    elif isinstance(spec, AcaImplicit):
        _make_implicit_key(run, domain, spec)
    else:
        _take_la_keys(run, domain, spec)


def _request(run: Run, domain: OpenDomain, spec: ComponentRequests) -> None:
    if spec.wrap:
        label = KeyLabel.parse(spec.wrap)
        domain.keystore.generate_wrapping(label)
        with domain.database.write(durable=True) as tx:
            tx.audit(Event.KEY_GENERATED, label=label.text, curve="AES-256")
        if domain.config.name in ("la1", "la2"):
            new_sealing_key(domain.database, domain.keystore, label)
    keys = domain.keystore
    for wanted in spec.requests:
        wants = scms_profile(wanted.certificate.profile)
        if wants.self_signed or wants.encryption_key != (wanted.encrypt is not None):
            raise CeremonyRefused(f"the keys are not those of a {wants.kind} certificate")
        label = KeyLabel.parse(wanted.sign.label)
        encrypt_key = keys.public_key(KeyLabel.parse(wanted.encrypt.label)) if wanted.encrypt else None
        tbs = request_tbs(_name(wanted.certificate), keys.public_key(label), encrypt_key)
        octets = sign_component_request(keys, label, tbs, domain.database, domain.clock)
        ComponentRequest.parse(octets)
        run.keep(octets, "request", output=wanted.output)
    run.outcome.checks.append("each request verifies with the key that it names")


def _certify(run: Run, domain: OpenDomain, spec: Components) -> None:
    recover(domain.database)  # what a ceremony that was killed had open is void: it may be done anew
    issuer = run.certificate(spec.issuer)
    root = ScmsRoot(domain, KeyLabel.parse(spec.key), issuer)
    requests = [ComponentRequest.parse(run.read(grant.request)) for grant in spec.certificates]
    for grant, request in zip(spec.certificates, requests, strict=True):
        kind, more = grant.certificate.profile, dict[str, Any]()
        if grant.la_id:
            more["la_id"] = int(grant.la_id, 16)
        if grant.psids:
            more["relevant_psids"] = grant.psids
        period = run.period(grant.certificate, domain)
        certificate = root.certify(request, kind, _name(grant.certificate), period, **more)
        certificate.verify_signature(issuer)
        run.keep_certificate(certificate, kind, grant.output)


def _vote(run: Run, domain: OpenDomain, spec: CtlVote) -> None:
    recover(domain.database)
    own = run.certificate(spec.signer)
    signed = Elector(domain, KeyLabel.parse(spec.key), own).sign(*list_of(spec, run.read))
    verify_ctl_signature(signed.spdu, own, signed.tbs)
    run.outcome.checks.append(f"the signature of {own.hex8} verifies for the list as the file has it")
    run.keep(signed.spdu, "ctl-signature", own.hashed_id8, spec.output)


def _make_la_key(run: Run, domain: OpenDomain, spec: LaKey) -> None:
    own, aca = run.certificate(spec.certificate), run.certificate(spec.aca)
    _require_role(aca, "aca")
    key, since = secrets.token_bytes(_SHARED), _moment(spec.since) if spec.since else run.started
    sealed = encrypt(_la_id(own) + key, [aca]).octets
    put_shared_key(domain.database, domain.keystore, KeyLabel.parse(spec.wrap), key, since)
    run.outcome.checks.append(f"encrypted to {aca.hex8}: nobody else reads it")
    run.keep(sealed, "la-key", own.hashed_id8, spec.output)


def _take_la_keys(run: Run, domain: OpenDomain, spec: LaKeys) -> None:
    own, agreer = run.certificate(spec.certificate), domain.keystore.agreer(KeyLabel.parse(spec.key))
    opens = {own.hashed_id8: RecipientKey.of_certificate(agreer, own)}
    store = SecretStore(domain.database, WrappedSecret, domain.keystore, KeyLabel.parse(spec.wrap))
    keys = []
    for taken in spec.keys:
        octets, la_id = run.read(taken.file), _la_id(run.certificate(taken.certificate))
        if taken.digest and not hmac.compare_digest(taken.digest.lower(), _digest(octets)):
            raise CeremonyRefused(f"{taken.file} is not the file of the digest")
        plain = decrypt(octets, opens).plain
        if len(plain) != len(la_id) + _SHARED or plain[: len(la_id)] != la_id:
            raise CeremonyRefused(f"{taken.file} holds no key of the linkage authority {la_id.hex()}")
        keys.append((la_id, plain[len(la_id) :]))
    for la_id, key in keys:
        store.add(la_name(la_id, key), key)
        run.outcome.checks.append(f"a key shared with the linkage authority {la_id.hex()}")


def _make_implicit_key(run: Run, domain: OpenDomain, spec: AcaImplicit) -> None:
    if run.instance.settings.aca.implicit_key != "unwrapped":
        raise CeremonyRefused(
            "a key that no token holds is not allowed here", hint='[aca] implicit_key = "unwrapped"'
        )
    store = SecretStore(domain.database, WrappedSecret, domain.keystore, KeyLabel.parse(spec.wrap))
    public = new_implicit_key(store)
    key = MemoryKey(Curve.NIST_P256, int.from_bytes(store.get(implicit_name(public)), "big"))
    tbs = request_tbs(_name(spec.certificate), public, None)
    octets = sign_implicit_request(key, tbs, domain.database, domain.clock)
    ComponentRequest.parse(octets)
    run.outcome.checks.append("the request verifies with the key that it names")
    run.keep(octets, "request", output=spec.output)


def list_of(spec: CtlVote, read: Callable[[Path], bytes]) -> tuple[CtlPlan, ScmsCtl | None]:
    """What a file says of the list, and the present one. read: a file of the instance."""
    before = ScmsCtl.parse(read(spec.before)) if spec.before is not None else None
    electors, roots = (
        tuple(Certificate.parse(read(path)) for path in paths) for paths in (spec.electors, spec.roots)
    )
    series, effective = bytes.fromhex(spec.series), _moment(spec.effective)
    return CtlPlan(series, spec.sequence, effective, electors, roots, spec.quorum), before


def _la_id(certificate: Certificate) -> bytes:
    """2 octets."""
    return int(_require_role(certificate, "la").value.la_id).to_bytes(2, "big")


def _require_role(certificate: Certificate, name: str) -> Any:
    role = role_of(certificate)
    if role is None or role.kind != name:
        raise CeremonyRefused(f"{certificate.hex8} is no certificate of role {name}")
    return role


def _name(spec: CertificateSpec) -> str:
    if not spec.name:
        raise ConfigError(f"name is missing in the certificate of a {spec.profile}")
    return spec.name


def _moment(text: str) -> int:
    try:
        return time32_from_iso(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no ISO 8601 time") from None


def _digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()
