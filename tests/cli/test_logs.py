"""Log lines are JSON, and a log that can not be written stops nobody."""

import json
import subprocess
import sys

from tests.fakes.needs import needs

LOGGING = """
import logging, structlog
from dag_gateway.cli.logs import configure_logs
configure_logs()
structlog.get_logger("dag_gateway.x").info("from structlog", number=7)
logging.getLogger("uvicorn.error").info("from uvicorn")
logging.getLogger("elsewhere").info("too much detail")
logging.getLogger("dulwich.client").warning("at every fetch")
logging.getLogger("paramiko.transport").error("Traceback")
print("still here")
"""


def test_both_ways_of_logging_give_json_lines() -> None:
    done = subprocess.run([sys.executable, "-c", LOGGING], capture_output=True, text=True, check=False)
    ours, uvicorns = [json.loads(line) for line in done.stderr.splitlines()]
    assert (ours["message"], ours["number"], ours["level"], ours["logger"]) == (
        "from structlog",
        7,
        "info",
        "dag_gateway.x",
    )
    assert (uvicorns["message"], uvicorns["level"]) == ("from uvicorn", "info")
    assert ours["timestamp"].endswith("Z")


@needs("sh")
def test_a_full_disk_under_the_log_stops_nobody() -> None:
    shell = f'exec "{sys.executable}" -c "$1" 2>/dev/full'
    done = subprocess.run(["sh", "-c", shell, "sh", LOGGING], capture_output=True, text=True, check=False)
    assert done.stdout == "still here\n"
