from typing import NamedTuple


class BitString(NamedTuple):
    octets: bytes
    bits: int
