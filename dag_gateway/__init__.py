"""DAG Gateway: from a CI job to a proven rollout.

Four shelves, imports only go down: doors (``cli``, ``web``, ``dashboard``), stories (``deployments``),
abilities (``forges``, ``charts``, ``helm``, ``iac``, ``clusters``, ``store``), words (``config``, ``model``,
``clock``, ``errors``). Read ``model`` first, then ``deployments/pipeline.py``.
"""

__version__ = "0.1.0"
