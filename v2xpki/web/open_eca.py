"""How the enrolment CA of an SCMS is opened in its workers."""

from v2xpki.authorities.scms.eca import EnrolmentCa
from v2xpki.issuance import Issuer, recover
from v2xpki.time import Clock
from v2xpki.trust.scms_devices import DeviceProfiles
from v2xpki.trust.scms_enrolment import lint_enrolment
from v2xpki.web import metrics
from v2xpki.web.base import Opened
from v2xpki.web.process import RoleSettings
from v2xpki.web.scms_opening import Component


def open_eca(settings: RoleSettings, clock: Clock | None = None) -> Opened[EnrolmentCa]:
    """The ECA. What dead processes left open is voided first."""
    own = Component.open(settings.instance, "eca", clock)
    recover(own.database)
    issuer = Issuer.open(
        own.keystore, own.label, own.certificate, own.database, own.clock, linter=lint_enrolment
    )
    authority = EnrolmentCa(
        issuer=issuer,
        responder=own.responder,
        chain=own.chain,
        database=own.database,
        clock=own.clock,
        policy=settings.instance.settings.eca,
        profiles=DeviceProfiles.load(settings.instance.devices_path),
        craca_id=own.root.hashed_id3,
        observer=metrics.Answers("eca"),
    )
    return Opened(
        authority,
        own.checks(),
        upkeep=lambda: authority.purge(own.clock.time32()),
        close=authority.close,
        tasks=own.tasks(),
    )
