"""A cache that has grown too large is made anew beside the work, and nobody notices."""

import asyncio
import logging
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from dulwich.objects import Blob

from dag_gateway.iac import Iac
from dag_gateway.iac.cache import Cache, CacheBroken, Objects
from dag_gateway.iac.reader import new_object
from tests.fakes.git_cli import git
from tests.fakes.git_http import FETCH, Fault, GitServer
from tests.fakes.iac_changes import deploy
from tests.fakes.skipping_clock import SkippingClock

LIMIT = 256 * 1024


def noise(number: int) -> dict[str, bytes]:
    """A chart of some 20 KiB that does not compress."""
    return {"Chart.yaml": b"%d" % number, "noise": os.urandom(20_000)}


def on_disk(folder: Path) -> int:
    """In bytes; files may come and go meanwhile."""
    files = (Path(top) / name for top, _, names in os.walk(folder) for name in names)
    size = 0
    for file in files:
        with suppress(FileNotFoundError):
            size += file.stat().st_blocks * 512
    return size


async def test_a_cache_stays_within_twice_its_limit_over_many_deployments(
    server: GitServer, bare: Path, clock: SkippingClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    git(bare, "config", "uploadpack.allowFilter", "true")
    settings = server.settings(cache_limit=LIMIT)
    sizes = []
    async with Iac({"iac": settings}, tmp_path / "data", clock) as iac:
        for number in range(40):
            await iac.publish("iac", None, deploy(f"d-{number}", "x", noise(number)), deadline=clock.within(60))
            await asyncio.sleep(0)
            sizes.append(on_disk(tmp_path / "data"))
    assert max(sizes) < 3 * LIMIT  # the old one and the new one are there at the same time
    assert caplog.text.count("was made anew") >= 2
    assert "is damaged" not in caplog.text
    assert git(bare, "rev-list", "--count", "main") == "41"
    assert git(bare, "fsck", "--strict") == ""


async def test_publishing_and_reading_go_on_while_it_is_made_anew(
    server: GitServer, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    reached, opened = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        loop.call_soon_threadsafe(reached.set)
        assert opened.wait(60)

    async with Iac({"iac": server.settings(cache_limit=1)}, tmp_path / "data", clock) as iac:
        await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
        server.faults.append(Fault(FETCH, before=hold))
        await reached.wait()
        await iac.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
        assert (await iac.read("iac", None, "clusters/test/other")).files == {"Chart.yaml": b"name: other\n"}
        opened.set()
        await iac.publish("iac", None, deploy("d-3"), deadline=clock.within(60))
    assert git(bare, "rev-list", "--count", "main") == "4"


class Listener(logging.Handler):
    """Tells who waits that something was logged."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.heard = asyncio.Event()
        self._text = text

    def emit(self, record: logging.LogRecord) -> None:
        if self._text in record.getMessage():
            self.heard.set()


async def test_a_remote_that_is_away_then_leaves_the_old_one_in_its_place(
    server: GitServer, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    listener = Listener("the cache of the IaC repository 'iac' stays large: the IaC repository 'iac' does not answer")
    log = logging.getLogger("dag_gateway.iac.publisher")
    log.addHandler(listener)
    try:
        async with Iac({"iac": server.settings(cache_limit=1)}, tmp_path / "data", clock) as iac:
            server.faults.extend([Fault(FETCH), Fault(FETCH), Fault(FETCH, status=503)])
            await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
            await listener.heard.wait()
            await iac.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    finally:
        log.removeHandler(listener)
    assert git(bare, "rev-list", "--count", "main") == "3"


def test_who_reads_from_the_old_one_begins_again_with_the_new_one(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.git")
    old, new = new_object(Blob.type_num, b"old"), new_object(Blob.type_num, b"new")
    cache.sound(lambda objects: objects.add([old]))
    seen: list[bool] = []

    def reads_while_it_changes(objects: Objects) -> bytes:
        if not seen:
            cache.renew(lambda fresh: fresh.add([new]))
        seen.append(objects.has(old.id))
        return objects.read(new.id)[1] if len(seen) > 1 else objects.read(old.id)[1]

    assert cache.sound(reads_while_it_changes) == b"new"
    assert seen == [False, False]


def test_who_writes_to_the_old_one_does_not_write_into_the_new_one(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.git")
    late = new_object(Blob.type_num, b"late")

    def writes_while_it_changes(objects: Objects) -> None:
        cache.renew(lambda fresh: None)
        with pytest.raises(CacheBroken, match="the local copy of the IaC repository is damaged"):
            objects.add([late])

    cache.sound(writes_while_it_changes)
    assert not cache.sound(lambda objects: objects.has(late.id))


def test_a_new_one_that_was_not_finished_is_removed(tmp_path: Path) -> None:
    unfinished = tmp_path / "cache.git.fresh" / "objects"
    unfinished.mkdir(parents=True)
    Cache(tmp_path / "cache.git").sound(lambda objects: None)
    assert not unfinished.exists()


async def test_a_process_that_is_killed_at_any_moment_leaves_nothing_that_hinders_the_next(
    server: GitServer, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    git(bare, "config", "uploadpack.allowFilter", "true")
    open_server = server.settings().model_copy(update={"cache_limit": LIMIT})
    command = [sys.executable, "-m", "tests.fakes.iac_process", server.url("iac.git"), str(tmp_path / "data")]
    environment = {**os.environ, "IAC_PASSWORD": "s3cret-Pass"}
    for life in range(3):
        process = await asyncio.create_subprocess_exec(
            *command,
            f"life-{life}",
            "many",
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout
        for _ in range(2 + 3 * life):
            assert await process.stdout.readline()
        process.kill()
        await process.wait()
    async with Iac({"iac": open_server}, tmp_path / "data", clock) as iac:
        await iac.publish("iac", None, deploy("last"), deadline=clock.within(60))
        assert (await iac.read("iac", None, "clusters/test/other")).files == {"Chart.yaml": b"name: other\n"}
    deployments = git(bare, "log", "--format=%(trailers:key=Deployment-Id,valueonly,separator=)", "main").split()
    assert len(deployments) == len(set(deployments))
    assert git(bare, "fsck", "--strict", "--no-dangling") == ""
