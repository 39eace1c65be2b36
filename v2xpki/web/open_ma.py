"""How the misbehaviour authority of an SCMS is opened, with its CRL generator: to serve, or for commands."""

from typing import NamedTuple

from v2xpki.authorities.scms.crl_generator import CrlGenerator
from v2xpki.authorities.scms.ma import CasePeers, MisbehaviourAuthority
from v2xpki.authorities.scms.ma_work import MaWork
from v2xpki.config import Instance
from v2xpki.issuance import CrlSigner
from v2xpki.jobs import InlinePool
from v2xpki.keystore import KeyLabel
from v2xpki.time import Clock
from v2xpki.trust.scms_crl import Family
from v2xpki.web.base import Opened
from v2xpki.web.process import RoleSettings
from v2xpki.web.scms_opening import LA_IDS, Component, in_force, read_certificate
from v2xpki.web.working import LAST_JOB, job_failed

#: Seconds between two looks for cases to go on with, and CRLs to be signed or handed out.
EVERY = 20.0
#: CRL series: pseudonym certificates, components, other certificates of an ACA, enrolment certificates.
SERIES: dict[int, Family] = {1: "linked", 2: "hash", 3: "hash", 4: "hash"}


class MaService(NamedTuple):
    """Both halves, and the component that they are of."""

    authority: MisbehaviourAuthority
    crls: CrlGenerator
    own: Component


def build_ma(instance: Instance, clock: Clock | None = None) -> MaService:
    """The MA of an instance. Raises KeystoreError, StoreError, ConfigError, TrustError, IssuanceError."""
    own = Component.open(instance, "ma", clock)
    craca, peers = own.root.hashed_id8, own.peers
    asked = CasePeers(
        acas={one.hashed_id8: peers.aca_cases() for one in own.trust.components("aca")},
        ras={one.hashed_id8: peers.ra_cases() for one in own.trust.components("ra")},
        las={la_id: peers.la_cases(name) for name, la_id in LA_IDS.items()},
    )
    label = KeyLabel("ma-crl", "sign", own.domain.generation)
    signer = read_certificate(own.domain, f"crlg-{own.domain.generation}.oer")
    series = {**SERIES, instance.settings.eca.crl_series: "hash"}
    return MaService(
        MisbehaviourAuthority(own.database, asked, own.trust, craca, series, own.periods, own.clock),
        CrlGenerator(
            CrlSigner.open(own.keystore, label, signer),
            own.database,
            peers.publisher(),
            craca,
            series,
            own.periods,
            own.clock,
        ),
        own,
    )


def open_ma(settings: RoleSettings, clock: Clock | None = None) -> Opened[MaService]:
    """The MA at work: it goes on with open cases, and signs and publishes CRLs ahead of their nextCrl."""
    service = build_ma(settings.instance, clock)
    own, generator = service.own, service.crls
    certificate = read_certificate(own.domain, f"crlg-{own.domain.generation}.oer")
    pool = InlinePool(MaWork(service.authority, generator), tick=EVERY, failed=job_failed)
    pool.start()

    def close() -> None:
        pool.close(LAST_JOB)
        own.peers.close()

    checks = own.checks("aca", "ra", "la1", "la2", "sdc")
    return Opened(
        service,
        checks | {"crl-certificate": lambda: in_force(certificate, own.clock)},
        upkeep=service.authority.purge,
        close=close,
        tasks=own.tasks(),
    )
