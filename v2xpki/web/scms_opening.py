"""What every component of an SCMS with keys opens of its own domain, and what is checked of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from v2xpki.authorities.periods import Periods
from v2xpki.authorities.scms.followed import FollowedTrust
from v2xpki.authorities.scms.refresh import ScmsRefresh
from v2xpki.config import DomainConfig, Instance, ScmsPolicy
from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError
from v2xpki.keystore import KeyLabel, Keystore, ScmsResponder, TokenConfig, open_token
from v2xpki.links.scms import ScmsPeers
from v2xpki.secured import RecipientKey
from v2xpki.store import Database
from v2xpki.time import Clock, SystemClock, iso_from_time32
from v2xpki.web import metrics
from v2xpki.web.checks import answers, lists_refreshed, open_database, ping, token_works
from v2xpki.web.health import Check, Finding
from v2xpki.web.process import internal_identity
from v2xpki.web.scms_peers import CentreSource, addresses, context_of, reachable

DAY = 86400
_PEER_SECONDS = 1.0  # for one connection of a health check
LA_IDS = {"la1": b"\0\1", "la2": b"\0\2"}


@dataclass(frozen=True)
class Component:
    """A component at work in this process: its own domain alone, and whom it trusts."""

    instance: Instance
    domain: DomainConfig
    clock: Clock
    database: Database
    keystore: Keystore
    certificate: Certificate
    trust: FollowedTrust

    @classmethod
    def open(cls, instance: Instance, name: str, clock: Clock | None = None) -> "Component":
        """Raises KeystoreError, StoreError, ConfigError, TrustError."""
        clock, domain = clock or SystemClock(), instance.domain(name)
        policy = instance.settings.scms
        database = open_database(instance, name, clock)
        keystore = open_token(TokenConfig.of_domain(domain))
        return cls(
            instance,
            domain,
            clock,
            database,
            keystore,
            read_certificate(domain, f"{name}-{domain.generation}.oer"),
            FollowedTrust(domain.trust_dir, policy.ctl_quorum, clock),
        )

    @property
    def policy(self) -> ScmsPolicy:
        return self.instance.settings.scms

    @cached_property
    def periods(self) -> Periods:
        return Periods(self.policy.epoch, self.policy.period, self.policy.overlap)

    @property
    def label(self) -> KeyLabel:
        """Of the key that signs."""
        return KeyLabel(self.domain.name, "sign", self.domain.generation)

    @cached_property
    def responder(self) -> ScmsResponder:
        """Door 2 to it."""
        return self.keystore.scms_responder(self.label, self.certificate)

    @cached_property
    def recipients(self) -> Mapping[bytes, RecipientKey]:
        """What others encrypt to this component, by the HashedId8 of its certificate."""
        agreer = self.keystore.agreer(KeyLabel(self.domain.name, "encrypt", self.domain.generation))
        return {self.certificate.hashed_id8: RecipientKey.of_certificate(agreer, self.certificate)}

    @property
    def chain(self) -> tuple[Certificate, ...]:
        """Its certificate and those above it. Raises InvalidChain."""
        return tuple(self.trust.path(self.certificate, self.clock.time32()))

    @property
    def root(self) -> Certificate:
        """The root above it, which is the CRACA of what it issues. Raises InvalidChain."""
        return self.chain[-1]

    @cached_property
    def peers(self) -> ScmsPeers:
        """The way to the others."""
        files = internal_identity(self.instance, self.domain.name)
        return ScmsPeers(files, addresses(self.instance), timeout=float(self.policy.timeout))

    def linkage_authority(self, name: str) -> Certificate:
        """That of a domain. Raises ConfigError where none is trusted."""
        found = self.trust.la(LA_IDS[name])
        if found is None:
            raise ConfigError(f"no linkage authority {LA_IDS[name].hex()} is trusted")
        return found

    def close(self) -> None:
        """What was opened of it. In a worker the end of the process does that."""
        self.peers.close()
        self.keystore.close()
        self.database.close()

    def checks(self, *peers: str) -> dict[str, Check]:
        """Its checks. peers: whom it asks."""
        name, interval = self.domain.name, int(self.instance.settings.lists.refresh)
        places, context = addresses(self.instance), context_of(self.instance, name)
        return {
            "token": lambda: token_works(self.keystore, name, self.domain.generation),
            "database": lambda: answers(lambda: ping(self.database)),
            "certificate": lambda: in_force(self.certificate, self.clock),
            "trust": lambda: files_accepted(self.trust),
            "refresh": lambda: lists_refreshed(self.domain.trust_dir, self.clock, interval),
            **({"peers": lambda: reachable(places, peers, context, _PEER_SECONDS)} if peers else {}),
        }

    def tasks(self) -> dict[str, Callable[[], float]]:
        """What it does over and over: keeps fresh what it goes by."""
        name = self.domain.name

        def count(which: str, outcome: str) -> None:
            metrics.trust_refreshes.labels(name, which, outcome).inc()

        refresh = ScmsRefresh(
            self.domain.trust_dir,
            CentreSource(
                addresses(self.instance)["sdc"], context_of(self.instance, name), float(self.policy.timeout)
            ),
            self.policy.ctl_quorum,
            self.clock,
            interval=int(self.instance.settings.lists.refresh),
            count=count,
        )
        return {"refresh": refresh.round}


def read_certificate(domain: DomainConfig, name: str) -> Certificate:
    """A certificate of a domain's own. Raises ConfigError, DecodeError, CryptoError."""
    path = domain.certificates_dir / name
    try:
        return Certificate.parse(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint="`v2xpki init` makes it") from None


def in_force(certificate: Certificate, clock: Clock) -> Finding:
    """Whether a component's certificate is; a warning in its last month."""
    left = certificate.end - clock.time32()
    values = [("v2xpki_certificate_seconds_left", {"certificate": certificate.hex8}, float(left))]
    text = f"{certificate.hex8} until {iso_from_time32(certificate.end)}"
    ok = certificate.start <= clock.time32() < certificate.end
    return Finding(text, ok=ok, warning=left < 30 * DAY, values=values)


def files_accepted(trust: FollowedTrust) -> Finding:
    """Whether the trust folder's files verify; else what was there before them is gone by."""
    basis = trust.basis
    text = f"CTL {basis.ctl.sequence}, {len(basis.crls)} CRLs"
    return Finding(trust.problem or text, ok=trust.problem is None)
