"""cert, data, ctl, ectl and crl on the command line: fields, verdicts, exit codes, notations of files."""

import base64
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.trust.pki import Pki, services
from v2xpki import wire
from v2xpki.cli import main
from v2xpki.cli.trustfiles import _spread
from v2xpki.time import SystemClock, iso_from_time32
from v2xpki.trust import regions
from v2xpki.wire import dot2

NOW = SystemClock().time32()


def run(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args])


def answer(*args: object) -> dict:
    """The one JSON document on stdout."""
    return json.loads(run(*args, "--json").stdout)


@pytest.fixture(scope="module")
def current() -> Pki:
    return Pki(now=NOW)


@pytest.fixture(scope="module")
def files(tmp_path_factory, current) -> dict[str, Path]:
    """The PKI's certificates, messages and lists as files."""
    directory = tmp_path_factory.mktemp("files")
    contents = {
        name: getattr(current, name).certificate.octets for name in ("root", "tlm", "ea", "aa", "ec", "at")
    }
    contents |= {
        "cam": current.message(current.at),
        "cam-digest": current.message(current.at, identifier="digest"),
        "ctl": current.signed_list(current.ctl(), current.root, 624),
        "ectl": current.signed_list(current.ectl(), current.tlm, 624),
        "crl": current.signed_list(current.crl([current.aa.certificate]), current.root, 622),
        "request": current.message(current.ec, 623, identifier="digest"),
    }
    found = {}
    for name, octets in contents.items():
        found[name] = directory / f"{name}.oer"
        found[name].write_bytes(octets)
    return found


def test_cert_show_has_every_promised_field(files, current):
    shown = answer("cert", "show", files["aa"])
    certificate = current.aa.certificate
    assert shown["hashedId8"] == certificate.hashed_id8.hex()
    assert (shown["version"], shown["type"], shown["kind"], shown["canonical"]) == (3, "explicit", "AA", True)
    assert shown["issuer"] == {"kind": "sha384AndDigest", "value": current.root.certificate.hashed_id8.hex()}
    assert shown["id"] == {"kind": "name", "value": "AA"}
    assert shown["validity"] == {
        "start": iso_from_time32(certificate.start), "end": iso_from_time32(certificate.end)
    }  # fmt: skip
    assert [(entry["psid"], entry["ssp"]) for entry in shown["appPermissions"]] == [(623, "0132")]
    (group,) = shown["certIssuePermissions"]
    assert group["eeType"] == ["app"] and (group["minChainLength"], group["chainLengthRange"]) == (1, 0)
    assert group["subjectPermissions"][0] == {"psid": 36, "sspRange": {"value": "01ffff", "mask": "ff0000"}}
    assert shown["region"] is None
    assert shown["encryptionKey"]["curve"] == "nistP256"
    assert shown["verifyKey"] == {"curve": "nistP256", "point": current.aa.key.public_key.point.hex()}
    assert shown["signature"]["kind"] == "ecdsaBrainpoolP384r1Signature"
    assert shown["coer"] == certificate.octets.hex()


def test_cert_show_of_a_ticket_and_a_root(files, current):
    ticket = answer("cert", "show", files["at"])
    assert ticket["id"] == {"kind": "none", "value": None} and ticket["certIssuePermissions"] is None
    root = answer("cert", "show", files["root"])
    assert root["issuer"] == {"kind": "self", "value": "sha384"}
    assert len(bytes.fromhex(root["verifyKey"]["point"])) == 49


def test_cert_show_tells_a_form_that_is_not_canonical(tmp_path, current):
    certificate = current.at.certificate
    point = certificate.verification_key.uncompressed
    whole = dot2.EccP256CurvePoint(
        kind="uncompressedP256", value=dot2.EccP256CurvePointUncompressedP256(x=point[1:33], y=point[33:])
    )
    key = dot2.PublicVerificationKey(kind="ecdsaNistP256", value=whole)
    tbs = certificate.record.to_be_signed
    tbs = tbs._replace(verify_key_indicator=tbs.verify_key_indicator._replace(value=key))
    path = tmp_path / "whole.oer"
    path.write_bytes(wire.encode(certificate.record._replace(to_be_signed=tbs)))
    shown = answer("cert", "show", path)
    assert shown["canonical"] is False and shown["hashedId8"] == certificate.hashed_id8.hex()
    assert bytes.fromhex(shown["coer"]) == path.read_bytes()
    assert "e_verify_key_compressed" in run("cert", "lint", path).stdout


def test_cert_show_of_an_implicit_certificate_has_the_reconstruction_value(tmp_path, current):
    record = current.at.certificate.record
    point = record.to_be_signed.verify_key_indicator.value.value
    indicator = dot2.VerificationKeyIndicator(kind="reconstructionValue", value=point)
    linkage = dot2.LinkageData(
        i_cert=1,
        linkage_value=bytes(9),
        group_linkage_value=dot2.GroupLinkageValue(j_value=bytes(4), value=bytes(9)),
    )
    tbs = record.to_be_signed._replace(
        verify_key_indicator=indicator, id=dot2.CertificateId(kind="linkageData", value=linkage)
    )
    path = tmp_path / "implicit.oer"
    path.write_bytes(wire.encode(record._replace(type="implicit", signature=None, to_be_signed=tbs)))
    shown = answer("cert", "show", path)
    assert shown["type"] == "implicit" and shown["signature"] is None and "verifyKey" not in shown
    assert len(shown["reconstructionValue"]) == 66
    assert shown["id"]["value"]["iCert"] == 1


@pytest.mark.parametrize("name", ["root", "aa", "at"])
def test_files_may_be_binary_hex_or_base64(files, tmp_path, name):
    octets = files[name].read_bytes()
    wanted = answer("cert", "show", files[name])
    folded = "\n".join(octets.hex()[i : i + 64] for i in range(0, 2 * len(octets), 64))
    for index, text in enumerate((octets.hex(), octets.hex().upper() + "\n", f"0x{octets.hex()}", folded)):
        (tmp_path / f"{index}").write_text(text)
        assert answer("cert", "show", tmp_path / f"{index}") == wanted
    (tmp_path / "b64").write_bytes(base64.encodebytes(octets))
    assert answer("cert", "show", tmp_path / "b64") == wanted


def test_people_get_tables(files):
    for args in (
        ("cert", "show", files["aa"]), ("data", "show", files["cam"]), ("ctl", "show", files["ctl"]),
        ("ectl", "show", files["ectl"]), ("crl", "show", files["crl"]), ("cert", "show", files["at"]),
    ):  # fmt: skip
        result = run(*args)
        assert result.exit_code == 0 and "│" in result.stdout, result.output


# --- verify --------------------------------------------------------------------------------


def test_cert_verify_takes_the_only_self_signed_of_the_chain_as_anchor(files, current):
    result = run("cert", "verify", files["at"], "--chain", files["aa"], files["root"])
    assert result.exit_code == 0 and result.stdout.startswith("valid: ")
    verdict = answer("cert", "verify", files["at"], "--chain", files["root"], "--chain", files["aa"])
    assert verdict["verdict"] == "valid"
    assert verdict["chain"] == [
        identity.certificate.hashed_id8.hex() for identity in (current.at, current.aa, current.root)
    ]


def test_cert_verify_takes_file_and_chain_in_any_order(files):
    for args in (
        ("--chain", files["aa"], files["root"], files["at"]),
        ("--json", files["at"], "--chain", files["aa"], files["root"]),
        ("--chain", files["aa"], "--anchor", files["root"], files["at"]),
        ("--chain", files["aa"], files["root"], "--json", files["at"]),
        (files["at"], "--chain", files["aa"], files["tlm"], "--anchor", files["root"]),
    ):
        assert run("cert", "verify", *args).exit_code == 0, args


def test_the_words_after_chain_are_its_files():
    assert _spread(["F", "--chain", "a", "b", "--json"]) == ["F", "--chain", "a", "--chain", "b", "--json"]
    assert _spread(["--chain", "a", "b", "F", "--time", "t"]) == [
        "--chain", "a", "--chain", "b", "F", "--time", "t"]  # fmt: skip
    assert _spread(["--time", "t", "F", "--chain", "-"]) == ["--time", "t", "F", "--chain", "-"]
    assert _spread(["--chain"]) == ["--chain"]


def test_cert_verify_says_no_with_the_rule(files):
    verdict = run("cert", "verify", files["at"], "--chain", files["root"], "--json")
    assert verdict.exit_code == 1
    assert json.loads(verdict.stdout)["rule"] == "chain"
    assert "is not there" in verdict.stderr
    for time, rule in (("2020-01-01", "not-yet-valid"), ("2090-01-01T00:00:00Z", "expired")):
        result = run(
            "cert", "verify", files["at"], "--chain", files["aa"], files["root"], "--time", time, "--json"
        )
        assert (result.exit_code, json.loads(result.stdout)["rule"]) == (1, rule)


def test_cert_verify_without_anything_to_trust_is_no_and_with_two_roots_is_a_question(files):
    assert run("cert", "verify", files["at"]).exit_code == 1
    assert run("cert", "verify", files["at"], "--chain", files["aa"]).exit_code == 1
    result = run("cert", "verify", files["at"], "--chain", files["aa"], files["root"], files["tlm"])
    assert result.exit_code == 2 and "--anchor" in result.stderr
    result = run(
        "cert", "verify", files["at"], "--chain", files["aa"], files["root"], "--anchor", files["tlm"]
    )
    assert result.exit_code == 1


def test_cert_verify_heeds_a_crl_that_verifies(files, tmp_path):
    chain = ("--chain", files["aa"], files["ea"], files["root"])
    assert answer("cert", "verify", files["at"], *chain, "--crl", files["crl"])["rule"] == "revoked"
    assert run("cert", "verify", files["ec"], *chain, "--crl", files["crl"]).exit_code == 0
    spoilt = bytearray(files["crl"].read_bytes())
    spoilt[-1] ^= 1
    (tmp_path / "crl").write_bytes(spoilt)
    assert answer("cert", "verify", files["ec"], *chain, "--crl", tmp_path / "crl")["rule"] == "signature"
    assert run("cert", "verify", files["ec"], *chain, "--crl", files["ctl"]).exit_code == 2


def test_cert_verify_at_a_place(tmp_path):
    pki = Pki(now=NOW, region=regions.from_text("countries:276"))
    for name in ("root", "aa", "at"):
        (tmp_path / name).write_bytes(getattr(pki, name).certificate.octets)
    args = ("cert", "verify", tmp_path / "at", "--chain", tmp_path / "aa", tmp_path / "root", "--at")
    assert run(*args, "48.14,11.58").exit_code == 0
    assert run(*args, "48.85,2.35").exit_code == 1
    assert answer(*args, "48.85,2.35")["rule"] == "place"


@pytest.mark.parametrize("wrong", [("--at", "91,0"), ("--at", "here"), ("--time", "soon"), ("--what", "x")])
def test_wrong_usage_is_2(files, wrong):
    assert run("cert", "verify", files["at"], "--chain", files["aa"], files["root"], *wrong).exit_code == 2


def test_what_is_not_there_or_not_readable(files, tmp_path):
    assert run("cert", "show", tmp_path / "nothing").exit_code == 2
    for name, content in (("empty", b""), ("text", b"abc"), ("garbage", bytes(range(200))), ("cam", b"\3\0")):
        (tmp_path / name).write_bytes(content)
        for group in ("cert", "data", "ctl"):
            result = run(group, "show", tmp_path / name)
            assert (result.exit_code, result.stdout) == (1, ""), (group, name, result.output)
            assert result.stderr.startswith("v2xpki: ")
    assert run("ctl", "show", files["crl"]).exit_code == 1
    assert run("ctl", "show", files["cam"]).exit_code == 1


def test_data_verify_accepts_and_refuses(files, tmp_path):
    chain = ("--chain", files["aa"], files["root"])
    assert run("data", "verify", files["cam"], *chain).exit_code == 0
    assert answer("data", "verify", files["cam-digest"], *chain)["rule"] == "unknown-signer"
    assert run("data", "verify", files["cam-digest"], *chain, files["at"]).exit_code == 0
    forged = bytearray(files["cam"].read_bytes())
    forged[forged.index(b"cam")] ^= 1
    (tmp_path / "forged").write_bytes(forged)
    assert answer("data", "verify", tmp_path / "forged", *chain)["rule"] == "signature"
    assert run("data", "verify", tmp_path / "forged", *chain).exit_code == 1


def test_data_verify_at_a_time_is_a_receivers(files):
    chain = ("--chain", files["aa"], files["root"])
    assert run("data", "verify", files["cam"], *chain, "--time", iso_from_time32(NOW)).exit_code == 0
    assert run("data", "verify", files["cam"], *chain, "--time", iso_from_time32(NOW + 599)).exit_code == 0
    assert (
        answer("data", "verify", files["cam"], *chain, "--time", iso_from_time32(NOW + 601))["rule"]
        == "stale"
    )
    assert (
        answer("data", "verify", files["cam"], *chain, "--time", iso_from_time32(NOW - 9))["rule"] == "future"
    )


def test_data_verify_without_a_time_refuses_the_future(current, files, tmp_path):
    path = tmp_path / "ahead"
    path.write_bytes(current.message(current.at, time64=(NOW + 7200) * 1_000_000))
    assert answer("data", "verify", path, "--chain", files["aa"], files["root"])["rule"] == "future"


def test_data_verify_knows_lists_and_requests(files):
    assert run("data", "verify", files["ctl"], "--chain", files["root"]).exit_code == 0
    assert run("data", "verify", files["ectl"], "--chain", files["tlm"]).exit_code == 0
    chain = ("--chain", files["ec"], files["ea"], files["root"])
    assert run("data", "verify", files["request"], *chain).exit_code == 0
    forged = bytearray(files["request"].read_bytes())
    forged[-1] ^= 1
    files["request"].with_name("forged").write_bytes(forged)
    assert answer("data", "verify", files["request"].with_name("forged"), *chain)["rule"] == "signature"


@pytest.mark.parametrize("change", [{"expiry_time": 1 << 60}, {"generation_time": None}])
def test_data_verify_refuses_requests_with_another_header(files, current, tmp_path, change):
    path = tmp_path / "request"
    path.write_bytes(current.message(current.ec, 623, identifier="digest", **change))
    chain = ("--chain", files["ec"], files["ea"], files["root"])
    assert answer("data", "verify", path, *chain)["rule"] == "header"


def test_data_verify_refuses_what_nobody_vouches_for(files, current, tmp_path):
    chain = ("--chain", files["at"], files["aa"], files["root"])
    cases = {
        "signer": current.message(current.at, 623, identifier="self"),
        "psid": current.message(current.at, 623, identifier="digest"),
        "future": current.message(current.at, 623, identifier="digest", time64=(NOW + 9999) * 1_000_000),
        "content": b"\3\x80\0",
    }
    for rule, octets in cases.items():
        (tmp_path / rule).write_bytes(octets)
        result = run("data", "verify", tmp_path / rule, *chain, "--json")
        assert (result.exit_code, json.loads(result.stdout)["rule"]) == (1, rule)


def test_data_show_tells_header_signer_and_payload(files, current):
    shown = answer("data", "show", files["cam"])
    assert (shown["content"], shown["psid"], shown["hashId"]) == ("signedData", 36, "sha256")
    assert shown["generationTime"] == iso_from_time32(NOW)[:-1] + ".000000Z"
    assert shown["payload"] == b"\2\2cam".hex()
    assert shown["signer"]["value"][0]["hashedId8"] == current.at.certificate.hashed_id8.hex()
    assert answer("data", "show", files["ctl"])["pdu"] == "certificateTrustListRca"
    assert answer("data", "show", files["cam-digest"])["signer"] == {
        "kind": "digest", "value": current.at.certificate.hashed_id8.hex()
    }  # fmt: skip


def test_data_show_of_encrypted_data_tells_its_recipients(files, current, tmp_path):
    from v2xpki import secured

    path = tmp_path / "encrypted"
    path.write_bytes(secured.encrypt(b"secret", [current.ea.certificate]).octets)
    shown = answer("data", "show", path)
    assert shown["content"] == "encryptedData"
    assert shown["recipients"] == [
        {"kind": "certRecipInfo", "recipientId": current.ea.certificate.hashed_id8.hex()}
    ]
    assert b"secret".hex() not in json.dumps(shown)
    assert answer("data", "lint", path)["findings"][0]["id"] == "e_data_signed"
    location = dot2.ThreeDLocation(latitude=481_400_000, longitude=115_800_000, elevation=0)
    path.write_bytes(current.message(current.at, 37, generation_location=location))
    assert answer("data", "show", path)["generationLocation"]["latitude"] == 48.14


# --- lists ---------------------------------------------------------------------------------


def test_lists_are_shown_with_their_entries(files, current):
    ctl = answer("ctl", "show", files["ctl"])
    assert [entry["kind"] for entry in ctl["entries"]] == ["ea", "aa", "dc"]
    assert ctl["entries"][0]["aaAccessPoint"].endswith("/ea/validation")
    assert (ctl["sequence"], ctl["isFull"], ctl["psid"]) == (0, True, 624)
    ectl = answer("ectl", "show", files["ectl"])
    assert [entry["kind"] for entry in ectl["entries"]] == ["rca", "tlm", "dc"]
    crl = answer("crl", "show", files["crl"])
    assert crl["revoked"] == [current.aa.certificate.hashed_id8.hex()]


@pytest.mark.parametrize(("kind", "signer"), [("ctl", "root"), ("ectl", "tlm"), ("crl", "root")])
def test_lists_verify_under_their_signer_alone(files, kind, signer):
    assert run(kind, "verify", files[kind], "--chain", files[signer]).exit_code == 0
    other = "tlm" if signer == "root" else "root"
    assert answer(kind, "verify", files[kind], "--chain", files[other])["rule"] == "signer"
    assert run(kind, "verify", files[kind]).exit_code == 1
    late = answer(
        kind, "verify", files[kind], "--anchor", files[signer], "--time", iso_from_time32(NOW + 91 * 86400)
    )
    assert late["rule"] == "out-of-date"
    assert run(kind, "lint", files[kind]).exit_code == 0


def test_a_list_of_another_kind_is_refused_by_name(files):
    result = run("ectl", "verify", files["ctl"], "--chain", files["root"])
    assert result.exit_code == 1 and "v2xpki ctl" in result.stderr


def test_the_ectl_of_the_eu_on_the_command_line(shared_vectors, tmp_path):
    vectors = json.loads((shared_vectors / "real_world.json").read_text())
    (tmp_path / "ectl").write_text(vectors["signed_data"]["eu_l2_ectl"])
    (tmp_path / "tlm").write_text(vectors["certificates"]["eu_l2_tlm"])
    args = ("ectl", "verify", tmp_path / "ectl", "--chain", tmp_path / "tlm")
    assert run(*args, "--time", "2025-04-01").exit_code == 0
    assert answer(*args)["rule"] == "out-of-date"
    assert run("ectl", "lint", tmp_path / "ectl").exit_code == 0


# --- lint ----------------------------------------------------------------------------------


def test_cert_lint_answers_in_full(files, current, tmp_path):
    assert answer("cert", "lint", files["at"]) == {"verdict": "passed", "findings": []}
    assert "no findings" in run("cert", "lint", files["at"]).stdout
    wrong = tmp_path / "wrong"
    wrong.write_bytes(current.ticket(change={"crl_series": 1}).certificate.octets)
    result = run("cert", "lint", wrong, "--json")
    (finding,) = json.loads(result.stdout)["findings"]
    assert result.exit_code == 1
    assert finding["id"] == "e_crl_series_zero" and finding["clause"] == "TS 103 097 6"
    assert set(finding) == {"id", "severity", "clause", "effective", "description", "detail"}
    assert run("cert", "lint", files["at"], "--kind", "EC").exit_code == 1
    greedy = tmp_path / "greedy"
    greedy.write_bytes(current.ticket(app_permissions=services(p36="020000")).certificate.octets)
    assert run("cert", "lint", greedy).exit_code == 0
    assert run("cert", "lint", greedy, "--issuer", files["aa"]).exit_code == 1


def test_warnings_alone_are_no_reason_to_say_no(files, current, tmp_path):
    odd = tmp_path / "odd"
    period = dot2.ValidityPeriod(start=NOW, duration=dot2.Duration(kind="hours", value=1))
    odd.write_bytes(current.ticket(change={"validity_period": period}).certificate.octets)
    result = run("cert", "lint", odd)
    assert (result.exit_code, "w_at_start_on_hour" in result.stdout) == (0, True)


def test_cert_lint_finds_issuers_in_the_chain(files, current, tmp_path):
    chain = ("--chain", files["ea"], files["aa"], files["root"])
    for name in ("at", "ec", "aa", "root"):
        assert run("cert", "lint", files[name], *chain).exit_code == 0
    forged = bytearray(files["at"].read_bytes())
    forged[-1] ^= 1
    (tmp_path / "forged").write_bytes(forged)
    assert run("cert", "lint", tmp_path / "forged").exit_code == 0  # nobody there to ask
    assert answer("cert", "lint", tmp_path / "forged", *chain)["findings"][0]["id"] == "e_signature"
    (tmp_path / "cut").write_bytes(forged[:-1])
    assert answer("cert", "lint", tmp_path / "cut", *chain)["findings"][0]["id"] == "e_coer"


def test_cert_lint_of_several_tickets_counts_them(current, tmp_path):
    paths = [tmp_path / f"{number}" for number in range(3)]
    for path in paths:
        path.write_bytes(current.ticket().certificate.octets)
    assert answer("cert", "lint", *paths) == {"verdict": "passed", "findings": []}
    result = run("cert", "lint", *paths, "--parallel", 2, "--json")
    (finding,) = json.loads(result.stdout)["findings"]
    assert (result.exit_code, finding["id"], finding["file"]) == (1, "e_parallel_tickets", "all tickets")
    assert "all tickets: error" in run("cert", "lint", *paths, "--parallel", 2).stdout


def test_lint_by_the_rules_of_another_time(current, tmp_path):
    path = tmp_path / "odd"
    path.write_bytes(current.ticket(change={"crl_series": 1}).certificate.octets)
    assert run("cert", "lint", path, "--time", "2016-01-01").exit_code == 0
    assert run("cert", "lint", path, "--time", "2016-01-01", "--all").exit_code == 1
    path.write_bytes(current.message(current.at, expiry_time=1))
    assert run("data", "lint", path).exit_code == 1
    assert run("data", "lint", path, "--time", "2016-01-01").exit_code == 0


def test_ctl_lint_compares_with_the_list_before(files, current, tmp_path):
    assert run("ctl", "lint", files["ctl"]).exit_code == 0
    again = answer("ctl", "lint", files["ctl"], "--previous", files["ctl"])
    assert [finding["id"] for finding in again["findings"]] == ["e_sequence_next"]
    assert run("ctl", "lint", files["ctl"], "--previous", files["crl"]).exit_code == 1
    assert run("ctl", "lint", files["cam"]).exit_code == 1
    (files["cam"].parent / "cut").write_bytes(files["ctl"].read_bytes()[:-1])
    assert answer("ctl", "lint", files["cam"].parent / "cut")["findings"][0]["id"] == "e_data_coer"
