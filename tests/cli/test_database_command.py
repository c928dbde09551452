"""``dag db upgrade``: done, or one sentence that says why not."""

from pathlib import Path

import yaml
from typer.testing import CliRunner, Result

from dag_gateway.cli.main import app


def upgrade(folder: Path, url: str) -> Result:
    """Run the command with a small config."""
    target = {"cluster": "prod", "namespace": "shop", "tracker": "helm"}
    environment = {"branch": "main", "repository": "iac", "path": "prod/web", "targets": [target]}
    web = {"repo_url": "https://git.example.com/a/b", "forge": "git", "environments": {"prod": environment}}
    settings = {
        "database": {"url": url},
        "forges": {"git": {"kind": "gitlab", "url": "https://git.example.com"}},
        "repositories": {"iac": {"url": "/srv/iac.git"}},
        "clusters": {"prod": {"in_cluster": True}},
        "apps": {"web": web},
    }
    config = folder / "gateway.yaml"
    config.write_text(yaml.safe_dump(settings))
    return CliRunner().invoke(app, ["db", "upgrade", "--config", str(config)])


def test_a_new_database_is_brought_up_to_date(tmp_path: Path) -> None:
    done = upgrade(tmp_path, f"sqlite:///{tmp_path}/gateway.db")
    assert (done.exit_code, done.stdout) == (0, "the database is up to date\n")
    assert (tmp_path / "gateway.db").is_file()


def test_a_database_that_can_not_be_opened_is_told_in_one_sentence(tmp_path: Path) -> None:
    failed = upgrade(tmp_path, f"sqlite:///{tmp_path}/no/folder/gateway.db")
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert failed.stderr == "the database can not do it now: unable to open database file\n"
