"""`v2xpki ca`: the life of CAs. A module a command, each imported when its command runs."""

import click

from v2xpki.cli import LazyGroup

# name -> (module whose attribute `command` it is, the line in --help)
_COMMANDS = {
    "request": ("v2xpki.cli.ca_request", "An EA's or AA's next keys and the request for their certificate."),
    "review": ("v2xpki.cli.ca_review", "What a request asks for, and whether the root can grant it."),
    "approve": ("v2xpki.cli.ca_approve", "Grant a request: the certificate, and its place on the CTL."),
    "install": ("v2xpki.cli.ca_install", "Put a granted certificate in its place."),
    "revoke": ("v2xpki.cli.ca_revoke", "Put an EA or AA on the CRL and take it off the CTL."),
    "rollover": ("v2xpki.cli.rollover", "The next generation of root or TLM beside the present one."),
}


@click.group("ca", cls=LazyGroup, lazy=_COMMANDS)
def command() -> None:
    """Add, re-key and revoke EAs and AAs; roll root and TLM over.

    \b
      v2xpki ca request DIR aa --rekey        where the AA is
      v2xpki ca review DIR                    where the root is: what waits
      v2xpki ca approve DIR REQUEST --yes
      v2xpki ca install DIR FILE              where the AA is
    """
