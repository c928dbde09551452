"""How a client command ends: the exit codes that pipelines rely on, and the errors behind them."""

from enum import IntEnum

from dag_gateway.errors import GatewayError, Invalid, Unavailable


class ExitCode(IntEnum):
    """The documented exit codes of ``dag deploy``, ``get-chart`` and ``get-values``."""

    OK = 0
    FAILED = 1
    WRONG_USAGE = 2
    REFUSED = 3
    UNKNOWN = 4


class WrongUsage(Invalid):
    """The command line (or its environment) can not work; the message names the option."""

    code = "wrong_usage"


class Refused(GatewayError):
    """The gateway answered 4xx; the message is the gateway's own."""

    code = "refused"


class OutcomeUnknown(Unavailable):
    """Nobody can tell how it ended: timed out, or the gateway can not be reached or understood."""

    code = "outcome_unknown"


def exit_code_of(error: GatewayError) -> ExitCode:
    """What the process exits with after ``error``."""
    match error:
        case Invalid():
            return ExitCode.WRONG_USAGE
        case Refused():
            return ExitCode.REFUSED
        case _:
            return ExitCode.UNKNOWN
