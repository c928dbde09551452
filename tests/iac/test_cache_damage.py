"""The cache may be lost or damaged at any time; what counts is in the remote."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from dulwich.objects import Blob

from dag_gateway.config import RepositorySettings
from dag_gateway.iac import Iac, RemoteUnavailable
from dag_gateway.iac.cache import Cache, CacheBroken, Objects
from dag_gateway.iac.reader import new_object
from tests.fakes.git_cli import git, rival_commit
from tests.fakes.iac_changes import deploy
from tests.fakes.skipping_clock import SkippingClock


def cache_of(tmp_path: Path) -> Path:
    (cache,) = (tmp_path / "data" / "git").iterdir()
    return cache


def truncate_packs(cache: Path) -> None:
    for pack in cache.glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[: pack.stat().st_size // 2])


def empty_packs(cache: Path) -> None:
    for file in cache.glob("objects/pack/*"):
        file.chmod(0o600)
        file.write_bytes(b"")


def empty_loose_objects(cache: Path) -> None:
    for file in cache.glob("objects/??/*"):
        file.chmod(0o600)
        file.write_bytes(b"")


def garble_refs(cache: Path) -> None:
    (cache / "refs/heads/main").write_text("nonsense\n")


def remove_objects(cache: Path) -> None:
    shutil.rmtree(cache / "objects")


def remove_head(cache: Path) -> None:
    (cache / "HEAD").unlink()


def remove_all(cache: Path) -> None:
    shutil.rmtree(cache)


def put_a_file_in_its_place(cache: Path) -> None:
    shutil.rmtree(cache)
    cache.write_text("no repository")


DAMAGES = [
    truncate_packs,
    empty_packs,
    empty_loose_objects,
    garble_refs,
    remove_objects,
    remove_head,
    remove_all,
    put_a_file_in_its_place,
]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_while_it_is_in_use_costs_a_fetch_and_nothing_else(
    local: Iac, bare: Path, clock: SkippingClock, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    await local.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    damage(cache_of(tmp_path))
    published = await local.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    assert git(bare, "rev-parse", "main") == published.commit
    assert git(bare, "fsck", "--strict") == ""
    folder = await local.read("iac", None, "clusters/test/other")
    assert folder.files == {"Chart.yaml": b"name: other\n"}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_found_after_a_restart_costs_a_fetch_and_nothing_else(
    bare: Path, clock: SkippingClock, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    settings = {"iac": RepositorySettings(url=str(bare))}
    async with Iac(settings, tmp_path / "data", clock) as iac:
        await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    damage(cache_of(tmp_path))
    rival_commit(bare, tmp_path / "rival", {"elsewhere": "1"})
    async with Iac(settings, tmp_path / "data", clock) as iac:
        published = await iac.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
        assert (await iac.read("iac", None, "clusters/test/other")).files == {"Chart.yaml": b"name: other\n"}
    assert git(bare, "rev-parse", "main") == published.commit


async def test_a_rebuilt_cache_is_logged(
    local: Iac, clock: SkippingClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await local.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    empty_loose_objects(cache_of(tmp_path))
    await local.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    assert "is damaged and is built anew from the remote" in caplog.text


async def test_locks_of_a_killed_process_are_removed_at_the_first_use(
    bare: Path, clock: SkippingClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"iac": RepositorySettings(url=str(bare))}
    async with Iac(settings, tmp_path / "data", clock) as iac:
        await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    cache = cache_of(tmp_path)
    (cache / "refs/heads/main.lock").touch()
    (cache / "packed-refs.lock").touch()
    async with Iac(settings, tmp_path / "data", clock) as iac:
        await iac.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    assert list(cache.rglob("*.lock")) == []
    assert "removed the stale lock" in caplog.text
    assert "is damaged" not in caplog.text


async def test_a_repository_that_was_being_made_when_the_process_died_is_made_again(
    local: Iac, clock: SkippingClock, tmp_path: Path
) -> None:
    await local.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    cache = cache_of(tmp_path)
    unfinished = cache.with_name(f"{cache.name}.new")
    shutil.copytree(cache, unfinished)
    shutil.rmtree(cache)
    await local.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    assert cache_of(tmp_path) == cache


async def test_a_data_directory_that_can_not_be_used_is_named(bare: Path, clock: SkippingClock, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    async with Iac({"iac": RepositorySettings(url=str(bare))}, tmp_path / "data", clock) as iac:
        with pytest.raises(RemoteUnavailable, match="the local copy of the IaC repository 'iac' can not be used"):
            await iac.read("iac", None, "clusters/test/other")


def test_damage_that_two_threads_met_is_repaired_once(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.git")
    calls = []

    def broken_once(objects: Objects) -> bool:
        calls.append("inner")
        if len(calls) == 2:
            raise CacheBroken(generation=0)
        return True

    def meets_it_too(objects: Objects) -> bool:
        calls.append("outer")
        if len(calls) == 1:
            cache.sound(broken_once)
            (tmp_path / "cache.git" / "repaired").touch()
            raise CacheBroken(generation=0)
        return True

    assert cache.sound(meets_it_too)
    assert calls == ["outer", "inner", "inner", "outer"]
    assert (tmp_path / "cache.git" / "repaired").exists()


def test_an_object_of_another_kind_than_a_commit_is_damage(tmp_path: Path) -> None:
    blob = new_object(Blob.type_num, b"no commit")

    def read(objects: Objects) -> None:
        objects.add([blob])
        objects.commit(blob.id)

    with pytest.raises(CacheBroken, match="the local copy of the IaC repository is damaged"):
        Cache(tmp_path / "cache.git").sound(read)


async def test_a_branch_that_became_a_folder_of_branches_is_followed(
    bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    git(bare, "branch", "env")
    async with Iac({"iac": RepositorySettings(url=str(bare))}, tmp_path / "data", clock) as iac:
        await iac.publish("iac", "env", deploy("d-1"), deadline=clock.within(60))
        git(bare, "branch", "--quiet", "-m", "env", "env/live")
        published = await iac.publish("iac", "env/live", deploy("d-2"), deadline=clock.within(60))
    assert git(bare, "rev-parse", "env/live") == published.commit


async def test_a_branch_that_was_rewritten_is_published_to_again(local: Iac, bare: Path, clock: SkippingClock) -> None:
    first = await local.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    git(bare, "update-ref", "refs/heads/main", f"{first.commit}^")
    again = await local.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert git(bare, "rev-parse", "main") == again.commit
    assert again.changed
