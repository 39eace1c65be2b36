"""What an instance has and how it is: for `v2xpki status`.

Reads settings, certificates and databases; asks each token that is within reach for its keys, each in a
process of its own, because SoftHSM reads its configuration once a process. Uses no key.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from v2xpki.authorities.etsi.distribution import Distribution, lasting_roots
from v2xpki.authorities.etsi.followed import FollowedPeers
from v2xpki.authorities.etsi.generations import in_force
from v2xpki.authorities.etsi.publishing import known_signers
from v2xpki.authorities.etsi.subca import ROLES, waiting_requests
from v2xpki.authorities.scms.status import crl_signer, implicit_key, lists_handed_out
from v2xpki.config import OFFLINE_DOMAINS, OTA_DOMAINS, DomainConfig, Instance, installed_generations
from v2xpki.crypto import Certificate
from v2xpki.errors import V2xPkiError
from v2xpki.keystore.inventory import keys_in_tokens
from v2xpki.store import Database, require_current
from v2xpki.store.base import AuditHead, IssuanceRecord, table_of
from v2xpki.store.dc import DcStore, Kind
from v2xpki.store.ea import EnrolmentCredential, Station
from v2xpki.time import Clock, SystemClock, iso_from_time32
from v2xpki.trust.lists import ECTL_WARNING, LAST_SEQUENCE, SignedList

_OVERDUE = 120  # seconds for the service to hand out what is due


@dataclass(slots=True)
class Status:
    """`problems` keep the instance from doing its work; `warnings` will, or are meant to be seen."""

    document: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def collect(instance: Instance, clock: Clock | None = None) -> Status:
    """All there is to say about an instance; what cannot be read is a problem, not an error."""
    clock = clock or SystemClock()
    status = Status()
    if instance.lab:
        offline = [name for name in instance.domain_names if name in OFFLINE_DOMAINS]
        if instance.has_ota:
            offline.append("signers")
        named = "the root's and the TLM's" if instance.profile == "etsi" else ", ".join(offline)
        status.warnings.append(f"a laboratory: {named} tokens are within reach")
    # those that deliver firmware have no certificates of these; `v2xpki.ota.status` tells of them
    names = [name for name in instance.domain_names if name not in OTA_DOMAINS]
    keys = keys_in_tokens(instance, names)
    status.document = {
        "directory": str(instance.directory),
        "baseUrl": instance.base_url,
        "profile": instance.profile,
        "lab": instance.lab,
        "serving": _serving(instance),
        "authorities": [
            _authority(instance, name, keys.get(name), clock, status)
            for name in names
            if instance.domain(name).has_keys
        ],
        "lists": [
            *(_lists(instance, clock, status) if instance.has_etsi else ()),
            *(_scms_lists(instance, clock, status) if instance.has_scms else ()),
        ],
        "counts": _counts(instance, status),
    }
    status.document |= {"problems": status.problems, "warnings": status.warnings}
    return status


# --- authorities and keys ------------------------------------------------------------------------


def _authority(instance: Instance, name: str, keys: object, clock: Clock, status: Status) -> dict[str, Any]:
    domain = instance.domain(name)
    found: dict[str, Any] = {"role": name, "token": domain.token_label, "offline": name in OFFLINE_DOMAINS}
    try:
        certificate = Certificate.parse(domain.certificate_path.read_bytes())
    except OSError:
        certificate = None
        if not found["offline"]:
            status.problems.append(f"{name}: its certificate {domain.certificate_path.name} is not there")
    except V2xPkiError as error:
        certificate = None
        status.problems.append(f"{name}: {domain.certificate_path.name}: {error}")
    if certificate is not None:
        found |= {
            "hashedId8": certificate.hex8,
            "name": certificate.name,
            "curve": certificate.curve.text,
            "validity": {
                "start": iso_from_time32(certificate.start),
                "end": iso_from_time32(certificate.end),
            },
        }
        found["generation"] = domain.generation
        found["former"] = [
            {"generation": number, "hashedId8": former.hex8, "validity": {"end": iso_from_time32(former.end)}}
            for number, former in in_force(domain, clock.time32()).items()
            if number != domain.generation
        ]
        if not certificate.start <= clock.time32() < certificate.end:
            status.problems.append(f"{name}: its certificate {certificate.hex8} is not in force")
        if name == "ma":
            found["crlSigner"] = crl_signer(instance, clock, status.problems)
        if name == "aca":
            found["implicitKey"] = implicit_key(instance, clock, status)
        if name in ROLES:
            revoked = _revoked(instance, certificate.issuer_id8 or b"", clock)
            found["generations"] = _generations(domain, revoked, clock, status)
    if keys is None:
        found["keys"] = []
        if not found["offline"]:
            status.problems.append(f"{name}: its token is not there")
    elif isinstance(keys, str):
        found["keys"] = []
        status.problems.append(f"{name}: {keys}")
    else:
        assert isinstance(keys, list)
        found["keys"] = keys
        if found["offline"] and not instance.lab:
            status.warnings.append(f"{name}: its token lies in the instance; take {domain.directory} offline")
        signs = [
            key for key in keys if certificate and key["publicKey"] == certificate.verification_key.point
        ]
        if certificate is not None and not signs:
            status.problems.append(f"{name}: no key in its token is the certificate's")
        for key in keys:
            if key["extractable"] or not key["sensitive"]:
                status.problems.append(f"{name}: key {key['label']} could be read out of its token")
    return found


def _revoked(instance: Instance, root: bytes, clock: Clock) -> frozenset[bytes]:
    """What the root's CRL that is handed out here names; its signature was verified when it came in."""
    try:
        with _database(instance, "dc") as database:
            document = Distribution(DcStore(database), clock).crl(root)
            return frozenset() if document is None else SignedList.parse(document.octets).revoked
    except V2xPkiError:
        return frozenset()  # told where the lists are


def _generations(
    domain: DomainConfig, revoked: frozenset[bytes], clock: Clock, status: Status
) -> list[dict[str, Any]]:
    """The certificates of a sub-CA that have not ended, the newest first, and what becomes of requests to
    them. revoked: by the lists that are handed out, which its service goes by once it has fetched them."""
    now, peers, name = clock.time32(), FollowedPeers(domain.trust_dir, clock), domain.name
    found = []
    for number in reversed(installed_generations(domain.certificates_dir, name)):
        try:
            path = domain.certificates_dir / f"{name}-{number}.oer"
            certificate = Certificate.parse(path.read_bytes())
        except (OSError, V2xPkiError) as error:
            status.problems.append(f"{name}: generation {number}: {error}")
            continue
        if certificate.end <= now:
            continue
        state = "present" if number == domain.generation else "answers"
        if certificate.hashed_id8 in revoked or peers.is_revoked(certificate):
            state = "revoked"
            told = f"{name}: certificate {certificate.hex8} is revoked by the root"
            if number == domain.generation:
                status.problems.append(f"{told}; nothing is issued under it")
            else:
                status.warnings.append(told)
        found.append(
            {
                "generation": number,
                "hashedId8": certificate.hex8,
                "end": iso_from_time32(certificate.end),
                "state": state,
            }
        )
    for number, path in waiting_requests(domain):
        found.append({"generation": number, "request": path.name, "state": "asked for"})
    return found


# --- lists and counts ------------------------------------------------------------------------------


def _lists(instance: Instance, clock: Clock, status: Status) -> list[dict[str, Any]]:
    now, policy = clock.time32(), instance.settings.lists
    try:
        with _database(instance, "dc") as database:
            found = Distribution(DcStore(database), clock).freshness()
    except V2xPkiError as error:
        status.problems.append(f"dc: {error}")
        return []
    lists, lasting = [], lasting_roots(known_signers(instance), now)
    for entry in found:
        left = entry.next_update - now
        name = f"{entry.kind.value} of {entry.issuer.hex().upper()}"
        state = "in force"
        followed = any(other.kind is entry.kind and other.next_update > now for other in found)
        if left <= 0 and followed and entry.issuer not in lasting:
            state = "former"  # of an issuer that another one took over from
        elif left <= 0:
            state = "out of date"
            status.problems.append(f"{name} is out of date since {iso_from_time32(entry.next_update)}")
        elif entry.overdue is not None and entry.overdue < now - _OVERDUE:
            state = "late"
            due = iso_from_time32(entry.overdue)
            status.warnings.append(f"{name}: the next one is due since {due}; is `serve` running?")
        elif entry.covered - now < policy.alarm(entry.kind, lab=instance.lab):
            state = "ending"
            status.warnings.append(
                f"{name} is signed until {iso_from_time32(entry.covered)} only, {entry.ahead} ahead; "
                f"`v2xpki {entry.kind} {'publish' if instance.lab else 'prepare'}` is next"
            )
        if entry.kind is Kind.ECTL and entry.sequence + entry.ahead >= ECTL_WARNING:
            last = entry.sequence + entry.ahead
            status.warnings.append(
                f"{name}: sequence {last} of {LAST_SEQUENCE} is signed; plan the TLM's re-key, "
                "with whose certificate it restarts at 0"
            )
        lists.append(
            {
                "kind": entry.kind.value,
                "issuer": entry.issuer.hex().upper(),
                "sequence": entry.sequence,
                "nextUpdate": iso_from_time32(entry.next_update),
                "secondsLeft": left,
                "ahead": entry.ahead,
                "signedUntil": iso_from_time32(entry.covered),
                "state": state,
            }
        )
    for kind in sorted(instance.list_kinds):
        if kind not in {entry["kind"] for entry in lists}:
            status.problems.append(f"there is no {kind}")
    return lists


def _scms_lists(instance: Instance, clock: Clock, status: Status) -> list[dict[str, Any]]:
    try:
        with _database(instance, "sdc") as database:
            lists, told = lists_handed_out(instance, database, clock)
    except V2xPkiError as error:
        status.problems.append(f"sdc: {error}")
        return []
    status.problems += told
    return lists


def _counts(instance: Instance, status: Status) -> dict[str, Any]:
    counts: dict[str, Any] = {}
    for name in instance.domain_names:
        try:
            with _database(instance, name) as database:
                counts[name] = dict(_count(database, name))
        except V2xPkiError as error:
            # Offline domains' databases go with their tokens.
            if name not in OFFLINE_DOMAINS:
                status.problems.append(f"{name}: {error}")
    return counts


def _count(database: Database, name: str) -> Iterator[tuple[str, Any]]:
    records = table_of(IssuanceRecord).c
    with database.read() as tx:
        rows: Sequence[Any] = tx.execute(
            sa.select(records.kind, records.state, sa.func.count())
            .group_by(records.kind, records.state)
            .order_by(records.kind, records.state)
        ).all()
        by_kind: dict[str, dict[str, int]] = {}
        for row in rows:
            by_kind.setdefault(row[0], {})[row[1]] = row[2]
        yield "records", by_kind
        yield "auditEntries", tx.execute(sa.select(table_of(AuditHead).c.sequence)).scalar() or 0
        if name == "ea":
            stations = table_of(Station).c
            by_status: Sequence[Any] = tx.execute(
                sa.select(stations.status, sa.func.count()).group_by(stations.status)
            ).all()
            yield "stations", {row[0]: row[1] for row in by_status}
            query = sa.select(sa.func.count()).select_from(table_of(EnrolmentCredential))
            yield "credentials", tx.execute(query).scalar_one()


def _database(instance: Instance, name: str) -> Database:
    database = Database.open(instance.domain(name).database_url, must_exist=True)
    try:
        require_current(database, name)
    except BaseException:
        database.close()
        raise
    return database


def _serving(instance: Instance) -> Mapping[str, Any] | None:
    """What a running `serve` says about itself, or None."""
    try:
        found = json.loads((instance.run_dir / "serve.json").read_text("utf-8"))
        os.kill(int(found["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return {key: found[key] for key in ("pid", "listeners") if key in found}
