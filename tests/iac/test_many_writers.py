"""Many writers of one branch on a server as people run it, and a server that dies under them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from dag_gateway.clock import SystemClock
from dag_gateway.iac import Iac, Published
from tests.fakes.git_cli import git, install_hook
from tests.fakes.git_rival import rivalling
from tests.fakes.iac_changes import deploy
from tests.fakes.needs import needs
from tests.fakes.nginx_git import FCGIWRAP, NGINX, NginxGit, serving_with_nginx
from tests.fakes.skipping_clock import SkippingClock

pytestmark = [needs(NGINX), needs(FCGIWRAP)]

ONCE = "echo run >> runs; [ $(wc -l < runs) -gt 1 ] ||"
"""The beginning of a hook: what follows is done by its first run only."""


@dataclass(frozen=True)
class Wanted:
    deployment_id: str
    path: str
    files: Mapping[str, bytes]


@pytest.fixture
def nginx(bare: Path) -> Iterator[NginxGit]:
    with serving_with_nginx(bare.parent, username="dag", password="s3cret: Pass") as server:
        yield server


@asynccontextmanager
async def replica(nginx: NginxGit, data_dir: Path) -> AsyncIterator[Iac]:
    async with Iac({"iac": nginx.settings()}, data_dir, SystemClock()) as iac:
        yield iac


def wanted(number: int, path: str) -> Wanted:
    """Every deployment has other content, and every second one a file that the others do not have."""
    files = {"Chart.yaml": f"name: web\nversion: 1.0.{number}\n".encode(), "templates/web.yaml": b"kind: Deployment\n"}
    return Wanted(f"d-{number}", path, files if number % 2 else {**files, f"extra/{number}": b"x" * number})


async def publish(iac: Iac, one: Wanted) -> Published:
    deadline = SystemClock().now() + timedelta(seconds=60)
    return await iac.publish("iac", None, deploy(one.deployment_id, one.path, one.files), deadline=deadline)


def listed(bare: Path, tree: str) -> dict[str, str]:
    """Path -> mode and id of everything in a tree."""
    lines = (line.split("\t") for line in git(bare, "ls-tree", "-r", tree).splitlines())
    return {name: entry for entry, name in lines}


def as_listed(files: Mapping[str, bytes]) -> dict[str, str]:
    ids = {name: hashlib.sha1(b"blob %d\0%s" % (len(data), data)).hexdigest() for name, data in files.items()}
    return {name: f"100644 blob {id_}" for name, id_ in ids.items()}


def history(bare: Path) -> list[tuple[str, str, list[str]]]:
    """Commit, deployment id (empty: not ours) and changed files, oldest first."""
    form = "--format=%x00%H %(trailers:key=Deployment-Id,valueonly,separator=%x2C)"
    log = git(bare, "log", "--first-parent", "--reverse", "--root", "--name-only", form, "main")
    entries = (entry.splitlines() for entry in log.split("\0")[1:])
    return [(head[:40], head[41:], [line for line in rest if line]) for head, *rest in entries]


def assert_sound(bare: Path, deployments: Sequence[tuple[Wanted, Published]]) -> None:
    """Nothing broken, one line of commits, one commit per deployment, and in it exactly what was wanted."""
    assert git(bare, "fsck", "--strict", "--no-dangling") == ""
    assert git(bare, "rev-list", "--min-parents=2", "main") == ""
    log = history(bare)
    assert sorted(id_ for _, id_, _ in log if id_) == sorted(one.deployment_id for one, _ in deployments)
    by_deployment = {id_: (commit, changed) for commit, id_, changed in log}
    for one, published in deployments:
        commit, changed = by_deployment[one.deployment_id]
        assert (published.commit, published.changed) == (commit, True)
        assert all(name.startswith(f"{one.path}/") for name in changed)
        assert listed(bare, f"{commit}:{one.path}") == as_listed(one.files)
    for one in {one.path: one for one, _ in deployments}.values():
        assert listed(bare, f"main:{one.path}") == as_listed(one.files)


async def test_two_replicas_and_a_rival_lose_nothing_of_each_other(nginx: NginxGit, bare: Path, tmp_path: Path) -> None:
    deployments = [wanted(number, f"clusters/test/web-{number % 20}") for number in range(40)]
    url = nginx.url_with_password("iac.git")
    async with replica(nginx, tmp_path / "even") as even, replica(nginx, tmp_path / "odd") as odd:
        with rivalling(url, tmp_path / "rival") as rival:
            published: list[Published] = []
            for wave in (deployments[start : start + 10] for start in range(0, 40, 10)):
                publishing = (publish((even, odd)[number % 2], one) for number, one in enumerate(wave))
                published += await asyncio.gather(*publishing)
    assert_sound(bare, list(zip(deployments, published, strict=True)))
    log = history(bare)
    for first in (0, 1):
        ours = [one.deployment_id for one in deployments[first::2]]
        assert [id_ for _, id_, _ in log if id_ in ours] == ours
    assert [commit for commit, id_, _ in log[1:] if not id_] == rival.commits
    assert len(listed(bare, "main:rival")) == len(rival.commits)


@pytest.mark.parametrize(
    ("hook", "when", "runs"),
    [
        pytest.param("pre-receive", "", 2, id="before-the-branch-moved"),
        pytest.param("reference-transaction", "[ $1 = committed ] || exit 0;", 1, id="after-the-branch-moved"),
        pytest.param("post-receive", "", 1, id="after-it-said-so"),
    ],
)
async def test_a_git_that_dies_in_the_middle_of_a_push_publishes_once(
    nginx: NginxGit, bare: Path, tmp_path: Path, clock: SkippingClock, hook: str, when: str, runs: int
) -> None:
    install_hook(bare, hook, f"{when} {ONCE} kill -9 $PPID")
    one = wanted(1, "clusters/test/web")
    async with Iac({"iac": nginx.settings()}, tmp_path / "data", clock) as iac:
        published = await publish(iac, one)
    assert_sound(bare, [(one, published)])
    assert len((bare / "runs").read_text().split()) == runs


async def test_a_server_that_is_killed_and_comes_back_takes_every_deployment_once(
    nginx: NginxGit, bare: Path, tmp_path: Path
) -> None:
    assert nginx.process
    install_hook(bare, "pre-receive", f"{ONCE} kill -9 {nginx.process.pid}")
    deployments = [wanted(number, f"clusters/test/web-{number % 10}") for number in range(20)]
    async with replica(nginx, tmp_path / "data") as iac, asyncio.TaskGroup() as group:
        publishing = [group.create_task(publish(iac, one)) for one in deployments]
        await asyncio.to_thread(nginx.process.wait, timeout=10)
        await asyncio.to_thread(nginx.start)
    assert_sound(bare, [(one, task.result()) for one, task in zip(deployments, publishing, strict=True)])
