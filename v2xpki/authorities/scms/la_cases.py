"""A linkage authority's half of a revocation, as the misbehaviour authority sees it: what is sealed, opened.

    cases = LaCaseBook(revocation, keys)
    seed = cases.seed_at(sealed_plv, sealed_lci, i, j, i_rev, case)

The chain that the RA names must have given the value that the ACA names; no other is looked at.
"""

from collections.abc import Mapping

from v2xpki.authorities.scms.case_parts import Part, PartReason, RefusedParts, open_part
from v2xpki.authorities.scms.la_chains import LCI_OCTETS, Named
from v2xpki.authorities.scms.la_revocation import LaRevocation
from v2xpki.secured import RecipientKey


class LaCaseBook:
    """For all threads of a process. Fits LaCases. keys: by the HashedId8 of the authority's certificates."""

    def __init__(self, revocation: LaRevocation, keys: Mapping[bytes, RecipientKey]) -> None:
        self._revocation, self._keys = revocation, keys

    def seed_at(self, plv: bytes, lci: bytes, i: int, j: int, i_rev: int, case: bytes) -> bytes:
        """ls(i_rev), 16 octets. Raises RefusedCase, RefusedParts, RecordFailed, AuditError, KeystoreError."""
        value = open_part(Part.PLV, case, plv, self._keys)
        named = self._named(lci, case)
        found = self._revocation.chain_of(value, i, j, case, suspected=named)
        return self._revocation.seed_at(found, i_rev, case)

    def further_seed(self, lci: bytes, i_rev: int, case: bytes) -> bytes:
        """The same of a further chain. Errors as seed_at."""
        named = self._named(lci, case)
        self._revocation.include(named, case)
        return self._revocation.seed_at(named, i_rev, case)

    def _named(self, lci: bytes, case: bytes) -> Named:
        plain = open_part(Part.LCI, case, lci, self._keys)
        try:
            return Named(plain[LCI_OCTETS:].decode("ascii"), plain[:LCI_OCTETS])
        except UnicodeDecodeError as error:
            raise RefusedParts(PartReason.BAD_PART) from error
