"""Foldable sections of a CI log, as the text that opens and closes them."""

from .ci import CiSystem

_ERASE = "\x1b[0K"


def opening(system: CiSystem, name: str, title: str, at: int) -> str:
    """The line that begins section ``name``; ``at`` is in seconds since the epoch.

    https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections and
    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#grouping-log-lines
    """
    match system:
        case CiSystem.GITLAB:
            return f"{_ERASE}section_start:{at}:{name}\r{_ERASE}{title}\n"
        case CiSystem.ACTIONS:
            return f"::group::{title}\n"
        case CiSystem.NONE:
            return f"{title}\n"


def closing(system: CiSystem, name: str, at: int) -> str:
    """The line that ends section ``name``; empty where logs have no sections."""
    match system:
        case CiSystem.GITLAB:
            return f"{_ERASE}section_end:{at}:{name}\r{_ERASE}\n"
        case CiSystem.ACTIONS:
            return "::endgroup::\n"
        case CiSystem.NONE:
            return ""
