"""Rows past their hour go, all of them and no others, whatever their key; once an hour is enough."""

from collections.abc import Callable

import sqlalchemy as sa

from v2xpki.store import Database, upgrade
from v2xpki.store.base import random_key
from v2xpki.store.ea import Validation
from v2xpki.store.expiry import Expiry
from v2xpki.time import HOUR


def filled(database: Database, hours: list[int]) -> None:
    with database.write(durable=False) as tx:
        for number, hour in enumerate(hours):
            # each first octet there is, and the keys at both ends
            key = (
                bytes(16)
                if number == 0
                else b"\xff" * 16
                if number == 1
                else bytes((number % 256,)) + random_key()[1:]
            )
            tx.insert(Validation, id=key, start=None, expires=hour * HOUR)


def left(database: Database) -> list[int]:
    with database.read() as tx:
        return sorted(expires // HOUR for expires in tx.execute(sa.select(Validation.expires)).scalars())


def test_what_is_past_its_hour_goes_and_nothing_else(new_url: Callable[[], str]) -> None:
    database = Database.open(new_url())
    upgrade(database, "ea")
    filled(database, [10] * 258 + [11] * 300 + [12] * 5)
    old = Expiry(Validation)
    assert old.purge(database, 10 * HOUR - 1) == 0
    assert old.purge(database, 10 * HOUR) == 258
    assert old.purge(database, 11 * HOUR + 1234) == 300
    assert left(database) == [12] * 5


def test_the_same_hour_is_walked_through_once(new_url: Callable[[], str]) -> None:
    database = Database.open(new_url())
    upgrade(database, "ea")
    old = Expiry(Validation)
    assert old.purge(database, 20 * HOUR) == 0
    filled(database, [3, 3])
    assert old.purge(database, 20 * HOUR + 3599) == 0
    assert old.purge(database, 21 * HOUR) == 2
    assert Expiry(Validation).purge(database, 21 * HOUR) == 0
