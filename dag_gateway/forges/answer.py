"""What a forge answered, as plain data, and how to read a document out of it."""

from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from dag_gateway.errors import Unavailable

LARGEST_ANSWER = 1024 * 1024
"""Bytes. A job of GitLab is about 5 KiB, a page of branches about 50 KiB."""

_LONGEST_RETRY_AFTER = 300
"""Seconds; a forge that asks for more is asked again sooner."""

_Document = TypeVar("_Document")


class ForgeUnavailable(Unavailable):
    """The forge does not answer, or not as documented, so nothing is known of the job."""

    code = "forge_unavailable"


@dataclass(frozen=True, slots=True)
class Answer:
    """``retry_after`` and ``cache_control`` are headers as they came, "" if absent. The body never prints."""

    status: int
    body: bytes = field(default=b"", repr=False)
    retry_after: str = ""
    cache_control: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether a forge that answers so is broken: a server error, or a 200 that is not a document of JSON.

        Everything that a forge is asked for is an object or a list. A document of the wrong shape is none of it:
        the name of a branch could make one, and would then cut off everybody else.
        """
        return self.status >= 500 or (self.status == 200 and self.body[:64].lstrip()[:1] not in (b"{", b"["))


def document(answer: Answer, shape: TypeAdapter[_Document], forge: str) -> _Document:
    """The body of a 200 in the given shape.

    Raises ForgeUnavailable for any other status, and for a body that is not JSON of this shape. The caller has
    refused the statuses that say something of the job before.
    """
    if answer.status != 200:
        raise ForgeUnavailable(_unexpected(answer.status, forge), retry_after=_seconds(answer.retry_after))
    try:
        return shape.validate_json(answer.body)
    except ValidationError as error:
        raise ForgeUnavailable(f"forge {forge!r} sent an unreadable answer: {_first_problem(error)}") from error


def _unexpected(status: int, forge: str) -> str:
    if 300 <= status < 400:
        return f"forge {forge!r} answered {status}; redirects are not followed, so its url must be the final one"
    if status == 429:
        return f"forge {forge!r} answered 429: too many requests"
    return f"forge {forge!r} answered {status} instead of 200"


def _seconds(header: str) -> float:
    """RFC 9110, section 10.2.3: seconds, or a date, which is not worth reading here."""
    if header.isascii() and header.isdigit() and len(header) < 10:
        return float(min(max(int(header), 1), _LONGEST_RETRY_AFTER))
    return 5.0


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    return f"field {place}: {problem['msg']}" if place else problem["msg"]
