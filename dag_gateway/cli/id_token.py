"""The ID token of an Actions job, asked from its runner.

https://docs.github.com/actions/reference/security/oidc#methods-for-requesting-the-oidc-token
"""

import json
from collections.abc import Callable

import httpx

from dag_gateway.clock import Clock

from .answers import Answer
from .ci import IdTokenRequest
from .exits import OutcomeUnknown, WrongUsage
from .transport import http_client, read_body
from .tries import Tries

_TIMEOUT = httpx.Timeout(30)
_LARGEST_ANSWER = 64 * 1024
_WAY_OUT = "give the job 'permissions: id-token: write' (Forgejo: 'enable-openid-connect: true'), or set DAG_JOB_TOKEN"


async def fetch_id_token(request: IdTokenRequest, audience: str, clock: Clock, note: Callable[[str], None]) -> str:
    """An ID token for ``audience``; ``note`` is told of every try that failed.

    Raises WrongUsage when the runner has none for this job, OutcomeUnknown when it is in trouble itself.
    """
    url, headers = _url(request, audience), _headers(request)
    async with http_client(_TIMEOUT) as http:
        return token_in(await Tries("the runner", clock, note, _described).answer(lambda: _ask(http, url, headers)))


def token_in(answer: Answer) -> str:
    """The token in the runner's answer. Raises WrongUsage and OutcomeUnknown; the answer itself is never quoted."""
    if answer.passing:
        raise OutcomeUnknown(f"--job-token: the runner gives no ID token: {_described(answer)}")
    if answer.status != 200:
        raise WrongUsage(f"--job-token: the runner gives no ID token: {_described(answer)}; {_WAY_OUT}")
    try:
        token = json.loads(answer.body)["value"]
    except (ValueError, KeyError, TypeError, RecursionError):
        token = None
    if not isinstance(token, str) or not token:
        raise WrongUsage(f"--job-token: the runner's answer has no ID token in 'value'; {_WAY_OUT}")
    return token


def _url(request: IdTokenRequest, audience: str) -> httpx.URL:
    try:
        url = httpx.URL(request.url).copy_set_param("audience", audience)
    except httpx.InvalidURL as error:
        raise WrongUsage(f"--job-token: ACTIONS_ID_TOKEN_REQUEST_URL is not a URL: {error}; {_WAY_OUT}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise WrongUsage(f"--job-token: ACTIONS_ID_TOKEN_REQUEST_URL is not an http(s) URL; {_WAY_OUT}")
    return url


def _headers(request: IdTokenRequest) -> dict[str, str]:
    # httpx would quote what no header can carry.
    if not (request.bearer.isascii() and request.bearer.isprintable()):
        raise WrongUsage(f"--job-token: ACTIONS_ID_TOKEN_REQUEST_TOKEN is not one line of ASCII; {_WAY_OUT}")
    return {"Authorization": f"Bearer {request.bearer}", "Accept": "application/json"}


async def _ask(http: httpx.AsyncClient, url: httpx.URL, headers: dict[str, str]) -> Answer:
    async with http.stream("GET", url, headers=headers) as response:
        return Answer(response.status_code, response.headers, await read_body(response, _LARGEST_ANSWER))


def _described(answer: Answer) -> str:
    return f"HTTP {answer.status}"
