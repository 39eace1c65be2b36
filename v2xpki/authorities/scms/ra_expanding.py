"""The RA's cocoon keys: of what devices asked for, and what the ACA is asked with them.

    expansion = Expansion.of(kind, wish, params)      one request, as granted
    keys = expansion.keys(i, count)                   columns, by j
    like = expansion.like(i, periods, not_before)     the RaAcaCertRequest of any of them, but for what varies

Pseudonyms and identification certificates are made of cocoons, all keys of a batch at once: 16 us each
(original: twice that). An application certificate is of the key that its device made alone.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

from v2xpki import wire
from v2xpki.authorities.periods import Periods
from v2xpki.crypto import Caterpillar, Curve, PublicKey
from v2xpki.errors import UnexpectedContent
from v2xpki.store.ra import APPLICATION, PSEUDONYM
from v2xpki.wire import dot2, scms

BUTTERFLY, CUBK = 0x80, 0x40  # RaAcaCertRequestFlags
# in the place of keys that vary: the base point
_BASE = bytes.fromhex("036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")
_BLANK = PublicKey.from_sec1(Curve.NIST_P256, _BASE)
_BLANK_ENCRYPTION = _BLANK.to_encryption_key()


class Keys(NamedTuple):
    """Columns: the key of each certificate, and whom its response is encrypted to. SEC1 compressed."""

    certified: list[bytes]
    recipients: list[bytes]


@dataclass(frozen=True, slots=True)
class Expansion:
    """A request, read. caterpillar: None for an application certificate."""

    kind: str
    tbs: dot2.ToBeSignedCertificate
    caterpillar: Caterpillar | None
    response_key: dot2.PublicEncryptionKey | None

    @classmethod
    def of(cls, kind: str, wish: bytes, params: bytes | None) -> Self:
        """Of a row of RaRequest. Raises DecodeError, CryptoError, UnexpectedContent for what is none."""
        tbs = wire.decode(dot2.ToBeSignedCertificate, wish)
        key = _point(tbs)
        extra = None if params is None else wire.decode(scms.AdditionalParams, params)
        if kind == APPLICATION:
            value = None if extra is None else extra.value
            if value is not None and not isinstance(value, dot2.PublicEncryptionKey):
                raise UnexpectedContent("butterfly parameters for an application certificate")
            return cls(kind, tbs, None, value)
        if extra is None:
            raise UnexpectedContent(f"no butterfly parameters for certificates of kind {kind}")
        return cls(kind, tbs, Caterpillar.of(key, extra), None)

    @property
    def is_linked(self) -> bool:
        return self.kind == PSEUDONYM

    @property
    def is_implicit(self) -> bool:
        return self.tbs.verify_key_indicator.kind == "reconstructionValue"

    @property
    def is_compact(self) -> bool:
        """Whether the ACA takes the cocoon for the key that the response is encrypted to."""
        return self.caterpillar is not None and self.caterpillar.variant == "compactUnified"

    def keys(self, i: int, count: int) -> Keys:
        """The cocoons of period i, j from 0 on. Raises CryptoError for an application certificate."""
        assert self.caterpillar is not None
        cocoons = self.caterpillar.cocoons(i, range(count))
        return Keys([one.signing for one in cocoons], [one.encryption for one in cocoons])

    def own_keys(self) -> tuple[bytes, bytes]:
        """Of an application certificate: its key, and whom the response is encrypted to; empty: in plain."""
        to = b"" if self.response_key is None else PublicKey.of_encryption_key(self.response_key).point
        return _point(self.tbs).point, to

    def like(self, i: int, periods: Periods, not_before: int) -> scms.RaAcaCertRequest:
        """What is asked of the ACA for period i, with blank times, keys and linkage; for an application
        certificate all that there is, but for the time. not_before: the start of its issuer's certificate."""
        tbs, flags = self.tbs._replace(craca_id=bytes(3), crl_series=0), 0
        response_key = self.response_key
        if self.caterpillar is not None:
            flags = BUTTERFLY | (CUBK if self.is_compact else 0)
            duration = periods.validity_of(i, not_before).duration
            linkage = dot2.CertificateId("linkageData", dot2.LinkageData(0, bytes(9)))
            tbs = tbs._replace(
                id=linkage if self.is_linked else tbs.id,
                validity_period=dot2.ValidityPeriod(0, duration),
                verify_key_indicator=_BLANK.to_indicator(implicit=self.is_implicit),
            )
            response_key = None if self.is_compact else _BLANK_ENCRYPTION
        return scms.RaAcaCertRequest(
            version=2,
            generation_time=0,
            type="implicit" if self.is_implicit else "explicit",
            flags=flags,
            tbs_cert=tbs,
            cert_enc_key=response_key,
        )


def _point(tbs: dot2.ToBeSignedCertificate) -> PublicKey:
    value = tbs.verify_key_indicator.value
    if not isinstance(value, dot2.PublicVerificationKey | dot2.EccP256CurvePoint):
        raise UnexpectedContent("no key in a certificate's request")
    return PublicKey.of_indicator(value)
