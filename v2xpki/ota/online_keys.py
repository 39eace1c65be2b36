"""The keys of a repository's online roles, in its domain's token: generations, and which one a root names."""

from collections.abc import Collection

from v2xpki.crypto import Curve
from v2xpki.errors import IssuanceError, KeyNotFound
from v2xpki.issuance.metadata import MetadataIssuer
from v2xpki.issuance.token_signer import SIGNING_CURVES
from v2xpki.keystore import KeyLabel, Keystore
from v2xpki.ota.kinds import Kind


class OnlineKeys:
    """A domain's token as a repository needs it. Another process may have made a key since: the token is
    looked into again whenever a key is not known."""

    def __init__(self, keystore: Keystore, kind: Kind) -> None:
        self._keystore, self.kind = keystore, kind
        self._issuer, self._labels = self._load()

    @property
    def issuer(self) -> MetadataIssuer:
        """Door 1, for all generations that are known."""
        return self._issuer

    def signing_label(self, role: str, keyids: Collection[str]) -> KeyLabel:
        """The newest generation among a root's keys for a role. Raises KeyNotFound."""
        found = self._find(role, keyids)
        if found is None:
            self._issuer, self._labels = self._load()
            found = self._find(role, keyids)
        if found is None:
            raise KeyNotFound(f"the token has none of the keys that the root names for {role}")
        return found

    def newest(self, role: str) -> KeyLabel:
        """The newest generation of a role. Raises KeyNotFound."""
        self._issuer, self._labels = self._load()
        of_role = [label for label in self._labels if label.authority == self.kind.online[role]]
        if not of_role:
            raise KeyNotFound(f"the token has no key for {role}")
        return of_role[-1]

    def generate(self, role: str, curve: Curve | None = None) -> KeyLabel:
        """Make a role's next generation; by default on the curve of the one before, or P-256. Raises
        IssuanceError for a curve that TUF has no scheme for, KeystoreError."""
        try:
            last = self.newest(role)
            number, curve = last.generation + 1, curve or self._keystore.public_key(last).curve
        except KeyNotFound:
            number, curve = 1, curve or Curve.NIST_P256
        if curve not in SIGNING_CURVES:
            raise IssuanceError(f"firmware metadata is signed on P-256 or P-384, not {curve.text}")
        label = KeyLabel(self.kind.online[role], "sign", number)
        self._keystore.generate(label, curve)
        self._issuer, self._labels = self._load()
        return label

    def point(self, label: KeyLabel) -> tuple[str, bytes]:
        """Curve and compressed point of a key, as the audit record names it. Raises KeyNotFound."""
        key = self._keystore.public_key(label)
        return key.curve.text, key.point

    def _find(self, role: str, keyids: Collection[str]) -> KeyLabel | None:
        return next(
            (
                label
                for label in reversed(self._labels)
                if label.authority == self.kind.online[role]
                and self._issuer.public_key(label).keyid in keyids
            ),
            None,
        )

    def _load(self) -> tuple[MetadataIssuer, list[KeyLabel]]:
        ours = set(self.kind.online.values())
        labels = sorted(
            one.label
            for one in self._keystore.keys()
            if one.label.authority in ours and one.label.use == "sign"
        )
        return MetadataIssuer.open(self._keystore, labels), labels
