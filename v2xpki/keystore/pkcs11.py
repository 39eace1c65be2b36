"""The keystore in a PKCS#11 token.

Keys are made in the token and cannot leave it: private, sensitive, never extractable, not modifiable
where the vendor knows that; a signing key may only sign, an encryption key only derive. A key that was
imported, or could be read, is listed but not used.

A lost session or token raises TokenLost; the next call opens it again. A signature is never tried
twice, because a lost answer does not mean that nothing was signed; an agreement, which leaves no trace,
is tried once more.

Of each call the checks, the lock and the cached handle take 3 us (_calls.py has the module's own share).
Opening the first token of a process takes 47 ms, most of it loading the module and cffi; a self-test 3.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from pkcs11 import Attribute, KeyType, Mechanism

from v2xpki.crypto import Certificate, Curve, PublicKey
from v2xpki.errors import InvalidPoint, KeyNotFound, KeyRefused, KeystoreError, TokenLost
from v2xpki.keystore import _calls
from v2xpki.keystore._calls import ReturnValue
from v2xpki.keystore._module import LOCK, HeldSession, refuse_fork
from v2xpki.keystore.labels import KeyInfo, KeyLabel, WrappingInfo
from v2xpki.keystore.memory import check_key, refuse_pair
from v2xpki.keystore.profiles import VendorProfile
from v2xpki.keystore.responder import Responder
from v2xpki.keystore.scms_responder import ScmsResponder
from v2xpki.keystore.token_wrapping import TokenWrapper, generate_wrapping
from v2xpki.keystore.wrapping import check_wrapper

# DER of the curves' object identifiers, as CKA_EC_PARAMS takes them
_PARAMETERS = {
    Curve.NIST_P256: bytes.fromhex("06082a8648ce3d030107"),
    Curve.NIST_P384: bytes.fromhex("06052b81040022"),
    Curve.BRAINPOOL_P256R1: bytes.fromhex("06092b2403030208010107"),
    Curve.BRAINPOOL_P384R1: bytes.fromhex("06092b240303020801010b"),
}
_CURVES = {der: curve for curve, der in _PARAMETERS.items()}


class TokenKey:
    """One key in the token: its handle, found again whenever the session was reopened."""

    def __init__(self, session: HeldSession, label: KeyLabel, profile: VendorProfile) -> None:
        self.label, self._session, self._profile = label, session, profile
        self._calls = session.module.calls
        self._pid = session.pid
        self._epoch = -1
        self._handle = 0
        self.public_key: PublicKey
        self._find()

    def _find(self) -> None:
        """Look the pair up. LOCK is held and the session open."""
        session = self._session
        handle = _one(session, self.label, _calls.PRIVATE_KEY)
        if _flag(session, handle, _calls.EXTRACTABLE) or not _flag(session, handle, _calls.SENSITIVE):
            raise KeyRefused(f"{self.label} could be read out of its token; such a key is not used")
        public_key = _public_key(session, self.label, self._profile)
        if self._epoch >= 0 and public_key != self.public_key:
            raise KeyRefused(f"{self.label} is another key than before the token was lost")
        self.public_key, self.curve = public_key, public_key.curve
        self._size = public_key.curve.size
        self._handle = handle
        self._epoch = session.epoch

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.label}>"

    def _ready(self) -> int:
        """The handle in the present session. LOCK is held."""
        session = self._session
        session.ready()
        if self._epoch != session.epoch:
            try:
                self._find()
            except ReturnValue as error:
                raise session.failure(f"looking {self.label} up", error) from error
        return self._handle


class TokenSigningKey(TokenKey):
    """Door 1 of a key in the token."""

    def sign(self, digest: bytes) -> bytes:
        """See IssuingKey.sign."""
        if len(digest) != self._size:
            raise KeyRefused(f"{self.label} signs digests of {self._size} octets, not {len(digest)}")
        refuse_fork(self._pid)
        with LOCK:
            handle = self._ready()
            try:
                return self._calls.sign(self._session.handle, handle, digest)
            except ReturnValue as error:
                raise self._session.failure(f"signing with {self.label}", error) from error


class TokenAgreer(TokenKey):
    """The agree handle of a key in the token; an Agreer."""

    def agree(self, peer: PublicKey) -> bytes:
        """x of the shared point, of the curve's size. Raises InvalidPoint (another curve), TokenLost."""
        if peer.curve is not self.curve:
            raise InvalidPoint(f"{self.label} is on {self.curve.text}, the peer's key on {peer.curve.text}")
        point = peer.uncompressed
        if self._profile.quirks.peer_point == "der":
            point = b"\x04" + bytes((len(point),)) + point
        refuse_fork(self._pid)
        with LOCK:
            try:
                return self._agree(point)
            except TokenLost:
                return self._agree(point)  # nothing was signed; a reopened session may do it

    def _agree(self, point: bytes) -> bytes:
        handle = self._ready()
        try:
            return self._calls.agree(self._session.handle, handle, point, self._size)
        except ReturnValue as error:
            raise self._session.failure(f"agreeing with {self.label}", error) from error


class Pkcs11Keystore:
    """The keys of one token. Made by open_token; usable as a context manager."""

    kind = "pkcs11"
    opened_for: str | None = None

    def __init__(self, session: HeldSession, profile: VendorProfile) -> None:
        self._session, self.profile = session, profile
        self._keys: dict[KeyLabel, TokenSigningKey | TokenAgreer] = {}
        self._closed = False

    def __repr__(self) -> str:
        return f"<Pkcs11Keystore {self._session.token_label!r} {self.profile.name}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def token_label(self) -> str:
        return self._session.token_label

    @property
    def reopenings(self) -> int:
        """How often the session was lost and opened again: a metric."""
        return self._session.reopenings

    def generate(self, label: KeyLabel, curve: Curve) -> PublicKey:
        """Make a pair in the token and test it. Raises KeyRefused (label exists, curve), TokenLost."""
        self._refuse_closed()
        refuse_pair(label)
        profile = self.profile
        if curve not in profile.curves:
            raise KeyRefused(f"{profile.vendor} does not make keys on {curve.text}")
        if len(label.text) > profile.quirks.label_length:
            raise KeyRefused(f"{label} is longer than the {profile.quirks.label_length} octets of a label")
        session = self._session
        if label.use == "encrypt":
            self._refuse_without_plain_ecdh(label)
        with session.at_work(f"generating {label}"):
            for kind in (_calls.PRIVATE_KEY, _calls.PUBLIC_KEY):
                if session.module.calls.find(session.handle, kind, label.text):
                    raise KeyRefused(f"{label} exists; a key is never replaced under its label")
            with session.writable() as writable:
                _generate_pair(writable, label, curve, profile)
        self.self_test(label)
        return self.public_key(label)

    def keys(self) -> list[KeyInfo]:
        """Every private key of the token whose label is one of ours. Raises TokenLost."""
        self._refuse_closed()
        found = []
        session = self._session
        with session.at_work("listing keys"):
            for handle, label in self._labelled(_calls.PRIVATE_KEY):
                public_key = _public_key(session, label, self.profile)
                found.append(
                    KeyInfo(
                        label,
                        public_key.curve,
                        public_key,
                        sensitive=_flag(session, handle, _calls.SENSITIVE),
                        extractable=_flag(session, handle, _calls.EXTRACTABLE),
                        local=_flag(session, handle, _calls.LOCAL),
                    )
                )
        return sorted(found, key=lambda info: info.label)

    def wrapping_keys(self) -> list[WrappingInfo]:
        """Every secret key of the token that wraps. Raises TokenLost."""
        self._refuse_closed()
        session = self._session
        with session.at_work("listing keys"):
            found = [
                WrappingInfo(
                    label,
                    sensitive=_flag(session, handle, _calls.SENSITIVE),
                    extractable=_flag(session, handle, _calls.EXTRACTABLE),
                )
                for handle, label in self._labelled(_calls.SECRET_KEY)
                if label.use == "wrap"
            ]
        return sorted(found, key=lambda info: info.label)

    def _labelled(self, kind: int) -> Iterator[tuple[int, KeyLabel]]:
        """Objects of a class that carry a label of ours: a token may hold what is not. The lock is held."""
        session = self._session
        calls = session.module.calls
        for handle in calls.find(session.handle, kind):
            try:
                yield handle, KeyLabel.parse(calls.attribute(session.handle, handle, _calls.LABEL).decode())
            except (KeystoreError, UnicodeDecodeError):
                continue

    def public_key(self, label: KeyLabel) -> PublicKey:
        """Raises KeyNotFound, TokenLost."""
        return self._key(label).public_key

    def issuing_key(self, label: KeyLabel) -> TokenSigningKey:
        """Door 1: see Keystore.issuing_key."""
        key = self._key(label)
        if not isinstance(key, TokenSigningKey):
            raise KeyRefused(f"{label} is an encryption key; it signs nothing")
        return key

    def responder(self, label: KeyLabel, certificate: Certificate) -> Responder:
        """Door 2: see Keystore.responder."""
        key = self.issuing_key(label)
        if certificate.verification_key != key.public_key:
            raise KeyRefused(f"certificate {certificate.hex8} is not of the key {label}")
        return Responder(label, certificate, key.sign)

    def scms_responder(self, label: KeyLabel, certificate: Certificate) -> ScmsResponder:
        """Door 2 of an SCMS component: see Keystore.scms_responder."""
        key = self.issuing_key(label)
        if certificate.verification_key != key.public_key:
            raise KeyRefused(f"certificate {certificate.hex8} is not of the key {label}")
        return ScmsResponder(label, certificate, key.sign)

    def generate_wrapping(self, label: KeyLabel) -> None:
        """See Keystore.generate_wrapping."""
        self._refuse_closed()
        if label.use != "wrap":
            raise KeyRefused(f"{label} names a pair of keys, not one to wrap with")
        generate_wrapping(self._session, label, self.profile)
        self.self_test(label)

    def wrapper(self, label: KeyLabel) -> TokenWrapper:
        """See Keystore.wrapper."""
        self._refuse_closed()
        if label.use != "wrap":
            raise KeyRefused(f"{label} wraps nothing")
        return TokenWrapper(self._session, label, self.profile)

    def agreer(self, label: KeyLabel) -> TokenAgreer:
        """See Keystore.agreer."""
        key = self._key(label)
        if not isinstance(key, TokenAgreer):
            raise KeyRefused(f"{label} is a signing key; it agrees with nobody")
        self._refuse_without_plain_ecdh(label)
        return key

    def self_test(self, label: KeyLabel) -> None:
        """Sign a fixed string, or agree with a fresh key, and check it outside the token.

        Raises KeystoreError where the token's answer is wrong; TokenLost, KeyNotFound.
        """
        if label.use == "wrap":
            check_wrapper(self.wrapper(label))
        else:
            check_key(self._key(label))

    def close(self) -> None:
        """Give the session back; the last keystore of a token closes it."""
        if not self._closed:
            self._closed = True
            self._keys.clear()
            self._session.release()

    def _key(self, label: KeyLabel) -> TokenSigningKey | TokenAgreer:
        self._refuse_closed()
        refuse_pair(label)
        key = self._keys.get(label)
        if key is None:
            kind = TokenSigningKey if label.use == "sign" else TokenAgreer
            with self._session.at_work(f"looking {label} up"):
                key = self._keys[label] = kind(self._session, label, self.profile)
        return key

    def _refuse_without_plain_ecdh(self, label: KeyLabel) -> None:
        if "null" not in self.profile.quirks.kdfs:
            raise KeyRefused(f"{self.profile.vendor} does not give the plain ECDH value that {label} needs")

    def _refuse_closed(self) -> None:
        if self._closed:
            raise KeyRefused(f"the keystore of token {self.token_label!r} is closed")


def _generate_pair(session: Any, label: KeyLabel, curve: Curve, profile: VendorProfile) -> None:
    signs = label.use == "sign"
    no_use = dict.fromkeys((Attribute.SIGN, Attribute.DERIVE, Attribute.DECRYPT, Attribute.UNWRAP), False)
    private = no_use | {
        Attribute.TOKEN: True,
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False,
        (Attribute.SIGN if signs else Attribute.DERIVE): True,
    }
    public = {
        Attribute.TOKEN: True,
        Attribute.PRIVATE: False,
        Attribute.VERIFY: signs,
        Attribute.ENCRYPT: False,
        Attribute.WRAP: False,
    }
    if profile.quirks.immutable_keys:
        private |= {Attribute.MODIFIABLE: False, Attribute.COPYABLE: False}
        public |= {Attribute.MODIFIABLE: False}
    parameters = session.create_domain_parameters(
        KeyType.EC, {Attribute.EC_PARAMS: _PARAMETERS[curve]}, local=True
    )
    pair = parameters.generate_keypair(
        mechanism=Mechanism.EC_KEY_PAIR_GEN,
        id=label.object_id if profile.quirks.object_id else None,
        label=label.text,
        store=True,
        capabilities=0,
        public_template=public,
        private_template=private,
    )
    made = pair[1]
    if made[Attribute.EXTRACTABLE] or not made[Attribute.SENSITIVE] or not made[Attribute.LOCAL]:
        for half in pair:
            half.destroy()
        raise KeyRefused(f"{profile.vendor} made {label} readable in spite of its template; destroyed")


def _one(session: HeldSession, label: KeyLabel, kind: int) -> int:
    """The only object of this label and class. Raises KeyNotFound, KeyRefused, ReturnValue."""
    found = session.module.calls.find(session.handle, kind, label.text)
    if not found:
        half = "private" if kind == _calls.PRIVATE_KEY else "public"
        raise KeyNotFound(f"token {session.token_label!r} has no {half} key {label}")
    if len(found) > 1:
        raise KeyRefused(f"token {session.token_label!r} has {len(found)} keys {label}")
    return found[0]


def _flag(session: HeldSession, handle: int, kind: int) -> bool:
    return session.module.calls.attribute(session.handle, handle, kind) != b"\x00"


def _public_key(session: HeldSession, label: KeyLabel, profile: VendorProfile) -> PublicKey:
    handle = _one(session, label, _calls.PUBLIC_KEY)
    calls = session.module.calls
    curve = _CURVES.get(calls.attribute(session.handle, handle, _calls.EC_PARAMS))
    if curve is None:
        raise KeyRefused(f"{label} is on a curve that the house does not know")
    point = calls.attribute(session.handle, handle, _calls.EC_POINT)
    if profile.quirks.ec_point == "der":
        # DER OCTET STRING; no point here is longer than 97 octets, so its length is one octet
        if len(point) < 2 or point[0] != 0x04 or point[1] != len(point) - 2:
            raise KeyRefused(
                f"{label}: CKA_EC_POINT is not in DER",
                hint='the profile of this module may need the quirk ec_point = "raw"',
            )
        point = point[2:]
    return PublicKey.from_sec1(curve, point)
