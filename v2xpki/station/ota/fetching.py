"""Downloads of a vehicle: bounded in length, time and rate, over https unless another way is allowed.

The server is not trusted, and neither is who is on the way: it may send without end, or a drop at a time.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from v2xpki.disk import room_for
from v2xpki.station.errors import Unreachable
from v2xpki.station.http import Reply
from v2xpki.station.ota.reasons import Threat, UpdateRefused

#: Told of octets that are there, and of all of them.
Tell = Callable[[int, int], object]
_OK, _PARTIAL, _NOT_FOUND, _NO_RANGE = 200, 206, 404, 416


class Streamed(Protocol):
    """An answer that is read as it comes. Headers by their names in lower case."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def chunks(self) -> Iterator[bytes]:
        """Raises Unreachable where the connection ends early, or stays silent."""
        ...


class StreamingHttp(Protocol):
    """What a vehicle needs of HTTP; station.http.Urllib3Http is one. Raises Unreachable."""

    def stream(self, url: str, headers: Mapping[str, str] = ...) -> AbstractContextManager[Streamed]: ...

    def post(self, url: str, body: bytes, content_type: str) -> Reply: ...


class Pace(NamedTuple):
    """The slowest that a download may be. After `grace` seconds it must have had `least_rate` octets a second
    on the average, and it is over after `total` seconds."""

    grace: float = 10.0
    least_rate: int = 2048
    total: float = 4 * 3600.0


class Fetcher:
    """One server, by its base URL. plain: http is allowed, too. monotonic: seconds, of any beginning."""

    def __init__(
        self,
        http: StreamingHttp,
        base: str,
        *,
        plain: bool = False,
        pace: Pace | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http, self._base, self._plain = http, base.rstrip("/"), plain
        self._pace, self._monotonic = pace or Pace(), monotonic

    def get(self, path: str, limit: int) -> bytes | None:
        """A small file of at most `limit` octets; None where there is none. Raises UpdateRefused."""
        with self._open(path, {}) as (url, answer):
            if answer.status == _NOT_FOUND:
                return None
            _require(answer, url, (_OK,))
            return b"".join(self._bounded(answer, url, limit))

    def post(self, path: str, body: bytes, content_type: str) -> Reply:
        """Raises UpdateRefused where there is no answer; any status comes back."""
        url = self._url(path)
        try:
            return self._http.post(url, body, content_type)
        except Unreachable as error:
            raise UpdateRefused(Threat.DROP_REQUEST, str(error)) from error

    def into(self, path: str, file: Path, length: int, tell: Tell | None = None) -> None:
        """Download to a file that is `length` octets long; where a part of it is there, the rest.

        What came before a failure stays, for the next time. Nothing is said about what is in it.
        Raises UpdateRefused, DiskFull.
        """
        have = file.stat().st_size if file.exists() else 0
        if have > length:
            file.unlink()
            have = 0
        if have == length and file.exists():
            return
        with self._open(path, {"Range": f"bytes={have}-"} if have else {}) as (url, answer):
            if answer.status == _NO_RANGE:
                file.unlink()
            _require(answer, url, (_OK, _PARTIAL) if have else (_OK,))
            if answer.status == _OK:
                have = 0
            elif not answer.headers.get("content-range", "").startswith(f"bytes {have}-"):
                raise UpdateRefused(Threat.DENIAL_OF_SERVICE, f"{url}: another range than the one asked for")
            with room_for(file), file.open("ab" if have else "wb") as out:
                for chunk in self._bounded(answer, url, length - have):
                    out.write(chunk)
                    have += len(chunk)
                    if tell is not None:
                        tell(have, length)
        if have < length:
            raise UpdateRefused(Threat.DROP_REQUEST, f"{url}: ended after {have} of {length} octets")

    def _open(self, path: str, headers: Mapping[str, str]) -> "_Opened":
        return _Opened(self._http, self._url(path), headers)

    def _url(self, path: str) -> str:
        url = f"{self._base}/{path}"
        if not url.startswith("https://") and not (self._plain and url.startswith("http://")):
            raise UpdateRefused(Threat.EAVESDROPPING, f"{url} is not https, and nothing else is allowed")
        return url

    def _bounded(self, answer: Streamed, url: str, limit: int) -> Iterator[bytes]:
        start, had, pace = self._monotonic(), 0, self._pace
        for chunk in answer.chunks():
            had += len(chunk)
            if had > limit:
                raise UpdateRefused(Threat.ENDLESS_DATA, f"{url}: more than {limit} octets")
            yield chunk
            took = self._monotonic() - start
            if took > pace.total or (took > pace.grace and had < took * pace.least_rate):
                raise UpdateRefused(Threat.SLOW_RETRIEVAL, f"{url}: {had} octets in {took:.0f} s")


class _Opened:
    """An answer under way; that the connection fails is the refusal "drop-request"."""

    def __init__(self, http: StreamingHttp, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._stream = http.stream(url, headers)

    def __enter__(self) -> tuple[str, Streamed]:
        try:
            return self._url, self._stream.__enter__()
        except Unreachable as error:
            raise UpdateRefused(Threat.DROP_REQUEST, str(error)) from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._stream.__exit__(kind, error, trace)  # type: ignore[arg-type]  # a traceback
        if isinstance(error, Unreachable):
            raise UpdateRefused(Threat.DROP_REQUEST, str(error)) from error


def _require(answer: Streamed, url: str, statuses: tuple[int, ...]) -> None:
    if answer.status in statuses:
        return
    missing = answer.status == _NOT_FOUND
    reason = Threat.DROP_REQUEST if missing else Threat.DENIAL_OF_SERVICE
    raise UpdateRefused(reason, f"{url}: HTTP {answer.status}")
