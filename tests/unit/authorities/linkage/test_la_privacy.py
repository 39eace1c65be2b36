"""What a linkage authority's database gives away: no value, seed or name, nothing that the other's has."""

import logging
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.joining import Held, join, spellings, vocabulary
from tests.support.linkage import CASE, LA1_ID, LA2_ID, RA, La
from v2xpki.authorities.scms.la_chains import Chain, Named
from v2xpki.authorities.scms.la_keys import secrets_of
from v2xpki.authorities.scms.la_reasons import RefusedCase, RefusedWishes
from v2xpki.crypto import seeds_from
from v2xpki.store.base import AuditRow
from v2xpki.store.la import LinkageChain

VEHICLES = 30


@pytest.fixture
def busy(make_la, caplog):
    """Both, after all that there is to be done; what the RA and the ACA have of each; what was said."""
    caplog.set_level(logging.DEBUG)
    made, said = [], []
    for domain, la_id, shared in (("la1", LA1_ID, b"shared with la 1"), ("la2", LA2_ID, b"shared with la 2")):
        la = make_la(domain=domain, la_id=la_id, shared=shared)
        lcis = [_lci(la_id, n) for n in range(VEHICLES)]
        values = la.ask(*[(lci, i, range(20)) for i in range(2) for lci in lcis[: VEHICLES // 3]])
        for start in range(VEHICLES // 3, VEHICLES, 10):
            values += la.ask(*[(lci, 0, range(20)) for lci in lcis[start : start + 10]])
        named = la.revocation.chain_of(values[3][5], 0, 5, CASE)
        la.revocation.seed_at(named, 1, CASE)
        for call in (
            lambda la=la, lcis=lcis: la.ask((lcis[3], 1, [0])),
            lambda la=la: la.revocation.chain_of(b"plv 9 oct", 0, 5, b"case of another"),
            lambda la=la, named=named: la.revocation.seed_at(named, 0, CASE),
        ):
            with pytest.raises((RefusedWishes, RefusedCase)) as caught:
                call()
            said.append(f"{caught.value.diagnostics()} {caught.value!r}")
        made.append((la, lcis, [value for one in values for value in one]))
    return made, "\n".join([*said, caplog.text])


def _lci(la_id: bytes, number: int) -> bytes:
    from hashlib import sha256

    return sha256(la_id + bytes([number])).digest()[:16]


def octets_of(la: La) -> bytes:
    """The database's file, its log and whatever lies beside it."""
    path = Path(la.database._url.database)
    return b"".join(p.read_bytes() for p in path.parent.glob(path.name + "*") if p.is_file())


def chains(la: La) -> list[Chain]:
    with la.database.read() as tx:
        return [Chain(*row) for row in tx.execute(sa.select(*sa.inspect(LinkageChain).columns)).all()]


def test_neither_file_nor_words_hold_a_value_a_seed_a_key_or_a_name(busy):
    made, said = busy
    for la, lcis, values in made:
        secrets = secrets_of(la.database, la.keystore)
        seeds = [
            seed
            for chain in chains(la)
            for seed in seeds_from(la.authority.la_id, la.authority.chains.open(chain)[0], 3)
        ]
        assert len(seeds) == 3 * VEHICLES
        hidden = [*lcis, *seeds, *values, CASE, la.shared, *secrets.seals.values()]
        held = octets_of(la)
        assert held.count(b"linkage_chain") and chains(la)[0].id in held  # it is the right file
        for text in (held, said.encode()):
            windows = {text[k : k + 8] for k in range(len(text) - 7)}
            for octets in hidden:
                for spelling in spellings(octets):
                    assert spelling[:8] not in windows or spelling not in text


def test_the_two_have_nothing_in_common_although_a_case_was_the_same(busy):
    (one, *_), (other, *_) = busy[0]
    both = join(Held.of(one.database), Held.of(other.database))
    assert {run: where for run, where in both.items() if run not in vocabulary()} == {}


def test_the_ras_names_are_in_neither(busy):
    for la, lcis, _ in busy[0]:
        ra = Held([("request.lci", lci) for lci in lcis])
        assert join(Held.of(la.database), ra) == {}
        assert la.authority.chains.open(chains(la)[0])[1] in {Named(RA, lci) for lci in lcis}


def test_no_time_is_finer_than_an_hour_and_rows_are_in_no_order(busy):
    for la, lcis, _ in busy[0]:
        assert Held.of(la.database).fine_times() == []
        with la.database.read() as tx:
            ids = [bytes(row[0]) for row in tx.execute(sa.text("SELECT id FROM linkage_chain"))]
        assert ids == sorted(ids)  # of a keyed digest
        begun = [la.authority.chains.id_of(Named(RA, lci)) for lci in lcis]
        assert set(begun) == set(ids) and begun != ids
        assert "WITHOUT ROWID" in _definition(la)


def test_the_audit_names_no_chain_and_no_case_in_clear(busy):
    for la, lcis, _ in busy[0]:
        with la.database.read() as tx:
            details = list(tx.execute(sa.select(AuditRow.detail)).scalars())
        text = " ".join(details)
        for octets in (*lcis, *[chain.id for chain in chains(la)], CASE):
            assert octets.hex() not in text


def _definition(la: La) -> str:
    with la.database.read() as tx:
        return tx.execute(sa.text("SELECT sql FROM sqlite_master WHERE name = 'linkage_chain'")).scalar()
