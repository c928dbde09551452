"""The uploads of `bench.accept`: a chart of 50 KiB, each of its own job."""

import itertools
import random
from collections.abc import Callable, Iterator
from functools import cache

from dag_gateway.charts import pack
from tests.fakes.door import form, upload
from tests.fakes.forge_claims import gitlab_claims
from tests.fakes.id_tokens import id_token
from tests.fakes.oidc_issuer import OidcIssuer
from tests.fakes.world import chart_files

from .instant_forge import token_of

# Characters of hexadecimal noise, which make a .tgz of 50 KiB.
_NOISE = 88_000


def by_job_token(repository: str) -> Iterator[bytes]:
    """Without end; the forge has to be asked for every one."""
    return _uploads(repository, token_of)


def by_id_token(repository: str, issuer: OidcIssuer) -> Iterator[bytes]:
    """Without end; the signature proves who asks."""
    return _uploads(repository, lambda job: id_token(issuer, gitlab_claims(job_id=str(job))))


def _uploads(repository: str, token: Callable[[int], str]) -> Iterator[bytes]:
    for number in itertools.count(1):
        job = {"repoUrl": repository, "jobId": str(number), "jobToken": token(number)}
        yield upload(form(job | {"version": f"1.0.{number}"}, _chart()))


@cache
def _chart() -> bytes:
    noise = random.Random(5).randbytes(_NOISE // 2).hex()
    return pack("web", chart_files() | {"files/data.txt": noise.encode()})
