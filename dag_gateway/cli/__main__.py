"""``python -m dag_gateway.cli`` is ``dag``."""

from .main import main

main()
