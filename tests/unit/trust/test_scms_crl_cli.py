"""crl show, verify and lint with a CRL of an SCMS; a store of trusted roots as the trust in its signer."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.support.scms_crl import DAY, LA1, LA2, CrlPki
from v2xpki import wire
from v2xpki.cli import main
from v2xpki.crypto import LinkedEntry
from v2xpki.errors import InvalidChain, InvalidCrl
from v2xpki.secured import sign
from v2xpki.time import SystemClock
from v2xpki.trust.scms_chain import scms_store
from v2xpki.trust.scms_crl import HashRevocation, KnownSigners, LinkedRevocation, ScmsCrl, build_hash_crl
from v2xpki.trust.scms_crl_lint import CRL_RULES, lint_scms_crl
from v2xpki.wire import dot2

NOW = SystemClock().time32()
SEED = os.urandom(16)


def run(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def pki() -> CrlPki:
    return CrlPki(NOW)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, pki: CrlPki) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    contents = {
        "root": pki.root.octets,
        "signer": pki.signer.octets,
        "linked": pki.linked(9, [entry()]).octets,
        "hash": pki.crl(build_hash_crl(pki.schedule(), 3, [HashRevocation(b"\1" * 10, NOW + DAY)])).octets,
    }
    for name, octets in contents.items():
        (folder / name).write_bytes(octets)
    return {name: folder / name for name in contents}


def entry() -> LinkedRevocation:
    return LinkedRevocation(LinkedEntry(LA1, LA2, SEED, b"\2" * 16), 20, 20)


def test_a_crl_is_shown_with_its_entries(files, pki):
    shown = json.loads(run("crl", "show", files["linked"], "--json").stdout)
    assert shown["kind"] == "scms linked crl" and (shown["iRev"], shown["crlSeries"]) == (9, 1)
    assert shown["craca"] == pki.root.hashed_id8.hex()
    (one,) = shown["entries"]
    assert one["linkageSeed1"] == SEED.hex() and (one["jmax"], one["iMax"], one["la2Id"]) == (20, 20, "0002")
    shown = json.loads(run("crl", "show", files["hash"], "--json").stdout)
    assert shown["crlSerial"] == 3 and shown["entries"][0]["hashedId10"] == "01" * 10
    assert SEED.hex() in run("crl", "show", files["linked"]).stdout


def test_a_crl_verifies_under_the_root_with_its_signer_at_hand(files, pki):
    chain = ("--chain", files["signer"], "--chain", files["root"])
    done = run("crl", "verify", files["linked"], *chain, "--json")
    verdict = json.loads(done.stdout)
    assert done.exit_code == 0 and verdict["chain"] == [
        pki.signer.hashed_id8.hex(),
        pki.root.hashed_id8.hex(),
    ]
    alone = run("crl", "verify", files["linked"], "--chain", files["root"], "--json")
    assert alone.exit_code == 1 and json.loads(alone.stdout)["rule"] == "unknown-signer"
    spoilt, octets = files["linked"].with_name("spoilt"), files["linked"].read_bytes()
    spoilt.write_bytes(octets[:-1] + bytes([octets[-1] ^ 1]))
    assert json.loads(run("crl", "verify", spoilt, *chain, "--json").stdout)["rule"] == "signature"


def test_a_sound_crl_has_no_findings_and_an_unsound_one_has_its_own(files, pki):
    assert run("crl", "lint", files["linked"]).exit_code == 0 == run("crl", "lint", files["hash"]).exit_code
    contents = pki.linked(9, [entry()]).contents
    body = contents.type_specific.value
    group = body.individual[0]
    las = group.contents[0]

    def found(made: dot2.CrlContents, **options: object) -> set[str]:
        return {finding.rule.id for finding in lint_scms_crl(pki.crl(made, **options).octets)}

    def changed(**fields: object) -> dot2.CrlContents:
        return contents._replace(type_specific=contents.type_specific._replace(value=body._replace(**fields)))

    assert found(contents, header=dot2.HeaderInfo(psid=256, generation_time=1)) == {"e_scms_crl_header"}
    assert found(contents, certificate=None, identifier="self") == {"e_scms_crl_signer"}
    assert found(contents._replace(next_crl=contents.issue_date)) == {"e_scms_crl_schedule"}
    assert found(contents._replace(next_crl=contents.issue_date + 40 * DAY)) == {"w_scms_crl_period"}
    assert found(contents._replace(crl_series=0)) == {"e_scms_crl_series"}
    assert found(changed(individual=(group, group))) == {"e_scms_crl_entry_once"}
    assert found(changed(i_rev=21)) == {"e_scms_crl_imax"}
    alone = group._replace(contents=(las._replace(la2_id=LA1),))
    assert found(changed(individual=(alone,))) == {"e_scms_crl_las"}
    old = build_hash_crl(pki.schedule(), 0, [HashRevocation(b"\1" * 10, NOW - 1)])
    assert found(old) == {"w_scms_crl_expired"}
    (finding,) = lint_scms_crl(files["hash"].read_bytes()[:-1])
    assert finding.rule is CRL_RULES["e_scms_crl_readable"]
    spoilt = files["hash"].with_name("version")
    spoilt.write_bytes(
        pki_octets(pki, contents._replace(type_specific=dot2.TypeSpecificCrlContents("deltaLinkedCrl", body)))
    )
    assert run("crl", "lint", spoilt).exit_code == 1


def pki_octets(pki: CrlPki, contents: dot2.CrlContents) -> bytes:
    header = dot2.HeaderInfo(psid=256)
    return sign(pki.key, header, payload=wire.encode(contents), certificate=pki.signer, identifier="digest")


def test_a_crl_is_no_ctl(files):
    assert run("ctl", "show", files["linked"]).exit_code == 1


def test_the_roots_that_are_trusted_vouch_for_a_crl_signer(pki):
    trust = KnownSigners(scms_store([pki.root]), [pki.signer])
    crl = pki.linked(9, [])
    assert crl.verify(trust, NOW) == pki.signer
    other = CrlPki(NOW)
    with pytest.raises(InvalidCrl) as caught:
        crl.verify(KnownSigners(scms_store([other.root]), [pki.signer]), NOW)
    assert caught.value.rule == "chain"
    assert list(trust.path(pki.root, NOW)) == [pki.root]
    for root, at in ((other.root, NOW), (pki.root, pki.root.end)):
        with pytest.raises(InvalidChain):
            trust.path(root, at)
    assert ScmsCrl.parse(crl.octets).signer_id8 == pki.signer.hashed_id8
