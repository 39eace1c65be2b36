"""An instance: a folder with a `v2xpki.toml` and one folder a trust domain.

    DIR/v2xpki.toml
    DIR/<domain>/       0700: softhsm2.conf tokens/ pin <domain>.db certificates/ trust/
    DIR/tls/            ca.pem server.pem server.key operator.pem operator.key
    DIR/run/ DIR/log/ DIR/ceremonies/

The file is strict: a key that nothing reads is an error that names it, since a misspelt limit that is
silently ignored is a limit that is not there. Durations are whole seconds, or text such as
"10 minutes", "7 days", "3 years" (a year is 31556952 s, IEEE 1609.2 6.4.15). Paths are relative to
DIR. No section holds a secret: a PIN is in a file of mode 0600, or in an environment variable.
"""

from v2xpki.config.instance import (
    DOMAINS,
    EMBEDDED_KEYSTORE,
    ENV_INSTANCE,
    ENV_ROLE,
    ETSI_DOMAINS,
    FILE_NAME,
    FORMAT,
    KEYLESS_DOMAINS,
    OFFLINE_DOMAINS,
    OTA_DOMAINS,
    PROFILES,
    SCMS_DOMAINS,
    UNFINISHED,
    DomainConfig,
    DomainSection,
    Instance,
    Parts,
    Settings,
    installed_generations,
    parts_of,
)
from v2xpki.config.ota import OtaPolicy
from v2xpki.config.policies import (
    AaPolicy,
    AcaSettings,
    ButterflyPolicy,
    EaPolicy,
    EcaPolicy,
    JobsPolicy,
    Limits,
    ListPolicy,
    ScmsPolicy,
    ServePolicy,
    TlsConfig,
)
from v2xpki.config.tables import Seconds, check_url, is_postgresql, seconds, split_listener, strict_table

__all__ = [
    "DOMAINS",
    "EMBEDDED_KEYSTORE",
    "ENV_INSTANCE",
    "ENV_ROLE",
    "ETSI_DOMAINS",
    "FILE_NAME",
    "FORMAT",
    "KEYLESS_DOMAINS",
    "OFFLINE_DOMAINS",
    "OTA_DOMAINS",
    "PROFILES",
    "SCMS_DOMAINS",
    "UNFINISHED",
    "AaPolicy",
    "AcaSettings",
    "ButterflyPolicy",
    "DomainConfig",
    "DomainSection",
    "EaPolicy",
    "EcaPolicy",
    "Instance",
    "JobsPolicy",
    "Limits",
    "ListPolicy",
    "OtaPolicy",
    "Parts",
    "ScmsPolicy",
    "Seconds",
    "ServePolicy",
    "Settings",
    "TlsConfig",
    "check_url",
    "installed_generations",
    "is_postgresql",
    "parts_of",
    "seconds",
    "split_listener",
    "strict_table",
]
