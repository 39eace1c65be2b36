"""What every process under the supervisor has: its settings by environment, and an end with its parent."""

import ctypes
import hashlib
import json
import os
import signal
import stat
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from v2xpki.config import ENV_INSTANCE, ENV_ROLE, Instance
from v2xpki.errors import ConfigError
from v2xpki.links.mutual_tls import TlsIdentity

#: Roles of ETSI's PKI that `serve` starts, in this order: an AA asks an EA.
ROLES = ("ea", "aa", "dc")
#: Those of an SCMS; who is asked before those who ask.
SCMS_ROLES = ("sdc", "la1", "la2", "aca", "eca", "ra", "ma")
#: Those that deliver firmware: the Director asks the Image repository.
OTA_ROLES = ("image", "director")
#: Path prefix -> role; what the router sends where.
PREFIXES = {"ea": "ea", "aa": "aa", "dc": "dc", "cpoc": "dc"}
#: The same below /v3/ (IEEE 1609.2.1).
V3_PATHS = {
    "enrollment-certificate": "eca",
    "authorization-certificate": "ra",
    "successor-enrollment-certificate": "ra",
    "ra-certificate": "ra",
    "certificate-management-info-status": "ra",
    "policy": "ra",
    "ca-certificate": "sdc",
    "ccf-ctl": "sdc",
    "ctl": "sdc",
    "composite-crl-ctl": "sdc",
    "crl": "sdc",
}
#: Those of them whose queries are read.
V3_QUERIES = frozenset(
    {
        "authorization-certificate",
        "successor-enrollment-certificate",
        "ca-certificate",
        "ccf-ctl",
        "ctl",
        "composite-crl-ctl",
        "crl",
    }
)
#: The same below /ota/. Images are no role's: the router hands them out itself.
OTA_PATHS = {"image": "image", "director": "director", "v1": "director"}
#: In which the router tells the Director whose client certificate it saw: SHA-256 (hex) of its DER.
CLIENT_HEADER = "x-v2xpki-client"
#: Octets of the largest body that a vehicle sends the Director: a registration, a manifest.
OTA_BODY = 256 * 1024


def roles_of(instance: Instance) -> tuple[str, ...]:
    """What `serve` starts of an instance."""
    return (
        *(ROLES if instance.has_etsi else ()),
        *(SCMS_ROLES if instance.has_scms else ()),
        *(OTA_ROLES if instance.has_ota else ()),
    )


ENV_BIND, ENV_WORKERS, ENV_TLS = "V2XPKI_BIND", "V2XPKI_WORKERS", "V2XPKI_TLS"
ENV_LISTENERS, ENV_ROLES = "V2XPKI_LISTENERS", "V2XPKI_ROLES"
ENV_EA_ROUTES, ENV_PARENT = "V2XPKI_EA_ROUTES", "V2XPKI_PARENT"
ENV_DC_ROUTES = "V2XPKI_DC_ROUTES"
ENV_METRICS = "PROMETHEUS_MULTIPROC_DIR"
SOCKET_PATH_LIMIT = 100
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class RoleSettings:
    """What a role's master and workers are told."""

    role: str
    instance: Instance
    #: Addresses as gunicorn takes them, a line each.
    bind: str
    workers: int = 1
    tls: bool = False
    #: Beginning of an EA's URL -> path of its socket, for EAs of this instance; for an EA those of AAs.
    ea_routes: Mapping[str, str] = field(default_factory=dict)
    #: The same for this instance's distribution centre and CPOC, and for the Director the Image repository.
    dc_routes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_environment(cls) -> "RoleSettings":
        """Raises ConfigError."""
        environ = os.environ
        role = environ.get(ENV_ROLE)
        if not role:
            raise ConfigError(f"{ENV_ROLE} is not set")
        instance = Instance.from_environment()
        return cls(
            role=role,
            instance=instance,
            bind=environ.get(ENV_BIND) or f"unix:{socket_path(instance, role)}",
            workers=int(environ.get(ENV_WORKERS) or instance.settings.serve.workers),
            tls=environ.get(ENV_TLS) == "1",
            ea_routes=json.loads(environ.get(ENV_EA_ROUTES) or "{}"),
            dc_routes=json.loads(environ.get(ENV_DC_ROUTES) or "{}"),
        )

    def tls_identity(self) -> TlsIdentity:
        """Of a listener with TLS: a component's, or the operators'."""
        if self.role in SCMS_ROLES:
            return internal_identity(self.instance, self.role)
        tls = self.instance.tls_files()
        return TlsIdentity(tls.certificate, tls.key, tls.client_ca)

    def environment(self) -> dict[str, str]:
        """The reverse of `from_environment`."""
        return {
            ENV_ROLE: self.role,
            ENV_INSTANCE: str(self.instance.directory),
            ENV_BIND: self.bind,
            ENV_WORKERS: str(self.workers),
            ENV_TLS: "1" if self.tls else "",
            ENV_EA_ROUTES: json.dumps(dict(self.ea_routes)) if self.ea_routes else "",
            ENV_DC_ROUTES: json.dumps(dict(self.dc_routes)) if self.dc_routes else "",
        }


def socket_path(instance: Instance, role: str) -> str:
    """Where a role listens: DIR/run/<role>.sock, or a short way to it."""
    path = instance.run_dir / f"{role}.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return str(path)
    # The kernel takes 107 octets. The folder is the owner's alone; `private_dir` makes sure of it.
    name = hashlib.sha256(os.fsencode(instance.directory)).hexdigest()[:16]
    return str(private_dir(Path(tempfile.gettempdir()) / f"v2xpki-{os.getuid()}-{name}") / f"{role}.sock")


def internal_identity(instance: Instance, name: str) -> TlsIdentity:
    """What a component of an SCMS, the router or the admin process shows the components, and whom it
    believes."""
    ca = instance.tls_files().internal_ca
    if name in SCMS_ROLES:
        domain = instance.domain(name)
        return TlsIdentity(domain.internal_certificate, domain.internal_key, ca)
    own = instance.path(f"tls/internal-{name}")
    return TlsIdentity(own.with_suffix(".pem"), own.with_suffix(".key"), ca)


def private_dir(path: Path) -> Path:
    """The folder, made if it is missing, with mode 0700 and of this user. Raises ConfigError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise ConfigError(f"{path} is not a folder of this user")
    if stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(0o700)
    return path


def die_with_parent(sig: signal.Signals) -> None:
    """Asks the kernel for a signal when the supervisor is gone: no process outlives `serve`."""
    parent = os.environ.get(ENV_PARENT)
    if not parent or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(sig), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("the supervisor is gone")
