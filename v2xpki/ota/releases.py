"""Releases: staged, approved, signing, published, withdrawing, withdrawn.

    releases.add(engineer, NewRelease.parse(body))    provenance checked, image in its place, recorded
    releases.approve(approver, id)                    never by who added it
    releases.request_signatures(engineer)             targets with what is approved, without what is withdrawn
    releases.withdraw(engineer, id, reason)

What the targets' signers then do is followed by `ReleaseFollower`, in the transactions that do it. The image
goes to where it is handed out before its release is recorded: no targets name it yet, and its path has its
SHA-256.
"""

import contextlib
import hmac
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.config.ota import (
    APPROVED,
    PUBLISHED,
    SIGNING,
    STAGED,
    WITHDRAWING,
    WITHDRAWN,
    OtaPolicy,
)
from v2xpki.disk import room_for
from v2xpki.errors import DecodeError, InvalidProvenance, Refused
from v2xpki.ota.desk import Operator, Reason
from v2xpki.ota.files import beside, sha256_of, sync_folder, write_durably
from v2xpki.ota.metadata import TargetEntry
from v2xpki.ota.new_release import NewRelease
from v2xpki.ota.publishing import TargetsChange
from v2xpki.ota.rows import Request, tx_alone
from v2xpki.ota.uploads import Finished, Uploads
from v2xpki.store import Database, Transaction, random_key
from v2xpki.store.base import table_of
from v2xpki.store.image import Approval, Attestation, Release
from v2xpki.trust.ota.fields import ImageFields
from v2xpki.trust.ota.names import attestation_of, file_of
from v2xpki.trust.ota.provenance import Accepted, Policy, check

_t, _a, _p = table_of(Release).c, table_of(Approval).c, table_of(Attestation).c


class TargetsRoles(Protocol):
    """The Image repository, as releases need it."""

    def covering(self, path: str) -> Sequence[str]:
        """The targets roles that may name a path, delegated ones first."""
        ...

    def request_targets(
        self, role: str, *, add: Mapping[str, TargetEntry], remove: Sequence[str], by: str
    ) -> Request:
        """Ask a role's signers for a new version; its request. Raises Refused."""
        ...

    def delegation_asked(self, role: str, path: str) -> Request | None:
        """The open request by which a delegated role may name a path once it is published."""
        ...


class Found(NamedTuple):
    """A release with who approved it, (name, TAI seconds), and its provenance."""

    row: Any
    fields: ImageFields
    approvals: tuple[tuple[str, int], ...]
    provenance: Accepted


class Releases:
    """policy: of provenance; None takes no release."""

    def __init__(
        self, database: Database, uploads: Uploads, images: Path, repository: TargetsRoles,
        settings: OtaPolicy, policy: Policy | None,
    ) -> None:  # fmt: skip
        self._database, self._uploads, self._images = database, uploads, images
        self._repository, self._settings, self._policy = repository, settings, policy
        self._clock = database.clock

    # --- in -------------------------------------------------------------------------------------------

    def add(self, operator: Operator, wanted: NewRelease, *, role: str | None = None) -> list[bytes]:
        """The ids, one a hardware id. role: the targets role that is to sign, by default the nearest that
        may. Raises InvalidProvenance, Refused, StoreError, DiskFull; then nothing has come of it, and the
        upload is kept for another try, but for one that is not what was to be sent (CHECKSUM)."""
        try:
            with self._uploads.finished(wanted.upload, operator.name) as image:
                _require_meant(wanted, image)
                accepted = self._accepted(wanted, image.sha256)
                ids = self._take(operator, wanted, image, accepted, role)
        except Refused as error:
            if error.reason is Reason.CHECKSUM:
                self._forget(wanted.upload, operator)
            raise
        self._forget(wanted.upload, operator)
        return ids

    def check(self, wanted: NewRelease, *, role: str | None = None) -> list[tuple[str, str]]:
        """What `add` would refuse without a look at the image, whose SHA-256 is taken as it is said: (path,
        role that is to sign) of each. Before an upload of hours. Raises as `add`, DecodeError."""
        if wanted.sha256 is None:
            raise DecodeError("sha256 is missing: the provenance is of an image with a SHA-256")
        self._accepted(wanted, wanted.sha256)
        paths = [wanted.path(fields) for fields in wanted.fields]
        roles = [self._role(path, role) for path in paths]
        with self._database.read() as tx:
            for fields in wanted.fields:
                self._require_free(tx, fields)
                self._check_counter(tx, fields, pending=True)
        return list(zip(paths, roles, strict=True))

    def _accepted(self, wanted: NewRelease, sha256: str) -> list[Accepted]:
        return [
            check(wanted.attestation, self._policy, sha256, name=one.name, hardware_id=one.hardware_id)
            for one in wanted.fields
        ]

    def _forget(self, upload: str, operator: Operator) -> None:
        # gone at the next round otherwise
        with contextlib.suppress(Refused, OSError):
            self._uploads.delete(upload, operator.name)

    def _take(
        self, operator: Operator, wanted: NewRelease, image: Finished, accepted: Sequence[Accepted],
        role: str | None,
    ) -> list[bytes]:  # fmt: skip
        paths = [wanted.path(fields) for fields in wanted.fields]
        roles = [self._role(path, role) for path in paths]
        ids = [random_key() for _ in paths]
        with room_for(self._images), contextlib.ExitStack() as stack:
            targets = [self._images / file_of(path, image.sha256) for path in paths]
            ready = [stack.enter_context(beside(one.parent, image.path, image.sha256)) for one in targets]
            undo = stack.enter_context(contextlib.ExitStack())
            with self._database.write(durable=True) as tx:
                tx_alone(tx)  # of two that come with one counter, one is the second
                for n, fields in enumerate(wanted.fields):
                    self._require_free(tx, fields)
                    self._check_counter(tx, fields, pending=True)
                    self._record(tx, ids[n], operator, wanted, fields, image, accepted[n], roles[n])
                # Recorded by nobody else, as each path is: so these files are ours to take back.
                for temporary, target, path in zip(ready, targets, paths, strict=True):
                    undo.callback(target.unlink, missing_ok=True)
                    temporary.replace(target)
                    beside_it = self._images / attestation_of(path, image.sha256)
                    undo.callback(beside_it.unlink, missing_ok=True)
                    write_durably(beside_it, wanted.attestation)
                    sync_folder(target.parent)
            undo.pop_all()
        return ids

    def _record(
        self, tx: Transaction, identifier: bytes, operator: Operator, wanted: NewRelease,
        fields: ImageFields, image: Finished, accepted: Accepted, role: str,
    ) -> None:  # fmt: skip
        path, now = wanted.path(fields), self._clock.time32()
        tx.insert(
            Release, id=identifier, path=path, role=role, name=fields.name, version=fields.version,
            hardware_id=fields.hardware_id, release_counter=fields.release_counter, length=image.length,
            sha256=image.sha256, custom=json.dumps(fields.document()),
            state=STAGED if self._settings.approvals else APPROVED, reason="", added_by=operator.name,
            added=now, published=None, withdrawn=None,
        )  # fmt: skip
        tx.insert(Attestation, release=identifier, octets=wanted.attestation, **accepted._asdict())
        tx.audit(
            Event.RELEASE_ADDED, release=identifier, path=path, release_counter=fields.release_counter,
            digest=image.sha256, builder=accepted.builder, keyid=accepted.keyid, operator=operator.name,
        )  # fmt: skip

    def _role(self, path: str, wanted: str | None) -> str:
        may = self._repository.covering(path)
        if wanted is not None and wanted not in may:
            asked = self._repository.delegation_asked(wanted, path)
            coming = asked and (
                f"; {wanted} may once targets version {asked.version}, request {asked.id.hex()[:16]}, is "
                "published: `v2xpki ota sign show` says whose signatures are missing"
            )
            raise Refused(
                Reason.FIELD, f"role {wanted} may not name {path}; {', '.join(may)} may{coming or ''}"
            )
        return wanted or may[0]

    def _require_sound(self, row: Any) -> None:
        """Raises Refused unless what is to be handed out is there, octet by octet what was added, and
        InvalidProvenance unless its statement still satisfies the policy: people put their names to it. Reads
        all of the image, a block at a time."""
        try:
            found = sha256_of(self._images / file_of(row.path, row.sha256))
        except FileNotFoundError:
            found = ""
        if found != row.sha256:
            fault = "damaged" if found else "gone"
            raise Refused(
                Reason.STATE,
                f"the image of {row.path} is {fault}; withdraw the release ({row.id.hex()}) and add it anew",
            )
        with self._database.read() as tx:
            octets = tx.execute(sa.select(_p.octets).where(_p.release == row.id)).scalar_one()
        try:
            check(octets, self._policy, row.sha256, name=row.name, hardware_id=row.hardware_id)
        except InvalidProvenance as error:
            raise InvalidProvenance(
                f"{row.path}: its statement of provenance is not accepted any more: {error}",
                rule=error.rule,
            ) from error

    @staticmethod
    def _require_free(tx: Transaction, fields: ImageFields) -> None:
        """Raises Refused where a release has the name and version for the hardware, whatever its file is
        called: one version is one image, and what was out is that for ever."""
        named = _t.name == fields.name, _t.version == fields.version, _t.hardware_id == fields.hardware_id
        holds = _t.published.is_not(None) | (_t.state != WITHDRAWN)
        order = _t.published.is_(None), _t.path
        row = tx.execute(sa.select(*_t).where(*named, holds).order_by(*order)).first()
        if row is None:
            return
        that = f"{fields.name} {fields.version} for {fields.hardware_id}"
        what = f"{that} is release {row.id.hex()}, {row.path}"
        if row.published is not None:
            raise Refused(Reason.STATE, f"{what}, which was published: another image needs another version")
        raise Refused(
            Reason.STATE,
            f"{what}, which is {row.state}: withdraw that "
            f"(`v2xpki ota release withdraw {row.id.hex()} --reason ...`), or give another version",
        )

    @staticmethod
    def _check_counter(tx: Transaction, fields: ImageFields, *, pending: bool) -> None:
        """Raises Refused unless the counter is above all that were ever published of the name for the
        hardware (pending: or are on the way), or the release says expressly that it goes back."""
        if fields.rollback_from is not None:
            return
        counts: sa.ColumnElement[bool] = _t.published.is_not(None)
        if pending:
            counts = counts | (_t.state != WITHDRAWN)
        highest = tx.execute(
            sa.select(sa.func.max(_t.release_counter)).where(
                _t.name == fields.name, _t.hardware_id == fields.hardware_id, counts
            )
        ).scalar()
        if highest is not None and fields.release_counter <= highest:
            raise Refused(
                Reason.FIELD,
                f"releaseCounter {fields.release_counter} is not above {highest}, which {fields.name} for "
                f"{fields.hardware_id} has; rollbackFrom says that it goes back",
            )

    # --- on -------------------------------------------------------------------------------------------

    def approve(self, operator: Operator, identifier: bytes) -> Found:
        """One more approval; with enough of them the release is approved. Raises Refused,
        InvalidProvenance."""
        seen = self.get(identifier).row
        self._require_approvable(operator, seen)
        # an image may take seconds to read: not while others wait to write
        self._require_sound(seen)
        with self._database.write(durable=True) as tx:
            row = _locked(tx, identifier)
            self._require_approvable(operator, row)
            now = self._clock.time32()
            if not tx.insert_if_new(Approval, release=identifier, operator=operator.name, approved=now):
                raise Refused(Reason.STATE, f"{operator.name} has approved it before")
            count = tx.execute(sa.select(sa.func.count()).where(_a.release == identifier)).scalar_one()
            if count >= self._settings.approvals:
                _move(tx, identifier, APPROVED)
            tx.audit(Event.RELEASE_APPROVED, release=identifier, digest=row.sha256, operator=operator.name)
        return self.get(identifier)

    @staticmethod
    def _require_approvable(operator: Operator, row: Any) -> None:
        if row.added_by == operator.name:
            raise Refused(Reason.ROLE, f"{operator.name} added it, and so approves it not")
        if row.state != STAGED:
            raise Refused(Reason.STATE, f"the release is {row.state}, not {STAGED}")

    def withdraw(self, operator: Operator, identifier: bytes, reason: str) -> Found:
        """Never to be published, its version and path free for another; of a published one the next targets
        are without it, once they are signed. Raises Refused."""
        with self._database.write(durable=True) as tx:
            row = _locked(tx, identifier)
            if row.state == SIGNING:
                raise Refused(
                    Reason.STATE,
                    "its signing request is open; drop that first: `v2xpki ota sign show` has its id, "
                    "`v2xpki ota sign drop ID --reason ...` ends it",
                )
            if row.state in (WITHDRAWING, WITHDRAWN):
                raise Refused(Reason.STATE, f"the release is {row.state} already")
            if row.state == PUBLISHED:
                _move(tx, identifier, WITHDRAWING, reason=reason)
            else:
                _move(
                    tx, identifier, WITHDRAWN, reason=reason, withdrawn=self._clock.time32(),
                    path=_freed(row.path, identifier),
                )  # fmt: skip
            tx.audit(Event.RELEASE_WITHDRAWN, release=identifier, reason=reason, operator=operator.name)
        return self.get(identifier)

    def request_signatures(
        self, operator: Operator, role: str, only: Sequence[bytes] | None = None, *, renewal: bool = False
    ) -> Request:
        """Ask a targets role's signers for all that is approved and against all that is to be withdrawn, or
        for and against `only` these. renewal: also where there is nothing of either, for a longer time. The
        repository's request. Raises Refused, InvalidProvenance."""
        with self._database.read() as tx:
            waiting = tx.execute(
                sa.select(*_t).where(_t.role == role, _t.state.in_((APPROVED, WITHDRAWING))).order_by(_t.path)
            ).all()
            chosen = [row for row in waiting if only is None or row.id in only]
            if only is not None and len(chosen) != len(set(only)):
                raise Refused(Reason.STATE, f"not all of them are {APPROVED} or {WITHDRAWING}, of {role}")
            if not chosen and not renewal:
                raise Refused(Reason.STATE, _nothing_waits(tx, role))
            approved = [row for row in chosen if row.state == APPROVED]
            for row in approved:
                self._check_counter(tx, _fields(row), pending=False)
        for row in approved:
            self._require_sound(row)
        return self._repository.request_targets(
            role,
            add={row.path: TargetEntry(row.length, row.sha256, json.loads(row.custom)) for row in approved},
            remove=[row.path for row in chosen if row.state == WITHDRAWING],
            by=operator.name,
        )

    # --- what there is --------------------------------------------------------------------------------

    def get(self, identifier: bytes) -> Found:
        """Raises Refused (UNKNOWN)."""
        found = self._find(_t.id == identifier)
        if not found:
            raise _unknown(identifier)
        return found[0]

    def all(
        self, *, state: str | None = None, name: str | None = None, path: str | None = None,
        beginning: str = "",
    ) -> list[Found]:  # fmt: skip
        """The last added first. beginning: of their ids, in hex."""
        where: sa.ColumnElement[bool] = sa.true()
        if state is not None:
            where = where & (_t.state == state)
        if name is not None:
            where = where & (_t.name == name)
        if path is not None:
            where = where & (_t.path == path)
        return [one for one in self._find(where) if one.row.id.hex().startswith(beginning)]

    def _find(self, where: "sa.ColumnElement[bool]") -> list[Found]:
        order = (_t.added.desc(), _t.path)
        with self._database.read() as tx:
            rows = tx.execute(
                sa.select(*_t, _p.predicate_type, _p.builder, _p.keyid)
                .join(Attestation, _p.release == _t.id)
                .where(where)
                .order_by(*order)
            ).all()
            said = tx.execute(
                sa.select(_a.release, _a.operator, _a.approved)
                .join(Release, _a.release == _t.id)
                .where(where)
                .order_by(_a.approved, _a.operator)
            ).all()
        approvals: dict[bytes, list[tuple[str, int]]] = {}
        for one in said:
            approvals.setdefault(one.release, []).append((one.operator, one.approved))
        return [
            Found(
                row,
                _fields(row),
                tuple(approvals.get(row.id, ())),
                Accepted(row.predicate_type, row.builder, row.keyid),
            )
            for row in rows
        ]


class ReleaseFollower:
    """Moves releases on with the targets that name them, in the repository's own transactions."""

    def requested(self, tx: Transaction, change: TargetsChange) -> None:
        """A request for signatures is recorded. Raises Refused for what is not approved."""
        for path in change.added:
            row = _by_path(tx, path)
            if row is None or row.state != APPROVED or row.role != change.role:
                raise Refused(Reason.STATE, f"{path} is no release that is {APPROVED} for {change.role}")
            _move(tx, row.id, SIGNING)
            tx.audit(
                Event.RELEASE_SIGNING, release=row.id, request=change.request, role=change.role,
                version=change.version,
            )  # fmt: skip

    def published(self, tx: Transaction, change: TargetsChange) -> None:
        """The targets are out."""
        now = tx.database.clock.time32()
        for path in change.added:
            row = _by_path(tx, path)
            if row is not None:
                _move(tx, row.id, PUBLISHED, published=now)
                tx.audit(Event.RELEASE_PUBLISHED, release=row.id, role=change.role, version=change.version)
        for path in change.removed:
            row = _by_path(tx, path)
            if row is not None:
                _move(tx, row.id, WITHDRAWN, withdrawn=now)
                tx.audit(Event.RELEASE_REMOVED, release=row.id, role=change.role, version=change.version)

    def dropped(self, tx: Transaction, change: TargetsChange) -> None:
        """The request will not be signed: what it would have brought may be asked for again."""
        for path in change.added:
            row = _by_path(tx, path)
            if row is not None and row.state == SIGNING:
                _move(tx, row.id, APPROVED)


def _nothing_waits(tx: Transaction, role: str) -> str:
    """Why a request for signatures of the role would be an empty one, and for which roles it would not."""
    waiting = tx.execute(
        sa.select(_t.role, _t.state, sa.func.count().label("number"))
        .where(_t.state.in_((APPROVED, WITHDRAWING)))
        .group_by(_t.role, _t.state)
        .order_by(_t.role, _t.state)
    ).all()
    parts = [f"nothing is approved for {role}"]
    for one in waiting:
        what = "" if one.state == APPROVED else " to withdraw"
        parts.append(f"{one.role} has {one.number}{what}: --role {one.role}")
    return "; ".join(parts)


def _fields(row: Any) -> ImageFields:
    return ImageFields.parse(json.loads(row.custom))


def _require_meant(wanted: NewRelease, image: Finished) -> None:
    if wanted.sha256 is not None and not hmac.compare_digest(wanted.sha256, image.sha256):
        raise Refused(
            Reason.CHECKSUM,
            f"the image's SHA-256 is {image.sha256}, not {wanted.sha256}; the upload is deleted",
        )


def _freed(path: str, identifier: bytes) -> str:
    """The path of a release that was never out, once it is withdrawn: no target's, for none has a `#`."""
    return f"{path}#{identifier.hex()}"


def _locked(tx: Transaction, identifier: bytes) -> Any:
    row = tx.execute(sa.select(*_t).where(_t.id == identifier).with_for_update()).one_or_none()
    if row is None:
        raise _unknown(identifier)
    return row


def _by_path(tx: Transaction, path: str) -> Any:
    return tx.execute(sa.select(*_t).where(_t.path == path).with_for_update()).one_or_none()


def _move(tx: Transaction, identifier: bytes, state: str, **more: Any) -> None:
    tx.execute(sa.update(Release).where(_t.id == identifier).values(state=state, **more))


def _unknown(identifier: bytes) -> Refused:
    return Refused(Reason.UNKNOWN, f"no release {identifier.hex()}")
