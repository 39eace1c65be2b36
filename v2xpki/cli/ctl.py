"""v2xpki ctl."""

from v2xpki.cli.lists import list_group

command = list_group("ctl")
