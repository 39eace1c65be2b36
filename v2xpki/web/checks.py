"""What is checked of roles of both families, and how their databases are opened."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import sqlalchemy as sa

from v2xpki.authorities.rounds import SUCCESSOR, last_round
from v2xpki.config import Instance
from v2xpki.keystore import KeyLabel, Keystore
from v2xpki.store import Database, Statement
from v2xpki.store.schema import require_current
from v2xpki.time import Clock, iso_from_time32
from v2xpki.web.health import Finding

#: Rounds in a row that may fail before it is told.
MISSED_ROUNDS = 10
_ONE = Statement(sa.select(sa.literal_column("1", sa.Integer())))


def open_database(instance: Instance, name: str, clock: Clock) -> Database:
    """A domain's database, at the newest revision. Raises StoreError."""
    database = Database.open(instance.domain(name).database_url, clock=clock, must_exist=True)
    require_current(database, name)
    return database


def answers(ask: Callable[[], object]) -> Finding:
    """Whether a query is answered, and in what time."""
    started = time.perf_counter()
    ask()
    return Finding(f"answers ({(time.perf_counter() - started) * 1000:.1f} ms)")


def ping(database: Database) -> None:
    """Raises StoreError where the database is away."""
    with database.read() as tx:
        tx.row(_ONE)


def token_works(keystore: Keystore, name: str, generation: int) -> Finding:
    """Both keys are used once, and what they gave is checked with their public keys."""
    keystore.self_test(KeyLabel(name, "sign", generation))
    keystore.self_test(KeyLabel(name, "encrypt", generation))
    where = "in a token" if keystore.opened_for is None else f"in memory, opened for {keystore.opened_for}"
    return Finding(f"signs and agrees ({where})")


def lists_refreshed(folder: Path, clock: Clock, interval: int) -> Finding:
    """Whether the lists are being asked for, and are in force; a warning where not: the authority goes on
    with what it has."""
    now, found = clock.time32(), last_round(folder)
    values: list[tuple[str, Mapping[str, str], float]] = [
        ("v2xpki_trust_list_seconds_left", {"list": name}, float(state.next_update - now))
        for name, state in found.lists.items()
        if name != SUCCESSOR
    ]
    if not found.at:
        return Finding("not asked for yet")
    values.append(("v2xpki_trust_refresh_age_seconds", {}, float(now - found.well)))
    failed = [f"{name}: {state.problem}" for name, state in found.lists.items() if state.problem]
    over = [
        f"{name} out of date since {iso_from_time32(state.next_update)}"
        for name, state in found.lists.items()
        if name != SUCCESSOR and state.next_update <= now
    ]
    if now - found.well > MISSED_ROUNDS * interval and not failed:
        failed = [f"nobody has asked for them since {iso_from_time32(found.well)}"]
    warning = bool(over) or now - found.well > MISSED_ROUNDS * interval
    return Finding("; ".join([*over, *failed]) or "asked for, in force", warning=warning, values=values)
