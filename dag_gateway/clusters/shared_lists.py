"""Fresh lists for many who ask at the same time: a list begins after all those asked whom it answers."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from .api import Api
from .cache import Cache
from .objects import Object
from .resources import Selection
from .watch import Seen
from .whole import read_now

Count = Callable[[Selection], int | None]
"""How many objects of a selection the watches know of; None: not known."""

_ROUNDS = 2
"""Of one place under way, before who asks then waits for one of them to end: nobody waits for longer than two."""

_AS_DEAR_AS_A_REQUEST = 8
"""So many objects more in a list cost about as much as another list, at both ends."""

_Answer = asyncio.Future[tuple[Object, ...]]


@dataclass(eq=False, slots=True)
class _Round:
    """Who asks for parts of one place at the same time; ``askers`` are those who wait still."""

    answers: dict[Selection, _Answer] = field(default_factory=dict)
    askers: int = 0
    task: asyncio.Task[None] | None = None

    def answer(self, selection: Selection) -> _Answer:
        if selection not in self.answers:
            self.answers[selection] = asyncio.get_running_loop().create_future()
        return self.answers[selection]

    def give_up(self) -> None:
        """Of what has no answer yet."""
        for answer in self.answers.values():
            answer.cancel()

    def leave(self) -> None:
        self.askers -= 1
        if not self.askers and self.task is not None:
            self.task.cancel()


@dataclass(eq=False, slots=True)
class _Place:
    """All objects of a kind in a namespace: the round that gathers, and those that are under way."""

    gathering: _Round | None = None
    running: set[_Round] = field(default_factory=set)


class SharedLists:
    """One per ``Api``, closed before it. Where many want parts of one place, the whole is read once for all."""

    def __init__(self, api: Api, count: Count) -> None:
        self._api = api
        self._count = count
        self._places: dict[Selection, _Place] = {}

    async def read(self, selection: Selection) -> tuple[Object, ...]:
        """What the API answers to a request that has not begun yet. Raises what listing raises.

        Who gives up waiting disturbs nobody else; what nobody waits for any more is broken off.
        """
        joined = self._gathering(selection.whole())
        joined.askers += 1
        try:
            return await asyncio.shield(joined.answer(selection))
        finally:
            joined.leave()

    async def aclose(self) -> None:
        """Break off what is under way, and let nobody wait."""
        for place in self._places.values():
            if place.gathering is not None:
                place.gathering.give_up()
                place.gathering = None
        tasks = [one.task for place in self._places.values() for one in place.running if one.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _gathering(self, whole: Selection) -> _Round:
        place = self._places.setdefault(whole, _Place())
        if place.gathering is None:
            place.gathering = _Round()
            # Not at once: those who were woken by the same change are about to ask as well.
            asyncio.get_running_loop().call_soon(self._begin, whole)
        return place.gathering

    def _begin(self, whole: Selection) -> None:
        """The round that gathers, if there is one whose turn it is."""
        place = self._places.get(whole, _Place())
        if place.gathering is None or len(place.running) >= _ROUNDS:
            return
        begun, place.gathering = place.gathering, None
        place.running.add(begun)
        begun.task = asyncio.create_task(self._run(whole, begun.answers))
        begun.task.add_done_callback(lambda _: self._end(whole, begun))

    async def _run(self, whole: Selection, answers: Mapping[Selection, _Answer]) -> None:
        if self._is_worth_the_whole(whole, len(answers)):
            await self._read_whole(whole, answers)
        else:
            await asyncio.gather(*(self._read_part(part, answer) for part, answer in answers.items()))

    def _end(self, whole: Selection, ended: _Round) -> None:
        ended.give_up()
        place = self._places[whole]
        place.running.discard(ended)
        self._begin(whole)
        if not place.running and place.gathering is None:
            del self._places[whole]

    def _is_worth_the_whole(self, whole: Selection, parts: int) -> bool:
        count = self._count(whole)
        return parts > 1 and count is not None and count <= _AS_DEAR_AS_A_REQUEST * parts

    async def _read_part(self, part: Selection, answer: _Answer) -> None:
        try:
            answer.set_result(await read_now(self._api, part))
        except Exception as error:
            answer.set_exception(error)

    async def _read_whole(self, whole: Selection, answers: Mapping[Selection, _Answer]) -> None:
        try:
            items = await read_now(self._api, whole)
        except Exception as error:
            for answer in answers.values():
                answer.set_exception(error)
            return
        for part, found in _parts(items, answers):
            answers[part].set_result(found)


def _parts(items: Iterable[Object], parts: Iterable[Selection]) -> list[tuple[Selection, tuple[Object, ...]]]:
    """What each would have been answered."""
    cache = Cache()
    for part in parts:
        cache.expect(part)
    for item in items:
        cache.note(Seen(item))
    return [(part, cache.select(part)) for part in parts]
