"""For all tests: settings of hypothesis, and a PostgreSQL that starts for the first test that asks for it.

How long an example of hypothesis takes says something of the machine, not of the code.
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.fakes.postgres import PostgresServer, serving_postgres

settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Shared: each test makes a database of its own in it. Who stops it starts one with ``serving_postgres``."""
    with serving_postgres() as server:
        yield server
