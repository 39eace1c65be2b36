"""From what the desks of firmware delivery refuse to RFC 9457 problems, which name the field and the rule."""

from collections.abc import Iterator
from contextlib import contextmanager

from v2xpki.errors import AlreadyRecorded, ConfigError, DecodeError, DiskFull, InvalidProvenance, Refused
from v2xpki.web.problems import HttpError

_CONFLICT = 409
#: The rule of a member that is not as the interface has it.
FIELD = "field"
#: A reason's name, in whichever enumeration of ota/ it is -> status; all others are conflicts with how
#: things are.
_STATUS = {
    "FIELD": 400, "MALFORMED": 400, "BAD_CHANGE": 400,
    "ROLE": 403, "FORBIDDEN": 403, "NOT_AUTHENTIC": 403, "OUT_OF_TIME": 403,
    "UNKNOWN_KEY": 403, "BAD_SIGNATURE": 403,
    "UNKNOWN": 404, "NO_SUCH_ROLE": 404, "NO_SUCH_REQUEST": 404,
    "SIZE": 413,
    "CHECKSUM": 460,
}  # fmt: skip
TITLES = {
    400: "a member of the request breaks a rule", 403: "not allowed", 404: "no such thing",
    409: "not as things are now", 413: "too large", 422: "the provenance is not accepted",
    460: "the checksum is another", 507: "no room",
}  # fmt: skip
_FULL = (
    "The server's disk has no room for this image: free some there, or end uploads that nobody needs. "
    "An upload goes on from its offset then."
)


@contextmanager
def told() -> Iterator[None]:
    """What is refused inside becomes an HttpError with its detail; faults go through."""
    try:
        yield
    except Refused as error:
        status = _STATUS.get(error.reason.name, _CONFLICT)
        raise _problem(status, str(error), error.reason.name.lower().replace("_", "-")) from error
    except InvalidProvenance as error:
        raise _problem(422, str(error), error.rule) from error
    except DecodeError as error:
        raise _problem(400, str(error), FIELD) from error
    except DiskFull as error:
        raise _problem(507, _FULL, "disk-full") from error
    except AlreadyRecorded as error:
        raise _problem(_CONFLICT, "there is one of this name already", "once") from error
    except ConfigError as error:
        raise _problem(_CONFLICT, str(error), "settings") from error


def _problem(status: int, detail: str, rule: str) -> HttpError:
    return HttpError(status, TITLES[status], detail=detail, rule=rule)
