"""Generations of a domain's keys and certificates: which there are, which are in force, which one is in use.

DIR/<domain>/certificates/<domain>-<n>.oer     generation n, until its certificate ends
v2xpki.toml [domains.<domain>] generation = n  the one in use
"""

import os
import re
from collections.abc import Mapping

from v2xpki.config import FILE_NAME, DomainConfig, Instance, Settings
from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError


def certificates_of(domain: DomainConfig) -> dict[int, Certificate]:
    """The certificates of all generations that are here, by number. Raises DecodeError."""
    pattern = re.compile(rf"{re.escape(domain.name)}-([1-9][0-9]*)\.oer")
    found = {}
    for path in domain.certificates_dir.glob(f"{domain.name}-*.oer"):
        if match := pattern.fullmatch(path.name):
            found[int(match[1])] = Certificate.parse(path.read_bytes())
    return dict(sorted(found.items()))


def in_force(domain: DomainConfig, now: int) -> dict[int, Certificate]:
    """Those up to the one in use whose certificates have not ended at a TAI second, the oldest first."""
    return {
        number: certificate
        for number, certificate in certificates_of(domain).items()
        if number <= domain.generation and now < certificate.end
    }


def set_generations(instance: Instance, numbers: Mapping[str, int]) -> None:
    """Write into v2xpki.toml which generation of which domains is in use; nothing else of it changes.

    The file is replaced as a whole. Raises ConfigError where the settings would not be what they are to be.
    """
    path = instance.directory / FILE_NAME
    text = path.read_text(encoding="utf-8")
    for name, number in numbers.items():
        text = _with_generation(text, name, number)
    settings = Settings.parse(text)
    for name, number in numbers.items():
        if settings.domains[name].generation != number:
            raise ConfigError(
                f"{path}: generation of {name} cannot be set by a command",
                hint=f"write `generation = {number}` into [domains.{name}] by hand",
            )
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, path.stat().st_mode & 0o777)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _with_generation(text: str, name: str, number: int) -> str:
    lines = text.splitlines()
    header = re.compile(rf"\s*\[\s*domains\s*\.\s*{re.escape(name)}\s*\]\s*(#.*)?")
    start = next((n for n, line in enumerate(lines) if header.fullmatch(line)), None)
    setting = f"generation = {number}"
    if start is None:
        return "\n".join([*lines, "", f"[domains.{name}]", setting]) + "\n"
    for n in range(start + 1, len(lines)):
        if lines[n].lstrip().startswith("["):
            break
        if re.match(r"\s*generation\s*=", lines[n]):
            lines[n] = setting
            return "\n".join(lines) + "\n"
    lines.insert(start + 1, setting)
    return "\n".join(lines) + "\n"
