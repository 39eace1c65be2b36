"""The root's database: nothing but what every domain has. Its certificates, CTLs and CRLs are issuance
records, and ceremonies are entries of the audit chain."""

from v2xpki.store.base import RootBase

Base = RootBase
