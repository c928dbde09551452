"""What a worker takes away from itself, so that a hostile chart can not take it from others."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATM = Path("/proc/self/statm")


def confine(memory: int) -> None:
    """At most ``memory`` bytes more than now, and no core dump.

    Counted is what is writable and not shared (RLIMIT_DATA, setrlimit(2)), which Go's heap is; the address space
    (RLIMIT_AS) would not do, because Go reserves far more of it than it uses. Enforced by Linux only.
    """
    _limit(resource.RLIMIT_DATA, _data_bytes() + memory)
    _limit(resource.RLIMIT_CORE, 0)


@contextmanager
def no_new_files() -> Iterator[None]:
    """No file and no connection can be opened inside, by no thread; those that are open stay open.

    Helm follows ``$ref`` in a values schema to files and URLs. Checking the schema before would need to read it
    exactly as Helm does; the kernel does not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (allowed, allowed))


def _data_bytes() -> int:
    """The sixth number of proc_pid_statm(5) is data and stack, in pages."""
    return int(_STATM.read_text().split()[5]) * resource.getpagesize() if _STATM.exists() else 0
