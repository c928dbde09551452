"""The rules of ``Chart.yaml`` (Helm 4, ``pkg/chart/v2/metadata.go`` and ``pkg/chart/v2/lint/rules/chartfile.go``)."""

import re
from typing import Any

from dag_gateway.model.chart import Metadata

from .dependencies import check_dependencies
from .refusal import InvalidChart, shown
from .yaml_json import read_mapping

_LONGEST_FILE = 256 * 1024
_LONGEST_NAME = 250
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_NUMBER = r"(?:0|[1-9][0-9]*)"
_PRERELEASE = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
# Helm takes a leading v and fewer than three numbers, too (Masterminds/semver, NewVersion).
_VERSION = re.compile(
    rf"v?{_NUMBER}(?:\.{_NUMBER}){{0,2}}(?:-{_PRERELEASE}(?:\.{_PRERELEASE})*)?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)


def parse_metadata(chart_yaml: bytes) -> Metadata:
    """What the gateway uses of ``Chart.yaml``; InvalidChart names the key and the rule that it breaks."""
    return metadata_of(read_chart_yaml(chart_yaml))


def metadata_of(document: dict[str, Any]) -> Metadata:
    """The same of a ``Chart.yaml`` that was read already."""
    api_version = _api_version(document)
    _check_type(document, api_version)
    check_dependencies(document, api_version)
    return Metadata(
        name=_name(document), version=_version(document), api_version=api_version, app_version=_app_version(document)
    )


def read_chart_yaml(chart_yaml: bytes) -> dict[str, Any]:
    """``Chart.yaml`` as it is written; InvalidChart when it is no YAML, too long, or has a key twice."""
    if len(chart_yaml) > _LONGEST_FILE:
        raise InvalidChart(f"Chart.yaml has {len(chart_yaml)} bytes, at most {_LONGEST_FILE} are read")
    return read_mapping(chart_yaml, "Chart.yaml", InvalidChart, unique_keys=True)


def _api_version(document: dict[str, Any]) -> str:
    match document.get("apiVersion"):
        case "v1" | "v2" as known:
            return str(known)
        case None:
            raise InvalidChart("Chart.yaml: apiVersion is missing; write `apiVersion: v2`")
        case other:
            raise InvalidChart(f"Chart.yaml: apiVersion is {_said(other)}; it is v1 or v2")


def _name(document: dict[str, Any]) -> str:
    name = document.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidChart("Chart.yaml: name is missing, or not a string")
    if name in (".", "..") or not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise InvalidChart(
            f"Chart.yaml: name is {_said(name)}; it has letters, digits, '.', '_' and '-' only, "
            f"at most {_LONGEST_NAME} of them"
        )
    return name


def _version(document: dict[str, Any]) -> str:
    match document.get("version"):
        case None:
            raise InvalidChart("Chart.yaml: version is missing; write a line such as `version: 1.2.3`")
        case str() as version if _VERSION.fullmatch(version):
            return version
        case str() as version:
            raise InvalidChart(f"Chart.yaml: version is {_said(version)}; it is SemVer such as 1.2.3")
        case other:
            raise InvalidChart(f"Chart.yaml: version is {_said(other)}, not a string; write it in quotes")


def _app_version(document: dict[str, Any]) -> str:
    value = document.get("appVersion")
    return "" if value is None else str(value)


def _check_type(document: dict[str, Any], api_version: str) -> None:
    match document.get("type"):
        case None | "":
            return
        case str() if api_version == "v1":
            raise InvalidChart("Chart.yaml: type is a key of apiVersion v2; this chart says v1")
        case "application":
            return
        case "library":
            raise InvalidChart("Chart.yaml: type is library; a library chart is used by other charts, not deployed")
        case other:
            raise InvalidChart(f"Chart.yaml: type is {_said(other)}; it is application")


def _said(value: Any) -> str:
    return shown(value if isinstance(value, str) else str(value))
