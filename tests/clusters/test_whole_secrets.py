from dag_gateway.clusters.resources import SECRETS, Selection
from dag_gateway.clusters.watch import version
from dag_gateway.simulator import kinds
from tests.fakes.fast_clock import FastClock
from tests.fakes.informed import informed, names
from tests.fakes.watched_objects import secret

RELEASES = Selection(SECRETS, "shop", labels="owner=helm,name=web", metadata_only=True)
FIRST = Selection(SECRETS, "shop", name="v1")


async def test_secrets_are_watched_as_metadata_and_read_whole_once_per_version() -> None:
    async with informed(secret("v1", owner="helm", name="web"), secret("password")) as (sim, watcher):
        releases, first = await watcher.synced(RELEASES), await watcher.synced(FIRST)
        assert names(releases) == names(first) == ["v1"]
        assert "data" not in releases.objects[0]
        for number in ("1", "2"):
            await sim.apply({**secret("v1", owner="helm", name="web"), "data": {"release": number}})
            await sim.apply({**secret("password"), "data": {"password": number}})
            stored = sim.store.get(kinds.SECRET, "shop", "v1") or {}
            await watcher.until(lambda: version(first.objects[0]) == version(stored))  # noqa: B023  # as above
            assert "data" not in first.objects[0]
        again = await watcher.synced(FIRST)
        assert again.objects == first.objects

        listed = [path for method, path in sim.request_log if "/secrets" in path and "watch=" not in path]
        whole = [path for path in listed if "/namespaces/shop/" in path]
        assert len(whole) == 3
        assert all("metadata.name%3Dv1" in path or "metadata.name=v1" in path for path in whole)
        assert all("owner%3Dhelm" in path or "owner=helm" in path for path in listed if path not in whole)


async def test_a_whole_secret_goes_and_comes_with_its_metadata() -> None:
    async with informed() as (sim, watcher):
        first = await watcher.synced(FIRST)
        assert first.objects == ()
        await sim.apply(secret("v1", owner="helm"))
        await watcher.until(lambda: names(first) == ["v1"])
        sim.delete(kinds.SECRET, "shop", "v1")
        await watcher.until(lambda: first.objects == ())


async def test_a_whole_secret_is_lost_and_found_with_its_cluster() -> None:
    async with informed(secret("v1", owner="helm"), clock=FastClock()) as (sim, watcher):
        first = await watcher.synced(FIRST)
        sim.unavailable = True
        await watcher.until(lambda: first.loss)
        sim.unavailable = False
        await watcher.until(lambda: first.loss is None)
        assert names(first) == ["v1"]


async def test_a_secret_whose_metadata_may_not_be_read_is_refused() -> None:
    async with informed(clock=FastClock()) as (sim, watcher):
        sim.faults.forbidden.add(("list", "secrets"))
        first = watcher.take(FIRST)
        await watcher.until(lambda: first.refused)
        assert first.refused is not None
        assert "list secrets in namespace shop" in first.refused.message
