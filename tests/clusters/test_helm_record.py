import base64
import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dag_gateway.clusters import helm_record
from dag_gateway.clusters.helm_record import UnreadableRelease

CONFIG_MAP = "{apiVersion: v1, kind: ConfigMap, metadata: {name: web}, data: {key: s3cret}}"


def record(revision: int = 2, version: str = "1.1.0", status: str = "deployed", **info: str) -> dict[str, Any]:
    return {
        "name": "web",
        "version": revision,
        "info": {"status": status, **info},
        "chart": {"metadata": {"name": "web", "version": version}},
        "manifest": f"---\n{CONFIG_MAP}\n---\n# nothing\n---\n- a list\n",
    }


def secret(content: bytes, revision: str = "2") -> dict[str, Any]:
    name = f"sh.helm.release.v1.web.v{revision}"
    data = base64.b64encode(base64.b64encode(content)).decode()
    metadata = {"name": name, "labels": {"version": revision}, "creationTimestamp": "2026-01-31T12:00:00Z"}
    return {"metadata": metadata, "data": {"release": data}}


@pytest.mark.parametrize("packed", [True, False])
def test_a_record_is_read_compressed_or_plain(packed: bool) -> None:
    content = json.dumps(record(description="Upgrade complete")).encode()

    read = helm_record.decode(secret(gzip.compress(content) if packed else content), with_objects=True)

    assert (read.revision, read.status, read.description) == (2, "deployed", "Upgrade complete")
    assert (read.chart_name, read.chart_version) == ("web", "1.1.0")
    assert read.created == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "content",
    [b"\x1f\x8b\x08 not gzip", b"{", b"[]", b"null", b'{"info": {}}', gzip.compress(b" " * (33 * 1024**2))],
    ids=["broken gzip", "broken JSON", "a list", "null", "parts missing", "too large"],
)
def test_a_secret_that_helm_did_not_write_is_named_without_its_content(content: bytes) -> None:
    with pytest.raises(UnreadableRelease, match=r"Secret sh\.helm\.release\.v1\.web\.v2 does not hold a Helm release"):
        helm_record.decode(secret(content), with_objects=True)


def test_a_secret_without_data_is_named() -> None:
    with pytest.raises(UnreadableRelease, match=r"can be read \(KeyError\)"):
        helm_record.decode({"metadata": {"name": "web"}}, with_objects=True)


def test_an_unreadable_record_is_not_quoted_anywhere() -> None:
    with pytest.raises(UnreadableRelease) as caught:
        helm_record.decode(secret(b'{"password": "s3cret"'), with_objects=True)

    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_manifest_gives_the_names_of_its_objects_and_nothing_else() -> None:
    read = helm_record.decode(secret(json.dumps(record()).encode()), with_objects=True)

    assert read.objects == ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": ""}},)
    assert "s3cret" not in repr(read)


def test_the_manifest_of_an_older_revision_is_not_read() -> None:
    broken = json.dumps({**record(), "manifest": "a: ["}).encode()

    assert helm_record.decode(secret(broken), with_objects=False).objects == ()


def test_the_objects_of_a_list_count_one_by_one() -> None:
    inner = "{kind: List, items: [{kind: Service}, {kind: Deployment}, {}]}"

    objects = helm_record.manifest_objects(f"kind: DeploymentList\nitems: [{inner}]\n")

    assert [obj["kind"] for obj in objects] == ["Service", "Deployment"]


def test_a_release_without_a_manifest_has_no_objects() -> None:
    assert helm_record.manifest_objects(None) == ()


def test_a_manifest_that_is_not_yaml_is_named_by_its_secret() -> None:
    broken = json.dumps({**record(), "manifest": "a: ["}).encode()

    with pytest.raises(UnreadableRelease, match=r"the manifest in Secret sh\.helm\.release\.v1\.web\.v2 is not YAML"):
        helm_record.decode(secret(broken), with_objects=True)


def test_a_list_that_holds_itself_is_no_release() -> None:
    endless = json.dumps({**record(), "manifest": "&a {kind: List, items: [*a]}"}).encode()

    with pytest.raises(UnreadableRelease, match=r"does not hold a Helm release that can be read \(ValueError\)"):
        helm_record.decode(secret(endless), with_objects=True)


def test_revisions_are_ordered_as_numbers() -> None:
    secrets = [secret(b"", revision) for revision in ("9", "10", "x")]

    assert [helm_record.revision_of(item) for item in helm_record.newest_first(secrets)] == [10, 9, 0]


def test_the_images_of_a_template_are_kept_by_container_and_nothing_else_of_it() -> None:
    pod = "{initContainers: [{name: wait, image: busybox:1}], containers: [{name: app, image: web:2, env: [s3cret]}]}"
    document = (
        f"{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{template: {{spec: {pod}}}}}}}"
    )

    (web,) = helm_record.manifest_objects(document)

    assert web["images"] == {"wait": "busybox:1", "app": "web:2"}
    assert "s3cret" not in repr(web)


@pytest.mark.parametrize(
    "template", ["text", "{spec: text}", "{spec: {containers: text}}", "{spec: {containers: [a]}}"]
)
def test_a_template_of_another_shape_has_no_images(template: str) -> None:
    (odd,) = helm_record.manifest_objects(f"{{kind: Gadget, metadata: {{name: a}}, spec: {{template: {template}}}}}")

    assert "images" not in odd


def test_an_opened_secret_holds_its_record_instead_of_its_data() -> None:
    opened = helm_record.opened(secret(json.dumps(record()).encode()))

    assert "data" not in opened
    assert opened["metadata"]["name"] == "sh.helm.release.v1.web.v2"
    assert helm_record.record_of(opened) == helm_record.decode(secret(json.dumps(record()).encode()), with_objects=True)


def test_an_opened_secret_that_can_not_be_read_says_so_where_it_is_asked() -> None:
    found = helm_record.record_of(helm_record.opened(secret(b"{")))

    assert isinstance(found, UnreadableRelease)
    assert found.__context__ is None


def test_of_a_superseded_release_the_objects_are_not_read() -> None:
    old = secret(json.dumps({**record(status="superseded"), "manifest": "a: ["}).encode())
    old["metadata"]["labels"]["status"] = "superseded"

    found = helm_record.record_of(helm_record.opened(old))

    assert isinstance(found, helm_record.Release)
    assert found.objects == ()
