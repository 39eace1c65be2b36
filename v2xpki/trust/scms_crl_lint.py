"""CRLs of an SCMS for people: what is in one, what is wrong with one, a verdict on a file. Trusts nothing."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError, InvalidChain, InvalidCrl, SecuredError, UnexpectedContent
from v2xpki.secured import SignedMessage
from v2xpki.time import iso_from_time32
from v2xpki.trust.judge import Evidence
from v2xpki.trust.lint_engine import Finding, Rule, rule_of, run
from v2xpki.trust.scms_chain import scms_store
from v2xpki.trust.scms_crl import KnownSigners, ScmsCrl, check_signer
from v2xpki.trust.scms_profiles import CRL

CRL_RULES: dict[str, Rule] = {}
_FOREVER = 1 << 62
_MONTH = 31 * 86_400


def is_scms_crl(octets: bytes) -> bool:
    """Whether a signed message says of itself that it is one, by its psid."""
    with suppress(DecodeError, SecuredError):
        return SignedMessage.parse(octets).header.psid == CRL
    return False


def describe_scms_crl(crl: ScmsCrl) -> dict[str, object]:
    """What `crl show` prints."""
    described: dict[str, object] = {
        "kind": f"scms {crl.family} crl",
        "form": crl.contents.type_specific.kind,
        "signer": {"kind": crl.message.signer.kind, "hashedId8": crl.signer_id8},
        "psid": crl.message.header.psid,
        "craca": crl.craca,
        "crlSeries": crl.series,
        "issueDate": iso_from_time32(crl.issue_date),
        "nextCrl": iso_from_time32(crl.next_crl),
        "priority": crl.contents.priority_info.priority,
    }
    if crl.family == "linked":
        described |= {"iRev": crl.i_rev, "indexWithinI": crl.number}
        described["entries"] = [
            {
                "jmax": one.j_max,
                "iMax": one.i_max,
                "la1Id": one.entry.la_id1,
                "linkageSeed1": one.entry.seed1,
                "la2Id": one.entry.la_id2,
                "linkageSeed2": one.entry.seed2,
            }
            for one in crl.linked
        ]
    else:
        described["crlSerial"] = crl.number
        described["entries"] = [
            {"hashedId10": one.id10, "expiry": iso_from_time32(one.expiry)} for one in crl.hashes
        ]
    return described | {"coer": crl.octets}


def judge_scms_crl(crl: ScmsCrl, evidence: Evidence, at: int) -> list[Certificate]:
    """The verified path of a CRL's signer, a root last. Raises InvalidCrl, InvalidChain, ConfigError."""
    store = scms_store([evidence.trusted()])
    for candidate in evidence.candidates:  # CAs between; what does not verify is not known then
        with suppress(InvalidChain):
            store.add(candidate, at)
    trust = KnownSigners(store, (*evidence.candidates, *crl.message.signer_certificates))
    return list(trust.path(crl.verify(trust, at), at))


# --- rules -----------------------------------------------------------------------------------------------


def lint_scms_crl(octets: bytes) -> Sequence[Finding]:
    """What is wrong with a CRL; [] for nothing. What cannot be read has that finding alone."""
    try:
        crl = ScmsCrl.parse(octets)
    except (DecodeError, UnexpectedContent, InvalidCrl, CryptoError) as error:
        return [Finding(CRL_RULES["e_scms_crl_readable"], str(error))]
    return run(CRL_RULES.values(), crl, _FOREVER)


_Test = Callable[[ScmsCrl], str | None]


def _rule(name: str, clause: str, description: str) -> Callable[[_Test], _Test]:
    return rule_of(CRL_RULES, "list", name, clause, description)


@_rule("e_scms_crl_readable", "IEEE 1609.2 7.3", "CrlContents of version 1, in a form that is read here")
def _readable(_: ScmsCrl) -> str | None:
    return None


@_rule("e_scms_crl_header", "IEEE 1609.2 7.4", "psid 256, nothing else")
def _header(crl: ScmsCrl) -> str | None:
    others = [name for name, value in crl.message.header._asdict().items() if value is not None]
    return None if others == ["psid"] else ", ".join(others)


@_rule("e_scms_crl_signer", "IEEE 1609.2 7.4", "the signer is one digest or one certificate, with psid 256")
def _signer(crl: ScmsCrl) -> str | None:
    held = crl.message.signer_certificates
    if crl.message.is_self_signed or len(held) > 1:
        return crl.message.signer.kind
    try:
        for certificate in held:
            check_signer(certificate)
    except InvalidCrl as error:
        return str(error)
    return None


@_rule("e_scms_crl_schedule", "IEEE 1609.2 7.3.2", "nextCrl is after issueDate")
def _schedule(crl: ScmsCrl) -> str | None:
    return None if crl.next_crl > crl.issue_date else f"{crl.next_crl} after {crl.issue_date}"


@_rule("w_scms_crl_period", "use in the field", "holds for a month at most")
def _period(crl: ScmsCrl) -> str | None:
    seconds = crl.next_crl - crl.issue_date
    return None if seconds <= _MONTH else f"{seconds // 86_400} days"


@_rule("e_scms_crl_series", "IEEE 1609.2 5.1.3", "crlSeries and crlCraca are not zero")
def _series(crl: ScmsCrl) -> str | None:
    return None if crl.series and any(crl.craca) else f"series {crl.series}, CRACA {crl.craca.hex()}"


@_rule("e_scms_crl_entry_once", "IEEE 1609.2 7.3", "each entry once")
def _once(crl: ScmsCrl) -> str | None:
    names: list[object] = [*(one.entry for one in crl.linked), *(one.id10 for one in crl.hashes)]
    twice = len(names) - len(set(names))
    return f"{twice} more than once" if twice else None


@_rule("e_scms_crl_imax", "IEEE 1609.2 7.3.6", "no entry ends before iRev, and each has certificates")
def _imax(crl: ScmsCrl) -> str | None:
    i_rev = crl.i_rev or 0
    bad = [one for one in crl.linked if one.i_max < i_rev or not one.j_max]
    return f"{len(bad)}, e.g. iMax {bad[0].i_max}, jmax {bad[0].j_max}" if bad else None


@_rule("e_scms_crl_las", "IEEE 1609.2.1 4.1.4", "the seeds of an entry are of two linkage authorities")
def _two(crl: ScmsCrl) -> str | None:
    bad = [one for one in crl.linked if one.entry.la_id1 == one.entry.la_id2]
    return f"{len(bad)}, of {bad[0].entry.la_id1.hex()}" if bad else None


@_rule("w_scms_crl_expired", "use in the field", "no hash of a certificate that ended before issueDate")
def _expired(crl: ScmsCrl) -> str | None:
    bad = [one for one in crl.hashes if one.expiry <= crl.issue_date]
    return f"{len(bad)}, e.g. {bad[0].id10.hex()}" if bad else None
