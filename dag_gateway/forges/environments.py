"""Which environment of an app a job may deploy to: the one whose branch or tag pattern takes the job's ref."""

from fnmatch import fnmatchcase

from dag_gateway.config import AppSettings, EnvironmentSettings
from dag_gateway.errors import Invalid, NotFound, Unverified
from dag_gateway.model.identity import JobIdentity, RefKind

from .proof import Proof


class EnvironmentNotFound(NotFound):
    """No environment takes the ref, or the one that was named does not."""

    code = "environment_not_found"


class AmbiguousEnvironment(Invalid):
    """Several environments take the ref, and none was named."""

    code = "ambiguous_environment"


def select_environment(
    app_name: str, app: AppSettings, identity: JobIdentity, named: str | None
) -> tuple[str, EnvironmentSettings]:
    """Name and settings of the environment. ``named`` is what the request asks for; None leaves it to the ref.

    Raises EnvironmentNotFound or AmbiguousEnvironment.
    """
    matching = [name for name, settings in app.environments.items() if takes(settings, identity)]
    if named is not None:
        if named not in matching:
            raise EnvironmentNotFound(_not_taken(app_name, app, identity, named))
        return named, app.environments[named]
    if not matching:
        raise EnvironmentNotFound(f"app {app_name!r} has no environment for {identity.ref_kind} {identity.ref!r}")
    if len(matching) > 1:
        raise AmbiguousEnvironment(
            f"{identity.ref_kind} {identity.ref!r} of app {app_name!r} goes to several environments; "
            f"name one of them in the field environment: {', '.join(matching)}",
            environments=matching,
        )
    return matching[0], app.environments[matching[0]]


def takes(settings: EnvironmentSettings, identity: JobIdentity) -> bool:
    """Whether the pattern matches the ref, case and all. A branch pattern never takes a tag, nor the other way round.

    ``*`` stands for any characters, ``/`` among them: ``release/*`` takes ``release/1.2`` and ``release/1/2``, but not
    ``release``. ``?`` and ``[...]`` are patterns too; git allows neither in the name of a ref.
    """
    pattern = settings.tag if identity.ref_kind is RefKind.TAG else settings.branch
    return pattern is not None and fnmatchcase(identity.ref, pattern)


def check_ci_rules(name: str, settings: EnvironmentSettings, proof: Proof) -> None:
    """What else the environment asks of a job: its own environment at the forge, and the file that defines it.

    Raises Unverified. A job whose token says nothing of it is refused too.
    """
    wanted = settings.ci_environment
    if wanted is not None and proof.ci_environment != wanted:
        raise Unverified(
            f"environment {name!r} takes jobs that deploy to the environment {wanted!r} of their forge, "
            f"and this one {_told(proof.ci_environment, 'deploys to')}"
        )
    patterns = settings.job_workflow_ref
    if patterns and not any(matches_workflow(pattern, proof.workflow or "") for pattern in patterns):
        raise Unverified(
            f"environment {name!r} takes jobs that are defined in {' or '.join(patterns)}, "
            f"and this one {_told(proof.workflow, 'is defined in')}"
        )


def matches_workflow(pattern: str, workflow: str) -> bool:
    """Both are like ``shop/web/.github/workflows/deploy.yml@refs/heads/main``; only the ref can be a pattern.

    What stands before the last ``@`` must be equal: the name of a branch can have an ``@`` and hide a file in it.
    """
    file, _, ref_pattern = pattern.rpartition("@")
    actual_file, _, ref = workflow.rpartition("@")
    return file == actual_file and fnmatchcase(ref, ref_pattern)


def _told(value: str | None, verb: str) -> str:
    return "does not say it; only some ID tokens do" if value is None else f"{verb} {value!r}"


def _not_taken(app_name: str, app: AppSettings, identity: JobIdentity, named: str) -> str:
    settings = app.environments.get(named)
    if settings is None:
        return f"app {app_name!r} has no environment {named[:100]!r}; it has: {', '.join(app.environments)}"
    wanted = f"tag {settings.tag!r}" if settings.branch is None else f"branch {settings.branch!r}"
    return f"environment {named!r} of app {app_name!r} takes {wanted}, not {identity.ref_kind} {identity.ref!r}"
