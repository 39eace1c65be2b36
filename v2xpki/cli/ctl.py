"""v2xpki ctl."""

from v2xpki.cli.lists import list_group
from v2xpki.cli.scms_ctl import elect

command = list_group("ctl")
command.add_command(elect)
