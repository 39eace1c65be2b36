"""Changing messages at random, but with knowledge of their structure, and the same each time for a seed.

dice = Mutator(7)
dice.record("InnerEcRequest", octets)      another valid encoding: a part replaced by one of its type
dice.octets(octets)                        bits, lengths, tags, cuts, pieces moved: mostly not decodable
"""

import random
from importlib import import_module
from typing import Any

from v2xpki import wire
from v2xpki.errors import DecodeError, EncodeError
from v2xpki.wire import BitString, reference
from v2xpki.wire.generator.model import (
    Bits,
    Boolean,
    Choice,
    Enumerated,
    Integer,
    Member,
    Null,
    ObjectIdentifier,
    Octets,
    Ref,
    Sequence,
    SequenceOf,
    Shape,
    Text,
    Type,
)

_LONG = (31, 32, 33, 100, 127, 128, 255, 256, 1000)
_DEEPEST = 7  # records within records of what is made at random
_BOMBS = (
    b"\x84\xff\xff\xff\xff",
    b"\x82\xff\xff",
    b"\x83\x01\x00\x00",
    b"\x81\x00",
    b"\x80",
    b"\xff",
    b"\x7f",
)
_OCTETS = (0, 1, 2, 0x7F, 0x80, 0x81, 0x82, 0x83, 0x84, 0xC0, 0xFF)


class Mutator(random.Random):
    """Dice for messages."""

    def __init__(self, seed: int | str) -> None:
        super().__init__(seed)
        self._model = reference.model()
        self._named = self._model.by_asn1()

    # --- octets ------------------------------------------------------------------------------------

    def octets(self, octets: bytes, others: list[bytes] | None = None) -> bytes:
        """Some octets changed, or many."""
        made = bytearray(octets)
        for _ in range(self.choice((1, 1, 1, 2, 4))):
            place = self.randrange(len(made) + 1)
            kind = self.randrange(10)
            if kind == 0 and made:
                made[place % len(made)] ^= 1 << self.randrange(8)
            elif kind == 1 and made:
                made[place % len(made)] = self.choice(_OCTETS)
            elif kind == 2:
                del made[place : place + self.choice((1, 2, 8, 40))]
            elif kind == 3:
                made[place:place] = self.randbytes(self.choice((1, 2, 8, 300)))
            elif kind == 4:
                del made[place:]
            elif kind == 5:  # a length that is not so
                bomb = self.choice(_BOMBS)
                made[place : place + self.choice((0, 1, len(bomb)))] = bomb
            elif kind == 6 and made:  # a piece of itself, or of another message
                source = self.choice(others) if others else octets
                start = self.randrange(len(source) or 1)
                size = self.choice((4, 8, 33, 120))
                made[place : place + self.choice((0, size))] = source[start : start + size]
            elif kind == 7:
                made += self.randbytes(self.choice((1, 2, 16)))
            elif kind == 8:  # the same list entry, or whatever it is, many times
                size = self.choice((1, 3, 12, 40))
                made[place:place] = bytes(made[place : place + size]) * self.choice((2, 20, 200))
            else:
                made[place : place + 8] = bytes(8) if self.random() < 0.5 else b"\xff" * 8
        return bytes(made[:60_000])

    # --- records -----------------------------------------------------------------------------------

    def record(self, asn1: str, octets: bytes) -> bytes:
        """The encoding of a type with one part of it made anew, or left out, or repeated; of what does not
        decode, or has no encoding then, something like `octets`."""
        one = self._named[asn1]
        while one.alias_of is not None:
            one = self._model.types[one.alias_of]
        try:
            value = wire.decode_as(one.asn1, octets)
        except DecodeError:
            return self.octets(octets)
        for _ in range(self.choice((1, 1, 2))):
            value = self._changed(one.shape, value, one)
        try:
            return wire.encode_as(one.asn1, value)
        except EncodeError:
            return self.octets(octets)

    def value(self, asn1: str) -> Any:
        """A valid value of a type."""
        return self._of_type(self._named[asn1].python, 0)

    def _changed(self, shape: Shape, value: Any, owner: Type | None) -> Any:
        if isinstance(shape, Ref):
            owner = self._type(shape.name)
            shape = owner.shape
        if self.random() < 0.12:
            return self._of_shape(shape, owner, 3)
        match shape:
            case Sequence():
                member = self.choice(shape.members)
                present = getattr(value, member.python)
                if member.optional and (present is None or self.random() < 0.2):
                    changed = None if present is not None else self._present(member)
                else:
                    changed = self._changed(member.shape, present, None)
                return value._replace(**{member.python: changed})
            case Choice():
                (member,) = [m for m in shape.members if m.name == value.kind]
                return value._replace(value=self._changed(member.shape, value.value, None))
            case SequenceOf():
                entries = list(value)
                kind = self.randrange(5)
                if entries and kind == 0:
                    del entries[self.randrange(len(entries))]
                elif entries and kind == 1:
                    entries += [self.choice(entries)] * self.choice((1, 5, 50))
                elif kind == 2 or not entries:
                    entries.insert(self.randrange(len(entries) + 1), self._of_shape(shape.element, None, 3))
                else:
                    place = self.randrange(len(entries))
                    entries[place] = self._changed(shape.element, entries[place], None)
                return tuple(entries)
            case Octets() if isinstance(value, bytes) and value and self.random() < 0.6:
                changed = bytearray(value)
                changed[self.randrange(len(changed))] ^= 1 << self.randrange(8)
                return bytes(changed)
            case Integer() if isinstance(value, int) and self.random() < 0.4:
                changed = value + self.choice((-1, 1, 3600, -3600, 256))
                low, high = self._range(shape)
                return min(max(changed, low), high)
            case _:
                return self._of_shape(shape, owner, 3)

    def _type(self, name: str) -> Type:
        one = self._model.types[name]
        while one.alias_of is not None:
            one = self._model.types[one.alias_of]
        return one

    def _of_type(self, name: str, depth: int) -> Any:
        one = self._type(name)
        return self._of_shape(one.shape, one, depth)

    @staticmethod
    def _range(shape: Integer) -> tuple[int, int]:
        return (
            -(1 << 63) if shape.low is None else shape.low,
            (1 << 63) - 1 if shape.high is None else shape.high,
        )

    def _of_shape(self, shape: Shape, owner: Type | None, depth: int) -> Any:
        match shape:
            case Ref():
                return self._of_type(shape.name, depth + 1)
            case Integer():
                low, high = self._range(shape)
                edges = [
                    n for n in (low, high, 0, 1, 36, 37, 127, 128, 255, 256, 623, 624) if low <= n <= high
                ]
                return self.choice(edges) if self.random() < 0.7 else self.randint(low, high)
            case Octets(low=low, high=high):
                if shape.fixed is not None:
                    return self.choice((bytes(low), b"\xff" * low, self.randbytes(low), self.randbytes(low)))
                sizes = [n for n in (low, low + 1, 3, 8, *_LONG) if n >= low and (high is None or n <= high)]
                return self.randbytes(self.choice(sizes))
            case Text(low=low, high=high):
                top = 300 if high is None else high
                alphabet = "abc.-_ \0\x7f" if shape.charset == "ascii" else "abc.-_ \0\u00e4\u20ac\U0001f697"
                return "".join(self.choices(alphabet, k=self.choice((low, max(low, min(top, 5)), top))))[:60]
            case Bits(fixed=8):
                return self.randrange(256)
            case Bits():
                bits = self.randrange(41)
                size = -(-bits // 8)
                return BitString((self.getrandbits(bits) << (8 * size - bits)).to_bytes(size, "big"), bits)
            case Boolean():
                return self.random() < 0.5
            case Null():
                return None
            case Enumerated():
                return self.choice(shape.names)
            case ObjectIdentifier():
                return "1.3." + ".".join(str(self.randrange(1 << 20)) for _ in range(3))
            case SequenceOf():
                high = 3 if shape.high is None else min(shape.high, 3)
                count = self.randint(shape.low, max(shape.low, high)) if depth < _DEEPEST else shape.low
                return tuple(self._of_shape(shape.element, owner, depth + 1) for _ in range(count))
            case Sequence():
                fields = {m.python: self._member(m, depth) for m in shape.members}
                return self._class(owner)(**fields)
            case Choice():
                allowed = [m for m in shape.members if depth < _DEEPEST or not self._is_deep(m.shape)]
                member = self.choice(allowed or list(shape.members)[:1])
                return self._class(owner)(member.name, self._of_shape(member.shape, None, depth + 1))
        raise AssertionError(shape)

    def _present(self, member: Member) -> Any:
        return True if isinstance(member.shape, Null) else self._of_shape(member.shape, None, 3)

    def _member(self, member: Member, depth: int) -> Any:
        if member.optional:
            rare = depth >= _DEEPEST or self.random() < 0.6
            return None if rare else self._present(member)
        if member.default is not None and self.random() < 0.5:
            return member.default
        return self._of_shape(member.shape, None, depth + 1)

    def _is_deep(self, shape: Shape) -> bool:
        return isinstance(self._model.resolve(shape), Sequence | Choice | SequenceOf)

    @staticmethod
    def _class(owner: Type | None) -> Any:
        assert owner is not None
        return getattr(import_module(f"v2xpki.wire.{owner.home}"), owner.python)
