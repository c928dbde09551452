"""Which of the deployments that nobody carries a replica takes: its share, fairly between apps. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from heapq import heapify, heappop, heapreplace

from dag_gateway.store import Claimable, Work


def share(work: Work, carried: int) -> int:
    """How many more a replica takes that carries so many, while the others take theirs."""
    fair = -(-(work.carried + work.waiting) // max(1, work.replicas))
    return max(0, fair - carried)


def choose(work: Work, carried: Mapping[str, int], limit: int, overdue: Collection[int]) -> list[Claimable]:
    """What to claim now, so that at most ``limit`` are carried.

    ``carried`` counts what is carried already, by app. ``overdue`` are numbers that have waited so long that whoever
    has room takes them: the replica whose share they were is too slow.
    """
    room = max(0, limit - sum(carried.values()))
    chosen = fairly(work.claimable, carried, min(room, share(work, sum(carried.values()))))
    taken = {one.number for one in chosen}
    late = [one for one in work.claimable if one.number in overdue and one.number not in taken]
    return chosen + fairly(late, Counter(carried) + Counter(one.app for one in chosen), room - len(chosen))


def fairly(candidates: Iterable[Claimable], carried: Mapping[str, int], room: int) -> list[Claimable]:
    """So many of the candidates: always the oldest of the app of which the fewest are carried."""
    queues: dict[str, list[Claimable]] = {}
    for candidate in sorted(candidates, key=lambda one: one.number, reverse=True):
        queues.setdefault(candidate.app, []).append(candidate)
    turns = [(carried.get(app, 0), queue[-1].number, app) for app, queue in queues.items()]
    heapify(turns)
    chosen: list[Claimable] = []
    while turns and len(chosen) < room:
        count, _, app = turns[0]
        chosen.append(queues[app].pop())
        if queues[app]:
            heapreplace(turns, (count + 1, queues[app][-1].number, app))
        else:
            heappop(turns)
    return chosen
