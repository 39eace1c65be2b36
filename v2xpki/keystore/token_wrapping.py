"""The wrapping key in a PKCS#11 token: see wrapping.py. Used a few times a process, so by python-pkcs11.

A secret is an object of the session for the length of one call, never of the token.
"""

from typing import Any

from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, exceptions

from v2xpki.errors import KeyNotFound, KeyRefused
from v2xpki.keystore._module import HeldSession, refuse_fork
from v2xpki.keystore.labels import KeyLabel
from v2xpki.keystore.profiles import VendorProfile
from v2xpki.keystore.wrapping import WRAPPING_OCTETS, check_secret, check_wrapped

_REFUSED = (
    exceptions.WrappedKeyInvalid,
    exceptions.WrappedKeyLenRange,
    exceptions.EncryptedDataInvalid,
    exceptions.GeneralError,  # SoftHSM's answer to what does not unwrap
    exceptions.FunctionFailed,
)
_SECRET = {
    Attribute.CLASS: ObjectClass.SECRET_KEY,
    Attribute.KEY_TYPE: KeyType.GENERIC_SECRET,
    Attribute.TOKEN: False,
    Attribute.SENSITIVE: False,
    Attribute.EXTRACTABLE: True,
}


def generate_wrapping(session: HeldSession, label: KeyLabel, profile: VendorProfile) -> None:
    """Make a key that may wrap and unwrap, and nothing else."""
    mechanism_of(profile, label)
    with session.at_work(f"generating {label}") as held:
        if _found(held, label):
            raise KeyRefused(f"{label} exists; a key is never replaced under its label")
        template = dict.fromkeys(
            (Attribute.ENCRYPT, Attribute.DECRYPT, Attribute.SIGN, Attribute.VERIFY, Attribute.DERIVE), False
        ) | {
            Attribute.WRAP: True,
            Attribute.UNWRAP: True,
            Attribute.PRIVATE: True,
            Attribute.SENSITIVE: True,
            Attribute.EXTRACTABLE: False,
        }
        if profile.quirks.immutable_keys:
            template |= {Attribute.MODIFIABLE: False, Attribute.COPYABLE: False}
        with session.writable() as writable:
            made = writable.generate_key(
                KeyType.AES,
                8 * WRAPPING_OCTETS,
                id=label.object_id if profile.quirks.object_id else None,
                label=label.text,
                store=True,
                capabilities=0,
                template=template,
            )
            if made[Attribute.EXTRACTABLE] or not made[Attribute.SENSITIVE]:
                made.destroy()
                raise KeyRefused(
                    f"{profile.vendor} made {label} readable in spite of its template; destroyed"
                )


def mechanism_of(profile: VendorProfile, label: KeyLabel) -> Mechanism:
    """Raises KeyRefused where the module has none."""
    if profile.wrap_mechanism is None:
        raise KeyRefused(
            f"{profile.vendor} has no mechanism for {label}",
            hint="an SCMS authority that keeps secrets needs a token whose profile names a wrap_mechanism",
        )
    return Mechanism[profile.wrap_mechanism]


class TokenWrapper:
    """A wrapping key in the token."""

    def __init__(self, session: HeldSession, label: KeyLabel, profile: VendorProfile) -> None:
        self.label, self._session = label, session
        self._mechanism = mechanism_of(profile, label)
        with session.at_work(f"looking {label} up") as held:
            self._key(held)

    def __repr__(self) -> str:
        return f"<TokenWrapper {self.label}>"

    def wrap(self, secret: bytes) -> bytes:
        """See Wrapper.wrap."""
        check_secret(self.label, secret)
        refuse_fork(self._session.pid)
        with self._session.at_work(f"wrapping with {self.label}") as held:
            key = self._key(held)
            one = held.create_object({**_SECRET, Attribute.VALUE: secret})
            try:
                return bytes(key.wrap_key(one, mechanism=self._mechanism))
            finally:
                one.destroy()

    def unwrap(self, octets: bytes) -> bytes:
        """See Wrapper.unwrap."""
        check_wrapped(self.label, octets)
        refuse_fork(self._session.pid)
        with self._session.at_work(f"unwrapping with {self.label}") as held:
            key = self._key(held)
            try:
                one = key.unwrap_key(
                    ObjectClass.SECRET_KEY,
                    KeyType.GENERIC_SECRET,
                    octets,
                    mechanism=self._mechanism,
                    capabilities=0,
                    template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
                )
            except _REFUSED:
                raise KeyRefused(f"{self.label} has not wrapped these octets, or they were changed") from None
            try:
                return bytes(one[Attribute.VALUE])
            finally:
                one.destroy()

    def _key(self, held: Any) -> Any:
        """The key in the present session, with what it must be. LOCK is held."""
        found = _found(held, self.label)
        if len(found) != 1:
            what = f"has no key {self.label}" if not found else f"has {len(found)} keys {self.label}"
            raise (KeyRefused if found else KeyNotFound)(f"token {self._session.token_label!r} {what}")
        key = found[0]
        if key[Attribute.EXTRACTABLE] or not key[Attribute.SENSITIVE]:
            raise KeyRefused(f"{self.label} could be read out of its token; such a key is not used")
        return key


def _found(held: Any, label: KeyLabel) -> list[Any]:
    return list(held.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: label.text}))
