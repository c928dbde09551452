"""The ID token of an Actions job, asked from its runner.

https://docs.github.com/actions/reference/security/oidc#methods-for-requesting-the-oidc-token
"""

import json

import httpx

from .ci import IdTokenRequest
from .exits import WrongUsage
from .transport import http_client, read_body

_TIMEOUT = httpx.Timeout(30)
_LARGEST_ANSWER = 64 * 1024
_WAY_OUT = "give the job 'permissions: id-token: write' (Forgejo: 'enable-openid-connect: true'), or set DAG_JOB_TOKEN"


async def fetch_id_token(request: IdTokenRequest, audience: str) -> str:
    """An ID token for ``audience``. Raises WrongUsage: without a token there is nothing to ask the gateway with."""
    headers = {"Authorization": f"Bearer {request.bearer}", "Accept": "application/json"}
    try:
        url = httpx.URL(request.url).copy_set_param("audience", audience)
        async with http_client(_TIMEOUT) as http, http.stream("GET", url, headers=headers) as response:
            body = await read_body(response, _LARGEST_ANSWER)
    except (httpx.RequestError, httpx.InvalidURL) as error:
        problem = str(error) or type(error).__name__
        raise WrongUsage(f"--job-token: the runner gives no ID token: {problem}; {_WAY_OUT}") from error
    return token_in(response.status_code, body)


def token_in(status: int, body: bytes) -> str:
    """The token in the runner's answer. Raises WrongUsage; the answer itself is never quoted."""
    if status != 200:
        raise WrongUsage(f"--job-token: the runner gives no ID token: HTTP {status}; {_WAY_OUT}")
    try:
        token = json.loads(body)["value"]
    except (ValueError, KeyError, TypeError, RecursionError):
        token = None
    if not isinstance(token, str) or not token:
        raise WrongUsage(f"--job-token: the runner's answer has no ID token in 'value'; {_WAY_OUT}")
    return token
