"""From a trust anchor that is known to its successors: who may be followed, and who is refused.

A TLM's successor is named by a link that the TLM signed. A root's successor is named by the ECTL
(successorTo) or by a link that both roots signed; it has to be on the ECTL in either case, which has the last
word. Nobody is followed back to whom was left before, in a circle, or further than MOST_LINKS in one go.
"""

from collections.abc import Callable, Collection, Mapping

from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError, InvalidLink, SecuredError
from v2xpki.trust.links import MOST_LINKS, SignedLink
from v2xpki.trust.lists import RcaEntry

# the certificate that is trusted -> the link that it signed, as octets; None where there is none
FetchLink = Callable[[Certificate], bytes | None]


def tlm_successors(
    first: Certificate,
    fetch_link: FetchLink,
    fetch: Callable[[bytes], Certificate],
    at: int,
    *,
    left: Collection[bytes] = (),
) -> list[Certificate]:
    """`first` and the TLMs that follow it by links, the newest last. fetch: HashedId8 -> TLM certificate.

    left: HashedId8 of TLMs that were left before. Raises InvalidLink for a link that must not be followed,
    and what the two fetches raise.
    """
    chain = [first]
    while (octets := fetch_link(chain[-1])) is not None:
        old = chain[-1]
        link = _link(octets, "tlm", old)
        try:
            link.verify_voucher(old, at)
            _refuse_old(link.successor_id8, old, chain, left)
            new = fetch(link.successor_id8)
            link.verify_successor(old, new, at)
        except InvalidLink as error:
            raise _of(old, error) from error
        chain.append(new)
    return chain


def root_successors(
    first: Certificate,
    listed: Mapping[bytes, RcaEntry],
    fetch_link: FetchLink,
    at: int,
    *,
    left: Collection[bytes] = (),
) -> list[Certificate]:
    """`first` and the roots of the ECTL that follow it, the newest last.

    listed: HashedId8 -> entry, of an ECTL that was verified. Raises as tlm_successors.
    """
    chain = [first]
    while True:
        old = chain[-1]
        heirs = [entry.certificate for entry in listed.values() if entry.successor_to == old]
        if len(heirs) > 1:
            names = ", ".join(heir.hex8 for heir in heirs)
            raise InvalidLink(f"the ECTL names several successors of {old.hex8}: {names}", rule="root")
        if heirs:
            new = heirs[0]
            _refuse_old(new.hashed_id8, old, chain, left)
            if new.start < old.start:
                raise InvalidLink(
                    f"root {new.hex8} is older than {old.hex8}, its predecessor", rule="rollback"
                )
        else:
            # Without another root on the ECTL there is nobody whom a link could name.
            others = listed.keys() - {entry.hashed_id8 for entry in chain} - set(left)
            octets = fetch_link(old) if others else None
            if octets is None:
                return chain
            new = _linked_root(octets, old, listed, chain, at, left)
        chain.append(new)


def _linked_root(
    octets: bytes,
    old: Certificate,
    listed: Mapping[bytes, RcaEntry],
    chain: list[Certificate],
    at: int,
    left: Collection[bytes],
) -> Certificate:
    link = _link(octets, "rca-double", old)
    entry = listed.get(link.successor_id8)
    try:
        link.verify_voucher(old, at)
        _refuse_old(link.successor_id8, old, chain, left)
        if entry is not None:
            link.verify_successor(old, entry.certificate, at)
            return entry.certificate
    except InvalidLink as error:
        raise _of(old, error) from error
    named = link.successor_id8.hex().upper()
    raise InvalidLink(f"root {old.hex8} vouches for {named}, which the ECTL has not", rule="root")


def _link(octets: bytes, form: str, old: Certificate) -> SignedLink:
    try:
        link = SignedLink.parse(octets)
    except InvalidLink as error:
        raise _of(old, error) from error
    except (CryptoError, DecodeError, SecuredError) as error:
        raise InvalidLink(f"link of {old.hex8}: {error}", rule="decode") from error
    if link.form != form:
        raise InvalidLink(f"link of {old.hex8}: a {link.form} link where {form} belongs", rule="kind")
    return link


def _refuse_old(id8: bytes, old: Certificate, chain: list[Certificate], left: Collection[bytes]) -> None:
    name = id8.hex().upper()
    if any(entry.hashed_id8 == id8 for entry in chain):
        raise InvalidLink(f"from {old.hex8} back to {name}, in a circle", rule="loop")
    if id8 in left:
        raise InvalidLink(f"from {old.hex8} back to {name}, which was left before", rule="rollback")
    if len(chain) > MOST_LINKS:
        raise InvalidLink(f"more than {MOST_LINKS} generations from {chain[0].hex8} on", rule="too-long")


def _of(old: Certificate, error: InvalidLink) -> InvalidLink:
    return InvalidLink(f"link of {old.hex8}: {error}", rule=error.rule, hint=error.hint)
