"""What has to be true of every deployment that was accepted, whatever was killed on its way."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .fault_client import Story
from .fault_database import rows
from .git_cli import git

_OPEN = "SELECT id, status FROM deployments WHERE status NOT IN ('deployed', 'failed')"
_GAPS = """SELECT d.id, d.last_event, count(e.number), min(e.number), max(e.number)
    FROM deployments d LEFT JOIN events e ON e.deployment = d.number GROUP BY d.id, d.last_event
    HAVING count(e.number) <> d.last_event OR min(e.number) <> 1 OR max(e.number) <> d.last_event"""
_CHARTS = "SELECT deployment FROM charts"


@dataclass
class Ledger:
    """``pushed`` are the deployments that must have a commit each, whatever their order."""

    database: str
    repository: Path
    accepted: list[str] = field(default_factory=list)
    pushed: list[str] = field(default_factory=list)

    def enter(self, story: Story) -> None:
        """A deployment that a client was given an id for, and followed to its end."""
        self.accepted.append(story.deployment_id)
        if "commit" in story.events[-1]:
            self.pushed.append(story.deployment_id)

    async def check(self) -> None:
        """Nothing is lost, nothing is there twice, and nothing else has changed."""
        known = [row[0] for row in await rows(self.database, "SELECT id FROM deployments")]
        assert sorted(known) == sorted(self.accepted), f"accepted: {self.accepted}, stored: {known}"
        for what in (_OPEN, _CHARTS, _GAPS):
            found = await rows(self.database, what)
            assert not found, f"{what}: {found}"
        commits = self.commits()
        assert sorted(commits) == sorted(self.pushed), f"pushed: {self.pushed}, in the repository: {commits}"

    def commits(self) -> Sequence[str]:
        """The deployments in the history of the repository, oldest first, without the commit that began it."""
        trailer = "%(trailers:key=Deployment-Id,valueonly,separator=%x20)"
        return git(self.repository, "log", "--reverse", f"--format=.{trailer}", "main").replace(".", "").split("\n")[1:]

    def paths(self) -> Sequence[str]:
        """All files in the repository."""
        return git(self.repository, "ls-tree", "-r", "--name-only", "main").splitlines()


def check_story(story: Story, record: dict[str, Any], status: str, reason: str | None = None) -> None:
    """It was told without a gap and without a repetition, the same as is written down, to the end that was expected."""
    assert story.numbers == list(range(1, len(story.numbers) + 1)), story.numbers
    assert [event["id"] for event in record["events"]] == story.numbers
    end = story.events[-1]
    assert (end["status"], end.get("reason")) == (status, reason), end["message"]
    assert (record["status"], record["reason"]) == (status, reason)
