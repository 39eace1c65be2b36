"""`v2xpki ota role list` here, and over the operators' interface without a database here."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.support.ota_desks import Desks, desks_of_both
from tests.support.ota_https import Https, served
from v2xpki.cli import main
from v2xpki.time import iso_from_time32


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Desks]:
    with desks_of_both(tmp_path) as made:
        yield made


@pytest.fixture
def https(desks: Desks, tmp_path: Path) -> Iterator[Https]:
    (tmp_path / "tls").mkdir()
    with served(desks, tmp_path / "tls") as found:
        yield found


def listed(*words: object) -> Result:
    return CliRunner().invoke(main, ["ota", "role", "list", *map(str, words)])


def test_roles_are_listed_over_the_interface_as_the_repository_has_them(desks: Desks, https: Https) -> None:
    found = listed(*https.options, "--json")
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout) == [
        one._asdict() | {"expires": iso_from_time32(one.expires), "keyids": list(one.keyids)}
        for one in desks.image.repository.roles()
    ]
    text = listed(*https.options).stdout
    assert [line.split()[0] for line in text.splitlines()] == [
        "role", "root", "targets", "snapshot", "timestamp"
    ]  # fmt: skip
    assert "the token" in text


def test_a_role_that_has_expired_ends_the_command_with_1_over_the_interface_too(
    desks: Desks, https: Https
) -> None:
    desks.image.clock.advance(3 * 365 * 86400)
    found = listed(*https.options)
    assert (found.exit_code, "root has expired: no client follows" in found.output) == (1, True)


def test_the_director_is_the_other_repository(https: Https) -> None:
    assert json.loads(listed(*https.options, "--repository", "director", "--json").stdout) == []


def test_one_way_to_the_roles_is_to_be_named(tmp_path: Path) -> None:
    assert listed().exit_code == 2
    assert listed("--server", "https://x").exit_code == 2
    assert listed("--instance", tmp_path, "--server", "https://x").exit_code == 2


@pytest.mark.parametrize(("who", "code"), [("aud", 0), ("max", 0), ("somebody", 1)])
def test_every_operator_lists_roles_and_nobody_else(
    desks: Desks, tmp_path: Path, who: str, code: int
) -> None:
    (tmp_path / "tls").mkdir()
    with served(desks, tmp_path / "tls", name=who) as https:
        assert listed(*https.options).exit_code == code
