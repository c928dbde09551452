"""The HTTP side of the simulated Kubernetes API: requests to registry calls, changes to watch streams."""
