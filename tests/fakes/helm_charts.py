"""Charts for tests with real Helm, and a look at the worker processes that run it."""

from collections.abc import Mapping
from pathlib import Path

from dag_gateway.charts import pack

CHART_YAML = b"apiVersion: v2\nname: demo\nversion: 1.0.0\n"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n"
EXAMPLE = Path(__file__).parents[2] / "examples" / "hello-web"
# More rounds than any machine does within a test, and nothing that would fill the memory.
ENDLESS = "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"
# Printing a mapping that contains itself needs more stack than there is.
BOTTOMLESS = '{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ $d }}'


def chart(files: Mapping[str, str] | None = None, **templates: str) -> bytes:
    """A chart of ``files`` and of ``templates`` (name without ending -> text)."""
    named = {f"templates/{name}.yaml": text for name, text in templates.items()}
    texts = {**named, **(files or {})}
    return pack("demo", {"Chart.yaml": CHART_YAML, **{path: text.encode() for path, text in texts.items()}})


def example() -> bytes:
    """``examples/hello-web`` as an archive."""
    paths = [path for path in EXAMPLE.rglob("*") if path.is_file()]
    return pack("hello-web", {path.relative_to(EXAMPLE).as_posix(): path.read_bytes() for path in paths})


def worker_folders() -> dict[int, Path]:
    """The worker processes that live now: process id -> the folder that is theirs alone."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"dag_gateway.helm.worker" in (process / "cmdline").read_bytes():
                found[int(process.name)] = (process / "cwd").readlink()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found
