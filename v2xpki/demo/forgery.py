"""Messages that must be refused, each for one reason that a receiver has to find.

The forger has what an attacker on the road can have: stations that enrolled properly and misuse their
tickets, the octets of others' messages, and keys and certificates of its own making. Dates are chosen
such that no forgery turns valid with time, whoever judges it and when.
"""

from dataclasses import dataclass

from v2xpki.crypto import Certificate, Curve, PublicKey, Signer, signature_record, signing_digest
from v2xpki.demo.packets import Facility, Sender, packet
from v2xpki.keystore.memory import MemoryKey
from v2xpki.secured import sign
from v2xpki.station import Station
from v2xpki.time import HOUR, MICROSECONDS
from v2xpki.wire import dot2, encode


@dataclass(frozen=True)
class Forged:
    """rule: what the receiver has to refuse it for. chain: what the sender shows of its certificates."""

    name: str
    kind: str
    what: str
    octets: bytes
    chain: tuple[Certificate, ...]
    rule: str


def altered(octets: bytes, facility: Facility, chain: tuple[Certificate, ...]) -> Forged:
    """A message whose payload was changed by one bit on its way."""
    place = octets.index(facility.octets) + len(facility.octets) - 1
    changed = octets[:place] + bytes((octets[place] ^ 0x10,)) + octets[place + 1 :]
    return Forged("altered", facility.name, "one bit changed on its way", changed, chain, "signature")


@dataclass(frozen=True)
class Forger:
    """A station that enrolled properly and signs what it may not."""

    station: Station
    sender: Sender
    authorities: tuple[Certificate, ...]  # its AA and root, to be shown

    def _key(self, ticket: Certificate) -> MemoryKey:
        return self.station.directory.key(ticket.hex8)

    def _sign(self, facility: Facility, ticket: Certificate, *, time64: int | None = None,
              where: dot2.ThreeDLocation | None = None) -> bytes:  # fmt: skip
        moment = self.station.clock.time64() if time64 is None else time64
        header = dot2.HeaderInfo(psid=facility.psid, generation_time=moment, generation_location=where)
        return sign(
            self._key(ticket),
            header,
            payload=packet(facility, self.sender, moment),
            certificate=ticket,
            identifier="certificate",
        )

    def beyond_permissions(self, facility: Facility, ticket: Certificate) -> Forged:
        """A message of a kind that the ticket does not hold."""
        octets = self._sign(facility, ticket)
        return self._forged("permission", facility, "a car as a road sign", octets, ticket, "psid")

    def elsewhere(self, facility: Facility, ticket: Certificate, where: dot2.ThreeDLocation) -> Forged:
        """A message from outside the ticket's region."""
        octets = self._sign(facility, ticket, where=where)
        return self._forged("region", facility, "a sign in another city", octets, ticket, "region")

    def too_early(self, facility: Facility, ticket: Certificate) -> Forged:
        """A message of now under a ticket that begins later."""
        octets = self._sign(facility, ticket)
        what = "under tomorrow's ticket"
        return self._forged("early-ticket", facility, what, octets, ticket, "generation-time")

    def from_the_future(self, facility: Facility, ticket: Certificate) -> Forged:
        """A message dated after its ticket's end: also when that day comes, it is no good."""
        octets = self._sign(facility, ticket, time64=(ticket.end + HOUR) * MICROSECONDS)
        return self._forged("future", facility, "dated after its ticket", octets, ticket, "future")

    def _forged(
        self, name: str, facility: Facility, what: str, octets: bytes, ticket: Certificate, rule: str
    ) -> Forged:
        return Forged(name, facility.name, what, octets, (ticket, *self.authorities), rule)


def self_made(
    facility: Facility, sender: Sender, model: Certificate, root: Certificate, time64: int
) -> Forged:
    """A ticket under an AA that nobody certified, both modelled on real ones; the AA is sent along.

    model: a real AA, whose fields are copied. Its root is named as the issuer and did not sign.
    """
    ssp = dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\x00\x00")
    ticket_key, ticket, authority = certified_by_nobody(
        model, root, "AA of nobody", dot2.PsidSsp(psid=facility.psid, ssp=ssp), time64
    )
    header = dot2.HeaderInfo(
        psid=facility.psid, generation_time=time64, requested_certificate=authority.record
    )
    payload = packet(facility, sender, time64)
    octets = sign(ticket_key, header, payload=payload, certificate=ticket, identifier="certificate")
    chain = (ticket, authority, root)
    what = "under a self-made AA"
    return Forged("self-made", facility.name, what, octets, chain, "certificate")


def certified_by_nobody(
    model: Certificate, root: Certificate, name: str, permission: dot2.PsidSsp, time64: int
) -> tuple[MemoryKey, Certificate, Certificate]:
    """A ticket and its key, and its CA modelled on a real one, which names the real root as its issuer."""
    own, ticket_key = MemoryKey.generate(Curve.NIST_P256), MemoryKey.generate(Curve.NIST_P256)
    copied = model.record.to_be_signed._replace(
        id=dot2.CertificateId(kind="name", value=name),
        verify_key_indicator=_indicator(own.public_key),
    )
    # of the root's curve, so that nothing but the signature itself gives it away
    authority = _certify(copied, MemoryKey.generate(root.curve), root)
    start = time64 // MICROSECONDS - HOUR
    ticket = _certify(
        dot2.ToBeSignedCertificate(
            id=dot2.CertificateId(kind="none", value=None),
            craca_id=bytes(3),
            crl_series=0,
            validity_period=dot2.ValidityPeriod(start=start, duration=dot2.Duration(kind="hours", value=168)),
            app_permissions=(permission,),
            verify_key_indicator=_indicator(ticket_key.public_key),
        ),
        own,
        authority,
    )
    return ticket_key, ticket, authority


def _indicator(key: PublicKey) -> dot2.VerificationKeyIndicator:
    return dot2.VerificationKeyIndicator(kind="verificationKey", value=key.to_verification_key())


def _certify(tbs: dot2.ToBeSignedCertificate, key: Signer, issuer: Certificate) -> Certificate:
    """A certificate as an attacker makes it: not through issuance/, nothing recorded, nothing checked."""
    hash_name = key.public_key.curve.hash
    digest = signing_digest(hash_name, encode(tbs), issuer.octets)
    kind: dot2.IssuerIdentifierKind = "sha384AndDigest" if issuer.hash_name == "sha384" else "sha256AndDigest"
    return Certificate.of(
        dot2.CertificateBase(
            version=3,
            type="explicit",
            issuer=dot2.IssuerIdentifier(kind=kind, value=issuer.hashed_id8),
            to_be_signed=tbs,
            signature=signature_record(key.public_key.curve, key.sign(digest)),
        )
    )
