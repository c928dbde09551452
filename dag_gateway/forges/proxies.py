"""Which proxy of the environment a forge is asked through."""

from urllib.request import getproxies, proxy_bypass

from yarl import URL

_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


def proxy_for(url: URL) -> str | None:
    """None: asked directly, as NO_PROXY says.

    A proxy is for the outside world; it can not reach what listens on this machine.
    """
    host = url.host or ""
    if host in _THIS_MACHINE or proxy_bypass(host):
        return None
    proxies = getproxies()
    return proxies.get(url.scheme) or proxies.get("all")
