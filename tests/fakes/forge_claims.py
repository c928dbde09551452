"""What the ID tokens of each forge say of a good job of ``shop/web`` on its protected branch main.

Names and shapes as the forges document them; a change that is None takes the claim away.
"""

from typing import Any

SHA = "ce1a5" + "0" * 35


def gitlab_claims(**changes: Any) -> dict[str, Any]:
    """Job 7 of project 12 (GitLab's ``doc/ci/secrets/id_token_authentication.md``)."""
    said: dict[str, Any] = {
        "sub": "project_path:shop/web:ref_type:branch:ref:main",
        "namespace_id": "72",
        "namespace_path": "shop",
        "project_id": "12",
        "project_path": "shop/web",
        "user_id": "1",
        "user_login": "ada",
        "user_email": "ada@example.com",
        "user_access_level": "developer",
        "job_project_id": "12",
        "job_project_path": "shop/web",
        "job_namespace_id": "72",
        "job_namespace_path": "shop",
        "pipeline_id": "70",
        "pipeline_source": "push",
        "job_id": "7",
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "runner_id": 1,
        "runner_environment": "self-hosted",
        "sha": SHA,
        "project_visibility": "private",
        "ci_config_ref_uri": "gitlab.example.com/shop/web//.gitlab-ci.yml@refs/heads/main",
        "ci_config_sha": SHA,
    }
    return _changed(said, changes)


def github_claims(**changes: Any) -> dict[str, Any]:
    """Run 7 of repository 12 (https://docs.github.com/en/actions/reference/security/oidc)."""
    said: dict[str, Any] = {
        "sub": "repo:shop@65/web@12:ref:refs/heads/main",
        "actor": "ada",
        "actor_id": "1",
        "base_ref": "",
        "event_name": "push",
        "head_ref": "",
        "job_workflow_ref": "shop/web/.github/workflows/deploy.yml@refs/heads/main",
        "job_workflow_sha": SHA,
        "ref": "refs/heads/main",
        "ref_protected": "true",
        "ref_type": "branch",
        "repository": "shop/web",
        "repository_id": "12",
        "repository_owner": "shop",
        "repository_owner_id": "65",
        "repository_visibility": "private",
        "run_attempt": "1",
        "run_id": "7",
        "run_number": "3",
        "runner_environment": "github-hosted",
        "sha": SHA,
        "workflow": "deploy",
        "workflow_ref": "shop/web/.github/workflows/deploy.yml@refs/heads/main",
        "workflow_sha": SHA,
        "check_run_id": "70",
    }
    return _changed(said, changes)


def forgejo_claims(**changes: Any) -> dict[str, Any]:
    """Run 7 of repository 12 (Forgejo's ``services/actions/auth.go``); there is no ``jti``."""
    said: dict[str, Any] = {
        "jti": None,
        "sub": "repo:shop-65/web-12:ref:refs/heads/main",
        "actor": "ada",
        "actor_id": "1",
        "base_ref": "",
        "event_name": "push",
        "head_ref": "",
        "ref": "refs/heads/main",
        "ref_protected": "true",
        "ref_type": "branch",
        "repository": "shop/web",
        "repository_id": "12",
        "repository_owner": "shop",
        "repository_owner_id": "65",
        "run_attempt": "1",
        "run_id": "7",
        "run_number": "3",
        "sha": SHA,
        "workflow": "deploy.yml",
        "workflow_ref": "shop/web/.forgejo/workflows/deploy.yml@refs/heads/main",
    }
    return _changed(said, changes)


def _changed(said: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in said.items() if changes.get(name, value) is not None or name == "jti"}
    return kept | {name: value for name, value in changes.items() if value is not None}
