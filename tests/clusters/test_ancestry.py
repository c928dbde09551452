from dag_gateway.clusters.ancestry import Ancestry
from tests.fakes.manual_clock import ManualClock


async def test_an_answer_is_asked_for_once_whatever_it_is() -> None:
    asked: list[str] = []

    async def contains(commit: str) -> bool:
        asked.append(commit)
        return commit == "later"

    ancestry = Ancestry("ours", contains, ManualClock())
    assert await ancestry.learn(["ours", "later", "before", "later"]) is None
    assert await ancestry.learn(["before", "later"]) is None

    assert asked == ["later", "before"]
    assert sorted(ancestry.good) == ["later", "ours"]


async def test_a_commit_that_nobody_has_is_asked_for_again_after_pauses_that_grow() -> None:
    asked: list[str] = []

    async def contains(commit: str) -> bool | None:
        asked.append(commit)
        return True if len(asked) > 3 else None

    clock = ManualClock()
    ancestry = Ancestry("ours", contains, clock)
    pauses = []
    while again_at := await ancestry.learn(["pushed-late"]):
        assert await ancestry.learn(["pushed-late"]) == again_at
        pauses.append((again_at - clock.now()).total_seconds())
        clock.advance(pauses[-1])

    assert pauses == [2.0, 4.0, 8.0]
    assert sorted(ancestry.good) == ["ours", "pushed-late"]
