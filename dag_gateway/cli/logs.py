"""Logging of the server commands: one JSON object a line, without the values of local variables."""

import logging

import structlog

from .log_handler import BackgroundHandler


def configure_logs(handler: logging.Handler | None = None, *, level: int = logging.INFO) -> None:
    """Send structlog and the standard library's loggers the same way; without a ``handler`` to stderr.

    Everything goes through a handler of the standard library: a log that can not be written (a full disk, a pipe that
    nobody reads) must not stop the work that it tells of. Tracebacks carry no locals: tokens are locals.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = handler or BackgroundHandler.on_stderr()
    handler.setFormatter(_json_lines(shared))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.WARNING))
    for name in ("dag_gateway", "uvicorn.error"):
        logging.getLogger(name).setLevel(level)
    # It warns at every fetch from a server that can not leave files out of a pack, which is nobody's mistake.
    logging.getLogger("dulwich.client").setLevel(logging.ERROR)
    # It prints a traceback for every connection that fails, and raises the same.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)


def _json_lines(shared: list[structlog.typing.Processor]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(),
        ],
    )
