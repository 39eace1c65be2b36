"""Structured logs: one JSON object a line on stderr.

What the EA and the AA log must not join a station to its tickets: their lines carry the hour only,
no client address, and no value of eight or more octets that could occur in the other's log
(docs/privacy.md). So there are no per-request lines; only what went wrong is logged, scrubbed.
"""

import logging
import re
import secrets
import sys
import time
import traceback
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import structlog
else:
    # structlog draws tracebacks with rich where it finds it: 70 ms and 5 MB a process, never used here.
    _hidden = "rich" not in sys.modules
    if _hidden:
        sys.modules["rich"] = None
    import structlog

    if _hidden:
        del sys.modules["rich"]

#: Roles whose log lines are as coarse as their databases' times.
COARSE_ROLES = frozenset({"ea", "aa", "eca", "ra", "aca", "la1", "la2", "ma"})
HOUR = 3600

_HEX = re.compile(r"\b[0-9a-fA-F]{16,}\b")
_BYTES = re.compile(r"\bb(?P<quote>['\"]).{4,}?(?P=quote)", re.DOTALL)


def scrub(text: str) -> str:
    """Without what looks like octets: the text of an error may quote a part of a request."""
    return _BYTES.sub("b'...'", _HEX.sub("...", text))


def describe(error: BaseException) -> dict[str, str]:
    """Kind, place and scrubbed text of an error, without the values that a traceback would show."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    where = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
    told = {"error": type(error).__name__, "where": where, "text": scrub(str(error))}
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        told["cause"] = f"{type(cause).__name__}: {scrub(str(cause))}"
    return told


def timestamp(role: str, unix: float) -> str:
    """ISO 8601 UTC; of roles that see who asks or what is certified, the hour only."""
    if role in COARSE_ROLES:
        unix -= unix % HOUR
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix))


def configure(role: str, level: str = "info") -> None:
    """Sets structlog up for this process, and the standard library's root logger beside it."""

    def stamp(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["time"], event["role"] = timestamp(role, time.time()), role
        return event

    structlog.configure(
        processors=[structlog.processors.add_log_level, stamp, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(role))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def request_id() -> str:
    """A name for one failed request: random, made where it fails, so that it ties nothing together."""
    return secrets.token_hex(4)


def logger() -> Any:
    """The process's structured logger."""
    return structlog.get_logger()


class JsonFormatter(logging.Formatter):
    """Lines of other libraries (gunicorn, aiohttp) in the same form, scrubbed alike."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role
        self._render = structlog.processors.JSONRenderer()

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {"event": scrub(record.getMessage()), "logger": record.name}
        event |= {"level": record.levelname.lower(), "role": self._role}
        event["time"] = timestamp(self._role, record.created)
        if record.exc_info and record.exc_info[1] is not None:
            event |= describe(record.exc_info[1])
        line = self._render(None, "", event)
        return line if isinstance(line, str) else line.decode()
