"""What a worker does with one chart, called in this process."""

import io
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dag_gateway.helm.frames import frame, read_frame
from dag_gateway.helm.render import render
from dag_gateway.helm.sandbox import no_new_files
from dag_gateway.helm.worker import answer_to
from dag_gateway.model.reason import Reason, StepFailed
from tests.fakes.helm_charts import CONFIG_MAP, chart, example

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def request(**changes: Any) -> dict[str, Any]:
    return {"release": "web", "namespace": "shop", "values": {}, "revision": 1, "lint": True, **changes}


def test_the_folder_of_the_worker_is_left_empty(tmp_path: Path) -> None:
    assert len(render(example(), request()).objects) == 5
    with pytest.raises(StepFailed, match=r"helm lint: templates/a\.yaml:"):
        render(chart(a=CONFIG_MAP.replace("ConfigMap", "Deployment")), request())
    assert list(tmp_path.iterdir()) == []


def test_a_list_of_hooks_and_objects_is_parted() -> None:
    hook = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "h", "annotations": {"helm.sh/hook": "test"}}}
    plain = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [hook, plain]})
    rendered = render(chart(a=text), request(lint=False))
    assert (rendered.objects, rendered.hooks) == ((plain,), (hook,))


@pytest.mark.parametrize(
    ("archive", "reason", "said"),
    [
        (b"no archive", Reason.INVALID_CHART, "gzip"),
        (chart({"values.schema.json": '{"required": ["a"]}'}), Reason.INVALID_CHART, "missing property 'a'"),
        (chart({"values.schema.json": '{"$ref": "x.json"}'}), Reason.INVALID_CHART, 'refers to "file:///x.json"'),
        (chart(a="{{ fail `no` }}"), Reason.RENDER_FAILED, "no"),
        (chart(a="- a"), Reason.RENDER_FAILED, "does not render to YAML objects"),
        (chart(a=CONFIG_MAP + "data: " + "[" * 100 + "]" * 100), Reason.RENDER_FAILED, "it has more than 100 levels"),
        (chart(a=CONFIG_MAP + "data: " + "[" * 5000 + "]" * 5000), Reason.RENDER_FAILED, "it has more than 100 levels"),
        (chart(a="a: 1"), Reason.RENDER_FAILED, "does not render to Kubernetes objects: it has no apiVersion"),
        (
            chart(a='{{ repeat 17000000 "x" }}'),
            Reason.RENDER_FAILED,
            "the templates render to more than 16777216 bytes",
        ),
        (chart(a=CONFIG_MAP.replace("ConfigMap", "Deployment")), Reason.INVALID_CHART, "helm lint: templates/a.yaml:"),
    ],
)
def test_what_is_wrong_is_told_with_its_reason(archive: bytes, reason: Reason, said: str) -> None:
    with pytest.raises(StepFailed) as caught:
        render(archive, request())
    assert caught.value.reason is reason
    assert said in caught.value.message


def test_an_object_may_have_a_hundred_levels() -> None:
    (found,) = render(chart(a=CONFIG_MAP + "data: " + "[" * 99 + "]" * 99), request()).objects
    assert json.dumps(found["data"]) == "[" * 99 + "]" * 99


def test_no_file_can_be_opened_in_between_and_every_file_after() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with no_new_files(), pytest.raises(OSError, match=r"Too many open files"):
        Path("/dev/null").read_bytes()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before
    assert Path("/dev/null").read_bytes() == b""


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ fail `no` }}", "execution error at (demo/templates/a.yaml:1:3): no"),
        (
            CONFIG_MAP + 'a: &a {{ repeat 1000000 "x" }}\nb: [{{ repeat 17 "*a, " }}]\n',
            "the objects of the chart have more than 16777216 bytes",
        ),
    ],
)
def test_a_failure_is_an_answer(template: str, message: str) -> None:
    answer = read_frame(io.BytesIO(answer_to(request(lint=False), chart(a=template))))
    assert answer == ({"failed": {"reason": "render_failed", "message": message}}, b"")


def test_a_worker_can_be_spoken_to_by_hand(tmp_path: Path) -> None:
    requests = frame(request(lint=False), chart(a=CONFIG_MAP)) + frame(request(lint=False), chart(a="a: b: c"))
    command = (sys.executable, "-m", "dag_gateway.helm.worker", str(1024**3))
    with subprocess.Popen(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(requests)
        worker.stdin.flush()
        answers = [read_frame(worker.stdout) for _ in range(3)]
    assert worker.returncode == 0
    ready, good, bad = (answer[0] for answer in answers if answer is not None)
    assert ready == {"ready": True}
    assert [found["kind"] for found in good["rendered"]["objects"]] == ["ConfigMap"]
    assert bad["failed"]["reason"] == "render_failed"


def test_a_mistake_in_a_worker_ends_it_with_its_last_words(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "dag_gateway.helm.worker", str(1024**3))
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as worker:
        assert worker.stdin is not None
        assert worker.stderr is not None
        worker.stdin.write(frame({"no": "values"}))
        worker.stdin.flush()
        assert worker.stderr.read().endswith(b"\nKeyError: 'values'\n")
    assert worker.returncode == 1


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker in the folder ``worker``, with what an unfinished chart has left there."""
    folder = tmp_path / "worker"
    (folder / "chart" / "demo").mkdir(parents=True)
    (folder / "chart" / "demo" / "Chart.yaml").write_bytes(b"")
    (folder / "chart.tgz").write_bytes(chart())
    command = (sys.executable, "-m", "dag_gateway.helm.worker", str(1024**3))
    with subprocess.Popen(
        command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield process


@pytest.mark.parametrize("lost", ["stdin", "stdout"])
def test_a_worker_that_has_lost_its_gateway_leaves_nothing(
    orphan: "subprocess.Popen[bytes]", lost: str, tmp_path: Path
) -> None:
    getattr(orphan, lost).close()
    assert orphan.wait(60) == 0
    assert list(tmp_path.iterdir()) == []
