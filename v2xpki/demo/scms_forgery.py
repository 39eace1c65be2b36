"""Messages among devices of an SCMS that must be refused, each for one reason; as forgery.py has them."""

from typing import NamedTuple

from v2xpki.crypto import Certificate
from v2xpki.demo.forgery import certified_by_nobody
from v2xpki.demo.j2735 import Saying
from v2xpki.keystore.memory import MemoryKey
from v2xpki.secured import sign
from v2xpki.station.scms.credentials import Held
from v2xpki.wire import dot2


class Forged(NamedTuple):
    """rule: what the receiver has to refuse it for. certificates: what it is signed under, and the CAs."""

    name: str
    kind: str
    what: str
    octets: bytes
    certificates: tuple[Certificate, ...]
    rule: str


def signed(key: MemoryKey, certificate: Certificate, saying: Saying, time64: int,
           where: dot2.ThreeDLocation | None = None) -> bytes:  # fmt: skip
    """What a device signs that keeps to no rule."""
    header = dot2.HeaderInfo(psid=saying.psid, generation_time=time64, generation_location=where)
    return sign(key, header, payload=saying.octets, certificate=certificate, identifier="certificate")


def altered(octets: bytes, saying: Saying, certificates: tuple[Certificate, ...]) -> Forged:
    """A message whose last octet but one was changed by one bit on its way."""
    place = octets.index(saying.octets) + len(saying.octets) - 2
    changed = octets[:place] + bytes((octets[place] ^ 0x10,)) + octets[place + 1 :]
    return Forged("altered", saying.name, "one bit changed on its way", changed, certificates, "signature")


def beyond_permissions(
    name: str, what: str, held: Held, saying: Saying, above: tuple[Certificate, ...], time64: int
) -> Forged:
    """A message of a kind that the certificate does not hold. above: its CA and root."""
    octets = signed(held.key, held.certificate, saying, time64)
    return Forged(name, saying.name, what, octets, (held.certificate, *above), "psid")


def too_early(held: Held, saying: Saying, above: tuple[Certificate, ...], time64: int) -> Forged:
    """A message of now under a pseudonym of a period to come."""
    octets, what = signed(held.key, held.certificate, saying, time64), "under next week's pseudonym"
    return Forged("early", saying.name, what, octets, (held.certificate, *above), "generation-time")


def elsewhere(
    held: Held, saying: Saying, above: tuple[Certificate, ...], time64: int, where: dot2.ThreeDLocation
) -> Forged:
    """A message from outside its certificate's region."""
    octets = signed(held.key, held.certificate, saying, time64, where)
    return Forged(
        "region", saying.name, "a signal in another city", octets, (held.certificate, *above), "region"
    )


def self_made(saying: Saying, aca: Certificate, root: Certificate, time64: int) -> Forged:
    """A certificate under an ACA that nobody certified, modelled on the real one, whose root it names."""
    key, certificate, authority = certified_by_nobody(
        aca, root, "ACA of nobody", dot2.PsidSsp(saying.psid, None), time64
    )
    octets = signed(key, certificate, saying, time64)
    chain = (certificate, authority, root)
    return Forged("self-made", saying.name, "under a self-made ACA", octets, chain, "certificate")
