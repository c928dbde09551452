"""What can go wrong on the way to a cluster, in words that name the cluster and never hold a credential."""

from dag_gateway.errors import GatewayError, Unavailable
from dag_gateway.model.reason import Reason, StepFailed

from .resources import Selection


class ClusterUnreachable(Unavailable):
    """The API server does not answer, or answers that it can not now. Trying again makes sense."""

    code = "cluster_unreachable"


class ClusterMisconfigured(StepFailed):
    """Waiting does not mend it: credentials, certificates, permissions, or a kind that is not installed."""

    code = "cluster_misconfigured"

    def __init__(self, message: str) -> None:
        super().__init__(Reason.CONFIG_ERROR, message)


class AccessDenied(ClusterMisconfigured):
    """The account of the gateway lacks a permission; the message is the rule to add."""

    code = "cluster_access_denied"


class Forbidden(AccessDenied):
    """403: the account is known, and may not do this."""

    code = "cluster_forbidden"


class VersionExpired(GatewayError):
    """The API server no longer has the history after that resource version (410): list again."""

    code = "cluster_version_expired"


def unreachable(cluster: str, cause: object) -> ClusterUnreachable:
    """``cause`` is an exception, named by its type where it says nothing, or words."""
    return ClusterUnreachable(f"cluster {cluster} does not answer: {str(cause)[:300] or type(cause).__name__}")


def refused(cluster: str, verb: str, selection: Selection) -> Forbidden:
    """Says which rule is missing, ready to be copied into a Role, or a ClusterRole where it is of the whole cluster."""
    resource = selection.resource
    plural = f"{resource.plural}/log" if verb == "get logs" else resource.plural
    verbs = {"list": '["list", "watch"]', "get logs": '["get"]'}.get(verb, f'["{verb}"]')
    where, role = (
        (f"namespace {selection.namespace}", "Role there") if selection.namespace else ("all namespaces", "ClusterRole")
    )
    return Forbidden(
        f"cluster {cluster} does not let the gateway {verb} {resource.plural} in {where};"
        f' add to its {role}: apiGroups: ["{resource.group}"], resources: ["{plural}"], verbs: {verbs}'
    )


def unauthenticated(cluster: str) -> AccessDenied:
    return AccessDenied(
        f"cluster {cluster} does not accept the gateway's credentials (401); renew the token or the kubeconfig"
    )


def not_served(cluster: str, selection: Selection) -> ClusterMisconfigured:
    resource = selection.resource
    return ClusterMisconfigured(
        f"cluster {cluster} does not know {resource.kind} ({resource.api_version}); install what provides it"
        " (for Flux: `flux install`), or use another tracker for this target"
    )
