"""The settings of the gateway: frozen models, and the loader that reports every problem at once.

Belongs here: what the config file may say, with the meaning, unit and default of each key. The environment is read
here (and in ``cli``) and nowhere else.
"""

from .load import BadConfig, Problem, load, parse
from .settings import (
    AppSettings,
    AuthorSettings,
    ClusterSettings,
    Config,
    DatabaseSettings,
    EnvironmentSettings,
    ForgeSettings,
    GitlabSettings,
    LimitSettings,
    PatienceSettings,
    RepositorySettings,
    ResourceSettings,
    ServerSettings,
    StaticSettings,
    StaticToken,
    TargetSettings,
)
from .ssh_url import SshAddress, SshRemote

__all__ = [
    "AppSettings",
    "AuthorSettings",
    "BadConfig",
    "ClusterSettings",
    "Config",
    "DatabaseSettings",
    "EnvironmentSettings",
    "ForgeSettings",
    "GitlabSettings",
    "LimitSettings",
    "PatienceSettings",
    "Problem",
    "RepositorySettings",
    "ResourceSettings",
    "ServerSettings",
    "SshAddress",
    "SshRemote",
    "StaticSettings",
    "StaticToken",
    "TargetSettings",
    "load",
    "parse",
]
