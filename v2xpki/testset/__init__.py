"""Test certificates, messages and lists for laboratories: good ones in every form, and broken ones.

`create` writes a set and its manifest.json; `check` holds our own verifier against it. Keys are in memory and
in PEM files: nothing here is, or becomes, part of an operational PKI.
"""

from v2xpki.testset.catalogue import create
from v2xpki.testset.checking import Disagreement, check
from v2xpki.testset.manifest import Entry, read_manifest

__all__ = ["Disagreement", "Entry", "check", "create", "read_manifest"]
