"""Bare repositories made and read directly."""

from pathlib import Path

import pytest

from dag_gateway.iac import create_bare, read_folder, tip
from tests.fakes.git_cli import git


def test_a_new_repository_is_what_git_takes_for_one(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "iac.git"
    first = create_bare(path, "trunk", {"a/Chart.yaml": b"name: a\n"})
    assert git(path, "fsck", "--strict") == ""
    assert git(path, "rev-parse", "HEAD") == first == tip(path, "trunk")
    assert git(path, "show", "trunk:a/Chart.yaml") == "name: a"


def test_without_files_there_is_a_readme(tmp_path: Path) -> None:
    create_bare(tmp_path / "iac.git")
    assert git(tmp_path / "iac.git", "ls-tree", "--name-only", "main") == "README.md"


def test_with_no_files_at_all_the_first_commit_is_empty(tmp_path: Path) -> None:
    create_bare(tmp_path / "iac.git", files={})
    assert git(tmp_path / "iac.git", "ls-tree", "--name-only", "main") == ""


def test_what_is_there_already_is_left_alone(tmp_path: Path) -> None:
    create_bare(tmp_path / "iac.git")
    with pytest.raises(FileExistsError):
        create_bare(tmp_path / "iac.git")


def test_a_branch_that_does_not_exist_has_no_tip(tmp_path: Path) -> None:
    create_bare(tmp_path / "iac.git")
    assert tip(tmp_path / "iac.git", "other") is None


def test_a_folder_is_read_at_a_commit(tmp_path: Path) -> None:
    path = tmp_path / "iac.git"
    first = create_bare(path, files={"a/b/Chart.yaml": b"1", "a/b/t/x": b"2", "c": b"3"})
    folder = read_folder(path, first, "a/b")
    assert folder is not None
    assert folder.files == {"Chart.yaml": b"1", "t/x": b"2"}
    assert folder.tree == git(path, "rev-parse", "main:a/b")
    assert read_folder(path, first, "a/x") is None


def test_an_unknown_commit_is_a_key_error(tmp_path: Path) -> None:
    path = tmp_path / "iac.git"
    first = create_bare(path)
    with pytest.raises(KeyError):
        read_folder(path, "0" * 39 + "1", "a")
    with pytest.raises(KeyError):
        read_folder(path, git(path, "rev-parse", f"{first}^{{tree}}"), "a")
