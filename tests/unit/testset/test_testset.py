"""The generated test set: complete, repeatable, and our own verifier agrees with it on every entry."""

import dataclasses
import json
from collections import Counter

import pytest
from click.testing import CliRunner

from v2xpki import wire
from v2xpki.cli import main
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import ConfigError, DecodeError
from v2xpki.keystore.memory import MemoryKey
from v2xpki.testset import check, create, read_manifest
from v2xpki.time import SystemClock, time32_from_iso
from v2xpki.trust.lint import errors, lint_octets
from v2xpki.trust.lint_data import lint_data
from v2xpki.wire import dot2

NOW = SystemClock().time32()


def run(*args: object):
    return CliRunner().invoke(main, [str(arg) for arg in args])


def ask(testset, entry):
    """What the command line answers, with FILE and --chain alone, and --time where the entry has one."""
    chain = [word for name in entry.chain for word in ("--chain", testset / name)]
    time = ["--time", entry.time] if entry.time else []
    return run(entry.command, "verify", testset / entry.file, *chain, *time, "--json")


def test_the_command_line_agrees_with_the_manifest_on_every_entry(testset, manifest):
    wrong = []
    for entry in [*manifest.entries, *manifest.timed]:
        result = ask(testset, entry)
        verdict = json.loads(result.stdout)
        answered = verdict["verdict"], verdict["rule"], result.exit_code
        if answered != (entry.expect, entry.reason, 0 if entry.expect == "valid" else 1):
            wrong.append((entry.kind, entry.rule, entry.expect, entry.reason, answered))
    assert wrong == []


def test_the_entries_hold_at_the_moment_of_the_set_and_days_after(testset, manifest):
    made = time32_from_iso(manifest.time)
    for later in (0, 5 * 86400):
        count, disagreements = check(testset, made + later)
        assert count == len(manifest.entries) + len(manifest.timed)
        assert disagreements == []


def test_judged_at_the_sets_own_time_the_entries_hold_too(testset, manifest):
    """Who passes --time with every file gets the same answers."""
    for entry in manifest.entries:
        verdict = json.loads(ask(testset, dataclasses.replace(entry, time=manifest.time)).stdout)
        assert verdict["verdict"] == entry.expect, (entry.kind, entry.rule, verdict)


def test_there_are_good_and_broken_of_each_kind_and_at_least_forty_rules(manifest):
    count = Counter((entry.kind, entry.expect) for entry in manifest.entries)
    assert set(count) == {(k, e) for k in ("certificate", "message", "list") for e in ("valid", "invalid")}
    broken = {entry.rule for entry in manifest.entries if entry.expect == "invalid"}
    assert len(broken) >= 40
    names = [(entry.kind, entry.rule) for entry in [*manifest.entries, *manifest.timed]]
    assert len(set(names)) == len(names)


def test_every_curve_is_there_in_every_form_with_its_keys(testset, manifest):
    stations = {identity["curve"] for identity in manifest.identities if identity["kind"] == "AT"}
    assert stations == {curve.text for curve in Curve}
    for identity in manifest.identities:
        certificate = Certificate.parse((testset / identity["file"]).read_bytes())
        key = MemoryKey.from_pem((testset / identity["key"]).read_bytes())
        assert certificate.verification_key == key.public_key
        assert (certificate.hashed_id8.hex(), key.curve.text) == (identity["hashedId8"], identity["curve"])
        assert (testset / identity["key"]).stat().st_mode & 0o077 == 0
        if identity["encryptionKey"]:
            other = MemoryKey.from_pem((testset / identity["encryptionKey"]).read_bytes())
            assert certificate.encryption_key == other.public_key
    points, rs = set(), set()
    for path in sorted((testset / "stations").glob("*.oer")):
        record = wire.decode(dot2.Certificate, path.read_bytes())
        points.add(
            record.to_be_signed.verify_key_indicator.value.value.kind.removesuffix("256").removesuffix("384")
        )
        rs.add(record.signature.value.r_sig.kind.removesuffix("256").removesuffix("384"))
    assert {"compressed-y-0", "compressed-y-1", "uncompressedP"} <= points
    assert {"x-only", "compressed-y-0", "compressed-y-1", "uncompressedP"} <= rs


def test_the_same_seed_and_time_give_the_same_octets(testset, manifest, tmp_path):
    create(tmp_path / "again", seed=manifest.seed, now=time32_from_iso(manifest.time))
    create(tmp_path / "other", seed="another", now=time32_from_iso(manifest.time))

    def files(directory):
        return {p.relative_to(directory): p.read_bytes() for p in directory.rglob("*") if p.is_file()}

    assert files(tmp_path / "again") == files(testset)
    assert files(tmp_path / "other").keys() == files(testset).keys()
    assert (tmp_path / "other/pki/mixed/root.pem").read_bytes() != (
        testset / "pki/mixed/root.pem"
    ).read_bytes()


def test_what_is_good_passes_the_linter(testset, manifest):
    forms = {"e_verify_key_compressed", "e_encryption_key_compressed", "e_r_x_only"}
    for entry in manifest.entries:
        if entry.expect != "valid":
            continue
        octets = (testset / entry.file).read_bytes()
        found = errors(lint_octets(octets) if entry.kind == "certificate" else lint_data(octets))
        assert {finding.rule.id for finding in found} <= forms, (entry.rule, found)


def test_what_does_not_decode_is_marked(testset, manifest):
    for entry in manifest.entries:
        kind = dot2.Certificate if entry.kind == "certificate" else dot2.Ieee1609Dot2Data
        octets = (testset / entry.file).read_bytes()
        if entry.decodes:
            assert wire.encode(wire.decode(kind, octets)) == octets, entry.rule
        else:
            with pytest.raises(DecodeError):
                wire.decode(kind, octets)


def test_create_and_check_on_the_command_line(tmp_path):
    made = run("testset", "create", tmp_path / "set", "--seed", "x", "--json")
    document = json.loads(made.stdout)
    assert made.exit_code == 0
    on_disk = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert {key: document[key] for key in on_disk} == on_disk
    assert {"file", "chain", "kind", "expect", "rule"} <= set(document["entries"][0])
    assert run("testset", "create", tmp_path / "set").exit_code == 2  # not empty
    assert run("testset", "create", tmp_path / "no", "--time", "soon").exit_code == 2
    assert "0 disagreements" in run("testset", "check", tmp_path / "set").stdout
    expired = next(entry for entry in document["entries"] if entry["rule"] == "expired")
    (tmp_path / "set" / expired["file"]).write_bytes(b"\x80")
    result = run("testset", "check", tmp_path / "set", "--json")
    assert (result.exit_code, len(json.loads(result.stdout)["disagreements"])) == (1, 1)
    assert run("testset", "check", tmp_path / "set").exit_code == 1


def test_a_folder_without_a_manifest_is_told(tmp_path):
    with pytest.raises(ConfigError, match="manifest"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text('{"version": 2}')
    with pytest.raises(ConfigError, match="version"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(ConfigError):
        read_manifest(tmp_path)
