import base64
import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dag_gateway.clusters import helm_release
from dag_gateway.clusters.helm_release import Release, UnreadableRelease
from dag_gateway.model.health import failed, healthy, progressing
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Baseline, Goal

GOAL = Goal("c0ffee", "clusters/web", "web", "1.1.0", Baseline("1.0.0", 1))


def record(revision: int = 2, version: str = "1.1.0", status: str = "deployed", **info: str) -> dict[str, Any]:
    return {
        "name": "web",
        "version": revision,
        "info": {"status": status, **info},
        "chart": {"metadata": {"name": "web", "version": version}},
        "manifest": "---\nkind: ConfigMap\nmetadata:\n  name: web\n---\n# nothing\n---\n- a list\n",
    }


def secret(content: bytes, revision: str = "2") -> dict[str, Any]:
    name = f"sh.helm.release.v1.web.v{revision}"
    data = base64.b64encode(base64.b64encode(content)).decode()
    metadata = {"name": name, "labels": {"version": revision}, "creationTimestamp": "2026-01-31T12:00:00Z"}
    return {"metadata": metadata, "data": {"release": data}}


def release(revision: int = 2, version: str = "1.1.0", status: str = "deployed", description: str = "") -> Release:
    return Release(revision, status, description, "web", version, "", None)


@pytest.mark.parametrize("packed", [True, False])
def test_a_record_is_read_compressed_or_plain(packed: bool) -> None:
    content = json.dumps(record(description="Upgrade complete")).encode()

    read = helm_release.decode(secret(gzip.compress(content) if packed else content))

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
        helm_release.decode(secret(content))


def test_a_secret_without_data_is_named() -> None:
    with pytest.raises(UnreadableRelease, match=r"can be read \(KeyError\)"):
        helm_release.decode({"metadata": {"name": "web"}})


def test_an_unreadable_record_is_not_quoted_anywhere() -> None:
    with pytest.raises(UnreadableRelease) as caught:
        helm_release.decode(secret(b'{"password": "s3cret"'))

    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_manifest_gives_its_objects_and_nothing_else() -> None:
    objects = helm_release.manifest_objects(helm_release.decode(secret(json.dumps(record()).encode())))

    assert [obj["kind"] for obj in objects] == ["ConfigMap"]


def test_the_objects_of_a_list_count_one_by_one() -> None:
    inner = "{kind: List, items: [{kind: Service}, {kind: Deployment}, {}]}"
    listed = Release(7, "deployed", "", "web", "1.1.0", f"kind: DeploymentList\nitems: [{inner}]\n", None)

    assert [obj["kind"] for obj in helm_release.manifest_objects(listed)] == ["Service", "Deployment"]


def test_a_manifest_that_is_not_yaml_is_named_by_its_revision() -> None:
    broken = Release(7, "deployed", "", "web", "1.1.0", "a: [", None)

    with pytest.raises(UnreadableRelease, match=r"the manifest of revision 7 is not YAML"):
        helm_release.manifest_objects(broken)


def test_revisions_are_ordered_as_numbers() -> None:
    secrets = [secret(b"", revision) for revision in ("9", "10", "x")]

    assert [helm_release.revision_of(item) for item in helm_release.newest_first(secrets)] == [10, 9, 0]


WAITING = [
    ([], "there is no release yet"),
    ([release(1, "1.0.0")], "revision 1 holds 1.0.0 (deployed), not 1.1.0"),
    ([release(1, "1.0.0", "failed")], "revision 1 holds 1.0.0 (failed), not 1.1.0"),
    (
        [release(2, "1.1.0", "pending-upgrade", "Preparing upgrade"), release(1, "1.0.0")],
        "revision 2 of 1.1.0 is pending-upgrade: Preparing upgrade",
    ),
    ([release(1, "1.1.0", "failed", "no")], "revision 1 of 1.1.0 is failed, from before this deployment"),
    ([release(2, "1.2.0"), release(1, "1.1.0", "superseded")], "revision 2 holds 1.2.0 (deployed), not 1.1.0"),
    ([release(3, "1.2.0"), release(2, "1.1.0", "failed")], "revision 3 holds 1.2.0 (deployed), not 1.1.0"),
]


@pytest.mark.parametrize(("releases", "message"), WAITING)
def test_a_release_that_is_not_ours_yet_is_waited_for(releases: list[Release], message: str) -> None:
    assert helm_release.judge(releases, GOAL) == progressing(message)


@pytest.mark.parametrize("revision", [1, 2])
def test_ours_deployed_is_proof_even_when_it_was_there_before(revision: int) -> None:
    assert helm_release.judge([release(revision)], GOAL) == healthy(f"revision {revision} of 1.1.0 is deployed")


def test_the_same_version_of_another_chart_is_not_ours() -> None:
    other = Release(2, "deployed", "", "api", "1.1.0", "", None)

    assert not helm_release.is_ours(other, GOAL)


@pytest.mark.parametrize(
    ("status", "description", "reason", "message"),
    [
        ("failed", "timed out", Reason.ROLLOUT_FAILED, "revision 2 of 1.1.0 is failed: timed out"),
        ("failed", "pre-upgrade hooks failed: no", Reason.HOOK_FAILED, "failed: pre-upgrade hooks failed: no"),
        ("uninstalled", "", Reason.ROLLOUT_FAILED, "revision 2 of 1.1.0 is uninstalled"),
    ],
)
def test_ours_that_ended_badly_has_failed(status: str, description: str, reason: Reason, message: str) -> None:
    health = helm_release.judge([release(2, "1.1.0", status, description)], GOAL)

    assert health.reason is reason
    assert health.message.endswith(message)


def test_ours_deployed_and_replaced_since_is_superseded() -> None:
    health = helm_release.judge([release(3, "1.2.0"), release(2, "1.1.0", "superseded")], GOAL)

    assert health == failed(Reason.SUPERSEDED, "revision 2: 1.1.0 was deployed, then superseded by 1.2.0")
