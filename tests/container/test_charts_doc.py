"""The examples of doc/sidecar.md for Helm, Kustomize and kubectl, as they are printed there, without a cluster: kubectl and
helm print the objects that they would send.
"""

import base64
import re
import shutil

import pytest

from charts import ROOT, objects, pod_specs
from page import blocks

PAGE = ROOT / "doc/sidecar.md"
PRINT = "--dry-run=client --output=yaml"


def block(language, *words):
    found = [block.text for block in blocks(PAGE) if block.language == language and all(word in block.text for word in words)]
    assert len(found) == 1, words
    return found[0]


@pytest.fixture
def desk(tools, tmp_path):
    """A directory with a copy of the charts and kustomizations, where the page has them: eqp-broker/config."""
    for name in ("helm", "kustomize"):
        shutil.copytree(ROOT / "config" / name, tmp_path / "eqp-broker/config" / name)
    return tmp_path


@pytest.fixture(scope="module")
def plain():
    pod, = objects((ROOT / "config/kubernetes/pod.yaml").read_text())
    return pod["spec"]


def test_a_chart_of_mine_has_the_broker_as_the_page_says(tools, desk, plain):
    chart = desk / "my-chart"
    (chart / "templates").mkdir(parents=True)
    needs = block("yaml", "dependencies:", "file://")
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: my-chart\nversion: 1.0.0\n" + needs)
    (chart / "templates" / "deployment.yaml").write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  selector: {matchLabels: {app: app}}\n"
        "  template:\n    metadata: {labels: {app: app}}\n    spec:\n" + block("yaml", 'include "eqp-broker.sidecars"'))
    (desk / "my-values.yaml").write_text(block("yaml", "eqp-broker-sidecar:\n  image:"))
    printed = tools.shell(block("sh", "helm dependency update"), desk)
    made = objects(printed[printed.index("---\n"):])
    assert not any(tools.troubles(made))
    spec, = pod_specs(made)
    assert spec["initContainers"] == plain["initContainers"] and spec["volumes"] == plain["volumes"]
    assert spec["securityContext"] == plain["securityContext"]
    assert spec["containers"][0]["env"] == plain["containers"][0]["env"]


def test_the_chart_for_nodes_is_installed_as_the_page_says(tools, desk):
    script = block("sh", "helm install").rstrip()
    printed = tools.shell(f"{script} --dry-run=client", desk / "eqp-broker")
    manifest = re.search(r"^MANIFEST:\n(.*)^NOTES:$", printed, re.M | re.S)[1]
    made = objects(manifest)
    assert {document["kind"] for document in made} == {"ConfigMap", "DaemonSet", "NetworkPolicy"}
    assert not any(tools.troubles(made))
    assert "kubectl create secret generic eqp-broker-keys --namespace brokers" in printed, "the notes say what is missing"


def test_an_overlay_of_mine_has_the_broker_as_the_page_says(tools, desk, plain):
    overlay = desk / "my-overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(block("yaml", "kind: Kustomization"))
    (overlay / "callers.conf").write_text("[broker]\nallow = uid:2000\n")
    (overlay / "app.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: app, labels: {eqp-broker: sidecar}}\n"
        "spec: {containers: [{name: app, image: registry.example.com/app:1.0}]}\n")
    made = objects(tools.shell(block("sh", "kubectl kustomize"), desk))
    assert not any(tools.troubles(made))
    kinds = {document["kind"]: document for document in made}
    assert kinds.keys() == {"Pod", "DaemonSet", "ConfigMap", "NetworkPolicy"}
    sidecar, = kinds["Pod"]["spec"]["initContainers"]
    mirrored = "registry.example.com/mirror/eqp-broker:0.1.0"
    assert sidecar == plain["initContainers"][0] | {"image": mirrored}
    assert kinds["DaemonSet"]["spec"]["template"]["spec"]["containers"][0]["image"] == mirrored
    assert "uid:2000" in kinds["ConfigMap"]["data"]["callers.conf"]


def created(tools, script, directory):
    """The objects that the lines "kubectl create …" of a script would send."""
    lines = [line for line in script.splitlines() if line.startswith("kubectl create ")]
    return [objects(tools.shell(f"{line} {PRINT}", directory))[0] for line in lines]


def test_kubectl_makes_the_secret_of_the_page(tools, tmp_path, plain):
    (tmp_path / "FILE").write_text("ID:SECRET\n")
    secret, = created(tools, block("sh", "secret generic eqp-broker-keys"), tmp_path)
    assert not any(tools.troubles([secret]))
    assert base64.b64decode(secret["data"]["sandbox"]) == b"ID:SECRET\n"
    assert plain["volumes"][0]["secret"]["secretName"] == secret["metadata"]["name"]


def test_kubectl_makes_the_objects_of_an_application_without_a_token(tools, tmp_path):
    for name in ("local-app.conf", "id", "secret"):
        (tmp_path / name).write_text(name)
    made = created(tools, block("sh", "kubectl create configmap", "local-app"), tmp_path)
    assert not any(tools.troubles(made))
    configmap, secret = made
    assert configmap["data"].keys() == {"local-app.conf"} and secret["data"].keys() == {"id", "secret"}
    *_, pod = objects((ROOT / "config/kubernetes/pod-local-key.yaml").read_text())
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert volumes["app-local-key"]["secret"]["secretName"] == secret["metadata"]["name"]
    names = [source["configMap"]["name"] for source in volumes["eqp-broker-settings"]["projected"]["sources"]]
    assert configmap["metadata"]["name"] in names


def test_kubectl_makes_what_brokers_need_to_share(tools, tmp_path):
    """ConfigMap and Secret of the page are those that its values name, and a broker takes the settings."""
    settings = block("ini", "[share]")
    (tmp_path / "share.conf").write_text(settings)
    (tmp_path / "password").write_text("a-password")
    made = created(tools, block("sh", "eqp-broker-share"), tmp_path)
    assert not any(tools.troubles(made))
    configmap, secret = made
    (tmp_path / "values.yaml").write_text(block("yaml", "configMaps:", "ports: [443, 6380]"))
    options = ("--values", tmp_path / "values.yaml", "--set", "kind=Pod,networkPolicy.enabled=true")
    rendered = {document["kind"]: document for document in tools.render("app", "app", *options)}
    assert not any(tools.troubles(list(rendered.values())))
    spec = rendered["Pod"]["spec"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert volumes["eqp-broker-share"]["secret"]["secretName"] == secret["metadata"]["name"]
    assert {"configMap": {"name": configmap["metadata"]["name"]}} in volumes["eqp-broker-settings"]["projected"]["sources"]
    mounts = {mount["name"]: mount["mountPath"] for mount in spec["initContainers"][0]["volumeMounts"]}
    assert f'password_file = {mounts["eqp-broker-share"]}/{next(iter(secret["data"]))}\n' in configmap["data"]["share.conf"]
    ports = [port["port"] for rule in rendered["NetworkPolicy"]["spec"]["egress"] for port in rule["ports"]]
    assert int(re.search(r"store = .*:(\d+)", settings)[1]) in ports


def test_the_values_of_the_page_put_a_valkey_beside_the_nodes_brokers(tools, tmp_path):
    (tmp_path / "values.yaml").write_text(block("yaml", "valkey:"))
    made = tools.render("eqp-broker", "eqp-broker", "--values", tmp_path / "values.yaml")
    assert not any(tools.troubles(made))
    service, = (document for document in made if document["kind"] == "Service")
    configmap, = (document for document in made if document["kind"] == "ConfigMap")
    assert configmap["data"]["share.conf"] == f"[share]\nstore = redis://{service['metadata']['name']}\n"


def test_the_file_with_the_token_is_printed_as_the_chart_has_it(tools):
    options = "kind=Pod,eqp-broker-sidecar.tokenFile.enabled=true"
    printed = tools.helm("template", "app", tools.charts / "app", "--set", options).stdout
    assert block("yaml", "name: eqp-token", "watch") in printed
