"""What is told of one deployment, as the bytes that all its listeners get. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.event import Event, EventKind, News, sse, status_news, target_news
from dag_gateway.model.target import TargetState
from dag_gateway.store import Snapshot


class Transcript:
    """The log of a deployment, each event encoded once, and where the deployment stands.

    Events up to number ``pruned`` are not held: retention takes them away once a deployment is old enough.
    """

    def __init__(self, snapshot: Snapshot, events: Sequence[Event]) -> None:
        """``events`` are all that the store has, read after ``snapshot``."""
        self.deployment = snapshot.deployment
        self.ended = snapshot.deployment.status.terminal
        self.frames: list[bytes] = []
        self.pruned = events[0].number - 1 if events else snapshot.last_event
        self._targets: dict[str, News] = {}
        self._status: News | None = None
        self._standing: list[bytes] | None = None
        self.add(events)
        if self.last < snapshot.last_event:
            self._forget(snapshot.last_event)

    @property
    def last(self) -> int:
        """The number of the newest event."""
        return self.pruned + len(self.frames)

    def add(self, events: Iterable[Event]) -> bool:
        """Take those that follow without a gap, and pass over what is here already. Whether there were any."""
        before = self.last
        for event in events:
            if event.number == self.last + 1:
                self._append(event)
        return self.last > before

    def frame(self, number: int) -> bytes:
        """Event ``number``, which is held."""
        return self.frames[number - self.pruned - 1]

    def standing(self) -> Sequence[bytes]:
        """The newest state of every target, then the newest status under the number of the newest event."""
        if self._standing is None:
            self._standing = [*self._where_it_stands()]
        return self._standing

    def settle(self, deployment: Deployment) -> None:
        """Take over the record, which is newer than what the transcript began with."""
        self.deployment = deployment
        self._standing = None

    def _append(self, event: Event) -> None:
        self.frames.append(sse(event.news, event.number))
        self._standing = None
        if event.news.kind is EventKind.TARGET:
            self._targets[event.news.data["target"]["id"]] = event.news
        else:
            self._status = event.news
            self.ended = is_end(event)

    def _forget(self, last: int) -> None:
        """What is left of a log that is losing its events to retention is no log to go on from."""
        self.frames.clear()
        self.pruned = last
        self._targets.clear()
        self._status = self._standing = None
        self.ended = self.deployment.status.terminal

    def _where_it_stands(self) -> Iterator[bytes]:
        for state in self.deployment.targets:
            yield sse(self._told(state))
        recorded = status_news(self.deployment, self.deployment.accepted_at)
        yield sse(self._status or _undated(recorded), self.last)

    def _told(self, state: TargetState) -> News:
        """The newest word on a target; the record decides where a log does not tell its end."""
        told = self._targets.get(state.target.id)
        if told is not None and (not self.ended or told.data["target"] == state.public_json()):
            return told
        if self._status is None:
            return _undated(target_news(state, self.deployment.accepted_at))
        return target_news(state, self._status.at if self.ended else self.deployment.accepted_at)


def is_end(event: Event) -> bool:
    """Whether nothing comes behind it."""
    return event.news.kind is EventKind.STATUS and Status(event.news.data["status"]).terminal


def _undated(news: News) -> News:
    """Without ``at``: the event that knew the time is gone."""
    return replace(news, data={name: value for name, value in news.data.items() if name != "at"})
