"""What the gateway's answers mean: pure functions over status, headers and body."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .exits import OutcomeUnknown, Refused, WrongUsage

_DEPLOYMENT_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response, read within a limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def passing(self) -> bool:
        """Whether another try may be answered differently."""
        return self.status >= 500 or self.status == 429


def accepted(answer: Answer) -> Answer:
    """``answer`` when it is a 200. Raises WrongUsage for a redirect, Refused for 4xx, otherwise OutcomeUnknown."""
    if answer.status == 200:
        return answer
    if 300 <= answer.status < 400:
        place = answer.headers.get("location", "elsewhere")
        raise WrongUsage(f"--server answers with a redirect to {place[:200]}; give the gateway's own address")
    if 400 <= answer.status < 500:
        raise Refused(describe(answer), status=answer.status)
    raise OutcomeUnknown(describe(answer))


def describe(answer: Answer) -> str:
    """The gateway's own error text, or the status where something else answered."""
    body = _object(answer.body) or {}
    text, code, request = body.get("error"), code_of(answer), answer.headers.get("x-request-id", "")
    if not isinstance(text, str):
        text = "an answer that is not the gateway's"
    named = f", {code}" if code else ""
    traced = f", request {request}" if request and answer.status >= 500 else ""
    return f"{text} (HTTP {answer.status}{named}{traced})"


def code_of(answer: Answer) -> str:
    """The gateway's own error code; empty where something else answered."""
    code = (_object(answer.body) or {}).get("code")
    return code if isinstance(code, str) else ""


def deployment_id_of(answer: Answer) -> str:
    """The id in the answer to an upload. Raises OutcomeUnknown when there is none."""
    found = json_object(answer).get("deploymentId")
    if not isinstance(found, str) or not _DEPLOYMENT_ID.fullmatch(found):
        raise OutcomeUnknown("the answer names no deploymentId: is --server the address of a DAG Gateway?")
    return found


def json_object(answer: Answer) -> dict[str, Any]:
    """The body as a JSON object. Raises OutcomeUnknown when it is none."""
    found = _object(answer.body)
    if found is None:
        raise OutcomeUnknown("the answer is not a JSON object: is --server the address of a DAG Gateway?")
    return found


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
