"""`v2xpki ota sign request|submit|show|drop` over the operators' interface, without a database here."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support.ota_desks import Desks, desks_of_both
from tests.support.ota_https import served
from v2xpki.cli import main
from v2xpki.ota.signing_files import RequestFile

Run = Callable[..., str]


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Desks]:
    with desks_of_both(tmp_path) as made:
        yield made


@pytest.fixture
def run(desks: Desks, tmp_path: Path) -> Iterator[Run]:
    """A command of eve's, who is a release engineer: what it printed."""
    (tmp_path / "tls").mkdir()
    with served(desks, tmp_path / "tls") as https:

        def call(*words: object, code: int = 0) -> str:
            result = CliRunner().invoke(main, ["ota", "sign", *map(str, words), *https.options])
            assert result.exit_code == code, result.output
            return result.stdout if code == 0 else result.output

        yield call


def signatures(desks: Desks, file: Path, folder: Path) -> list[Path]:
    """Files of ann and bob for a request's file."""
    asked = RequestFile.parse(file.read_bytes())
    request, _ = desks.image.repository.request(asked.id)
    found = []
    for person in (desks.image.ann, desks.image.bob):
        for number, made in enumerate(person.sign(request)):
            path = folder / f"{made.signer}.{number}.json"
            path.write_text(json.dumps(made.document()))
            found.append(path)
    return found


def test_a_root_is_renewed_from_its_request_to_the_last_signature(
    desks: Desks, run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run("request", "root", "--out", out, code=1)  # without --yes nothing is asked
    assert json.loads(run("show", "--json")) == []
    told: Any = json.loads(run("request", "root", "--out", out, "--yes", "--json"))["requests"]
    assert [(one["role"], one["version"]) for one in told] == [("root", 2)]
    file = Path(told[0]["file"])
    assert "to be signed by 2 of 2 keys" in run("request", "root", "--out", out)  # it is open: the same again
    first, second = signatures(desks, file, tmp_path)
    assert "signed by nobody yet; missing: 2 of root 1" in run("show")
    assert "root version 2: missing: 1 of root 1" in run("submit", first)
    (shown,) = json.loads(run("show", told[0]["id"][:12], "--json"))
    assert [(one["signer"], one["submittedBy"]) for one in shown["signatures"]] == [("ann", "eve")]
    assert "missing: 1 of root 1" in run("show")
    for _ in range(2):  # the second time as after an answer that was lost
        assert "root version 2 is published" in run("submit", second)
    assert json.loads(run("show", "--json")) == []
    assert "root 2  published  by eve" in run("show", "--all")


def test_targets_are_asked_for_and_given_up_with_a_reason(run: Run, tmp_path: Path) -> None:
    assert "image-targets-2.request.json" in run("request", "targets", "--out", tmp_path, "--yes")
    (asked,) = json.loads(run("show", "--json"))
    assert "dropped targets version 2" in run("drop", asked["id"][:10], "--reason", "a mistake", "--yes")
    assert "a mistake" in run("show", "--all")
    run("show", "ffff", code=2)


def test_the_director_is_another_repository_and_has_no_request_of_the_image_repositorys(
    run: Run, tmp_path: Path
) -> None:
    run("request", "root", "--out", tmp_path, "--yes")
    assert json.loads(run("show", "--repository", "director", "--json")) == []


def test_one_way_to_the_requests_is_to_be_named(tmp_path: Path) -> None:
    for words in (["show"], ["show", "--server", "https://x"]):
        assert CliRunner().invoke(main, ["ota", "sign", *words]).exit_code == 2
    both = ["show", "--instance", str(tmp_path), "--server", "https://x"]
    assert CliRunner().invoke(main, ["ota", "sign", *both]).exit_code == 2
