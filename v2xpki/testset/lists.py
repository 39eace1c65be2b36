"""The lists of a test set (TS 102 941 6.3), right and wrong."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from v2xpki import secured, wire
from v2xpki.secured import SignedMessage, etsi_header
from v2xpki.testset.certificates import P256
from v2xpki.testset.laboratory import DAY, Identity, services
from v2xpki.testset.messages import resigned
from v2xpki.time import MICROSECONDS
from v2xpki.trust.lists import (
    AaEntry,
    CrlSchedule,
    CtlSchedule,
    DcEntry,
    EaEntry,
    EctlSchedule,
    RcaEntry,
    TlmEntry,
    build_crl,
    build_ctl,
    build_ectl,
)
from v2xpki.wire import etsi

if TYPE_CHECKING:
    from v2xpki.testset.catalogue import Pki, Set

URL = "http://pki.test"
_Command = Literal["ctl", "ectl", "crl"]


def signed_list(
    signer: Identity,
    data: etsi.EtsiTs102941Data,
    psid: int,
    time64: int,
    form: str = "certificate",
    **header: Any,
) -> bytes:
    """A list, signed."""
    named: Any = form
    return secured.sign(
        signer.key,
        etsi_header(psid, time64)._replace(**header),
        payload=wire.encode(data),
        certificate=signer.certificate,
        identifier=named,
    )


def entries_of(pki: "Pki") -> list[EaEntry | AaEntry | DcEntry]:
    """What a CTL of this PKI has."""
    return [
        EaEntry(pki.ea.certificate, f"{URL}/ea/validation", f"{URL}/ea"),
        AaEntry(pki.aa.certificate, f"{URL}/aa"),
        DcEntry(f"{URL}/dc", (pki.root.certificate.hashed_id8,)),
    ]


class _Lists:
    """The lists of one PKI, to be spoilt. since: when they were made, TAI seconds."""

    def __init__(self, made: "Set", pki: "Pki") -> None:
        self.made, self.pki = made, pki
        self.since = made.lab.now - 3600
        self.until = made.lab.now + 90 * DAY

    def ctl(self, entries: Sequence[Any] | None = None, **fields: Any) -> etsi.EtsiTs102941Data:
        schedule = CtlSchedule(self.since, self.until, 7)
        chosen = entries_of(self.pki) if entries is None else entries
        return rebuilt(build_ctl(self.pki.root.certificate, schedule, chosen), **fields)

    def ectl(self, **fields: Any) -> etsi.EtsiTs102941Data:
        pki = self.pki
        entries: list[RcaEntry | TlmEntry | DcEntry] = [
            RcaEntry(pki.root.certificate),
            TlmEntry(pki.tlm.certificate, f"{URL}/cpoc"),
            DcEntry(f"{URL}/dc", (pki.root.certificate.hashed_id8,)),
        ]
        schedule = EctlSchedule(self.since, self.until, 3)
        return rebuilt(build_ectl(pki.tlm.certificate, schedule, entries), **fields)

    def crl(self, revoked: Sequence[Any] = (), **fields: Any) -> etsi.EtsiTs102941Data:
        schedule = CrlSchedule(self.since, self.until)
        return rebuilt(build_crl(self.pki.root.certificate, schedule, revoked), **fields)

    def sign(self, data: etsi.EtsiTs102941Data, by: Identity | None = None, **options: Any) -> bytes:
        kind = data.content.kind
        signer = by or (self.pki.tlm if kind == "certificateTrustListTlm" else self.pki.root)
        psid = options.pop("psid", 622 if kind == "certificateRevocationList" else 624)
        time64 = options.pop("time64", self.since * MICROSECONDS)
        return signed_list(signer, data, psid, time64, **options)


def rebuilt(data: etsi.EtsiTs102941Data, **fields: Any) -> etsi.EtsiTs102941Data:
    """A list with fields of its body replaced."""
    body: Any = data.content.value
    return data._replace(content=data.content._replace(value=body._replace(**fields)))


def add_all(made: "Set") -> None:
    """All entries of kind list."""
    for name, pki in made.pkis.items():
        _good(made, name, pki)
    lists = _Lists(made, made.main)
    _bad_trust_lists(made, lists)
    _bad_crls(made, lists)
    _bad_octets(made, lists)
    _timed(made, lists)


def _good(made: "Set", name: str, pki: "Pki") -> None:
    lists = _Lists(made, pki)
    delete = etsi.CtlDelete(kind="cert", value=pki.aa.certificate.hashed_id8)
    delta = lists.ctl(
        is_full_ctl=False, ctl_sequence=8, ctl_commands=(etsi.CtlCommand(kind="delete", value=delete),)
    )
    cases: list[tuple[_Command, str, bytes, Identity, str]] = [
        ("ectl", "ectl", lists.sign(lists.ectl()), pki.tlm, "an ECTL"),
        ("ctl", "ctl", lists.sign(lists.ctl()), pki.root, "a CTL"),
        ("ctl", "delta-ctl", lists.sign(delta), pki.root, "a delta of the CTL that deletes the AA"),
        ("crl", "crl-empty", lists.sign(lists.crl()), pki.root, "an empty CRL"),
        ("crl", "crl", lists.sign(lists.crl([pki.aa.certificate])), pki.root, "a CRL with the AA"),
        (
            "crl",
            "crl-by-digest",
            lists.sign(lists.crl(), form="digest"),
            pki.root,
            "a CRL by digest of the root",
        ),
    ]
    for command, what, octets, signer, text in cases:
        made.add(
            "list",
            f"{what}-of-{name}",
            octets,
            [signer],
            f"{text} of the PKI {name}",
            clause="TS 102 941 6.3",
            command=command,
        )


def _bad(
    made: "Set", command: _Command, rule: str, octets: bytes, reason: str, text: str, **more: Any
) -> None:
    signer = made.main.tlm if command == "ectl" else made.main.root
    chain = more.pop("chain", [signer])
    more.setdefault("clause", "TS 102 941 6.3")
    made.add("list", rule, octets, chain, text, command=command, reason=reason, **more)


def _bad_trust_lists(made: "Set", lists: _Lists) -> None:
    lab, pki = made.lab, lists.pki
    ctl, ectl = lists.ctl(), lists.ectl()
    commands: Any = ctl.content.value
    entries = commands.ctl_commands
    foreign: Any = ectl.content.value
    delete = etsi.CtlCommand(kind="delete", value=etsi.CtlDelete(kind="dc", value=f"{URL}/dc"))
    sign = lists.sign
    no_dc = sign(lists.ctl(ctl_commands=entries[:2]))
    _bad(made, "ctl", "ctl-without-dc", no_dc, "own-dc", "no DC entry holds the root's own digest")
    _bad(
        made,
        "ctl",
        "ctl-of-another-root",
        sign(made_ctl(made), made.pkis["nistP256"].root),
        "signer",
        "a CTL of another root than the trusted one",
    )
    _bad(
        made,
        "ctl",
        "ctl-signed-by-ea",
        sign(ctl, pki.ea),
        "signer",
        "a CTL signed by the EA",
        chain=[pki.root],
    )
    _bad(
        made,
        "ctl",
        "ctl-by-digest",
        sign(ctl, form="digest"),
        "signer",
        "a CTL by digest of the root, where the certificate belongs",
    )
    _bad(
        made,
        "ctl",
        "full-list-deletes",
        sign(lists.ctl(ctl_commands=(*entries, delete))),
        "full-list",
        "a full CTL that deletes",
    )
    _bad(
        made,
        "ctl",
        "ctl-with-root",
        sign(lists.ctl(ctl_commands=(*entries, foreign.ctl_commands[0]))),
        "entry",
        "a CTL with a root's entry",
    )
    _bad(
        made,
        "ectl",
        "ectl-with-ea",
        sign(lists.ectl(ctl_commands=(*foreign.ctl_commands, entries[0]))),
        "entry",
        "an ECTL with an EA's entry",
    )
    _bad(made, "ctl", "ctl-wrong-psid", sign(ctl, psid=622), "psid", "a CTL under the CRL's psid")
    _bad(
        made,
        "ctl",
        "ctl-with-expiry",
        sign(ctl, expiry_time=lists.until * MICROSECONDS),
        "header",
        "expiryTime in the header of a CTL",
    )
    _bad(
        made,
        "ctl",
        "ctl-next-update-before",
        sign(lists.ctl(next_update=lists.since)),
        "schedule",
        "nextUpdate is not after generationTime",
    )
    early = (pki.root.certificate.start - DAY) * MICROSECONDS
    _bad(
        made,
        "ctl",
        "ctl-before-its-signer",
        sign(ctl, time64=early),
        "generation-time",
        "generated before the root's certificate begins",
    )
    ahead = lab.now + 30 * DAY
    _bad(
        made,
        "ctl",
        "ctl-not-yet-in-force",
        sign(ctl, time64=ahead * MICROSECONDS),
        "not-yet-valid",
        "generated in a month",
    )
    poor = lab.issue(
        "TLM", "pki/mixed/tlm-poor", None, P256, name="Test TLM poor", app_permissions=services({624: "0188"})
    )
    made.keep(poor, "TLM")
    _bad(
        made,
        "ectl",
        "ectl-beyond-ssp",
        sign(ectl, poor),
        "signer-permissions",
        "an ECTL with roots by a TLM whose SSP has TLM and DC alone",
        chain=[poor],
        clause="TS 102 941 B.2",
    )
    _bad(
        made,
        "ectl",
        "ectl-by-root",
        sign(ectl, pki.root),
        "signer-permissions",
        "an ECTL by a root, whose SSP does not allow it",
        chain=[pki.root],
        clause="TS 102 941 B.2",
    )
    body: Any = foreign.ctl_commands[0].value
    not_self = body._replace(value=body.value._replace(selfsigned_root_ca=pki.aa.certificate.record))
    spoilt = sign(
        lists.ectl(ctl_commands=(etsi.CtlCommand(kind="add", value=not_self), *foreign.ctl_commands))
    )
    _bad(made, "ectl", "ectl-root-not-self-signed", spoilt, "entry", "an AA's certificate as a root's entry")
    dc: Any = entries[2].value
    bad_url = dc._replace(value=dc.value._replace(url="ftp://pki.test/dc"))
    spoilt = sign(lists.ctl(ctl_commands=(*entries, etsi.CtlCommand(kind="add", value=bad_url))))
    _bad(made, "ctl", "ctl-url", spoilt, "entry", "a DC entry whose URL is not http or https")
    _bad(made, "ctl", "ctl-version", sign(lists.ctl(version=2)), "decode", "a CtlFormat of version 2")


def made_ctl(made: "Set") -> etsi.EtsiTs102941Data:
    """The CTL of another PKI than the main one."""
    return _Lists(made, made.pkis["nistP256"]).ctl()


def _bad_crls(made: "Set", lists: _Lists) -> None:
    pki, sign = lists.pki, lists.sign
    old = made.lab.now - 5 * DAY
    past = sign(lists.crl(this_update=old, next_update=old + DAY))
    _bad(
        made, "crl", "crl-past-next-update", past, "out-of-date", "signed lately, but to be replaced days ago"
    )
    ahead = sign(lists.crl(this_update=made.lab.now + 30 * DAY))
    _bad(made, "crl", "crl-not-yet-in-force", ahead, "not-yet-valid", "holds from a month ahead on")
    _bad(
        made,
        "crl",
        "crl-next-update-before",
        sign(lists.crl(next_update=lists.since - 1)),
        "schedule",
        "nextUpdate is before thisUpdate",
    )
    twice = (pki.aa.certificate.hashed_id8,) * 2
    _bad(made, "crl", "crl-entry-twice", sign(lists.crl(entries=twice)), "entry", "an entry twice")
    _bad(
        made,
        "crl",
        "crl-signed-by-tlm",
        sign(lists.crl(), pki.tlm),
        "signer-permissions",
        "a CRL by the TLM, which signs none",
        chain=[pki.tlm],
    )
    _bad(made, "crl", "crl-wrong-psid", sign(lists.crl(), psid=624), "psid", "a CRL under the CTL's psid")


def _bad_octets(made: "Set", lists: _Lists) -> None:
    root, sign = lists.pki.root, lists.sign
    octets = sign(lists.ctl())
    flipped = bytearray(octets)
    flipped[-1] ^= 1
    clause = "IEEE 1609.2 5.3.1"
    _bad(
        made,
        "ctl",
        "flipped-signature-bit",
        bytes(flipped),
        "signature",
        "a bit of s is flipped",
        clause=clause,
    )
    altered = octets.replace(b"http://pki.test/dc", b"http://pki.evil/dc")
    _bad(
        made,
        "ctl",
        "altered-entry",
        altered,
        "signature",
        "the DC's URL was changed after the signature",
        clause=clause,
    )
    digest = hashlib.new(root.key.curve.hash, SignedMessage.parse(octets).tbs_octets).digest()
    _bad(
        made,
        "ctl",
        "tbs-hash-only",
        resigned(octets, root.key, over=digest),
        "signature",
        "signed over H(tbs) instead of H(H(tbs) || H(certificate))",
        clause=clause,
    )
    _bad(
        made,
        "ctl",
        "trailing-octets",
        octets + b"\0",
        "decode",
        "an octet too many at the end",
        decodes=False,
        clause="IEEE 1609.2 5.2.2; ITU-T X.696",
    )
    _bad(
        made,
        "ctl",
        "truncated",
        octets[:-1],
        "decode",
        "the last octet is missing",
        decodes=False,
        clause="IEEE 1609.2 5.2.2; ITU-T X.696",
    )


def _timed(made: "Set", lists: _Lists) -> None:
    for command, data in (("ctl", lists.ctl()), ("ectl", lists.ectl())):
        chosen: Any = command
        _bad(
            made,
            chosen,
            f"{command}-past-next-update",
            lists.sign(data),
            "out-of-date",
            "to be replaced by now",
            time=lists.until,
        )
