import asyncio

import pytest

from dag_gateway.simulator.defaults import with_defaults
from dag_gateway.simulator.kinds import CONFIG_MAP, SERVICE, Key
from dag_gateway.simulator.logbook import Logbook
from dag_gateway.simulator.refusals import Refused
from dag_gateway.simulator.store import ObjectStore
from tests.fakes.simulated import config_map

KEY = Key(CONFIG_MAP, "shop", "settings")


def test_every_write_gets_the_next_version() -> None:
    store = ObjectStore()
    first, second = store.put(KEY, config_map(a="1")), store.put(KEY, config_map(a="2"))
    assert (first["metadata"]["resourceVersion"], second["metadata"]["resourceVersion"]) == ("1", "2")


def test_a_write_that_changes_nothing_makes_no_version() -> None:
    store = ObjectStore()
    store.put(KEY, config_map(a="1"))
    again = store.put(KEY, config_map(a="1"))
    assert (store.version, again["metadata"]["resourceVersion"]) == (1, "1")


def test_a_deletion_is_a_change_with_a_version_of_its_own() -> None:
    store = ObjectStore()
    store.put(KEY, config_map())
    store.remove(KEY)
    assert [(change.type, change.item["metadata"]["resourceVersion"]) for change in store.since(0)] == [
        ("ADDED", "1"),
        ("DELETED", "2"),
    ]


def test_removing_what_is_not_there_changes_nothing() -> None:
    store = ObjectStore()
    store.remove(KEY)
    assert store.version == 0


def test_what_was_read_can_be_changed_without_harm() -> None:
    store = ObjectStore()
    read = store.put(KEY, config_map(a="1"))
    read["data"]["a"] = "changed"
    assert (store.get(*KEY) or {})["data"] == {"a": "1"}


def test_an_old_version_is_refused_once_the_history_has_moved_on() -> None:
    store = ObjectStore(history=4)
    for number in range(5):
        store.put(KEY, config_map(a=str(number)))
    with pytest.raises(Refused, match=r"too old resource version: 1 \(2\)"):
        store.since(1)
    assert [change.version for change in store.since(3)] == [4, 5]


def test_a_version_that_does_not_exist_yet_is_refused() -> None:
    with pytest.raises(Refused, match="Too large resource version: 7, current: 0"):
        ObjectStore().since(7)


async def test_waiting_ends_with_the_next_write() -> None:
    store = ObjectStore()
    waiter = asyncio.create_task(store.moved())
    await asyncio.sleep(0)
    assert not waiter.done()
    store.put(KEY, config_map())
    await waiter


def test_a_logbook_forgets_its_oldest_runs() -> None:
    logbook = Logbook()
    for number in range(2_001):
        logbook.write(f"run-{number}", "hello")
    assert (logbook.lines("run-0"), logbook.lines("run-1")) == ([], ["hello"])


def test_a_service_is_born_with_an_address_of_its_own() -> None:
    item = {"metadata": {"name": "web", "uid": "0102ffff-0000"}, "spec": {"ports": [{"port": 80}]}}
    service = with_defaults(SERVICE, item)
    assert (service["spec"]["clusterIP"], service["spec"]["type"]) == ("10.96.1.2", "ClusterIP")
    assert service["status"] == {"loadBalancer": {}}


def test_what_is_only_read_is_not_copied_and_comes_by_namespace_and_name() -> None:
    store = ObjectStore()
    for namespace, name in (("shop", "b"), ("shop", "a"), ("cart", "c")):
        store.put(Key(CONFIG_MAP, namespace, name), config_map(name))
    assert [item["metadata"]["name"] for item in store.stored(CONFIG_MAP)] == ["c", "a", "b"]
    assert store.stored(CONFIG_MAP, "shop") == store.select(CONFIG_MAP, "shop")
    assert store.stored(CONFIG_MAP, "shop")[0] is store.stored(CONFIG_MAP, "shop")[0]
    assert store.select(CONFIG_MAP, "shop")[0] is not store.stored(CONFIG_MAP, "shop")[0]
