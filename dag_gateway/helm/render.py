"""One chart through real Helm, inside of a worker: load, schema, render, lint."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import helm_python as helm

from dag_gateway.model.reason import Reason, StepFailed

from .frames import LONGEST_ANSWER
from .manifest import TOO_DEEP, Document, Object, Rendered, broken_rule, documents, flat, is_hook
from .rules import broken_chart_rule
from .sandbox import no_new_files
from .unpack import unpacked, without_paths

_LONGEST_MESSAGE = 2000
_LINT_WARNING, _LINT_ERROR = 2, 3
_REASONS: dict[type[helm.HelmError], Reason] = {
    helm.HelmInvalidArgError: Reason.INVALID_CHART,
    helm.HelmChartLoadError: Reason.INVALID_CHART,
    helm.HelmChartInvalidError: Reason.INVALID_CHART,
    helm.HelmValuesError: Reason.INVALID_CHART,
}


def render(archive: bytes, request: Mapping[str, Any]) -> Rendered:
    """``request`` holds ``release``, ``namespace``, ``values``, ``revision`` and ``lint``.

    Raises StepFailed in Helm's words, OSError where the working folder has no room for the chart.

    Nothing is read but ``archive``: what a schema refers to outside of it, in a file or over the network, is not.
    """
    values = request["values"]
    with _in_our_words(), _loaded(archive, request["lint"]) as chart, no_new_files():
        helm.validate_release_name(request["release"])
        files = chart.render(values, name=request["release"], namespace=request["namespace"], **_action(request))
        crds = {crd["filename"]: crd["data"] for crd in chart.crds}
    if sum(map(len, files.values())) > LONGEST_ANSWER:
        raise _failed(Reason.RENDER_FAILED, f"the templates render to more than {LONGEST_ANSWER} bytes")
    rendered = _rendered(files, crds)
    warnings = _lint(archive, values, request["namespace"]) if request["lint"] else ()
    return Rendered(rendered.objects, rendered.hooks, rendered.manifest, warnings)


def _loaded(archive: bytes, check: bool) -> helm.Chart:
    with unpacked(archive) as folder:
        chart = helm.Chart.load(folder)
        rule = broken_chart_rule(chart, folder) if check else None
    if rule:
        chart.close()
        raise _failed(Reason.INVALID_CHART, rule)
    return chart


def _action(request: Mapping[str, Any]) -> dict[str, Any]:
    """The first revision of a release is an installation, the later ones are upgrades."""
    revision = request["revision"]
    return {"revision": revision, "is_install": revision == 1, "is_upgrade": revision > 1}


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except helm.HelmError as error:
        reason = _REASONS.get(type(error), Reason.RENDER_FAILED)
        outside = re.search(r'failing loading ("[^"]*")', str(error))
        if outside:
            message = f"the values schema refers to {outside[1]}; only what is inside of the schema file is followed"
            raise StepFailed(reason, message) from error
        raise _failed(reason, str(error)) from error


def _failed(reason: Reason, message: str) -> StepFailed:
    return StepFailed(reason, message.strip()[:_LONGEST_MESSAGE])


def _rendered(files: Mapping[str, str], crds: Mapping[str, str]) -> Rendered:
    objects = [found for document in documents(crds) for found in _objects(document)]
    hooks: list[Object] = []
    manifest = ""
    for document in documents(files):
        found = _objects(document)
        is_plain = [one for one in found if not is_hook(one)]
        hooks += [one for one in found if is_hook(one)]
        objects += is_plain
        manifest += str(document) if is_plain else ""
    return Rendered(tuple(objects), tuple(hooks), manifest)


def _objects(document: Document) -> list[Object]:
    """Parsed by Helm's own parser. A document of comments alone has no objects."""
    try:
        parsed = helm.values_from_yaml(document.text)
    except helm.HelmError as error:
        raise _failed(Reason.RENDER_FAILED, f"{document.source} does not render to YAML objects: {error}") from error
    except RecursionError:
        raise _not_objects(document, TOO_DEEP) from None
    found = list(flat(parsed)) if parsed else []
    rule = next((rule for rule in map(broken_rule, found) if rule), None)
    if rule:
        raise _not_objects(document, rule)
    return found


def _not_objects(document: Document, rule: str) -> StepFailed:
    return _failed(Reason.RENDER_FAILED, f"{document.source} does not render to Kubernetes objects: {rule}")


def _lint(archive: bytes, values: Mapping[str, Any], namespace: str) -> tuple[str, ...]:
    """The warnings. The schema was checked already, without files."""
    with _in_our_words(), unpacked(archive) as folder:
        report = helm.lint(folder, dict(values), namespace=namespace, skip_schema_validation=True)
    errors = _findings(report, _LINT_ERROR) or tuple(map(without_paths, report["errors"]))
    if errors:
        raise _failed(Reason.INVALID_CHART, "helm lint: " + "; ".join(errors))
    return _findings(report, _LINT_WARNING)


def _findings(report: Mapping[str, Any], severity: int) -> tuple[str, ...]:
    found = (message for message in report["messages"] if message["severity"] == severity)
    return tuple(without_paths(f"{message['path']}: {message['error']}") for message in found)
