"""Whether an upload may have been accepted by a gateway that then did not say so."""

from collections.abc import Awaitable
from dataclasses import dataclass

import httpx

from .answers import Answer, accepted, code_of, describe
from .exits import OutcomeUnknown, Refused, WrongUsage
from .transport import described_error

_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""What goes wrong before there is a connection to the gateway."""

_BEFORE_STORING = frozenset({"draining", "forge_unavailable", "request_timeout", "too_many_connections"})
"""Errors that the gateway answers only as long as nothing is stored. A database that is away is none of them: its
connection may have been lost when the deployment was already there."""


@dataclass(slots=True)
class Doubt:
    """``reason`` is why one of the tries may have been accepted; empty while none of them may."""

    reason: str = ""

    async def over(self, attempt: Awaitable[Answer]) -> Answer:
        """The answer to ``attempt``, having looked at what it leaves open. Raises httpx.RequestError."""
        try:
            answer = await attempt
        except httpx.RequestError as error:
            if not isinstance(error, _NOT_SENT):
                self.reason = described_error(error)
            raise
        if answer.status >= 500 and code_of(answer) not in _BEFORE_STORING:
            self.reason = describe(answer)
        return answer

    def accepted(self, answer: Answer) -> Answer:
        """Like ``accepted``, but after a try in doubt a refusal only speaks for itself: it raises OutcomeUnknown."""
        try:
            return accepted(answer)
        except (Refused, WrongUsage) as error:
            if not self.reason:
                raise
            earlier = f"but an earlier try may have been accepted: {self.reason}"
            raise OutcomeUnknown(f"{error.message}; {earlier}") from error
