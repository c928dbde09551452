"""What the git work counts, in Prometheus terms, on the registry of whoever opens the package."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram

from dag_gateway.model.reason import StepFailed

from .change import RemoteUnavailable
from .refusal import Race

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_COMMITS = (1, 2, 5, 10, 20, 50, 100)
_RESULTS = ((Race, "race"), (RemoteUnavailable, "unreachable"), (StepFailed, "refused"))


class GitMetrics:
    """All repositories of the process together. ``registry`` must not hold these metrics yet."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._push = Histogram(
            "dag_git_push_seconds",
            "One push to an IaC remote, whatever came of it",
            registry=registry,
            buckets=_SECONDS,
        )
        self._attempts = Counter(
            "dag_git_push_attempts_total",
            "Pushes to IaC remotes: pushed, race, unreachable, refused",
            ["result"],
            registry=registry,
        )
        self._batch = Histogram(
            "dag_git_batch_size", "Commits in one accepted push", registry=registry, buckets=_COMMITS
        )
        self._fetch = Histogram(
            "dag_git_fetch_seconds",
            "One question to an IaC remote where its branch stands, with what had to be fetched",
            registry=registry,
            buckets=_SECONDS,
        )

    @contextmanager
    def pushing(self, commits: int) -> Iterator[None]:
        """Around one push of so many commits."""
        began = time.perf_counter()
        result = "pushed"
        try:
            yield
            self._batch.observe(commits)
        except Exception as error:
            result = next((name for kind, name in _RESULTS if isinstance(error, kind)), "unreachable")
            raise
        finally:
            self._push.observe(time.perf_counter() - began)
            self._attempts.labels(result).inc()

    @contextmanager
    def fetching(self) -> Iterator[None]:
        """Around one fetch."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._fetch.observe(time.perf_counter() - began)
