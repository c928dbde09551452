"""Workers are started when needed, bounded, replaced when they fail, and gone when the pool is."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from dag_gateway.charts import pack
from dag_gateway.errors import Unavailable
from dag_gateway.helm.manifest import Rendered
from dag_gateway.helm.pool import Helm
from dag_gateway.helm.process import HelmUnavailable
from dag_gateway.model.reason import Reason, StepFailed
from tests.fakes.helm_charts import BOTTOMLESS, CHART_YAML, CONFIG_MAP, ENDLESS, chart, worker_folders

ROOT = Path(__file__).parents[2]
GOOD = chart(a=CONFIG_MAP)


async def rendered(helm: Helm, archive: bytes = GOOD) -> Rendered:
    return await helm.render(archive, release="web", namespace="shop")


def own_workers() -> dict[int, Path]:
    """Those that this process started."""
    return _workers_of(os.getpid())


async def test_no_process_is_started_before_it_is_needed_and_none_is_left_behind() -> None:
    async with Helm(timeout=120) as helm:
        assert own_workers() == {}
        await rendered(helm)
        (folder,) = own_workers().values()
        assert folder.is_dir()
    assert own_workers() == {}
    assert not folder.exists()


async def test_calls_share_the_workers_and_wait_for_each_other() -> None:
    async with Helm(workers=2, timeout=120) as helm:
        results = await asyncio.gather(*(rendered(helm) for _ in range(20)))
        assert len(own_workers()) == 2
    assert {result.objects[0]["metadata"]["name"] for result in results} == {"one"}


async def test_a_worker_is_kept_after_a_chart_that_failed() -> None:
    async with Helm(timeout=120) as helm:
        await rendered(helm)
        before = own_workers()
        with pytest.raises(StepFailed, match="not today"):
            await rendered(helm, chart(a='{{ fail "not today" }}'))
        assert own_workers() == before


async def test_a_chart_that_renders_for_ever_is_ended_at_the_limit() -> None:
    async with Helm(timeout=0.3) as helm:
        with pytest.raises(StepFailed, match=r"the chart does not render within 0\.3 s; simplify its") as caught:
            await rendered(helm, chart(a=ENDLESS))
        assert caught.value.reason is Reason.RENDER_FAILED
        assert own_workers() == {}


@pytest.mark.parametrize("template", ["{{ range until 100000000 }}x{{ end }}", BOTTOMLESS])
async def test_a_chart_that_takes_too_much_memory_is_ended_at_the_limit(template: str) -> None:
    async with Helm(timeout=120, memory=128 * 1024**2) as helm:
        with pytest.raises(StepFailed, match=r"takes more than 128 MiB of memory to render; simplify it") as caught:
            await rendered(helm, chart(a=template))
        assert caught.value.reason is Reason.RENDER_FAILED
        assert (await rendered(helm)).objects


async def test_a_worker_that_was_killed_is_replaced_without_the_caller_noticing() -> None:
    async with Helm(timeout=120) as helm:
        await rendered(helm)
        (killed,) = own_workers()
        os.kill(killed, signal.SIGKILL)
        assert (await rendered(helm)).objects
        assert killed not in own_workers()


async def test_a_chart_that_ends_two_workers_is_refused() -> None:
    ballast = {f"ballast-{number}": os.urandom(4 * 1024**2) for number in range(3)}
    archive = pack("demo", {"Chart.yaml": CHART_YAML, "templates/a.yaml": ENDLESS.encode(), **ballast})
    async with Helm(timeout=120) as helm:
        call = asyncio.create_task(rendered(helm, archive))
        first = await _that_has_read(len(archive), besides=0)
        os.kill(first, signal.SIGKILL)
        os.kill(await _that_has_read(len(archive), besides=first), signal.SIGKILL)
        with pytest.raises(StepFailed, match=r"Helm crashes on the chart: it said nothing") as caught:
            await call
    assert caught.value.reason is Reason.RENDER_FAILED


async def test_a_caller_that_gives_up_takes_its_worker_with_it() -> None:
    async with Helm(timeout=120) as helm:
        await rendered(helm)
        (busy,) = own_workers()
        call = asyncio.create_task(rendered(helm, chart(a=ENDLESS)))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert busy not in own_workers()
        assert (await rendered(helm)).objects


async def test_leaving_the_pool_waits_for_the_call_under_way() -> None:
    async with Helm(timeout=120) as helm:
        call = asyncio.create_task(rendered(helm))
        await asyncio.sleep(0)
    assert (await call).objects
    assert own_workers() == {}


async def test_a_worker_knows_nothing_of_the_environment_of_the_gateway() -> None:
    async with Helm(timeout=120) as helm:
        await rendered(helm)
        (pid,) = own_workers()
        names = set(re.findall(r"(\w+)=[^\0]*\0", _of_process(pid, "environ")))
    assert names == {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "HOME", "TMPDIR", "GOMEMLIMIT", "GODEBUG"}


async def test_a_worker_that_can_not_start_is_the_installations_fault() -> None:
    async with Helm(memory=-(10**15)) as helm:
        with pytest.raises(HelmUnavailable, match=r"the process with the Helm library does not start: ") as caught:
            await rendered(helm)
    assert isinstance(caught.value, Unavailable)
    assert caught.value.code == "helm_unavailable"
    assert own_workers() == {}


PARENT = """
import asyncio, sys
from dag_gateway.helm.pool import Helm
from tests.fakes.helm_charts import ENDLESS, chart

async def main():
    async with Helm(timeout=120) as helm:
        await helm.render(chart(), release="web", namespace="shop")
        call = asyncio.create_task(helm.render(chart(a=ENDLESS), release="web", namespace="shop"))
        await asyncio.sleep(0)
        print("busy", flush=True)
        await call

asyncio.run(main())
"""


async def test_workers_end_with_a_gateway_that_is_killed(tmp_path: Path) -> None:
    gateway = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT),
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert gateway.stdout is not None
    assert await gateway.stdout.readline() == b"busy\n"
    (orphan,) = _workers_of(gateway.pid)
    ended = os.pidfd_open(orphan)
    gateway.kill()
    await gateway.wait()
    await _readable(ended)
    os.close(ended)
    assert os.listdir(tmp_path) == []


async def _that_has_read(size: int, besides: int) -> int:
    """A worker that got a request of ``size`` bytes; starting up reads far less (``rchar`` in proc_pid_io(5))."""
    while True:
        for pid in own_workers().keys() - {besides}:
            if int(_of_process(pid, "io").partition("rchar: ")[2].partition("\n")[0] or 0) > size:
                return pid
        await asyncio.sleep(0.01)


def _workers_of(parent: int) -> dict[int, Path]:
    line = f"PPid:\t{parent}\n"
    return {pid: folder for pid, folder in worker_folders().items() if line in _of_process(pid, "status")}


def _of_process(pid: int, name: str) -> str:
    """A file of proc(5); empty when the process has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


async def _readable(descriptor: int) -> None:
    """A pidfd is readable once its process has ended, see pidfd_open(2)."""
    ready = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, ready.set)
    await ready.wait()
    asyncio.get_running_loop().remove_reader(descriptor)
