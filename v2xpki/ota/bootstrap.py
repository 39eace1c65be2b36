"""What `init` does for firmware: tokens, databases and keys of both repositories, and what signers are asked.

A laboratory has its signers in DIR/signers, asks them at once, and publishes. Otherwise the public keys of
signers are given, and what they are asked to sign lies in DIR/signing-requests when `init` is done.

Each token's work is done in a process of its own, which stays until all is done.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from securesystemslib.signer import Key

from v2xpki.audit import Event
from v2xpki.config import OTA_DOMAINS, Instance
from v2xpki.config.ota import APPROVER, AUDITOR, CAMPAIGN_MANAGER, RELEASE_ENGINEER
from v2xpki.crypto import Curve
from v2xpki.errors import ConfigError
from v2xpki.keystore import KeyLabel, TokenConfig, create_token, open_token
from v2xpki.keystore.apart import Apart
from v2xpki.ota.changes import POST_QUANTUM, FirstRoles, hybrid_fault
from v2xpki.ota.kinds import DIRECTOR, IMAGE, KINDS, ROOT
from v2xpki.ota.online_keys import OnlineKeys
from v2xpki.ota.opening import open_repository, repository_at_work
from v2xpki.ota.pinned import PinnedRoot
from v2xpki.ota.signers import USES, SignerKeys, create_signer, open_signer
from v2xpki.ota.signing_files import RequestFile, SignatureFile
from v2xpki.ota.vehicle_ca import make_ca
from v2xpki.store import Database, upgrade
from v2xpki.time import Clock, SystemClock
from v2xpki.trust.ota.keys import key_of_pem

SIGNERS, REQUESTS = "signers", "signing-requests"
#: A laboratory's: how many signers, and how many of them must agree.
LAB_SIGNERS, LAB_THRESHOLD = 3, 2
#: A laboratory's ITS-AID for registrations: the highest that four octets hold, which nobody registers.
LAB_ITS_AID = 270_549_119
#: Who approves releases in a laboratory: nobody approves what they added.
LAB_APPROVER = "approver"


@dataclass(frozen=True, slots=True)
class OtaPlan:
    """What is to be made. `first`: the signers' keys, by repository; None for a laboratory, which makes its
    own signers. Illegal plans do not construct (ConfigError)."""

    operator: str
    its_aid: int = 0
    first: Mapping[str, FirstRoles] | None = None
    #: The roots have exactly two keys, ECDSA P-256 and ML-DSA-65, and need both.
    hybrid: bool = False

    def __post_init__(self) -> None:
        if self.first is None:
            if self.hybrid:
                raise ConfigError("a hybrid root is for signers whose keys are given")
            return
        image, director = (self.first[kind.name] for kind in (IMAGE, DIRECTOR))
        roots = {"root": image, "the Director's root": director}
        for what, keys, threshold in (
            *((what, first.root_keys, first.root_threshold) for what, first in roots.items()),
            ("targets", image.targets_keys, image.targets_threshold),
        ):
            if not 0 < threshold <= len(keys):
                raise ConfigError(f"{what}: {len(keys)} keys and threshold {threshold}")
        if {key.keyid for key in image.root_keys} & {key.keyid for key in director.root_keys}:
            # a root does not say whose it is: one would do for the other
            raise ConfigError(
                "a key is to be of both roots; each has its own",
                hint="--ota-director-key names the Director's",
            )
        for what, first in roots.items():
            if self.hybrid and (fault := hybrid_fault(first.root_keys, first.root_threshold)):
                raise ConfigError(f"{what}: {fault}")
            if not self.hybrid and any(key.scheme == POST_QUANTUM for key in first.root_keys):
                raise ConfigError(f"{what}: an ML-DSA-65 key is for --ota-hybrid-root alone")

    @property
    def lab(self) -> bool:
        return self.first is None

    @property
    def preload(self) -> str:
        """The module that its processes have from the start."""
        return __name__

    @property
    def folders(self) -> tuple[str, ...]:
        """What it makes in DIR beside its domains."""
        return (SIGNERS,) if self.lab else (REQUESTS,)

    @property
    def operators(self) -> tuple[str, ...]:
        """Who gets a client certificate of the laboratory's beside the operator."""
        return (LAB_APPROVER,) if self.lab else ()

    def settings_lines(self) -> list[str]:
        """The sections of v2xpki.toml."""
        lines = [
            "[ota]",
            "# ITS-AID of registrations that enrolment credentials sign; 0: by the OEM's interface alone.",
            f"its_aid = {self.its_aid}",
            "# Of vehicles on the list alone (v2xpki ota vehicle expect); production should have it so.",
            '# registration = "expected"',
            "# Which statements of provenance a release needs; without it no release is taken.",
            '# provenance = "provenance.toml"',
            *(["hybrid_root = true"] if self.hybrid else ()),
            "",
            "# Name (CN) in an operator's client certificate -> roles.",
            "[ota.operators]",
        ]
        roles = {
            self.operator: [RELEASE_ENGINEER, CAMPAIGN_MANAGER, AUDITOR],
            LAB_APPROVER: [APPROVER, AUDITOR],
        }
        mark = "" if self.lab else "# "
        return [*lines, *(f"{mark}{json.dumps(name)} = {json.dumps(held)}" for name, held in roles.items())]

    def make(self, instance: Instance, clock: Clock, progress: Callable[[str], None]) -> None:
        """All of it. Raises KeystoreError, StoreError, Refused (BAD_CHANGE: keys that no root can have)."""
        instance.images_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as stack:

            def apart() -> Apart:
                return stack.enter_context(Apart())

            signers = [(apart(), instance.path(SIGNERS) / str(n + 1)) for n in range(LAB_SIGNERS * self.lab)]
            first = self.first or _first_of(
                [process.call(create_signer, path, f"signer-{path.name}") for process, path in signers]
            )
            if signers:
                progress(f"{len(signers)} signers of firmware metadata")
            domains = {name: apart() for name in OTA_DOMAINS}
            requests: list[RequestFile] = []
            for name, process in domains.items():
                requests += process.call(begin, instance.directory, name, first[name], self.operator)
                progress(f"keys of {name}")
            PinnedRoot(instance.domain("director").trust_dir).pin(_first_root(requests).octets)
            if not signers:
                _leave(instance.path(REQUESTS), requests)
                progress(f"{len(requests)} signing requests")
                return
            for request in requests:
                made = [
                    process.call(sign, path, request, self.operator)
                    for process, path in signers[:LAB_THRESHOLD]
                ]
                domains[request.repository].call(submit, instance.directory, made, self.operator)
            progress("roots and targets of both repositories, published")


def read_keys(files: Sequence[Path], use: str) -> tuple[Key, ...]:
    """Signers' public keys for a use ("root", "targets", "director"), each from a file: what
    `v2xpki ota signer show` printed, or PEM. Raises ConfigError, DecodeError."""
    keys = []
    for path in files:
        try:
            octets = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None
        if octets.lstrip()[:1] == b"{":
            keys.append(SignerKeys.parse(octets).keys[use])
        else:
            keys.append(key_of_pem(octets, str(path)))
    return tuple(keys)


# --- in the processes of the tokens ------------------------------------------------------------------


def begin(directory: Path, name: str, first: FirstRoles, by: str) -> list[RequestFile]:
    """In the process of a repository: token, database, keys, and what its signers are asked."""
    instance, clock = Instance.load(directory, unfinished=True), SystemClock()
    domain, kind = instance.domain(name), KINDS[name]
    token = TokenConfig.of_domain(domain)
    if domain.softhsm2_conf is not None and not domain.softhsm2_conf.exists():
        create_token(token)
    curve = Curve.from_text(domain.curve or Curve.NIST_P256.text)
    domain.certificates_dir.mkdir(mode=0o700, exist_ok=True)
    with closing(open_token(token)) as keystore, Database.open(domain.database_url, clock=clock) as database:
        upgrade(database, name)
        keys = OnlineKeys(keystore, kind)
        labels = [keys.generate(role, curve) for role in kind.online]
        if name == "director":
            labels.append(KeyLabel("director-ca", "sign"))
            keystore.generate(labels[-1], curve)
        for label in labels:
            point = keystore.public_key(label).point
            with database.write(durable=True) as tx:
                tx.audit(Event.KEY_GENERATED, label=label.text, curve=curve.text, point=point)
        if name == "director":
            ca = make_ca(keystore, database, clock, label=labels[-1])
            (domain.certificates_dir / "director-ca-1.pem").write_bytes(ca)
        repository = open_repository(instance, name, keystore, database, clock)
        requests = repository.bootstrap(first, by=by)
        return [repository.request_file(one.id) for one in requests]


def sign(directory: Path, request: RequestFile, by: str) -> SignatureFile:
    """In the process of a signer."""
    with open_signer(directory) as signer:
        return signer.sign(request, by=by)


def submit(directory: Path, signatures: Sequence[SignatureFile], by: str) -> None:
    """In the process of a repository."""
    instance = Instance.load(directory, unfinished=True)
    with repository_at_work(instance, signatures[0].repository) as repository:
        for signature in signatures:
            repository.submit(signature, by=by)


# --- what goes to and fro -------------------------------------------------------------------------------


def _first_of(signers: Sequence[SignerKeys]) -> dict[str, FirstRoles]:
    roots, targets, director = ([one.keys[use] for one in signers] for use in USES)
    return {
        IMAGE.name: FirstRoles(tuple(roots), LAB_THRESHOLD, tuple(targets), LAB_THRESHOLD),
        DIRECTOR.name: FirstRoles(tuple(director), LAB_THRESHOLD),
    }


def _first_root(requests: Sequence[RequestFile]) -> RequestFile:
    return next(one for one in requests if (one.repository, one.role) == ("image", ROOT))


def _leave(folder: Path, requests: Sequence[RequestFile]) -> None:
    for request in requests:
        path = folder / f"{request.repository}-{request.role}-{request.version}.json"
        document: Mapping[str, object] = request.document()
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
