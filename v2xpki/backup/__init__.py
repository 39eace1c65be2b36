"""Backing an instance up and bringing it back: tokens, PINs, databases, certificates, configuration.

back_up(Instance.load("/srv/pki"), Path("pki.backup"), passphrase, clock)   # while it is serving
restore(Path("/srv/pki"), Path("pki.backup"), passphrase, clock, apply=True)
"""

from v2xpki.backup.archive import Report, back_up
from v2xpki.backup.chains import record, verify
from v2xpki.backup.restoring import restore

__all__ = ["Report", "back_up", "record", "restore", "verify"]
