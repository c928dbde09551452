"""The abilities of a gateway behind proxies that pass a toll before and after every awaited call."""

import asyncio
import inspect
import re
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from dag_gateway.deployments.tools import Tools
from dag_gateway.store import LostRace

from .fault_toll import Toll

_FOR_CLIENTS = ("events", "get", "ping")
"""Of the store: asked whenever a client or a probe asks, and nothing follows from a kill there."""

GIVEN_UP = " given up"
"""How the name of a point ends where the call was refused, or nobody wanted its answer any more."""

_WRITING = re.compile("INSERT INTO [a-z_]+|UPDATE [a-z_]+|DELETE FROM [a-z_]+")


@dataclass
class Progress:
    """How far the one deployment of a life has come, as part of the names of the points.

    ``writes`` are the calls of the store that wait for their answer: a COMMIT belongs to them.
    """

    status: str = "new"
    writes: list[str] = field(default_factory=list)


class Proxy:
    """Stands for ``ability``, and is told nothing of what is asked there but the names."""

    def __init__(self, name: str, ability: object, toll: Toll, progress: Progress) -> None:
        self._name = name
        self._ability = ability
        self._toll = toll
        self._progress = progress

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._ability, method)
        if self._name == "store" and method in _FOR_CLIENTS:
            return found
        if inspect.isasyncgenfunction(found):
            return self._told(method, found)
        return self._answered(method, found) if inspect.iscoroutinefunction(found) else found

    def _answered(self, method: str, call: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
        async def answered(*arguments: Any, **named: Any) -> Any:
            name = f"{self._progress.status}: {self._name}.{method}{_what(method, arguments)}"
            self._toll.pass_by(f"{name} asked")
            if self._name == "store":
                self._progress.writes.append(name)
            try:
                answer = await call(*arguments, **named)
            except (LostRace, asyncio.CancelledError):
                self._toll.pass_by(f"{name}{GIVEN_UP}")
                raise
            finally:
                if self._name == "store":
                    self._progress.writes.remove(name)
            self._toll.pass_by(f"{name} answered")
            if method == "record":
                self._progress.status = arguments[1].status.value
            return answer

        return answered

    def _told(self, method: str, call: Callable[..., AsyncGenerator[Any, None]]) -> Callable[..., Any]:
        async def told(*arguments: Any, **named: Any) -> AsyncGenerator[Any, None]:
            name = f"{self._progress.status}: {self._name}.{method}"
            self._toll.pass_by(f"{name} begun")
            async with aclosing(call(*arguments, **named)) as items:
                async for item in items:
                    self._toll.pass_by(f"{name} told {getattr(item, 'verdict', '')}")
                    yield item

        return told


def _what(method: str, arguments: tuple[Any, ...]) -> str:
    """Which of many records it is: the new status, or that of the target that is told of."""
    if method != "record":
        return ""
    old, new, news = arguments[:3]
    return f"({new.status})" if old.status != new.status else f"(target {news[-1].data['target']['status']})"


def tolled(tools: Tools, toll: Toll, progress: Progress) -> Tools:
    """The same tools; whatever is an ability stands behind a proxy."""
    proxies: dict[str, Any] = {
        name: Proxy(name, getattr(tools, name), toll, progress) for name in ("store", "helm", "iac", "clusters")
    }
    return replace(tools, **proxies)


def toll_commits(toll: Toll, progress: Progress) -> None:
    """For the rest of this process: every COMMIT of something written is a point of its own."""

    @event.listens_for(Engine, "before_cursor_execute")
    def _execute(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if written := _WRITING.match(statement):
            connection.info.setdefault("written", []).append(written.group())

    @event.listens_for(Engine, "commit")
    def _commit(connection: Connection) -> None:
        if written := connection.info.pop("written", None):
            for name in tuple(progress.writes) or (f"{progress.status}: {', '.join(written)}",):
                toll.pass_by(f"{name} before COMMIT")
