"""A signer's own database: the records of what the keys of its token have signed, and nothing else."""

from v2xpki.store.base import SignerBase

Base = SignerBase
