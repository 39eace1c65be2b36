"""A station's side of butterfly tickets (TS 102 941 6.2.3.5): one request, tickets of many periods.

Pure: keys, certificates and octets in, octets and tickets out. The private keys of the tickets are made
here, of the caterpillar that never leaves the station.
"""

import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, NamedTuple, Self

from v2xpki import wire
from v2xpki.crypto import Certificate, Curve, PrivateCaterpillar, PublicKey, Signer, certified_key
from v2xpki.crypto.group import p256
from v2xpki.errors import (
    CryptoError,
    DecodeError,
    InvalidChain,
    SecuredError,
    UnexpectedContent,
)
from v2xpki.keystore.memory import MemoryKey
from v2xpki.secured import RecipientKey, SignedMessage, decrypt, encrypt, etsi_header, rek_id, sign
from v2xpki.station.answers import check_signed
from v2xpki.station.errors import BadAnswer, BadState
from v2xpki.station.requests import SCR
from v2xpki.time import MICROSECONDS
from v2xpki.trust import regions
from v2xpki.trust.chain import TrustStore
from v2xpki.wire import dot2, etsi, scms

VARIANTS = ("unified", "original")
MOST_TICKETS = 256  # of one period
_LONGEST_ENTRY = 4096  # octets
_P256 = Curve.NIST_P256


@dataclass(frozen=True)
class Supply:
    """A request that was granted, and what its tickets' keys are made of.

    taken: periods whose tickets were downloaded. next_download: TAI seconds.
    """

    request_hash: bytes
    caterpillar: PrivateCaterpillar = field(repr=False)
    permissions: tuple[dot2.PsidSsp, ...]
    region: dot2.GeographicRegion | None
    current_period: int
    next_download: int
    taken: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Its name in files: the request's HashedId8 in upper-case hex."""
        return self.request_hash.hex().upper()

    def with_info(self, info: scms.RaEeCertInfo) -> "Supply":
        """As of a newer answer of the EA."""
        return replace(self, current_period=info.current_i, next_download=info.next_dl_time)

    def with_taken(self, period: int) -> "Supply":
        """With one more period downloaded."""
        return replace(self, taken=(*self.taken, period))

    def document(self) -> dict[str, Any]:
        """For a file that only the station reads: private keys are in it."""
        keys = self.caterpillar
        return {
            "request": self.name,
            "variant": keys.variant,
            "signing": keys.signing.hex(),
            "signing_expansion": keys.signing_expansion.hex(),
            "encryption": None if keys.encryption is None else keys.encryption.hex(),
            "encryption_expansion": None
            if keys.encryption_expansion is None
            else keys.encryption_expansion.hex(),
            "permissions": [wire.encode(entry).hex() for entry in self.permissions],
            "region": None if self.region is None else wire.encode(self.region).hex(),
            "current_period": self.current_period,
            "next_download": self.next_download,
            "taken": list(self.taken),
        }

    @classmethod
    def of_document(cls, document: dict[str, Any]) -> Self:
        """The reverse of `document`. Raises BadState."""

        def octets(name: str) -> bytes | None:
            return None if document[name] is None else bytes.fromhex(document[name])

        try:
            return cls(
                bytes.fromhex(document["request"]),
                PrivateCaterpillar(
                    document["variant"],
                    bytes.fromhex(document["signing"]),
                    bytes.fromhex(document["signing_expansion"]),
                    octets("encryption"),
                    octets("encryption_expansion"),
                ),
                tuple(wire.decode(dot2.PsidSsp, bytes.fromhex(text)) for text in document["permissions"]),
                None
                if document["region"] is None
                else wire.decode(dot2.GeographicRegion, bytes.fromhex(document["region"])),
                int(document["current_period"]),
                int(document["next_download"]),
                tuple(map(int, document["taken"])),
            )
        except (KeyError, TypeError, ValueError, DecodeError) as error:
            raise BadState(f"a butterfly supply cannot be read: {type(error).__name__}") from error


class Ticket(NamedTuple):
    """A ticket with its private key."""

    certificate: Certificate
    key: MemoryKey


def butterfly_request(
    caterpillar: PrivateCaterpillar,
    *,
    permissions: Iterable[dot2.PsidSsp],
    region: dot2.GeographicRegion | None,
    validity: dot2.ValidityPeriod,
    ec: Certificate,
    ec_key: Signer,
    ea: Certificate,
    time64: int,
) -> bytes:
    """The ButterflyAuthorizationRequestMessage. validity: from when to when tickets are wanted."""
    public = caterpillar.public()

    def expansion(key: bytes) -> scms.ButterflyExpansion:
        return scms.ButterflyExpansion(kind="aes128", value=key)

    params: scms.ButterflyParamsOriginal | scms.ButterflyExpansion = expansion(public.signing_expansion)
    if public.encryption is not None and public.encryption_expansion is not None:
        params = scms.ButterflyParamsOriginal(
            signing_expansion=expansion(public.signing_expansion),
            encryption_key=PublicKey.from_sec1(_P256, public.encryption).to_encryption_key(),
            encryption_expansion=expansion(public.encryption_expansion),
        )
    tbs = dot2.ToBeSignedCertificate(
        id=dot2.CertificateId(kind="none", value=None),
        craca_id=bytes(3),
        crl_series=0,
        validity_period=validity,
        region=region,
        app_permissions=tuple(permissions),
        verify_key_indicator=dot2.VerificationKeyIndicator(
            kind="verificationKey",
            value=PublicKey.from_sec1(_P256, public.signing).to_verification_key(),
        ),
    )
    request = scms.EeRaCertRequest(
        version=2,
        generation_time=time64 // MICROSECONDS,
        type="explicit",
        tbs_cert=tbs,
        additional_params=scms.AdditionalParams(kind=caterpillar.variant, value=params),
    )
    return _sealed("butterflyAuthorizationRequest", request, ec, ec_key, ea, time64)


def download_request(
    filename: str, *, ec: Certificate, ec_key: Signer, ea: Certificate, time64: int
) -> bytes:
    """The ButterflyAtDownloadRequestMessage for `<h>-<i>.zip` or `<h>.info`."""
    request = scms.EeRaDownloadRequest(generation_time=time64 // MICROSECONDS, filename=filename)
    return _sealed("butterflyAtDownloadRequest", request, ec, ec_key, ea, time64)


def _sealed(
    kind: etsi.EtsiTs102941DataContentKind,
    value: scms.EeRaCertRequest | scms.EeRaDownloadRequest,
    ec: Certificate,
    ec_key: Signer,
    ea: Certificate,
    time64: int,
) -> bytes:
    content = etsi.EtsiTs102941DataContent(kind=kind, value=value)
    plain = sign(
        ec_key,
        etsi_header(SCR, time64),
        payload=wire.encode(etsi.EtsiTs102941Data(version=1, content=content)),
        certificate=ec,
        identifier="digest",
    )
    return encrypt(plain, [ea]).octets


def request_hash_of(octets: bytes) -> bytes:
    """What the EA names a request by: HashedId8 of the octets sent."""
    return sha256(octets).digest()[-8:]


def info_answer(octets: bytes, request_hash: bytes, ea: Certificate, time64: int) -> scms.RaEeCertInfo:
    """The EA's answer to the request of this hash, or its `.info`. Raises BadAnswer."""
    try:
        message = SignedMessage.parse(octets)
        check_signed(message, ea, time64)
        info = wire.decode(etsi.EtsiTs102941Data, message.payload).content.value
    except (DecodeError, UnexpectedContent) as error:
        raise BadAnswer(f"does not decode: {error}", rule="content") from error
    if not isinstance(info, scms.RaEeCertInfo) or info.version != 2:
        raise BadAnswer("the content is no butterflyAuthorizationResponse", rule="content")
    if info.request_hash != request_hash:
        raise BadAnswer("requestHash is of another request", rule="request-hash")
    return info


def open_archive(
    octets: bytes,
    supply: Supply,
    period: int,
    authorities: Iterable[Certificate],
    trust: TrustStore,
    time64: int,
) -> list[Ticket]:
    """The tickets in a downloaded ZIP, each verified with its own private key. Raises BadAnswer.

    authorities: the AAs that are known. Which j a ticket is of is told by the key that it is encrypted to;
    the names in the ZIP count for nothing.
    """
    known = {authority.hashed_id8: authority for authority in authorities}
    pairs = supply.caterpillar.keys(period, range(MOST_TICKETS))
    points = p256().multiples_of_base([pair.encryption for pair in pairs])
    by_id = {
        rek_id(PublicKey.from_sec1(_P256, point)): pair for point, pair in zip(points, pairs, strict=True)
    }
    tickets, seen = [], set()
    for entry in _entries(octets):
        try:
            message = SignedMessage.parse(entry)
            aa = known.get(message.signer_digest or b"")
            if aa is None:
                raise BadAnswer("the signer is no AA that is known here", rule="signer")
            if message.header.psid != SCR:
                raise BadAnswer(f"the header's psid is {message.header.psid}", rule="header")
            message.verify(aa.verification_key, aa)
            inner = message.signed.tbs_data.payload.data
            if inner is None or not isinstance(inner.content.value, dot2.EncryptedData):
                raise BadAnswer("no encrypted data is signed", rule="content")
            recipient = getattr(inner.content.value.recipients[0].value, "recipient_id", b"")
            keys = by_id.get(recipient)
            if keys is None:
                raise BadAnswer("encrypted to none of this period's cocoon keys", rule="key")
            agreer = MemoryKey(_P256, int.from_bytes(keys.encryption, "big"))
            plain = decrypt(inner, {recipient: RecipientKey.of_key(agreer)}).plain
            response = wire.decode(scms.ScmsPdu, plain).content.value
        except DecodeError as error:
            raise BadAnswer(f"does not decode: {error}", rule="content") from error
        except CryptoError as error:
            raise BadAnswer(f"does not open: {error}", rule="decrypt") from error
        except SecuredError as error:
            raise BadAnswer(str(error), rule="content") from error
        if not isinstance(response, scms.AcaEeInterfacePdu):
            raise BadAnswer("the content is no acaEeCertResponse", rule="content")
        ticket = _ticket(response.value, keys.signing, supply, aa, trust, time64)
        if ticket.certificate.hashed_id8 in seen:
            raise BadAnswer("a ticket twice", rule="key")
        seen.add(ticket.certificate.hashed_id8)
        tickets.append(ticket)
    return tickets


def _entries(octets: bytes) -> list[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            entries = archive.infolist()
            if not 1 <= len(entries) <= MOST_TICKETS:
                raise BadAnswer(f"a ZIP of {len(entries)} entries", rule="content")
            if any(entry.file_size > _LONGEST_ENTRY for entry in entries):
                raise BadAnswer("an entry too long for a ticket", rule="content")
            return [archive.read(entry) for entry in entries]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise BadAnswer(f"no ZIP: {type(error).__name__}", rule="content") from error


def _ticket(
    response: scms.AcaEeCertResponse,
    cocoon: bytes,
    supply: Supply,
    aa: Certificate,
    trust: TrustStore,
    time64: int,
) -> Ticket:
    """The ticket with the key reconstructed for it, held against what was asked for."""
    try:
        certificate = Certificate.of(response.certificate)
        scalar = certified_key(cocoon, response.private_key_info)
        key = MemoryKey(_P256, int.from_bytes(scalar, "big"))
        certified = certificate.verification_key
    except (CryptoError, DecodeError) as error:
        raise BadAnswer(f"the ticket's key: {error}", rule="key") from error
    if certified != key.public_key:
        raise BadAnswer("the ticket is of another key than this station's", rule="key")
    if certificate.issuer_id8 != aa.hashed_id8:
        raise BadAnswer(f"the ticket is not issued by {aa.hex8}, which delivers it", rule="chain")
    extra = set(certificate.app_permissions) - {entry.psid for entry in supply.permissions}
    if extra:
        raise BadAnswer(f"the ticket holds psid {sorted(extra)}, not asked for", rule="permissions")
    held = certificate.record.to_be_signed.region
    if supply.region is not None and not regions.region_contains(supply.region, held):
        raise BadAnswer("the ticket's region is larger than the one asked for", rule="region")
    try:
        trust.verify_ticket(certificate, max(time64 // MICROSECONDS, certificate.start))
    except InvalidChain as error:
        raise BadAnswer(f"the ticket does not verify: {error}", rule="chain") from error
    return Ticket(certificate, key)
