"""The HTTP door: the URL table, the request limits, the event streams, one shape for errors."""
