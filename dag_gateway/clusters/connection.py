"""From the settings of a cluster to a connected API client: every bad file or certificate is told in plain words."""

import ssl
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import yaml
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from dag_gateway.config import ClusterSettings

from .errors import ClusterMisconfigured

_NO_LIMIT = 0
"""Of connections: each watch holds one for as long as it lives, and none may wait for another to end."""


async def connect(cluster: str, settings: ClusterSettings) -> ApiClient:
    """A client that the caller closes. Nothing is asked of the cluster yet. Raises ClusterMisconfigured."""
    configuration = Configuration()
    configuration.connection_pool_maxsize = _NO_LIMIT
    try:
        await _configure(configuration, settings)
        configuration.client_session_kwargs = {"trust_env": _is_proxied(configuration.host)}
        return ApiClient(configuration)
    except ConfigException as error:
        raise ClusterMisconfigured(f"cluster {cluster}: {str(error)[:300]}{_file(settings.kubeconfig)}") from error
    except (OSError, ssl.SSLError) as error:
        raise ClusterMisconfigured(
            f"cluster {cluster}: {_what(settings)} can not be read: {error.strerror or type(error).__name__}"
        ) from error
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError) as error:
        # The text of such an error may quote the file, which holds credentials.
        raise ClusterMisconfigured(
            f"cluster {cluster}: {_what(settings)} is not valid ({type(error).__name__})"
        ) from None


def _is_proxied(url: str) -> bool:
    """Whether the environment names a proxy for it. aiohttp would find out in two threads for each request, and look
    for another login in ``~/.netrc``."""
    address = urlsplit(url)
    return address.scheme in getproxies() and not proxy_bypass(address.hostname or "")


async def _configure(configuration: Configuration, settings: ClusterSettings) -> None:
    if settings.in_cluster:
        load_incluster_config(configuration)  # type: ignore[no-untyped-call]  # the client has no annotations here
    elif settings.kubeconfig is not None:
        await load_kube_config(  # type: ignore[no-untyped-call]  # as above
            config_file=str(settings.kubeconfig),
            context=settings.context,
            client_configuration=configuration,
            persist_config=False,
        )
    else:
        configuration.host = str(settings.server).rstrip("/")
        configuration.ssl_ca_cert = str(settings.ca_file) if settings.ca_file else None
        if settings.token is not None:
            configuration.api_key["BearerToken"] = f"Bearer {settings.token.get_secret_value()}"


def _what(settings: ClusterSettings) -> str:
    if settings.kubeconfig is not None:
        return f"the kubeconfig {settings.kubeconfig}, or a file that it names,"
    return f"ca_file {settings.ca_file}" if settings.ca_file else "its configuration"


def _file(kubeconfig: Path | None) -> str:
    return f" (kubeconfig {kubeconfig})" if kubeconfig else ""
