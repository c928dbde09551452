"""Operators show a key; its role decides, and what nobody thought of is for admins only."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dag_gateway.app import create_app
from dag_gateway.model.api_key import Role
from dag_gateway.simulator.server import serving
from dag_gateway.web.guard import guarded
from tests.fakes.api_keys import KEYS, auth_section, shown
from tests.fakes.world import surroundings

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def answer(request: Request) -> Response:
    return JSONResponse({"secret": 42})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway that has one route more, which no policy lists."""
    async with surroundings(tmp_path_factory.mktemp("keys")) as around:
        around.config["auth"] = auth_section()
        application = create_app(around.settings())
        application.router.routes.append(guarded(Route("/unlisted", answer, methods=["GET"], name="unlisted")))
        async with serving(application) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
            yield http


@pytest.mark.parametrize("path", ["/unlisted", "/api/audit"])
async def test_without_a_key_one_is_asked_for(http: httpx.AsyncClient, path: str) -> None:
    refused = await http.get(path)
    assert (refused.status_code, refused.json()["code"]) == (401, "key_required")
    assert refused.json()["error"] == ("an API key is needed here: send it as X-API-KEY or as Authorization: Bearer")
    assert refused.headers["www-authenticate"] == 'Bearer realm="dag-gateway"'


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-KEY": "dag_guess-hunter2"},
        {"X-API-KEY": KEYS[Role.ADMIN] + "x"},
        {"X-API-KEY": KEYS[Role.ADMIN][:-1]},
        {"X-API-KEY": "clé-hunter2".encode()},
        {"X-API-KEY": "dag_guess-hunter2", "Authorization": f"Bearer {KEYS[Role.ADMIN]}"},
        {"Authorization": "Bearer dag_guess-hunter2"},
    ],
)
async def test_an_unknown_key_is_refused_and_not_repeated(http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    refused = await http.get("/unlisted", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "key_required")
    assert refused.json()["error"] == "the API key is not among auth.keys"
    assert "hunter2" not in refused.text


async def test_a_scheme_other_than_bearer_is_no_key(http: httpx.AsyncClient) -> None:
    refused = await http.get("/unlisted", headers={"Authorization": f"Basic {KEYS[Role.ADMIN]}"})
    assert "an API key is needed here" in refused.json()["error"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEPLOYER])
async def test_a_role_that_is_too_small_is_told_which_one_is_needed(http: httpx.AsyncClient, role: Role) -> None:
    refused = await http.get("/unlisted", headers=shown(role))
    assert (refused.status_code, refused.json()["code"]) == (403, "role_too_small")
    assert refused.json()["error"] == f"the API key 'the-{role}' has the role {role}, and this needs admin"


@pytest.mark.parametrize("header", [{"X-API-KEY": ""}, {"Authorization": "Bearer"}])
async def test_an_empty_key_is_none(http: httpx.AsyncClient, header: dict[str, str]) -> None:
    assert (await http.get("/unlisted", headers=header)).status_code == 401


@pytest.mark.parametrize(
    "header", [("X-API-KEY", "{}"), ("Authorization", "Bearer {}"), ("authorization", "bearer {}")]
)
async def test_the_key_comes_in_either_header(http: httpx.AsyncClient, header: tuple[str, str]) -> None:
    name, value = header
    served = await http.get("/unlisted", headers={name: value.format(KEYS[Role.ADMIN])})
    assert (served.status_code, served.json()) == (200, {"secret": 42})


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health", "/api/v1/health"])
async def test_what_is_public_asks_for_no_key(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 200
