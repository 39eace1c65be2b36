"""Whether a token.object of SoftHSM 2.6 is all there.

8 octets that count changes, then attributes in ascending order of type: type and form of 8 octets each, then
a boolean (1 octet), a number (8) or octets (their length in 8, then they). All numbers are big-endian.
"""

import struct

#: Octets at the file's beginning that count its changes: every login's.
COUNTER = 8

_HEAD, _NUMBER = struct.Struct(">QQ"), struct.Struct(">Q")
_BOOLEAN, _ULONG, _OCTETS = 1, 2, 3
_FLAGS, _SO_PIN, _USER_PIN = 0x8000534B, 0x8000534C, 0x8000534D  # the token's key under each of the PINs
_USER_PIN_INITIALIZED = 0x08


def is_cut(octets: bytes) -> bool:
    """Whether the file's end is missing: it is empty, ends within an attribute or before those that its flags
    promise. What is of a form not known here is not cut: nobody may undo what he does not know."""
    found: dict[int, bytes] = {}
    at = COUNTER
    try:
        while at < len(octets):
            kind, form = _HEAD.unpack_from(octets, at)
            at += _HEAD.size
            if form == _OCTETS:
                size = _NUMBER.unpack_from(octets, at)[0]
                at += _NUMBER.size
            elif form in (_BOOLEAN, _ULONG):
                size = 1 if form == _BOOLEAN else _NUMBER.size
            else:
                return False
            found[kind] = octets[at : at + size]
            at += size
    except struct.error:
        return True
    has_user = int.from_bytes(found.get(_FLAGS, b"")) & _USER_PIN_INITIALIZED
    return at > len(octets) or _SO_PIN not in found or bool(has_user and _USER_PIN not in found)
