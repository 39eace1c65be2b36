"""`v2xpki init --ota-hybrid-root` refuses what is no such root, before a key is made."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from v2xpki.cli import main
from v2xpki.ota.software_keys import _generate


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    """A public key's file, by its name: "ecdsa-p256.1" is one key of that scheme."""
    folder = tmp_path_factory.mktemp("keys")

    def file(name: str) -> Path:
        path = folder / f"{name}.pem"
        if not path.exists():
            public = _generate(name.partition(".")[0]).public_key()
            path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        return path

    return file


GOOD, DIRECTORS = ["ecdsa-p256.1", "ml-dsa-65.1"], ["ecdsa-p256.2", "ml-dsa-65.2"]
RULE = "a hybrid root has exactly two keys, ECDSA P-256 and ML-DSA-65, and threshold 2; here are"


def refused(pem, directory, roots, directors, *more):
    """What `init` says, and that it left nothing."""
    keys = [f"--ota-root-key={pem(name)}" for name in roots]
    keys += [f"--ota-director-key={pem(name)}" for name in directors]
    keys += [f"--ota-targets-key={pem('ed25519.t')}"]
    done = CliRunner().invoke(main, ["init", str(directory), "--profile=ota", *keys, *more, "--yes"])
    assert done.exit_code == 2, done.output
    assert not directory.exists()
    return done.stderr


@pytest.mark.parametrize(
    ("roots", "directors", "more", "reason"),
    [
        (GOOD[:1], DIRECTORS, [], f"root: {RULE} 1 (ecdsa-sha2-nistp256) and threshold 1"),
        ([*GOOD, "ed25519.1"], DIRECTORS, [], "ecdsa-sha2-nistp256, ed25519, ml-dsa-65/1) and threshold 2"),
        (["ecdsa-p256.1", "ecdsa-p256.3"], DIRECTORS, [], f"root: {RULE} 2 (ecdsa-sha2-nistp256, ecdsa-"),
        (["ecdsa-p384.1", "ml-dsa-65.1"], DIRECTORS, [], f"{RULE} 2 (ecdsa-sha2-nistp384, ml-dsa-65/1)"),
        (["ed25519.1", "ml-dsa-65.1"], DIRECTORS, [], f"root: {RULE} 2 (ed25519, ml-dsa-65/1)"),
        (GOOD, DIRECTORS, ["--ota-root-threshold=1"], "root: a hybrid root has exactly two keys"),
        (GOOD, DIRECTORS[:1], [], f"the Director's root: {RULE} 1 (ecdsa-sha2-nistp256) and threshold 1"),
        (GOOD, DIRECTORS, ["--ota-director-threshold=1"], "the Director's root: a hybrid root"),
        (GOOD, [], [], "a key is to be of both roots; each has its own"),
        (GOOD, [GOOD[0], DIRECTORS[1]], [], "a key is to be of both roots; each has its own"),
    ],
)  # fmt: skip
def test_other_keys_or_thresholds_are_no_hybrid_root(pem, tmp_path, roots, directors, more, reason):
    said = refused(pem, tmp_path / "pki", roots, directors, "--ota-hybrid-root", *more)
    assert reason in said.replace("\n", " ")


def test_without_the_option_no_root_has_a_post_quantum_key(pem, tmp_path):
    said = refused(pem, tmp_path / "pki", GOOD, DIRECTORS)
    assert "--ota-hybrid-root" in said


def test_a_laboratory_makes_no_hybrid_root(tmp_path):
    words = ["init", tmp_path / "pki", "--profile=ota", "--lab", "--ota-hybrid-root", "--yes"]
    done = CliRunner().invoke(main, list(map(str, words)))
    assert done.exit_code == 2
    assert "a hybrid root is for signers whose keys are given" in done.stderr
    assert not (tmp_path / "pki").exists()
