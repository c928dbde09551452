"""``dag demo``: what a newcomer sees first."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.fakes.needs import needs

README = Path(__file__).parents[2] / "README.md"
DEMO = [sys.executable, "-m", "dag_gateway.cli", "demo", "--port", "0"]


async def test_once_deploys_the_sample_chart_and_ends() -> None:
    demo = await asyncio.create_subprocess_exec(*DEMO, "--once", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = await demo.communicate()
    assert demo.returncode == 0, (out, err)
    text = out.decode()
    assert "deployed: 1.0.0 is live and healthy at demo/hello/hello-web" in text
    assert re.search(r"target demo/hello/hello-web monitoring .*hello-web: 0/2 pods ready", text)
    transcript = README.read_text(encoding="utf-8").split("A simulated GitLab,")[1].split("```")[0]
    shown, printed = anonymous(f"A simulated GitLab,{transcript}"), anonymous(text)
    assert (shown[:4], shown[-2:]) == (printed[:4], printed[-2:]), "the README shows another transcript"


@needs("curl")
async def test_it_stays_up_with_commands_that_work_until_it_is_told_to_end(tmp_path: Path) -> None:
    demo = await asyncio.create_subprocess_exec(
        *DEMO, "--dir", str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert demo.stdout
    lines = []
    async for line in demo.stdout:
        lines.append(line.decode())
        if "Everything stays up" in lines[-1]:
            break
    script = [line.strip() for line in "".join(lines).replace("\\\n", "").splitlines()]
    job = "; ".join(line for line in script if line.startswith("export "))
    values = await _shell(f"{job}; {_command(script, 'get/values')}")
    assert json.loads(values)["replicaCount"] == 2
    assert b"deploymentId" in await _shell(f"{job}; {_command(script, 'api/deploy ')}")
    assert b"[hello-web] deploy 1.0.0" in await _shell(_command(script, "git -C"))
    demo.send_signal(signal.SIGINT)
    assert await demo.wait() == 0
    assert (tmp_path / "gateway.log").read_text()


def _command(script: list[str], words: str) -> str:
    return next(line for line in script if words in line)


def anonymous(text: str) -> list[str]:
    """The lines without what differs from run to run."""
    text = re.sub(r"127\.0\.0\.1:\d+|[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{12,40}\b", "*", text)
    return [line for line in text.splitlines() if line]


async def _shell(command: str) -> bytes:
    shell = await asyncio.create_subprocess_shell(command, stdout=subprocess.PIPE)
    out, _ = await shell.communicate()
    assert shell.returncode == 0, command
    return out
