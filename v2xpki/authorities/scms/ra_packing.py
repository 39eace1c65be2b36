"""What comes of a chunk: the ACA's answers verified, and a ZIP for each vehicle and period.

    reader = AnswerReader(aca, window)
    data = reader.read(asked, octets, now)        what goes to the station, as it came
    archive = pack_archive(i, [(j, data), ...])

An answer is read by the codec once for each shape and by its places afterwards (wire/answer_templates.py).
A private answer stays the ciphertext that it is.
"""

from collections.abc import Sequence
from hashlib import sha256
from struct import Struct
from zlib import crc32

from v2xpki import wire
from v2xpki.authorities.scms.ra_aca_requests import Asked
from v2xpki.crypto import Certificate, verify_raw
from v2xpki.errors import CryptoError, DecodeError, LinkError, UnexpectedContent
from v2xpki.secured import SignedMessage, scms_header
from v2xpki.wire import scms
from v2xpki.wire.answer_templates import AnswerTemplate

_REMEMBERED = 64  # shapes; a fleet has a few
_HEADER = scms_header()

# The ZIP as zipfile writes it, stored (APPNOTE 4.3.7, 4.3.12, 4.3.16): 3 us an entry where zipfile takes 22.
_LOCAL = Struct("<4sHHHHHIIIHH")
_CENTRAL = Struct("<4sHHHHHHIIIHHHHHII")
_END = Struct("<4sHHHHIIH")
_VERSION, _UNIX, _STORED = 20, 3 << 8, 0
_NO_TIME, _FIRST_DAY = 0, 33  # 1980-01-01, the ZIP's own: the time of packing is nobody's business
_MODE = 0o600 << 16


class AnswerReader:
    """An RA's reader of one ACA's answers. For all threads of a process."""

    def __init__(self, aca: Certificate, window: int) -> None:
        """window: seconds that an answer's generationTime may be from now, either way."""
        self._aca, self._key, self._digest, self._window = aca, aca.verification_key, aca.digest, window
        self._templates: dict[int, AnswerTemplate] = {}  # by the length of the SPDU

    def read(self, asked: Asked, octets: bytes, now: int) -> bytes:
        """COER of what goes to the station (an AcaEeCertResponse SPDU), of the answer to this request.

        Raises LinkError for what is not proven to be the ACA's answer to it.
        """
        template = self._templates.get(len(octets))
        pieces = None if template is None else template.read(octets)
        try:
            if pieces is None or template is None:
                return self._read_whole(asked, octets, now)
            time, request_hash, data, signature = pieces
            digest = sha256(sha256(octets[template.tbs]).digest() + self._digest).digest()
            verify_raw(self._key, signature, digest)
            self._check(asked, template.kind, time, request_hash, now)
        except (CryptoError, DecodeError, UnexpectedContent) as error:
            raise LinkError(f"an answer that is not the ACA's: {error}") from error
        return data

    def _read_whole(self, asked: Asked, octets: bytes, now: int) -> bytes:
        message = SignedMessage.parse(octets)
        if message.signer_certificates != (self._aca,) or message.header != _HEADER:
            raise UnexpectedContent("signer or header")
        message.verify(self._key, self._aca)
        pdu = wire.decode(scms.ScmsPdu, message.payload)
        response = getattr(pdu.content.value, "value", None)
        if not isinstance(response, scms.AcaRaCertResponse):
            raise UnexpectedContent("no acaRaCertResponse")
        form = response.aca_response
        self._check(asked, form.kind, response.generation_time, response.request_hash, now)
        template = AnswerTemplate.of(message.record)
        if template is not None and template.size == len(octets):
            if len(self._templates) >= _REMEMBERED:
                self._templates = {}
            self._templates[len(octets)] = template
        return wire.encode(form.value)

    def _check(self, asked: Asked, form: str, time: int, request_hash: bytes, now: int) -> None:
        if request_hash != asked.request_hash:
            raise UnexpectedContent("it answers another request")
        if form != asked.form:
            raise UnexpectedContent(f"a response that is {form} where {asked.form} was asked for")
        if abs(time - now) > self._window:
            raise UnexpectedContent("generationTime is outside the window")


def pack_archive(i: int, answers: Sequence[tuple[int, bytes]]) -> bytes:
    """The ZIP of one vehicle and period: (j, octets) each as `<I>_<J>` in hex. Stored, not deflated: what is
    encrypted does not shrink. The same answers make the same octets."""
    parts: list[bytes] = []
    directory: list[bytes] = []
    at = 0
    for j, octets in answers:
        name, check, size = f"{i:X}_{j:X}".encode(), crc32(octets), len(octets)
        both = 0, _STORED, _NO_TIME, _FIRST_DAY, check, size, size, len(name), 0
        parts += (_LOCAL.pack(b"PK\3\4", _VERSION, *both), name, octets)
        rest = 0, 0, 0, _MODE, at
        directory += (_CENTRAL.pack(b"PK\1\2", _UNIX | _VERSION, _VERSION, *both, *rest), name)
        at += _LOCAL.size + len(name) + size
    listed, count = b"".join(directory), len(answers)
    end = _END.pack(b"PK\5\6", 0, 0, count, count, len(listed), at, 0)
    return b"".join((*parts, listed, end))
