"""The files that an RA has for devices (IEEE 1609.2.1 8.2): names, contents, and when they should be there.

<H8>.info           RaEeCertInfo, unsecured, made anew each time
<H8>_<I hex>.zip    the certificates of one period; of an application certificate, the period it starts in
<H8>.oer            the EcaEeCertResponse for a successor

H8: the HashedId8 of the request as it was sent, encrypted; of any envelope that it was sent in. Hex in upper
case, without leading zeros in I.
"""

import re
from hashlib import sha256
from typing import NamedTuple, Self

import sqlalchemy as sa

from v2xpki import wire
from v2xpki.authorities.periods import Periods
from v2xpki.authorities.scms.ra_batches import next_download
from v2xpki.authorities.scms.ra_reasons import RaReason, refusal
from v2xpki.config import ScmsPolicy
from v2xpki.secured import unsecured
from v2xpki.store import Database, Statement
from v2xpki.store.base import table_of
from v2xpki.store.ra import (
    ACTIVE,
    APPLICATION,
    REFUSED,
    STOPPED,
    TAKEN,
    WAITING,
    RaBatch,
    RaDevice,
    RaName,
    RaRequest,
    RaSuccessor,
)
from v2xpki.time import Clock
from v2xpki.wire import scms

OCTETS, ZIP = "application/octet-stream", "application/zip"

_DEVICE, _REQUEST = table_of(RaDevice), table_of(RaRequest)
_BATCH, _SUCCESSOR, _NAME = table_of(RaBatch), table_of(RaSuccessor), table_of(RaName)


def _kept_by() -> sa.ColumnElement[bytes]:
    """The hash that files are kept by, of the one that they are asked for by."""
    asked_for = sa.bindparam("request_hash", type_=sa.LargeBinary())
    first = sa.select(_NAME.c.first).where(_NAME.c.request_hash == asked_for).scalar_subquery()
    return sa.func.coalesce(first, asked_for, type_=sa.LargeBinary())


_OF_HASH = Statement(
    sa.select(
        _REQUEST.c.id,
        _REQUEST.c.device,
        _REQUEST.c.kind,
        _REQUEST.c.last,
        _REQUEST.c.following,
        _REQUEST.c.expires,
        _DEVICE.c.status,
    )
    .join(_DEVICE, _DEVICE.c.id == _REQUEST.c.device)
    .where(_REQUEST.c.request_hash == _kept_by())
)
_ARCHIVE = Statement(
    sa.select(_BATCH.c.archive, _BATCH.c.state).where(
        _BATCH.c.request == sa.bindparam("request"), _BATCH.c.period == sa.bindparam("period")
    )
)
_WAITS = Statement(
    sa.select(_BATCH.c.period).where(
        _BATCH.c.request == sa.bindparam("request"),
        sa.or_(_BATCH.c.state == WAITING, _BATCH.c.state == TAKEN),
    )
)
_RESPONSE = Statement(
    sa.select(_SUCCESSOR.c.device, _SUCCESSOR.c.response).where(_SUCCESSOR.c.request_hash == _kept_by())
)
_FORM = re.compile(r"([0-9A-F]{16})(?:\.(info|oer)|_(0|[1-9A-F][0-9A-F]{0,3})\.zip)")


class FileName(NamedTuple):
    """kind: info, zip or oer. period: of a ZIP, else None."""

    request_hash: bytes
    kind: str
    period: int | None = None

    def __str__(self) -> str:
        stem = self.request_hash.hex().upper()
        return f"{stem}.{self.kind}" if self.period is None else f"{stem}_{self.period:X}.zip"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None for anything but the one form of a name."""
        found = _FORM.fullmatch(text)
        if found is None:
            return None
        name = bytes.fromhex(found[1])
        return cls(name, found[2]) if found[2] else cls(name, "zip", int(found[3], 16))


class ScmsFile(NamedTuple):
    """What a device downloads. etag: a strong one, quoted, of the octets."""

    name: str
    octets: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, name: FileName, octets: bytes) -> Self:
        media_type = ZIP if name.kind == "zip" else OCTETS
        return cls(str(name), octets, media_type, f'"{sha256(octets).hexdigest()}"')


class Downloads:
    """For all threads of a process."""

    def __init__(self, database: Database, clock: Clock, policy: ScmsPolicy, periods: Periods) -> None:
        self._database, self._clock = database, clock
        self._policy, self._periods = policy, periods

    def certificates(self, name: FileName, device: bytes | None, *, anybody: bool = False) -> ScmsFile:
        """A .info or .zip of this device; of anybody who knows its name, where so told. Another's file is
        refused as one that is not there. Raises RefusedRequest."""
        row = self._database.row(_OF_HASH, request_hash=name.request_hash)
        if row is None or not (anybody or row[1] == device) or name.kind == "oer":
            raise refusal(RaReason.NO_FILE)
        request, _, kind, last, following, expires, status = row
        if status != ACTIVE:  # whoever asks, for it
            raise refusal(RaReason.BLOCKED)
        if name.period is None:
            next_dl_time = next_download(
                self._periods,
                self._policy,
                self._clock.time32(),
                waits=self._database.row(_WAITS, request=request) is not None,
                following=following if following <= last else None,
                end=expires if kind == APPLICATION else self._periods.end(last),
            )
            return ScmsFile.of(name, self._info(name.request_hash, next_dl_time))
        batch = self._database.row(_ARCHIVE, request=request, period=name.period)
        if batch is not None and batch[0] is not None:
            return ScmsFile.of(name, batch[0])
        unpacked = batch is not None and batch[1] not in (REFUSED, STOPPED)
        comes = batch is None and following <= name.period <= last
        raise refusal(RaReason.NOT_YET if unpacked or comes else RaReason.NO_FILE)

    def successor(self, name: FileName, device: bytes | None) -> ScmsFile:
        """The ECA's answer to a request of this device. Raises RefusedRequest."""
        row = self._database.row(_RESPONSE, request_hash=name.request_hash)
        if row is None or row[0] != device or name.kind != "oer":
            raise refusal(RaReason.NO_FILE)
        return ScmsFile.of(name, row[1])

    def _info(self, request_hash: bytes, next_dl_time: int) -> bytes:
        now = self._clock.time32()
        info = scms.RaEeCertInfo(
            version=2,
            generation_time=now,
            current_i=self._periods.at(now),
            request_hash=request_hash,
            next_dl_time=next_dl_time,
        )
        inner = scms.EeRaInterfacePdu("raEeCertInfo", info)
        return unsecured(wire.encode(scms.ScmsPdu(2, scms.ScmsPduContent("ee-ra", inner))))
