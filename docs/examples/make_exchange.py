"""Records one enrolment and one authorization against a real instance: python docs/examples/make_exchange.py

Writes etsi-exchange.json beside itself: every octet that goes over the wire, and what a station knows to
make and open it, its private keys included. They are of this example and of nothing else.
"""

import json
import sys
import tempfile
from pathlib import Path

from v2xpki import wire
from v2xpki.authorities.etsi import bootstrap, station_files
from v2xpki.authorities.etsi.stations import StationRegister
from v2xpki.crypto import Certificate, Curve, psk_id
from v2xpki.crypto.ccm import ccm_decrypt
from v2xpki.demo.serving import Ports, Server, write_settings
from v2xpki.keystore.memory import MemoryKey
from v2xpki.secured import SignedMessage, decrypt_psk
from v2xpki.station import Settings, Station, Urllib3Http
from v2xpki.station.http import REQUEST
from v2xpki.station.requests import EC_PERMISSIONS, Sent, authorization_request, enrolment_request
from v2xpki.store import Database
from v2xpki.time import iso_from_time32
from v2xpki.trust.profiles import Profiles
from v2xpki.wire import dot2, etsi

TARGET = Path(__file__).with_name("etsi-exchange.json")
ITS_ID = b"my-unit"


def scalar(key: MemoryKey) -> str:
    return key.private.to_bytes(32, "big").hex()


def opened(octets: bytes, key: bytes) -> bytes:
    encrypted = wire.decode(dot2.Ieee1609Dot2Data, octets).content.value
    assert isinstance(encrypted, dot2.EncryptedData)
    aes = encrypted.ciphertext.value
    assert isinstance(aes, dot2.Aes128CcmCiphertext)
    return ccm_decrypt(key, aes.nonce, aes.ccm_ciphertext)


def envelope(octets: bytes) -> dict[str, str]:
    """The parts of a request's encryption."""
    encrypted = wire.decode(dot2.Ieee1609Dot2Data, octets).content.value
    assert isinstance(encrypted, dot2.EncryptedData)
    recipient = encrypted.recipients[0].value
    assert isinstance(recipient, dot2.PKRecipientInfo)
    wrapped = recipient.enc_key.value
    assert isinstance(wrapped, dot2.EciesP256EncryptedKey)
    return {
        "recipientId": recipient.recipient_id.hex(),
        "ephemeralKind": wrapped.v.kind,
        "ephemeralX": bytes(wrapped.v.value).hex(),
        "wrappedKey": wrapped.c.hex(),
        "wrapTag": wrapped.t.hex(),
        "nonce": encrypted.ciphertext.value.nonce.hex(),
    }


def signed(octets: bytes) -> dict[str, str]:
    """The parts of a signed message that its verification takes."""
    message = SignedMessage.parse(octets)
    return {
        "octets": octets.hex(),
        "toBeSigned": message.tbs_octets.hex(),
        "signer": message.signer.kind,
        "r": bytes(message.signed.signature.value.r_sig.value).hex(),
        "s": message.signed.signature.value.s_sig.hex(),
        "payload": None if message.ext_data_hash else message.payload.hex(),
    }


def answer(octets: bytes, sent: Sent) -> dict[str, object]:
    plain = decrypt_psk(octets, sent.key)
    message = signed(plain)
    data = wire.decode(etsi.EtsiTs102941Data, bytes.fromhex(str(message["payload"])))
    content = data.content.value
    assert isinstance(content, etsi.InnerEcResponse | etsi.InnerAtResponse)
    assert content.certificate is not None
    encrypted = wire.decode(dot2.Ieee1609Dot2Data, octets).content.value
    return {
        "octets": octets.hex(),
        "pskId": psk_id(sent.key).hex(),
        "nonce": encrypted.ciphertext.value.nonce.hex(),
        "message": message,
        "requestHash": content.request_hash.hex(),
        "responseCode": content.response_code,
        "certificate": wire.encode(content.certificate).hex(),
    }


Enrolled = tuple[dict[str, object], Certificate]


def enrolment(station: Station, canonical: MemoryKey, new: MemoryKey) -> Enrolled:
    ea = station.pki.ea
    time64 = station.clock.time64()
    sent = enrolment_request(
        its_id=ITS_ID,
        new=new,
        signer=canonical,
        current=None,
        ea=ea.certificate,
        attributes=etsi.CertificateSubjectAttributes(app_permissions=EC_PERMISSIONS),
        time64=time64,
    )
    reply = station.http.post(ea.url, sent.octets, REQUEST)
    outer = signed(opened(sent.octets, sent.key))
    data = wire.decode(etsi.EtsiTs102941Data, bytes.fromhex(str(outer["payload"])))
    inner = data.content.value
    assert isinstance(inner, dot2.Ieee1609Dot2Data)
    answered = answer(reply.body, sent)
    document = {
        "url": "/ea",
        "generationTime": time64,
        "newPrivateKey": scalar(new),
        "aesKey": sent.key.hex(),
        "request": sent.octets.hex(),
        "envelope": envelope(sent.octets),
        "outer": outer,
        "inner": signed(wire.encode(inner)),
        "answer": answered,
    }
    return document, Certificate.parse(bytes.fromhex(str(answered["certificate"])))


def authorization(station: Station, ec: Certificate, ec_key: MemoryKey, new: MemoryKey) -> dict[str, object]:
    pki = station.pki
    attributes = etsi.CertificateSubjectAttributes(
        app_permissions=(
            dot2.PsidSsp(psid=36, ssp=dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\0\0")),
            dot2.PsidSsp(psid=37, ssp=dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\0\0\0")),
        )
    )
    time64 = station.clock.time64()
    shared = {
        "new": new,
        "encryption_key": None,
        "ec_key": ec_key,
        "ec": ec,
        "ea": pki.ea.certificate,
        "aa": pki.aa.certificate,
        "attributes": attributes,
        "time64": time64,
    }
    sent = authorization_request(**shared, proof=True)  # type: ignore[arg-type]
    reply = station.http.post(pki.aa.url, sent.octets, REQUEST)
    outer = signed(opened(sent.octets, sent.key))
    data = wire.decode(etsi.EtsiTs102941Data, bytes.fromhex(str(outer["payload"])))
    inner = data.content.value
    assert isinstance(inner, etsi.InnerAtRequest)
    return {
        "url": "/aa",
        "generationTime": time64,
        "newPrivateKey": scalar(new),
        "aesKey": sent.key.hex(),
        "request": sent.octets.hex(),
        "envelope": envelope(sent.octets),
        "outer": outer,
        "innerAtRequest": wire.encode(inner).hex(),
        "publicVerificationKey": wire.encode(inner.public_keys.verification_key).hex(),
        "hmacKey": inner.hmac_key.hex(),
        "keyTag": inner.shared_at_request.key_tag.hex(),
        "sharedAtRequest": wire.encode(inner.shared_at_request).hex(),
        "encryptedEcSignature": wire.encode(inner.ec_signature.value).hex(),
        "answer": answer(reply.body, sent),
    }


def record(directory: Path) -> dict[str, object]:
    ports = Ports()
    bootstrap.initialise(bootstrap.Plan(directory, base_url=ports.url("https"), lab=True))
    instance = write_settings(directory, ports)
    canonical, ec_key, at_key = (MemoryKey.generate(Curve.NIST_P256) for _ in range(3))
    with Database.open(instance.domain("ea").database_url) as database:
        StationRegister(database).register(
            station_files.make_station(
                Profiles.load(instance.profiles_path), ITS_ID, canonical.public_key, "vehicle", None
            )
        )
    tlm = Certificate.parse(instance.domain("tlm").certificate_path.read_bytes())
    settings = Settings(ITS_ID.hex(), "vehicle", f"{instance.base_url}/cpoc", tlm.hex8)
    http = Urllib3Http(tls_ca=directory / "tls/ca.pem")
    server = Server(instance)
    try:
        server.await_ready()
        station = Station.create(directory / "station", settings, canonical, http=http)
        pki = station.refresh()
        enrolled, ec = enrolment(station, canonical, ec_key)
        authorized = authorization(station, ec, ec_key, at_key)
    finally:
        http.close()
        server.stop()
        ports.close()
    return {
        "provenance": "recorded by docs/examples/make_exchange.py against its own instance over https",
        "recorded": iso_from_time32(station.clock.time32()),
        "tlm": pki.tlm.octets.hex(),
        "root": pki.root.octets.hex(),
        "ea": pki.ea.certificate.octets.hex(),
        "aa": pki.aa.certificate.octets.hex(),
        "eaVerificationKey": pki.ea.certificate.verification_key.point.hex(),
        "aaVerificationKey": pki.aa.certificate.verification_key.point.hex(),
        "itsId": ITS_ID.hex(),
        "canonicalPrivateKey": scalar(canonical),
        "enrolment": enrolled,
        "authorization": authorized,
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        TARGET.write_text(json.dumps(record(Path(folder) / "pki"), indent=1) + "\n")
    sys.stderr.write(f"{TARGET}\n")
