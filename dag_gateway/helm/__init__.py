"""Real Helm, in worker processes that can be killed: lint, schema, render.

The only place that knows the Helm SDK. A Go runtime and hostile templates stay out of the gateway's own process.
"""

from .manifest import Rendered, images
from .pool import Helm

__all__ = ["Helm", "Rendered", "images"]
