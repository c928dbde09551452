from copy import deepcopy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dag_gateway.clusters.subset import UNSETTLED, agreed, difference, is_unsettled

POD = "spec.template.spec"
APP = f"{POD}.containers[app]"


def told(container: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A Deployment as a chart has it."""
    pods = {"containers": [{"name": "app", "image": "web:2", **container}], **spec}
    return {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {"spec": pods}}}


def live(container: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """The same as the API server has it, with its defaults."""
    defaults = {"imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log", "resources": {}}
    pods = {"containers": [{"name": "app", "image": "web:2", **defaults, **container}], "dnsPolicy": "ClusterFirst"}
    meta = {"name": "web", "uid": "uid-web", "annotations": {"deployment.kubernetes.io/revision": "2"}}
    template = {"metadata": {"creationTimestamp": None}, "spec": {**pods, **spec}}
    return {"kind": "Deployment", "metadata": meta, "spec": {"replicas": 1, "template": template}, "status": {"a": 1}}


# What the chart says of its container, and what is live: the same content.
EQUAL = [
    ("nothing more than the image", "{}", "{}"),
    ("a quantity in another spelling", "{resources: {limits: {cpu: 1000m}}}", "{resources: {limits: {cpu: '1'}}}"),
    ("a quantity as a number", "{resources: {limits: {cpu: 2}}}", "{resources: {limits: {cpu: '2'}}}"),
    ("null", "{securityContext: null}", "{}"),
    ("null where something is", "{securityContext: null}", "{securityContext: {runAsUser: 1}}"),
    ("an empty mapping", "{securityContext: {}}", "{}"),
    ("an empty mapping where something is", "{securityContext: {}}", "{securityContext: {runAsUser: 1}}"),
    ("an empty list", "{env: []}", "{}"),
    ("nothing but nulls", "{securityContext: {capabilities: {add: null}}}", "{}"),
    ("an empty text that asks for the default", "{imagePullPolicy: ''}", "{}"),
    ("an empty text where the default is", "{imagePullPolicy: ''}", "{imagePullPolicy: Always}"),
    ("a variable without a value", "{env: [{name: A, value: ''}]}", "{env: [{name: A}]}"),
    ("false where that is the default", "{tty: false}", "{}"),
    (
        "0 where that is the default",
        "{livenessProbe: {initialDelaySeconds: 0}}",
        "{livenessProbe: {periodSeconds: 10}}",
    ),
    ("variables in another order", "{env: [{name: A}, {name: B}]}", "{env: [{name: B}, {name: A}]}"),
    (
        "mounts of one volume",
        "{volumeMounts: [{name: v, mountPath: /a}, {name: v, mountPath: /b}]}",
        "{volumeMounts: [{name: i, mountPath: /i}, {name: v, mountPath: /b}, {name: v, mountPath: /a}]}",
    ),
    ("the same variable twice", "{env: [{name: A}, {name: A}]}", "{env: [{name: A}, {name: A}]}"),
]

OTHER = [
    ("another image", "{image: 'web:3'}", "{}", "image is web:2, not web:3"),
    ("an empty text where the default is not", "{imagePullPolicy: ''}", "{imagePullPolicy: Never}", "imagePullPolicy"),
    ("an empty text that has no default", "{image: ''}", "{}", "image is web:2, not "),
    ("another variable", "{env: [{name: A, value: s3cret}]}", "{env: [{name: A, value: old}]}", "env[A].value"),
    ("a variable that is not there", "{env: [{name: A, value: x}]}", "{env: []}", "env[A]"),
    ("a variable that was emptied", "{env: [{name: A, value: ''}]}", "{env: [{name: A, value: x}]}", "env[A].value"),
    (
        "a variable that the chart no longer has",
        "{env: [{name: A}]}",
        "{env: [{name: A}, {name: B}]}",
        "env[B], which is not in the chart",
    ),
    ("variables of which the chart has none", "{}", "{env: [{name: A}]}", "env, which is not in the chart"),
    ("a probe too many", "{}", "{livenessProbe: {exec: {}}}", "livenessProbe, which is not in the chart"),
    ("an argument less", "{args: [a]}", "{args: [a, b]}", "args[1], which is not in the chart"),
    ("an argument more", "{args: [a, b]}", "{args: [a]}", "args[1]"),
    ("an empty argument", "{args: ['']}", "{args: [a]}", "args[0]"),
    ("arguments in another order", "{args: [a, b]}", "{args: [b, a]}", "args[0]"),
    ("no arguments", "{args: []}", "{args: [a]}", "args[0], which is not in the chart"),
    ("more cpu", "{resources: {limits: {cpu: 1}}}", "{resources: {limits: {cpu: 2}}}", "resources.limits.cpu"),
    ("a text that looks like the same amount", "{workingDir: 1000m}", "{workingDir: '1'}", "workingDir"),
    (
        "false where that is not the default",
        "{securityContext: {allowPrivilegeEscalation: false}}",
        "{}",
        "securityContext",
    ),
    (
        "0 where that is not the default",
        "{securityContext: {runAsUser: 0}}",
        "{securityContext: {privileged: true}}",
        "securityContext.runAsUser",
    ),
    ("false is not 0", "{tty: false}", "{tty: 0}", "tty"),
    (
        "a number is not a text",
        "{ports: [{containerPort: 80}]}",
        "{ports: [{containerPort: '80'}]}",
        "ports[0].containerPort",
    ),
    ("a mapping is not a list", "{env: {A: x}}", "{env: [{name: A}]}", "env"),
]


@pytest.mark.parametrize(("expected", "held"), [row[1:] for row in EQUAL], ids=[row[0] for row in EQUAL])
def test_the_same_content_has_no_difference(expected: str, held: str) -> None:
    assert difference(told(yaml.safe_load(expected)), live(yaml.safe_load(held))) is None


@pytest.mark.parametrize(("expected", "held", "where"), [row[1:] for row in OTHER], ids=[row[0] for row in OTHER])
def test_other_content_is_told_by_its_path(expected: str, held: str, where: str) -> None:
    assert difference(told(yaml.safe_load(expected)), live(yaml.safe_load(held))) == f"{APP}.{where}"


def test_what_is_rendered_otherwise_each_time_is_not_compared() -> None:
    expected = told({"env": [{"name": "A", "value": UNSETTLED}], "workingDir": UNSETTLED, "args": UNSETTLED})

    assert difference(expected, live({"env": [{"name": "A", "value": "x"}], "args": ["x"]})) is None


def test_a_missing_image_is_told() -> None:
    held = live({})
    del held["spec"]["template"]["spec"]["containers"][0]["image"]
    assert difference(told({}), held) == f"{APP}.image is missing, not web:2"


def test_an_image_that_is_not_a_text_is_told_by_its_path_alone() -> None:
    assert difference(told({"image": 5}), live({})) == f"{APP}.image"


def test_sidecars_and_their_volumes_may_be_added() -> None:
    held = live({}, volumes=[{"name": "sidecar", "emptyDir": {}}], tolerations=[{"key": "x"}])
    held["spec"]["template"]["spec"]["containers"].insert(0, {"name": "sidecar", "image": "proxy:1"})

    assert difference(told({}), held) is None


def test_a_container_that_is_not_there_is_told() -> None:
    expected = told({})
    expected["spec"]["template"]["spec"]["containers"].append({"name": "worker", "image": "w:1"})

    assert difference(expected, live({})) == f"{POD}.containers[worker]"


def test_an_empty_volume_is_not_any_volume() -> None:
    expected = told({}, volumes=[{"name": "data", "emptyDir": {}}])

    assert difference(expected, live({}, volumes=[{"name": "data", "emptyDir": {}}])) is None
    assert difference(expected, live({}, volumes=[{"name": "data", "hostPath": {"path": "/"}}])) == (
        f"{POD}.volumes[data].emptyDir"
    )


def test_metrics_may_come_back_in_another_order() -> None:
    cpu, memory = ({"type": "Resource", "resource": {"name": name}} for name in ("cpu", "memory"))

    assert difference({"spec": {"metrics": [memory, cpu]}}, {"spec": {"metrics": [cpu, memory]}}) is None
    assert difference({"spec": {"metrics": [memory]}}, {"spec": {"metrics": [cpu]}}) == "spec.metrics[memory]"


def test_labels_and_annotations_are_compared_and_others_may_be_added() -> None:
    expected, held = told({}), live({})
    expected["metadata"]["labels"] = {"tier": "web"}
    assert difference(expected, held) == "metadata.labels"
    held["metadata"]["labels"] = {"tier": "db", "added": "x"}
    assert difference(expected, held) == "metadata.labels.tier"
    held["metadata"]["labels"] = {"tier": "web", "added": "x"}
    assert difference(expected, held) is None


def test_an_empty_label_is_a_label() -> None:
    expected, held = told({}), live({})
    expected["metadata"]["labels"] = {"tier": ""}
    held["metadata"]["labels"] = {"other": "x"}
    assert difference(expected, held) == "metadata.labels.tier"


def test_an_account_that_the_chart_leaves_empty_is_the_default_one() -> None:
    expected = told({}, serviceAccountName="", runtimeClassName="")

    assert difference(expected, live({}, serviceAccountName="default")) is None
    assert difference(expected, live({}, serviceAccountName="admin")) == f"{POD}.serviceAccountName"
    assert difference(expected, live({}, runtimeClassName="gvisor")) == f"{POD}.runtimeClassName"


def test_status_and_creation_time_are_never_compared() -> None:
    expected = {**told({}), "status": {"replicas": 9}}
    expected["metadata"]["creationTimestamp"] = "2026-01-31T12:00:00Z"

    assert difference(expected, live({})) is None


def test_what_the_api_server_assigns_to_a_service_is_no_difference() -> None:
    expected = {"spec": {"clusterIP": "", "clusterIPs": [], "ports": [{"name": "http", "port": 80, "nodePort": 0}]}}
    held = {"spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"]}}
    held["spec"]["ports"] = [{"name": "http", "port": 80, "nodePort": 30001, "protocol": "TCP"}]  # type: ignore[list-item]  # a plain object

    assert difference(expected, held) is None


@pytest.mark.parametrize("more", [{"old": "x"}, {"old": ""}])
def test_data_of_a_config_map_that_the_chart_no_longer_has_is_told(more: dict[str, str]) -> None:
    held = {"kind": "ConfigMap", "data": {"a": "1", **more}}

    assert difference({"data": {"a": "1"}}, held) == "data.old, which is not in the chart"
    assert difference({}, held) == "data, which is not in the chart"
    assert difference({"data": {"a": "1", "old": "y"}}, held) == "data.old"


def test_an_empty_entry_of_a_config_map_is_an_entry() -> None:
    assert difference({"data": {"a": ""}}, {"data": {}}) == "data.a"


def test_two_renderings_agree_on_what_is_the_same_in_both() -> None:
    first = {"a": "1", "b": ["x", "y"], "c": [1], "d": {"e": "r4nd0m"}, "f": None, "g": True}
    second = {"a": "1", "b": ["x", "z"], "c": [1, 2], "d": {"e": "0ther"}, "g": 1, "h": "new"}

    common = agreed(first, second)

    assert common == {
        "a": "1", "b": ["x", UNSETTLED], "c": UNSETTLED, "d": {"e": UNSETTLED}, "f": None, "g": UNSETTLED,
        "h": UNSETTLED,
    }  # fmt: skip
    assert is_unsettled(common)
    assert is_unsettled(common["b"])
    assert not is_unsettled(agreed(first, first))
    assert repr(common["b"]) == "['x', UNSETTLED]"


def test_of_lists_with_more_in_one_rendering_the_items_of_both_are_compared() -> None:
    variables = [{"name": "A", "value": "1"}, {"name": "UPGRADE", "value": "1"}]
    installed, upgraded = told({"env": variables[:1]}), told({"env": variables})
    upgraded["spec"]["template"]["spec"]["containers"].append({"name": "migrate", "image": "m:1"})
    common = agreed(installed, upgraded)

    assert is_unsettled(common)
    assert difference(common, live({"env": variables})) is None
    assert difference(common, live({"env": variables[:1]})) is None
    assert difference(common, upgraded) is None
    assert difference(common, live({"env": variables, "image": "web:1"})) == f"{APP}.image is web:1, not web:2"
    assert difference(common, live({"env": variables[1:]})) == f"{APP}.env[A]"
    assert agreed({"args": ["a"]}, {"args": ["a", "b"]}) == {"args": UNSETTLED}


FIELDS = st.sampled_from(["spec", "data", "env", "args", "containers", "name", "value", "image", "limits", "cpu"])
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "1", "1000m"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(FIELDS, PLAIN, max_size=3)


@given(BODIES)
def test_everything_has_no_difference_to_itself(body: dict[str, Any]) -> None:
    assert difference(body, deepcopy(body)) is None


@given(BODIES)
def test_a_rendering_agrees_with_itself_and_survives_yaml(body: dict[str, Any]) -> None:
    assert agreed(body, deepcopy(body)) == body
    assert difference(agreed(body, body), yaml.safe_load(yaml.safe_dump(body))) is None


@given(BODIES, st.text(), st.text(min_size=1))
def test_what_the_chart_says_is_never_missed(body: dict[str, Any], key: str, value: str) -> None:
    held = {**body}
    held.pop("spec", None)
    assert difference({**body, "spec": {key: value}}, held) is not None
