"""Generations of the Director's CA, as files: the router trusts all of them, the Director signs with one."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from v2xpki.audit import Event
from v2xpki.config import Instance
from v2xpki.crypto import Curve
from v2xpki.errors import ConfigError
from v2xpki.keystore import KeyLabel, Keystore, TokenConfig, open_token
from v2xpki.ota.files import sync_folder, write_durably
from v2xpki.ota.vehicle_ca import BACKDATED, CA_LABEL, make_ca
from v2xpki.store import Database, require_current
from v2xpki.time import Clock, SystemClock, unix_from_time32

#: Seconds until a new generation signs: by then the router has looked for it, which would else refuse it.
SETTLED = 60


class Rotated(NamedTuple):
    """What a rotation made, and which files of former generations it removed."""

    label: KeyLabel
    file: Path
    retired: tuple[Path, ...]


def vehicle_ca_files(folder: Path) -> dict[int, Path]:
    """Generation -> the file of its certificate, the oldest first."""
    found = {}
    for path in folder.glob("director-ca-*.pem"):
        number = path.stem.rpartition("-")[2]
        if number.isascii() and number.isdigit():
            found[int(number)] = path
    return dict(sorted(found.items()))


def vehicle_ca_in_use(folder: Path, clock: Clock) -> tuple[int, bytes]:
    """The newest generation that was made SETTLED seconds ago, else the oldest: its number, its certificate
    (PEM). Raises ConfigError where there is none, or one cannot be read."""
    found = vehicle_ca_files(folder)
    if not found:
        raise ConfigError(f"{folder} has no director-ca-1.pem", hint="`v2xpki init` makes it")
    made_before = unix_from_time32(clock.time32()) - SETTLED
    read = {number: _read(path) for number, path in found.items()}
    number = max((one for one, (_, made) in read.items() if made <= made_before), default=min(found))
    return number, read[number][0]


def rotate_vehicle_ca(
    folder: Path, keystore: Keystore, database: Database, clock: Clock, *, by: str, retire: bool = False
) -> Rotated:
    """The CA's next generation: a key in the token, its certificate in the folder. retire: those of former
    generations leave it. Raises what make_ca raises, KeystoreError."""
    former = vehicle_ca_files(folder)
    keys = (one.label for one in keystore.keys())
    # A key without a certificate was left by a process that died, and may have been stolen with the rest.
    ours = (CA_LABEL.authority, CA_LABEL.use)
    used = [label.generation for label in keys if (label.authority, label.use) == ours]
    label = KeyLabel(CA_LABEL.authority, CA_LABEL.use, max([0, *used, *former]) + 1)
    keystore.generate(label, Curve.NIST_P256)
    point = keystore.public_key(label).point
    with database.write(durable=True) as tx:
        tx.audit(Event.KEY_GENERATED, label=label.text, curve=Curve.NIST_P256.text, point=point)
    file = folder / f"{label.authority}-{label.generation}.pem"
    write_durably(file, make_ca(keystore, database, clock, label=label))
    return Rotated(label, file, _retire(folder, former, database, by) if retire else ())


def rotate_vehicle_ca_of(
    instance: Instance, *, by: str, retire: bool = False, clock: Clock | None = None
) -> Rotated:
    """The same with the Director's own token and database: for an operator's command. Raises ConfigError
    too."""
    domain, clock = instance.domain("director"), clock or SystemClock()
    with Database.open(domain.database_url, clock=clock, must_exist=True) as database:
        require_current(database, "director")
        with open_token(TokenConfig.of_domain(domain)) as keystore:
            return rotate_vehicle_ca(domain.certificates_dir, keystore, database, clock, by=by, retire=retire)


def _retire(folder: Path, former: Mapping[int, Path], database: Database, by: str) -> tuple[Path, ...]:
    for number, path in former.items():
        label = KeyLabel(CA_LABEL.authority, CA_LABEL.use, number)
        with database.write(durable=True) as tx:
            tx.audit(Event.KEY_RETIRED, label=label.text, reason="the vehicle CA was rotated", operator=by)
        path.unlink()
    sync_folder(folder)
    return tuple(former.values())


def _read(path: Path) -> tuple[bytes, float]:
    """PEM, and the Unix second of its making."""
    try:
        pem = path.read_bytes()
        begins = x509.load_pem_x509_certificate(pem).not_valid_before_utc
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is no certificate: {error}") from None
    return pem, begins.timestamp() + BACKDATED
