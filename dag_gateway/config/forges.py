"""The section ``forges``: who vouches for CI jobs, one model per kind."""

from typing import Annotated, Literal

from pydantic import Field

from .section import Settings
from .units import RepoUrl, Seconds, Sha256

ForgeUrl = Annotated[str, Field(pattern=r"^https?://[^/@?#\s]+(/[^@?#\s]*)?$", max_length=200)]

Audience = Annotated[str, Field(min_length=1, max_length=500)]
"""For whom an ID token was made: the claim ``aud``, character by character."""


class _Asked(Settings):
    """What all forges share that are asked over HTTP."""

    timeout: Seconds = 10.0
    """For one request to the forge."""
    issuer: ForgeUrl | None = None
    """The claim ``iss`` of its ID tokens. None: what follows from ``url``."""


class GitlabSettings(_Asked):
    """A GitLab whose CI job tokens are accepted, and its ID tokens where it has an audience."""

    kind: Literal["gitlab"]
    url: ForgeUrl
    """How the gateway reaches it. A private CA is given with the variable SSL_CERT_FILE."""
    audience: Audience | None = None
    """None: its ID tokens are not accepted."""


class GithubSettings(_Asked):
    """github.com, an enterprise with data residency, or a GitHub Enterprise Server, whose ID tokens are accepted."""

    kind: Literal["github"]
    url: ForgeUrl = "https://github.com"
    audience: Audience


class ForgejoSettings(_Asked):
    """A Forgejo whose ID tokens are accepted."""

    kind: Literal["forgejo"]
    url: ForgeUrl
    audience: Audience


class StaticToken(Settings):
    """One shared token per app and branch."""

    sha256: Sha256
    """Of the token: ``printf %s TOKEN | sha256sum``."""
    repo_url: RepoUrl
    branch: str


class StaticSettings(Settings):
    """No forge at all: whoever knows the token is the app. The weakest kind."""

    kind: Literal["static"]
    tokens: tuple[StaticToken, ...] = Field(min_length=1)


ForgeSettings = Annotated[
    GitlabSettings | GithubSettings | ForgejoSettings | StaticSettings, Field(discriminator="kind")
]
