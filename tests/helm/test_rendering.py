"""Charts go through real Helm: what comes out, and how it is said what is wrong."""

import socket

import pytest

from dag_gateway.helm.manifest import images
from dag_gateway.helm.pool import Helm
from dag_gateway.model.reason import Reason, StepFailed
from tests.fakes.helm_charts import CHART_YAML, CONFIG_MAP, chart, example

# One worker for all tests of the module: to start one takes a third of a second.
pytestmark = pytest.mark.asyncio(loop_scope="module")

HOOK = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: hook\n  annotations: {helm.sh/hook: pre-install}\n"
CRD = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: %s.example.com}\n"
DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"


async def failure(helm: Helm, archive: bytes) -> tuple[Reason, str]:
    with pytest.raises(StepFailed) as caught:
        await helm.check(archive, release="web", namespace="shop")
    return caught.value.reason, caught.value.message


async def test_the_example_chart_passes_every_check_and_becomes_its_objects(helm: Helm) -> None:
    rendered = await helm.check(example(), release="hello-web", namespace="shop")
    kinds = [found["kind"] for found in rendered.objects]
    assert kinds == ["ConfigMap", "Deployment", "Ingress", "Service", "ServiceAccount"]
    assert [found["kind"] for found in rendered.hooks] == ["Pod"]
    assert rendered.warnings == ()
    assert images(rendered.objects) == "hello-web -> nginx:1.27.0"
    assert rendered.objects[1]["spec"]["replicas"] == 2


async def test_values_switch_parts_of_the_example_chart(helm: Helm) -> None:
    values = {"autoscaling": {"enabled": True}, "ingress": {"enabled": False}, "serviceAccount": {"create": False}}
    rendered = await helm.check(example(), release="shop", namespace="shop", values=values)
    objects = {found["kind"]: found for found in rendered.objects}
    assert sorted(objects) == ["ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Service"]
    assert "replicas" not in objects["Deployment"]["spec"]
    assert objects["Deployment"]["metadata"]["name"] == "shop-hello-web"
    assert objects["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"] == "default"


async def test_the_example_chart_refuses_values_that_its_schema_does_not_allow(helm: Helm) -> None:
    with pytest.raises(StepFailed, match=r"hello-web:\n- at '/replicaCount': got string, want integer") as caught:
        await helm.check(example(), release="web", namespace="shop", values={"replicaCount": "two"})
    assert caught.value.reason is Reason.INVALID_CHART


async def test_objects_hooks_and_definitions_are_told_apart(helm: Helm) -> None:
    crds = f"# two of them\n---\n{CRD % 'a'}---\n{CRD % 'b'}"
    files = {"crds/all.yaml": crds, "templates/NOTES.txt": "Have fun\n", "templates/_parts.tpl": "nothing"}
    archive = chart(files, b=f"{CONFIG_MAP}---\n# nothing\n---\n{HOOK}", a=DEPLOYMENT, empty="{{ if false }}x{{ end }}")
    rendered = await helm.render(archive, release="web", namespace="shop")
    names = [found["metadata"]["name"] for found in rendered.objects]
    assert names == ["a.example.com", "b.example.com", "web", "one"]
    assert [found["metadata"]["name"] for found in rendered.hooks] == ["hook"]
    sources = [line for line in rendered.manifest.splitlines() if line.startswith("# Source:")]
    assert sources == ["# Source: demo/templates/a.yaml", "# Source: demo/templates/b.yaml"]
    assert "helm.sh/hook" not in rendered.manifest


async def test_a_list_is_taken_apart(helm: Helm) -> None:
    text = f"apiVersion: v1\nkind: List\nitems:\n- {{{DEPLOYMENT.replace(chr(10), ', ').rstrip(', ')}}}\n"
    rendered = await helm.render(chart(a=text), release="web", namespace="shop")
    assert [found["kind"] for found in rendered.objects] == ["Deployment"]


async def test_release_and_namespace_reach_the_templates(helm: Helm) -> None:
    text = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}\n"
    )
    rendered = await helm.render(chart(a=text), release="web", namespace="shop")
    assert rendered.objects[0]["metadata"] == {"name": "web", "namespace": "shop"}


@pytest.mark.parametrize(("revision", "told"), [(1, "1 true false"), (2, "2 false true")])
async def test_the_later_revisions_are_upgrades(helm: Helm, revision: int, told: str) -> None:
    action = "{{ with .Release }}{{ .Revision }} {{ .IsInstall }} {{ .IsUpgrade }}{{ end }}"
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{action: '{action}'}}\n"
    rendered = await helm.render(chart(a=text), release="web", namespace="shop", revision=revision)
    assert rendered.objects[0]["data"] == {"action": told}


async def test_what_lint_would_improve_is_handed_back(helm: Helm) -> None:
    short = CHART_YAML.decode().replace("1.0.0", "'1.0'")
    rendered = await helm.check(chart({"Chart.yaml": short}, a=CONFIG_MAP), release="web", namespace="shop")
    assert rendered.warnings == ("Chart.yaml: version '1.0' is not a valid SemVerV2",)


async def test_what_lint_says_has_no_local_paths(helm: Helm) -> None:
    undeclared = {"charts/redis/Chart.yaml": CHART_YAML.decode().replace("demo", "redis")}
    reason, message = await failure(helm, chart(undeclared, a=CONFIG_MAP))
    assert reason is Reason.INVALID_CHART
    assert message == "helm lint: demo: chart metadata is missing these dependencies: redis"


async def test_lint_errors_refuse_the_chart(helm: Helm) -> None:
    reason, message = await failure(helm, chart(a=DEPLOYMENT))
    assert reason is Reason.INVALID_CHART
    assert message.startswith("helm lint: templates/a.yaml: a Deployment must contain matchLabels")


async def test_rendering_alone_does_not_lint(helm: Helm) -> None:
    rendered = await helm.render(chart(a=DEPLOYMENT), release="web", namespace="shop")
    assert rendered.warnings == ()
    assert len(rendered.objects) == 1


async def test_values_that_break_the_schema_refuse_the_chart(helm: Helm) -> None:
    schema = '{"properties": {"port": {"type": "integer"}}, "required": ["host"]}'
    reason, message = await failure(helm, chart({"values.yaml": "port: x", "values.schema.json": schema}, a=CONFIG_MAP))
    assert reason is Reason.INVALID_CHART
    assert "at '': missing property 'host'" in message
    assert "at '/port': got string, want integer" in message


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"values.yaml": "a: ["}, "cannot load values.yaml"),
        (
            {"Chart.yaml": "apiVersion: v2\nname: a/b\nversion: 1.0.0\n"},
            'chart name "a/b" must not contain path separators',
        ),
        ({"values.schema.json": "{"}, "unexpected EOF"),
    ],
)
async def test_a_chart_that_does_not_load_is_refused(helm: Helm, files: dict[str, str], said: str) -> None:
    reason, message = await failure(helm, chart(files, a=CONFIG_MAP))
    assert reason is Reason.INVALID_CHART
    assert said in message


async def test_what_is_no_archive_is_refused(helm: Helm) -> None:
    assert (await failure(helm, b"no archive"))[0] is Reason.INVALID_CHART
    assert (await failure(helm, b""))[0] is Reason.INVALID_CHART


async def test_a_release_name_that_helm_does_not_take_is_refused(helm: Helm) -> None:
    with pytest.raises(StepFailed, match=r"invalid release name"):
        await helm.render(chart(a=CONFIG_MAP), release="Not_A_Name", namespace="shop")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ('{{ fail "not today" }}', "execution error at (demo/templates/a.yaml:1:3): not today"),
        ("{{ if }}", "parse error at (demo/templates/a.yaml:1): missing value for if"),
        ("{{ .Values.a.b.c }}", "nil pointer evaluating interface {}.b"),
        ('{{ include "no.such" . }}', 'no template "no.such"'),
        ('{{ env "HOME" }}', 'function "env" not defined'),
        ("a: b: c", "demo/templates/a.yaml does not render to YAML objects: error converting YAML to JSON"),
        ("- a", "demo/templates/a.yaml does not render to YAML objects: error unmarshaling JSON"),
        ("kind: Pod", "demo/templates/a.yaml does not render to Kubernetes objects: it has no apiVersion"),
        ("apiVersion: v1", "it has no kind"),
        ("apiVersion: v1\nkind: Pod", "it has no metadata.name"),
        ("apiVersion: v1\nkind: List\nitems: [x]", "it is not a mapping"),
    ],
)
async def test_a_template_that_does_not_render_is_refused_in_helms_words(helm: Helm, template: str, said: str) -> None:
    reason, message = await failure(helm, chart(a=template))
    assert reason is Reason.RENDER_FAILED
    assert said in message


async def test_a_long_message_is_cut(helm: Helm) -> None:
    reason, message = await failure(helm, chart(a=f'{{{{ fail "{"x" * 5000}" }}}}'))
    assert reason is Reason.RENDER_FAILED
    assert len(message) == 2000


async def test_a_huge_result_is_refused(helm: Helm) -> None:
    reason, message = await failure(helm, chart(a='{{ repeat 17000000 "x" }}'))
    assert (reason, message) == (Reason.RENDER_FAILED, "the templates render to more than 16777216 bytes")


@pytest.mark.parametrize("outside", ["file:///etc/passwd", "other.json", "https://schemas.example.com/x.json"])
async def test_a_schema_can_not_reach_out_of_its_file(helm: Helm, outside: str) -> None:
    reason, message = await failure(helm, chart({"values.schema.json": f'{{"$ref": "{outside}"}}'}, a=CONFIG_MAP))
    assert reason is Reason.INVALID_CHART
    assert message.startswith("the values schema refers to ")
    assert message.endswith("only what is inside of the schema file is followed")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_schema_can_not_make_the_gateway_ask_a_server(helm: Helm, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://{host}:{server.getsockname()[1]}/x.json"
        _, message = await failure(helm, chart({"values.schema.json": f'{{"$ref": "{url}"}}'}, a=CONFIG_MAP))
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert url in message


async def test_a_schema_of_a_known_draft_with_references_of_its_own_is_followed(helm: Helm) -> None:
    schema = (
        '{"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/x",'
        ' "$defs": {"port": {"type": "integer"}}, "properties": {"port": {"$ref": "#/$defs/port"}}}'
    )
    rendered = await helm.check(
        chart({"values.schema.json": schema, "values.yaml": "port: 80"}, a=CONFIG_MAP), release="web", namespace="shop"
    )
    assert len(rendered.objects) == 1
