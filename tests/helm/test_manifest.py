"""Rendered text becomes documents, documents become objects, objects become a line of images."""

import io
import struct
from typing import Any

import pytest

from dag_gateway.helm.frames import frame, read_frame
from dag_gateway.helm.manifest import Rendered, broken_rule, documents, flat, images, is_hook


def workload(kind: str, name: str, *containers: Any) -> dict[str, Any]:
    pod = {"containers": list(containers)}
    template: dict[str, Any] = {"spec": {"template": {"spec": pod}}}
    specs: dict[str, dict[str, Any]] = {"Pod": {"spec": pod}, "CronJob": {"spec": {"jobTemplate": template}}}
    return {"apiVersion": "x", "kind": kind, "metadata": {"name": name}, **specs.get(kind, template)}


def test_files_are_cut_into_documents_as_helm_cuts_them() -> None:
    files = {
        "b.yaml": "---\nb: 1\n---   \nb: 2\n\n---\n\n",
        "a.yaml": "a: |\n  text --- here\n",
        "demo/templates/NOTES.txt": "notes",
        "demo/charts/x/templates/NOTES.txt": "notes",
        "empty.yaml": " \n",
    }
    found = [(document.source, document.text) for document in documents(files)]
    assert found == [("a.yaml", "a: |\n  text --- here\n"), ("b.yaml", "b: 1"), ("b.yaml", "b: 2")]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"])
def test_the_images_of_every_kind_of_workload_are_named(kind: str) -> None:
    assert images([workload(kind, "web", {"image": "nginx:1.27.0"})]) == "web -> nginx:1.27.0"


def test_several_workloads_and_containers_are_one_line() -> None:
    objects = [
        workload("Deployment", "web", {"image": "nginx:1.27.0"}, {"image": "proxy:2"}),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}},
        workload("Job", "worker", {"image": "x:1"}),
    ]
    assert images(objects) == "web -> nginx:1.27.0, proxy:2; worker -> x:1"


@pytest.mark.parametrize("containers", [(), ("text",), ({"image": None},), ({},)])
def test_a_workload_without_images_is_left_out(containers: tuple[Any, ...]) -> None:
    assert images([workload("Deployment", "web", *containers)]) == ""


@pytest.mark.parametrize("spec", [None, "text", {"template": []}, {"template": {"spec": {"containers": "x"}}}])
def test_a_spec_of_another_shape_has_no_images(spec: Any) -> None:
    assert images([{"apiVersion": "x", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}]) == ""


@pytest.mark.parametrize(
    ("found", "rule"),
    [
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}, None),
        ([], "it is not a mapping"),
        ({"kind": "Pod"}, "it has no apiVersion"),
        ({"apiVersion": "v1", "kind": ""}, "it has no kind"),
        ({"apiVersion": "v1", "kind": 5}, "it has no kind"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": "a"}, "it has no metadata.name"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": 5}}, "it has no metadata.name"),
    ],
)
def test_an_object_has_version_kind_and_name(found: Any, rule: str | None) -> None:
    assert broken_rule(found) == rule


def test_a_list_is_its_items_and_everything_else_is_itself() -> None:
    assert list(flat({"kind": "ConfigMapList", "items": [{"a": 1}, {"a": 2}]})) == [{"a": 1}, {"a": 2}]
    assert list(flat({"kind": "AllowList"})) == [{"kind": "AllowList"}]
    assert list(flat({"items": []})) == [{"items": []}]


def test_a_hook_is_known_by_its_annotation() -> None:
    assert is_hook({"metadata": {"annotations": {"helm.sh/hook": "test"}}})
    assert not is_hook({"metadata": {"annotations": None}})
    assert not is_hook({})


def test_what_was_rendered_survives_the_way_to_the_gateway() -> None:
    rendered = Rendered(({"kind": "Pod"},), ({"kind": "Job"},), "---\n", ("a warning",))
    answer = read_frame(io.BytesIO(frame(rendered.to_json(), b"\0bytes")))
    assert answer is not None
    assert (Rendered.from_json(answer[0]), answer[1]) == (rendered, b"\0bytes")


@pytest.mark.parametrize("data", [b"", b"\0\0", struct.pack(">II", 2, 0) + b"{", struct.pack(">II", 2, 5) + b"{}abc"])
def test_a_frame_that_is_cut_off_is_none(data: bytes) -> None:
    assert read_frame(io.BytesIO(data)) is None


def test_what_json_has_not_is_no_header() -> None:
    with pytest.raises(ValueError, match=r"Out of range float values are not JSON compliant"):
        frame({"a": float("nan")})
