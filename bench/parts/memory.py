"""What two thousand deployments leave behind in the process and on the disk."""

import re
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from dag_gateway.clock import SystemClock
from dag_gateway.iac import Iac
from tests.fakes.nginx_git import serving_with_nginx

from .charts import change
from .crowd import AT_ONCE, Run, publish_all
from .figures import Target, at_most, print_table
from .repositories import app_path, make_repository

FILES, WARM_UP, TOTAL = 20_000, 100, 2_000
_PATHS = 1_000
_TIME = 120.0
_MIB = 2**20


@dataclass(frozen=True)
class State:
    """Bytes."""

    resident: int
    cache: int
    files: int


@dataclass(frozen=True)
class Growth:
    before: State
    after: State
    run: Run


async def measure(folder: Path) -> Growth:
    served = folder / "served"
    served.mkdir()
    make_repository(served / "ours.git", FILES)
    data = folder / "data"
    with serving_with_nginx(served) as server:
        async with Iac({"iac": server.settings("ours.git")}, data, SystemClock()) as iac:
            warm = [change(f"warm-{number}", app_path(number)) for number in range(WARM_UP)]
            await publish_all(iac, warm, _TIME)
            before = _state(data)
            wanted = [change(f"more-{number}", app_path(number % _PATHS)) for number in range(TOTAL)]
            run = await publish_all(iac, wanted, _TIME)
            return Growth(before, _state(data), run)


def report(console: Console, growth: Growth) -> list[Target]:
    """Print the table and return the targets."""
    title = (
        f"{TOTAL:,} deployments to {_PATHS:,} paths of {FILES:,} files, {AT_ONCE} at a time, {growth.run.seconds:.1f} s"
    )
    rows = [
        (name, f"{state.resident / _MIB:.1f}", f"{state.cache / _MIB:.1f}", f"{state.files:,}")
        for name, state in ((f"after a warm-up of {WARM_UP}", growth.before), ("at the end", growth.after))
    ]
    print_table(console, title, ("", "resident MiB", "cache MiB", "files in it"), rows)
    grown = (growth.after.resident - growth.before.resident) / _MIB
    return [
        at_most("memory: failures", 0, len(growth.run.failures), ""),
        at_most(f"memory: growth over {TOTAL:,} deployments", 100, grown, " MiB"),
    ]


def _state(data: Path) -> State:
    files = [path for path in data.rglob("*") if path.is_file()]
    return State(_resident(), sum(path.stat().st_blocks * 512 for path in files), len(files))


def _resident() -> int:
    """Of this process, as Linux tells it."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    if found is None:
        raise RuntimeError("/proc/self/status has no VmRSS")
    return int(found[1]) * 1024
