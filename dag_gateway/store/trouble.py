"""What can go wrong with a database, as errors of ours; foreign ones are translated here and nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from dag_gateway.errors import GatewayError, Unavailable

from .dialects import is_passing, is_refusal


class StoreUnavailable(Unavailable):
    """The database does not answer or can not be written."""

    code = "database_unavailable"


class Interrupted(StoreUnavailable):
    """A transaction did not take place, for a reason that passes: a lost connection, a failover, a lock."""


class CommitUnknown(StoreUnavailable):
    """The connection was lost at COMMIT: only the database can tell whether the transaction took place."""


class Unstorable(GatewayError):
    """A value that the database does not take, now or later."""

    code = "unstorable"


@contextmanager
def translated() -> Iterator[None]:
    """Raises StoreUnavailable, Interrupted or Unstorable for what the drivers raise."""
    try:
        yield
    except PoolTimeoutError as error:
        raise Interrupted("the database had no free connection for too long; try again") from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise Unstorable(f"the database does not take a value: {type(error).__name__}") from error
    except DBAPIError as error:
        raise _of_driver(error) from error
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the database can not do it now: {type(error).__name__}") from error
    except OSError as error:
        # A connection that can not be had, or a statement that took too long (TimeoutError).
        why = error.strerror or str(error) or "no answer in time"
        raise Interrupted(f"the database can not be reached: {why}") from error


@contextmanager
def committing() -> Iterator[None]:
    """Raises CommitUnknown where it can not be said what became of the transaction."""
    try:
        with translated():
            yield
    except Interrupted as error:
        raise CommitUnknown(error.message) from error


def _of_driver(error: DBAPIError) -> GatewayError:
    if is_refusal(error):
        # Not the driver's text: it quotes the value.
        return Unstorable(f"the database does not take a value: {type(error).__name__}")
    family = Interrupted if is_passing(error) else StoreUnavailable
    return family(f"the database can not do it now: {error.orig}")
