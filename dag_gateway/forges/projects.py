"""Which project of its forge an app is: as configured, or as it was when its first job was proven."""

from typing import Protocol

from dag_gateway.config import AppSettings
from dag_gateway.errors import Unverified
from dag_gateway.model.identity import SourceProject

from .proof import Proof


class ProjectChanged(Unverified):
    """At the app's URL there is another project than before."""

    code = "project_changed"


class Pins(Protocol):
    """Where the projects of apps are kept, once they are known."""

    async def find(self, source: SourceProject) -> str | None:
        """The forge's id of the project; None as long as it is not known."""
        ...

    async def pin(self, source: SourceProject, project_id: str, *, replace: bool = False) -> str:
        """Keep the project, unless one is kept already and ``replace`` is not set; the id that stands after that."""
        ...


async def bind_project(app_name: str, app: AppSettings, proof: Proof, pins: Pins) -> None:
    """Make sure that the job runs in the project of the app. Raises Unverified.

    Ids survive renames, and a path can be taken over by another project. So the path only counts until the first job
    has told the id, or where the forge has no ids.
    """
    source = SourceProject(app_name, app.forge, app.repo_url)
    if app.project_id is not None:
        _require(configured_refusal(app, proof))
    elif (pinned := await pins.find(source)) is not None:
        _require_same(app_name, app, pinned, proof)
    else:
        _require(path_refusal(app, proof))
    if proof.project_id is not None:
        standing = await pins.pin(source, proof.project_id, replace=app.project_id is not None)
        _require_same(app_name, app, standing, proof)


def configured_refusal(app: AppSettings, proof: Proof) -> str | None:
    """What is wrong with the project of the job, where the configuration names one; None: nothing."""
    if proof.project_id == app.project_id:
        return None
    if proof.project_id is None:
        return f"forge {app.forge!r} does not tell the ids of its projects; the app needs to be without project_id"
    return (
        f"the job runs in project {proof.project_id} of forge {app.forge!r} ({proof.repo_url}), "
        f"not in project {app.project_id}, which {app.repo_url} is"
    )


def path_refusal(app: AppSettings, proof: Proof) -> str | None:
    """What is wrong with the place of the project, as long as its id is not known; None: nothing."""
    if proof.repo_url == app.repo_url:
        return None
    return (
        f"the job runs in {proof.repo_url or 'a project without a known address'}, not in {app.repo_url}; "
        "if the project was renamed, the app needs its new repo_url or its project_id"
    )


def _require(refusal: str | None) -> None:
    if refusal is not None:
        raise Unverified(refusal)


def _require_same(app_name: str, app: AppSettings, pinned: str, proof: Proof) -> None:
    if proof.project_id == pinned:
        return
    if proof.project_id is None:
        raise ProjectChanged(
            f"app {app_name!r} is project {pinned} of forge {app.forge!r} since its first job, and the forge no longer "
            "tells the ids of its projects"
        )
    raise ProjectChanged(
        f"app {app_name!r} is project {pinned} of forge {app.forge!r} since its first job, but this one runs in "
        f"project {proof.project_id} ({proof.repo_url}); if that is right, set its project_id to {proof.project_id}"
    )
