"""The settings of the gateway: frozen models, and the loader that reports every problem at once.

Belongs here: what the config file may say, with the meaning, unit and default of each key. The environment is read
here (and in ``cli``) and nowhere else.
"""

from .auth import AuthSettings, KeySettings
from .database import DatabaseSettings
from .forges import ForgejoSettings, ForgeSettings, GithubSettings, GitlabSettings, StaticSettings, StaticToken
from .limits import LimitSettings
from .load import BadConfig, Problem, load, parse
from .retention import RetentionSettings
from .settings import (
    AppSettings,
    AuthorSettings,
    ClusterSettings,
    Config,
    EnvironmentSettings,
    PatienceSettings,
    RepositorySettings,
    ResourceSettings,
    ServerSettings,
    TargetSettings,
)
from .ssh_url import SshAddress, SshRemote

__all__ = [
    "AppSettings",
    "AuthSettings",
    "AuthorSettings",
    "BadConfig",
    "ClusterSettings",
    "Config",
    "DatabaseSettings",
    "EnvironmentSettings",
    "ForgeSettings",
    "ForgejoSettings",
    "GithubSettings",
    "GitlabSettings",
    "KeySettings",
    "LimitSettings",
    "PatienceSettings",
    "Problem",
    "RepositorySettings",
    "ResourceSettings",
    "RetentionSettings",
    "ServerSettings",
    "SshAddress",
    "SshRemote",
    "StaticSettings",
    "StaticToken",
    "TargetSettings",
    "load",
    "parse",
]
