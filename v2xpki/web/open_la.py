"""How a linkage authority of an SCMS is opened in its workers: one code, two domains."""

from typing import NamedTuple

from v2xpki.authorities.scms.la import LinkageAuthority
from v2xpki.authorities.scms.la_cases import LaCaseBook
from v2xpki.authorities.scms.la_revocation import LaRevocation
from v2xpki.time import Clock
from v2xpki.web.base import Opened
from v2xpki.web.process import RoleSettings
from v2xpki.web.scms_opening import LA_IDS, Component


class LaService(NamedTuple):
    """What RAs ask, and what the misbehaviour authority asks."""

    authority: LinkageAuthority
    cases: LaCaseBook


def open_la(settings: RoleSettings, clock: Clock | None = None) -> Opened[LaService]:
    """The linkage authority of the role's domain. It asks nobody."""
    own = Component.open(settings.instance, settings.role, clock)
    authority = LinkageAuthority.open(
        own.keystore, own.database, LA_IDS[settings.role], own.periods, own.clock
    )
    revocation = LaRevocation(authority, own.database, own.periods, own.clock)
    return Opened(
        LaService(authority, LaCaseBook(revocation, own.recipients)),
        own.checks(),
        upkeep=lambda: authority.purge(own.clock.time32()),
        tasks=own.tasks(),
    )
