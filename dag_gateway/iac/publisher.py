"""The door of the package: every IaC repository of the config behind a few async questions."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry

from dag_gateway.clock import Clock
from dag_gateway.config import RepositorySettings
from dag_gateway.model.reason import Reason, StepFailed

from .cache import Cache
from .change import Change, Folder, Published, RemoteUnavailable
from .disk import Disk
from .lineage import Question
from .metrics import GitMetrics
from .questions import Questions
from .repository import Repository
from .threads import Threads
from .writer import Writer

log = logging.getLogger(__name__)
T = TypeVar("T")

_READERS = 4
_WRITERS = 2
"""Threads per repository: pushes, and the making of a new cache, do not wait for those who read."""

_ID = re.compile("[0-9a-f]{40}")


class Iac:
    """An async context manager; one per process, which owns ``data_dir``."""

    def __init__(
        self,
        repositories: Mapping[str, RepositorySettings],
        data_dir: Path,
        clock: Clock,
        registry: CollectorRegistry | None = None,
    ) -> None:
        """``registry`` takes the metrics of the git work; None: nobody reads them."""
        self._settings = repositories
        self._disk = Disk(data_dir, clock)
        self._clock = clock
        metrics = GitMetrics(registry or CollectorRegistry())
        caches = {one.url: Cache(_cache_path(data_dir, one.url), one.cache_limit) for one in repositories.values()}
        self._repositories = {
            name: Repository(name, one, caches[one.url], clock, metrics) for name, one in repositories.items()
        }
        self._threads = {name: Threads(f"git-{name}", _READERS) for name in repositories}
        self._push_threads = {name: Threads(f"git-{name}-push", _WRITERS) for name in repositories}
        self._writers: dict[tuple[str, str | None], Writer] = {}
        self._questions: dict[tuple[str, str | None], Questions] = {}
        self._renewals: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait for the operations that are under way in the threads, each of which is bounded."""
        self._closed = True
        for renewal in self._renewals.values():
            renewal.cancel()
        await asyncio.gather(*(writer.aclose() for writer in self._writers.values()))
        await asyncio.gather(*(questions.aclose() for questions in self._questions.values()))
        await asyncio.gather(*self._renewals.values(), return_exceptions=True)
        threads = [*self._threads.values(), *self._push_threads.values()]
        await asyncio.gather(*(one.aclose() for one in threads))
        for repository in self._repositories.values():
            repository.close()

    async def check_disk(self) -> None:
        """Raises DataDirUnwritable."""
        await asyncio.to_thread(self._disk.check_writable)

    async def publish(self, repository: str, branch: str | None, change: Change, *, deadline: datetime) -> Published:
        """Make the branch hold the change: one commit, however often this is called for one deployment.

        ``branch`` None is the one of the settings, or else the remote's HEAD. Changes of one branch are published in
        the order of the calls; those that wait at the same time share a push. Raises StepFailed: ``config_error``,
        ``push_rejected``, ``unreachable`` when the remote did not answer until ``deadline``, ``timeout`` when others
        were faster until then. Raises what ``build`` raises.
        """
        self._check_open()
        return await self._writer(repository, branch).publish(change, deadline)

    async def find(self, repository: str, branch: str | None, change: Change) -> Published | None:
        """What ``publish`` did for this change before, perhaps in a former life; None when it is not in the branch.

        Writes nothing. Raises RemoteUnavailable.
        """
        known, where = self._known(repository), self._branch(repository, branch)
        return await self._ask(repository, lambda: known.published(where, change.deployment_id, change.path))

    async def read(self, repository: str, branch: str | None, path: str) -> Folder:
        """The folder at the tip of the remote branch, asked for now.

        Raises FolderMissing; PathRefused; RemoteUnavailable when the remote refuses or does not answer in time.
        """
        known, where = self._known(repository), self._branch(repository, branch)
        return await self._ask(repository, lambda: known.folder(where, path))

    async def before(self, repository: str, branch: str | None, path: str, commit: str) -> Folder | None:
        """The folder as it was before ``commit``, a hexadecimal id; None when there was none, or nobody has ``commit``.

        Raises PathRefused, RemoteUnavailable.
        """
        known, where = self._known(repository), self._branch(repository, branch)
        return await self._ask(repository, lambda: known.before(where, path, commit))

    async def contains(
        self, repository: str, branch: str | None, path: str, *, ancestor: str, commit: str
    ) -> bool | None:
        """Whether ``commit`` is ``ancestor`` or descends from it, and still has its folder at ``path``.

        Both are hexadecimal ids. None when the remote branch does not have ``commit``, or does not show it yet. Raises
        FolderReplaced when it descends from ``ancestor`` with something else at ``path``; RemoteUnavailable when
        nobody can tell now.
        """
        if ancestor == commit or not _ID.fullmatch(commit):
            return ancestor == commit
        questions = self._questions_to(repository, branch)
        return await self._in_time(repository, lambda: questions.ask(Question(path, ancestor, commit)))

    async def _ask(self, repository: str, question: Callable[[], T]) -> T:
        return await self._in_time(repository, lambda: self._threads[repository].run(question))

    async def _in_time(self, repository: str, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer of the remote within its timeout. Raises RemoteUnavailable, and what is raised in the threads."""
        self._check_open()
        try:
            async with asyncio.timeout(self._settings[repository].timeout):
                return await ask()
        except StepFailed as error:
            raise RemoteUnavailable(error.message) from error
        except TimeoutError as error:
            raise RemoteUnavailable(f"the IaC repository {repository!r} did not answer in time") from error
        finally:
            self._tidy(repository)

    def _tidy(self, repository: str) -> None:
        """Beside the work: the old cache serves until the new one is there."""
        renewal = self._renewals.get(repository)
        if self._repositories[repository].overgrown and (renewal is None or renewal.done()) and not self._closed:
            self._renewals[repository] = asyncio.create_task(self._renew(repository), name=f"git-{repository}-cache")

    async def _renew(self, repository: str) -> None:
        try:
            await self._push_threads[repository].run(self._repositories[repository].renew)
        except (RemoteUnavailable, StepFailed) as error:
            log.warning("the cache of the IaC repository %r stays large: %s", repository, error)

    def _check_open(self) -> None:
        if self._closed:
            raise RemoteUnavailable("the gateway is about to end")

    def commit_url(self, repository: str, commit: str) -> str | None:
        """Where people look at a commit; None for a local repository without a ``commit_url`` of its own."""
        self._known(repository)
        settings = self._settings[repository]
        template = settings.commit_url or _guessed_template(settings.url)
        return template.replace("{commit}", commit) if template else None

    def _known(self, repository: str) -> Repository:
        if repository not in self._repositories:
            raise StepFailed(
                Reason.CONFIG_ERROR, f"the config has no IaC repository {repository!r}: add it to repositories"
            )
        return self._repositories[repository]

    def _branch(self, repository: str, branch: str | None) -> str | None:
        return branch or self._settings[repository].branch

    def _writer(self, repository: str, branch: str | None) -> Writer:
        known = self._known(repository)
        key = (repository, self._branch(repository, branch))
        if key not in self._writers:
            self._writers[key] = Writer(
                *key, known, self._push_threads[repository], self._clock, partial(self._tidy, repository)
            )
        return self._writers[key]

    def _questions_to(self, repository: str, branch: str | None) -> Questions:
        known, threads = self._known(repository), self._threads[repository]
        where = self._branch(repository, branch)
        if (repository, where) not in self._questions:
            self._questions[repository, where] = Questions(
                lambda questions: threads.run(lambda: known.contains(where, questions))
            )
        return self._questions[repository, where]


def _cache_path(data_dir: Path, url: str) -> Path:
    return data_dir / "git" / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.git"


def _guessed_template(url: str) -> str | None:
    """The address that GitLab uses, and the one of GitHub."""
    if not url.startswith(("https://", "http://")):
        return None
    page = url.rstrip("/").removesuffix(".git")
    return f"{page}/commit/{{commit}}" if urlsplit(url).hostname == "github.com" else f"{page}/-/commit/{{commit}}"
