"""How the authorization certificate authority of an SCMS is opened in its workers."""

from typing import NamedTuple

from v2xpki.authorities.scms.aca import AuthorizationCertificateAuthority
from v2xpki.authorities.scms.aca_cases import AcaCaseBook
from v2xpki.authorities.scms.implicit_key import open_aca_implicit
from v2xpki.time import Clock
from v2xpki.web.base import Opened
from v2xpki.web.process import RoleSettings
from v2xpki.web.scms_opening import Component


class AcaService(NamedTuple):
    """What RAs ask, and what the misbehaviour authority asks."""

    authority: AuthorizationCertificateAuthority
    cases: AcaCaseBook


def open_aca(settings: RoleSettings, clock: Clock | None = None) -> Opened[AcaService]:
    """The ACA. It asks nobody."""
    own = Component.open(settings.instance, "aca", clock)
    authority = AuthorizationCertificateAuthority.open(
        own.keystore,
        own.domain.generation,
        own.certificate,
        own.database,
        ras=own.trust,
        clock=own.clock,
        craca_id=own.root.hashed_id3,
        implicit=open_aca_implicit(own.domain, settings.instance.settings.aca),
    )
    cases = AcaCaseBook(authority, own.database, own.trust, own.trust, own.clock)
    return Opened(
        AcaService(authority, cases),
        own.checks(),
        upkeep=lambda: (authority.purge(), cases.purge()),
        close=authority.close,
        tasks=own.tasks(),
    )
