import pytest

from dag_gateway.simulator.kinds import Object
from dag_gateway.simulator.ownership import applied
from dag_gateway.simulator.refusals import Refused

NOW = "2026-01-31T12:00:00Z"


def _config(**spec: object) -> Object:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": dict(spec)}


def _apply(live: Object | None, config: Object, manager: str = "flux", *, force: bool = False) -> Object:
    return applied(live, config, manager, force=force, now=NOW)


def test_an_apply_remembers_who_owns_which_field() -> None:
    live = _apply(None, _config(replicas=2, containers=[{"name": "web", "image": "web:1"}]))
    (entry,) = live["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"], entry["fieldsType"]) == ("flux", "Apply", "FieldsV1")
    assert entry["fieldsV1"] == {
        "f:spec": {
            "f:replicas": {},
            "f:containers": {'k:{"name":"web"}': {"f:name": {}, "f:image": {}}},
        }
    }


def test_what_an_applier_leaves_out_is_removed() -> None:
    live = _apply(None, _config(replicas=2, paused=True))
    live = _apply(live, _config(replicas=2))
    assert live["spec"] == {"replicas": 2}


def test_an_item_of_a_list_that_is_left_out_is_removed() -> None:
    both = _config(containers=[{"name": "web", "image": "web:1"}, {"name": "side", "image": "side:1"}])
    live = _apply(_apply(None, both), _config(containers=[{"name": "web", "image": "web:1"}]))
    assert live["spec"]["containers"] == [{"name": "web", "image": "web:1"}]


def test_what_nobody_applied_stays() -> None:
    live = _apply(None, _config(replicas=2))
    live["spec"]["strategy"] = {"type": "Recreate"}
    assert _apply(live, _config(replicas=3))["spec"] == {"replicas": 3, "strategy": {"type": "Recreate"}}


def test_a_field_that_another_applier_owns_can_not_be_changed() -> None:
    live = _apply(None, _config(replicas=2))
    with pytest.raises(Refused, match=r'Apply failed with 1 conflict: conflict with "flux": .spec.replicas') as caught:
        _apply(live, _config(replicas=3), "somebody")
    assert (caught.value.http, caught.value.reason) == (409, "Conflict")


def test_force_takes_the_field_away() -> None:
    live = _apply(None, _config(replicas=2))
    live = _apply(live, _config(replicas=3), "somebody", force=True)
    assert live["spec"]["replicas"] == 3
    assert [entry["manager"] for entry in live["metadata"]["managedFields"]] == ["somebody"]


def test_a_field_that_two_appliers_share_outlives_one_of_them() -> None:
    live = _apply(None, _config(replicas=2, paused=True))
    live = _apply(live, _config(paused=True), "somebody")
    live = _apply(live, _config(replicas=2))
    assert live["spec"] == {"replicas": 2, "paused": True}
