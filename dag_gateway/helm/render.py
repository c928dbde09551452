"""One chart through real Helm, inside of a worker: load, schema, render, lint."""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import helm_python as helm

from dag_gateway.model.reason import Reason, StepFailed

from .frames import LONGEST_ANSWER
from .manifest import TOO_DEEP, Document, Object, Rendered, broken_rule, documents, flat, is_hook
from .sandbox import no_new_files

_LONGEST_MESSAGE = 2000
_LINT_WARNING, _LINT_ERROR = 2, 3
_LINTED = Path("chart.tgz")
# Helm 4, pkg/lint: os.MkdirTemp("", "helm-lint").
_UNPACKED = "helm-lint"
_REASONS: dict[type[helm.HelmError], Reason] = {
    helm.HelmInvalidArgError: Reason.INVALID_CHART,
    helm.HelmChartLoadError: Reason.INVALID_CHART,
    helm.HelmChartInvalidError: Reason.INVALID_CHART,
    helm.HelmValuesError: Reason.INVALID_CHART,
}


def render(archive: bytes, request: Mapping[str, Any]) -> Rendered:
    """``request`` holds ``release``, ``namespace``, ``values``, ``revision`` and ``lint``.

    Raises StepFailed in Helm's words.

    Nothing is read but ``archive``: what a schema refers to outside of it, in a file or over the network, is not.
    """
    values = request["values"]
    with no_new_files(), _in_our_words(), helm.Chart.load_archive(archive) as chart:
        helm.validate_release_name(request["release"])
        files = chart.render(values, name=request["release"], namespace=request["namespace"], **_action(request))
        crds = {crd["filename"]: crd["data"] for crd in chart.crds}
    if sum(map(len, files.values())) > LONGEST_ANSWER:
        raise _failed(Reason.RENDER_FAILED, f"the templates render to more than {LONGEST_ANSWER} bytes")
    rendered = _rendered(files, crds)
    warnings = _lint(archive, values, request["namespace"]) if request["lint"] else ()
    return Rendered(rendered.objects, rendered.hooks, rendered.manifest, warnings)


def _action(request: Mapping[str, Any]) -> dict[str, Any]:
    """The first revision of a release is an installation, the later ones are upgrades."""
    revision = request["revision"]
    return {"revision": revision, "is_install": revision == 1, "is_upgrade": revision > 1}


def remove_leftovers() -> None:
    """What a lint that is ended half way leaves in the working folder."""
    _LINTED.unlink(missing_ok=True)
    for folder in Path().glob(f"{_UNPACKED}*"):
        shutil.rmtree(folder, ignore_errors=True)


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
    """The warnings. Helm unpacks the chart below TMPDIR for it; the schema was checked already, without files."""
    _LINTED.write_bytes(archive)
    try:
        with _in_our_words():
            report = helm.lint(_LINTED, dict(values), namespace=namespace, skip_schema_validation=True)
    finally:
        _LINTED.unlink()
    errors = _findings(report, _LINT_ERROR) or tuple(map(_without_paths, report["errors"]))
    if errors:
        raise _failed(Reason.INVALID_CHART, "helm lint: " + "; ".join(errors))
    return _findings(report, _LINT_WARNING)


def _findings(report: Mapping[str, Any], severity: int) -> tuple[str, ...]:
    found = (message for message in report["messages"] if message["severity"] == severity)
    return tuple(_without_paths(f"{message['path']}: {message['error']}") for message in found)


def _without_paths(text: str) -> str:
    return re.sub(rf"{re.escape(str(Path.cwd()))}/(?:{_UNPACKED}\d+/)?", "", text)
