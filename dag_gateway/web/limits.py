"""The limits of the config in the words of ``charts``."""

from dag_gateway.charts import Limits
from dag_gateway.config import Config


def chart_limits(config: Config) -> Limits:
    limits = config.server.limits
    return Limits(unpacked=limits.unpacked, file=limits.file, entries=limits.entries)
