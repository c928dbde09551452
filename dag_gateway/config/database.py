"""Where deployments are kept, as the config file says it."""

import re
from typing import Self

from pydantic import Field, model_validator

from .section import Settings

# Stricter than RFC 3986, so that no part of a password is ever taken for a host or a port, which errors name.
_ENCODED = r"(?:[^\s/?#@:%\[\]]|%[0-9A-Fa-f]{2})+"
_HOST = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?"
_USER = rf"{_ENCODED}(?::{_ENCODED})?@"
_POSTGRESQL = re.compile(rf"postgresql://(?:{_USER})?(?:{_HOST}(?:,{_HOST})*)?/{_ENCODED}(?:\?[^\s#]*)?")


class DatabaseSettings(Settings):
    """Where deployments are kept."""

    url: str = Field(default="sqlite:///gateway.db", repr=False)
    """``sqlite:///relative.db``, ``sqlite:////absolute.db`` or ``postgresql://user:password@host:port/database``."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.url == "sqlite:///":
            raise ValueError("the database URL names no file: sqlite:///relative.db or sqlite:////absolute.db")
        if self.url.startswith("sqlite:///"):
            return self
        if not self.url.startswith("postgresql://"):
            raise ValueError("the database URL starts with sqlite:/// or postgresql://")
        if not _POSTGRESQL.fullmatch(self.url):
            raise ValueError(
                "the database URL reads postgresql://user:password@host:port/database, with spaces and / ? # @ : % [ ] "
                "in user and password percent-encoded"
            )
        return self
