"""The exceptions of the git library, translated once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from dulwich.errors import GitProtocolError, SendPackError
from dulwich.file import FileLocked

from dag_gateway.config import RepositorySettings
from dag_gateway.errors import GatewayError
from dag_gateway.iac import RemoteUnavailable
from dag_gateway.iac.border import Border
from dag_gateway.iac.refusal import Race
from dag_gateway.model.reason import Reason, StepFailed
from tests.fakes.skipping_clock import SkippingClock


def crossing(error: Exception, url: str = "/srv/git/iac.git") -> GatewayError:
    settings = RepositorySettings.model_validate({"url": url, "username": "dag", "password": "s3cret"})
    with pytest.raises(GatewayError) as e, Border("iac", settings, SkippingClock()).crossed():
        raise error
    assert e.value.__cause__ is error
    return e.value


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (GitProtocolError("the remote end hung up"), "the remote end hung up"),
        (AssertionError(), "AssertionError"),
        (ValueError("/srv/git/iac.git/objects is odd, s3cret"), r"\(path\) is odd, \*\*\*"),
        (OSError(5, "Input/output error"), r"\[Errno 5\] Input/output error"),
    ],
)
def test_what_breaks_off_is_temporary_and_told_without_paths_and_secrets(error: Exception, text: str) -> None:
    translated = crossing(error, "https://git.example.com/iac.git")
    with pytest.raises(RemoteUnavailable, match=f"^the IaC repository 'iac' does not answer: {text}$"):
        raise translated


@pytest.mark.parametrize(
    ("url", "where"),
    [("https://git.example.com/iac.git", "data_dir"), ("/srv/git/iac.git", "data_dir or the repository itself")],
)
def test_a_disk_that_takes_nothing_is_temporary_and_named(url: str, where: str) -> None:
    translated = crossing(OSError(28, "No space left on device"), url)
    text = (
        rf"^nothing can be written for the IaC repository 'iac': No space left on device \({where}\); it goes on once"
    )
    with pytest.raises(RemoteUnavailable, match=text):
        raise translated


def test_the_innermost_reason_is_told() -> None:
    outer = GitProtocolError("wrapped in HTTPSConnectionPool(host='x', port=443)")
    outer.__cause__ = OSError("certificate verify failed")
    settings = RepositorySettings(url="https://git.example.com/iac.git")
    with (
        pytest.raises(RemoteUnavailable, match=r"does not answer: certificate verify failed$"),
        Border("iac", settings, SkippingClock()).crossed(),
    ):
        raise outer


@pytest.mark.parametrize(
    ("error", "reason", "text"),
    [
        (
            PermissionError(13, "Permission denied", "/srv/git"),
            Reason.CONFIG_ERROR,
            "may not be read and written: check",
        ),
        (
            SendPackError(b"unpack index-pack abnormal exit"),
            Reason.PUSH_REJECTED,
            "the push: unpack index-pack abnormal",
        ),
        (SendPackError(), Reason.PUSH_REJECTED, "rejected the push: the remote could not unpack it"),
    ],
)
def test_what_waiting_can_not_mend_is_permanent(error: Exception, reason: Reason, text: str) -> None:
    translated = crossing(error)
    assert isinstance(translated, StepFailed)
    assert translated.reason is reason
    assert text in translated.message
    assert "/srv" not in translated.message


@pytest.mark.parametrize("name", [str, str.encode])
def test_a_lock_that_is_gone_already_is_a_race(tmp_path: Path, name: Callable[[str], str | bytes]) -> None:
    translated = crossing(FileLocked(b"main", name(str(tmp_path / "main.lock"))))
    with pytest.raises(Race, match="the branch is locked by another writer"):
        raise translated


def test_what_was_translated_already_passes() -> None:
    known = Race("refs/heads/main moved")
    settings = RepositorySettings(url="/srv/git/iac.git")
    with pytest.raises(Race) as e, Border("iac", settings, SkippingClock()).crossed():
        raise known
    assert e.value is known
