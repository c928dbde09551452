"""Flux: whether the chain GitRepository, HelmChart, HelmRelease proves that our commit is what was released.

Rules over plain objects, from the Flux documentation (``spec/v1/gitrepositories.md``, ``spec/v1/helmcharts.md``,
``spec/v2/helmreleases.md``) and the source of helm-controller and source-controller.
"""

import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dag_gateway.model.health import Health, Verdict, failed, progressing
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Goal

from . import flux_kustomization, flux_release
from .objects import Object, condition, holds, moment, name, namespace, observed, spec, status, title, why

_SHORT_HASH = 12


@dataclass(frozen=True, slots=True)
class Chain:
    """The three objects that a commit passes through. None: not there, or not seen yet.

    ``kustomization`` is the one that applied the HelmRelease, where one did and it may be read.
    """

    git_repository: Object | None
    helm_chart: Object | None
    helm_release: Object | None
    kustomization: Object | None = None


def hash_of(revision: object) -> str | None:
    """The commit in ``main@sha1:<hex>``, ``sha1:<hex>`` or ``refs/...@sha1:<hex>``; None when there is none."""
    _, colon, digits = str(revision or "").rpartition(":")
    return digits if colon and digits else None


def source_hashes(chain: Chain) -> tuple[str, ...]:
    """The commits whose ancestry decides: of the fetched artifact, and of the chart's last build."""
    found = (_fetched(chain.git_repository), _built_from(chain.helm_chart))
    return tuple(digits for digits in found if digits)


def takes_from_git(release: Object) -> bool:
    return not spec(release).get("chartRef") and _source_ref(release).get("kind") == "GitRepository"


def obstacle(chain: Chain, path: str) -> Health | None:
    """Why this chain can never carry what is pushed to ``path``, known before it is pushed; None when it can."""
    release = chain.helm_release
    if release is None:
        return None
    mistake = _mistake(release, path)
    if mistake:
        return failed(Reason.CONFIG_ERROR, f"{title(release)} {mistake}")
    return _suspended(chain) or flux_kustomization.suspended(chain.kustomization, release)


def _mistake(release: Object, path: str) -> str | None:
    """With valuesFiles, source-controller replaces the build metadata of the version by the generation of the
    HelmChart (``internal/controller/helmchart_controller.go``), so that new content would look like the old."""
    if spec(release).get("chartRef"):
        return (
            "takes its chart from spec.chartRef, so a commit can not be followed to it;"
            " use spec.chart with a GitRepository as its sourceRef"
        )
    if not takes_from_git(release):
        return f"takes its chart from {_source_ref(release).get('kind', 'nothing')}, not from a GitRepository"
    folder = str(_chart_template(release).get("chart", ""))
    if _plain(folder) != _plain(path):
        return f"takes its chart from the folder {folder[:200]!r}, not from {path!r}; make path and spec.chart agree"
    if spec(release).get("kubeConfig"):
        return (
            "deploys to another cluster (spec.kubeConfig), whose pods can not be seen here;"
            " use the tracker helm at that cluster"
        )
    if _chart_template(release).get("valuesFiles") and _strategy(release) != "Revision":
        return (
            "has valuesFiles, with which Flux drops the part of the version that tells contents apart;"
            " set reconcileStrategy: Revision in spec.chart.spec"
        )
    return None


def judge(chain: Chain, goal: Goal, known_good: Collection[str]) -> Health:
    """How far our commit is on its way through the chain.

    ``known_good`` are the commits that are ours or descend from it. HEALTHY means: released by Helm as ours, and
    Ready for the current spec. The workloads are another question.
    """
    release = chain.helm_release
    if release is None:
        return progressing("the HelmRelease does not exist yet")

    def ours(version: object) -> bool:
        return is_ours(version, goal, known_good, chain)

    def may_be_ours(version: object) -> bool:
        return ours(version) or _may_be_ours(version, goal, chain)

    health = (
        obstacle(chain, goal.path)
        or flux_release.superseded(release, ours, may_be_ours, _revision_before(goal))
        or _fetching(chain.git_repository, goal, known_good)
        or _building(chain, goal, known_good)
        or flux_release.judge(release, ours)
    )
    if health.verdict is not Verdict.PROGRESSING:
        return health
    return progressing(health.message + flux_kustomization.trouble(chain.kustomization, release))


def is_ours(version: object, goal: Goal, known_good: Collection[str], chain: Chain) -> bool:
    """Whether a chart version as Flux reports it is the one that we wrote.

    With ``reconcileStrategy: Revision`` the build metadata is replaced by the first 12 digits of the commit, and
    ``.<generation>`` when there are valuesFiles (source-controller ``internal/helm/chart/builder_local.go``).
    """
    text = str(version or "")
    if _strategy(chain.helm_release or {}) != "Revision":
        return text == goal.chart_version
    number, _, metadata = text.partition("+")
    digits = metadata.split(".")[0]
    built_from_ours = len(digits) == _SHORT_HASH and any(good.startswith(digits) for good in known_good)
    return number == goal.chart_version.partition("+")[0] and built_from_ours


def _may_be_ours(version: object, goal: Goal, chain: Chain) -> bool:
    """With ``reconcileStrategy: Revision`` each commit of the repository makes another version of the same content, and
    of those that source and chart do not name any more nobody has asked whether ours is in them."""
    same_number = str(version or "").partition("+")[0] == goal.chart_version.partition("+")[0]
    return _strategy(chain.helm_release or {}) == "Revision" and same_number


def was_tried(chain: Chain, goal: Goal) -> bool:
    """Whether our content was the last that Helm has tried, with whatever result."""
    attempted = status(chain.helm_release or {}).get("lastAttemptedRevision")
    return is_ours(attempted, goal, (goal.commit,), chain)


def is_built(chain: Chain, goal: Goal) -> bool:
    """Whether the chart that Helm would try now is ours."""
    artifact = status(chain.helm_chart or {}).get("artifact") or {}
    return is_ours(artifact.get("revision"), goal, (goal.commit,), chain)


def attempted_since(chain: Chain, goal: Goal, known_good: Collection[str]) -> datetime | None:
    """Since when Flux can have been rolling our chart out, by the cluster's clock; None while it has not begun.

    The chart artifact with our version was built before Helm touched anything, and stays as it is afterwards.
    """
    artifact = status(chain.helm_chart or {}).get("artifact") or {}
    attempted = status(chain.helm_release or {}).get("lastAttemptedRevision")
    if not is_ours(attempted, goal, known_good, chain) or artifact.get("revision") != attempted:
        return None
    return moment(artifact.get("lastUpdateTime"))


def source_name(release: Object) -> tuple[str, str]:
    """Namespace and name of the GitRepository."""
    ref = _source_ref(release)
    return str(ref.get("namespace") or namespace(release)), str(ref.get("name", ""))


def chart_name(release: Object) -> tuple[str, str]:
    """Namespace and name of the HelmChart that belongs to the release."""
    known = str(status(release).get("helmChart") or "")
    if "/" in known:
        chart_namespace, _, chart = known.partition("/")
        return chart_namespace, chart
    return source_name(release)[0], f"{namespace(release)}-{name(release)}"


def workload_namespace(release: Object) -> str:
    return str(spec(release).get("targetNamespace") or namespace(release))


def _fetching(repository: Object | None, goal: Goal, known_good: Collection[str]) -> Health | None:
    """None once the artifact is our commit or a descendant of it."""
    if repository is None:
        return progressing("the GitRepository does not exist yet")
    if _fetched(repository) in known_good:
        return None
    if _is_stalled(repository):
        return failed(Reason.STALLED, f"{title(repository)} is stalled{why(condition(repository, 'Stalled'))}")
    # Where it is instead is not told: all who wait for it would have news at each of its fetches.
    return progressing(f"{title(repository)} waits for {goal.commit[:_SHORT_HASH]}{_trouble(repository)}")


def _building(chain: Chain, goal: Goal, known_good: Collection[str]) -> Health | None:
    """None once our chart was built from our commit."""
    chart = chain.helm_chart
    if chart is None:
        return progressing("the HelmChart does not exist yet")
    if _built_from(chart) not in known_good:
        return progressing(f"{title(chart)} was not built from our commit yet")
    if _is_stalled(chart):
        return failed(Reason.STALLED, f"{title(chart)} can not be built{why(condition(chart, 'Stalled'))}")
    version = (status(chart).get("artifact") or {}).get("revision")
    if is_ours(version, goal, known_good, chain):
        return None
    return progressing(
        f"{title(chart)} has version {version or 'none'}, waits for {goal.chart_version}{_trouble(chart)}"
    )


def _suspended(chain: Chain) -> Health | None:
    for part in (chain.helm_release, chain.git_repository, chain.helm_chart):
        if part is not None and spec(part).get("suspend"):
            return failed(Reason.SUSPENDED, f"{title(part)} is suspended; `flux resume` it and deploy again")
    return None


def _revision_before(goal: Goal) -> int | None:
    """The release revision before the push, 0 where there was no release; None where nobody looked."""
    return None if goal.baseline is None else goal.baseline.revision or 0


def _source_ref(release: Object) -> Mapping[str, Any]:
    return dict(_chart_template(release).get("sourceRef") or {})


def _strategy(release: Object) -> str:
    return str(_chart_template(release).get("reconcileStrategy") or "ChartVersion")


def _chart_template(release: Object) -> Mapping[str, Any]:
    return dict((spec(release).get("chart") or {}).get("spec") or {})


def _plain(folder: str) -> str:
    """The same folder in one spelling: relative to the root of the repository, as source-controller reads it."""
    return posixpath.normpath(f"/{folder}").lstrip("/")


def _fetched(repository: Object | None) -> str | None:
    return hash_of((status(repository or {}).get("artifact") or {}).get("revision"))


def _built_from(chart: Object | None) -> str | None:
    return hash_of(status(chart or {}).get("observedSourceArtifactRevision"))


def _is_stalled(obj: Object) -> bool:
    settled = observed(obj) and not holds(obj, "Reconciling") and not flux_release.awaits_a_look(obj)
    return holds(obj, "Stalled") and settled


def _trouble(obj: Object) -> str:
    """What the object complains of at the moment; it may mend itself."""
    ready = condition(obj, "Ready")
    return why(ready) if ready.get("status") == "False" else ""
