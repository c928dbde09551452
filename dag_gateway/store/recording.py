"""Writing down how deployments go on: many moves share one transaction, each is compared and swapped on its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dag_gateway.errors import GatewayError
from dag_gateway.model.deployment import BEFORE_PUSH, Deployment
from dag_gateway.model.event import Event, News

from .database import Database
from .dialects import announce
from .records import event_columns, moving_columns, storable_news
from .schema import charts, deployments, events
from .together import Together
from .trouble import CommitUnknown, Interrupted
from .wakeups import ACCEPTED, environment_key

_MOST = 100

_LOCKED = (
    select(deployments.c.number, deployments.c.status, deployments.c.lease, deployments.c.last_event)
    .where(deployments.c.number.in_(bindparam("numbers", expanding=True)))
    .order_by(deployments.c.number)
    .with_for_update()
)


class LostRace(GatewayError):
    """Somebody else moved the deployment; whoever gets this stops without writing."""

    code = "lost_race"


@dataclass(frozen=True, slots=True)
class Move:
    """From ``old`` to ``new``, told by ``news`` in their order, written under the claim of number ``lease``."""

    old: Deployment
    new: Deployment
    news: Sequence[News]
    lease: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database has of a deployment that is about to move."""

    status: str
    lease: int
    last_event: int


Decisions = Sequence[Sequence[Event] | Exception]


class Recorder:
    """Writes moves; those that wait at the same time share a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together: Together[Move, Sequence[Event]] = Together(
            self._record, most=_MOST, for_all=(Interrupted, CommitUnknown)
        )

    async def record(self, move: Move) -> Sequence[Event]:
        """The events that its news became. Raises LostRace."""
        return await self._together.do(move)

    async def _record(self, moves: Sequence[Move]) -> Decisions:
        return await self._database.transact(_Recording(self._database.name, moves), repeatable=True)


class _Recording:
    """One transaction, which finds out by itself whether it took place when its commit was not answered."""

    def __init__(self, sender: str, moves: Sequence[Move]) -> None:
        self._sender = sender
        self._moves = moves
        self._tried: Decisions = ()

    async def __call__(self, connection: AsyncConnection) -> Decisions:
        standings = await _locked(connection, {move.old.number for move in self._moves})
        if self._tried and await _is_written(connection, self._moves, self._tried):
            return self._tried
        self._tried = decide(self._moves, standings)
        await _write(connection, self._moves, self._tried)
        await announce(connection, self._sender, _announced(self._moves, self._tried))
        return self._tried


def decide(moves: Sequence[Move], standings: Mapping[int, Standing]) -> Decisions:
    """The events that each move becomes, in order, or LostRace where the deployment is not as the mover knows it."""
    known = dict(standings)
    decisions: list[Sequence[Event] | Exception] = []
    for move in moves:
        standing = known.get(move.old.number)
        if standing is None or (standing.status, standing.lease) != (move.old.status.value, move.lease):
            decisions.append(_lost(move, standing))
            continue
        told = [Event(number, storable_news(news)) for number, news in enumerate(move.news, standing.last_event + 1)]
        last = standing.last_event + len(told)
        known[move.old.number] = replace(standing, status=move.new.status.value, last_event=last)
        decisions.append(told)
    return decisions


def _lost(move: Move, standing: Standing | None) -> LostRace:
    if standing is not None and standing.status == move.old.status.value:
        return LostRace(f"deployment {move.old.id} was claimed by somebody else, who carries it on")
    return LostRace(f"deployment {move.old.id} is no longer {move.old.status}; somebody else carries it on")


async def _locked(connection: AsyncConnection, numbers: set[int]) -> dict[int, Standing]:
    """Where the deployments stand. Locked in one order, so that two replicas never wait for each other."""
    rows = await connection.execute(_LOCKED, {"numbers": sorted(numbers)})
    return {row.number: Standing(row.status, row.lease, row.last_event) for row in rows}


async def _is_written(connection: AsyncConnection, moves: Sequence[Move], tried: Decisions) -> bool:
    """Whether what was ``tried`` is there. All of it or nothing is, so one event tells; the rows are locked."""
    for row in _event_rows(moves, tried):
        query = select(events).where(events.c.deployment == row["deployment"], events.c.number == row["number"])
        return [dict(found) for found in (await connection.execute(query)).mappings()] == [row]
    return False


async def _write(connection: AsyncConnection, moves: Sequence[Move], decisions: Decisions) -> None:
    rows = list(_event_rows(moves, decisions))
    if not rows:
        return
    # The last move of a deployment has everything that those before it brought.
    last = {move.old.number: (move.new, told[-1].number) for move, told in _won(moves, decisions)}
    await connection.execute(
        update(deployments).where(deployments.c.number == bindparam("of")),
        [moving_columns(new) | {"last_event": event, "of": number} for number, (new, event) in last.items()],
    )
    await connection.execute(insert(events), rows)
    gone = [move.old.number for move, _ in _won(moves, decisions) if _leaves_the_chart(move)]
    if gone:
        await connection.execute(delete(charts).where(charts.c.deployment.in_(gone)))


def _won(moves: Sequence[Move], decisions: Decisions) -> Iterator[tuple[Move, Sequence[Event]]]:
    for move, decision in zip(moves, decisions, strict=True):
        if not isinstance(decision, Exception):
            yield move, decision


def _event_rows(moves: Sequence[Move], decisions: Decisions) -> Iterator[dict[str, object]]:
    for move, told in _won(moves, decisions):
        for event in told:
            yield event_columns(move.old.number, event.number, event.news)


def _leaves_the_chart(move: Move) -> bool:
    return move.old.status in BEFORE_PUSH and move.new.status not in BEFORE_PUSH


def _announced(moves: Sequence[Move], decisions: Decisions) -> Iterator[str]:
    """The keys of what changed for others: the deployment, and what waits for it to move on."""
    for move, _ in _won(moves, decisions):
        yield move.old.id
        if move.new.status != move.old.status:
            yield environment_key(move.old.app, move.old.environment)
        if _leaves_the_chart(move):
            yield ACCEPTED
