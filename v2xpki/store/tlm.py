"""The trust list manager's database: nothing but what every domain has. Its certificate and its ECTLs are
issuance records."""

from v2xpki.store.base import TlmBase

Base = TlmBase
