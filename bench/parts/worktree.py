"""The peer: what a gateway with a worktree does, with the git command line."""

import shutil
import time
from pathlib import Path

from tests.fakes.git_cli import git

from .charts import chart


class Worktree:
    """A clone that is there already; its own housekeeping is off, so that it costs the peer nothing."""

    def __init__(self, path: Path, url: str) -> None:
        self._path = path
        git(path.parent, "clone", "--quiet", "--config", "gc.auto=0", url, str(path))

    def deploy(self, folder: str, version: str) -> float:
        """Seconds of one deployment."""
        began = time.perf_counter()
        git(self._path, "fetch", "--quiet", "origin", "main")
        git(self._path, "reset", "--quiet", "--hard", "origin/main")
        self._replace(folder, version)
        git(self._path, "add", "--all")
        git(self._path, "commit", "--quiet", "--message", f"[web] deploy {version}")
        git(self._path, "push", "--quiet", "origin", "HEAD:main")
        return time.perf_counter() - began

    def _replace(self, folder: str, version: str) -> None:
        shutil.rmtree(self._path / folder, ignore_errors=True)
        for name, content in chart(version).items():
            file = self._path / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
