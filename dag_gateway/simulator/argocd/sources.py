"""What an Application asks for: its sources at their commits, rendered as Argo CD renders them."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from dag_gateway.charts import pack
from dag_gateway.helm import Helm
from dag_gateway.iac.bare import read_folder, tip
from dag_gateway.model.reason import StepFailed
from dag_gateway.simulator.helm_actions import metadata_of
from dag_gateway.simulator.kinds import Object
from dag_gateway.simulator.patches import merge_patch
from dag_gateway.simulator.yaml_folder import NotYaml, objects_in

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HEAD = "main"
"""What ``HEAD`` means in the repositories of the simulation."""


class NoManifests(Exception):
    """The sources can not be rendered; the text is what the condition ComparisonError says."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The state that an Application asks for. ``revisions``: the commit of every source, in order."""

    revisions: tuple[str, ...]
    objects: tuple[Object, ...]
    hooks: tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class _Checkout:
    source: Object
    path: Path
    commit: str

    @property
    def ref(self) -> str:
        """The name by which value files of other sources name this one; empty when they can not."""
        return str(self.source.get("ref", ""))


def sources_of(application: Object) -> list[Object]:
    """``spec.sources`` when there are any, else the one ``spec.source``."""
    spec = application["spec"]
    sources: list[Object] = spec.get("sources") or ([spec["source"]] if spec.get("source") else [])
    return sources


def is_multi_source(application: Object) -> bool:
    """Whether revisions are told in a list."""
    return bool(application["spec"].get("sources"))


async def wanted_by(application: Object, helm: Helm) -> Wanted:
    """Read the tips and render every source that has manifests. Raises ``NoManifests``."""
    checkouts = [await asyncio.to_thread(_checkout, source) for source in sources_of(application)]
    objects: list[Object] = []
    hooks: list[Object] = []
    for number, checkout in enumerate(checkouts, start=1):
        if "path" not in checkout.source:
            continue  # a source that only lends its files
        try:
            rendered = await _rendered(application, checkout, checkouts, helm)
        except (NoManifests, NotYaml, StepFailed) as error:
            where = f"source {number} of {len(checkouts)}"
            raise NoManifests(
                f"Failed to load target state: failed to generate manifest for {where}:"
                f" rpc error: code = Unknown desc = {error}"
            ) from error
        objects += rendered[0]
        hooks += rendered[1]
    return Wanted(tuple(checkout.commit for checkout in checkouts), tuple(objects), tuple(hooks))


def _checkout(source: Object) -> _Checkout:
    path, revision = Path(source["repoURL"].removeprefix("file://")), source.get("targetRevision", "HEAD")
    if "chart" in source:
        raise NoManifests(f"chart repositories are not simulated: {source['repoURL']}")
    if _COMMIT.fullmatch(revision):
        return _Checkout(source, path, revision)
    commit = tip(path, _HEAD if revision == "HEAD" else revision) if path.is_dir() else None
    if commit is None:
        raise NoManifests(f"Failed to load target state: unable to resolve '{revision}' to a commit SHA")
    return _Checkout(source, path, commit)


async def _rendered(
    application: Object, checkout: _Checkout, others: Sequence[_Checkout], helm: Helm
) -> tuple[Sequence[Object], Sequence[Object]]:
    """Objects and hooks of one source."""
    files = await asyncio.to_thread(_files, checkout, str(checkout.source["path"]))
    if files is None:
        raise NoManifests(f"{checkout.source['path']}: app path does not exist")
    if "Chart.yaml" not in files:
        return objects_in(files), ()
    options = checkout.source.get("helm") or {}
    values = await asyncio.to_thread(_values, options, files, {found.ref: found for found in others if found.ref})
    rendered = await helm.render(
        pack(metadata_of(files)["name"], files),
        release=options.get("releaseName") or application["metadata"]["name"],
        namespace=application["spec"]["destination"].get("namespace", "default"),
        values=values,
    )
    return rendered.objects, rendered.hooks


def _values(options: Object, files: Mapping[str, bytes], refs: Mapping[str, _Checkout]) -> Object:
    """``valueFiles`` in their order, ``$ref/`` ones from other sources, then ``valuesObject`` over them."""
    values: Object = {}
    for name in options.get("valueFiles") or []:
        ref, _, path = name.removeprefix("$").partition("/")
        content = _lent(refs, ref, path) if name.startswith("$") else files.get(name)
        if content is None:
            raise NoManifests(f"{name}: no such file or directory")
        values = merge_patch(values, yaml.safe_load(content) or {})
    merged: Object = merge_patch(values, options.get("valuesObject") or {})
    return merged


def _lent(refs: Mapping[str, _Checkout], ref: str, path: str) -> bytes | None:
    """A file in a folder of another source; those at the top of a repository are not simulated."""
    folder, _, name = path.rpartition("/")
    found = _files(refs[ref], folder) if ref in refs and folder else None
    return (found or {}).get(name)


def _files(checkout: _Checkout, folder: str) -> Mapping[str, bytes] | None:
    found = read_folder(checkout.path, checkout.commit, folder.strip("./"))
    return found.files if found else None
