"""Pins of projects and uses of ID tokens, on both databases."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.event import status_news
from dag_gateway.model.identity import SourceProject, TokenUse
from dag_gateway.store import (
    Database,
    DeploymentStore,
    IdempotencyKey,
    KeyReused,
    ProjectPins,
    ShownToken,
    TokenReplayed,
)
from dag_gateway.store.identities import KnownUse, find_uses, forget_uses
from dag_gateway.store.schema import deployments, project_pins
from tests.fakes.deployments import NOON, a_deployment

WEB = SourceProject("web", "gitlab", "https://gitlab.example.com/shop/web")
USE = TokenUse("https://gitlab.example.com", "ab" * 32, 1_000)
SHOWN = ShownToken(USE, "cd" * 32)
REPLAYED = (
    "^jobToken was used before for another upload; each upload needs an ID token of its own, only the very same "
    "upload may be sent again with the same one$"
)


async def test_the_first_project_is_kept_for_all_replicas(database: Database) -> None:
    here, there = ProjectPins(database), ProjectPins(database)
    assert await here.find(WEB) is None
    assert await here.pin(WEB, "12") == "12"
    assert (await here.find(WEB), await there.find(WEB)) == ("12", "12")
    assert await there.pin(WEB, "13") == "12"


async def test_of_many_first_projects_one_is_kept(database: Database) -> None:
    replicas = [ProjectPins(database) for _ in range(6)]
    standing = await asyncio.gather(*(pins.pin(WEB, str(number)) for number, pins in enumerate(replicas)))
    assert len(set(standing)) == 1


async def test_a_configured_project_replaces_what_was_pinned(database: Database) -> None:
    pins = ProjectPins(database)
    await pins.pin(WEB, "12")
    assert await pins.pin(WEB, "13", replace=True) == "13"
    assert await ProjectPins(database).find(WEB) == "13"
    async with database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(project_pins)) == 1


async def test_an_app_at_another_url_or_forge_is_pinned_anew(database: Database) -> None:
    pins = ProjectPins(database)
    await pins.pin(WEB, "12")
    moved, elsewhere = replace(WEB, repo_url="https://gitlab.example.com/a"), replace(WEB, forge="other")
    assert (await pins.find(moved), await pins.find(elsewhere)) == (None, None)
    assert (await pins.pin(elsewhere, "5"), await pins.pin(moved, "20")) == ("5", "20")
    assert [await ProjectPins(database).find(source) for source in (WEB, moved, elsewhere)] == [None, "20", "5"]


async def accepted(store: DeploymentStore, shown: ShownToken | None = SHOWN, **known: Any) -> Deployment:
    """As an upload with its own id; ``known`` may also have the ``key``."""
    key = known.pop("key", None)
    deployment = a_deployment(number=0, **known)
    return await store.accept(deployment, b"the chart", status_news(deployment, NOON), key, None, shown)


async def ended(store: DeploymentStore, old: Deployment) -> None:
    for status in (Status.VALIDATING, Status.FAILED):
        new = old.after(status, f"now {status}")
        await store.record(old, new, [status_news(new, NOON)], lease=0)
        old = new


async def test_the_same_upload_again_with_the_same_token_is_the_same_deployment(store: DeploymentStore) -> None:
    first = await accepted(store)
    assert (await accepted(store, id="second")).id == first.id
    await ended(store, first)
    assert (await accepted(store, id="third")).id == first.id


async def test_without_a_token_the_same_upload_after_the_end_is_a_new_deployment(store: DeploymentStore) -> None:
    first = await accepted(store, None)
    await ended(store, first)
    assert (await accepted(store, None, id="second")).id == "second"


async def test_a_token_for_another_upload_is_refused_and_nothing_is_stored(store: DeploymentStore) -> None:
    await accepted(store)
    with pytest.raises(TokenReplayed, match=REPLAYED) as refusal:
        await accepted(store, replace(SHOWN, purpose="ef" * 32), id="second", version="2.0.0")
    assert refusal.value.code == "token_replayed"
    assert len(await store.unfinished()) == 1


async def test_uploads_at_the_same_time_share_a_token_only_when_they_are_the_same(store: DeploymentStore) -> None:
    other = replace(SHOWN, purpose="ef" * 32)
    same = [accepted(store, id=f"same-{number}") for number in range(3)]
    results = await asyncio.gather(*same, accepted(store, other, id="other", version="2"), return_exceptions=True)
    stored = [result.id for result in results if isinstance(result, Deployment)]
    assert stored == ["same-0"] * 3
    assert isinstance(results[-1], TokenReplayed)


async def test_a_token_is_known_by_its_issuer_too(store: DeploymentStore) -> None:
    await accepted(store)
    elsewhere = ShownToken(replace(USE, issuer="https://other.example.com"), "ef" * 32)
    assert (await accepted(store, elsewhere, id="second", version="2.0.0")).id == "second"


async def test_the_same_upload_by_key_uses_up_its_token_as_well(store: DeploymentStore, database: Database) -> None:
    key = IdempotencyKey("once", "12" * 32)
    first = await accepted(store, key=key)
    fresh = ShownToken(replace(USE, token_id="ef" * 32), SHOWN.purpose)
    assert (await accepted(store, fresh, key=key, id="second")).id == first.id
    async with database.read() as connection:
        assert await find_uses(connection, [fresh.use]) == {fresh.use: KnownUse(SHOWN.purpose, first.number)}


async def test_a_known_token_excuses_no_key_of_other_content(store: DeploymentStore) -> None:
    await accepted(store)
    key = IdempotencyKey("once", "12" * 32)
    fresh = ShownToken(replace(USE, token_id="ef" * 32), SHOWN.purpose)
    await accepted(store, fresh, key=key, id="second", version="2.0.0")
    with pytest.raises(KeyReused, match="Idempotency-Key"):
        await accepted(store, key=replace(key, fingerprint="34" * 32), id="third")


async def test_a_token_whose_deployment_is_pruned_starts_no_other(store: DeploymentStore, database: Database) -> None:
    first = await accepted(store)
    async with database.write() as connection:
        await connection.execute(delete(deployments).where(deployments.c.number == first.number))
    with pytest.raises(TokenReplayed, match=REPLAYED):
        await accepted(store, id="second")


async def test_a_token_is_forgotten_an_hour_after_it_has_expired(store: DeploymentStore, database: Database) -> None:
    for number in range(3):
        await accepted(store, ShownToken(replace(USE, token_id=f"{number}"), SHOWN.purpose), id=f"{number}")
    async with database.write() as connection:
        assert [await forget_uses(connection, 4_600, 2), await forget_uses(connection, 4_601, 2)] == [0, 2]
        assert [await forget_uses(connection, 4_601, 2), await forget_uses(connection, 4_601, 2)] == [1, 0]
