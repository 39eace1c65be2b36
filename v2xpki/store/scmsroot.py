"""The SCMS root CA's database. Its certificates are issuance records; it signs nothing else."""

from v2xpki.store.base import ScmsRootBase

Base = ScmsRootBase
