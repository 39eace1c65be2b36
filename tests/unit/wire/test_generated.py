"""The committed record and codec modules are what asn1/ makes of them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from v2xpki.wire import _codec_dot2, _codec_etsi, _codec_scms, dot2, etsi, generate, reference, scms
from v2xpki.wire.generator import model

HOMES = {"dot2": dot2, "scms": scms, "etsi": etsi}


def test_generated_modules_are_up_to_date_with_asn1():
    stale = [path.name for path, text in generate.texts().items() if path.read_text() != text]
    assert stale == [], "run python -m v2xpki.wire.generate"


def test_check_says_which_file_is_stale_and_writes_nothing(tmp_path, monkeypatch, capsys):
    stale = tmp_path / "dot2.py"
    stale.write_text("old")
    monkeypatch.setattr(generate, "texts", lambda: {stale: "new"})
    assert generate.main(["--check"]) == 1
    assert stale.read_text() == "old"
    assert "dot2.py is out of date" in capsys.readouterr().out
    assert generate.main([]) == 0
    assert stale.read_text() == "new"
    assert generate.main(["--check"]) == 0


def test_every_type_of_asn1_can_be_decoded_and_encoded_by_its_name():
    named = {**_codec_dot2.NAMED, **_codec_scms.NAMED, **_codec_etsi.NAMED}
    assert set(named) == set(reference.model().by_asn1())
    assert len(named) == 351


def test_every_type_of_asn1_has_its_python_name():
    for one in reference.model().types.values():
        assert hasattr(HOMES[one.home], one.python), one.asn1


def test_aliases_are_the_very_class_that_they_name():
    assert dot2.Certificate is dot2.CertificateBase
    assert etsi.EtsiTs103097Data is dot2.Ieee1609Dot2Data
    assert scms.RaAcaCertRequestSpdu is dot2.Ieee1609Dot2Data


def test_records_are_immutable_and_have_their_defaults():
    group = dot2.PsidGroupPermissions(subject_permissions=dot2.SubjectPermissions("all", None))
    assert (group.min_chain_length, group.chain_length_range, group.ee_type) == (1, 0, 0x80)
    with pytest.raises(AttributeError):
        group.min_chain_length = 2


@pytest.mark.parametrize(
    ("identifier", "python"),
    [
        ("appPermissions", "app_permissions"), ("rSig", "r_sig"), ("cracaId", "craca_id"),
        ("linkage-value", "linkage_value"), ("selfSignedTLMCertificate", "self_signed_tlm_certificate"),
        ("la1Id", "la1_id"), ("iMax", "i_max"), ("p2pcdLearningRequest", "p2pcd_learning_request"),
    ],
)  # fmt: skip
def test_identifiers_become_snake_case(identifier, python):
    assert model.snake(identifier) == python


def small(types, **values):
    return {
        "M": {"imports": {}, "types": types, "values": {n: {"value": v} for n, v in values.items()}},
    }


def test_a_type_that_occurs_twice_is_refused():
    modules = small({"A": {"type": "NULL"}}) | {"N": small({"A": {"type": "NULL"}})["M"]}
    with pytest.raises(ValueError, match="A is in M and in N"):
        model.load(modules)


def test_an_enumeration_with_gaps_is_refused():
    with pytest.raises(ValueError, match="not counted from 0"):
        model.load(small({"E": {"type": "ENUMERATED", "values": [("a", 0), ("b", 2)]}}))


def test_a_type_that_the_codec_does_not_know_is_refused():
    with pytest.raises(ValueError, match="REAL"):
        model.load(small({"R": {"type": "REAL"}}))


def test_a_named_value_can_be_the_end_of_a_range():
    made = model.load(small({"I": {"type": "INTEGER", "restricted-to": [(0, "top")]}}, top=7))
    assert made.types["I"].shape == model.Integer(0, 7)


def test_generator_runs_by_its_path_where_the_generated_modules_are_broken(tmp_path):
    root = Path(generate.__file__).parents[2]
    shutil.copytree(root / "asn1", tmp_path / "asn1")
    shutil.copytree(root / "v2xpki" / "wire", tmp_path / "v2xpki" / "wire")
    (tmp_path / "v2xpki" / "__init__.py").write_text("")
    wire_folder = tmp_path / "v2xpki" / "wire"
    (wire_folder / "_codec_dot2.py").write_text("this is broken")
    done = subprocess.run(
        [sys.executable, wire_folder / "generate.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.stdout == "_codec_dot2.py written\n"
    assert (wire_folder / "_codec_dot2.py").read_bytes() == Path(_codec_dot2.__file__).read_bytes()
