"""As many connections as the process may open files for."""

import resource
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from dag_gateway.web.listener import room_for


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    """Those of this process, which are put back."""
    known = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield known
    resource.setrlimit(resource.RLIMIT_NOFILE, known)


def test_what_fits_is_given(limits: tuple[int, int]) -> None:
    with capture_logs() as lines:
        assert room_for(100) == 100
    assert lines == []


def test_the_limit_of_open_files_is_raised_as_far_as_it_goes(limits: tuple[int, int]) -> None:
    soft, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 700), hard))
    assert room_for(1000) == 1000
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (1512, hard)


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[1] in (-1, resource.RLIM_INFINITY), reason="no limit")
def test_what_does_not_fit_is_told(limits: tuple[int, int]) -> None:
    with capture_logs() as lines:
        assert room_for(10**8) == limits[1] - 512
    assert lines[0]["event"] == "fewer connections than configured: raise the limit of open files"
