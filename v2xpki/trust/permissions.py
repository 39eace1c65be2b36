"""Permission containment: what a certificate may hold under its issuer (IEEE 1609.2 5.1.2.4).

A certificate's `certIssuePermissions` are compiled once into `Grants`; checking one ticket under an
issuer seen before is then a look-up. Containment must be proven by one group and one range of the
issuer: what only a union of several would allow is refused.

A range without sspRange allows an absent SSP alone, as the recorded EU certificates use it; a bitmap
fits only a bitmap of the same length.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from v2xpki.crypto import Certificate
from v2xpki.errors import PermissionDenied
from v2xpki.wire import dot2

EndEntity = Literal["app", "enrol"]
APP, ENROL = 0x80, 0x40  # EndEntityType, a BIT STRING of eight bits
_BITS: dict[str, int] = {"app": APP, "enrol": ENROL}
_REMEMBERED = 4096  # entries of each cache: distinct permission sets, issuers

Groups = Sequence[dot2.PsidGroupPermissions]
_Range = dot2.SspRange | None


def ssp_inside(ssp: dot2.ServiceSpecificPermissions | None, limit: dot2.SspRange | None) -> bool:
    """Whether an SSP (None: absent) is inside an SSP range (None: absent)."""
    if limit is None:
        return ssp is None
    if limit.kind == "all":
        return True
    if limit.kind == "opaque":
        assert isinstance(limit.value, tuple)
        if ssp is None:  # an empty entry stands for the absent SSP
            return b"" in limit.value
        return ssp.kind == "opaque" and ssp.value in limit.value
    if ssp is None or ssp.kind != "bitmapSsp":
        return False
    value, mask, size = _bitmap(limit)
    if size is None or len(ssp.value) != size:
        return False
    return (int.from_bytes(ssp.value, "big") ^ value) & mask == 0


def range_inside(inner: dot2.SspRange | None, outer: dot2.SspRange | None) -> bool:
    """Whether every SSP that `inner` allows is allowed by `outer`."""
    if outer is None:
        return inner is None
    if outer.kind == "all":
        return True
    if inner is None:
        return outer.kind == "opaque" and isinstance(outer.value, tuple) and b"" in outer.value
    if inner.kind != outer.kind:
        return False
    if outer.kind == "opaque":
        assert isinstance(outer.value, tuple) and isinstance(inner.value, tuple)
        return set(inner.value) <= set(outer.value)
    value, mask, size = _bitmap(outer)
    own, own_mask, own_size = _bitmap(inner)
    # each bit that the outer range fixes must be fixed by the inner one, to the same value
    return size is not None and size == own_size and mask & ~own_mask == 0 and (value ^ own) & mask == 0


def _bitmap(limit: dot2.SspRange) -> tuple[int, int, int | None]:
    """Value and mask as numbers and their length in octets; None where they do not go together."""
    assert isinstance(limit.value, dot2.BitmapSspRange)
    value, mask = limit.value.ssp_value, limit.value.ssp_bitmask
    size = len(value) if len(value) == len(mask) else None
    return int.from_bytes(value, "big"), int.from_bytes(mask, "big"), size


class _Group:
    """One PsidGroupPermissions; `ranges` is None for subjectPermissions `all`."""

    __slots__ = ("ee_type", "ranges", "reach", "shortest")

    def __init__(self, group: dot2.PsidGroupPermissions) -> None:
        self.shortest, self.reach = group.min_chain_length, group.chain_length_range
        self.ee_type = group.ee_type
        self.ranges: dict[int, list[_Range]] | None = None
        if group.subject_permissions.kind == "explicit":
            assert isinstance(group.subject_permissions.value, tuple)
            self.ranges = {}
            for entry in group.subject_permissions.value:
                self.ranges.setdefault(entry.psid, []).append(entry.ssp_range)

    def spans(self, shortest: int, reach: int) -> bool:
        """Whether chains of `shortest` to `shortest + reach` links (-1: any number) are the group's."""
        if shortest < 1 or reach < -1 or self.shortest < 1 or self.shortest > shortest:
            return False
        return self.reach == -1 or (reach >= 0 and shortest + reach <= self.shortest + self.reach)


class Grants:
    """The certIssuePermissions of one certificate (or of a station profile), ready for checking."""

    __slots__ = ("_accepted", "_groups", "_named")

    def __init__(self, groups: Groups | None) -> None:
        self._groups = [_Group(group) for group in groups or ()]
        # `all` covers only what no explicit range of the same certificate names (IEEE 1609.2 6.4.28)
        self._named = frozenset(psid for group in self._groups for psid in group.ranges or ())
        self._accepted: set[tuple[int, tuple[dot2.PsidSsp, ...]]] = set()

    @classmethod
    def of(cls, certificate: Certificate) -> "Grants":
        """The grants of a certificate; compiled once for each certificate."""
        found = _compiled.get(certificate.digest)
        if found is None:
            found = cls(certificate.record.to_be_signed.cert_issue_permissions)
            if len(_compiled) >= _REMEMBERED:
                _compiled.clear()
            _compiled[certificate.digest] = found
        return found

    @property
    def psids(self) -> frozenset[int]:
        """The PSIDs that are named."""
        return self._named

    def has(self, ee: EndEntity) -> bool:
        """Whether a group is for end entities of this type."""
        return any(group.ee_type & _BITS[ee] for group in self._groups)

    def check_app_permissions(self, permissions: Iterable[dot2.PsidSsp], ee: EndEntity = "app") -> None:
        """Raises PermissionDenied where a PSID or its SSP is beyond; chain length is one."""
        bits, wanted = _BITS[ee], tuple(permissions)
        # the tickets of a fleet hold few distinct permission sets: 0.6 us here against 5 for the search
        if (bits, wanted) in self._accepted:
            return
        for entry in wanted:
            self._check_one(entry, bits)
        if len(self._accepted) >= _REMEMBERED:
            self._accepted.clear()
        self._accepted.add((bits, wanted))

    def _check_one(self, entry: dot2.PsidSsp, bits: int) -> None:
        named = False
        for group in self._groups:
            if group.ee_type & bits and group.spans(1, 0):
                if group.ranges is None:
                    if entry.psid not in self._named:
                        return
                elif entry.psid in group.ranges:
                    named = True
                    if any(ssp_inside(entry.ssp, limit) for limit in group.ranges[entry.psid]):
                        return
        text = "absent" if entry.ssp is None else entry.ssp.value.hex()
        why = f"SSP {text} is outside the issuer's range" if named else "the issuer may not grant it"
        raise PermissionDenied(f"appPermissions psid {entry.psid}: {why}", rule="app-permissions")

    def check_requested(self, permissions: Iterable[dot2.PsidSsp]) -> None:
        """Raises PermissionDenied where a holder of these certRequestPermissions may not ask for a
        certificate with such appPermissions: chain length 0 is the one asked for (IEEE 1609.2 6.4.8)."""
        for entry in permissions:
            for group in self._groups:
                reach = group.shortest + group.reach
                if not group.ee_type & APP or group.shortest > 0 or (group.reach != -1 and reach < 0):
                    continue
                if group.ranges is None:
                    if entry.psid not in self._named:
                        break
                elif any(ssp_inside(entry.ssp, limit) for limit in group.ranges.get(entry.psid, ())):
                    break
            else:
                raise PermissionDenied(
                    f"psid {entry.psid} is beyond the certRequestPermissions", rule="app-permissions"
                )

    def check_issue_permissions(self, groups: Groups | None, field: str = "certIssuePermissions") -> None:
        """Raises PermissionDenied where a group of a subordinate's is not inside one of these."""
        restated = Grants(groups)._named
        for group in groups or ():
            shortest, reach = group.min_chain_length + 1, group.chain_length_range
            fitting = [
                g for g in self._groups if g.spans(shortest, reach) and group.ee_type & ~g.ee_type == 0
            ]
            if group.min_chain_length < 1:
                raise PermissionDenied(
                    f"{field}: minChainLength {group.min_chain_length} is below 1", rule="issue-permissions"
                )
            if group.subject_permissions.kind == "all":
                # what the issuer names explicitly must be restated, or `all` would widen it
                if not any(g.ranges is None for g in fitting) or not self._named <= restated:
                    raise PermissionDenied(
                        f"{field}: `all` is beyond the issuer's permissions", rule="issue-permissions"
                    )
                continue
            assert isinstance(group.subject_permissions.value, tuple)
            for entry in group.subject_permissions.value:
                if not any(self._covers(g, entry) for g in fitting):
                    raise PermissionDenied(
                        f"{field} psid {entry.psid}: chain length {group.min_chain_length}+"
                        f"{group.chain_length_range}, eeType {group.ee_type:02x} or range is beyond",
                        rule="issue-permissions",
                    )

    def _covers(self, group: _Group, entry: dot2.PsidSspRange) -> bool:
        if group.ranges is None:
            return entry.psid not in self._named
        return any(range_inside(entry.ssp_range, limit) for limit in group.ranges.get(entry.psid, ()))


_compiled: dict[bytes, Grants] = {}  # by digest of the whole certificate: never another's


def check_app_permissions(
    issuer: Certificate, permissions: Iterable[dot2.PsidSsp], ee: EndEntity = "app"
) -> None:
    """Raises PermissionDenied, naming the PSID, where `permissions` are beyond what `issuer` may grant."""
    Grants.of(issuer).check_app_permissions(permissions, ee)


def check_issue_permissions(issuer: Certificate, groups: Groups | None) -> None:
    """Raises PermissionDenied, naming the PSID, where certIssuePermissions are beyond the issuer's own."""
    Grants.of(issuer).check_issue_permissions(groups)


def check_confirmed_permissions(ea: Certificate, permissions: Iterable[dot2.PsidSsp]) -> None:
    """Raises PermissionDenied where an EA confirms more than the enrol groups of its certificate allow.

    No enrol group is no cap from the certificate.
    """
    grants = Grants.of(ea)
    if grants.has("enrol"):
        grants.check_app_permissions(permissions, "enrol")


def check_certificate(issuer: Certificate, tbs: dot2.ToBeSignedCertificate) -> None:
    """Raises PermissionDenied where any permissions of a subject are beyond its issuer's."""
    grants = Grants.of(issuer)
    if tbs.app_permissions:
        grants.check_app_permissions(tbs.app_permissions)
    if tbs.cert_issue_permissions:
        grants.check_issue_permissions(tbs.cert_issue_permissions)
    if tbs.cert_request_permissions:
        grants.check_issue_permissions(tbs.cert_request_permissions, "certRequestPermissions")


def check_request_permissions(issuer: Certificate, groups: Groups | None) -> None:
    """Raises PermissionDenied, naming the PSID, where the certRequestPermissions of an enrolment certificate
    are beyond what its ECA may grant: its groups for enrolment (IEEE 1609.2 6.4.8).

    An end entity asks for certificates of its own: chain length 0, eeType app, PSIDs named one by one.
    """
    grants = Grants.of(issuer)
    for group in groups or ():
        entries = group.subject_permissions.value
        if (group.min_chain_length, group.chain_length_range, group.ee_type) != (0, 0, APP):
            raise PermissionDenied(
                f"certRequestPermissions: chain length {group.min_chain_length}+{group.chain_length_range}, "
                f"eeType {group.ee_type:02x}; an end entity has 0+0, 80",
                rule="issue-permissions",
            )
        if not isinstance(entries, tuple) or not entries:
            raise PermissionDenied(
                "certRequestPermissions: PSIDs are to be named one by one", rule="issue-permissions"
            )
        for entry in entries:
            if not any(
                granting.ee_type & ENROL and granting.spans(1, 0) and grants._covers(granting, entry)
                for granting in grants._groups
            ):
                raise PermissionDenied(
                    f"certRequestPermissions psid {entry.psid}: the issuer may not grant it",
                    rule="issue-permissions",
                )
