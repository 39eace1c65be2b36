"""Runs a ceremony file: shows the plan, asks, works, leaves a transcript.

    outcome = run(Path("root.yaml"), operator="alice", confirm=ask)

Nothing is ever replaced: a key label or an output that exists is a refusal, before anything is signed.
Each certificate and list is linted twice, as it is prepared and as it came back, and recorded in the
domain's database before its signature. The transcript in DIR/ceremonies names who, when and the digests
of what went in and came out, and the head of the audit chain, so that it is also a checkpoint outside
the database.
"""

import hashlib
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import yaml

from v2xpki import __version__
from v2xpki.audit import Event
from v2xpki.authorities.ceremony_parts import CertificateSpec, KeySpec
from v2xpki.authorities.domain import OpenDomain, Opener, open_domain
from v2xpki.authorities.etsi.ca_request import CaRequest, build_request
from v2xpki.authorities.etsi.ceremony_file import (
    CeremonyFile,
    EntrySpec,
    Link,
    Request,
    RevocationList,
    SelfSigned,
    SubCa,
    TrustList,
)
from v2xpki.authorities.etsi.linking import sign_rca_link, sign_tlm_link
from v2xpki.authorities.etsi.root import RootAuthority
from v2xpki.authorities.etsi.signing import lists_of
from v2xpki.authorities.etsi.tlm import TrustListManager
from v2xpki.authorities.scms import ceremony as scms
from v2xpki.authorities.scms.ceremony_file import ComponentRequests, ScmsSpec, outputs
from v2xpki.authorities.scms.electors import Elector
from v2xpki.authorities.scms.scms_root import ScmsRoot
from v2xpki.config import Instance
from v2xpki.crypto import Certificate, Curve, PublicKey
from v2xpki.errors import CeremonyRefused, ConfigError, UnsupportedAlgorithm, V2xPkiError
from v2xpki.issuance import recover, sign_ca_rekeying, sign_ca_request
from v2xpki.keystore import KeyLabel
from v2xpki.store.signed_lists import Kept
from v2xpki.time import Clock, SystemClock, iso_from_time32, time32_from_iso
from v2xpki.trust import (
    AaEntry,
    DcEntry,
    EaEntry,
    EctlSchedule,
    RcaEntry,
    TlmEntry,
    lint_certificate,
    validity,
)
from v2xpki.trust.lint import Finding
from v2xpki.trust.lists import ListKind
from v2xpki.trust.profiles import Kind
from v2xpki.trust.runs import RunSchedule
from v2xpki.trust.scms_lint import lint_scms_tbs
from v2xpki.trust.scms_profiles import BACKDATE, scms_profile
from v2xpki.trust.scms_profiles import COMPONENTS as SCMS_COMPONENTS
from v2xpki.wire import dot2

Confirm = Callable[[Sequence[str]], bool]


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a ceremony wrote. `hashed_id8` is the certificate's, or a list's signer's."""

    path: Path
    kind: str
    sha256: bytes
    hashed_id8: bytes | None = None


@dataclass(slots=True)
class Outcome:
    """What a finished ceremony left."""

    title: str
    kind: str
    domain: str
    outputs: list[Output] = field(default_factory=list)
    keys: list[tuple[KeyLabel, PublicKey]] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    #: What an operator has to be told.
    warnings: list[str] = field(default_factory=list)
    transcript: Path = Path()


def run(
    path: Path,
    *,
    operator: str,
    confirm: Confirm,
    clock: Clock | None = None,
    unfinished: bool = False,
    opener: Opener = open_domain,
) -> Outcome:
    """Run one ceremony. `confirm` is shown the plan; its False is CeremonyRefused.

    `unfinished`: the instance is one that `init` has not completed. Raises CeremonyRefused, ConfigError, and
    what keystore, store and issuance raise. A process holds one domain's token: one ceremony a process.
    """
    clock = clock or SystemClock()
    file = CeremonyFile.read(path)
    instance = Instance.load(file.instance_dir, unfinished=unfinished)
    return _Run(file, instance, operator, clock, opener).run(confirm)


class _Run:
    """One ceremony from plan to transcript."""

    def __init__(
        self, file: CeremonyFile, instance: Instance, operator: str, clock: Clock, opener: Opener
    ) -> None:
        self.file, self.spec, self.instance = file, file.spec, instance
        self.operator, self.clock, self._open = operator, clock, opener
        self.started = clock.time32()
        self.outcome = Outcome(self.spec.title, self.spec.kind, self.spec.domain)

    def run(self, confirm: Confirm) -> Outcome:
        self._refuse_output()
        plan = self._plan()
        if not confirm(plan):
            raise CeremonyRefused("not confirmed; nothing was done", hint="--yes confirms without a question")
        creates = isinstance(self.spec, SelfSigned | Request | ComponentRequests)
        with self._open(self.instance, self.spec.domain, clock=self.clock, create=creates) as domain:
            try:
                self._refuse_labels(domain)
                self._audit(domain, Event.CEREMONY_STARTED)
                self._work(domain)
            except V2xPkiError as error:
                self._audit(domain, Event.CEREMONY_REFUSED, reason=type(error).__name__)
                raise
            self._audit(domain, Event.CEREMONY_FINISHED)
            self._write_transcript(domain, plan)
        return self.outcome

    # --- before -----------------------------------------------------------------------------------

    def _refuse_output(self) -> None:
        if isinstance(self.spec, TrustList | RevocationList):
            return  # a folder; each file in it is new
        names = outputs(self.spec) if isinstance(self.spec, ScmsSpec) else [self.spec.output]
        for path in map(self.instance.path, names):
            if path.exists():
                raise CeremonyRefused(f"{path} exists; a ceremony replaces nothing")

    def _new_keys(self) -> list[tuple[KeyLabel, Curve]]:
        specs: list[KeySpec] = []
        if isinstance(self.spec, SelfSigned):
            specs = [self.spec.key]
        elif isinstance(self.spec, Request):
            specs = [self.spec.sign, self.spec.encrypt]
        elif isinstance(self.spec, ComponentRequests):
            specs = self.spec.keys
        return [(KeyLabel.parse(spec.label), _curve(spec.curve)) for spec in specs]

    def _refuse_labels(self, domain: OpenDomain) -> None:
        there = {info.label for info in domain.keystore.keys()}
        for label, _ in self._new_keys():
            if label in there:
                raise CeremonyRefused(f"key {label} exists in the token; a ceremony replaces nothing")

    def _plan(self) -> list[str]:
        """What will happen, for people."""
        spec, domain = self.spec, self.instance.domain(self.spec.domain)
        lines = [
            f"ceremony   {spec.title} ({spec.kind})",
            f"file       {self.file.path.name}, SHA-256 {self.file.digest.hex()}",
            f"operator   {self.operator} on {socket.gethostname()}",
            f"token      {domain.token_label} ({domain.keystore_profile})",
        ]
        lines += [f"new key    {label}, {curve.text}" for label, curve in self._new_keys()]
        if isinstance(spec, ScmsSpec):
            return [*lines, *scms.plan(self, spec), *(f"output     {path}" for path in outputs(spec))]
        if isinstance(spec, SubCa | TrustList | RevocationList | Link):
            lines.append(f"signs with {spec.key}")
        if isinstance(spec, SelfSigned | Request | SubCa):
            lines += self._plan_certificate(spec.certificate)
        if isinstance(spec, SubCa):
            request = self._read_request(spec.request)
            lines.append(f"request    {spec.request}, SHA-256 {hashlib.sha256(request.octets).hexdigest()}")
            if request.former is not None:
                lines.append(f"re-keys    {request.former.hex().upper()}")
        if isinstance(spec, Request) and spec.rekey is not None:
            lines.append(
                f"signs with {spec.rekey.key}, under {self.certificate(spec.rekey.certificate).hex8}"
            )
        if isinstance(spec, TrustList):
            last = spec.sequence + spec.count - 1
            lines.append(f"sequence   {spec.sequence}" + (f" to {last}" if spec.count > 1 else ""))
            lines += [f"entry      {self._plan_entry(entry)}" for entry in spec.entries]
        if isinstance(spec, RevocationList):
            revoked = [self.certificate(path).hex8 for path in spec.revoked]
            lines.append(f"revokes    {', '.join(revoked) or 'nothing'}")
            lines += [f"reason     {spec.reason}"] if spec.reason else []
        if isinstance(spec, TrustList | RevocationList):
            periods = list(self._schedule(spec))
            lines += [
                f"holds      {iso_from_time32(start)} to {iso_from_time32(end)}" for start, end in periods
            ]
        if isinstance(spec, Link):
            lines += self._plan_link(spec)
        lines.append(f"output     {spec.output}")
        return lines

    def _plan_link(self, spec: Link) -> list[str]:
        old, new = self.certificate(spec.signer), self.certificate(spec.successor)
        lines = [f"and with   {spec.successor_key}"] if spec.successor_key else []
        for word, entry in (("from", old), ("to", new)):
            digest = hashlib.sha256(entry.octets).hexdigest()
            lines.append(f"{word:11}{entry.hex8} {entry.name or '(none)'}, SHA-256 {digest}")
        return [*lines, f"vouches    until {iso_from_time32(old.end)}"]

    def _plan_certificate(self, spec: CertificateSpec) -> list[str]:
        lines = [
            f"profile    {spec.profile}",
            f"name       {spec.name if spec.name is not None else '(none)'}",
        ]
        if spec.start or spec.validity:
            lines.append(f"validity   from {spec.start or 'now'}, {spec.validity or 'as in the profile'} s")
        return lines

    def _plan_entry(self, entry: EntrySpec) -> str:
        paths = [*([entry.certificate] if entry.certificate else []), *entry.certificates]
        ids = [self.certificate(path).hex8 for path in paths]
        urls = [
            url
            for url in (entry.url, entry.access_point, entry.its_access_point, entry.aa_access_point)
            if url
        ]
        return " ".join([entry.entry, *ids, *map(str.upper, entry.roots), *urls])

    # --- the work -----------------------------------------------------------------------------------

    def _work(self, domain: OpenDomain) -> None:
        for label, curve in self._new_keys():
            key = domain.keystore.generate(label, curve)
            self.outcome.keys.append((label, key))
            with domain.database.write(durable=True) as tx:
                tx.audit(Event.KEY_GENERATED, label=label.text, curve=curve.text, point=key.point)
        spec = self.spec
        if isinstance(spec, SelfSigned):
            self._self_sign(domain, spec)
        elif isinstance(spec, Request):
            self._request(domain, spec)
        elif isinstance(spec, SubCa):
            self._certify(domain, spec)
        elif isinstance(spec, TrustList):
            self._sign_trust_list(domain, spec)
        elif isinstance(spec, Link):
            self._sign_link(domain, spec)
        elif isinstance(spec, RevocationList):
            self._sign_crl(domain, spec)
        else:
            scms.work(self, domain, spec)

    def _self_sign(self, domain: OpenDomain, spec: SelfSigned) -> None:
        label = KeyLabel.parse(spec.key.label)
        kinds = {"root": RootAuthority, "tlm": TrustListManager, "scmsroot": ScmsRoot}
        authority = kinds.get(spec.domain, Elector)(domain, label, None)
        if spec.certificate.profile != authority.kind:
            raise CeremonyRefused(
                f"domain {spec.domain} signs a {authority.kind} certificate, not {spec.certificate.profile}"
            )
        certificate = authority.certify_self(spec.certificate.name, self.period(spec.certificate, domain))
        certificate.verify_signature(None)
        self.keep_certificate(certificate, spec.certificate.profile)

    def _request(self, domain: OpenDomain, spec: Request) -> None:
        if spec.certificate.profile != spec.domain.upper():
            raise CeremonyRefused(f"domain {spec.domain} asks for no {spec.certificate.profile} certificate")
        (sign, verification_key), (_, encryption_key) = self.outcome.keys
        profile = domain.profiles.profile(spec.certificate.profile)
        data = build_request(profile, verification_key, encryption_key, spec.certificate.name)
        octets = sign_ca_request(domain.keystore, sign, data, domain.database, domain.clock)
        CaRequest.parse(octets)
        self.outcome.checks.append("request verifies with the key that it names")
        if spec.rekey is not None:
            present, label = self.certificate(spec.rekey.certificate), KeyLabel.parse(spec.rekey.key)
            octets = sign_ca_rekeying(domain.keystore, label, present, octets, domain.database, domain.clock)
            CaRequest.parse(octets).verify_rekeying(present)
            self.outcome.checks.append(f"and under {present.hex8}")
        self.keep(octets, "request")

    def _certify(self, domain: OpenDomain, spec: SubCa) -> None:
        issuer = self.certificate(spec.issuer)
        recover(domain.database)  # what a ceremony that was killed had open is void: it may be done anew
        root = RootAuthority(domain, KeyLabel.parse(spec.key), issuer)
        kind = spec.certificate.profile
        if kind not in ("EA", "AA"):
            raise CeremonyRefused(f"a root certifies an EA or an AA, not {kind}")
        request = self._read_request(spec.request)
        certificate = root.certify(
            request, kind, spec.certificate.name, self.period(spec.certificate, domain)
        )
        certificate.verify_signature(issuer)
        self.keep_certificate(certificate, kind)

    def _sign_trust_list(self, domain: OpenDomain, spec: TrustList) -> None:
        signer, label = self.certificate(spec.signer), KeyLabel.parse(spec.key)
        schedule = self._schedule(spec)
        self._recover_lists(domain, signer)
        entries = [self._entry(entry) for entry in spec.entries]
        if spec.kind == "ectl":
            manager = TrustListManager(domain, label, signer)
            ectl = [entry for entry in entries if not isinstance(entry, EaEntry | AaEntry)]
            signed = manager.sign_ectls(schedule, ectl, spec.sequence)
            warning = EctlSchedule(*signed[-1][2:4], sequence=signed[-1].number).warning
            self.outcome.warnings += [warning] if warning else []
        else:
            root = RootAuthority(domain, label, signer)
            ctl = [entry for entry in entries if not isinstance(entry, RcaEntry | TlmEntry)]
            signed = root.sign_ctls(schedule, ctl, spec.sequence)
        self._keep_lists(signed, signer)

    def _sign_crl(self, domain: OpenDomain, spec: RevocationList) -> None:
        signer = self.certificate(spec.signer)
        self._recover_lists(domain, signer)
        root = RootAuthority(domain, KeyLabel.parse(spec.key), signer)
        revoked = [self.certificate(path) for path in spec.revoked]
        self._keep_lists(root.sign_crls(self._schedule(spec), revoked, self.operator, spec.reason), signer)

    def _sign_link(self, domain: OpenDomain, spec: Link) -> None:
        old, new = self.certificate(spec.signer), self.certificate(spec.successor)
        label = KeyLabel.parse(spec.key)
        self.outcome.checks.append(f"{old.hex8} vouches for {new.hex8}; every signature verifies")
        if spec.successor_key is None:
            self.keep(sign_tlm_link(domain, label, old, new).octets, spec.kind, old.hashed_id8)
            return
        single, double = sign_rca_link(domain, (label, KeyLabel.parse(spec.successor_key)), old, new)
        path = self.instance.path(spec.output)
        inner = path.with_name(f"{path.stem}-single{path.suffix}")
        # A ceremony that was killed may have left it; it is the same one then.
        if not inner.exists() or inner.read_bytes() != single.octets:
            write_new(inner, single.octets)
        digest = hashlib.sha256(single.octets).digest()
        self.outcome.outputs.append(Output(inner, spec.kind, digest, old.hashed_id8))
        self.keep(double.octets, spec.kind, new.hashed_id8)

    def _recover_lists(self, domain: OpenDomain, signer: Certificate) -> None:
        """What a ceremony that was killed left behind: open records become void, and lists whose record is
        complete get the files that they are without."""
        recover(domain.database)
        kind = cast(ListKind, self.spec.kind)
        lists = lists_of(domain.database, kind, signer.hashed_id8)
        for kept in lists.signed(in_force_after=self.clock.time32()):
            path = self._folder / list_file(kind, kept)
            if not path.exists():
                write_new(path, kept.octets)

    @property
    def _folder(self) -> Path:
        """Of the lists."""
        assert isinstance(self.spec, TrustList | RevocationList)
        return self.instance.path(self.spec.output)

    def _schedule(self, spec: TrustList | RevocationList) -> RunSchedule:
        return RunSchedule(self._this_update(spec.this_update), spec.next_update, spec.overlap, spec.count)

    # --- inputs ---------------------------------------------------------------------------------------

    def read(self, path: Path) -> bytes:
        try:
            return self.instance.path(path).read_bytes()
        except FileNotFoundError:
            raise CeremonyRefused(f"{path} is not there", hint="which ceremony was to make it?") from None

    def certificate(self, path: Path) -> Certificate:
        return Certificate.parse(self.read(path))

    def _read_request(self, path: Path) -> CaRequest:
        return CaRequest.parse(self.read(path))

    def _this_update(self, text: str) -> int:
        return _moment(text) if text else self.started

    def period(self, spec: CertificateSpec, domain: OpenDomain) -> dot2.ValidityPeriod | None:
        """None where the profile decides."""
        if not spec.start and spec.validity is None:
            return None
        if spec.profile in SCMS_COMPONENTS:
            usual, backdate = scms_profile(spec.profile).validity, BACKDATE
        else:
            profile = domain.profiles.profile(spec.profile)
            usual, backdate = profile.validity, profile.backdate
        start = _moment(spec.start) if spec.start else validity.floor_hour(self.started - backdate)
        length = validity.duration(spec.validity) if spec.validity is not None else usual
        return dot2.ValidityPeriod(start=start, duration=length)

    def _entry(self, spec: EntrySpec) -> RcaEntry | TlmEntry | EaEntry | AaEntry | DcEntry:
        if spec.entry == "dc":
            roots = [self.certificate(path).hashed_id8 for path in spec.certificates]
            return DcEntry(spec.url or "", (*roots, *map(bytes.fromhex, spec.roots)))
        assert spec.certificate is not None
        certificate = self.certificate(spec.certificate)
        former = self.certificate(spec.successor_to) if spec.successor_to else None
        if spec.entry == "rca":
            return RcaEntry(certificate, former)
        if spec.entry == "tlm":
            return TlmEntry(certificate, spec.access_point or "", former)
        if spec.entry == "ea":
            return EaEntry(certificate, spec.aa_access_point or "", spec.its_access_point)
        return AaEntry(certificate, spec.access_point or "")

    # --- outputs ---------------------------------------------------------------------------------------

    def keep_certificate(self, certificate: Certificate, kind: str, output: Path | None = None) -> None:
        """Write a certificate that was made, once it is looked over; None: to the file's own output."""
        findings = _lint(certificate, kind)
        errors = [str(finding) for finding in findings if finding.rule.severity == "error"]
        if errors:
            raise CeremonyRefused(f"the signed certificate breaks rules: {'; '.join(errors)}")
        remarks = "; ".join(str(finding) for finding in findings)
        start, end = iso_from_time32(certificate.start), iso_from_time32(certificate.end)
        self.outcome.checks += [
            f"linted before and after signing: {remarks or 'no findings'}",
            f"signature verifies; valid {start} to {end}",
        ]
        self.keep(certificate.octets, kind, certificate.hashed_id8, output)

    def _keep_lists(self, signed: Sequence[Kept], signer: Certificate) -> None:
        # Their record is complete by now; where this process ends here, the next ceremony writes the files.
        self.outcome.checks.append(f"{len(signed)} lists verify under {signer.hex8}, each at its own time")
        for kept in signed:
            path = self._folder / list_file(self.spec.kind, kept)
            write_new(path, kept.octets)
            digest = hashlib.sha256(kept.octets).digest()
            self.outcome.outputs.append(Output(path, self.spec.kind, digest, signer.hashed_id8))

    def keep(
        self, octets: bytes, kind: str, hashed_id8: bytes | None = None, output: Path | None = None
    ) -> None:
        """Write what was made."""
        if output is None:
            assert not isinstance(self.spec, ScmsSpec)
            output = self.spec.output
        path = self.instance.path(output)
        write_new(path, octets)
        self.outcome.outputs.append(Output(path, kind, hashlib.sha256(octets).digest(), hashed_id8))

    def _audit(self, domain: OpenDomain, event: Event, **more: str) -> None:
        with domain.database.write(durable=True) as tx:
            tx.audit(event, name=self.spec.title, digest=self.file.digest, operator=self.operator, **more)

    def _write_transcript(self, domain: OpenDomain, plan: Sequence[str]) -> None:
        stamp = iso_from_time32(self.started).replace(":", "").replace("-", "")
        folder = self.instance.ceremonies_dir
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{self.file.path.stem}.{stamp}.{self.file.digest.hex()[:8]}.transcript"
        text = yaml.safe_dump(
            {
                "ceremony": self.spec.title,
                "kind": self.spec.kind,
                "file": self.file.path.name,
                "file_sha256": self.file.digest.hex(),
                "operator": self.operator,
                "host": socket.gethostname(),
                "software": f"v2xpki {__version__}",
                "started": iso_from_time32(self.started),
                "finished": iso_from_time32(self.clock.time32()),
                "domain": self.spec.domain,
                "keystore": domain.keystore.kind,
                "plan": list(plan),
                "keys": [
                    {"label": label.text, "curve": key.curve.text, "public_key": key.point.hex()}
                    for label, key in self.outcome.keys
                ],
                "checks": self.outcome.checks,
                "warnings": self.outcome.warnings,
                "outputs": [
                    {
                        "file": str(output.path.relative_to(self.instance.directory)),
                        "kind": output.kind,
                        "sha256": output.sha256.hex(),
                        **({"hashedId8": output.hashed_id8.hex().upper()} if output.hashed_id8 else {}),
                    }
                    for output in self.outcome.outputs
                ],
            },
            sort_keys=False,
            allow_unicode=True,
            width=110,
        )
        write_new(path, text.encode())
        self.outcome.transcript = path


def _lint(certificate: Certificate, kind: str) -> Sequence[Finding]:
    if kind not in SCMS_COMPONENTS:
        return lint_certificate(certificate, cast(Kind, kind))
    tbs = certificate.record.to_be_signed
    # what depends on the issuer was looked at before it was signed
    return [f for f in lint_scms_tbs(tbs, kind) if certificate.is_self_signed or f.rule.id != "e_scms_issuer"]


def list_file(kind: str, kept: Kept) -> str:
    """The name of a signed list's file."""
    return f"{kind}-{kept.number}{'-delta' if kept.delta else ''}.oer"


def write_new(path: Path, octets: bytes) -> None:
    """A new file, whole and on the disk when it has its name. Raises CeremonyRefused where one is there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)  # unlike a rename it replaces nothing
    except FileExistsError:
        raise CeremonyRefused(f"{path} exists; a ceremony replaces nothing") from None
    finally:
        draft.unlink(missing_ok=True)


def _curve(text: str) -> Curve:
    try:
        return Curve.from_text(text)
    except UnsupportedAlgorithm as error:
        raise ConfigError(str(error)) from None


def _moment(text: str) -> int:
    try:
        return time32_from_iso(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no ISO 8601 time") from None
