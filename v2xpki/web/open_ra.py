"""How the registration authority of an SCMS is opened in its workers, with its production line."""

from typing import NamedTuple

from v2xpki.authorities.scms.implicit_key import acas_of_line
from v2xpki.authorities.scms.ra import RegistrationAuthority
from v2xpki.authorities.scms.ra_cases import RaCaseBook
from v2xpki.authorities.scms.ra_line import RaLine
from v2xpki.authorities.scms.ra_requests import OwnCertificate
from v2xpki.jobs import open_queue
from v2xpki.keystore import KeyLabel
from v2xpki.time import Clock
from v2xpki.trust.scms_kinds import load_kinds
from v2xpki.web import metrics
from v2xpki.web.base import Opened
from v2xpki.web.process import RoleSettings
from v2xpki.web.scms_opening import LA_IDS, Component
from v2xpki.web.working import LAST_JOB, job_failed


class RaService(NamedTuple):
    """What devices ask, and what the misbehaviour authority asks."""

    authority: RegistrationAuthority
    cases: RaCaseBook


def open_ra(settings: RoleSettings, clock: Clock | None = None) -> Opened[RaService]:
    """The RA: what devices see, and its line in the jobs of each worker process."""
    instance = settings.instance
    own = Component.open(instance, "ra", clock)
    las = own.linkage_authority("la1"), own.linkage_authority("la2")
    agreer = own.keystore.agreer(KeyLabel("ra", "encrypt", own.domain.generation))
    authority = RegistrationAuthority(
        own=[OwnCertificate(own.certificate, agreer)],
        responder=own.responder,
        database=own.database,
        clock=own.clock,
        ecas=own.trust,
        eca=own.peers.eca(),
        info=own.trust,
        policy=own.policy,
        kinds=load_kinds(instance.kinds_path),
        observer=metrics.Answers("ra"),
    )
    aca, implicit = acas_of_line(own.trust.components("aca"))
    line = RaLine(
        database=own.database,
        responder=own.responder,
        aca=aca,
        implicit=implicit,
        aca_link=own.peers.aca(),
        linkage=(own.peers.linkage("la1", LA_IDS["la1"]), own.peers.linkage("la2", LA_IDS["la2"])),
        clock=own.clock,
        policy=own.policy,
    )
    cases = RaCaseBook(own.database, own.recipients, las, own.periods, own.clock)
    pool = open_queue(line, instance.settings.jobs, own.domain, threads=own.policy.threads, failed=job_failed)
    pool.start()

    def close() -> None:
        pool.close(LAST_JOB)
        line.close()
        authority.close()
        own.peers.close()

    return Opened(
        RaService(authority, cases),
        own.checks("aca", "la1", "la2", "eca"),
        upkeep=lambda: (authority.purge(own.clock.time32()), cases.purge()),
        close=close,
        tasks=own.tasks(),
    )
