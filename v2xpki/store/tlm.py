"""The trust list manager's database: the lists it has signed, beside what every domain has. Its certificate
and its ECTLs are issuance records."""

from v2xpki.store.base import TlmBase
from v2xpki.store.signed_lists import SignedListColumns

Base = TlmBase


class SignedList(SignedListColumns, TlmBase):
    """A number of an ECTL that is given away."""
