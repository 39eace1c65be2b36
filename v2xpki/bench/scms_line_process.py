"""The components of a production line, opened in one process over what a LineLaboratory has made."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from v2xpki.authorities.periods import Periods
from v2xpki.authorities.scms.aca import AuthorizationCertificateAuthority
from v2xpki.authorities.scms.aca_policy import KnownRas
from v2xpki.authorities.scms.la import LaPolicy, LinkageAuthority, Wish
from v2xpki.authorities.scms.ra_line import RaLine
from v2xpki.authorities.scms.reasons import Refusal
from v2xpki.bench.scms_laboratory import LA_IDS
from v2xpki.config import ScmsPolicy
from v2xpki.crypto import Certificate
from v2xpki.jobs import InlinePool
from v2xpki.keystore import KeyLabel, Keystore
from v2xpki.store import Database
from v2xpki.store.base import table_of
from v2xpki.store.ra import RaBatch
from v2xpki.time import Clock

COMPONENTS = "aca", "la1", "la2", "ra"
RA_SIGN, RA_ENCRYPT = KeyLabel("ra", "sign"), KeyLabel("ra", "encrypt")


class DirectLa:
    """A LinkageLink to an authority in the same process."""

    def __init__(self, authority: LinkageAuthority) -> None:
        self.authority, self.la_id = authority, authority.la_id

    def pre_linkage_values(self, wishes: Sequence[Wish]) -> list[list[bytes]]:
        return self.authority.pre_linkage_values(wishes, ra="ra")


class DirectAca:
    """An AcaLink to an authority in the same process."""

    def __init__(self, authority: AuthorizationCertificateAuthority) -> None:
        self.authority = authority

    def certify(self, requests: Sequence[bytes]) -> list[bytes | Refusal]:
        return self.authority.certify(requests)


class LineCertificates(NamedTuple):
    """Whose certificates the components know. implicit: the ACA's for implicit ones, where it has one."""

    root: Certificate
    aca: Certificate
    ra: Certificate
    implicit: Certificate | None = None


class LineProcess:
    """All four components, closed until `open`. `keystores` by component; `url` of each one's database."""

    def __init__(
        self,
        keystores: Mapping[str, Keystore],
        clock: Clock,
        url: Callable[[str], str],
        policy: ScmsPolicy,
        certificates: LineCertificates,
    ) -> None:
        self.keystores, self.clock, self.url, self.policy = keystores, clock, url, policy
        self.root, self.aca_certificate, self.ra, self.implicit = certificates
        self.periods = Periods(policy.epoch, policy.period, policy.overlap)

    def open(self) -> None:
        """The components, as new processes would open them."""
        self.databases = {name: Database.open(self.url(name), clock=self.clock) for name in COMPONENTS}
        self.aca = self.open_aca(self.databases["aca"])
        self.las = [
            LinkageAuthority.open(
                self.keystores[name], self.databases[name], la_id, self.periods, self.clock, LaPolicy()
            )
            for name, la_id in zip(("la1", "la2"), LA_IDS, strict=True)
        ]
        self.aca_link = DirectAca(self.aca)
        self.la_links = DirectLa(self.las[0]), DirectLa(self.las[1])
        self.line = self.new_line()

    def open_aca(self, database: Database) -> AuthorizationCertificateAuthority:
        """The ACA over its database."""
        return AuthorizationCertificateAuthority.open(
            self.keystores["aca"],
            1,
            self.aca_certificate,
            database,
            ras=KnownRas([self.ra]),
            clock=self.clock,
            craca_id=self.root.hashed_id3,
            implicit=self.implicit,
        )

    def new_line(self, **options: Any) -> RaLine:
        """The RA's line; options instead of what is in service."""
        own: dict[str, Any] = {
            "database": self.databases["ra"],
            "responder": self.keystores["ra"].scms_responder(RA_SIGN, self.ra),
            "aca": self.aca_certificate,
            "aca_link": self.aca_link,
            "linkage": self.la_links,
            "clock": self.clock,
            "policy": self.policy,
            "implicit": self.implicit,
        }
        return RaLine(**own | options)

    def close(self) -> None:
        self.line.close()
        self.aca.close()
        for database in self.databases.values():
            database.close()

    def work(self, line: RaLine | None = None) -> int:
        """Do the line's jobs until nothing is due; errors are raised."""

        def failed(_: object, error: Exception) -> None:
            raise error

        pool, done = InlinePool(line or self.line, failed=failed), 0
        while count := pool.run_once():
            done += count
        return done

    def batches(self) -> list[Any]:
        """All rows of RaBatch."""
        with self.databases["ra"].read() as tx:
            return list(tx.execute(table_of(RaBatch).select()).all())
