"""What an RA tells everybody: its policy, and how fresh the lists are (certificate-management-info-status).

The policy is JSON and not signed: IEEE 1609.2.1 leaves its form open, a device is bound by it whether it
believes it or not, and what it asks beyond is refused. It comes over TLS where that matters.
"""

import json
from collections.abc import Mapping
from typing import Protocol

from v2xpki.authorities.ledger import AnswerLedger
from v2xpki.config import ScmsPolicy
from v2xpki.keystore import ScmsResponder
from v2xpki.time import Clock
from v2xpki.trust.scms_kinds import CertificateKind
from v2xpki.wire import dot2, scms


class ManagementInfo(Protocol):
    """Who knows which CRLs, CTLs and chains are out: the distribution."""

    def info_status(self) -> scms.CertificateManagementInfoStatus:
        """As things are now; `ra` is left out."""
        ...


class InfoStatus:
    """Signs the status, once for each one that is different. For all threads of a process."""

    def __init__(self, responder: ScmsResponder, ledger: AnswerLedger, source: ManagementInfo) -> None:
        self._responder, self._ledger, self._source = responder, ledger, source
        self._last: tuple[scms.CertificateManagementInfoStatus, bytes] | None = None

    def octets(self) -> bytes:
        """The CertificateManagementInformationStatusSpdu. `ra`: since when the RA's certificate is valid."""
        status = self._source.info_status()._replace(ra=self._responder.certificate.start)
        last = self._last
        if last is not None and last[0] == status:
            return last[1]
        self._ledger.enter("infoStatus")
        inner = scms.CertManagementPdu("infoStatus", status)
        octets = self._responder.respond(scms.ScmsPdu(2, scms.ScmsPduContent("cert", inner)))
        self._last = status, octets
        return octets


def policy_document(policy: ScmsPolicy, kinds: Mapping[str, CertificateKind], clock: Clock) -> bytes:
    """The parameters of IEEE 1609.2.1 4.3 that devices go by, as JSON, UTF-8. Times in seconds, moments in
    TAI seconds since 2004."""
    document = {
        "version": 1,
        "generationTime": clock.time32(),
        "iPeriod": {"epoch": policy.epoch, "length": policy.period, "overlap": policy.overlap},
        "certificatesPerPeriod": policy.certificates,
        "preload": policy.preload,
        "maxPreload": policy.max_preload,
        "butterfly": list(policy.butterfly),
        "generationTimeWindow": policy.generation_time_window,
        "maxRequestsPerDay": policy.requests_per_day,
        "downloadMaxAge": policy.download_max_age,
        "certificates": {
            name: {
                "certificatesPerPeriod": kind.certificates or policy.certificates,
                "parallel": kind.parallel,
                "validity": kind.validity or policy.period + policy.overlap,
                "permissions": [_range(entry) for entry in kind.permissions],
            }
            for name, kind in kinds.items()
            if kind.enabled
        },
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _range(entry: dot2.PsidSspRange) -> dict[str, object]:
    limit = entry.ssp_range
    told: dict[str, object] = {"psid": entry.psid}
    if limit is not None and limit.kind == "all":
        told["all"] = True
    elif limit is not None and isinstance(limit.value, dot2.BitmapSspRange):
        told |= {"value": limit.value.ssp_value.hex(), "mask": limit.value.ssp_bitmask.hex()}
    return told
