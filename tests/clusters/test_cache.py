from collections.abc import Iterable

from dag_gateway.clusters.cache import Cache, Wake
from dag_gateway.clusters.objects import Object, name
from dag_gateway.clusters.resources import CRDS, PODS, Selection
from dag_gateway.clusters.watch import Gone, Seen
from tests.fakes.watched_objects import pod

ALL = Selection(PODS, "shop")
WEB = Selection(PODS, "shop", labels="app=web")
FRONT = Selection(PODS, "shop", labels="app=web,tier=front")
NOT_OLD = Selection(PODS, "shop", labels="!old")
ONE = Selection(PODS, "shop", name="a")


def cache_of(*objects: Object) -> Cache:
    cache = Cache()
    for obj in objects:
        cache.note(Seen(obj))
    return cache


def names(cache: Cache, selection: Selection) -> list[str]:
    return [name(obj) for obj in cache.select(selection)]


class Sleepers:
    """One who listens per selection, and which of them are woken."""

    def __init__(self, cache: Cache, *selections: Selection) -> None:
        self._wakes = {selection: self._wake() for selection in selections}
        for selection, wake in self._wakes.items():
            cache.listen(selection, wake)

    def of(self, woken: Iterable[Wake]) -> set[Selection]:
        found = set(woken)
        return {selection for selection, wake in self._wakes.items() if wake in found}

    def wake(self, selection: Selection) -> Wake:
        return self._wakes[selection]

    @staticmethod
    def _wake() -> Wake:
        return lambda: None


def test_a_selection_is_answered_in_the_order_of_names_before_and_after_its_label_is_indexed() -> None:
    cache = cache_of(
        pod("c", app="web"),
        pod("a", app="web", tier="front"),
        pod("b", app="api"),
        pod("d"),
        pod("a", namespace="other", app="web"),
    )
    for _ in range(2):
        assert names(cache, ALL) == ["a", "b", "c", "d"]
        assert names(cache, WEB) == ["a", "c"]
        assert names(cache, FRONT) == ["a"]
        assert names(cache, NOT_OLD) == ["a", "b", "c", "d"]
        assert names(cache, ONE) == ["a"]
        assert names(cache, Selection(PODS, "shop", name="nobody")) == []
        assert names(cache, Selection(PODS, "nowhere")) == []
        Sleepers(cache, WEB)


def test_a_name_is_found_only_with_the_labels_that_were_asked_for() -> None:
    cache = cache_of(pod("a", app="web"))
    assert names(cache, Selection(PODS, "shop", labels="app=web", name="a")) == ["a"]
    assert names(cache, Selection(PODS, "shop", labels="app=api", name="a")) == []


def test_only_those_are_woken_whose_selection_the_object_is_in() -> None:
    cache = Cache()
    sleepers = Sleepers(cache, ALL, WEB, FRONT, ONE, NOT_OLD, Selection(PODS, "other"))
    assert sleepers.of(cache.note(Seen(pod("a", app="web")))) == {ALL, WEB, ONE, NOT_OLD}
    assert sleepers.of(cache.note(Seen(pod("b", app="api", old="yes")))) == {ALL}
    assert sleepers.of(cache.note(Seen(pod("c", namespace="elsewhere", app="web")))) == set()


def test_those_are_woken_whose_selection_an_object_has_left() -> None:
    cache = cache_of(pod("a", app="web", tier="front"))
    sleepers = Sleepers(cache, WEB, FRONT)
    assert sleepers.of(cache.note(Seen(pod("a", app="web")))) == {WEB, FRONT}
    assert sleepers.of(cache.note(Gone(pod("a", app="web")))) == {WEB}
    assert names(cache, WEB) == []


def test_what_is_gone_is_forgotten_in_every_index_whatever_its_last_words_were() -> None:
    cache = cache_of(pod("a", app="web"))
    sleepers = Sleepers(cache, ALL, WEB)
    assert sleepers.of(cache.note(Gone(pod("a", app="api")))) == {ALL, WEB}
    assert names(cache, ALL) == names(cache, WEB) == []


def test_what_was_never_seen_may_be_gone() -> None:
    cache = Cache()
    cache.note(Gone(pod("a")))
    assert names(cache, ALL) == []


def test_who_no_longer_listens_is_not_woken() -> None:
    cache = Cache()
    sleepers = Sleepers(cache, ALL, WEB)
    assert sleepers.of(cache.everybody()) == {ALL, WEB}
    for _ in range(2):
        cache.ignore(WEB, sleepers.wake(WEB))
    assert sleepers.of(cache.note(Seen(pod("a", app="web")))) == {ALL}
    assert sleepers.of(cache.everybody()) == {ALL}


def test_what_belongs_to_the_whole_cluster_is_found_whatever_namespace_is_named() -> None:
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "x"}}
    cache = cache_of(crd)
    assert names(cache, Selection(CRDS, "shop", name="x")) == names(cache, Selection(CRDS, "")) == ["x"]
