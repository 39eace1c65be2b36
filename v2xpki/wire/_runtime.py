"""What the generated codecs stand on: lengths, unbounded integers, odd types, and where a fault is.

The generated functions do not check that a slice is as long as asked for: an overrun moves the
position beyond the end, which `decode` sees once, at the end. Only when something is wrong are the
octets read again, as `_Guarded`, which raises at the first octet that is not there. The place is read
off the traceback: each frame of a generated function is one type, and its first field without a value
is the one that was being read. So the good case pays for none of this.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, SupportsIndex, TypeVar

from v2xpki.errors import DecodeError, EncodeError

MAX_NESTING = 16  # of Ieee1609Dot2Data inside Ieee1609Dot2Data; real messages need three
MAX_INTEGER_OCTETS = 8  # of INTEGERs without bounds: 63 bits and a sign, what databases hold
MAX_LENGTH_OCTETS = 4  # of a length itself: 4 GiB

R = TypeVar("R", bound=tuple[Any, ...])


class BitString(NamedTuple):
    """A BIT STRING of any size: its octets, unused bits zero, and how many bits it has."""

    octets: bytes
    bits: int


class Breach(Exception):
    """A rule broken: what, and at which octet where octets are read."""

    def __init__(self, reason: str, offset: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.offset = reason, offset


# What generated functions can raise. A short read is IndexError or struct.error.
DECODE_FAULTS = (Breach, IndexError, struct.error, UnicodeDecodeError)
ENCODE_FAULTS = (Breach, TypeError, ValueError, OverflowError, KeyError, AttributeError)

if TYPE_CHECKING:

    def new(cls: type[R], fields: tuple[object, ...]) -> R:
        """A record without the detour through its own __new__: 100 ns instead of 200."""
        raise NotImplementedError
else:
    new = tuple.__new__

u32 = struct.Struct(">I").unpack_from
u64 = struct.Struct(">Q").unpack_from
s8 = struct.Struct(">b").unpack_from
s16 = struct.Struct(">h").unpack_from
s32 = struct.Struct(">i").unpack_from
s64 = struct.Struct(">q").unpack_from
OCTET = tuple(bytes((n,)) for n in range(256))


# --- reading -------------------------------------------------------------------------------


def long_length(o: bytes, i: int, first: int) -> tuple[int, int]:
    """Length in its long form, whose first octet stands before i (X.696 8.6.5)."""
    count = first & 0x7F
    if count == 0 or count > MAX_LENGTH_OCTETS:
        raise Breach(f"a length of {count} octets", i - 1)
    octets = o[i : i + count]
    if octets[0] == 0 or (count == 1 and octets[0] < 128):
        raise Breach("a length in longer form than needed", i - 1)
    return int.from_bytes(octets, "big"), i + count


def unsigned(o: bytes, i: int) -> tuple[int, int]:
    """INTEGER with a lower bound of zero or more and no upper one."""
    count = o[i]
    if count == 0 or count > MAX_INTEGER_OCTETS:
        raise Breach(f"an integer of {count} octets", i)
    octets = o[i + 1 : i + 1 + count]
    if octets[0] == 0 and count > 1:
        raise Breach("an integer with a leading zero octet", i + 1)
    value = int.from_bytes(octets, "big")
    if value >> 63:
        raise Breach("an integer of more than 63 bits", i + 1)
    return value, i + 1 + count


def signed(o: bytes, i: int) -> tuple[int, int]:
    """INTEGER without bounds."""
    count = o[i]
    if count == 0 or count > MAX_INTEGER_OCTETS:
        raise Breach(f"an integer of {count} octets", i)
    octets = o[i + 1 : i + 1 + count]
    if count > 1 and ((octets[0] == 0 and o[i + 2] < 128) or (octets[0] == 255 and o[i + 2] > 127)):
        raise Breach("an integer in more octets than needed", i + 1)
    return int.from_bytes(octets, "big", signed=True), i + 1 + count


def bit_string(o: bytes, i: int) -> tuple[BitString, int]:
    """BIT STRING of any size: length, number of unused bits, octets."""
    count, at = o[i], i + 1
    if count > 127:
        count, at = long_length(o, at, count)
    if count == 0:
        raise Breach("a BIT STRING without its number of unused bits", i)
    unused, octets = o[at], o[at + 1 : at + count]
    if unused > 7 or (unused and count == 1) or (unused and octets[-1] & ((1 << unused) - 1)):
        raise Breach("wrong unused bits in a BIT STRING", at)
    return BitString(octets, 8 * (count - 1) - unused), at + count


def object_identifier(o: bytes, i: int) -> tuple[str, int]:
    """OBJECT IDENTIFIER as dotted text."""
    count, at = o[i], i + 1
    if count > 127:
        count, at = long_length(o, at, count)
    octets = o[at : at + count]
    if not octets or octets[-1] & 0x80:
        raise Breach("an OBJECT IDENTIFIER that does not end", i)
    arcs: list[int] = []
    arc, start = 0, True
    for octet in octets:
        if start and octet == 0x80:
            raise Breach("an OBJECT IDENTIFIER with a padded arc", i)
        arc = arc << 7 | octet & 0x7F
        if arc >> 63:
            raise Breach("an OBJECT IDENTIFIER with an arc of more than 63 bits", i)
        start = octet < 0x80
        if start:
            arcs.append(arc)
            arc = 0
    top = min(arcs[0] // 40, 2)
    return ".".join(map(str, (top, arcs[0] - 40 * top, *arcs[1:]))), at + count


# --- writing -------------------------------------------------------------------------------


def length_octets(count: int) -> bytes:
    """A length of 128 or more, in its long form."""
    size = (count.bit_length() + 7) // 8
    return OCTET[0x80 | size] + count.to_bytes(size, "big")


def unsigned_octets(value: int) -> bytes:
    if not 0 <= value < 1 << 63:
        raise Breach("must be in 0..2^63-1")
    size = (value.bit_length() + 7) // 8 or 1
    return OCTET[size] + value.to_bytes(size, "big")


def signed_octets(value: int) -> bytes:
    if not -1 << 63 <= value < 1 << 63:
        raise Breach("must be in -2^63..2^63-1")
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return OCTET[size] + value.to_bytes(size, "big", signed=True)


def prefixed(octets: bytes) -> bytes:
    """Length and octets: OCTET STRING, and the open type around an extension."""
    count = len(octets)
    return (OCTET[count] if count < 128 else length_octets(count)) + octets


def bit_string_octets(value: BitString) -> bytes:
    octets, bits = value
    unused = 8 * len(octets) - bits
    if not 0 <= unused <= 7 or (unused and octets[-1] & ((1 << unused) - 1)):
        raise Breach("must have as many octets as its bits need, and zeros after them")
    return prefixed(OCTET[unused] + octets)


def object_identifier_octets(text: str) -> bytes:
    arcs = [int(part) for part in text.split(".")]
    if len(arcs) < 2 or arcs[0] > 2 or (arcs[0] < 2 and arcs[1] > 39) or min(arcs) < 0 or max(arcs) >> 62:
        raise Breach("must be the dotted text of an OBJECT IDENTIFIER")
    if text != ".".join(map(str, arcs)):
        raise Breach("must be the plain dotted text of an OBJECT IDENTIFIER")
    out = b""
    for arc in (40 * arcs[0] + arcs[1], *arcs[2:]):
        size = max(1, -(-arc.bit_length() // 7))
        out += bytes((arc >> 7 * k & 0x7F) | (0x80 if k else 0) for k in reversed(range(size)))
    return prefixed(out)


# --- where a fault is ----------------------------------------------------------------------


class _Guarded(bytes):
    """Octets that raise at the first one which is not there, where bytes give a shorter slice."""

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        last = key.stop if isinstance(key, slice) else key.__index__() + 1
        if last > len(self):
            raise Breach("the octets end here", len(self))
        return super().__getitem__(key)


def _path(traceback: TracebackType | None, codecs: frozenset[str]) -> list[str]:
    """Fields from the outermost type to the fault, read off the frames of generated functions."""
    path: list[str] = []
    while traceback is not None:
        frame, traceback = traceback.tb_frame, traceback.tb_next
        if frame.f_globals.get("__name__") not in codecs:
            continue
        known, names = frame.f_locals, frame.f_code.co_varnames
        if "items_" in names:
            path += [str(len(known["items_"]))] if "items_" in known else []
        elif "kind_" in names:
            if "kind_" in known:
                path.append(known["kind_"])
        elif "r" not in names or isinstance(known["r"], tuple):
            # fields are assigned in wire order; in an encoder it is the encoded ones, named c_...
            encoder = "r" in names
            prefix, others = ("c_", ()) if encoder else ("", _ARGUMENTS)
            fields = [n for n in names if n.startswith(prefix) and n[-1] != "_" and n not in others]
            missing = [n for n in fields if n not in known] or [
                n for n in fields if encoder and not isinstance(known[n], bytes)
            ]
            if missing:
                path.append(missing[0].removeprefix("c_") if encoder else missing[0])
    return path


_ARGUMENTS = ("o", "i", "depth")


def fail_decode(
    name: str, decoder: Callable[[bytes, int], tuple[Any, int]], octets: bytes, codecs: frozenset[str]
) -> NoReturn:
    """Reads octets known to be wrong once more, and says where and why."""
    try:
        _, end = decoder(_Guarded(octets), 0)
    except DECODE_FAULTS as fault:
        where = (name, *_path(fault.__traceback__, codecs))
        if isinstance(fault, Breach):
            raise DecodeError(fault.reason, where=where, offset=fault.offset) from None
        if isinstance(fault, UnicodeDecodeError):
            raise DecodeError(f"text that is not {fault.encoding}", where=where) from None
        raise DecodeError("the octets end here", where=where, offset=len(octets)) from None
    raise DecodeError(f"{len(octets) - end} octets too many", where=(name,), offset=end)


def fail_encode(name: str, fault: Exception, codecs: frozenset[str]) -> NoReturn:
    """EncodeError that names the field and the rule; never the value, which may be secret."""
    place = ".".join((name, *_path(fault.__traceback__, codecs)))
    if isinstance(fault, Breach):
        rule = fault.reason
    elif isinstance(fault, OverflowError):
        rule = "must be in the range of its type"
    elif isinstance(fault, KeyError):
        rule = "must be one of the enumeration"
    elif isinstance(fault, UnicodeEncodeError):
        rule = f"must be {fault.encoding} text"
    else:
        rule = "must be of the type that the record declares"
    raise EncodeError(f"{place}: {rule}") from None
