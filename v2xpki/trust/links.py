"""Link certificates: an old root or TLM vouches for its successor (TS 102 941, annex A).

    TLM     old TLM ── signs ──> {expiryTime, hash of the new TLM's certificate}
    RCA     old RCA ── signs ──> {expiryTime, hash of the new RCA's certificate}   single-signed
            new RCA ── signs ──> the single-signed link                           double-signed

expiryTime is the end of the certificate that vouches. `build_*` return what a ListIssuer signs, `SignedLink`
reads and verifies what others published. Times are TAI seconds since 2004.
"""

import hmac
from dataclasses import dataclass
from typing import Literal

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError, InvalidLink, InvalidSignature, UnexpectedContent
from v2xpki.secured import SignedMessage
from v2xpki.time import MICROSECONDS, iso_from_time32
from v2xpki.trust.lint import detect_kind
from v2xpki.trust.profiles import CTL_PSID
from v2xpki.wire import dot2, etsi

LinkForm = Literal["tlm", "rca-single", "rca-double"]
#: Generations that a reader follows in one go; one lasts years.
MOST_LINKS = 8
_SKEW = 60  # seconds by which a reader's clock may be behind
_FORMS: dict[str, LinkForm] = {
    "linkCertificateTlm": "tlm",
    "singleSignedLinkCertificateRca": "rca-single",
    "doubleSignedlinkCertificateRca": "rca-double",
}
_HASHED: dict[str, dot2.HashedDataKind] = {"sha256": "sha256HashedData", "sha384": "sha384HashedData"}
_NAMES: dict[LinkForm, str] = {
    "tlm": "TLM link", "rca-single": "single-signed RCA link", "rca-double": "double-signed RCA link",
}  # fmt: skip


# --- building ------------------------------------------------------------------------------


def build_tlm_link(old: Certificate, new: Certificate) -> etsi.EtsiTs102941Data:
    """What the old TLM signs, named by its digest. Raises InvalidLink for a pair that makes no succession."""
    _check_pair(old, new, "TLM")
    return _data("linkCertificateTlm", _body(old, new))


def build_rca_link(old: Certificate, new: Certificate) -> etsi.EtsiTs102941Data:
    """What the old root signs: the single-signed link. Raises InvalidLink."""
    _check_pair(old, new, "RCA")
    return _data("singleSignedLinkCertificateRca", _body(old, new))


def build_double_link(single: "SignedLink", old: Certificate, new: Certificate) -> etsi.EtsiTs102941Data:
    """What the new root signs: the old root's single-signed link as it is. Raises InvalidLink for one that
    the old root did not sign for the new one."""
    if single.form != "rca-single":
        raise InvalidLink(f"a {_NAMES[single.form]} inside a double-signed one", rule="inner")
    _check_pair(old, new, "RCA")
    single._check_signed(single.message, old, "inner")
    single._check_hash(new)
    return _data("doubleSignedlinkCertificateRca", single.message.record)


def _check_pair(old: Certificate, new: Certificate, kind: str) -> None:
    for certificate in (old, new):
        if detect_kind(certificate.record) != kind:
            raise InvalidLink(f"{certificate.hex8} is no {kind}'s certificate", rule="profile")
    if new == old:
        raise InvalidLink(f"{old.hex8} cannot succeed itself", rule="loop")
    if new.start < old.start:
        raise InvalidLink(
            f"{new.hex8}, valid from {iso_from_time32(new.start)}, is older than {old.hex8}, "
            f"valid from {iso_from_time32(old.start)}",
            rule="rollback",
        )
    if new.start >= old.end:
        raise InvalidLink(
            f"{new.hex8} begins {iso_from_time32(new.start)}, when {old.hex8} has ended",
            rule="expired",
            hint="generations overlap: roll over before the old certificate ends",
        )


def _body(old: Certificate, new: Certificate) -> etsi.ToBeSignedLinkCertificate:
    return etsi.ToBeSignedLinkCertificate(
        expiry_time=old.end,
        certificate_hash=dot2.HashedData(kind=_HASHED[new.hash_name], value=new.digest),
    )


def _data(
    kind: etsi.EtsiTs102941DataContentKind, value: etsi.ToBeSignedLinkCertificate | dot2.Ieee1609Dot2Data
) -> etsi.EtsiTs102941Data:
    return etsi.EtsiTs102941Data(version=1, content=etsi.EtsiTs102941DataContent(kind=kind, value=value))


# --- reading -------------------------------------------------------------------------------


@dataclass(frozen=True)
class SignedLink:
    """A published link. Parsing trusts nothing; `verify` does.

    body: what the old certificate signed. inner: of a double-signed link, the single-signed one.
    """

    form: LinkForm
    message: SignedMessage
    body: etsi.ToBeSignedLinkCertificate
    inner: "SignedLink | None"
    octets: bytes

    @classmethod
    def parse(cls, octets: bytes) -> "SignedLink":
        """Raises DecodeError, UnexpectedContent for what is no link, InvalidLink for a double-signed one
        around something else than a single-signed one."""
        message = SignedMessage.parse(octets)
        data = wire.decode(etsi.EtsiTs102941Data, message.payload)
        form, value = _FORMS.get(data.content.kind), data.content.value
        if form is None:
            raise UnexpectedContent(f"{data.content.kind} instead of a link certificate")
        if data.version != 1:
            raise DecodeError(f"version {data.version} instead of 1", where=("EtsiTs102941Data",))
        if isinstance(value, etsi.ToBeSignedLinkCertificate):
            return cls(form, message, value, None, octets)
        assert isinstance(value, dot2.Ieee1609Dot2Data)
        try:
            inner = cls.parse(wire.encode(value))
        except UnexpectedContent as error:
            raise InvalidLink(f"inside the double-signed link: {error}", rule="inner") from error
        if inner.form != "rca-single":
            raise InvalidLink(f"a {_NAMES[inner.form]} inside a double-signed one", rule="inner")
        return cls(form, message, inner.body, inner, octets)

    @property
    def kind(self) -> Literal["tlm", "rca"]:
        """Whose generations it links."""
        return "tlm" if self.form == "tlm" else "rca"

    @property
    def expiry_time(self) -> int:
        """Until when it vouches: the end of the old certificate."""
        return self.body.expiry_time

    @property
    def successor_id8(self) -> bytes:
        """HashedId8 of the new certificate: the last octets of the hash that names it."""
        return self.body.certificate_hash.value[-8:]

    @property
    def voucher_id8(self) -> bytes | None:
        """HashedId8 of who vouches, the old certificate, as the link says."""
        return _signer_id8((self.inner or self).message)

    @property
    def generation_time(self) -> int:
        """When the old one signed, TAI seconds; 0 where the header has none (which verify refuses)."""
        return ((self.inner or self).message.header.generation_time or 0) // MICROSECONDS

    def verify(self, old: Certificate, new: Certificate, at: int) -> None:
        """Raise InvalidLink unless `old`, whom the caller trusts, vouches at `at` for `new`, a certificate of
        its own kind in force; a double-signed link also unless `new` signed it.

        Where InvalidLink is not raised, `new` may be trusted as `old` was.
        """
        self.verify_voucher(old, at)
        self.verify_successor(old, new, at)

    def verify_voucher(self, old: Certificate, at: int) -> None:
        """The first half of `verify`: what can be said before the new certificate is at hand."""
        vouched = self.inner or self
        vouched._check_signed(vouched.message, old, "inner" if self.inner else "signature")
        if self.expiry_time > old.end:
            raise InvalidLink(
                f"vouches until {iso_from_time32(self.expiry_time)}, longer than {old.hex8} is valid",
                rule="expiry",
            )
        if at >= self.expiry_time:
            raise InvalidLink(f"vouched until {iso_from_time32(self.expiry_time)}", rule="expired")
        if at < self.generation_time - _SKEW:
            raise InvalidLink(f"signed at {iso_from_time32(self.generation_time)} only", rule="not-yet-valid")

    def verify_successor(self, old: Certificate, new: Certificate, at: int) -> None:
        """The second half of `verify`: whether `new` is who is vouched for, and in force."""
        self._check_hash(new)
        _check_pair(old, new, self.kind.upper())
        try:
            new.verify_signature(None)
        except CryptoError as error:
            raise InvalidLink(f"{new.hex8}: {error}", rule="successor") from error
        if not new.start <= at + _SKEW or at >= new.end:
            raise InvalidLink(
                f"{new.hex8} is valid from {iso_from_time32(new.start)} to {iso_from_time32(new.end)} only",
                rule="successor",
            )
        if self.inner is not None:
            self._check_signed(self.message, new, "signature")

    def _check_hash(self, new: Certificate) -> None:
        hashed = self.body.certificate_hash
        # The name of the hash counts: the same octets under another one would be another certificate.
        if hashed.kind != _HASHED[new.hash_name] or not hmac.compare_digest(hashed.value, new.digest):
            raise InvalidLink(f"it does not vouch for {new.hex8}: another hash", rule="hash")

    def _check_signed(self, message: SignedMessage, signer: Certificate, rule: str) -> None:
        header = message.header
        if header.psid != CTL_PSID:
            raise InvalidLink(f"psid {header.psid} instead of {CTL_PSID}", rule="psid")
        generated = header.generation_time
        if generated is None or header != dot2.HeaderInfo(psid=CTL_PSID, generation_time=generated):
            raise InvalidLink("the header is not psid and generationTime alone", rule="header")
        if len(message.signer_certificates) > 1 or _signer_id8(message) != signer.hashed_id8:
            named = (_signer_id8(message) or b"").hex().upper() or "nobody"
            raise InvalidLink(f"names {named} as signer, not {signer.hex8}", rule="signer")
        if CTL_PSID not in signer.app_permissions:
            raise InvalidLink(f"{signer.hex8} does not hold psid {CTL_PSID}", rule="profile")
        if not signer.start <= generated // MICROSECONDS < signer.end:
            raise InvalidLink(
                f"signed {iso_from_time32(generated // MICROSECONDS)}, when {signer.hex8} was not valid",
                rule="generation-time",
            )
        try:
            message.verify(signer.verification_key, signer)
        except InvalidSignature as error:
            raise InvalidLink(f"not signed by {signer.hex8}: {error}", rule=rule) from error


def _signer_id8(message: SignedMessage) -> bytes | None:
    certificates = message.signer_certificates
    return certificates[0].hashed_id8 if certificates else message.signer_digest


def is_link(octets: bytes) -> bool:
    """Whether octets are a signed link of any form, well or badly made."""
    try:
        message = SignedMessage.parse(octets)
        return wire.decode(etsi.EtsiTs102941Data, message.payload).content.kind in _FORMS
    except (UnexpectedContent, DecodeError, CryptoError):
        return False
