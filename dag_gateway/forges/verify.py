"""From what a request says of itself to an app, an environment and a proven job."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol, Self

from dag_gateway.config import AppSettings, Config, EnvironmentSettings, GitlabSettings, StaticSettings
from dag_gateway.errors import Invalid, NotFound, Unverified
from dag_gateway.model.identity import JobIdentity, UnverifiedJob, normal_repo_url

from .claims import check_form
from .environments import select_environment
from .gitlab import GitlabForge
from .static import StaticForge


class AppNotFound(NotFound):
    """No app of the configuration has this repository."""

    code = "app_not_found"


class RefNotProtected(Unverified):
    """The environment takes protected refs only, and the job's is not proven to be one."""

    code = "ref_not_protected"


class Forge(Protocol):
    """Whoever can tell what a job is."""

    async def verify(self, job: UnverifiedJob, app: AppSettings) -> JobIdentity:
        """The job as the forge knows it, bound to the app's repository. Raises Unverified or ForgeUnavailable."""
        ...

    async def is_protected(self, job: UnverifiedJob, identity: JobIdentity) -> bool | None:
        """Whether the job's ref is protected; None when the forge can not tell. Raises like ``verify``."""
        ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Verified:
    """A proven job, and where it may deploy to."""

    app: str
    environment: str
    settings: EnvironmentSettings
    identity: JobIdentity


class Verifier:
    """All forges and apps of the configuration; an async context manager that closes its connections."""

    def __init__(self, config: Config) -> None:
        self._apps = {app.repo_url: (name, app) for name, app in config.apps.items()}
        self._forges = {name: _forge(name, settings) for name, settings in config.forges.items()}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with AsyncExitStack() as stack:
            for forge in self._forges.values():
                stack.push_async_callback(forge.aclose)

    async def verify(self, job: UnverifiedJob, environment: str | None) -> Verified:
        """``environment`` is the one the request names, or None.

        Raises Invalid (a malformed field, or several environments and none named), NotFound (no such app or
        environment), Unverified (a rule is broken), ForgeUnavailable (the forge could not be asked).
        """
        check_form(job)
        app_name, app = self._app(job.repo_url)
        forge = self._forges[app.forge]
        identity = await forge.verify(job, app)
        name, settings = select_environment(app_name, app, identity, environment)
        if settings.protected is not False:
            identity = replace(identity, protected=await forge.is_protected(job, identity))
            _require_protected(name, settings, identity)
        return Verified(app_name, name, settings, identity)

    def _app(self, repo_url: str) -> tuple[str, AppSettings]:
        try:
            url = normal_repo_url(repo_url)
        except ValueError:
            # Neither quoted nor chained: CI variables with such URLs carry credentials in them.
            raise Invalid("repoUrl is not a repository URL such as https://gitlab.example.com/group/project") from None
        if url not in self._apps:
            raise AppNotFound(f"no app is configured for the repository {url[:200]!r}")
        return self._apps[url]


def _forge(name: str, settings: GitlabSettings | StaticSettings) -> Forge:
    return GitlabForge(name, settings) if isinstance(settings, GitlabSettings) else StaticForge(name, settings)


def _require_protected(environment: str, settings: EnvironmentSettings, identity: JobIdentity) -> None:
    ref = f"{identity.ref_kind} {identity.ref!r}"
    if identity.protected is False:
        raise RefNotProtected(
            f"{ref} is not protected at forge {identity.forge!r}, and environment {environment!r} takes protected refs "
            "only; protect it there, or set protected: false"
        )
    if identity.protected is None and settings.protected:
        raise RefNotProtected(
            f"environment {environment!r} has protected: true, but forge {identity.forge!r} can not tell whether {ref} "
            "is protected; set protected: false or leave it out"
        )
