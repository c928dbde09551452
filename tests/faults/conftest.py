"""A PostgreSQL of these tests' own, for they kill it too."""

from collections.abc import Iterator

import pytest

from tests.fakes.postgres import PostgresServer, serving_postgres


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with serving_postgres() as server:
        yield server
