"""A forge is asked over https only when its certificate is good."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from dag_gateway.clock import SystemClock
from dag_gateway.forges.answer import ForgeUnavailable
from dag_gateway.forges.fetch import ForgeClient
from dag_gateway.forges.keys import IssuerKeys
from tests.fakes.oidc_issuer import DISCOVERY, JWKS, oidc_issuer
from tests.fakes.tls_authority import local_tls

ASK = """
import asyncio, sys
from dag_gateway.clock import SystemClock
from dag_gateway.forges.fetch import ForgeClient
from dag_gateway.forges.issuer import gitlab_issuer
from dag_gateway.forges.keys import IssuerKeys

async def main(url):
    client = ForgeClient("forge", url, 60)
    print((await IssuerKeys(gitlab_issuer("forge", url, "x"), client, SystemClock()).key("first")).algorithm)
    await client.aclose()

asyncio.run(main(sys.argv[1]))
"""


async def test_an_issuer_whose_certificate_nobody_signed_is_not_believed(tmp_path: Path) -> None:
    tls, _ = local_tls(tmp_path)
    async with oidc_issuer(tls=tls) as issuer:
        client = ForgeClient("forge", issuer.url, 60)
        refused = r"are not known: forge 'forge' can not be reached \(ClientConnectorCertificateError\)$"
        with pytest.raises(ForgeUnavailable, match=refused):
            await IssuerKeys(issuer.settings(), client, SystemClock()).key("first")
        await client.aclose()
    assert issuer.requests == []


async def test_a_private_authority_is_given_in_the_environment(tmp_path: Path) -> None:
    tls, authority = local_tls(tmp_path)
    environment = {**os.environ, "SSL_CERT_FILE": str(authority)}
    async with oidc_issuer(tls=tls) as issuer:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ASK, issuer.url), env=environment, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await process.communicate()
    assert (told, process.returncode, issuer.requests) == (b"RS256\n", 0, [DISCOVERY, JWKS])
