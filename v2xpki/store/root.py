"""The root's database: the lists it has signed and the certificates it has revoked, beside what every domain
has. Its certificates, CTLs and CRLs are issuance records, and ceremonies are entries of the audit chain."""

from v2xpki.store.base import RootBase
from v2xpki.store.signed_lists import RevocationColumns, SignedListColumns

Base = RootBase


class SignedList(SignedListColumns, RootBase):
    """A number of a CTL or CRL that is given away."""


class Revocation(RevocationColumns, RootBase):
    """A certificate that the root has revoked."""
