"""Clusters: what really runs, watched, judged by pure rules and told in plain words.

The only place that knows the Kubernetes client. Pure functions (``rules``, ``workloads``, ``flux``, ``helm_release``,
``diagnose``) judge plain objects; ``api`` and ``watch`` are the thin edge, and all who look share its ``informers``; a
``Rollout`` per tracker says what to watch and what it proves; ``follower`` puts it all together.
"""

from .errors import AccessDenied, ClusterMisconfigured, ClusterUnreachable
from .subset import agreed
from .tracker import Clusters

__all__ = ["AccessDenied", "ClusterMisconfigured", "ClusterUnreachable", "Clusters", "agreed"]
