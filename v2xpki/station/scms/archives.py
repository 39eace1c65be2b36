"""What a device makes of the file of a period: `<H8>_<I>.zip`, entries `<I>_<J>` (IEEE 1609.2.1 7.5).

    batch = open_archive(octets, supply, i, periods, chains, now)
    batch.made      certificates, each with its own private key, verified
    batch.bad       entries that broke a rule, and which

An entry is one of three. private: Signed by the ACA { Encrypted to the cocoon key }; cubk: Encrypted alone;
plain: neither, and only for keys that are no butterfly's. A file that is no such archive (not a ZIP, too
large, foreign or double names) is refused whole: no RA makes it by mistake. An entry that does not stand up
costs itself alone. The RA packs what it cannot read, so that only the ACA's signatures count here.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from v2xpki import wire
from v2xpki.crypto import (
    Certificate,
    Curve,
    certified_key,
    implicit_hash,
    rek_ids,
)
from v2xpki.crypto.butterfly import CocoonKeys
from v2xpki.crypto.group import p256
from v2xpki.errors import CryptoError, DecodeError, InvalidChain, SecuredError
from v2xpki.keystore.memory import MemoryKey
from v2xpki.secured import RecipientKey, SignedMessage, decrypt, scms_header
from v2xpki.station.errors import BadAnswer
from v2xpki.station.scms.requests import OwnKeys
from v2xpki.station.scms.supplies import Supply
from v2xpki.trust import regions
from v2xpki.trust.periods import Periods
from v2xpki.trust.scms_end_entities import ScmsChains
from v2xpki.wire import dot2, scms

MOST_ENTRIES = 256  # j has 8 bits in a CRL
LONGEST_ENTRY = 4096  # octets
LONGEST_ARCHIVE = MOST_ENTRIES * LONGEST_ENTRY
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_NO_ZIP = (
    zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, OSError
)  # fmt: skip
_NAME = re.compile(r"(0|[1-9A-F][0-9A-F]*)_(0|[1-9A-F][0-9A-F]?)")
_P256 = Curve.NIST_P256


class Credential(NamedTuple):
    """A certificate of period i, its number in it, and its private key."""

    i: int
    j: int
    certificate: Certificate
    key: MemoryKey


class BadEntry(NamedTuple):
    """An entry that was not taken; rule as BadAnswer's."""

    name: str
    rule: str
    message: str


class Batch(NamedTuple):
    """What an archive gave."""

    made: tuple[Credential, ...]
    bad: tuple[BadEntry, ...]


def archive_name(request: str, i: int) -> str:
    """Name of the file of a period; request: Supply.name."""
    return f"{request}_{i:X}.zip"


def open_archive(
    octets: bytes, supply: Supply, i: int, periods: Periods, chains: ScmsChains, now: int
) -> Batch:
    """What is in the archive of period i. now: Time32, at which the CAs must be in force.

    Raises BadAnswer (rule: archive) for what is no archive of this period. Rules of entries: content, signer,
    header, signature, decrypt, key, chain, type, id, permissions, validity, region, twice.
    """
    entries = _entries(octets, i)
    js = range(max(entries) + 1)
    keys = supply.keys.keys(i, js)
    names = rek_ids(p256().multiples_of_base([keys[j].encryption for j in entries]))
    opener = _Opener(supply, i, periods, chains, now)
    made: list[Credential] = []
    bad: list[BadEntry] = []
    for (j, entry), name in zip(entries.items(), names, strict=True):
        try:
            made.append(opener.open(entry, j, keys[j], name))
        except BadAnswer as error:
            bad.append(BadEntry(f"{i:X}_{j:X}", error.rule, str(error)))
    return Batch(tuple(made), tuple(bad))


def _entries(octets: bytes, i: int) -> dict[int, bytes]:
    """By j. Nothing is read beyond the limits, whatever the ZIP says of itself."""
    if len(octets) > LONGEST_ARCHIVE:
        raise BadAnswer(f"an archive of {len(octets)} octets", rule="archive")
    found: dict[int, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            infos = archive.infolist()
            if not 1 <= len(infos) <= MOST_ENTRIES:
                raise BadAnswer(f"a ZIP of {len(infos)} entries", rule="archive")
            for info in infos:
                j = _number(info.filename, i)
                if j in found:
                    raise BadAnswer(f"{info.filename} twice", rule="archive")
                if info.file_size > LONGEST_ENTRY or info.compress_type not in _METHODS or info.flag_bits & 1:
                    raise BadAnswer(f"{info.filename}: too long, or packed in another way", rule="archive")
                with archive.open(info) as file:
                    found[j] = file.read(LONGEST_ENTRY + 1)  # with a size: it inflates no more than that
                if len(found[j]) != info.file_size:
                    raise BadAnswer(f"{info.filename}: not of the size that it claims", rule="archive")
    except _NO_ZIP as error:
        raise BadAnswer(f"no ZIP: {type(error).__name__}", rule="archive") from error
    return found


def _number(name: str, i: int) -> int:
    """j of `<I>_<J>`: hex, upper case, no leading zeros."""
    found = _NAME.fullmatch(name)
    if found is None or int(found[1], 16) != i:
        raise BadAnswer(f"an entry {name[:40]!r} in the archive of period {i:X}", rule="archive")
    return int(found[2], 16)


class _Opener:
    """What the entries of one archive have in common."""

    def __init__(self, supply: Supply, i: int, periods: Periods, chains: ScmsChains, now: int) -> None:
        self._supply, self._i, self._periods = supply, i, periods
        self._chains, self._now = chains, now
        self._seen: set[bytes] = set()
        self._own = isinstance(supply.keys, OwnKeys)
        self._asked = {entry.psid: entry.ssp for entry in supply.wish.permissions}

    def open(self, octets: bytes, j: int, keys: CocoonKeys, name: bytes) -> Credential:
        """name: rek id of the encryption key. Raises BadAnswer."""
        try:
            data = wire.decode(dot2.Ieee1609Dot2Data, octets)
            signer, data = self._signer(data)
            response = self._response(self._plain(data, keys, name))
            certificate = Certificate.of(response.certificate)
            # implicit ones are another key's of the same ACA; what they are worth is proven by the key
            issued = signer is None or certificate.is_implicit or certificate.issuer_id8 == signer.hashed_id8
            if signer is not None and not issued:
                raise BadAnswer(f"not issued by {signer.hex8}, which delivers it", rule="chain")
            key = self._key(certificate, response, keys)
        except DecodeError as error:
            raise BadAnswer(f"does not decode: {error}", rule="content") from error
        except SecuredError as error:
            raise BadAnswer(str(error), rule="content") from error
        except CryptoError as error:
            raise BadAnswer(f"a key in it: {error}", rule="key") from error
        self._check(certificate)
        if certificate.digest in self._seen:
            raise BadAnswer("a certificate that was there before", rule="twice")
        self._seen.add(certificate.digest)
        return Credential(self._i, j, certificate, key)

    def _signer(self, data: dot2.Ieee1609Dot2Data) -> tuple[Certificate | None, dot2.Ieee1609Dot2Data]:
        """The ACA that signed around the encrypted data, and that; None and the data where nobody did."""
        if data.content.kind != "signedData":
            return None, data
        message = SignedMessage.of(data)
        aca = self._chains.certificate(message.signer_digest or b"")
        if aca is None:
            raise BadAnswer("the signer is no ACA that is known here", rule="signer")
        try:
            self._chains.component(aca, "aca", self._now)
            message.verify(aca.verification_key, aca)
        except InvalidChain as error:
            raise BadAnswer(f"the signer: {error}", rule="signer") from error
        except CryptoError as error:
            raise BadAnswer(str(error), rule="signature") from error
        if message.header != scms_header():
            raise BadAnswer("the header is not psid 35 alone", rule="header")
        inner = message.signed.tbs_data.payload.data
        if inner is None or inner.content.kind != "encryptedData":
            raise BadAnswer("no encrypted data is signed", rule="content")
        return aca, inner

    def _plain(self, data: dot2.Ieee1609Dot2Data, keys: CocoonKeys, name: bytes) -> bytes:
        content: Any = data.content.value
        if data.content.kind == "unsecuredData" and isinstance(content, bytes):
            if not self._own:
                raise BadAnswer("in plain: others have read what makes the private key", rule="content")
            return content
        if not isinstance(content, dot2.EncryptedData):
            raise BadAnswer(f"{data.content.kind} is no response", rule="content")
        recipients = [getattr(one.value, "recipient_id", None) for one in content.recipients]
        if recipients != [name] or content.recipients[0].kind != "rekRecipInfo":
            raise BadAnswer("encrypted to another key than this certificate's", rule="decrypt")
        agreer = MemoryKey(_P256, int.from_bytes(keys.encryption, "big"))
        opening: Mapping[bytes, RecipientKey] = {name: RecipientKey.of_key(agreer)}
        try:
            return decrypt(data, opening).plain
        except CryptoError as error:
            raise BadAnswer(f"does not open: {error}", rule="decrypt") from error

    @staticmethod
    def _response(plain: bytes) -> scms.AcaEeCertResponse:
        response = getattr(wire.decode(scms.ScmsPdu, plain).content.value, "value", None)
        if not isinstance(response, scms.AcaEeCertResponse):
            raise BadAnswer("the content is no acaEeCertResponse", rule="content")
        return response

    def _key(self, certificate: Certificate, response: scms.AcaEeCertResponse, keys: CocoonKeys) -> MemoryKey:
        """The private key, which is the certificate's."""
        info = response.private_key_info
        if info is None and (certificate.is_implicit or not self._own):
            raise BadAnswer("privateKeyInfo is missing: the RA knows this key's point", rule="key")
        try:
            aca = self._chains.certificate(certificate.issuer_id8 or b"")
            if aca is None:
                raise BadAnswer("the issuer is no ACA that is known here", rule="chain")
            e = implicit_hash(certificate.tbs_octets, aca.digest) if certificate.is_implicit else None
            key = MemoryKey(_P256, int.from_bytes(certified_key(keys.signing, info, e), "big"))
            certified = self._chains.end_entity(certificate, max(self._now, certificate.start))
        except InvalidChain as error:
            raise BadAnswer(f"does not verify: {error}", rule="chain") from error
        if key.public_key != certified:
            raise BadAnswer("the certificate is of another key than this device's", rule="key")
        return key

    def _check(self, certificate: Certificate) -> None:
        """What was asked for is what came, and nothing else."""
        wish, tbs = self._supply.wish, certificate.record.to_be_signed
        if certificate.is_implicit != wish.implicit:
            raise BadAnswer(f"a certificate of type {certificate.record.type}", rule="type")
        if wish.kind == "pseudonym":
            linkage = tbs.id.value
            if not isinstance(linkage, dot2.LinkageData):
                raise BadAnswer(f"id is {tbs.id.kind}, of a pseudonym", rule="id")
            if linkage.i_cert != self._i:
                raise BadAnswer(f"iCert is {linkage.i_cert}, not {self._i}", rule="id")
        elif (tbs.id.kind, tbs.id.value) != (("none", None) if wish.name is None else ("name", wish.name)):
            raise BadAnswer(f"id is {tbs.id.kind} {tbs.id.value!r}", rule="id")
        if certificate.app_permissions != self._asked or len(tbs.app_permissions or ()) != len(self._asked):
            raise BadAnswer("appPermissions are not those asked for", rule="permissions")
        if tbs.encryption_key is not None:
            raise BadAnswer("an encryption key that nobody asked for", rule="permissions")
        if wish.region is not None and not regions.region_contains(wish.region, tbs.region):
            raise BadAnswer("the region is larger than the one asked for", rule="region")
        periods = self._periods
        if wish.kind != "application" and (
            certificate.start < periods.start(self._i) or certificate.end > periods.end(self._i)
        ):
            raise BadAnswer("validity is not inside the period's", rule="validity")
