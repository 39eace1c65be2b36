"""Linkage values (IEEE 1609.2 5.1.3.4, seedEvoFn1-sha256 and lvGenFn1-aes128): what lets one entry of a
CRL revoke all pseudonyms of a vehicle from a period on, and nobody link them before.

    seed = seed_after(la_id, first_seed, i)                 linkage authority: ls(i) of ls(0)
    plvs = pre_linkage_values(la_id, seed, range(20))       linkage authority: for each j
    lvs  = linkage_values(plvs1, plvs2)                     ACA: of both authorities' for the same i, j

    ls(i+1)   = SHA-256(la_id || ls(i) || 0^112)[0:16]
    plv(i, j) = (AES_ls(i)(p) xor p)[0:9], p = la_id || j || 0^80
    lv(i, j)  = plv1(i, j) xor plv2(i, j)

Group linkage is the same with group seeds: gs steps as ls does, gplv and glv come of it as plv and lv do.
encrypted_indices hides the j of a group linkage value from whom it does not concern.

la_id 2 octets, seeds 16, values 9, i and j numbers of 32 bits. A seed tells all later ones, never an
earlier one. Best of 15, us: a step 0.6; a seed's values of 20 j 10; an entry of a CRL with 20 j 14, of which
the ciphers of its two seeds take 10. So 10,000 entries cost 0.2 s and 17 MB (200,000 values in a set) once
a period, and a received certificate a look-up.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from v2xpki.errors import CryptoError

LA_ID_OCTETS, SEED_OCTETS, VALUE_OCTETS = 2, 16, 9
_BLOCK = 16
_STEP_FILL = bytes(14)
_ECB = modes.ECB()  # noqa: S305 (the standard's own)


class LinkedEntry(NamedTuple):
    """An IndividualRevocation of a linked CRL with its LAGroup's la ids: both seeds of one period."""

    la_id1: bytes
    la_id2: bytes
    seed1: bytes
    seed2: bytes

    def after(self, steps: int) -> "LinkedEntry":
        """The same entry `steps` periods later."""
        return self._replace(
            seed1=seed_after(self.la_id1, self.seed1, steps), seed2=seed_after(self.la_id2, self.seed2, steps)
        )

    def __repr__(self) -> str:
        return f"<LinkedEntry of {self.la_id1.hex()} and {self.la_id2.hex()}>"


def seed_after(la_id: bytes, seed: bytes, steps: int) -> bytes:
    """ls(i + steps) of ls(i); group seeds likewise.

    Raises CryptoError for octets of another length, and for a step back: that none can be taken is the point.
    """
    _check(la_id, seed)
    if steps < 0:
        raise CryptoError(f"a linkage seed {-steps} periods earlier: seeds step forward alone")
    for _ in range(steps):
        seed = sha256(la_id + seed + _STEP_FILL).digest()[:SEED_OCTETS]
    return seed


def seeds_from(la_id: bytes, seed: bytes, count: int) -> list[bytes]:
    """ls(i), ls(i+1), ...: `count` seeds, the given one first. Errors as seed_after."""
    _check(la_id, seed)
    made = [seed] * min(1, count)
    for _ in range(count - 1):
        made.append(seed_after(la_id, made[-1], 1))
    return made


def pre_linkage_values(la_id: bytes, seed: bytes, js: Sequence[int]) -> list[bytes]:
    """plv(i, j) for each j, of ls(i) (or gplv of gs(i)): 9 octets each.

    Raises CryptoError for octets of another length and a j beyond 32 bits.
    """
    _check(la_id, seed)
    mixed = _mixed(seed, _plain(la_id, tuple(js)))
    return [mixed[start : start + VALUE_OCTETS] for start in range(0, len(mixed), _BLOCK)]


def linkage_values(ones: Sequence[bytes], others: Sequence[bytes]) -> list[bytes]:
    """lv (or glv) for each pair of pre-linkage values of the two authorities: 9 octets each.

    Raises CryptoError for columns of different lengths and values of other lengths.
    """
    if len(ones) != len(others):
        raise CryptoError(f"{len(ones)} pre-linkage values against {len(others)}")
    for value in (*ones, *others):
        if len(value) != VALUE_OCTETS:
            raise CryptoError(f"a pre-linkage value of {len(value)} octets: {VALUE_OCTETS} belong there")
    mixed = _xor(b"".join(ones), b"".join(others))
    return [mixed[start : start + VALUE_OCTETS] for start in range(0, len(mixed), VALUE_OCTETS)]


def revoked_values(entries: Iterable[LinkedEntry], js: Sequence[int]) -> Iterator[list[bytes]]:
    """For each entry, as LinkedEntry.after brought it to the period: lv(i, j) for each j.

    Lazy, so that 10,000 entries may go into a set one by one. Errors as pre_linkage_values.
    """
    numbers, inputs = tuple(js), dict[tuple[bytes, bytes], tuple[bytes, bytes, int]]()
    size = _BLOCK * len(numbers)
    starts = range(0, size, _BLOCK)
    for la_id1, la_id2, seed1, seed2 in entries:
        _check(la_id1, seed1)
        _check(la_id2, seed2)
        made = inputs.get((la_id1, la_id2))
        if made is None:
            one, other = _plain(la_id1, numbers), _plain(la_id2, numbers)
            made = one, other, int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
            inputs[la_id1, la_id2] = made
        plain1, plain2, both = made
        coded1 = int.from_bytes(_coded(seed1, plain1), "big")
        coded2 = int.from_bytes(_coded(seed2, plain2), "big")
        mixed = (coded1 ^ coded2 ^ both).to_bytes(size, "big")
        yield [mixed[start : start + VALUE_OCTETS] for start in starts]


def encrypted_indices(key: bytes, k: int, js: Sequence[int]) -> list[bytes]:
    """ei = AES_key(x) xor x for each j of a group's member k, x = k || j || 0^64: 16 octets each.

    key: 16 octets, k and j numbers of 32 bits. (The order k, j is that of the recorded vectors; a remark
    beside them has it the other way round.) Raises CryptoError.
    """
    if len(key) != SEED_OCTETS:
        raise CryptoError(f"an index key of {len(key)} octets: {SEED_OCTETS} belong there")
    _check_numbers((k, *js))
    mixed = _mixed(key, b"".join([(k << 96 | j << 64).to_bytes(_BLOCK, "big") for j in js]))
    return [mixed[start : start + _BLOCK] for start in range(0, len(mixed), _BLOCK)]


@lru_cache(maxsize=64)
def _plain(la_id: bytes, js: tuple[int, ...]) -> bytes:
    """p for each j: the same for every seed of an authority, so made once."""
    _check_numbers(js)
    return b"".join([la_id + j.to_bytes(4, "big") + bytes(10) for j in js])


def _mixed(key: bytes, plain: bytes) -> bytes:
    """AES(p) xor p of all blocks at once."""
    return _xor(_coded(key, plain), plain)


def _coded(key: bytes, plain: bytes) -> bytes:
    return Cipher(algorithms.AES128(key), _ECB).encryptor().update(plain)


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")


def _check(la_id: bytes, seed: bytes) -> None:
    if len(la_id) != LA_ID_OCTETS or len(seed) != SEED_OCTETS:
        raise CryptoError(
            f"la id of {len(la_id)} octets, linkage seed of {len(seed)}: "
            f"{LA_ID_OCTETS} and {SEED_OCTETS} belong there"
        )


def _check_numbers(numbers: Sequence[int]) -> None:
    if not all(0 <= number < 1 << 32 for number in numbers):
        raise CryptoError("j and k are numbers of 32 bits")
