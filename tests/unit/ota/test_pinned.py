"""The first root that the Director goes by: the one that `init` asked for, whoever answers first."""

import json

import pytest

from v2xpki.errors import ConfigError, InvalidSignature
from v2xpki.ota.pinned import PinnedRoot
from v2xpki.trust.ota.canonical import canonical

SIGNED = {"_type": "root", "version": 1}
ROOT = json.dumps({"signed": SIGNED, "signatures": [{"keyid": "a", "sig": "b"}]}).encode()


def test_the_pinned_root_is_taken_once_it_is_there_and_kept(tmp_path):
    pinned = PinnedRoot(tmp_path / "trust")
    pinned.pin(canonical(SIGNED))
    assert pinned.root(lambda _: None) is None
    assert pinned.root({"1.root.json": ROOT}.get) == ROOT
    assert PinnedRoot(tmp_path / "trust").root(lambda _: pytest.fail("asked again")) == ROOT


@pytest.mark.parametrize("other", [{**SIGNED, "version": 2}, {**SIGNED, "x": 1}, None])
def test_another_root_is_refused_and_not_kept(tmp_path, other):
    pinned = PinnedRoot(tmp_path)
    pinned.pin(canonical(SIGNED))
    with pytest.raises(InvalidSignature):
        pinned.root(lambda _: json.dumps({"signed": other, "signatures": []}).encode())
    assert pinned.root(lambda _: None) is None


def test_without_a_pin_nothing_is_believed(tmp_path):
    with pytest.raises(ConfigError, match=r"image-root\.sha256"):
        PinnedRoot(tmp_path).root(lambda _: ROOT)
