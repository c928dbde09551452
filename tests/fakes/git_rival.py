"""Another writer of a repository: it pushes with the git command line all the time."""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .git_cli import ENVIRONMENT, git

_RACE = re.compile(r"fetch first|non-fast-forward|cannot lock ref|failed to update ref|incorrect old value")


@dataclass
class Rival:
    """``commits`` are those that the server took, oldest first; ``lost`` counts the pushes that came too late."""

    commits: list[str] = field(default_factory=list)
    lost: int = 0
    first: threading.Event = field(default_factory=threading.Event)

    def commit(self, worktree: Path) -> None:
        """Commit ``rival/<number>`` on the newest tip, again until it is in."""
        file = worktree / f"rival/{len(self.commits)}"
        while True:
            git(worktree, "fetch", "--quiet", "origin", "main")
            git(worktree, "reset", "--quiet", "--hard", "origin/main")
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"{worktree.name} {len(self.commits)}\n")
            git(worktree, "add", "--all")
            git(worktree, "commit", "--quiet", "--message", f"rival: {file.name}")
            if _push(worktree):
                self.commits.append(git(worktree, "rev-parse", "HEAD"))
                self.first.set()
                return
            self.lost += 1


@contextmanager
def rivalling(url: str, worktree: Path, interval: float = 0.0) -> Iterator[Rival]:
    """Begin a push every ``interval`` seconds until the end of the block, or one after the other when they take longer.

    The block is entered when the first one is in. The worktree holds the rival's folder only, so that it is fast.
    """
    git(worktree.parent, "clone", "--quiet", "--sparse", "--config", "gc.auto=0", url, str(worktree))
    git(worktree, "sparse-checkout", "set", "--sparse-index", "rival")
    rival, over = Rival(), threading.Event()

    def work() -> None:
        try:
            while not over.is_set():
                began = time.monotonic()
                rival.commit(worktree)
                over.wait(interval - (time.monotonic() - began))
        finally:
            rival.first.set()

    with ThreadPoolExecutor(1) as thread:
        working = thread.submit(work)
        rival.first.wait()
        try:
            yield rival
        finally:
            over.set()
            working.result()


def _push(worktree: Path) -> bool:
    """False when someone else was faster."""
    command = ["git", "push", "--quiet", "origin", "HEAD:main"]
    done = subprocess.run(
        command, cwd=worktree, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode and not _RACE.search(done.stderr):
        raise RuntimeError(f"the rival's push failed: {done.stderr}")
    return done.returncode == 0
