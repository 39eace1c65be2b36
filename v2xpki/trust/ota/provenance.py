"""Where an image comes from: an in-toto Statement in a DSSE envelope, held against the OEM's policy.

    policy = Policy.parse(toml, read)                      [[builder]] id, keys, predicates ...
    accepted = check(envelope, policy, sha256, name="brake", hardware_id="bcm-2")

Signatures are verified before anything in the payload is looked at. A keyid in an envelope is a hint (DSSE
protocol, Signature): which key signed is found by verifying. SLSA provenance names its builder; the release
predicate names none, so there the builder is whoever signed.
"""

import hmac
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, Self

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import Signature, SSlibKey

from v2xpki.config.tables import strict_table
from v2xpki.errors import ConfigError, DecodeError, InvalidProvenance
from v2xpki.trust.ota.canonical import read_object
from v2xpki.trust.ota.keys import key_of_pem

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPES = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
SLSA_V1, SLSA_V02 = "https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2"
RELEASE_V01, RELEASE_V02 = (
    "https://in-toto.io/attestation/release/v0.1",
    "https://in-toto.io/attestation/release/v0.2",
)
PREDICATES = (SLSA_V1, SLSA_V02, RELEASE_V01, RELEASE_V02)
#: Octets of an envelope, and signatures on one.
LONGEST, MOST_SIGNATURES = 1 << 20, 16
_PEM = "-----BEGIN "


class Rule(StrEnum):
    """What a refusal names as its `rule`."""

    NO_POLICY = "no-policy"
    NOT_DSSE = "not-dsse"
    PAYLOAD_TYPE = "payload-type"
    SIGNATURE = "signature"
    STATEMENT = "statement"
    SUBJECT = "subject"
    BUILDER = "builder"
    PREDICATE_TYPE = "predicate-type"


class Accepted(NamedTuple):
    """What a release was taken with. keyid: who signed; joined by commas where the policy wants several."""

    predicate_type: str
    builder: str
    keyid: str


@dataclass(frozen=True, slots=True)
class _BuilderTable:
    id: str
    keys: tuple[str, ...]
    predicates: tuple[str, ...] = (SLSA_V1,)
    names: tuple[str, ...] = ("*",)
    hardware_ids: tuple[str, ...] = ("*",)
    threshold: int = 1


@dataclass(frozen=True, slots=True)
class _PolicyTable:
    builder: tuple[_BuilderTable, ...]
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Builder:
    """Who may build what. names, hardware_ids: patterns, as a shell has them."""

    id: str
    keys: tuple[SSlibKey, ...]
    predicates: frozenset[str]
    names: tuple[str, ...]
    hardware_ids: tuple[str, ...]
    threshold: int

    def may_build(self, name: str, hardware_id: str) -> bool:
        return any(fnmatchcase(name, one) for one in self.names) and any(
            fnmatchcase(hardware_id, one) for one in self.hardware_ids
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """The builders that an OEM believes."""

    builders: tuple[Builder, ...]

    @classmethod
    def parse(cls, text: str, read: Callable[[str], bytes]) -> Self:
        """Of TOML: [[builder]] with id, keys, predicates, names, hardware_ids, threshold. A key is a PEM, a
        name in the table [keys], or a path, which `read` reads. Raises ConfigError that names the key."""
        try:
            table = strict_table(_PolicyTable, tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"the policy of provenance: {error}") from None
        if not table.builder:
            raise ConfigError("the policy of provenance has no [[builder]]")
        return cls(tuple(_builder(one, n, table.keys, read) for n, one in enumerate(table.builder)))


def _builder(table: _BuilderTable, n: int, named: Mapping[str, str], read: Callable[[str], bytes]) -> Builder:
    where = f"builder[{n}]"
    for predicate in table.predicates:
        if predicate not in PREDICATES:
            raise ConfigError(f"{where}.predicates: no {predicate}", hint=f"one of {', '.join(PREDICATES)}")
    keys = {key.keyid: key for key in (_key(one, where, named, read) for one in table.keys)}
    if not table.id or not table.predicates or not 1 <= table.threshold <= len(keys):
        raise ConfigError(
            f"{where} needs an id, a predicate, and a threshold from 1 to its keys ({len(keys)})"
        )
    return Builder(
        table.id, tuple(keys.values()), frozenset(table.predicates), table.names, table.hardware_ids,
        table.threshold,
    )  # fmt: skip


def _key(text: str, where: str, named: Mapping[str, str], read: Callable[[str], bytes]) -> SSlibKey:
    found = named.get(text, text)
    try:
        return key_of_pem(found.encode() if found.startswith(_PEM) else read(found), f"{where}.keys")
    except OSError as error:
        raise ConfigError(f"{where}.keys: {found} cannot be read: {error.strerror}") from None
    except DecodeError as error:
        raise ConfigError(str(error)) from None


# --- the check -------------------------------------------------------------------------------------


def check(octets: bytes, policy: Policy | None, sha256: str, *, name: str, hardware_id: str) -> Accepted:
    """The provenance of an image whose SHA-256 is `sha256` (hex), for a release. Raises InvalidProvenance
    whose `rule` is a Rule."""
    if policy is None:
        raise InvalidProvenance(
            "there is no policy of provenance, and so no release is taken: `[ota] provenance` in v2xpki.toml "
            "names its file (docs/ota-guide.md, Where an image comes from)",
            rule=Rule.NO_POLICY,
        )
    if not octets:
        raise InvalidProvenance(
            "there is no statement of provenance: --attest FILE, a DSSE envelope, is needed (over the "
            "interface: attestation)",
            rule=Rule.NOT_DSSE,
        )
    envelope = _envelope(octets)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise InvalidProvenance(f"payloadType is not {PAYLOAD_TYPE}", rule=Rule.PAYLOAD_TYPE)
    signers = _signers(envelope, policy)
    if not signers:
        raise InvalidProvenance(
            "no signature by a signer of the policy; the payload was not read", rule=Rule.SIGNATURE
        )
    predicate_type, predicate = _statement(envelope.payload, sha256)
    signed = _builders(policy, _builder_id(predicate_type, predicate), signers)
    allowed = [one for one in signed if predicate_type in one.predicates]
    if not allowed:
        raise InvalidProvenance(
            f"predicateType {predicate_type} is not allowed for {signed[0].id}", rule=Rule.PREDICATE_TYPE
        )
    builder = next((one for one in allowed if one.may_build(name, hardware_id)), None)
    if builder is None:
        raise InvalidProvenance(
            f"builder {allowed[0].id} may not build {name} for {hardware_id}", rule=Rule.BUILDER
        )
    keyids = sorted(key.keyid for key in builder.keys if key.keyid in signers)
    return Accepted(predicate_type, builder.id, ",".join(keyids))


def _envelope(octets: bytes) -> Envelope:
    try:
        found = read_object(octets, "the envelope", limit=LONGEST)
        signatures, kind = found.get("signatures"), found.get("payloadType")
        count = len(signatures) if isinstance(signatures, list) else 0
        if isinstance(kind, str) and 1 <= count <= MOST_SIGNATURES:
            # The library needs a keyid, each once; DSSE has it optional, and unauthenticated.
            numbered = [{"sig": one["sig"], "keyid": str(n)} for n, one in enumerate(signatures or ())]
            return Envelope.from_dict(
                {"payload": found["payload"], "payloadType": kind, "signatures": numbered}
            )
    except (DecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidProvenance(f"no DSSE envelope: {error}", rule=Rule.NOT_DSSE) from None
    raise InvalidProvenance(
        f"no DSSE envelope: payloadType is no text, or signatures are not 1 to {MOST_SIGNATURES}",
        rule=Rule.NOT_DSSE,
    )


def _signers(envelope: Envelope, policy: Policy) -> frozenset[str]:
    """The keyids of the policy's keys that signed."""
    pae = envelope.pae()
    keys = {key.keyid: key for builder in policy.builders for key in builder.keys}
    return frozenset(
        keyid
        for keyid, key in keys.items()
        if any(_verifies(key, one.signature, pae) for one in envelope.signatures.values())
    )


def _verifies(key: SSlibKey, sig: str, pae: bytes) -> bool:
    try:
        key.verify_signature(Signature(key.keyid, sig), pae)
    except (UnverifiedSignatureError, VerificationError):
        return False
    return True


def _statement(payload: bytes, sha256: str) -> tuple[str, Mapping[str, Any]]:
    try:
        found = read_object(payload, "the payload", limit=LONGEST, fractions=True)
    except DecodeError as error:
        raise InvalidProvenance(str(error), rule=Rule.STATEMENT) from None
    subjects, predicate = found.get("subject"), found.get("predicate")
    kind = found.get("predicateType")
    if (
        found.get("_type") not in STATEMENT_TYPES
        or not isinstance(subjects, list)
        or not isinstance(kind, str)
    ):
        raise InvalidProvenance("the payload is no in-toto Statement (v1, v0.1)", rule=Rule.STATEMENT)
    if not any(hmac.compare_digest(digest, sha256) for digest in _digests(subjects)):
        raise InvalidProvenance(f"no subject.digest.sha256 is the image's {sha256}", rule=Rule.SUBJECT)
    if kind not in PREDICATES:
        raise InvalidProvenance(
            f"predicateType {kind!r} is none that is understood", rule=Rule.PREDICATE_TYPE
        )
    return kind, predicate if isinstance(predicate, dict) else {}


def _digests(subjects: Sequence[Any]) -> list[str]:
    digests = (one.get("digest") for one in subjects if isinstance(one, dict))
    found = (one.get("sha256") for one in digests if isinstance(one, dict))
    return [one for one in found if isinstance(one, str) and one.isascii()]


def _builder_id(kind: str, predicate: Mapping[str, Any]) -> str | None:
    """As the predicate names it; None where its kind names none."""
    if kind in (RELEASE_V01, RELEASE_V02):
        purl = predicate.get("purl")
        if not isinstance(purl, str) or not purl.startswith("pkg:"):
            raise InvalidProvenance("predicate.purl is no package URL", rule=Rule.STATEMENT)
        return None
    place: Any = predicate.get("runDetails") if kind == SLSA_V1 else predicate
    builder = place.get("builder") if isinstance(place, dict) else None
    found = builder.get("id") if isinstance(builder, dict) else None
    if not isinstance(found, str):
        raise InvalidProvenance("the predicate has no builder.id", rule=Rule.BUILDER)
    return found


def _builders(policy: Policy, named: str | None, signers: frozenset[str]) -> list[Builder]:
    """Whose it can be: at least one. A signer of one builder speaks for no other."""
    known = [one for one in policy.builders if named is None or one.id == named]
    if not known:
        raise InvalidProvenance(f"builder {named!r} is not on the policy", rule=Rule.BUILDER)
    signed = [one for one in known if sum(key.keyid in signers for key in one.keys) >= one.threshold]
    if not signed:
        of = "a builder" if named is None else f"builder {named}"
        raise InvalidProvenance(f"not signed by enough of the signers of {of}", rule=Rule.SIGNATURE)
    return signed
