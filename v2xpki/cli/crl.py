"""v2xpki crl."""

from v2xpki.cli.lists import list_group

command = list_group("crl")
