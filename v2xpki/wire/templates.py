"""Octets of one shape, read and written by their places: for who sees thousands of the same kind a second.

    template = RequestTemplate.of(request)       of one request that the codec has read; None: not plain
    pieces = template.read(octets)               of others that differ in nothing but the holes; else None
    octets = template.write(pieces)

    template = TbsTemplate.of(tbs);  octets = template.write(linkage, start, point)

The places are not counted out by hand: the codec encodes the same record twice, its holes filled with 00 and
with ff, and where the two differ is a hole. So the generated codec stays the reference, whatever it is that
fills the rest: a template reads what the codec reads, or nothing (a property test says so), in 2 us where the
codec takes 25.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Any, NamedTuple, Self

from v2xpki import wire
from v2xpki.wire import dot2, scms

_FORMS: tuple[dot2.EccP256CurvePointKind, ...] = ("compressed-y-0", "compressed-y-1")
_COMPRESSED = frozenset((0x82, 0x83))  # the alternatives' tags
PLV_TEXT = 25  # a pre-linkage value and the tag of AES-CCM


class Layout:
    """Fixed octets with holes between them. `low` and `high` differ in the holes, in each octet of them."""

    __slots__ = ("_fixed", "_parts", "_points", "_struct", "size")

    def __init__(self, low: bytes, high: bytes, holes: Sequence[int], points: Sequence[int] = ()) -> None:
        """holes: their sizes in order; points: which of them begin with the form of a compressed point.

        Raises ValueError where the octets differ elsewhere.
        """
        sizes = _runs(low, high)
        if sizes[1::2] != list(holes):
            raise ValueError(f"holes of {sizes[1::2]} octets where {list(holes)} were to be")
        self._struct = Struct("".join(f"{size}s" for size in sizes))
        self._fixed = self._struct.unpack(low)[::2]
        self._parts = list(self._struct.unpack(low))
        self._points = tuple(points)
        self.size = self._struct.size

    def read(self, octets: bytes) -> tuple[bytes, ...] | None:
        """What is in the holes; None for octets of another shape."""
        if len(octets) != self.size:
            return None
        parts = self._struct.unpack(octets)
        if parts[::2] != self._fixed:
            return None
        holes = parts[1::2]
        for place in self._points:
            if holes[place][0] not in _COMPRESSED:
                return None
        return holes

    def write(self, holes: Sequence[bytes]) -> bytes:
        """The octets with these holes, whose sizes the caller answers for."""
        parts = self._parts.copy()
        parts[1::2] = holes
        return b"".join(parts)


def _runs(low: bytes, high: bytes) -> list[int]:
    """Lengths of what is equal and what differs, in turn; the first and the last are of equal octets."""
    if len(low) != len(high):
        raise ValueError("two shapes of different lengths")
    sizes, differs = [0], False
    for one, other in zip(low, high, strict=True):
        if (one != other) != differs:
            sizes.append(0)
            differs = not differs
        sizes[-1] += 1
    return [*sizes, 0] if differs else sizes


class Pieces(NamedTuple):
    """What varies between the RaAcaCertRequests of one shape. What a shape has not is empty.

    Times in 4 octets; nonces 12, ciphertexts 25; keys, or reconstruction values: 33 octets, the form (82, 83)
    and x; linkage: iCert and the linkage value, 11 octets; signature: r || s.
    """

    generation_time: bytes
    nonce1: bytes
    text1: bytes
    nonce2: bytes
    text2: bytes
    encryption_key: bytes
    linkage: bytes
    start: bytes
    key: bytes
    signature: bytes


class RequestTemplate:
    """RaAcaCertRequest SPDUs that differ in times, keys, pre-linkage values and signature alone."""

    __slots__ = ("_layout", "keyed", "linked", "tbs")

    def __init__(self, layout: Layout, *, linked: bool, keyed: bool, tbs: slice) -> None:
        self._layout, self.linked, self.keyed, self.tbs = layout, linked, keyed, tbs

    @classmethod
    def of(cls, request: scms.SignedCertificateRequest) -> Self | None:
        """The template of a request's shape; None for one that is not plain: other curves, uncompressed
        points, group linkage, pre-linkage values that are not under one pre-shared key."""
        low, high = _filled(request, 0), _filled(request, 1)
        if low is None or high is None:
            return None
        asked: Any = _asked(request)
        linked, keyed = asked.linkage_info is not None, asked.cert_enc_key is not None
        holes, points = [4], []
        if linked:
            holes += [12, PLV_TEXT, 12, PLV_TEXT]
        if keyed:
            points.append(len(holes))
            holes.append(33)
        if asked.tbs_cert.id.kind == "linkageData":
            holes.append(11)
        elif linked:
            return None
        holes += [4, 33, 64]
        points.append(len(holes) - 2)
        spdu = wire.encode(_spdu(low))
        tail = len(wire.encode(low.signer)) + len(wire.encode(low.signature))
        end = len(spdu) - tail
        tbs = slice(end - len(wire.encode(low.tbs_request)), end)
        return cls(Layout(spdu, wire.encode(_spdu(high)), holes, points), linked=linked, keyed=keyed, tbs=tbs)

    def read(self, octets: bytes) -> Pieces | None:
        """The pieces of an SPDU of this shape, else None. Points are not proved to be on the curve."""
        holes = self._layout.read(octets)
        if holes is None:
            return None
        if self.linked:
            if self.keyed:
                return Pieces._make(holes)
            return Pieces._make((*holes[:5], b"", *holes[5:]))
        time, rest = holes[0], holes[1:]
        key, rest = (rest[0], rest[1:]) if self.keyed else (b"", rest)
        linkage = rest[0] if len(rest) == 4 else b""
        return Pieces(time, b"", b"", b"", b"", key, linkage, *rest[-3:])

    def write(self, pieces: Pieces) -> bytes:
        """The SPDU of pieces that are of this shape."""
        return self._layout.write([piece for piece in pieces if piece])

    @property
    def size(self) -> int:
        """Octets of an SPDU."""
        return self._layout.size


class TbsTemplate:
    """ToBeSignedCertificates that differ in linkage data, start of validity and key alone."""

    __slots__ = ("_layout", "linked")

    def __init__(self, layout: Layout, *, linked: bool) -> None:
        self._layout, self.linked = layout, linked

    @classmethod
    def of(cls, tbs: dot2.ToBeSignedCertificate) -> Self | None:
        """The template of its shape; None for one that is not plain."""
        low, high = _filled_tbs(tbs, 0), _filled_tbs(tbs, 1)
        if low is None or high is None:
            return None
        linked = tbs.id.kind == "linkageData"
        holes = [11, 4, 33] if linked else [4, 33]
        layout = Layout(wire.encode(low), wire.encode(high), holes, [len(holes) - 1])
        return cls(layout, linked=linked)

    def write(self, linkage: bytes, start: bytes, point: bytes) -> bytes:
        """COER. linkage: iCert and the value, 11 octets, where the shape has one; start: 4 octets; point:
        SEC1 compressed."""
        key = bytes((0x80 | point[0],)) + point[1:]
        return self._layout.write((linkage, start, key) if self.linked else (start, key))

    def read(self, octets: bytes) -> tuple[bytes, ...] | None:
        """What write was given, the point with its form (82, 83) for SEC1's; else None."""
        return self._layout.read(octets)


def _spdu(request: scms.SignedCertificateRequest) -> dot2.Ieee1609Dot2Data:
    content = dot2.Ieee1609Dot2Content("signedCertificateRequest", wire.encode(request))
    return dot2.Ieee1609Dot2Data(3, content)


def _asked(request: scms.SignedCertificateRequest) -> object:
    """What it asks with, where that is for an ACA."""
    inner = request.tbs_request.content.value
    return inner.value if isinstance(inner, scms.AcaRaInterfacePdu) else None


def _filled(request: scms.SignedCertificateRequest, bit: int) -> scms.SignedCertificateRequest | None:
    """The request with its holes filled with zeros or ones; None for another shape."""
    fill = b"\xff" if bit else b"\0"
    asked = _asked(request)
    if (
        not isinstance(asked, scms.RaAcaCertRequest)
        or request.signature.kind != "ecdsaNistP256Signature"
        or request.signature.value.r_sig.kind != "x-only"  # type: ignore[union-attr]  # the kind says so
    ):
        return None
    tbs = _filled_tbs(asked.tbs_cert, bit)
    if tbs is None:
        return None
    key, linkage = asked.cert_enc_key, asked.linkage_info
    if key is not None:
        base = key.public_key
        if base.kind != "eciesNistP256" or base.value.kind not in _FORMS:
            return None
        point = dot2.EccP256CurvePoint(_FORMS[bit], fill * 32)
        key = key._replace(public_key=base._replace(value=point))
    if linkage is not None:
        plvs = [_filled_plv(plv, fill) for plv in linkage]
        if None in plvs:
            return None
        linkage = scms.LinkageInfo(*plvs)  # type: ignore[arg-type]  # none is None
    asked = asked._replace(
        generation_time=0xFFFFFFFF * bit, tbs_cert=tbs, cert_enc_key=key, linkage_info=linkage
    )
    inner = scms.AcaRaInterfacePdu("raAcaCertRequest", asked)
    content = request.tbs_request.content._replace(value=inner)
    r = dot2.EccP256CurvePoint("x-only", fill * 32)
    signature = request.signature._replace(value=dot2.EcdsaP256Signature(r, fill * 32))
    return request._replace(tbs_request=request.tbs_request._replace(content=content), signature=signature)


def _filled_plv(plv: scms.EncryptedIndividualPLV, fill: bytes) -> scms.EncryptedIndividualPLV | None:
    data: Any = plv.enc_plv.content.value
    if (
        not isinstance(data, dot2.EncryptedData)
        or [info.kind for info in data.recipients] != ["pskRecipInfo"]
        or data.ciphertext.kind != "aes128ccm"
        or len(data.ciphertext.value.ccm_ciphertext) != PLV_TEXT
    ):
        return None
    text = data.ciphertext._replace(value=dot2.One28BitCcmCiphertext(fill * 12, fill * PLV_TEXT))
    content = plv.enc_plv.content._replace(value=data._replace(ciphertext=text))
    return plv._replace(enc_plv=plv.enc_plv._replace(content=content))


def _filled_tbs(tbs: dot2.ToBeSignedCertificate, bit: int) -> dot2.ToBeSignedCertificate | None:
    fill, indicator = b"\xff" if bit else b"\0", tbs.verify_key_indicator
    key: Any = indicator.value
    implicit = indicator.kind == "reconstructionValue"
    if (
        (not implicit and key.kind != "ecdsaNistP256")
        or (key if implicit else key.value).kind not in _FORMS
        or tbs.flags is not None
        or tbs.app_extensions is not None
        or tbs.cert_issue_extensions is not None
        or tbs.cert_request_extension is not None
    ):
        return None
    identity = tbs.id
    if isinstance(identity.value, dot2.LinkageData):
        if identity.value.group_linkage_value is not None:
            return None
        identity = identity._replace(value=dot2.LinkageData(0xFFFF * bit, fill * 9))
    point = dot2.EccP256CurvePoint(_FORMS[bit], fill * 32)
    key = point if implicit else key._replace(value=point)
    return tbs._replace(
        id=identity,
        validity_period=tbs.validity_period._replace(start=0xFFFFFFFF * bit),
        verify_key_indicator=indicator._replace(value=key),
    )
