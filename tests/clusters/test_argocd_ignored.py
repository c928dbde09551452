from typing import Any

import pytest

from dag_gateway.clusters import argocd_ignored

REMEDY = "leave pod templates out of what it ignores"
RESTARTED = "kubectl.kubernetes.io/restartedAt"


def mistake(kind: str, **rule: list[str]) -> str | None:
    application: dict[str, Any] = {"spec": {"ignoreDifferences": [{"group": "apps", "kind": kind, **rule}]}}
    return argocd_ignored.mistake(application)


@pytest.mark.parametrize(
    ("kind", "pointer"),
    [
        ("Deployment", "/spec/template/spec/containers/0/image"),
        ("Deployment", "/spec/template"),
        ("Deployment", "/spec"),
        ("StatefulSet", "/"),
        ("CronJob", "/spec/jobTemplate/spec/template/spec/containers/0/image"),
        ("Pod", "/spec/containers/0/image"),
        ("*", "/spec/template/spec"),
        ("Deploy*", "/spec/template/metadata/annotations"),
    ],
)
def test_a_pointer_into_a_pod_template_hides_what_runs(kind: str, pointer: str) -> None:
    found = mistake(kind, jsonPointers=["/spec/replicas", pointer])

    assert found == (
        f"ignores differences of {kind} in {pointer!r} (spec.ignoreDifferences), so it can not tell whether the pods"
        f" run our content; {REMEDY}"
    )


@pytest.mark.parametrize(
    "expression",
    [
        ".spec.template.spec.containers[0].image",
        '.spec.template.spec.initContainers[] | select(.name == "injected, by a mesh").image',
        '.spec["template"]',
        '.spec."template".spec',
        ".spec?.template",
        ".spec | .template",
        ".[].template",
        ".spec",
        ".",
        "..",
        ".spec.replicas, .spec.template",
        ".metadata as $name | .spec.template",
        'getpath(["spec", "template"])',
    ],
)
def test_an_expression_into_a_pod_template_or_too_general_to_tell_hides_what_runs(expression: str) -> None:
    found = mistake("Deployment", jqPathExpressions=[".spec.replicas", expression])

    assert found is not None
    assert f"in {expression!r}" in found


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("Deployment", {"jsonPointers": ["/spec/replicas", "/metadata/annotations", "/spec/templates"]}),
        ("Deployment", {"jqPathExpressions": [".spec.replicas", '.metadata.annotations["example.com/a"]', ".status"]}),
        ("StatefulSet", {"jqPathExpressions": [".spec.volumeClaimTemplates[]?.spec | select(.a == 1).volumeMode"]}),
        ("Deployment", {"jsonPointers": ["/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt"]}),
        ("Deployment", {"jqPathExpressions": [f'.spec.template.metadata.annotations["{RESTARTED}"]']}),
        ("Deployment", {"managedFieldsManagers": ["kube-controller-manager"]}),
        ("Secret", {"jsonPointers": ["/"], "managedFieldsManagers": ["anybody"]}),
        ("MutatingWebhookConfiguration", {"jqPathExpressions": [".webhooks[]?.clientConfig.caBundle"]}),
    ],
)
def test_what_is_outside_of_pod_templates_may_be_ignored(kind: str, rule: dict[str, list[str]]) -> None:
    assert mistake(kind, **rule) is None


def test_what_another_manager_writes_may_be_the_template() -> None:
    found = mistake("Deployment", managedFieldsManagers=["kube-controller-manager", "kubectl-set"])

    assert found is not None
    assert "in 'fields of kubectl-set' (spec.ignoreDifferences)" in found


def test_an_application_that_ignores_nothing_has_no_such_mistake() -> None:
    assert argocd_ignored.mistake({"spec": {}}) is None
