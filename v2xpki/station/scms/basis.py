"""What a device of an SCMS stands on: its directory, its network, and whom it trusts."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Self

from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError, StationError, TrustError
from v2xpki.keystore.memory import MemoryKey
from v2xpki.station import http as web
from v2xpki.station.errors import Untrusted
from v2xpki.station.scms import api
from v2xpki.station.scms.answers import info_status
from v2xpki.station.scms.credentials import CredentialStore, Rotation
from v2xpki.station.scms.state import Anchors, ScmsDirectory, ScmsSettings
from v2xpki.station.scms.trusting import DeviceCrls, Follow, Trusted, follow_electors
from v2xpki.station.sending import Learning
from v2xpki.time import Clock, SystemClock
from v2xpki.trust.messages import ReplayWindow
from v2xpki.trust.scms_end_entities import ScmsChains
from v2xpki.trust.scms_receiving import Peers
from v2xpki.wire import scms

_CHAIN, _CRL, _RA = "chain-file", "composite-crl", "ra"


class DeviceBasis:
    """One device with its directory, clock and network. Not for several threads at once.

    choose(n): a number below n, not to be foreseen. follow: how a chain file is judged.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock | None = None,
        http: web.HttpWithHeaders | None = None,
        choose: Callable[[int], int] = secrets.randbelow,
        follow: Follow = follow_electors,
    ) -> None:
        """The device of an existing directory. Raises BadState."""
        self.directory = ScmsDirectory(path)
        self.clock: Clock = clock or SystemClock()
        self._http, self._follow = http, follow
        self._learning, self._replay = Learning(), ReplayWindow()
        self._chains: ScmsChains | None = None
        self._peers: Peers | None = None
        settings = self.settings
        self._crls = DeviceCrls(self.clock, settings.periods)
        rotation = Rotation(settings.change_seconds, settings.change_messages)
        self.credentials = CredentialStore(path / "credentials", self.clock, rotation, choose)

    @classmethod
    def create(
        cls,
        path: Path,
        settings: ScmsSettings,
        canonical: MemoryKey,
        anchors: Anchors,
        *,
        clock: Clock | None = None,
        http: web.HttpWithHeaders | None = None,
        follow: Follow = follow_electors,
    ) -> Self:
        """A new device. anchors: the electors that are trusted. Raises BadState (there is one)."""
        ScmsDirectory.create(path, settings, canonical, anchors)
        return cls(path, clock=clock, http=http, follow=follow)

    @property
    def settings(self) -> ScmsSettings:
        return self.directory.settings

    @cached_property
    def http(self) -> web.HttpWithHeaders:
        if self._http is not None:
            return self._http
        ca = self.settings.tls_ca
        return web.Urllib3Http(tls_ca=None if ca is None else Path(ca))

    # --- trust -----------------------------------------------------------------------------------

    @property
    def chains(self) -> ScmsChains:
        """Roots and CAs, as the electors' last list and its chain file say. Raises Untrusted."""
        if self._chains is None:
            anchors = self.directory.anchors
            if anchors.chain_file is None:
                raise Untrusted("no chain file was fetched yet", rule="missing", hint="refresh first")
            self._take(self._follow(anchors, anchors.chain_file, self.clock.time32()))
        assert self._chains is not None
        return self._chains

    def refresh(self) -> list[str]:
        """Fetch, verify and keep chain file, RA certificate and CRLs; what could not be had of CRLs.

        Nothing that did not verify takes the place of what did. Raises Unreachable, Untrusted.
        """
        with step("chain file", "are these the electors of this PKI, and is the clock right?"):
            self._refresh_chains()
        with step("RA certificate", "the chain file and the RA are not of one PKI, or the RA has renewed"):
            self._refresh_ra()
        try:
            with step("CRLs", "messages are judged by what was there before"):
                self._refresh_crls()
        except StationError as error:
            return [error.diagnostics()]
        return []

    def info_status(self) -> scms.CertificateManagementInfoStatus:
        """When chain file, lists and RA certificate last changed, as the RA says. Raises Refusal,
        Unreachable, BadAnswer, Untrusted."""
        with step("info status", "refresh, where the RA has another certificate by now"):
            octets = api.document(self.http, self.settings.ra + api.INFO_STATUS).octets or b""
            return info_status(octets, self.ra, self.clock.time32())

    def _refresh_chains(self) -> None:
        anchors, now = self.directory.anchors, self.clock.time32()
        etag = self.directory.etag(_CHAIN) if anchors.chain_file else ""
        fresh = api.document(self.http, self.settings.dc + api.CHAIN_FILE, etag)
        octets = fresh.octets or anchors.chain_file or b""
        found = self._follow(anchors, octets, now)
        if found.anchors != anchors:
            self.directory.write_anchors(found.anchors)
        self.directory.write_etag(_CHAIN, fresh.etag)
        self._take(found)

    def _refresh_ra(self) -> None:
        fresh = api.document(self.http, self.settings.ra + api.RA_CERTIFICATE, self.directory.etag(_RA))
        octets = fresh.octets or self.directory.document(_RA) or b""
        self._check_ra(octets)
        self.directory.write_document(_RA, octets)
        self.directory.write_etag(_RA, fresh.etag)

    def _refresh_crls(self) -> None:
        url = self.settings.dc + api.COMPOSITE_CRL
        fresh = api.document(self.http, url, self.directory.etag(_CRL))
        octets = fresh.octets or self.directory.document(_CRL) or b""
        self._crls.take(octets, self.chains, self.clock.time32())
        self.directory.write_document(_CRL, octets)
        self.directory.write_etag(_CRL, fresh.etag)

    def _take(self, found: Trusted) -> None:
        self._chains = ScmsChains(found.roots, found.others, self._crls)
        if self._peers is not None:
            self._peers.go_by(self._chains)
        stored = self.directory.document(_CRL)
        if stored is not None:
            self._crls.take(stored, self._chains, self.clock.time32())

    @property
    def ra(self) -> Certificate:
        """The RA's certificate, verified and in force. Raises Untrusted."""
        octets = self.directory.document(_RA)
        if octets is None:
            raise Untrusted("no RA certificate was fetched yet", rule="missing", hint="refresh first")
        return self._check_ra(octets)

    def _check_ra(self, octets: bytes) -> Certificate:
        try:
            ra = Certificate.parse(octets)
            self.chains.component(ra, "ra", self.clock.time32())
        except (CryptoError, DecodeError) as error:
            raise Untrusted(f"the RA's certificate: {error}", rule="decode") from error
        except TrustError as error:
            raise Untrusted(f"the RA's certificate: {error}", rule="chain") from error
        return ra


@contextmanager
def step(what: str, hint: str) -> Iterator[None]:
    """Errors inside say which step it was, and what to do where they do not know better."""
    try:
        yield
    except (TrustError, DecodeError, CryptoError) as error:
        raise Untrusted(f"{what}: {error}", rule=getattr(error, "rule", "chain"), hint=hint) from error
    except StationError as error:
        error.args = (f"{what}: {error}",)
        error.hint = error.hint or hint
        raise
