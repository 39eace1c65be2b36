"""A ceremony file says everything, and nothing that it must not."""

import string
from pathlib import Path

import pytest

from v2xpki._resources import data_dir
from v2xpki.authorities.etsi.ceremony_file import CeremonyFile, parse
from v2xpki.errors import CeremonyRefused, ConfigError

CRL = """\
title: CRL
kind: crl
instance: ..
domain: root
key: root-sign-1
signer: root/certificates/root-1.oer
next_update: 90 days
revoked: []
output: root/lists
"""
CTL = """\
title: CTL
kind: ctl
instance: ..
domain: root
key: root-sign-1
signer: root/certificates/root-1.oer
sequence: 0
next_update: 90 days
entries:
  - {entry: dc, url: "http://127.0.0.1/dc", certificates: [root/certificates/root-1.oer]}
output: root/lists
"""


def test_the_shipped_files_are_read_once_filled_in():
    for path in sorted((data_dir("hsm") / "ceremonies").glob("*.yaml")):
        with pytest.raises(ConfigError, match="not filled in"):
            CeremonyFile.read(path)
        text = string.Template(path.read_text()).safe_substitute(
            instance="..", base_url="http://127.0.0.1", validity="60", overlap="1", count="2",
            name="x", curve="nistP256", old="1", new="2",
        )  # fmt: skip
        assert parse(text).title


def test_times_are_durations():
    assert parse(CRL).next_update == 90 * 86400


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        ("title: CRL\n", "", ConfigError, "title is missing"),
        ("title: CRL", "title: CRL\nextra: 1", ConfigError, "unknown key extra"),
        ("title: CRL", "title: CRL\ntitle: again", ConfigError, "title stands twice"),
        ("kind: crl", "kind: party", ConfigError, "kind is 'party'"),
        ("kind: crl", "kind: [crl]", ConfigError, "kind is"),
        ("domain: root", "domain: tlm", CeremonyRefused, "is of domain root"),
        ("output: root", "output: /etc", CeremonyRefused, "outside the instance"),
        ("signer: root", "signer: ../x", CeremonyRefused, "outside the instance"),
        ("revoked: []", "revoked: [/x]", CeremonyRefused, "outside the instance"),
        ("revoked: []", "revoked: none", ConfigError, "not a list"),
        ("output: root/lists", "output: root/lists/crl-0.oer", ConfigError, "is no folder"),
        ("revoked: []", "revoked: []\noverlap: 90 days", CeremonyRefused, "7776000 s is not shorter"),
        ("revoked: []", "revoked: []\ncount: 0", CeremonyRefused, "0 lists in a run"),
        ("key: root-sign-1", "key: ${key}", ConfigError, "not filled in"),
        ("title: CRL", "title: [", ConfigError, "no YAML"),
        ("title: CRL", "title: !!python/object:os.system x", ConfigError, "no YAML"),
    ],
)
def test_a_crl_file_that_is_wrong_is_refused(old, new, error, said):
    assert old in CRL
    with pytest.raises(error, match=said):
        parse(CRL.replace(old, new, 1))


@pytest.mark.parametrize(
    ("entry", "error", "said"),
    [
        ("{entry: rca, certificate: x}", CeremonyRefused, "rca entry has no place in a CTL"),
        ("{entry: tlm, certificate: x, access_point: 'http://x'}", CeremonyRefused, "tlm entry"),
        ("{entry: ea, certificate: x}", ConfigError, "aa_access_point is missing"),
        ("{entry: aa, certificate: x, access_point: 'ftp://x'}", ConfigError, "access_point"),
        ("{entry: aa, certificate: x, access_point: 'http://x', url: 'http://y'}", ConfigError, "url has no"),
        ("{entry: zz}", ConfigError, "entry 'zz'"),
        ("{entry: dc, url: 'http://x', certificates: [../../x]}", CeremonyRefused, "outside"),
    ],
)
def test_an_entry_that_has_no_place_is_refused(entry, error, said):
    with pytest.raises(error, match=said):
        parse(CTL.replace("entries:\n", f"entries:\n  - {entry}\n"))


def test_an_error_names_the_file(tmp_path: Path):
    (tmp_path / "x.yaml").write_text("kind: crl")
    with pytest.raises(ConfigError, match=r"x\.yaml: title is missing"):
        CeremonyFile.read(tmp_path / "x.yaml")
    (tmp_path / "y.yaml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="UTF-8"):
        CeremonyFile.read(tmp_path / "y.yaml")
    (tmp_path / "z.yaml").write_text("- a list")
    with pytest.raises(ConfigError, match="one table"):
        CeremonyFile.read(tmp_path / "z.yaml")
