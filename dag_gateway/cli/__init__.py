"""The ``dag`` command. The client commands need only the base install; server commands import on use."""
