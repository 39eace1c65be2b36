"""Links between generations, signed in a ceremony: the old root or TLM vouches for the new (checklist C3).

Each signature has its own record before it and is complete in the database before its file is written. An
authority vouches once: a link that is complete is never signed again, and none is signed for a second
successor as long as the first may be followed. Where a ceremony died, the next one voids what was open and
gives what was complete its file.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from v2xpki.authorities.domain import OpenDomain
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused
from v2xpki.issuance import ListIssuer, recover, tx_complete, tx_save
from v2xpki.keystore import KeyLabel
from v2xpki.secured import Identifier
from v2xpki.store import Database
from v2xpki.store.base import IssuanceRecord, table_of
from v2xpki.trust.links import LinkForm, SignedLink, build_double_link, build_rca_link, build_tlm_link
from v2xpki.trust.profiles import CTL_PSID
from v2xpki.wire import etsi


def links_signed_by(database: Database, issuer: bytes) -> list[SignedLink]:
    """The links that a root or TLM (HashedId8) has signed, from its own database."""
    records = table_of(IssuanceRecord).c
    query = sa.select(records.signed).where(
        records.kind == "LINK", records.issuer == issuer, records.state == "issued"
    )
    with database.read() as tx:
        rows: Sequence[bytes] = tx.execute(query).scalars().all()
    return [SignedLink.parse(bytes(octets)) for octets in rows]


def sign_tlm_link(domain: OpenDomain, label: KeyLabel, old: Certificate, new: Certificate) -> SignedLink:
    """The old TLM's link, with its key `label`. Raises InvalidLink, CeremonyRefused, what signing raises."""
    recover(domain.database)
    data = build_tlm_link(old, new)
    return _once(domain, "tlm", label, old, old, new, data, "digest")


def sign_rca_link(
    domain: OpenDomain, labels: tuple[KeyLabel, KeyLabel], old: Certificate, new: Certificate
) -> tuple[SignedLink, SignedLink]:
    """The single-signed link of the old root and the double-signed one of the new root around it, with the
    keys `labels`. Raises as sign_tlm_link."""
    recover(domain.database)
    single = _once(domain, "rca-single", labels[0], old, old, new, build_rca_link(old, new), "digest")
    # The new root names itself by its certificate: who pins the old root alone finds the new one in the link.
    data = build_double_link(single, old, new)
    return single, _once(domain, "rca-double", labels[1], new, old, new, data, "certificate")


def _once(
    domain: OpenDomain,
    form: LinkForm,
    label: KeyLabel,
    signer: Certificate,
    old: Certificate,
    new: Certificate,
    data: etsi.EtsiTs102941Data,
    identifier: Identifier,
) -> SignedLink:
    """The link as it was signed before, or signed now."""
    now = domain.clock.time32()
    for found in links_signed_by(domain.database, signer.hashed_id8):
        if found.form != form or found.voucher_id8 != old.hashed_id8 or found.expiry_time <= now:
            continue
        if found.body.certificate_hash.value != new.digest:
            raise CeremonyRefused(
                f"{old.hex8} has vouched for {found.successor_id8.hex().upper()}: it has one successor",
                hint="roll over from that one",
            )
        return found
    issuer = ListIssuer.open(domain.keystore, label, signer, domain.database, domain.clock)
    prepared = issuer.prepare(data, CTL_PSID, identifier=identifier)
    with domain.database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    octets = issuer.issue(prepared.token)
    link = SignedLink.parse(octets)
    link.verify(old, new, max(now, new.start))
    with domain.database.write(durable=True) as tx:
        tx_complete(tx, prepared.record, octets)
    return link
