"""What one key of the file says of another: names that must exist, places that must not be written twice.

Works on plain data, so that it finds its problems even when other keys are wrong.
"""

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from dag_gateway.model.identity import normal_repo_url

from .document import Path
from .ssh_url import read_ssh_url

Finding = tuple[Path, str]


def check_references(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Dangling names, two apps of one repository URL, two environments on the same or nested paths, a key twice."""
    yield from _dangling(data)
    yield from _twice_the_repository(data)
    yield from _same_path(data)
    yield from _same_target(data)
    yield from _same_key(data)
    yield from _never_told(data)


def _dangling(data: Mapping[str, Any]) -> Iterator[Finding]:
    for app, settings in _items(data.get("apps")):
        yield from _named(data, "forges", settings.get("forge"), ("apps", app, "forge"))
        for environment, place in _items(settings.get("environments")):
            here = ("apps", app, "environments", environment)
            yield from _named(data, "repositories", place.get("repository"), (*here, "repository"))
            for index, target in enumerate(_list(place.get("targets"))):
                yield from _named(data, "clusters", target.get("cluster"), (*here, "targets", index, "cluster"))


def _named(data: Mapping[str, Any], section: str, name: object, path: Path) -> Iterator[Finding]:
    known = data.get(section)
    word = _word(name)
    if word is not None and isinstance(known, Mapping) and word not in known:
        listed = ", ".join(sorted(map(str, known))) or "nothing"
        yield path, f"{word!r} is not among the {section} ({listed})"


def _twice_the_repository(data: Mapping[str, Any]) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for app, settings in _items(data.get("apps")):
        url = _normal(settings.get("repo_url"))
        if url is not None and seen.setdefault(url, app) != app:
            yield (
                ("apps", app, "repo_url"),
                f"the app {seen[url]!r} already has this repository; one app per repository",
            )


def _normal(url: object) -> str | None:
    try:
        return normal_repo_url(url) if isinstance(url, str) else None
    except ValueError:
        return None


def _same_path(data: Mapping[str, Any]) -> Iterator[Finding]:
    taken: list[tuple[Tree, tuple[str, ...], str]] = []
    repositories = dict(_items(data.get("repositories")))
    for app, environment, place in _environments(data):
        path = _word(place.get("path"))
        if path is None:
            continue
        tree, parts = _tree(place, repositories), tuple(path.split("/"))
        for other_tree, other_parts, owner in taken:
            if tree == other_tree and _nested(parts, other_parts):
                message = (
                    f"{path!r} is also written by {owner} (path {'/'.join(other_parts)!r}); give each its own folder"
                )
                yield ("apps", app, "environments", environment, "path"), message
        taken.append((tree, parts, f"apps.{app}.environments.{environment}"))


Tree = tuple[object, str | None]
"""What says that two environments write to one branch: of one repository, and its name; None: the remote's HEAD."""


def _tree(place: Mapping[str, Any], repositories: Mapping[str, Mapping[str, Any]]) -> Tree:
    name = _word(place.get("repository"))
    repository = repositories.get(name or "", {})
    branch = _word(place.get("repository_branch")) or _word(repository.get("branch"))
    return _remote(repository.get("url")) or name, branch


def _remote(url: object) -> object:
    """Equal for two spellings of one url; None when it is no url."""
    try:
        address = read_ssh_url(url) if isinstance(url, str) else None
    except ValueError:
        return None
    if address:
        return address.user, address.host.lower(), address.port, address.path.rstrip("/").removesuffix(".git")
    return _normal(url) or (posixpath.normpath(url) if isinstance(url, str) else None)


def _nested(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _same_target(data: Mapping[str, Any]) -> Iterator[Finding]:
    for app, environment, place in _environments(data):
        seen: set[tuple[str | None, ...]] = set()
        for index, target in enumerate(_list(place.get("targets"))):
            release = _word(target.get("release")) or (_word(place.get("path")) or "").rpartition("/")[2]
            key = (_word(target.get("cluster")), _word(target.get("namespace")), release)
            if None not in key and key in seen:
                path = ("apps", app, "environments", environment, "targets", index)
                yield path, "the same cluster, namespace and release stand here twice"
            seen.add(key)


def _same_key(data: Mapping[str, Any]) -> Iterator[Finding]:
    auth = data.get("auth")
    keys = _list(auth.get("keys")) if isinstance(auth, Mapping) else []
    for part, why in _KEY_PARTS.items():
        seen: dict[str, int] = {}
        for index, key in enumerate(keys):
            first = seen.setdefault(str(key.get(part, index)), index)
            if first != index:
                yield ("auth", "keys", index, part), f"auth.keys.{first} has it too; {why}"


_KEY_PARTS = {
    "name": "each key needs a name of its own, so that the audit log tells them apart",
    "sha256": "one key has one name and one role",
}


_NOT_TOLD = {
    ("static", "project_id"): "has no project ids",
    ("static", "ci_environment"): "knows nothing of a job",
    ("static", "job_workflow_ref"): "knows nothing of a job",
    ("forgejo", "ci_environment"): "has no environments",
    ("gitlab", "ci_environment"): "says it in ID tokens only, for which it needs an audience",
    ("gitlab", "job_workflow_ref"): "says it in ID tokens only, for which it needs an audience",
}
"""By the kind of the forge; a GitLab with an audience tells all of it."""


def _never_told(data: Mapping[str, Any]) -> Iterator[Finding]:
    """What a forge would have to say of a job and never does, so that no job could ever deploy."""
    forges = dict(_items(data.get("forges")))
    for app, settings in _items(data.get("apps")):
        forge = forges.get(str(settings.get("forge")), {})
        yield from _asked_in_vain(forge, settings, ("apps", app))
        for environment, place in _items(settings.get("environments")):
            yield from _asked_in_vain(forge, place, ("apps", app, "environments", environment))


def _asked_in_vain(forge: Mapping[str, Any], settings: Mapping[str, Any], path: Path) -> Iterator[Finding]:
    kind = forge.get("kind")
    if kind == "gitlab" and forge.get("audience"):
        return
    for (silent, key), why in _NOT_TOLD.items():
        if silent == kind and settings.get(key):
            yield (*path, key), f"a forge of the kind {kind} {why}"


def _environments(data: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for app, settings in _items(data.get("apps")):
        for environment, place in _items(settings.get("environments")):
            yield app, environment, place


def _items(section: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(section, Mapping):
        for name, settings in section.items():
            if isinstance(settings, Mapping):
                yield str(name), settings


def _word(value: object) -> str | None:
    """What the settings make of a word or a number; None for what is neither."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def _list(section: object) -> list[Mapping[str, Any]]:
    return [item for item in section if isinstance(item, Mapping)] if isinstance(section, list) else []
