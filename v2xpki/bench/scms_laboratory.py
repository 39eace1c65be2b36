"""An ACA with all that it needs around it, and an RA that asks without pause: for benchmarks and tests.

Root, RA and linkage authorities are keys in memory; the ACA's are where the given keystore has them. No
ceremony and no chain: whoever fills an RaDirectory in service proves them.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from v2xpki import wire
from v2xpki.authorities.scms.aca import AuthorizationCertificateAuthority
from v2xpki.authorities.scms.aca_policy import AcaPolicy, KnownRas
from v2xpki.authorities.scms.secrets import SecretStore, la_name, new_implicit_key
from v2xpki.crypto import (
    Certificate,
    Curve,
    PrivateCaterpillar,
    PublicKey,
    ccm_encrypt,
    psk_id,
    signature_record,
    signing_digest,
)
from v2xpki.keystore import KeyLabel, Keystore, MemoryKey
from v2xpki.secured import sign_request
from v2xpki.store import Database, upgrade
from v2xpki.store.aca import WrappedSecret
from v2xpki.time import HOUR, Clock
from v2xpki.trust.scms_profiles import scms_profile
from v2xpki.wire import dot2, scms
from v2xpki.wire.templates import Pieces, RequestTemplate

LA_IDS = b"\0\1", b"\0\2"
BUTTERFLY, CUBK = 0x80, 0x40
WEEK = 7 * 24 * HOUR
PLVS = b"\1" * 9, b"\2" * 9
BSM = (dot2.PsidSsp(32, None), dot2.PsidSsp(38, None))


class ScmsLaboratory:
    """An ACA over a database in `directory` (SQLite), or at `url`."""

    def __init__(
        self,
        directory: Path,
        keystore: Keystore,
        clock: Clock,
        *,
        url: str | None = None,
        policy: AcaPolicy | None = None,
    ) -> None:
        self.clock, self.keystore, self.policy, now = clock, keystore, policy, clock.time32()
        self.root_key, self.ra_key = (MemoryKey.generate(Curve.NIST_P256) for _ in range(2))
        self.encryption_key = other = MemoryKey.generate(Curve.NIST_P256)  # of RA and ACA
        root = scms_profile("SCMS_ROOT").build_tbs(
            verification_key=self.root_key.public_key, now=now, name="root"
        )
        self.root = self.certify(root, None)
        self.ra = self.certify(self.component("RA", self.ra_key.public_key, other.public_key), self.root)
        label = KeyLabel("aca", "sign")
        aca_key = keystore.generate(label, Curve.NIST_P256)
        keystore.generate_wrapping(KeyLabel("aca", "wrap"))
        self.aca_certificate = self.certify(self.component("ACA", aca_key, other.public_key), self.root)
        self.la_keys = os.urandom(16), os.urandom(16)
        self.url = url or f"sqlite:///{directory}/aca.db"
        self.database = Database.open(self.url, clock=clock)
        upgrade(self.database, "aca")
        secrets = SecretStore(self.database, WrappedSecret, keystore, KeyLabel("aca", "wrap"))
        for la_id, key in zip(LA_IDS, self.la_keys, strict=True):
            secrets.add(la_name(la_id, key), key)
        self.secrets = secrets
        self.ras = [self.ra]  # whom the ACA serves
        self.implicit: Certificate | None = None
        self.aca = self.open_aca()
        self._templates: dict[bool, RequestTemplate] = {}

    def open_aca(self, database: Database | None = None) -> AuthorizationCertificateAuthority:
        """The ACA, as another process would open it."""
        return AuthorizationCertificateAuthority.open(
            self.keystore,
            1,
            self.aca_certificate,
            database or self.database,
            ras=KnownRas(self.ras),
            clock=self.clock,
            craca_id=self.root.hashed_id3,
            policy=self.policy,
            implicit=self.implicit,
        )

    def allow_implicit(self) -> None:
        """An ACA that is opened from now on issues implicit certificates, too."""
        key = new_implicit_key(self.secrets)
        self.implicit = self.certify(self.component("ACA_IMPLICIT", key, None), self.root)

    def close(self) -> None:
        self.aca.close()
        self.database.close()

    # --- certificates --------------------------------------------------------------------------------

    def component(
        self, kind: str, key: PublicKey, encryption: PublicKey | None
    ) -> dot2.ToBeSignedCertificate:
        """What the root certifies for a component."""
        return scms_profile(kind).build_tbs(
            verification_key=key,
            now=self.clock.time32(),
            issuer=self.root,
            encryption_key=encryption,
            craca_id=self.root.hashed_id3,
            name=kind.lower(),
        )

    def certify(self, tbs: dot2.ToBeSignedCertificate, issuer: Certificate | None) -> Certificate:
        """Signed by the root."""
        named = (
            dot2.IssuerIdentifier("self", "sha256")
            if issuer is None
            else dot2.IssuerIdentifier("sha256AndDigest", issuer.hashed_id8)
        )
        digest = signing_digest("sha256", wire.encode(tbs), b"" if issuer is None else issuer.octets)
        signature = signature_record(Curve.NIST_P256, self.root_key.sign(digest))
        return Certificate.of(dot2.CertificateBase(3, "explicit", named, tbs, signature))

    # --- requests --------------------------------------------------------------------------------------

    def request(
        self,
        cocoon: PublicKey,
        *,
        plvs: Sequence[bytes] = PLVS,
        cubk: bool = False,
        i: int = 9,
    ) -> scms.RaAcaCertRequest:
        """For a pseudonym of one week, unified or compact unified."""
        linkage = scms.LinkageInfo(*(self.encrypted_plv(n, plv) for n, plv in enumerate(plvs)))
        tbs = dot2.ToBeSignedCertificate(
            id=dot2.CertificateId("linkageData", dot2.LinkageData(i, bytes(9))),
            craca_id=bytes(3),
            crl_series=0,
            validity_period=dot2.ValidityPeriod(self.clock.time32(), dot2.Duration("hours", 169)),
            app_permissions=BSM,
            verify_key_indicator=dot2.VerificationKeyIndicator(
                "verificationKey", cocoon.to_verification_key()
            ),
        )
        return scms.RaAcaCertRequest(
            version=2,
            generation_time=self.clock.time32(),
            type="explicit",
            flags=BUTTERFLY | (CUBK if cubk else 0),
            tbs_cert=tbs,
            linkage_info=linkage,
            cert_enc_key=None if cubk else cocoon.to_encryption_key(),
        )

    def encrypted_plv(self, n: int, plv: bytes) -> scms.EncryptedIndividualPLV:
        """As the linkage authority n gives it to the RA."""
        nonce, key = os.urandom(12), self.la_keys[n]
        text = dot2.One28BitCcmCiphertext(nonce, ccm_encrypt(key, nonce, plv))
        data = dot2.EncryptedData(
            (dot2.RecipientInfo("pskRecipInfo", psk_id(key)),), dot2.SymmetricCiphertext("aes128ccm", text)
        )
        content = dot2.Ieee1609Dot2Content("encryptedData", data)
        return scms.EncryptedIndividualPLV(2, LA_IDS[n], dot2.Ieee1609Dot2Data(3, content))

    def signed(self, asked: scms.RaAcaCertRequest) -> bytes:
        """The SPDU of a request, signed by the RA, which its certificate names."""
        inner = scms.AcaRaInterfacePdu("raAcaCertRequest", asked)
        pdu = scms.ScmsPdu(2, scms.ScmsPduContent("aca-ra", inner))
        return sign_request(self.ra_key, pdu, certificate=self.ra, identifier="digest")

    def requests(self, count: int, *, cubk: bool = False) -> list[bytes]:
        """As many SPDUs, all different, written by their places."""
        cocoons = PrivateCaterpillar.generate("unified").public().cocoons(9, range(count))
        template = self._templates.get(cubk) or self._template(cubk)
        now = self.clock.time32().to_bytes(4, "big")
        made = []
        for cocoon in cocoons:
            key = bytes((0x80 | cocoon.signing[0],)) + cocoon.signing[1:]
            plvs = [os.urandom(12) for _ in LA_IDS]
            texts = [
                ccm_encrypt(k, nonce, os.urandom(9)) for k, nonce in zip(self.la_keys, plvs, strict=True)
            ]
            encryption, linkage = b"" if cubk else key, b"\0\x09" + bytes(9)
            pieces = Pieces(
                now, plvs[0], texts[0], plvs[1], texts[1], encryption, linkage, now, key, b"\1" * 64
            )
            octets = template.write(pieces)
            digest = signing_digest("sha256", octets[template.tbs], self.ra.octets)
            made.append(octets[:-64] + self.ra_key.sign(digest))
        return made

    def _template(self, cubk: bool) -> RequestTemplate:
        key = MemoryKey.generate(Curve.NIST_P256).public_key
        content = wire.decode(dot2.Ieee1609Dot2Data, self.signed(self.request(key, cubk=cubk))).content
        assert isinstance(content.value, bytes)
        template = RequestTemplate.of(wire.decode_certificate_request(content.value)[0])
        assert template is not None
        self._templates[cubk] = template
        return template
