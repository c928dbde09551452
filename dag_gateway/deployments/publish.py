"""Writing the chart into the IaC repository, under a version that stands for this content alone."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from dag_gateway.charts import parse_metadata, read_chart, stamp
from dag_gateway.errors import Invalid, Temporary
from dag_gateway.iac import Change, Edit, Folder, Published, commit_message
from dag_gateway.model.chart import Chart, chart_version
from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.reason import Reason, StepFailed

from .following import LAST_LOOK
from .journal import Journal
from .tools import Tools

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0

_KEPT = 256 * 1024
"""Bytes of a chart that waits in memory as it is. Hundreds may wait for a remote that is away, so a larger one waits as
the archive that it came in, and is unpacked for every push."""


async def publish(journal: Journal, tools: Tools) -> Deployment:
    """pushing -> pushed. Repeating it is safe: the writer finds its own commit by the deployment's id."""
    deployment = journal.deployment
    where = deployment.destination
    change = await _change(journal, tools)
    if (left := journal.seconds_left(deployment.deadline)) > 0:
        deadline = tools.clock.now() + timedelta(seconds=left)
        published = await tools.iac.publish(where.repository, where.branch, change, deadline=deadline)
    else:
        published = await _pushed_in_time(deployment, change, tools)
    return _pushed(deployment, published, tools)


async def _change(journal: Journal, tools: Tools) -> Change:
    deployment = journal.deployment
    archive = await tools.store.chart(deployment.number)
    chart = await asyncio.to_thread(read_chart, archive, tools.limits)
    versions = await _versions(deployment, chart, tools)
    size = sum(map(len, chart.files.values()))
    read: Callable[[], Chart] = (lambda: chart) if size <= _KEPT else partial(read_chart, archive, tools.limits)

    def build(folder: Folder | None) -> Edit:
        # Asked before every push: by then somebody else may have pushed it, and what came behind it.
        journal.check_lease()
        return edit(deployment, read(), versions, folder)

    return Change(deployment.id, deployment.destination.path, build, size)


async def _pushed_in_time(deployment: Deployment, change: Change, tools: Tools) -> Published:
    """A crash may have come between push and record: what is in the repository is told, however late it is.

    A remote that does not answer is asked again for ``LAST_LOOK``. Raises Temporary after that.
    """
    where, pause = deployment.destination, _FIRST_PAUSE
    give_up = tools.clock.monotonic() + LAST_LOOK
    while True:
        try:
            published = await tools.iac.find(where.repository, where.branch, change)
            break
        except Temporary:
            if tools.clock.monotonic() + pause > give_up:
                raise
        await tools.clock.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    if published is None:
        raise StepFailed(Reason.TIMEOUT, "not pushed: the deadline passed before the gateway came to it")
    return published


@dataclass(frozen=True, slots=True)
class Versions:
    """``plain`` is the version as it was asked for, ``unique`` the one that the content's digest makes its own.

    ``taken``: ``plain`` stands for something already. ``foreign``: that is other content, or nobody knows which.
    """

    plain: str
    unique: str
    taken: bool = False
    foreign: bool = False

    @property
    def ours(self) -> tuple[str, ...]:
        """The versions under which the content can be followed as it lies in the folder."""
        return (self.unique,) if self.foreign else (self.plain, self.unique)


async def _versions(deployment: Deployment, chart: Chart, tools: Tools) -> Versions:
    """What the deployments and the targets know of the version.

    What is live counts too: Flux compares version strings, so the string of something live, which need not be what
    the folder holds, would never roll out anything new. Somebody may also have changed the folder by hand since, under
    the version that went live: only what the gateway wrote itself is known to be what is live.
    """
    live = {s.baseline.chart_version for s in deployment.targets if s.baseline}
    plain = chart_version(deployment.version, chart.metadata.version, chart.digest)
    unique = chart_version(deployment.version, chart.metadata.version, chart.digest, taken={plain})
    other = await tools.store.means_other_content(deployment, plain)
    foreign = other or (plain in live and not await tools.store.means_this_content(deployment, plain))
    return Versions(plain, unique, taken=other or plain in live, foreign=foreign)


def edit(deployment: Deployment, chart: Chart, versions: Versions, folder: Folder | None) -> Edit:
    """What to write over ``folder``: the very same when the content is there already under a version that is ours.

    A link is no content of ours: Helm follows it, so its chart is another one.
    """
    files = folder.files if folder else {}
    for version in versions.ours if folder and folder.plain else ():
        if files == stamp(chart.files, version):
            return Edit(files, _message(deployment))
    taken = versions.taken or versions.plain in _version_of(files)
    return Edit(stamp(chart.files, versions.unique if taken else versions.plain), _message(deployment))


def _version_of(files: Mapping[str, bytes]) -> Collection[str]:
    """The version of the chart in the folder; nothing when there is no readable chart."""
    try:
        return {parse_metadata(files["Chart.yaml"]).version}
    except (KeyError, Invalid):
        return set()


def _message(deployment: Deployment) -> str:
    identity, where = deployment.identity, deployment.destination
    trailers = {
        "Repo": deployment.repo_url,
        "Branch": identity.ref,
        "Environment": deployment.environment,
        "Commit": identity.commit,
        "Job": identity.job_url or identity.job_id,
        "IaC-Target": where.path,
        "Deployment-Id": deployment.id,
    }
    return commit_message(deployment.app, deployment.version, trailers)


def _pushed(deployment: Deployment, published: Published, tools: Tools) -> Deployment:
    version = parse_metadata(published.folder.files["Chart.yaml"]).version
    what = "pushed" if published.changed else "the same content is there already:"
    return deployment.after(
        Status.PUSHED,
        f"{what} {published.commit[:12]} as chart version {version}",
        commit=published.commit,
        commit_url=tools.iac.commit_url(deployment.destination.repository, published.commit),
        chart_version=version,
    )
