"""From what a request says of itself to an app, an environment and a proven job."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from dag_gateway.clock import Clock
from dag_gateway.config import AppSettings, Config, EnvironmentSettings
from dag_gateway.errors import Invalid, NotFound, Unverified
from dag_gateway.model.identity import JobIdentity, TokenUse, UnverifiedJob, normal_repo_url

from .environments import check_ci_rules, select_environment
from .forge import open_forge
from .projects import Pins, bind_project
from .proof import Witness, check_form


class AppNotFound(NotFound):
    """No app of the configuration has this repository."""

    code = "app_not_found"


class RefNotProtected(Unverified):
    """The environment takes protected refs only, and the job's is not proven to be one."""

    code = "ref_not_protected"


@dataclass(frozen=True, slots=True)
class Verified:
    """A proven job, and where it may deploy to. ``token_use`` is None where it was proven without an ID token."""

    app: str
    environment: str
    settings: EnvironmentSettings
    identity: JobIdentity
    token_use: TokenUse | None = None


class Verifier:
    """All forges and apps of the configuration; an async context manager that closes its connections."""

    def __init__(self, config: Config, pins: Pins, clock: Clock) -> None:
        self._apps = {app.repo_url: (name, app) for name, app in config.apps.items()}
        self._forges = {name: open_forge(name, settings, clock) for name, settings in config.forges.items()}
        self._pins = pins

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
        environment), Unverified (a rule is broken), ForgeUnavailable (the forge could not be asked), and what the pins
        raise when they can not be read.
        """
        check_form(job)
        app_name, app = self._app(job.repo_url)
        witness, proof = await self._forges[app.forge].verify(job, app)
        await bind_project(app_name, app, proof, self._pins)
        name, settings = select_environment(app_name, app, proof.identity, environment)
        check_ci_rules(name, settings, proof)
        identity = proof.identity
        if settings.protected is not False:
            identity = await _with_protection(witness, job, identity)
            _require_protected(name, settings, identity)
        return Verified(app_name, name, settings, identity, proof.use)

    def _app(self, repo_url: str) -> tuple[str, AppSettings]:
        try:
            url = normal_repo_url(repo_url)
        except ValueError:
            # Neither quoted nor chained: CI variables with such URLs carry credentials in them.
            raise Invalid("repoUrl is not a repository URL such as https://gitlab.example.com/group/project") from None
        if url not in self._apps:
            raise AppNotFound(f"no app is configured for the repository {url[:200]!r}")
        return self._apps[url]


async def _with_protection(witness: Witness, job: UnverifiedJob, identity: JobIdentity) -> JobIdentity:
    """The identity with what the forge says of its ref; it is asked only where the token did not say it."""
    if identity.protected is not None:
        return identity
    return replace(identity, protected=await witness.is_protected(job, identity))


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
