"""How a simulated container behaves, chosen by its image tag or by an annotation of its pod.

The tag is the behaviour, or ends with a dash and the behaviour: ``shop/web:crash``, ``shop/web:1.4.2-crash``.
The annotation ``simulator.dag-gateway/behaviour`` on the pod template overrides the tags of all its containers, and
``simulator.dag-gateway/log`` is what they print before they fail.

=================  ====================================================================================
``ok``             anything else: starts, becomes ready; in a Job it ends with exit code 0
``slow``           becomes ready only after 20 simulated seconds
``never-ready``    runs, but its readiness probe fails; in a Job it never ends
``crash``          exits with code 1 a second after every start: CrashLoopBackOff
``crash-once``     exits with code 1 the first time, then ``ok``
``oom``            killed for its memory (137, OOMKilled) after every start
``missing``        the image cannot be pulled: ErrImagePull, ImagePullBackOff
``flaky-pull``     the first pull fails, the second succeeds
``invalid-image``  the image name cannot be parsed: InvalidImageName
``bad-config``     it names a ConfigMap that is not there: CreateContainerConfigError
``unschedulable``  no node takes the pod
=================  ====================================================================================
"""

from dataclasses import dataclass
from enum import StrEnum

from .kinds import Object

BEHAVIOUR_ANNOTATION = "simulator.dag-gateway/behaviour"
LOG_ANNOTATION = "simulator.dag-gateway/log"


class Behaviour(StrEnum):
    """A row of the table above."""

    OK = "ok"
    SLOW = "slow"
    NEVER_READY = "never-ready"
    CRASH = "crash"
    CRASH_ONCE = "crash-once"
    OOM = "oom"
    MISSING = "missing"
    FLAKY_PULL = "flaky-pull"
    INVALID_IMAGE = "invalid-image"
    BAD_CONFIG = "bad-config"
    UNSCHEDULABLE = "unschedulable"


@dataclass(frozen=True, slots=True)
class Script:
    """What a container does: its behaviour, the lines it prints on failing, and whether it is meant to end."""

    behaviour: Behaviour
    log: tuple[str, ...]
    ends: bool
    restart_policy: str


def script_of(pod: Object, container: Object, *, init: bool = False) -> Script:
    """The script of one container of a pod."""
    policy = pod["spec"]["restartPolicy"]
    behaviour = _behaviour(pod, container["image"])
    text = _annotations(pod).get(LOG_ANNOTATION) or f"{container['name']}: simulated failure: {behaviour}"
    return Script(behaviour, tuple(text.splitlines()), init or policy != "Always", policy)


def unschedulable(pod: Object) -> bool:
    """Whether no node takes the pod."""
    return any(
        _behaviour(pod, container["image"]) is Behaviour.UNSCHEDULABLE for container in pod["spec"]["containers"]
    )


def of_image(image: str) -> Behaviour:
    """The behaviour that a tag asks for; the longest match counts, so ``crash-once`` is not ``once``."""
    tag = image.rsplit("/", 1)[-1].partition(":")[2].partition("@")[0]
    matching = [word for word in Behaviour if tag == word or tag.endswith(f"-{word}")]
    return max(matching, key=len, default=Behaviour.OK)


def _behaviour(pod: Object, image: str) -> Behaviour:
    chosen = _annotations(pod).get(BEHAVIOUR_ANNOTATION)
    return Behaviour(chosen) if chosen in list(Behaviour) else of_image(image)


def _annotations(pod: Object) -> dict[str, str]:
    annotations: dict[str, str] = pod["metadata"].get("annotations") or {}
    return annotations
