"""What a roll-over brings to the distribution centre: links, and the certificates that they vouch for.

A certificate of a root or TLM is taken over where a link leads to it from one that this instance knows; a
link is handed out where both its ends are known. Then it lies in dc/trust, and what it signs is taken too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from v2xpki.authorities.etsi.ceremony import write_new
from v2xpki.authorities.etsi.distribution import published_tlm
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidLink
from v2xpki.store.dc import Kind, Publication
from v2xpki.trust.links import SignedLink, is_link
from v2xpki.trust.lists import ListKind

_CERTIFICATE = b"\x80"  # a certificate's first octet; a signed message's is 03


@dataclass
class Sorted:
    """Files by what they hold; lists with whether they were named themselves."""

    lists: list[tuple[Path, bool, bytes]] = field(default_factory=list)
    links: list[tuple[Path, SignedLink]] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)


def sort_out(files: Iterable[tuple[Path, bool]], kind: ListKind | None) -> Sorted:
    """kind: links of its signers alone are taken, of a TLM's for an ECTL, else of a root's; None: all.

    Raises DecodeError, InvalidLink.
    """
    found = Sorted()
    for path, given in files:
        octets = path.read_bytes()
        if octets[:1] == _CERTIFICATE:
            found.certificates.append(Certificate.parse(octets))
        elif is_link(octets):
            link = SignedLink.parse(octets)
            if kind is None or (kind == "ectl") == (link.kind == "tlm"):
                found.links.append((path, link))
        else:
            found.lists.append((path, given, octets))
    return found


def vouched_for(
    taken: Sorted, known: Mapping[bytes, Certificate], now: int
) -> tuple[list[Certificate], list[Publication]]:
    """The certificates that the links lead to from known ones, and what is to be handed out of it: links, and
    TLM certificates. Links that have expired are left out.

    Raises InvalidLink for one that does not verify, or whose ends are not known.
    """
    at_hand = {certificate.hashed_id8: certificate for certificate in taken.certificates} | dict(known)
    reached = dict(known)
    # A single-signed link is handed out inside its double-signed one.
    left = [
        (path, link) for path, link in taken.links if link.form != "rca-single" and now < link.expiry_time
    ]
    vouched, publications = [], []
    while left:
        ready = [(path, link) for path, link in left if (link.voucher_id8 or b"") in reached]
        if not ready:
            path, link = left[0]
            named = (link.voucher_id8 or b"").hex().upper()
            raise InvalidLink(
                f"{path} is signed by {named}, whom this instance does not know", rule="signer",
                hint="its certificate belongs into dc/trust",
            )  # fmt: skip
        for path, link in ready:
            old = reached[link.voucher_id8 or b""]
            new = at_hand.get(link.successor_id8) or next(iter(link.message.signer_certificates), None)
            if new is None:
                raise InvalidLink(
                    f"{path} vouches for {link.successor_id8.hex().upper()}, whose certificate is not among "
                    "the files", rule="successor", hint="carry it along with the link",
                )  # fmt: skip
            try:
                link.verify(old, new, max(now, new.start))
            except InvalidLink as error:
                raise InvalidLink(f"{path}: {error}", rule=error.rule, hint=error.hint) from None
            publications.append(published_link(link, old))
            if link.kind == "tlm":
                publications.append(published_tlm(new.octets))
            if new.hashed_id8 not in known:
                vouched.append(new)
            reached[new.hashed_id8] = new
        left = [entry for entry in left if entry not in ready]
    return vouched, publications


def published_link(link: SignedLink, old: Certificate) -> Publication:
    """The publication that a verified link makes: stations ask for it by the old certificate's name."""
    kind = Kind.TLM_LINK if link.kind == "tlm" else Kind.ROOT_LINK
    return Publication(kind, old.hashed_id8, link.generation_time, link.expiry_time, link.octets)


def remember(instance: Instance, certificate: Certificate) -> None:
    """Put a certificate that is vouched for where the distribution centre's signers are known from."""
    folder = instance.domain("dc").trust_dir
    path = folder / f"{certificate.hex8}.oer"
    if not path.exists():
        write_new(path, certificate.octets)
