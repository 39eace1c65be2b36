"""What the Flask applications of all roles have in common: opening, errors, health."""

import atexit
import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from v2xpki import errors
from v2xpki.web import logs, metrics
from v2xpki.web.health import Check, Health
from v2xpki.web.problems import HttpError, Verdict, text_response, verdict

A = TypeVar("A")
#: Seconds between two attempts to open an authority whose token or database is away.
RETRY = 2.0
#: Seconds between two rounds of upkeep.
UPKEEP = 300.0
#: Seconds after a task that failed.
TASK_RETRY = 5.0
_STARTED = "v2xpki.started"


@dataclass(frozen=True)
class Opened(Generic[A]):
    """An authority in service and what is checked of it."""

    authority: A
    checks: Mapping[str, Check]
    #: Called every few minutes in every worker: forgets what is past its time.
    upkeep: Callable[[], object] | None = None
    #: Called when the worker ends in order.
    close: Callable[[], object] | None = None
    #: Called over and over in every worker, each in a thread of its own; they tell the seconds to wait.
    tasks: Mapping[str, Callable[[], float]] = field(default_factory=dict)


class Lazy(Generic[A]):
    """An authority that is opened in the worker, and tried again while it cannot be."""

    def __init__(
        self, opener: Callable[[], Opened[A]], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._open, self._monotonic = opener, monotonic
        self._opened: Opened[A] | None = None
        self._failed: tuple[float, errors.V2xPkiError] | None = None
        self._lock = threading.Lock()

    def opened(self) -> Opened[A]:
        """Raises the error of the last attempt."""
        opened = self._opened
        return opened if opened is not None else self._open_once()

    def _open_once(self) -> Opened[A]:
        with self._lock:
            if self._opened is not None:
                return self._opened
            if self._failed is not None and self._monotonic() - self._failed[0] < RETRY:
                raise self._failed[1]
            try:
                self._opened = self._open()
            except errors.V2xPkiError as error:
                self._failed = self._monotonic(), error
                logs.logger().error("cannot start", **logs.describe(error))
                raise
            if self._opened.upkeep is not None:
                upkeep = self._opened.upkeep
                threading.Thread(target=_keep_up, args=(upkeep,), name="upkeep", daemon=True).start()
            if self._opened.close is not None:
                atexit.register(self._opened.close)
            for name, task in self._opened.tasks.items():
                threading.Thread(target=_repeat, args=(name, task), name=name, daemon=True).start()
            return self._opened

    def authority(self) -> A:
        """The authority; HTTP 503 while it is away."""
        if self._opened is not None:
            return self._opened.authority
        try:
            return self.opened().authority
        except errors.V2xPkiError as error:
            raise HttpError(503, "temporarily unavailable", retry_after=2) from error

    def checks(self) -> Mapping[str, Check]:
        return self.opened().checks


def _keep_up(upkeep: Callable[[], object]) -> None:
    while True:
        time.sleep(UPKEEP)
        try:
            upkeep()
        except Exception as error:
            # Tried again at the next turn; what was not purged now is purged then.
            logs.logger().warning("upkeep failed", **logs.describe(error))


def _repeat(name: str, task: Callable[[], float]) -> None:
    while True:
        try:
            wait = task()
        except Exception as error:
            # Tried again: what a task does is the same whenever it is done.
            logs.logger().warning("task failed", task=name, **logs.describe(error))
            wait = TASK_RETRY
        time.sleep(wait)


Respond = Callable[[Verdict, str | None], Response]


def protocol_app(role: str, lazy: Lazy[Any], *, warm: bool = True, respond: Respond = text_response) -> Flask:
    """An application for stations: errors in plain text unless told otherwise, health beside it; blueprints
    are to be added."""
    app = bare_app(role, respond)
    health = Health(role, lazy.checks)
    add_health(app, health)
    if warm:
        # A failure is told in the log, and /readyz says so until it can be opened.
        with contextlib.suppress(errors.V2xPkiError):
            lazy.opened()
    return app


def bare_app(role: str, respond: Respond) -> Flask:
    """A Flask application with this house's error handling and nothing else."""
    app = Flask(role, static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    faults = metrics.unexpected_errors.labels(role)
    meter = metrics.Meter(role)

    @app.before_request
    def begin() -> None:
        request.environ[_STARTED] = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        started = request.environ.get(_STARTED)
        flow = (request.endpoint or "unknown").rpartition(".")[2]
        elapsed = None if started is None else time.perf_counter() - started
        meter.count(flow, response.status_code, elapsed)
        return response

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        told = verdict(error)
        identifier = None
        if told.refused:
            # no fault of anybody here, though it may look like one from outside: counted, not logged
            metrics.refused.labels(role, str(told.refused)).inc()
        elif told.status >= 500:
            identifier = logs.request_id()
            log = logs.logger().error if told.fault else logs.logger().warning
            log(
                "unexpected error" if told.fault else "unavailable",
                request=identifier,
                **logs.describe(error),
            )
        if told.fault:
            faults.inc()
        elif told.status == 503:
            metrics.unavailable.labels(role, type(error.__cause__ or error).__name__).inc()
        return respond(told, identifier)

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        # Flask's own: unknown path, method not allowed
        status = error.code or 500
        response = respond(Verdict(status, (error.name or "error").lower()), None)
        for name, value in error.get_headers():
            if name == "Allow":
                response.headers["Allow"] = value
        return response

    return app


def add_health(app: Flask, health: Health) -> None:
    """/healthz (the process answers) and /readyz (it can work)."""

    @app.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", content_type="text/plain; charset=utf-8")

    @app.get("/readyz")
    def readyz() -> Response:
        document = health.document()
        response = jsonify(document)
        response.status_code = 200 if document["ready"] else 503
        response.headers["Cache-Control"] = "no-store"
        return response
