"""A small Flux: GitRepository, HelmChart and HelmRelease, with the conditions and reasons of the real controllers.

Sources: the API documentation of source-controller (``docs/spec/v1``) and helm-controller (``docs/spec/v2``).
Fetching needs a bare repository on this machine; rendering is done by real Helm.
"""
