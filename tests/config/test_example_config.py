"""The example that ships with the project is a config that works."""

from pathlib import Path

from dag_gateway.config import load

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"


def test_the_example_is_valid() -> None:
    config = load(EXAMPLE, {"DAG_IAC_PASSWORD": "secret", "DAG_STAGING_TOKEN": "secret"})
    targets = config.apps["shop-web"].environments["production"].target_list()
    assert [(t.id, t.resource_namespace, t.timeout, t.nudge) for t in targets] == [
        ("production/shop/shop-web", "flux-system", 300.0, True)
    ]


def test_secrets_do_not_print() -> None:
    config = load(EXAMPLE, {"DAG_IAC_PASSWORD": "hunter2", "DAG_STAGING_TOKEN": "hunter2"})
    assert "hunter2" not in repr(config)
    assert "hunter2" not in config.model_dump_json()
