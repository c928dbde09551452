"""Server-Sent Events from bytes, however the bytes were cut (WHATWG HTML, section 9.2.6)."""

import codecs
import re
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\n|\r")
_LARGEST_EVENT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One dispatched event. ``id`` is the last one the stream named, perhaps with an earlier event; empty for none."""

    name: str
    data: str
    id: str = ""


class EventTooLarge(ValueError):
    """A single event of more than a mebibyte: this is no stream of a gateway."""

    def __init__(self) -> None:
        super().__init__(f"an event of the stream is larger than {_LARGEST_EVENT} characters")


class Parser:
    """One connection's worth of stream. Give the next connection the ``last_id`` of the one before."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self.retry: float | None = None
        """The reconnection time that the server asked for, in seconds; None when it asked for none."""
        # utf-8-sig drops the one byte order mark that a stream may begin with.
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
        self._rest = ""
        self._after_cr = False
        self._id = last_id
        self._name = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that ``chunk`` completes. Raises EventTooLarge."""
        text = self._decoder.decode(chunk)
        if not text:
            return []
        if self._after_cr:
            text = text.removeprefix("\n")
        self._after_cr = text.endswith("\r") if text else False
        *lines, self._rest = _LINE_END.split(self._rest + text)
        events = [event for line in lines if (event := self._line(line))]
        self._check_size(len(self._rest))
        return events

    def _line(self, line: str) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        self._field(field, value.removeprefix(" "))
        self._check_size()
        return None

    def _check_size(self, more: int = 0) -> None:
        if self._size + more > _LARGEST_EVENT:
            raise EventTooLarge

    def _field(self, field: str, value: str) -> None:
        if field == "data":
            self._data.append(value)
            self._size += len(value) + 1
        elif field == "event":
            self._name = value
        elif field == "id" and "\0" not in value:
            self._id = value
        elif field == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value[:12]) / 1000

    def _dispatch(self) -> ServerEvent | None:
        """The event that a blank line ends; None when it has no data."""
        self.last_id = self._id
        name, data = self._name or "message", self._data
        self._name, self._data, self._size = "", [], 0
        # The buffer of the standard ends in a line feed per data line; an empty buffer dispatches nothing.
        return ServerEvent(name, "\n".join(data), self.last_id) if data else None
