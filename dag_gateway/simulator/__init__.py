"""A small forge and a small Kubernetes with rollout controllers, over real HTTP.

For ``dag demo`` and the tests. Nothing else in the package may import it.
"""
