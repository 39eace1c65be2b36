"""What a reader can do with a demo's folder: commands to be copied, by profile."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from v2xpki.demo.report import Report
from v2xpki.demo.report_etsi import EtsiReport
from v2xpki.demo.report_ota import OtaReport
from v2xpki.demo.report_scms import ScmsReport

Part = tuple[str, list[str]]  # what for, and lines


def next_steps(report: Report, command: str, docs: Path | None) -> Iterator[Part]:
    """command: how the reader calls v2xpki; docs: where its guides are."""
    directory = str(report.directory)
    quoted = shlex.quote(directory)
    for title, lines in _parts(report, command, docs, quoted):
        if quoted == directory:
            yield title, lines
        else:
            yield title, [line.replace("$D", '"$D"').replace("$C", '"$C"') for line in lines]


def _parts(report: Report, command: str, docs: Path | None, quoted: str) -> Iterator[Part]:
    served = f"Serve it again, at {report.http_url} and {report.base_url} (TLS CA: $D/tls/ca.pem)"
    yield served, [f"D={quoted}", f"{command} serve $D"]
    if isinstance(report, EtsiReport):
        yield from _etsi(report, command)
    if isinstance(report, ScmsReport):
        yield from _scms(report, command)
    if isinstance(report, OtaReport):
        yield from _ota(report, command)
    if docs is not None:
        guides = [f"{docs}/{name}-guide.md" for name in ("integrators", "operators")]
        if isinstance(report, ScmsReport):
            guides.append(f"{docs}/privacy.md")
        if isinstance(report, OtaReport):
            guides = [f"{docs}/ota-guide.md", f"{docs}/runbooks.md"]
        yield "Read how to connect a unit, how to run a PKI", guides


def _etsi(report: EtsiReport, command: str) -> Iterator[Part]:
    yield (
        f"Let your own station enrol; the TLM that it trusts is {report.tlm.hex8}",
        [f"{command} station register $D --id my-unit --key my-unit.pub.pem"],
    )
    yield "Verify one of the messages by itself", _verify_example(report, command)
    yield (
        "Take messages apart in Wireshark; look at requests and answers as they were sent",
        ["$D/artifacts/messages.pcap", "$D/artifacts/wire"],
    )


def _scms(report: ScmsReport, command: str) -> Iterator[Part]:
    electors = " ".join(f"--elector $D/artifacts/certificates/{name}.oer" for name in _ELECTORS)
    yield (
        "Let a vehicle of your own enrol (a second shell, while it is served)",
        [
            f"{command} client scms init my-car --id my-car --url {report.base_url} --tls-ca $D/tls/ca.pem "
            f"{electors}",
            f"{command} station register $D --id my-car --key my-car/canonical.pub.pem",
            f"{command} client scms enrol my-car",
        ],
    )
    yield "Verify one of the messages by itself", _verify_example(report, command)
    yield (
        "Look at the CRL, and at requests and answers as they were sent",
        [f"{command} crl show $D/artifacts/lists/crl.oer", "$D/artifacts/wire"],
    )


def _ota(report: OtaReport, command: str) -> Iterator[Part]:
    yield (
        "Read the evidence for the type-approval authority, or make it anew",
        [
            *(f"$D/artifacts/evidence/{page.name}" for page in report.evidence),
            f"{command} ota evidence vehicle {report.vin} --instance $D --html vehicle.html",
        ],
    )
    yield (
        "See what is in force, and who has signed it",
        [f"{command} ota role list --instance $D", f"{command} ota sign show --instance $D --all"],
    )


_ELECTORS = ("elector1", "elector2", "elector3")


def _verify_example(report: Report, command: str) -> list[str]:
    message = next((entry for entry in report.messages if entry.verdict == "valid"), None)
    if message is None:
        return []
    chain = " ".join(f"$C/{path.name}" for path in message.chain)
    return [
        "C=$D/artifacts/certificates",
        f"{command} data verify $D/artifacts/messages/{message.file.name} --chain {chain}",
    ]
