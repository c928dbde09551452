"""The git command line, as the users of a repository have it, apart from the settings of this machine."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Rival",
    "GIT_AUTHOR_EMAIL": "rival@example.com",
    "GIT_COMMITTER_NAME": "Rival",
    "GIT_COMMITTER_EMAIL": "rival@example.com",
}


def git(cwd: Path, *arguments: str) -> str:
    """Run git in a folder and return what it prints; a failure shows what git said."""
    done = subprocess.run(
        ["git", *arguments], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def rival_commit(bare: Path, worktree: Path, files: Mapping[str, str], branch: str = "main") -> str:
    """Another writer: clones into ``worktree`` (once), commits ``files`` on the newest tip and pushes."""
    if not worktree.exists():
        git(bare, "clone", "--quiet", "--branch", branch, str(bare), str(worktree))
    git(worktree, "pull", "--quiet", "--rebase", "--autostash", "origin", branch)
    for path, content in files.items():
        file = worktree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    git(worktree, "add", "--all")
    git(worktree, "commit", "--quiet", "--message", f"rival: {' '.join(files)}")
    git(worktree, "push", "--quiet", "origin", f"HEAD:{branch}")
    return git(worktree, "rev-parse", "HEAD")


def install_hook(bare: Path, name: str, script: str) -> None:
    """``script`` is the body of a shell script."""
    hook = bare / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)
