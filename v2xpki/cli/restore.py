"""`v2xpki restore`; see backup.py."""

from v2xpki.cli.backup import restore_command as command

__all__ = ["command"]
