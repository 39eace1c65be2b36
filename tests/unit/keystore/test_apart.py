"""A process of its own for a token: what it answers, and what becomes of its errors."""

import os

import pytest

from v2xpki.errors import DecodeError, KeyRefused, V2xPkiError
from v2xpki.keystore.apart import Apart


def place() -> tuple[int, str | None]:
    return os.getpid(), os.environ.get("SOFTHSM2_CONF")


def fail(kind: str) -> None:
    if kind == "refused":
        raise KeyRefused("not this one", hint="another")
    if kind == "decode":
        raise DecodeError("no good", where=("a", "b"))
    if kind == "os":
        raise FileNotFoundError("nothing there")
    os._exit(3)


def test_all_calls_are_done_in_one_other_process_without_this_ones_token(monkeypatch):
    monkeypatch.setenv("SOFTHSM2_CONF", "/of/another/domain")
    with Apart() as process:
        first, second = process.call(place), process.call(place)
    assert first == second and first[0] != os.getpid() and first[1] is None


def test_an_error_keeps_its_kind_its_message_and_its_hint_and_the_process_goes_on():
    with Apart() as process:
        with pytest.raises(KeyRefused, match="not this one") as told:
            process.call(fail, "refused")
        assert told.value.hint == "another"
        with pytest.raises(V2xPkiError, match=r"DecodeError: a\.b: no good"):
            process.call(fail, "decode")
        with pytest.raises(V2xPkiError, match="FileNotFoundError: nothing there"):
            process.call(fail, "os")
        assert process.call(place)[0] != os.getpid()


def test_a_process_that_dies_is_an_error_and_not_a_wait():
    with Apart() as process, pytest.raises(V2xPkiError, match="ended without a word"):
        process.call(fail, "die")
