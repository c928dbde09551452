"""The one error tree. No HTTP here: the web edge maps each family to a status.

::

    GatewayError                code             family: what the caller may conclude
    ├── Invalid                 invalid_request  the request breaks a rule; sending it again will not help
    ├── Unverified              unverified       who is asking could not be proven
    ├── Forbidden               forbidden        it is known who is asking, and they may not do this
    ├── NotFound                not_found        the thing named is not there
    ├── TooLarge                too_large        over a limit of the configuration
    ├── WrongMediaType          wrong_media_type the body is of another type than the route takes
    ├── TooSlow                 too_slow         the client took too long to send its request
    ├── Conflict                conflict         it contradicts what was accepted before
    ├── TooMany                 too_many         the client asks too often; try again after ``retry_after``
    ├── Unavailable             unavailable      something outside does not answer; try again after ``retry_after``
    └── StepFailed              step_failed      a deployment can not go on; in ``model/reason.py``, with the ``Reason``

The concrete classes are born beside the code that raises them, with a ``code`` of their own. Codes are stable.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class GatewayError(Exception):
    """Root of everything this package raises on purpose.

    ``message`` is one readable sentence that names the thing, the rule and the way out; it is shown to users,
    so it never holds a secret. ``details`` are JSON values for programs.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, Any] = details


class Invalid(GatewayError):
    """The request breaks a rule."""

    code = "invalid_request"


class Unverified(GatewayError):
    """The caller's identity could not be proven; the message says which rule, never the token."""

    code = "unverified"


class Forbidden(GatewayError):
    """It is known who is asking, and they may not do this."""

    code = "forbidden"


class NotFound(GatewayError):
    """The thing named is not there."""

    code = "not_found"


class TooLarge(GatewayError):
    """Over a limit of the configuration; the message names limit and value."""

    code = "too_large"


class WrongMediaType(GatewayError):
    """The body is of another media type than the route takes."""

    code = "wrong_media_type"


class TooSlow(GatewayError):
    """The client took too long to send its request."""

    code = "too_slow"


class Conflict(GatewayError):
    """It contradicts what was accepted before."""

    code = "conflict"


class Temporary(GatewayError):
    """Trying again later may help. ``retry_after`` is in seconds."""

    def __init__(self, message: str, *, retry_after: float = 5.0, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after = retry_after


class TooMany(Temporary):
    """The client asks too often, or for too much at the same time."""

    code = "too_many"


class Unavailable(Temporary):
    """Something outside (forge, database, git remote, cluster) does not answer."""

    code = "unavailable"
