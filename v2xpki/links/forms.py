"""Compact binary forms of the values that components of an SCMS send each other.

    form = Record(Asked, Octets(16, 16), Number(4))
    octets = form.encode(value)
    value = form.decode(octets)

Numbers are big endian. What has one size is there as it is; what has not, after its length, in as many octets
as the largest length takes. Every form has bounds, in both directions: a value beyond them has no encoding
(EncodeError), octets beyond them, too few or too many are no value (DecodeError).
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, Generic, TypeVar

from v2xpki.errors import DecodeError, EncodeError

T = TypeVar("T")
E = TypeVar("E", bound=Enum)
_CODES = {1: "B", 2: "H", 4: "I"}


class Reader:
    """Octets that are taken from the front."""

    def __init__(self, octets: bytes) -> None:
        self.octets, self.at = octets, 0

    def take(self, count: int) -> bytes:
        found = self.octets[self.at : self.at + count]
        if len(found) != count:
            raise self.error(f"{count} octets are announced, {len(found)} are there")
        self.at += count
        return found

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def error(self, message: str) -> DecodeError:
        return DecodeError(message, where=("frame",), offset=self.at)


class Form(Generic[T]):
    """How a value is written."""

    def put(self, value: T, out: list[bytes]) -> None:
        raise NotImplementedError

    def take(self, reader: Reader) -> T:
        raise NotImplementedError

    def encode(self, value: T) -> bytes:
        """Raises EncodeError for a value that has no place in the form."""
        out: list[bytes] = []
        self.put(value, out)
        return b"".join(out)

    def decode(self, octets: bytes) -> T:
        """The value that is all of `octets`. Raises DecodeError."""
        reader = Reader(octets)
        value = self.take(reader)
        if reader.at != len(octets):
            raise reader.error("there are octets after the end")
        return value


class Number(Form[int]):
    """An unsigned number of 1, 2 or 4 octets."""

    def __init__(self, size: int) -> None:
        self._size = size

    def put(self, value: int, out: list[bytes]) -> None:
        out.append(_number(value, self._size))

    def take(self, reader: Reader) -> int:
        return reader.number(self._size)


class Octets(Form[bytes]):
    """Octets, `least` to `most` of them."""

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most
        self._size = 0 if least == most else _size(most)

    def put(self, value: bytes, out: list[bytes]) -> None:
        if not self._least <= len(value) <= self._most:
            raise EncodeError(f"{len(value)} octets, where {self._least} to {self._most} have a place")
        out += (_number(len(value), self._size) if self._size else b"", value)

    def take(self, reader: Reader) -> bytes:
        count = reader.number(self._size) if self._size else self._most
        if not self._least <= count <= self._most:
            raise reader.error(f"{count} octets, where {self._least} to {self._most} have a place")
        return reader.take(count)


class Text(Form[str]):
    """UTF-8; what is longer than `most` octets is cut."""

    def __init__(self, most: int) -> None:
        self._most, self._octets = most, Octets(0, most)

    def put(self, value: str, out: list[bytes]) -> None:
        cut = value.encode("utf-8", "replace")[: self._most].decode("utf-8", "ignore")
        self._octets.put(cut.encode(), out)

    def take(self, reader: Reader) -> str:
        try:
            return self._octets.take(reader).decode("utf-8")
        except UnicodeDecodeError as error:
            raise reader.error("not UTF-8") from error


class Flag(Form[bool]):
    """00 or 01."""

    def put(self, value: bool, out: list[bytes]) -> None:
        out.append(b"\1" if value else b"\0")

    def take(self, reader: Reader) -> bool:
        found = reader.number(1)
        if found > 1:
            raise reader.error("neither yes nor no")
        return found == 1


class Member(Form[E]):
    """A member of an enumeration, by its name."""

    def __init__(self, kind: type[E]) -> None:
        self._kind, self._text = kind, Text(64)

    def put(self, value: E, out: list[bytes]) -> None:
        self._text.put(value.name, out)

    def take(self, reader: Reader) -> E:
        try:
            return self._kind[self._text.take(reader)]
        except KeyError as error:
            raise reader.error(f"not the name of a {self._kind.__name__}") from error


class Maybe(Form[T | None]):
    """A value, or none."""

    def __init__(self, of: Form[T]) -> None:
        self._of, self._flag = of, Flag()

    def put(self, value: T | None, out: list[bytes]) -> None:
        self._flag.put(value is not None, out)
        if value is not None:
            self._of.put(value, out)

    def take(self, reader: Reader) -> T | None:
        return self._of.take(reader) if self._flag.take(reader) else None


class Many(Form[Sequence[T]]):
    """Up to `most` values of one form."""

    def __init__(self, of: Form[T], most: int) -> None:
        self._of, self._most, self._size = of, most, _size(most)

    def put(self, value: Sequence[T], out: list[bytes]) -> None:
        out.append(_count(len(value), self._most, self._size))
        for one in value:
            self._of.put(one, out)

    def take(self, reader: Reader) -> list[T]:
        return [self._of.take(reader) for _ in range(_counted(reader, self._most, self._size))]


class Numbers(Form[Sequence[int]]):
    """Up to `most` numbers of `size` octets: what Many would be for them, faster."""

    def __init__(self, size: int, most: int) -> None:
        self._each, self._most, self._size = size, most, _size(most)

    def put(self, value: Sequence[int], out: list[bytes]) -> None:
        out += (_count(len(value), self._most, self._size), _pack(value, self._each))

    def take(self, reader: Reader) -> list[int]:
        return _unpack(reader, _counted(reader, self._most, self._size), self._each)


class Strings(Form[Sequence[bytes]]):
    """Up to `most` octet strings of up to `longest` octets: first all lengths, then all octets."""

    def __init__(self, longest: int, most: int) -> None:
        self._each, self._longest, self._most, self._size = _size(longest), longest, most, _size(most)

    def put(self, value: Sequence[bytes], out: list[bytes]) -> None:
        lengths = [len(one) for one in value]
        if max(lengths, default=0) > self._longest:
            raise EncodeError(f"{max(lengths)} octets, where {self._longest} have a place")
        out += (_count(len(value), self._most, self._size), _pack(lengths, self._each), *value)

    def take(self, reader: Reader) -> list[bytes]:
        lengths = _unpack(reader, _counted(reader, self._most, self._size), self._each)
        if max(lengths, default=0) > self._longest:
            raise reader.error(f"{max(lengths)} octets, where {self._longest} have a place")
        return [reader.take(length) for length in lengths]


class Record(Form[T]):
    """A tuple, each part in its form; `make` takes the parts."""

    def __init__(self, make: Callable[..., T], *parts: Form[Any]) -> None:
        self._make, self._parts = make, parts

    def put(self, value: T, out: list[bytes]) -> None:
        assert isinstance(value, tuple)
        for form, part in zip(self._parts, value, strict=True):
            form.put(part, out)

    def take(self, reader: Reader) -> T:
        return self._make(*[form.take(reader) for form in self._parts])


class Either(Form[Any]):
    """A value of one of several types, after the number of its place among them."""

    def __init__(self, *choices: tuple[type, Form[Any]]) -> None:
        self._choices = choices

    def put(self, value: Any, out: list[bytes]) -> None:
        for number, (kind, form) in enumerate(self._choices):
            if isinstance(value, kind):
                out.append(bytes((number,)))
                form.put(value, out)
                return
        raise EncodeError(f"a {type(value).__name__} has no place here")

    def take(self, reader: Reader) -> Any:
        number = reader.number(1)
        if number >= len(self._choices):
            raise reader.error(f"there is no choice {number}")
        return self._choices[number][1].take(reader)


class Nothing(Form[None]):
    """No octets."""

    def put(self, value: None, out: list[bytes]) -> None:
        pass

    def take(self, reader: Reader) -> None:
        return None


def parts(*values: Any) -> tuple[Any, ...]:
    """What makes a Record of several arguments."""
    return values


def _size(most: int) -> int:
    return 1 if most < 1 << 8 else 2 if most < 1 << 16 else 4


def _number(value: int, size: int) -> bytes:
    if not 0 <= value < 1 << 8 * size:
        raise EncodeError(f"{value} is no number of {size} octets")
    return value.to_bytes(size, "big")


def _count(count: int, most: int, size: int) -> bytes:
    if count > most:
        raise EncodeError(f"{count} values, where {most} have a place")
    return _number(count, size)


def _counted(reader: Reader, most: int, size: int) -> int:
    count = reader.number(size)
    if count > most:
        raise reader.error(f"{count} values, where {most} have a place")
    return count


def _pack(values: Iterable[int], size: int) -> bytes:
    values = tuple(values)
    try:
        return struct.pack(f">{len(values)}{_CODES[size]}", *values)
    except struct.error as error:
        raise EncodeError(f"a number that does not fit into {size} octets") from error


def _unpack(reader: Reader, count: int, size: int) -> list[int]:
    return list(struct.unpack(f">{count}{_CODES[size]}", reader.take(count * size)))
