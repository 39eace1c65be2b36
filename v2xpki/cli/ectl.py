"""v2xpki ectl."""

from v2xpki.cli.lists import list_group

command = list_group("ectl")
