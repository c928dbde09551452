"""Clusters: what really runs, watched, judged by pure rules and told in plain words.

The only place that knows the Kubernetes client. Pure functions (``rules``, ``workloads``, ``flux``, ``helm_release``,
``diagnose``) judge plain objects; ``api`` and ``watch`` are the thin edge; ``tracker`` puts both together.
"""
