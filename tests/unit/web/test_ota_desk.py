"""The operators' interface of firmware delivery: who may do what, uploads, problems, its description."""

import base64
import errno
import hashlib
import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.http.body import Body, ChunkedReader
from gunicorn.http.unreader import IterUnreader

from tests.support.full_disk import Disk
from tests.support.ota_desks import SETTINGS, Desks
from tests.support.provenance import attest
from v2xpki.config import Instance, Settings
from v2xpki.config.ota import OPERATOR_ROLES
from v2xpki.ota import releases, uploads
from v2xpki.ota.desk import Operator, calls_of
from v2xpki.ota.director_desk import DirectorDesk
from v2xpki.ota.evidence_desk import EvidenceDesk
from v2xpki.ota.image_desk import ImageDesk
from v2xpki.ota.withdrawal_desk import WithdrawalDesk
from v2xpki.web import admin, admin_ota, metrics
from v2xpki.web.admin_ota import OFFSET_TYPE

IMAGE = b"firmware" * 1000
TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Desks]:
    desks = Desks(tmp_path)
    yield desks
    desks.image.database.close()


def problem(answer: Any, status: int, says: str = "") -> dict[str, Any]:
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json"), answer.data
    document = json.loads(answer.data)
    assert document["status"] == status and says in document.get("detail", "") + document["title"]
    return document


def upload(desks: Desks, image: bytes = IMAGE, who: str = "eve") -> str:
    made = desks.ask(who, "POST", "uploads", headers=TUS | {"Upload-Length": str(len(image))})
    assert made.status_code == 201, made.data
    path = made.headers["Location"].removeprefix("/api/v1/ota/")
    sent = desks.ask(
        who, "PATCH", path, data=image, content_type=OFFSET_TYPE, headers=TUS | {"Upload-Offset": "0"}
    )
    assert (sent.status_code, sent.headers["Upload-Offset"]) == (204, str(len(image)))
    return path.rpartition("/")[2]


def release(desks: Desks, **changes: Any) -> dict[str, Any]:
    statement = attest(hashlib.sha256(IMAGE).hexdigest(), desks.signer)
    return {
        "upload": upload(desks), "name": "brake", "version": "1.0", "hardwareIds": ["bcm-2"],
        "releaseCounter": 1, "attestation": base64.b64encode(statement).decode(), **changes,
    }  # fmt: skip


# --- the way of a release -------------------------------------------------------------------------


def test_a_release_goes_from_an_upload_to_the_targets(desks: Desks) -> None:
    desks.begin()
    (added,) = desks.ask("eve", "POST", "releases", release(desks)).json
    assert (added["state"], added["addedBy"]) == ("staged", "eve")
    one = f"releases/{added['id']}"
    problem(desks.ask("eve", "POST", f"{one}/approve"), 403, "approver")
    assert desks.ask("ann", "POST", f"{one}/approve").json["state"] == "approved"
    (asked,) = desks.ask("eve", "POST", "signing-requests", {}).json
    shown = desks.ask("aud", "GET", f"signing-requests/{asked['id']}").json
    assert list(shown["file"]["signed"]["targets"]) == [added["path"]]
    request, _ = desks.image.repository.request(bytes.fromhex(asked["id"]))
    for signature in desks.image.ann.sign(request):
        taken = desks.ask("eve", "POST", f"signing-requests/{asked['id']}/signatures", signature.document())
        assert taken.json["published"]
    found = desks.ask("aud", "GET", one).json
    assert found["state"] == "published" and found["approvals"][0]["operator"] == "ann"
    roles = {one["role"]: one["version"] for one in desks.ask("max", "GET", "roles").json}
    assert (roles["root"], roles["targets"], roles["snapshot"]) == (1, 2, 2)
    assert desks.ask("eve", "POST", f"{one}/withdraw", {"reason": "a fault"}).json["state"] == "withdrawing"
    assert [r["id"] for r in desks.ask("aud", "GET", "releases?state=withdrawing").json] == [added["id"]]


def test_the_director_is_asked_what_is_the_directors(desks: Desks) -> None:
    told = desks.ask("max", "POST", "campaigns/one/pause", {"reason": "a fault"}).json
    assert told == {"asked": "pause_campaign", "args": ["one", "a fault", "max"]}
    told = desks.ask("max", "POST", "vehicles", {"vin": "V", "model": "M", "ecus": [], "csr": "C"}).json
    assert (told["vin"], told["operator"]) == ("V", "max")
    assert desks.ask("aud", "GET", "vehicles?limit=5").json[0]["limit"] == 5
    assert desks.ask("aud", "GET", "roles?repository=director").json == []
    problem(desks.ask("aud", "GET", "roles?repository=other"), 404, "repository")


# --- who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ImageDesk, DirectorDesk, EvidenceDesk, WithdrawalDesk])
def test_every_call_is_refused_to_who_has_none_of_its_roles(desks: Desks, kind: type) -> None:
    names = {"release-engineer": "eve", "approver": "ann", "campaign-manager": "max", "auditor": "aud"}
    calls = calls_of(kind)
    assert calls and all(call.roles <= set(OPERATOR_ROLES) for call in calls)
    for call in calls:
        path = call.path.replace("{", "").replace("}", "")
        for role, name in names.items():
            if role not in call.roles:
                assert problem(desks.ask(name, call.method, path, {}), 403)["rule"] == "role"
        problem(desks.ask("stranger", call.method, path, {}), 403)
        problem(desks.ask("", call.method, path, {}), 403)


#: What may be asked, and who may, by the first letters of engineer, approver, campaign manager, auditor: as
#: docs/ota-internal.md has it, and written down here apart from the code.
MATRIX = {
    "GET releases": "EACU", "GET releases/i": "EACU", "GET roles": "EACU",
    "GET signing-requests": "EACU", "GET signing-requests/i": "EACU",
    "POST releases": "E", "POST releases/check": "E", "POST withdrawn-targets": "E",
    "POST releases/i/approve": "A", "POST releases/i/withdraw": "E",
    "POST signing-requests": "E", "POST signing-requests/i/signatures": "E",
    "POST signing-requests/i/drop": "E",
    "GET vehicles": "CU", "GET vehicles/V": "CU", "GET expected-vehicles": "CU",
    "GET campaigns": "CU", "GET campaigns/i": "CU",
    "POST vehicles": "C", "POST vehicles/V/block": "C", "POST vehicles/V/unblock": "C",
    "POST vehicles/V/retire": "C", "POST expected-vehicles": "C", "POST expected-vehicles/V/remove": "C",
    "POST ecus/i/replace": "C", "POST campaigns": "C", "POST campaigns/i/start": "C",
    "POST campaigns/i/pause": "C", "POST campaigns/i/halt": "C",
    "GET evidence/releases/i": "U", "GET evidence/vehicles/V": "U",
    "GET evidence/image/releases/i": "U", "GET evidence/image/releases": "U",
    "GET evidence/director/releases": "U", "GET evidence/director/vehicles/V": "U",
}  # fmt: skip


def test_each_role_may_what_the_table_says_and_no_more(desks: Desks) -> None:
    who = {"E": "eve", "A": "ann", "C": "max", "U": "aud"}
    for asked, may in MATRIX.items():
        answers = {letter: desks.ask(name, *asked.split(), {}) for letter, name in who.items()}
        refused = [one for one, answer in answers.items() if b'"rule": "role"' in answer.data]
        assert set(may) == set(who) - set(refused), asked
        assert all(answers[letter].status_code == 403 for letter in refused)


def test_the_table_has_every_call() -> None:
    def shape(method: str, path: str) -> tuple[str, ...]:
        return (method, *(("*" if one[0] == "{" or one in "iV" else one) for one in path.split("/")))

    calls = {
        shape(c.method, c.path) for kind in (ImageDesk, DirectorDesk, EvidenceDesk) for c in calls_of(kind)
    }
    assert calls == {shape(*asked.split()) for asked in MATRIX}


def test_an_auditor_changes_nothing(desks: Desks) -> None:
    for kind in (ImageDesk, DirectorDesk, EvidenceDesk):
        assert all(call.method == "GET" for call in calls_of(kind) if "auditor" in call.roles)


def test_the_lab_operator_may_do_all_and_only_in_a_laboratory() -> None:
    assert Operator.named("operator", {}, lab=True).roles == set(OPERATOR_ROLES)
    assert Operator.named("operator", {}).roles == Operator.named("other", {}, lab=True).roles == set()
    assert Operator.named("operator", {"operator": ("auditor",)}, lab=True).roles == {"auditor"}


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3"])
def test_the_operators_header_is_believed_on_a_unix_socket_alone(desks: Desks, address: str) -> None:
    answer = desks.roles["image"].test_client().get(
        "/internal/v1/ota/releases", headers={"x-v2xpki-operator": "eve;auditor"},
        environ_overrides={"REMOTE_ADDR": address},
    )  # fmt: skip
    problem(answer, 404)


@pytest.mark.parametrize("header", ["", "eve", "eve;king", ";auditor", "a;b;auditor"])
def test_a_header_that_names_no_operator_is_refused(desks: Desks, header: str) -> None:
    answer = desks.roles["image"].test_client().get(
        "/internal/v1/ota/releases", headers={"x-v2xpki-operator": header},
        environ_overrides={"REMOTE_ADDR": ""},
    )  # fmt: skip
    problem(answer, 403)


def test_a_name_in_a_certificate_cannot_bring_roles_with_it(desks: Desks) -> None:
    problem(desks.ask("eve;approver", "GET", "releases"), 403)


# --- problems -------------------------------------------------------------------------------------


def test_problems_name_the_field_and_the_rule(desks: Desks) -> None:
    desks.begin()
    body = release(desks)
    assert (
        problem(desks.ask("eve", "POST", "releases", body | {"name": "../x"}), 400, "name")["rule"] == "field"
    )
    problem(desks.ask("eve", "POST", "releases", body | {"colour": "red"}), 400, "colour")
    problem(desks.ask("eve", "POST", "releases", data=b"{", content_type="application/json"), 400, "JSON")
    problem(desks.ask("eve", "POST", "releases", data=b"{}", content_type="text/plain"), 415)
    told = problem(desks.ask("eve", "POST", "releases", body | {"attestation": None}), 422, "DSSE")
    assert told["rule"] == "not-dsse"
    problem(desks.ask("eve", "POST", "releases", release(desks, sha256="00" * 32)), 460, "SHA-256")
    problem(desks.ask("eve", "GET", "releases/" + "00" * 16), 404, "no release")
    problem(desks.ask("eve", "GET", "releases/zz"), 404, "id")
    problem(desks.ask("eve", "GET", "releases?colour=red"), 400, "colour")
    known = "staged, approved, signing, published, withdrawing, withdrawn"
    assert problem(desks.ask("eve", "GET", "releases?state=bogus"), 400, known)["rule"] == "field"
    assert desks.ask("eve", "GET", "releases?state=withdrawn").json == []
    problem(desks.ask("eve", "GET", "signing-requests?all=maybe"), 400, "true, false")
    problem(desks.ask("eve", "POST", "signing-requests", {"role": "nobody", "renew": True}), 404)
    problem(desks.ask("eve", "POST", "signing-requests", {"renew": 1}), 400, "renew")
    made = desks.ask("eve", "POST", "releases", body)
    assert made.status_code == 201
    problem(desks.ask("eve", "POST", "releases", release(desks, releaseCounter=2)), 409, "is staged")
    other = release(desks, releaseCounter=2, file="other.bin")
    problem(desks.ask("eve", "POST", "releases", other), 409, made.json[0]["id"])
    problem(
        desks.ask("eve", "POST", "releases", release(desks, version="2")),
        400,
        "releaseCounter 1 is not above 1",
    )


def test_a_body_that_is_too_large_is_not_read(desks: Desks) -> None:
    answer = desks.ask(
        "max", "POST", "campaigns", data=io.BytesIO(b"{}"), content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": str(1 << 40)},
    )  # fmt: skip
    problem(answer, 413)


def chunked(octets: bytes) -> dict[str, Any]:
    """A body in chunks, as gunicorn hands it on: without a Content-Length."""
    limits = SimpleNamespace(
        limit_request_field_size=0, max_buffer_headers=0, parse_headers=lambda *_, **__: []
    )
    body = Body(ChunkedReader(limits, IterUnreader([octets])))
    return {
        "content_type": "application/json",
        "environ_overrides": {
            "wsgi.input": body, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked",
            "CONTENT_LENGTH": "",
        },
    }  # fmt: skip


CHUNKS = b'a\r\n{"percenta\r\n7\r\nge":10}\r\n0\r\n\r\n'


def test_a_body_in_chunks_is_taken_as_any_other(desks: Desks) -> None:
    told = desks.ask("max", "POST", "campaigns/one/start", **chunked(CHUNKS)).json
    assert told == {"asked": "start_campaign", "args": ["one", "max", 10]}
    desk = desks.roles["director"].test_client()
    header = {"x-v2xpki-operator": "max;campaign-manager"}
    asked = chunked(CHUNKS)
    asked["environ_overrides"]["REMOTE_ADDR"] = ""
    assert desk.post("/internal/v1/ota/campaigns/one/start", headers=header, **asked).json == told


def test_a_body_in_chunks_is_held_to_the_same_rules(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = partial(desks.ask, "max", "POST", "campaigns/one/start")
    assert ask(**chunked(b"0\r\n\r\n")).json["args"] == ["one", "max", None]
    problem(ask(**chunked(b"2\r\n{}\r\n0\r\n\r\n") | {"content_type": "text/plain"}), 415)
    for broken in (CHUNKS[:20], b"zz\r\n{}", b"1\r\n{}\r\n0\r\n\r\n"):
        problem(ask(**chunked(broken)), 400, "not readable")
    monkeypatch.setattr(admin_ota, "BODY_LIMIT", 16)
    problem(ask(**chunked(CHUNKS)), 413)


def test_a_role_that_is_away_is_a_503(tmp_path: Path) -> None:
    from v2xpki.web.admin_ota import ota_blueprint
    from v2xpki.web.base import bare_app
    from v2xpki.web.problems import problem_response

    app = bare_app("admin", problem_response)
    instance = Instance(tmp_path, Settings.parse(SETTINGS))
    app.register_blueprint(ota_blueprint(instance, who=lambda _: "eve"))
    answer = app.test_client().get("/api/v1/ota/releases")
    problem(answer, 503)
    assert answer.headers["Retry-After"]


# --- uploads --------------------------------------------------------------------------------------


def test_an_upload_that_broke_goes_on_where_it_was(desks: Desks) -> None:
    class Breaks(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            if not found:
                raise ConnectionResetError
            return found

    made = desks.ask("eve", "POST", "uploads", headers=TUS | {"Upload-Length": str(len(IMAGE))})
    path = made.headers["Location"].removeprefix("/api/v1/ota/")
    broken = {"wsgi.input": Breaks(IMAGE[:3000]), "CONTENT_LENGTH": str(len(IMAGE))}
    asked = {"content_type": OFFSET_TYPE, "environ_overrides": broken}
    problem(desks.ask("eve", "PATCH", path, headers=TUS | {"Upload-Offset": "0"}, **asked), 400)
    known = desks.ask("eve", "HEAD", path, headers=TUS)
    assert (known.headers["Upload-Offset"], known.headers["Upload-Length"]) == ("3000", str(len(IMAGE)))
    rest = {"data": IMAGE[3000:], "content_type": OFFSET_TYPE}
    problem(desks.ask("eve", "PATCH", path, headers=TUS | {"Upload-Offset": "0"}, **rest), 409, "3000")
    assert desks.ask("eve", "PATCH", path, headers=TUS | {"Upload-Offset": "3000"}, **rest).status_code == 204
    assert (desks.instance.directory / "image" / path / "data").read_bytes() == IMAGE


def test_a_full_disk_is_no_bug_and_the_upload_goes_on_once_there_is_room(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    desks.begin()
    bugs = metrics.unexpected_errors.labels("admin")
    disk, before, body = Disk(monkeypatch), bugs._value.get(), release(desks)
    made = desks.ask("eve", "POST", "uploads", headers=TUS | {"Upload-Length": str(len(IMAGE))})
    path = made.headers["Location"].removeprefix("/api/v1/ota/")
    disk.room = 3000
    whole = {"data": IMAGE, "content_type": OFFSET_TYPE, "headers": TUS | {"Upload-Offset": "0"}}
    told = problem(desks.ask("eve", "PATCH", path, **whole), 507, "no room for this image")
    assert told["rule"] == "disk-full" and str(desks.instance.directory) not in told["detail"]
    disk.room = None
    rest = {"data": IMAGE[3000:], "content_type": OFFSET_TYPE, "headers": TUS | {"Upload-Offset": "3000"}}
    assert desks.ask("eve", "PATCH", path, **rest).status_code == 204

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads, "write_durably", no_room)
    answer = desks.ask("eve", "POST", "uploads", headers=TUS | {"Upload-Length": "5"})
    assert problem(answer, 507)["rule"] == "disk-full"
    monkeypatch.setattr(releases, "write_durably", no_room)
    assert problem(desks.ask("eve", "POST", "releases", body), 507)["rule"] == "disk-full"
    assert bugs._value.get() == before


def test_uploads_speak_tus(desks: Desks) -> None:
    options = desks.ask("", "OPTIONS", "uploads").headers
    assert (options["Tus-Version"], options["Tus-Max-Size"]) == ("1.0.0", "100000")
    assert "creation" in options["Tus-Extension"]
    problem(desks.ask("eve", "POST", "uploads", headers={"Upload-Length": "5"}), 412)
    problem(desks.ask("eve", "POST", "uploads", headers=TUS), 400, "Upload-Length")
    problem(desks.ask("eve", "POST", "uploads", headers=TUS | {"Upload-Length": "-1"}), 400, "Upload-Length")
    problem(desks.ask("eve", "POST", "uploads", headers=TUS | {"Upload-Length": "100001"}), 413, "100000")
    problem(desks.ask("ann", "POST", "uploads", headers=TUS | {"Upload-Length": "5"}), 403)
    made = desks.ask("eve", "POST", "uploads", headers=TUS | {"Upload-Length": "5"})
    path = made.headers["Location"].removeprefix("/api/v1/ota/")
    assert made.headers["Upload-Expires"].endswith("GMT")
    start = {"headers": TUS | {"Upload-Offset": "0"}, "data": b"12345"}
    problem(desks.ask("eve", "PATCH", path, content_type="application/json", **start), 415)
    right = base64.b64encode(hashlib.sha256(b"12345").digest()).decode()
    for value, status in (("sha256 AAAA", 400), ("md5 " + right, 400), ("sha256 " + right[::-1], 400)):
        headers = TUS | {"Upload-Offset": "0", "Upload-Checksum": value}
        problem(
            desks.ask("eve", "PATCH", path, data=b"12345", content_type=OFFSET_TYPE, headers=headers), status
        )
    headers = TUS | {"Upload-Offset": "0", "Upload-Checksum": "sha256 " + right}
    problem(desks.ask("eve", "PATCH", path, data=b"1234x", content_type=OFFSET_TYPE, headers=headers), 460)
    done = desks.ask("eve", "PATCH", path, data=b"12345", content_type=OFFSET_TYPE, headers=headers)
    assert done.headers["Upload-Offset"] == "5"
    assert desks.ask("eve", "DELETE", path, headers=TUS).status_code == 204
    assert desks.ask("eve", "HEAD", path, headers=TUS).status_code == 404


def test_an_engineers_own_uploads_are_listed(desks: Desks) -> None:
    assert desks.ask("eve", "GET", "uploads").json == []
    made = desks.ask("eve", "POST", "uploads", headers=TUS | {"Upload-Length": "5"}).json["id"]
    whole = upload(desks)
    listed = {one["id"]: one for one in desks.ask("eve", "GET", "uploads").json}
    assert {key: (one["offset"], one["length"]) for key, one in listed.items()} == {
        made: (0, 5), whole: (len(IMAGE), len(IMAGE)),
    }  # fmt: skip
    assert listed[made]["expires"].endswith("Z")
    problem(desks.ask("ann", "GET", "uploads"), 403, "release-engineer")


def test_a_release_is_checked_before_its_image_is_sent(desks: Desks) -> None:
    desks.begin()
    body = release(desks, sha256=hashlib.sha256(IMAGE).hexdigest())
    del body["upload"]
    told = desks.ask("eve", "POST", "releases/check", body).json
    assert told == [{"path": "bcm-2/brake/1.0/image.bin", "role": "targets"}]
    problem(desks.ask("eve", "POST", "releases/check", body | {"attestation": None}), 422, "--attest FILE")
    problem(desks.ask("eve", "POST", "releases/check", body | {"sha256": "00" * 32}), 422, "subject")
    problem(desks.ask("eve", "POST", "releases/check", body | {"role": "acme"}), 400, "acme")
    assert desks.ask("eve", "GET", "releases").json == []


def test_a_member_where_there_is_none_to_give_is_said_to_be_one(desks: Desks) -> None:
    answer = desks.ask("ann", "POST", f"releases/{'00' * 16}/approve", {"reason": "x"})
    problem(answer, 400, "reason: not known here; there is no member to give")


def test_every_answer_about_uploads_says_the_version_of_tus(desks: Desks) -> None:
    path = f"uploads/{'0' * 32}"
    other = {"Upload-Length": "5", "Tus-Resumable": "0.2.2"}
    refusals = {
        412: desks.ask("eve", "POST", "uploads", headers=other),
        400: desks.ask("eve", "POST", "uploads", headers=TUS),
        403: desks.ask("ann", "POST", "uploads", headers=TUS | {"Upload-Length": "5"}),
        404: desks.ask("eve", "DELETE", path, headers=TUS),
        405: desks.ask("eve", "GET", path, headers=TUS),
        413: desks.ask("eve", "POST", "uploads", headers=TUS | {"Upload-Length": "100001"}),
        415: desks.ask("eve", "PATCH", path, headers=TUS, data=b"x", content_type="text/plain"),
    }
    for status, answer in refusals.items():
        problem(answer, status)
        assert answer.headers["Tus-Resumable"] == "1.0.0"
        assert answer.headers.get("Tus-Version") == ("1.0.0" if status == 412 else None)
    assert desks.ask("eve", "OPTIONS", "uploads").headers["Tus-Resumable"] == "1.0.0"
    assert "Tus-Resumable" not in desks.ask("aud", "GET", "releases").headers


def test_another_engineers_upload_is_not_there(desks: Desks, tmp_path: Path) -> None:
    identifier = upload(desks)
    problem(desks.ask("max", "DELETE", f"uploads/{identifier}", headers=TUS), 403)
    assert desks.ask("eve", "HEAD", f"uploads/{identifier}", headers=TUS).status_code == 200
    for name in ("..", "%2e%2e", "..%2f..", "a" * 32):
        assert desks.ask("eve", "HEAD", f"uploads/{name}", headers=TUS).status_code == 404


# --- the description ------------------------------------------------------------------------------


def test_the_description_has_every_path_and_its_references_lead_somewhere(desks: Desks) -> None:
    document = admin.OPENAPI
    described = {
        (path.replace("{", "<").replace("}", ">"), method.upper())
        for path, item in document["paths"].items()
        for method in item
        if method != "parameters"
    }
    served = {
        (rule.rule.replace("identifier", "id"), method)
        for rule in desks.admin.url_map.iter_rules()
        for method in rule.methods or ()
        if not (method in ("OPTIONS", "HEAD") and "GET" in (rule.methods or ()))
        and not (method == "OPTIONS" and rule.endpoint != "ota.upload_options")
    }
    assert served and served <= described
    text = json.dumps(document)
    for name in {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in document["components"]["schemas"]
    operations = [
        operation["operationId"]
        for item in document["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    ]
    assert len(operations) == len(set(operations))


def test_what_is_answered_is_as_the_description_has_it(desks: Desks) -> None:
    import jsonschema

    desks.begin()
    schemas = {"components": admin.OPENAPI["components"]}
    found = desks.ask("eve", "POST", "releases", release(desks)).json
    schema = {"type": "array", "items": {"$ref": "#/components/schemas/Release"}} | schemas
    jsonschema.validate(found, schema)
    roles = desks.ask("eve", "GET", "roles").json
    jsonschema.validate(
        roles, {"type": "array", "items": {"$ref": "#/components/schemas/MetadataRole"}} | schemas
    )


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
)
def test_a_page_of_another_site_changes_nothing_with_an_operators_certificate(
    desks: Desks, headers: dict[str, str]
) -> None:
    desks.begin()
    (added,) = desks.ask("eve", "POST", "releases", release(desks)).json
    one = f"releases/{added['id']}"
    problem(desks.ask("ann", "POST", f"{one}/approve", headers=headers), 403, "another site")
    assert desks.ask("aud", "GET", one, headers=headers).json["state"] == "staged"
    same = {"Sec-Fetch-Site": "same-origin", "Origin": "https://localhost"}
    assert desks.ask("ann", "POST", f"{one}/approve", headers=same).json["state"] == "approved"
