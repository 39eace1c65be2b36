"""Operators' programs on another machine: calls, refusals, uploads that go on after a broken connection."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.full_disk import Disk
from tests.support.ota_desks import Desks
from tests.support.ota_https import Https, served
from v2xpki.errors import ConfigError, DiskFull, LinkError, Refused
from v2xpki.links import ota_desk
from v2xpki.links.ota_desk import DeskLink
from v2xpki.ota.desk import Reason
from v2xpki.ota.director_desk import DirectorDesk
from v2xpki.ota.image_desk import ImageDesk

IMAGE = bytes(range(256)) * 300


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desks]:
    desks = Desks(tmp_path_factory.mktemp("desks"))
    yield desks
    desks.image.database.close()


@pytest.fixture(scope="module")
def https(desks: Desks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Https]:
    with served(desks, tmp_path_factory.mktemp("tls")) as https:
        yield https


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def link(https: Https, pauses: list[float]) -> DeskLink:
    https.breaks.clear()
    return DeskLink(
        https.url, certificate=https.certificate, key=https.key, ca_file=https.ca, sleep=pauses.append
    )


def kept(desks: Desks, identifier: str) -> bytes:
    return (desks.instance.directory / "image/uploads" / identifier / "data").read_bytes()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.bin"
    path.write_bytes(IMAGE)
    return path


def test_an_upload_is_the_file(link: DeskLink, desks: Desks, image: Path) -> None:
    told: list[tuple[int, int]] = []
    identifier = link.upload(image, progress=lambda done, total: told.append((done, total)))
    assert kept(desks, identifier) == IMAGE
    assert told[0] == (0, len(IMAGE)) and told[-1] == (len(IMAGE), len(IMAGE))


def test_an_upload_of_many_pieces_is_the_file(
    link: DeskLink, desks: Desks, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ota_desk, "PIECE", 10_000)
    assert kept(desks, link.upload(image)) == IMAGE


@pytest.mark.parametrize("breaks", [[30_000], [1000, 20_000, 1], [0, 0, 40_000]])
def test_an_upload_goes_on_after_its_connection_broke(
    link: DeskLink, https: Https, desks: Desks, image: Path, pauses: list[float], breaks: list[int]
) -> None:
    https.breaks.extend(breaks)
    assert kept(desks, link.upload(image)) == IMAGE
    assert len(pauses) == sum(one >= 0 for one in breaks)


def test_an_upload_without_progress_is_given_up_and_may_go_on_later(
    link: DeskLink, https: Https, desks: Desks, image: Path
) -> None:
    https.breaks.extend([700, *[0] * (len(ota_desk.PAUSES) + 1)])
    with pytest.raises(LinkError) as given_up:
        link.upload(image)
    identifier = given_up.value.hint.split()[1]
    assert kept(desks, identifier) == IMAGE[:700]
    assert link.upload(image, identifier=identifier) == identifier
    assert kept(desks, identifier) == IMAGE


def test_an_upload_that_the_server_has_no_room_for_is_not_tried_again_and_says_what_to_do(
    link: DeskLink, desks: Desks, image: Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    disk.room = 700
    with pytest.raises(DiskFull, match="HTTP 507: no room: The server's disk") as full:
        link.upload(image)
    assert pauses == [] and full.value.place == link._url
    identifier = full.value.hint.split()[1]
    assert kept(desks, identifier) == IMAGE[:700]
    disk.room = None
    assert link.upload(image, identifier=identifier) == identifier
    assert kept(desks, identifier) == IMAGE


def test_an_upload_that_is_not_there_is_not_begun_anew(link: DeskLink, image: Path) -> None:
    with pytest.raises(Refused, match="no upload"):
        link.upload(image, identifier="00" * 16)


def test_what_the_other_side_refuses_is_refused_with_its_words(link: DeskLink) -> None:
    with pytest.raises(Refused, match="no release") as refused:
        link.call(ImageDesk, "release", {"id": "00" * 16})
    assert refused.value.reason is Reason.UNKNOWN
    with pytest.raises(Refused, match="campaign-manager") as refused:
        link.call(DirectorDesk, "halt_campaign", {"id": "x"}, {"reason": "y"})
    assert refused.value.reason is Reason.ROLE
    assert link.call(ImageDesk, "releases", {"state": "staged"}) == []


def test_a_parameter_does_not_become_another_path(link: DeskLink) -> None:
    for name in ("../roles", "a/b", "?x=1", "%2e%2e"):
        with pytest.raises(Refused):
            link.call(ImageDesk, "release", {"id": name})


def test_a_server_that_is_away_is_a_link_error(https: Https, image: Path) -> None:
    slept: list[float] = []
    away = DeskLink(
        "https://127.0.0.1:9", certificate=https.certificate, key=https.key, ca_file=https.ca,
        sleep=slept.append,
    )  # fmt: skip
    with pytest.raises(LinkError):
        away.call(ImageDesk, "releases")


def test_plain_http_is_refused(https: Https) -> None:
    with pytest.raises(ConfigError, match="https"):
        DeskLink("http://127.0.0.1", certificate=https.certificate, key=https.key, ca_file=https.ca)
