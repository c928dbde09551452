"""Which pods are of the newest revision of their owner: only these tell how a rollout goes."""

from collections.abc import Iterable, Sequence

from .objects import Object, annotation, images, label, meta, observed, owned_by, spec, status

THROUGH_REPLICA_SETS = ("Deployment", "Rollout")
"""The kinds that run their pods through one ReplicaSet per revision."""

_REVISION = "deployment.kubernetes.io/revision"
_HASH = "controller-revision-hash"
_ROLLOUT_HASH = "rollouts-pod-template-hash"


def current_pods(owner: Object, replica_sets: Iterable[Object], pods: Iterable[Object]) -> tuple[Object, ...]:
    """The pods of the newest revision of ``owner``; none while its controller has not seen the newest spec."""
    if not observed(owner):
        return ()
    if owner.get("kind") == "Pod":
        return (owner,)
    if owner.get("kind") in THROUGH_REPLICA_SETS:
        newest = new_replica_set(owner, replica_sets)
        return owned(newest, pods) if newest else ()
    all_pods = owned(owner, pods)
    if owner.get("kind") == "ReplicaSet":
        return tuple(pod for pod in all_pods if _of_template(pod, owner))
    revision = _newest_revision(owner, all_pods)
    return tuple(pod for pod in all_pods if label(pod, _HASH) == revision)


def new_replica_set(owner: Object, replica_sets: Iterable[Object]) -> Object | None:
    """The one with the newest pod template of a Deployment or Rollout; None before there is one.

    Its revision is the Deployment's (``deployment.kubernetes.io/revision``), its hash is the Rollout's.
    """
    of_rollout = owner.get("kind") == "Rollout"
    wanted = str(status(owner).get("currentPodHash", "")) if of_rollout else annotation(owner, _REVISION)
    for candidate in replica_sets:
        told = label(candidate, _ROLLOUT_HASH) if of_rollout else annotation(candidate, _REVISION)
        if wanted and told == wanted and owned_by(candidate, owner):
            return candidate
    return None


def outdated_pods(replica_set: Object, pods: Iterable[Object]) -> tuple[Object, ...]:
    """The pods that still run other images than the template of a ReplicaSet: it replaces none by itself.

    Those that have ended or are being deleted do not count.
    """
    return tuple(pod for pod in owned(replica_set, pods) if not _is_over(pod) and not _of_template(pod, replica_set))


def _of_template(pod: Object, replica_set: Object) -> bool:
    """Whether each container of the template runs its image there; the cluster may have added others."""
    wanted = images((spec(replica_set).get("template") or {}).get("spec") or {})
    return wanted.items() <= images(spec(pod)).items()


def _is_over(pod: Object) -> bool:
    return bool(meta(pod).get("deletionTimestamp")) or status(pod).get("phase") in ("Succeeded", "Failed")


def owned(owner: Object, objects: Iterable[Object]) -> tuple[Object, ...]:
    return tuple(obj for obj in objects if owned_by(obj, owner))


def _newest_revision(owner: Object, pods: Sequence[Object]) -> str:
    """Of a StatefulSet as it says itself; of others that of the youngest pod, as each new pod has the newest template.

    Pods of a Job have no revision: all of them count.
    """
    if owner.get("kind") == "StatefulSet":
        return str(status(owner).get("updateRevision", ""))
    youngest = max(pods, key=lambda pod: str(meta(pod).get("creationTimestamp", "")), default=None)
    return label(youngest, _HASH) if youngest else ""
