"""A linkage authority gives the pre-linkage values of the standard, to the ACA alone, within its policy."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.linkage import LA1_ID, LA2_ID, NOW, PERIODS, POLICY, RA, WEEK, La, asked, fixed_seeds, lci
from tests.unit.crypto.soft import vectors
from v2xpki.authorities.scms import la_chains
from v2xpki.authorities.scms.la import LinkageAuthority
from v2xpki.authorities.scms.la_keys import new_sealing_key, put_shared_key, rewrap, secrets_of
from v2xpki.authorities.scms.la_reasons import BatchReason, RefusedWishes, WishReason
from v2xpki.crypto import linkage_values, pre_linkage_values, seed_after
from v2xpki.errors import DecryptionFailed, KeyNotFound, KeyRefused, RecordFailed
from v2xpki.keystore import KeyLabel, MemoryKeystore
from v2xpki.store.auditing import require_intact
from v2xpki.store.base import AuditRow
from v2xpki.store.la import LinkageChain
from v2xpki.time import HOUR


def chains(la: La) -> list[sa.Row]:
    with la.database.read() as tx:
        return list(tx.execute(sa.select(*sa.inspect(LinkageChain).columns)).all())


def events(la: La, prefix: str = "linkage") -> list[tuple[str, str]]:
    with la.database.read() as tx:
        rows = tx.execute(sa.select(AuditRow.event, AuditRow.detail).order_by(AuditRow.sequence)).all()
    return [(event, detail) for event, detail in rows if event.startswith(prefix)]


def refusal(la: La, *wishes, ra: str = RA) -> tuple:
    """Why it is refused; nothing is recorded for it."""
    before = len(chains(la))
    with pytest.raises(RefusedWishes) as caught:
        la.authority.pre_linkage_values(asked(wishes), ra=ra)
    assert len(chains(la)) == before
    return caught.value.reason, caught.value.wishes


# --- the values -------------------------------------------------------------------------------------------


def test_both_authorities_give_the_recorded_values(make_la, monkeypatch):
    first, second = vectors("linkage_values")["vectors"]
    plvs = []
    for n in "12":
        monkeypatch.setattr(la_chains, "_fresh_seed", fixed_seeds(bytes.fromhex(first[f"ls{n}"])))
        la = make_la(domain=f"la{n}", la_id=bytes.fromhex(first[f"la_id{n}"]))
        wishes = [(lci(int(n)), vector["i"], [vector["j"]]) for vector in (first, second)]
        plvs.append([values[0] for values in la.ask(*wishes)])
        assert plvs[-1] == [bytes.fromhex(vector[f"plv{n}"]) for vector in (first, second)]
        assert la.again().ask(*wishes[::-1]) == [[value] for value in plvs[-1][::-1]]
    assert linkage_values(*plvs) == [bytes.fromhex(vector["lv"]) for vector in (first, second)]


wishes = st.lists(
    st.tuples(
        st.integers(0, 4).map(lci),
        st.integers(0, POLICY.chain_periods - 1),
        st.lists(st.integers(0, 255), min_size=1, max_size=6, unique=True),
    ),
    min_size=1,
    max_size=12,
)


@given(batches=st.lists(wishes, min_size=1, max_size=4), data=st.data())
@settings(max_examples=25, deadline=None)
def test_whatever_is_asked_in_whatever_order_the_values_are_those_of_the_chain(
    tmp_path_factory, batches, data
):
    la = La.make(f"sqlite:///{tmp_path_factory.mktemp('la')}/la.db")
    with la.database:
        la.ask(*[(lci(n), 0, [0]) for n in range(5)])  # all begin at 0
        seeds = {}
        for row in chains(la):
            seed, named = la.authority.chains.open(la_chains.Chain(*row))
            seeds[named.lci] = seed
        assert len(set(seeds.values())) == 5
        for batch in batches:
            one = data.draw(st.sampled_from([la, la.again()]))  # a cache that is warm, or cold
            expected = [
                pre_linkage_values(LA1_ID, seed_after(LA1_ID, seeds[name], i), js) for name, i, js in batch
            ]
            assert one.ask(*batch) == expected
        assert len(chains(la)) == 5
        assert len(la.authority.chains._latest) <= POLICY.cached


def test_the_same_wish_gives_the_same_values_in_other_octets(la):
    wish = (lci(1), 0, range(20))
    assert la.ask(wish) == la.ask(wish)
    one, other = (la.authority.pre_linkage_values(asked([wish]), ra=RA)[0] for _ in range(2))
    assert not set(one) & set(other)
    assert {len(octets) for octets in one} == {55}


def test_no_wish_no_values(la):
    assert la.authority.pre_linkage_values([], ra=RA) == []
    assert events(la) == []


# --- chains -----------------------------------------------------------------------------------------------


def test_a_batch_of_new_chains_is_one_durable_transaction_and_one_audit_entry(la, monkeypatch):
    kinds, write = [], la.database.write
    monkeypatch.setattr(
        la.database, "write", lambda *, durable: (kinds.append(durable), write(durable=durable))[1]
    )
    la.ask(*[(lci(n), i, range(3)) for n in range(7) for i in (4, 2)])
    assert kinds == [True]
    assert events(la) == [("linkage.begun", '{"count":7}')]
    assert {row.first for row in chains(la)} == {2}  # the least that was asked
    end = PERIODS.end(2 + POLICY.chain_periods - 1)
    assert {row.expires for row in chains(la)} == {end + -end % HOUR}
    la.ask((lci(1), 3, [9]))
    assert kinds == [True]  # what there is costs no write
    require_intact(la.database)


def test_no_value_is_given_where_the_chain_cannot_be_recorded(la, monkeypatch):
    def fail(*_, **__):
        raise RecordFailed("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(la_chains.Transaction, "insert_if_new", fail)
        with pytest.raises(RecordFailed):
            la.ask((lci(1), 0, [0]))
    assert chains(la) == [] and events(la) == []
    assert len(la.ask((lci(1), 0, [0]))) == 1


def test_two_processes_that_begin_a_chain_at_once_give_the_same_values(make_la, new_url):
    la = make_la(url=new_url())
    other, given = la.again(), []
    find = la.authority.chains.find

    def slower(ids):
        found = find(ids)
        given.append(other.ask((lci(1), 0, range(5)), (lci(2), 0, [0])))
        return found

    la.authority.chains.find = slower
    assert la.ask((lci(1), 0, range(5)), (lci(2), 0, [0])) == given[0]
    assert len(chains(la)) == 2
    assert events(la) == [("linkage.begun", '{"count":2}')]
    require_intact(la.database)


def test_many_threads_agree_on_every_chain(make_la, new_url):
    la = make_la(url=new_url())
    ends = [la, la.again(), la.again()]

    def ask(n):
        order = [*range(n % 5, 5), *range(n % 5)]
        answers = ends[n % 3].ask(*[(lci(k), 0, [7]) for k in order])
        return [answers[order.index(k)][0] for k in range(5)]

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(ask, range(18)))
    assert all(result == results[0] for result in results)
    assert len(chains(la)) == 5
    require_intact(la.database)


def test_chains_go_when_their_last_period_has_ended(la):
    before = la.ask((lci(1), 0, [0]))
    expires = chains(la)[0].expires
    assert la.authority.purge(expires - HOUR) == 0
    assert la.authority.purge(expires) == 1
    assert chains(la) == []
    assert events(la)[-1] == ("linkage.purged", f'{{"count":1,"expired_before":{expires}}}')
    assert la.ask((lci(1), 0, [0])) != before  # a new chain, whatever is in the cache


# --- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ((bytes(15), 0, [0]), WishReason.BAD_LCI),
        ((bytes(17), 0, [0]), WishReason.BAD_LCI),
        ((b"", 0, [0]), WishReason.BAD_LCI),
        ((lci(9), 0, []), WishReason.NO_JS),
        ((lci(9), 0, range(21)), WishReason.TOO_MANY_JS),
        ((lci(9), 0, range(10**9)), WishReason.TOO_MANY_JS),
        ((lci(9), 0, [256]), WishReason.BAD_J),
        ((lci(9), 0, [-1]), WishReason.BAD_J),
        ((lci(9), 0, [3, 3]), WishReason.BAD_J),
        ((lci(9), -1, [0]), WishReason.PERIOD_ENDED),
        ((lci(9), 21, [0]), WishReason.TOO_FAR_AHEAD),
        ((lci(9), 2**40, [0]), WishReason.TOO_FAR_AHEAD),
    ],
)
def test_a_wish_against_the_policy_is_refused_with_all_of_its_batch(la, wish, reason):
    assert refusal(la, (lci(1), 0, [0]), wish) == (BatchReason.WISHES, ((1, reason),))
    assert events(la) == []


def test_every_refused_wish_of_a_batch_is_named_so_that_the_rest_can_be_asked_again(la):
    batch = [(lci(n), 0 if n % 3 else 30, [0]) for n in range(9)]
    assert refusal(la, *batch) == (
        BatchReason.WISHES, tuple((n, WishReason.TOO_FAR_AHEAD) for n in (0, 3, 6))
    )  # fmt: skip
    assert len(la.ask(*[wish for n, wish in enumerate(batch) if n % 3])) == 6


def test_a_batch_of_too_many_values_is_refused(la):
    batch = [(lci(n), 0, range(20)) for n in range(21)]
    assert refusal(la, *batch) == (BatchReason.TOO_MANY_VALUES, ())
    assert len(la.ask(*batch[:20])) == 20


def test_a_period_before_the_chain_is_refused(la):
    la.ask((lci(1), 5, [0]))
    assert refusal(la, (lci(1), 4, [0])) == (BatchReason.WISHES, ((0, WishReason.BEFORE_CHAIN),))
    assert refusal(la.again(), (lci(2), 4, [0]), (lci(1), 0, [0]))[1] == ((1, WishReason.BEFORE_CHAIN),)


def test_a_chain_begins_where_its_wishes_say_though_a_later_period_is_asked_for_first(la, make_la):
    later = la.ask((lci(1), 5, [0], 2))
    assert la.again().ask((lci(1), 2, [0], 2), (lci(1), 5, [0])) == [la.ask((lci(1), 2, [0]))[0], later[0]]
    assert refusal(la, (lci(1), 1, [0], 1))[1] == ((0, WishReason.BEFORE_CHAIN),)
    for first, reason in ((6, WishReason.BEFORE_CHAIN), (-1, WishReason.BEFORE_CHAIN)):
        assert refusal(la, (lci(2), 5, [0], first)) == (BatchReason.WISHES, ((0, reason),))
    far = POLICY.chain_periods
    assert refusal(la, (lci(2), far, [0], 0)) == (BatchReason.WISHES, ((0, WishReason.BEYOND_CHAIN),))


def test_a_period_beyond_the_chain_is_refused(la):
    la.ask((lci(1), 0, [0]), (lci(1), 11, [0]))
    assert refusal(la, (lci(1), 12, [0]))[1] == ((0, WishReason.BEYOND_CHAIN),)


def test_a_period_that_has_ended_is_refused_but_not_before_its_certificates_have(la):
    la.ask((lci(1), 0, [0]))
    la.clock.now = PERIODS.end(0) - 1
    la.ask((lci(1), 0, [0]))
    la.clock.now = PERIODS.end(0)
    assert refusal(la, (lci(1), 0, [0]))[1] == ((0, WishReason.PERIOD_ENDED),)


def test_an_ra_that_names_the_lci_of_another_gets_a_chain_of_its_own(la):
    (mine,) = la.ask((lci(1), 0, range(20)), ra="ra")
    (theirs,) = la.ask((lci(1), 0, range(20)), ra="ra-b")
    assert not set(mine) & set(theirs)
    assert len(chains(la)) == 2
    # nor does a name that runs into the lci reach it
    assert la.authority.chains.id_of(la_chains.Named("ra", b"b" + lci(1)[:15])) != la.authority.chains.id_of(
        la_chains.Named("rab", lci(1)[:15])
    )


def test_a_row_put_in_anothers_place_or_given_another_first_period_does_not_open(la):
    la.ask((lci(1), 0, [0]), (lci(2), 0, [0]))
    one, other = chains(la)
    with la.database.write(durable=False) as tx:
        tx.execute(sa.update(LinkageChain).where(LinkageChain.id == one.id).values(sealed=other.sealed))
        tx.execute(sa.update(LinkageChain).where(LinkageChain.id == other.id).values(first=-1))
    for number in (1, 2):
        with pytest.raises(DecryptionFailed):
            la.again().ask((lci(number), 1, [0]))


# --- keys -------------------------------------------------------------------------------------------------


def test_it_works_with_a_token_and_is_worth_nothing_without_it(make_la, token_store, tmp_path):
    la = make_la(keystore=token_store.open("la1-linkage"), domain="la1")
    before = la.ask((lci(1), 0, range(20)))
    assert la.again().ask((lci(1), 0, range(20))) == before
    stranger = MemoryKeystore("test")
    stranger.generate_wrapping(KeyLabel("la1", "wrap"))
    with pytest.raises(KeyRefused):
        LinkageAuthority.open(stranger, la.database, LA1_ID, PERIODS, la.clock, POLICY)
    with pytest.raises(KeyNotFound):
        LinkageAuthority.open(MemoryKeystore("test"), la.database, LA1_ID, PERIODS, la.clock, POLICY)


def test_a_key_of_the_token_rotates_and_every_chain_still_opens(la):
    before = la.ask((lci(1), 0, [0]))
    fresh = KeyLabel("la1", "wrap", 2)
    la.keystore.generate_wrapping(fresh)
    assert rewrap(la.database, la.keystore, fresh) == 2
    assert rewrap(la.database, la.keystore, fresh) == 0
    assert [detail for event, detail in events(la, "key.retired")] == [
        '{"label":"la1-wrap-1","reason":"its secrets are wrapped by la1-wrap-2"}'
    ]
    del la.keystore._wrapping[KeyLabel("la1", "wrap")]
    assert la.again().ask((lci(1), 0, [0])) == before


def test_a_new_sealing_key_seals_new_chains_and_the_old_one_opens_old_ones(la):
    before = la.ask((lci(1), 0, [0]))
    assert new_sealing_key(la.database, la.keystore, KeyLabel("la1", "wrap")) == 2
    later = la.again()
    assert later.ask((lci(1), 0, [0])) == before
    later.ask((lci(2), 0, [0]))
    assert Counter(row.sealed[0] for row in chains(la)) == {1: 1, 2: 1}


def test_the_key_shared_with_the_aca_changes_at_its_hour(la):
    label, fresh, since = KeyLabel("la1", "wrap"), b"the next of them", NOW + WEEK
    before = la.ask((lci(1), 1, [0]))
    assert put_shared_key(la.database, la.keystore, label, fresh, since) == 2
    later = la.again()
    assert later.ask((lci(1), 1, [0])) == before
    la.clock.now = since - since % HOUR
    later.shared = fresh
    assert later.ask((lci(1), 1, [0])) == before


def test_without_a_shared_key_or_a_sealing_key_it_gives_nothing(la):
    la.clock.now = NOW - 2 * HOUR
    with pytest.raises(KeyNotFound, match="shared with the ACA"):
        la.ask((lci(1), 0, [0]))
    with pytest.raises(KeyRefused, match="16 octets"):
        put_shared_key(la.database, la.keystore, KeyLabel("la1", "wrap"), bytes(32), NOW)
    with la.database.write(durable=False) as tx:
        tx.execute(sa.text("DELETE FROM wrapped_secret WHERE name = 'seal-1'"))
    with pytest.raises(KeyNotFound, match="sealing key"):
        la.again()


def test_nothing_that_is_printed_tells_a_secret(la):
    la.ask((lci(1), 0, [0]))
    secrets = secrets_of(la.database, la.keystore)
    shown = repr((secrets, secrets.shared, la.authority, la.authority.chains, asked([(lci(1), 0, [0])])))
    hidden = [*secrets.seals.values(), la.shared, lci(1)]
    for octets in hidden:
        assert octets.hex() not in shown and repr(octets)[2:-1] not in shown


def test_the_two_ids_give_different_values_of_the_same_seed(make_la, monkeypatch):
    given = []
    for n, la_id in (("1", LA1_ID), ("2", LA2_ID)):
        monkeypatch.setattr(la_chains, "_fresh_seed", fixed_seeds(bytes(16)))
        given += make_la(domain=f"la{n}", la_id=la_id).ask((lci(1), 0, range(20)))
    assert not set(given[0]) & set(given[1])
