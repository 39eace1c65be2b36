"""Which keys an instance's tokens hold: each is asked in a process of its own, because SoftHSM reads its
configuration once a process. Uses no key."""

import multiprocessing
import threading
from collections.abc import Sequence
from multiprocessing.context import ForkContext, ForkServerContext
from typing import Any

from v2xpki.config import DomainConfig, Instance
from v2xpki.errors import V2xPkiError
from v2xpki.keystore import _module
from v2xpki.keystore.token import TokenConfig, open_token

_TIMEOUT = 60.0  # seconds for a token to answer


def asking() -> ForkContext | ForkServerContext:
    """How to start a process that asks a token and does nothing else: forked from this one, which costs next
    to nothing, unless a module is loaded here or a thread might hold a lock."""
    if not _module.is_loaded() and threading.active_count() == 1:
        return multiprocessing.get_context("fork")
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload([__name__])
    return server


def keys_in_tokens(instance: Instance, names: Sequence[str]) -> dict[str, object]:
    """Domain -> its keys, or what its token said; none for a token that is not here."""
    context = asking()
    asked: list[tuple[str, Any, Any]] = []
    for name in names:
        domain = instance.domain(name)
        if not domain.has_keys or not _is_here(domain):
            continue
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_list_keys, args=(theirs, domain), daemon=True)
        process.start()
        theirs.close()
        asked.append((name, ours, process))
    found: dict[str, object] = {}
    for name, connection, process in asked:
        try:
            found[name] = connection.recv() if connection.poll(_TIMEOUT) else "its token does not answer"
        except EOFError:
            found[name] = "asking its token ended without an answer"
        process.join(1)
        process.kill()
    return found


def _is_here(domain: DomainConfig) -> bool:
    return domain.softhsm2_conf is None or domain.softhsm2_conf.exists()


def _list_keys(connection: Any, domain: DomainConfig) -> None:
    try:
        with open_token(TokenConfig.of_domain(domain)) as keystore:
            connection.send(
                [
                    {
                        "label": info.label.text,
                        "curve": info.curve.text,
                        "publicKey": info.public_key.point,
                        "sensitive": info.sensitive,
                        "extractable": info.extractable,
                    }
                    for info in keystore.keys()
                ]
                + [
                    {
                        "label": info.label.text,
                        "curve": "AES-256",
                        "publicKey": None,
                        "sensitive": info.sensitive,
                        "extractable": info.extractable,
                    }
                    for info in keystore.wrapping_keys()
                ]
            )
    except V2xPkiError as error:
        connection.send(f"token: {error}")
