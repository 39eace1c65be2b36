"""AcaRaCertResponse SPDUs of one shape, read by their places: for an RA that sees thousands a second.

    template = AnswerTemplate.of(record)         of one answer that the codec has read; None: not plain
    pieces = template.read(octets)               of others that differ in nothing but the holes; else None

As wire/templates.py: the places come from the codec, and what a template reads, the codec reads so too.
"""

from typing import Any, NamedTuple, Self

from v2xpki import wire
from v2xpki.wire import dot2, scms
from v2xpki.wire.templates import Layout

_FORMS: tuple[dot2.EccP256CurvePointKind, ...] = ("compressed-y-0", "compressed-y-1")
_RAW = 64  # r || s of P-256
_BEFORE_TBS = 3  # protocolVersion, signedData, hashId
_ECIES = 33 + 16 + 16  # the ephemeral point, the wrapped key, its tag
_Shape = tuple[dot2.Ieee1609Dot2Data, dot2.Ieee1609Dot2Data]  # the SPDU; in it, what goes to the station


class AnswerPieces(NamedTuple):
    """What varies between answers. data: COER of the Ieee1609Dot2Data that goes to the station; signature:
    r || s."""

    generation_time: int
    request_hash: bytes
    data: bytes
    signature: bytes


class AnswerTemplate:
    """Answers, private or compact, that differ in time, request, ciphertext and signatures alone.

    kind: of acaResponse. tbs: where the ToBeSignedData lies.
    """

    __slots__ = ("_data", "_layout", "kind", "tbs")

    def __init__(self, layout: Layout, kind: str, data: slice, tbs: slice) -> None:
        self._layout, self.kind, self._data, self.tbs = layout, kind, data, tbs

    @classmethod
    def of(cls, record: dot2.Ieee1609Dot2Data) -> Self | None:
        """The template of an answer's shape; None for one that is in plain, or not as an ACA writes it."""
        low, high = _filled(record, 0), _filled(record, 1)
        if low is None or high is None:
            return None
        signed: Any = low[0].content.value
        response = _response(record)
        assert response is not None  # _filled has seen it
        text = len(_encrypted(response.aca_response.value).ciphertext.value.ccm_ciphertext)  # type: ignore[union-attr]  # as before
        kind = response.aca_response.kind
        holes = [4 + 8, 8, _ECIES, 12, text, *([_RAW] if kind == "private" else []), _RAW]
        octets = wire.encode(low[0])
        end = len(octets) - len(wire.encode(signed.signer)) - len(wire.encode(signed.signature))
        stop = end - len(wire.encode(signed.tbs_data.header_info))
        data = slice(stop - len(wire.encode(low[1])), stop)
        return cls(Layout(octets, wire.encode(high[0]), holes, [2]), kind, data, slice(_BEFORE_TBS, end))

    def read(self, octets: bytes) -> AnswerPieces | None:
        """The pieces of an SPDU of this shape, else None. Points are not proved to be on the curve."""
        holes = self._layout.read(octets)
        if holes is None:
            return None
        first = holes[0]
        return AnswerPieces(int.from_bytes(first[:4], "big"), first[4:], octets[self._data], holes[-1])

    @property
    def size(self) -> int:
        """Octets of an SPDU."""
        return self._layout.size


def _response(record: dot2.Ieee1609Dot2Data) -> scms.AcaRaCertResponse | None:
    """The response in signed data around unsecured data."""
    signed = record.content.value
    if not isinstance(signed, dot2.SignedData) or signed.tbs_data.payload.data is None:
        return None
    content = signed.tbs_data.payload.data.content
    if content.kind != "unsecuredData" or not isinstance(content.value, bytes):
        return None
    found = getattr(wire.decode(scms.ScmsPdu, content.value).content.value, "value", None)
    return found if isinstance(found, scms.AcaRaCertResponse) else None


def _encrypted(data: object) -> dot2.EncryptedData | None:
    """What is encrypted in a private or a compact response."""
    value = data.content.value if isinstance(data, dot2.Ieee1609Dot2Data) else None
    if isinstance(value, dot2.SignedData):
        inner = value.tbs_data.payload.data
        value = None if inner is None else inner.content.value
    return value if isinstance(value, dot2.EncryptedData) else None


def _filled(record: dot2.Ieee1609Dot2Data, bit: int) -> _Shape | None:
    """The answer with its holes filled with zeros or ones; None for another shape."""
    fill = b"\xff" if bit else b"\0"
    response = _response(record)
    signed: Any = record.content.value
    if response is None or not _is_p256(signed.signature):
        return None
    form = response.aca_response
    data = _filled_data(form.value, form.kind, fill, bit)
    if data is None:
        return None
    time = 0xFFFFFFFF * bit
    made = response._replace(
        generation_time=time, request_hash=fill * 8, aca_response=scms.AcaResponse(form.kind, data)
    )
    inner = scms.AcaRaInterfacePdu("acaRaCertResponse", made)
    pdu = wire.encode(scms.ScmsPdu(2, scms.ScmsPduContent("aca-ra", inner)))
    outer = signed.tbs_data.payload.data
    outer = outer._replace(content=outer.content._replace(value=pdu))
    return _signed_over(record, outer, fill), data


def _filled_data(
    data: dot2.Ieee1609Dot2Data, kind: str, fill: bytes, bit: int
) -> dot2.Ieee1609Dot2Data | None:
    value = data.content.value
    if kind == "cubk" and isinstance(value, dot2.EncryptedData):
        return _filled_text(data, fill, bit)
    if kind != "private" or not isinstance(value, dot2.SignedData) or not _is_p256(value.signature):
        return None
    inner = value.tbs_data.payload.data
    filled = None if inner is None else _filled_text(inner, fill, bit)
    return None if filled is None else _signed_over(data, filled, fill)


def _filled_text(data: dot2.Ieee1609Dot2Data, fill: bytes, bit: int) -> dot2.Ieee1609Dot2Data | None:
    value = data.content.value
    if not isinstance(value, dot2.EncryptedData) or value.ciphertext.kind != "aes128ccm":
        return None
    recipients: Any = value.recipients
    if [one.kind for one in recipients] != ["rekRecipInfo"]:
        return None
    info = recipients[0].value
    if info.enc_key.kind != "eciesNistP256" or info.enc_key.value.v.kind not in _FORMS:
        return None
    key = dot2.EciesP256EncryptedKey(dot2.EccP256CurvePoint(_FORMS[bit], fill * 32), fill * 16, fill * 16)
    info = dot2.PKRecipientInfo(fill * 8, info.enc_key._replace(value=key))
    text = dot2.One28BitCcmCiphertext(fill * 12, fill * len(value.ciphertext.value.ccm_ciphertext))
    made = dot2.EncryptedData(
        (dot2.RecipientInfo("rekRecipInfo", info),), value.ciphertext._replace(value=text)
    )
    return data._replace(content=data.content._replace(value=made))


def _is_p256(signature: dot2.Signature) -> bool:
    value = signature.value
    return isinstance(value, dot2.EcdsaP256Signature) and (
        signature.kind == "ecdsaNistP256Signature" and value.r_sig.kind == "x-only"
    )


def _signed_over(
    record: dot2.Ieee1609Dot2Data, data: dot2.Ieee1609Dot2Data, fill: bytes
) -> dot2.Ieee1609Dot2Data:
    signed: Any = record.content.value
    tbs = signed.tbs_data._replace(payload=signed.tbs_data.payload._replace(data=data))
    r = dot2.EccP256CurvePoint("x-only", fill * 32)
    signature = signed.signature._replace(value=dot2.EcdsaP256Signature(r, fill * 32))
    made = signed._replace(tbs_data=tbs, signature=signature)
    return record._replace(content=record.content._replace(value=made))
