"""Mutual TLS between the components of an SCMS: each shows a certificate of the internal CA, with the name of
its trust domain (authorities/lab_tls.py makes them).

    connect = tls_connector("unix:run/la1.sock", "la1", client_context(files))
    context = server_context(files)

Both ends are this package: TLS 1.3 alone.
"""

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from v2xpki.errors import ConfigError
from v2xpki.links.unix import unix_connector


class TlsIdentity(NamedTuple):
    """PEM files: what a component shows, and the CA whose certificates it believes."""

    certificate: Path
    key: Path
    ca: Path


def client_context(files: TlsIdentity) -> ssl.SSLContext:
    """For calls to others; each must have its name in its subjectAltName. Raises ConfigError."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT, files)
    context.hostname_checks_common_name = False
    return context


def server_context(files: TlsIdentity, kind: type[ssl.SSLContext] = ssl.SSLContext) -> ssl.SSLContext:
    """For a listener: who shows no certificate of the internal CA has no connection. Raises ConfigError."""
    context = _context(ssl.PROTOCOL_TLS_SERVER, files, kind)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def tls_connector(address: str, name: str, context: ssl.SSLContext) -> Callable[[float], socket.socket]:
    """What connects to a component within so many seconds, and proves its name. address: `unix:PATH` or
    `https://HOST:PORT`. Raises ConfigError."""
    reach = _reach(address)

    def connect(timeout: float) -> socket.socket:
        end = time.monotonic() + timeout
        link = reach(timeout)
        try:
            link.settimeout(max(0.001, end - time.monotonic()))
            return context.wrap_socket(link, server_hostname=name)
        except BaseException:
            link.close()
            raise

    return connect


def _context(
    protocol: int, files: TlsIdentity, kind: type[ssl.SSLContext] = ssl.SSLContext
) -> ssl.SSLContext:
    context = kind(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(files.certificate, files.key)
        context.load_verify_locations(files.ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{files.certificate}, {files.key} or {files.ca} cannot be used: {error}",
            hint="PEM files of the internal TLS CA, as `init` makes them",
        ) from None
    return context


def _reach(address: str) -> Callable[[float], socket.socket]:
    if address.startswith("unix:"):
        return unix_connector(address.removeprefix("unix:"))
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        port = None
    host = parts.hostname
    if parts.scheme != "https" or not host or port is None or parts.path.strip("/"):
        raise ConfigError(f"{address} is no address of a component", hint="unix:PATH or https://HOST:PORT")

    def connect(timeout: float) -> socket.socket:
        link = socket.create_connection((host, port), timeout)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return link

    return connect
