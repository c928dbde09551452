"""What is expected to be live: the chart of our commit, rendered by real Helm from a real repository."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dag_gateway.clusters.subset import UNSETTLED
from dag_gateway.config import RepositorySettings
from dag_gateway.deployments.expected import CommitMissing, Renderings, common, expected_objects
from dag_gateway.deployments.journal import Journal
from dag_gateway.deployments.monitor import monitor
from dag_gateway.deployments.tools import Tools
from dag_gateway.helm import Helm, Rendered
from dag_gateway.iac import Iac, RemoteUnavailable
from dag_gateway.model.deployment import Deployment, Destination, Status
from dag_gateway.model.reason import Reason, StepFailed
from dag_gateway.model.target import Target, TargetStatus, Tracker
from tests.fakes.deployments import a_deployment
from tests.fakes.flux_iac import FOLDER, FluxIac, chart, flux_iac
from tests.fakes.followed_deployments import ForgetfulStore, SlowCluster, monitored, opened
from tests.fakes.skipping_clock import SkippingClock

TARGET = Target("prod", "shop", "web", Tracker.WORKLOADS, "shop", "web")
RANDOM = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: seed}\ndata: {seed: {{ randAlphaNum 20 }}, fixed: here}\n"
HOOK = "apiVersion: v1\nkind: Pod\nmetadata: {name: test, annotations: {helm.sh/hook: test}}\n"


@asynccontextmanager
async def working(folder: Path, iac: FluxIac) -> AsyncIterator[tuple[Tools, SlowCluster, SkippingClock]]:
    """Real git and real Helm; the second between two renderings takes no time."""
    clock = SkippingClock()
    settings = {"iac": RepositorySettings(url=str(iac.path))}
    async with opened(folder) as (tools, clusters, _), Iac(settings, folder / "data", clock) as git, Helm() as helm:
        yield replace(tools, iac=git, helm=helm, clock=clock), clusters, clock


def pushed(commit: str) -> Deployment:
    return a_deployment(destination=Destination("iac", None, FOLDER), commit=commit, chart_version="1.1.0")


async def test_other_trackers_compare_nothing(tmp_path: Path) -> None:
    async with working(tmp_path, flux_iac(tmp_path)) as (tools, _, _):
        assert await expected_objects(pushed("c0ffee"), replace(TARGET, tracker=Tracker.FLUX), tools) == Renderings()


async def test_the_objects_are_those_that_helm_renders_from_our_commit(tmp_path: Path) -> None:
    iac = flux_iac(tmp_path)
    ours = iac.deploy("1.1.0", "web:2", seed=RANDOM, hook=HOOK)
    async with working(tmp_path, iac) as (tools, _, clock):
        objects = (await expected_objects(pushed(ours), TARGET, tools)).expected

    assert [(obj["kind"], obj["metadata"]["name"]) for obj in objects] == [("Deployment", "web"), ("ConfigMap", "seed")]
    assert objects[0]["spec"]["template"]["spec"]["containers"] == [{"name": "main", "image": "web:2"}]
    assert objects[1]["data"] == {"seed": UNSETTLED, "fixed": "here"}
    assert clock.slept == [1.1]


async def test_what_was_there_before_our_commit_is_rendered_too(tmp_path: Path) -> None:
    iac = flux_iac(tmp_path)
    iac.deploy("1.0.0", "web:1", seed=RANDOM)
    iac.commit({"clusters/other/values.yaml": "a: 1\n"})
    ours = iac.deploy("1.1.0", "web:2")
    async with working(tmp_path, iac) as (tools, _, _):
        renderings = await expected_objects(pushed(ours), TARGET, tools)

    assert [obj["kind"] for obj in renderings.earlier] == ["Deployment", "ConfigMap"]
    assert renderings.earlier[0]["spec"]["template"]["spec"]["containers"] == [{"name": "main", "image": "web:1"}]
    assert renderings.earlier[1]["data"]["seed"] is UNSETTLED


async def test_what_was_there_before_and_does_not_render_was_never_live(tmp_path: Path) -> None:
    iac = flux_iac(tmp_path)
    iac.deploy("1.0.0", "web:1", broken="{{ fail `no` }}")
    ours = iac.deploy("1.1.0", "web:2", broken="")
    async with working(tmp_path, iac) as (tools, _, _):
        renderings = await expected_objects(pushed(ours), TARGET, tools)

    assert (len(renderings.expected), renderings.earlier) == (1, ())


async def test_what_others_push_elsewhere_changes_nothing(tmp_path: Path) -> None:
    iac = flux_iac(tmp_path)
    ours = iac.deploy("1.1.0", "web:2")
    iac.commit({"clusters/other/values.yaml": "a: 1\n"})
    async with working(tmp_path, iac) as (tools, _, _):
        assert len((await expected_objects(pushed(ours), TARGET, tools)).expected) == 1


async def test_other_content_in_the_folder_supersedes_ours(tmp_path: Path) -> None:
    iac = flux_iac(tmp_path)
    ours = iac.deploy("1.1.0", "web:2")
    theirs = iac.deploy("1.2.0", "web:3")
    async with working(tmp_path, iac) as (tools, _, _):
        with pytest.raises(StepFailed, match=f"superseded before it was proven: commit {theirs[:12]}") as caught:
            await expected_objects(pushed(ours), TARGET, tools)

    assert caught.value.reason is Reason.SUPERSEDED


async def test_a_folder_that_is_gone_supersedes_ours(tmp_path: Path) -> None:
    iac = flux_iac(tmp_path)
    iac.commit({"README.md": "nothing else\n"})
    async with working(tmp_path, iac) as (tools, _, _):
        with pytest.raises(StepFailed, match=r"superseded before it was proven: there is nothing at") as caught:
            await expected_objects(pushed("c0ffee" + "0" * 34), TARGET, tools)

    assert caught.value.reason is Reason.SUPERSEDED


async def test_a_branch_without_our_commit_may_have_it_later(tmp_path: Path) -> None:
    iac = flux_iac(tmp_path)
    iac.deploy("1.1.0", "web:2")
    async with working(tmp_path, iac) as (tools, _, _):
        with pytest.raises(
            CommitMissing, match=r"the branch does not have our commit c0ffee000000; was it rewritten\?"
        ):
            await expected_objects(pushed("c0ffee" + "0" * 34), TARGET, tools)


async def test_a_repository_that_is_away_may_be_asked_again(tmp_path: Path) -> None:
    away = FluxIac(tmp_path / "nowhere.git", tmp_path / "worktree")
    async with working(tmp_path, away) as (tools, _, _):
        with pytest.raises(RemoteUnavailable, match="'iac'"):
            await expected_objects(pushed("c0ffee" + "0" * 34), TARGET, tools)


async def test_what_an_upgrade_renders_otherwise_than_an_installation_is_not_settled(tmp_path: Path) -> None:
    action = "{{ .Release.Revision }}{{ .Release.IsInstall }}{{ .Release.IsUpgrade }}"
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: action}}\ndata: {{action: '{action}', fixed: here}}\n"
    password = "{{ if .Release.IsInstall }}\napiVersion: v1\nkind: Secret\nmetadata: {name: password}\n{{ end }}"
    iac = flux_iac(tmp_path)
    ours = iac.deploy("1.1.0", "web:2", action=text, password=password)
    async with working(tmp_path, iac) as (tools, _, _):
        objects = (await expected_objects(pushed(ours), TARGET, tools)).expected

    settled = {obj["kind"]: obj for obj in objects}
    assert list(settled) == ["ConfigMap", "Deployment", "Secret"]
    assert settled["ConfigMap"]["data"] == {"action": UNSETTLED, "fixed": "here"}
    assert settled["Secret"]["metadata"] == {"name": UNSETTLED}


def rendered(*names: str, **fields: str) -> Rendered:
    jobs = ({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, **fields} for name in names)
    return Rendered(tuple(jobs), (), "")


def test_objects_are_paired_by_their_names_and_those_without_a_partner_have_none() -> None:
    (same, renamed, alone) = common(rendered("a", "b-1", "c-1", image="x"), rendered("b-2", "a", image="x"))

    assert same == {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "image": "x"}
    assert renamed == {**same, "metadata": {"name": UNSETTLED}}
    assert alone == {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": UNSETTLED}}
    assert common(rendered(), rendered("a")) == (alone,)


WORKLOADS = replace(TARGET, release="web-2")


async def test_a_target_waits_for_the_repository_and_the_others_do_not(tmp_path: Path) -> None:
    iac = flux_iac(tmp_path)
    ours = iac.commit({f"prod/web/{name}": text for name, text in chart("1.0.0", "web:2").items()})
    away = iac.path.rename(tmp_path / "away.git")

    def come_back() -> None:
        if away.exists():
            away.rename(iac.path)

    async with working(tmp_path, iac) as (tools, clusters, clock):
        clock.on_sleep = come_back
        clusters.done.set()
        journal = await journal_of(tools, ours)
        ended = await monitor(journal, tools)

    assert ended.status is Status.DEPLOYED
    # The last is that of the second look at what was proven first.
    assert [len(goal.expected) for goal in clusters.goals] == [0, 1, 0]
    assert clock.slept[0] == 0.5


async def test_a_target_whose_chart_was_replaced_fails_as_superseded(tmp_path: Path) -> None:
    iac = flux_iac(tmp_path)
    ours = iac.commit({f"prod/web/{name}": text for name, text in chart("1.0.0", "web:2").items()})
    iac.commit({"prod/web/values.yaml": "by: hand\n"})
    async with working(tmp_path, iac) as (tools, clusters, _):
        clusters.done.set()
        ended = await monitor(await journal_of(tools, ours), tools)

    assert ended.reason is Reason.SUPERSEDED
    assert [state.status for state in ended.targets] == [TargetStatus.DEPLOYED, TargetStatus.FAILED]


async def journal_of(tools: Tools, commit: str) -> Journal:
    """A deployment that is followed at two targets, one of them with the tracker ``workloads``."""
    assert isinstance(tools.store, ForgetfulStore)
    tools.store.away = False
    followed = await monitored(tools.store, "ours", commit=commit, others=(WORKLOADS,))
    return Journal(followed, tools.store, tools.signals, tools.feed, tools.clock)
