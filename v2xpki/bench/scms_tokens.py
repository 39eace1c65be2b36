"""Tokens of SoftHSM for an SCMS's components, below one folder."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from v2xpki.keystore import Keystore, TokenConfig, create_token, open_token


@contextmanager
def made_tokens(directory: Path, components: Sequence[str]) -> Iterator[Mapping[str, Keystore]]:
    """A new token for each, opened: all under the one SoftHSM configuration that a process may have."""
    for component in components:
        create_token(_config(directory, component))
    with open_tokens(directory, components) as keystores:
        yield keystores


@contextmanager
def open_tokens(directory: Path, components: Sequence[str]) -> Iterator[Mapping[str, Keystore]]:
    """Those that another process has made."""
    with ExitStack() as stack:
        yield {
            component: stack.enter_context(open_token(_config(directory, component)))
            for component in components
        }


def _config(directory: Path, component: str) -> TokenConfig:
    return TokenConfig(
        "softhsm2",
        component,
        pin_file=directory / f"{component}.pin",
        softhsm2_conf=directory / "softhsm2.conf",
        token_dir=directory / "tokens",
    )
