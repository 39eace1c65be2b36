"""A request that an RA was sent, with the private keys that its certificates come of: what a device keeps."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

from v2xpki import wire
from v2xpki.crypto import PrivateCaterpillar
from v2xpki.errors import DecodeError
from v2xpki.station.errors import BadState
from v2xpki.station.scms.requests import CertificateWish, Keys, OwnKeys, Sent
from v2xpki.wire import dot2, scms


@dataclass(frozen=True)
class Supply:
    """request_hash names it and its files. asked, next_download: Time32. unsent: the request's octets until
    they are acknowledged. first: the first period (firstI). taken: periods whose archive was opened."""

    request_hash: bytes
    wish: CertificateWish
    keys: Keys = field(repr=False)
    asked: int
    unsent: bytes | None = field(repr=False)
    first: int = 0
    next_download: int = 0
    taken: tuple[int, ...] = ()

    @classmethod
    def of(cls, sent: Sent, wish: CertificateWish, keys: Keys, now: int) -> Self:
        """Of a request about to be sent."""
        return cls(sent.hash, wish, keys, now, sent.octets)

    @property
    def name(self) -> str:
        """Its name in files: the hash in upper-case hex."""
        return self.request_hash.hex().upper()

    @property
    def is_acknowledged(self) -> bool:
        return self.unsent is None

    def with_ack(self, ack: scms.RaEeCertAck) -> "Supply":
        """As acknowledged."""
        return replace(self, unsent=None, first=ack.first_i or 0, next_download=ack.next_dl_time)

    def with_taken(self, i: int) -> "Supply":
        """With one more period downloaded."""
        return replace(self, taken=tuple(sorted({*self.taken, i})))

    def document(self) -> dict[str, Any]:
        """For a file that its owner alone reads: private keys are in it."""
        wish, keys = self.wish, self.keys
        held: dict[str, Any] = {"signing": keys.signing.hex()}
        if isinstance(keys, OwnKeys):
            held["encryption"] = keys.encryption.hex()
        else:
            held |= {"variant": keys.variant, "signing_expansion": keys.signing_expansion.hex()}
            if keys.encryption is not None and keys.encryption_expansion is not None:
                held["encryption"] = keys.encryption.hex()
                held["encryption_expansion"] = keys.encryption_expansion.hex()
        return {
            "request": self.name,
            "kind": wish.kind,
            "name": wish.name,
            "implicit": wish.implicit,
            "permissions": [wire.encode(entry).hex() for entry in wish.permissions],
            "validity": wire.encode(wish.validity).hex(),
            "region": None if wish.region is None else wire.encode(wish.region).hex(),
            "keys": held,
            "asked": self.asked,
            "unsent": None if self.unsent is None else self.unsent.hex(),
            "first": self.first,
            "next_download": self.next_download,
            "taken": list(self.taken),
        }

    @classmethod
    def of_document(cls, document: dict[str, Any]) -> Self:
        """The reverse of `document`. Raises BadState."""
        try:
            region, unsent = document["region"], document["unsent"]
            wish = CertificateWish(
                document["kind"],
                tuple(wire.decode(dot2.PsidSsp, bytes.fromhex(text)) for text in document["permissions"]),
                wire.decode(dot2.ValidityPeriod, bytes.fromhex(document["validity"])),
                None if region is None else wire.decode(dot2.GeographicRegion, bytes.fromhex(region)),
                document["name"],
                document["implicit"],
            )
            return cls(
                bytes.fromhex(document["request"]),
                wish,
                _keys(document["keys"]),
                int(document["asked"]),
                None if unsent is None else bytes.fromhex(unsent),
                int(document["first"]),
                int(document["next_download"]),
                tuple(map(int, document["taken"])),
            )
        except (KeyError, TypeError, ValueError, DecodeError) as error:
            raise BadState(f"a supply cannot be read: {type(error).__name__}") from error


def _keys(held: dict[str, str]) -> Keys:
    octets = {name: bytes.fromhex(text) for name, text in held.items() if name != "variant"}
    if "variant" not in held:
        return OwnKeys(**octets)
    return PrivateCaterpillar(held["variant"], **octets)  # type: ignore[arg-type]  # checked where it is used
