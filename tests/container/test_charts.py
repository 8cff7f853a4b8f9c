"""The charts and kustomizations: they render objects that Kubernetes knows, and refuse values that make no sense."""

import copy
import filecmp
import itertools
import re
import shutil
import socket
import subprocess

import pytest

from charts import CHARTS, LIBRARY, ROOT, containers, objects, overlay, pod_specs, sets
from machine import run

VERSION = re.search(r"version: '([0-9.]+)'", (ROOT / "meson.build").read_text())[1]
NODE = ("--set", "callers={uid:1500}")
MADE = ("kubernetes", "kustomize")
BY_HAND = {"kustomize/node/kustomization.yaml", "kustomize/sidecar/kustomization.yaml"}


def files(directory):
    return {str(path.relative_to(directory)) for top in MADE for path in (directory / top).rglob("*") if path.is_file()}


def test_the_plain_manifests_are_what_the_charts_render(tools, tmp_path):
    run(CHARTS / "manifests.sh", tmp_path, env=tools.environment)
    config = ROOT / "config"
    assert files(tmp_path) == files(config) - BY_HAND
    different = [name for name in files(tmp_path) if not filecmp.cmp(tmp_path / name, config / name, shallow=False)]
    assert different == [], "run config/helm/manifests.sh"


def test_all_charts_have_the_version_that_is_built():
    yaml = pytest.importorskip("yaml")
    for path in CHARTS.rglob("Chart.yaml"):
        chart = yaml.safe_load(path.read_text())
        assert chart["version"] == VERSION, path
        assert all(needed["version"] == VERSION for needed in chart.get("dependencies", []))
    assert yaml.safe_load((CHARTS / "eqp-broker/charts" / LIBRARY / "values.yaml").read_text())["image"]["tag"] == VERSION


@pytest.mark.parametrize("chart, options", [
    ("eqp-broker", ("--values", CHARTS / "eqp-broker/ci/node-values.yaml")), ("app", ()),
    (f"eqp-broker/charts/{LIBRARY}", ())])
def test_lint_has_nothing_to_say(tools, chart, options):
    assert "0 chart(s) failed" in tools.helm("lint", "--strict", tools.charts / chart, *options).stdout


def test_a_packaged_chart_is_whole_and_renders_the_same(tools, tmp_path):
    tools.helm("package", tools.charts / "eqp-broker", "--destination", tmp_path)
    printed = tools.helm("template", "mine", tmp_path / f"eqp-broker-{VERSION}.tgz", *NODE).stdout
    assert objects(printed) == tools.render("mine", "eqp-broker", *NODE)


# rendered values

def sidecar(*assignments):
    return sets(*(f"{LIBRARY}.{assignment}" for assignment in assignments))


CONTAINER = {
    "as it comes": [],
    "a digest": [f"image.digest=sha256:{'0' * 64}", "image.tag="],
    "another pull policy": ["image.pullPolicy=Always"],
    "another secret": ["keys.secretName=keys.of-mine"],
    "settings": ["settings.configMaps={mine,yours}"],
    "probes": ["probes.startupSeconds=600", "probes.readiness=false"],
    "resources": ["resources.limits.memory=1Gi", "resources.limits.cpu=500m", "resources.requests=null"],
    "a store's secret": ["share.secretName=store"],
    "networks": ["networkPolicy.ports={443,3128}", "networkPolicy.cidrs={192.0.2.0/24,2001:db8::/32}"],
}
NODE_ONLY = {
    "more callers": ["callers={uid:1500,gid:1600}"],
    "settings": ["settings=[environment production]"],
    "an own directory": ["socket.ownDirectory=false", "socket.directory=/var/lib/eqp/socket"],
    "no policy": ["networkPolicy.enabled=false"],
    "where": ["nodeSelector.disk=fast", "tolerations[0].operator=Exists", "priorityClassName=system-node-critical"],
    "annotations": ["podAnnotations.a=b", "rollOnSettings=false"],
    "a registry's secret": ["imagePullSecrets[0].name=mine"],
    "a Valkey": ["valkey.enabled=true", "imagePullSecrets[0].name=mine"],
    "a store": ["share.stores={rediss://a.example.net:6380,redis://b}", "share.username=broker", "share.passwordFile=password",
                "share.caFile=ca.pem", "share.shareSecretFile=secret", "broker.share.secretName=store"],
}
OF_NODE = [[*NODE, *sets(*(f"broker.{value}" for value in values))] for values in CONTAINER.values()] + [
    [*NODE, *sets(*values)] for values in NODE_ONLY.values()]
OF_APP = [[*sets(f"kind={kind}", "networkPolicy.enabled=true"), *sidecar(*values), *sets(*more)]
          for kind, values, more in itertools.chain(
              itertools.product(("Pod", "Deployment", "Job"), [*CONTAINER.values(), ["tokenFile.enabled=true"]], [[]]),
              itertools.product(("Pod", "Deployment", "Job"), [[]], (["localKey.enabled=true"], ["broker=node"])))]


@pytest.fixture(scope="module")
def rendered(tools):
    """Everything that is made of the charts, with many values; and the kustomizations."""
    found = [tools.render("mine", "eqp-broker", *options) for options in OF_NODE]
    found += [tools.render("mine", "app", *options) for options in OF_APP]
    found.append(tools.kustomize(ROOT / "config/kustomize/node"))
    assert all(found)
    return [document for documents in found for document in documents]


def test_kubernetes_knows_every_field_of_all_that_is_rendered(tools, rendered, measured):
    assert [trouble for troubles in tools.troubles(rendered) for trouble in troubles] == []
    assert {document["kind"] for document in rendered} == {"ConfigMap", "DaemonSet", "Deployment", "Job", "NetworkPolicy", "Pod",
                                                          "Service"}
    measured(f"charts: {len(rendered)} objects of {len(OF_NODE) + len(OF_APP)} sets of values are as Kubernetes has them")


@pytest.mark.parametrize("path", sorted((ROOT / "config/kubernetes").glob("*.yaml")), ids=lambda path: path.name)
def test_and_of_the_plain_manifests(tools, path):
    found = tools.troubles(objects(path.read_text()))
    assert found and not any(found)


def test_that_check_finds_misspelt_keys_and_wrong_values(tools):
    good = next(document for document in tools.render("app", "app", *sets("kind=Pod")))

    def broker(pod):
        return pod["spec"]["initContainers"][0]

    spoilt = []
    for spoil in (
            lambda pod: pod["spec"].update(restartpolicy="Never"),
            lambda pod: pod["spec"]["volumes"][0]["secret"].update(mode=0o444),
            lambda pod: broker(pod)["securityContext"].update(readOnlyRootFileSystem=True),
            lambda pod: broker(pod)["securityContext"]["capabilities"].update(Drop=["ALL"]),
            lambda pod: broker(pod).update(command="/usr/bin/eqp-brokerd"),
            lambda pod: broker(pod)["startupProbe"].update(periodSeconds="1"),
            lambda pod: broker(pod)["resources"]["limits"].update(memory="32Mx"),
            lambda pod: broker(pod).pop("name"),
            lambda pod: pod["metadata"]["labels"].update(number=1),
            lambda pod: pod.update(kind="Pot"),
            lambda pod: pod.update(apiVersion="apps/v1")):
        pod = copy.deepcopy(good)
        spoil(pod)
        spoilt.append(pod)
    assert all(tools.troubles(spoilt)) and tools.troubles([good]) == [[]]


def test_every_container_is_confined_and_only_the_broker_has_the_keys(rendered):
    specs = list(pod_specs(rendered))
    assert len(specs) > 40
    for spec in specs:
        assert not {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} & spec.keys()
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(spec):
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True and security["allowPrivilegeEscalation"] is False
            assert security["capabilities"]["drop"] == ["ALL"] and "privileged" not in security
            if container["name"] == "own-directory":
                assert security["capabilities"]["add"] == ["CHOWN"]
            else:
                assert security["runAsUser"] > 0 and "add" not in security["capabilities"]
            if container["name"] in ("eqp-broker", "eqp-token"):
                assert security["runAsUser"] == 65532 and security["runAsNonRoot"] is True
                assert security["seccompProfile"] == {"type": "RuntimeDefault"}
            has_keys = any(mount["name"] == "eqp-broker-keys" for mount in container.get("volumeMounts", []))
            assert has_keys == (container["name"] == "eqp-broker")


def test_a_pod_with_the_sidecar_is_one_that_the_standard_restricted_takes(rendered):
    """It demands this of a pod, besides the confinement that every container here has."""
    specs = [spec for spec in pod_specs(rendered) if any(one["name"] == "eqp-broker" for one in spec.get("initContainers", []))]
    assert len(specs) > 20
    for spec in specs:
        assert spec["securityContext"]["runAsNonRoot"] is True
        kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
        assert kinds <= {"secret", "projected", "emptyDir"}


def test_a_secret_is_mounted_as_files_and_stands_in_no_manifest(rendered):
    assert not [document for document in rendered if document["kind"] == "Secret"]
    for spec in pod_specs(rendered):
        for container in containers(spec):
            assert "envFrom" not in container and "ports" not in container
            assert all(variable.keys() == {"name", "value"} for variable in container.get("env", []))
            assert all("subPath" not in mount for mount in container.get("volumeMounts", []))


def test_values_arrive(tools):
    daemonset, = (document for document in tools.render("mine", "eqp-broker", *NODE, *sets(
        f"broker.image.digest=sha256:{'1' * 64}", "broker.keys.secretName=other", "socket.directory=/run/there",
        "socket.ownDirectory=false")) if document["kind"] == "DaemonSet")
    spec = daemonset["spec"]["template"]["spec"]
    assert daemonset["metadata"]["name"] == "mine-eqp-broker" and "initContainers" not in spec
    assert spec["containers"][0]["image"] == f"registry.example.com/eqp-broker@sha256:{'1' * 64}"
    assert spec["volumes"][0]["secret"]["secretName"] == "other"
    assert spec["volumes"][2]["hostPath"] == {"path": "/run/there", "type": "Directory"}


def test_pods_of_the_node_are_replaced_when_their_callers_change(tools):
    def annotations(*callers):
        document, = (document for document in tools.render("mine", "eqp-broker", *sets(f"callers={{{','.join(callers)}}}"))
                     if document["kind"] == "DaemonSet")
        return document["spec"]["template"]["metadata"]["annotations"]

    assert annotations("uid:1500") == annotations("uid:1500") != annotations("uid:1500", "uid:1501")


def test_the_valkey_beside_is_for_the_brokers_alone(tools):
    made = tools.render("mine", "eqp-broker", *NODE, *sets("valkey.enabled=true"))
    found = {(document["kind"], document["metadata"]["name"]): document for document in made}
    broker, valkey = "mine-eqp-broker", "mine-eqp-broker-valkey"
    assert found["ConfigMap", broker]["data"]["share.conf"] == f"[share]\nstore = redis://{valkey}\n"

    def labels(kind, name):
        return found[kind, name]["spec"]["template"]["metadata"]["labels"]

    policy = found["NetworkPolicy", valkey]["spec"]
    assert policy["podSelector"]["matchLabels"] == labels("Deployment", valkey) == found["Service", valkey]["spec"]["selector"]
    assert policy["policyTypes"] == ["Ingress", "Egress"] and "egress" not in policy, "it may call nobody"
    [[allowed]] = [rule["from"] for rule in policy["ingress"]]
    assert allowed == {"podSelector": {"matchLabels": labels("DaemonSet", broker)}}
    *_, out = found["NetworkPolicy", broker]["spec"]["egress"]
    assert out["to"] == [{"podSelector": {"matchLabels": labels("Deployment", valkey)}}]
    assert labels("Deployment", valkey) != labels("DaemonSet", broker), "the one's policy is not the other's"


def test_pods_of_the_node_are_replaced_when_the_store_changes(tools):
    def annotations(*more):
        document, = (document for document in tools.render("mine", "eqp-broker", *NODE, *sets(*more))
                     if document["kind"] == "DaemonSet")
        return document["spec"]["template"]["metadata"]["annotations"]

    assert len({str(annotations(*more)) for more in ([], ["valkey.enabled=true"], ["share.stores={redis://a}"])}) == 3


def commands_of_valkey(tools):
    yaml = pytest.importorskip("yaml")
    deployment, = (document for document in tools.render("mine", "eqp-broker", *NODE, *sets("valkey.enabled=true"))
                   if document["kind"] == "Deployment")
    compose = yaml.safe_load((ROOT / "config/compose/compose-share.yaml").read_text())
    return [deployment["spec"]["template"]["spec"]["containers"][0]["command"], compose["services"]["valkey"]["command"]]


def test_a_valkey_takes_its_command(tools, tmp_path):
    """valkey-server where there is one; redis-server knows all of it as well."""
    first, second = commands_of_valkey(tools)
    assert first == second and first[0] == "valkey-server"
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        pytest.skip("THE STORE IS NOT TESTED: there is neither valkey-server nor redis-server")
    ours = ["--port", "0", "--unixsocket", str(tmp_path / "socket")]
    with subprocess.Popen([program, *first[1:], *ours], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as server:
        try:
            lines = []
            while not any("accept connections" in line for line in lines):
                lines.append(server.stdout.readline())
                assert lines[-1], "".join(lines)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(tmp_path / "socket"))
                client.sendall(b"SET eqp1:{a}:l me NX PX 25000\r\nCONFIG GET save\r\n")
                reply = b""
                while not reply.endswith(b"$0\r\n\r\n"):
                    data = client.recv(4096)
                    assert data, reply
                    reply += data
            assert reply.startswith(b"+OK\r\n"), reply
        finally:
            server.terminate()


# refused values

@pytest.mark.parametrize("chart, values, told", [
    ("eqp-broker", ["callers=null"], "callers"),
    ("eqp-broker", ["callers={}"], "/callers"),
    ("eqp-broker", ["callers={any}"], "/callers/0"),
    ("eqp-broker", ["callers={user:app}"], "/callers/0"),
    ("eqp-broker", ["callers={uid:65532}"], "/callers/0"),
    ("eqp-broker", ["callers={uid:1500,uid:1500}"], "/callers"),
    ("eqp-broker", ["caller={uid:1500}"], "'caller' not allowed"),
    ("eqp-broker", ["socket.directory=/"], "/socket/directory"),
    ("eqp-broker", ["socket.directory=/etc"], "/socket/directory"),
    ("eqp-broker", ["socket.directory=/run/../etc"], "/socket/directory"),
    ("eqp-broker", ["socket.chownImage="], "/socket/chownImage"),
    ("eqp-broker", ["tolerations[0].effect=Never"], "/tolerations/0/effect"),
    ("eqp-broker", ["broker.tokenFile.enabled=true"], "/broker/tokenFile/enabled"),
    ("eqp-broker", ["broker.imagee.tag=1"], "'imagee' not allowed"),
    ("eqp-broker", ["networkPolicy.enabled=perhaps"], "/networkPolicy/enabled"),
    ("eqp-broker", ["share.stores={redis://user:password@host}"], "/share/stores/0"),
    ("eqp-broker", ["share.stores={http://host}"], "/share/stores/0"),
    ("eqp-broker", ["share.password=a"], "'password' not allowed"),
    ("eqp-broker", ["share.passwordFile=../a"], "/share/passwordFile"),
    ("eqp-broker", ["valkey.image="], "/valkey/image"),
    ("app", ["kind=Pods"], "/kind"),
    ("app", ["user=0"], "/user"),
    ("app", ["user=65532"], "/user"),
    ("app", ["broker=node", "localKey.enabled=true"], "/localKey/enabled"),
    ("app", ["broker=node", f"{LIBRARY}.tokenFile.enabled=true"], "/tokenFile/enabled"),
    *(("app", [f"{LIBRARY}.{value}"], told) for value, told in (
        ("image.repository=Registry/Image", "/image/repository"),
        ("image.repository=registry.example.com/eqp-broker:1", "/image/repository"),
        ("image.tag=", "/image/tag"),
        ("image.digest=sha256:12", "/image/digest"),
        ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
        ("keys.secretName=", "/keys/secretName"),
        ("keys.secretName=My_Secret", "/keys/secretName"),
        ("keys.sandbox=ID:SECRET", "'sandbox' not allowed"),
        ("share.secretName=My_Secret", "/share/secretName"),
        ("share.store=redis://host", "'store' not allowed"),
        ("settings.configMaps={a,a}", "/settings/configMaps"),
        ("probes.startupSeconds=0", "/probes/startupSeconds"),
        ("probes.startupSeconds=2m", "/probes/startupSeconds"),
        ("probes.liveness=false", "'liveness' not allowed"),
        ("resources.limits.memory=32m", "/resources/limits/memory"),
        ("resources.limits.memory=8Mi", "/resources/limits/memory"),
        ("resources.limits.cpu=lots", "/resources/limits/cpu"),
        ("tokenFile.mode=0644", "/tokenFile/mode"),
        ("tokenFile.group=0", "/tokenFile/group"),
        ("tokenFile.environment=Sandbox", "/tokenFile/environment"),
        ("networkPolicy.ports={}", "/networkPolicy/ports"),
        ("networkPolicy.ports=null", "'ports'"),
        ("settings.configMaps=null", "'configMaps'"),
        ("resources=null", "'resources'"),
        ("networkPolicy.ports={70000}", "/networkPolicy/ports/0"),
        ("networkPolicy.cidrs={example.com}", "/networkPolicy/cidrs/0"),
        ("securityContext.privileged=true", "'securityContext' not allowed"))),
], ids=str)
def test_values_that_make_no_sense_are_refused(tools, chart, values, told):
    given = sets(*values)
    if chart == "eqp-broker" and not values[0].startswith("caller"):
        given = [*NODE, *given]
    refused = tools.render("mine", chart, *given, check=False)
    assert isinstance(refused, str), "it was taken"
    assert told in refused and "schema" in refused


# kustomize

WORKLOADS = """
apiVersion: v1
kind: Pod
metadata: {name: pod, labels: {eqp-broker: sidecar}}
spec: &pod
  restartPolicy: Never
  initContainers: [{name: first, image: registry.example.com/app:1.0}]
  containers: [{name: app, image: registry.example.com/app:1.0}]
  volumes: [{name: mine, emptyDir: {}}]
---
apiVersion: apps/v1
kind: %s
metadata: {name: it, labels: {eqp-broker: sidecar}}
spec:
  selector: {matchLabels: {app: it}}
  template:
    metadata: {labels: {app: it}}
    spec: {containers: [{name: app, image: registry.example.com/app:1.0}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: job, labels: {eqp-broker: sidecar}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: app, image: registry.example.com/app:1.0}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, labels: {eqp-broker: sidecar}}
spec:
  schedule: "17 3 * * *"
  jobTemplate:
    spec: {template: {spec: {restartPolicy: Never, containers: [{name: app, image: registry.example.com/app:1.0}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: without}
spec:
  selector: {matchLabels: {app: without}}
  template:
    metadata: {labels: {app: without}}
    spec: {containers: [{name: app, image: registry.example.com/app:1.0}]}
"""


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_the_component_puts_the_same_sidecar_into_every_workload_with_the_label(tools, tmp_path, kind):
    text = "resources: [app.yaml]\ncomponents: [../config/kustomize/sidecar]\n"
    made = tools.kustomize(overlay(tmp_path, text, app_yaml=WORKLOADS % kind))
    assert not any(tools.troubles(made))
    plain, = objects((ROOT / "config/kubernetes/pod.yaml").read_text())
    expected, = plain["spec"]["initContainers"]
    with_sidecar = {}
    for document in made:
        spec, = pod_specs([document])
        if document["metadata"]["name"] == "without":
            assert "initContainers" not in spec and "volumes" not in spec
            continue
        with_sidecar[document["kind"]] = spec
        assert spec["initContainers"][0] == expected, "it comes before those that may need a token"
        assert plain["spec"]["volumes"][0] in spec["volumes"]
    assert with_sidecar.keys() == {"Pod", kind, "Job", "CronJob"}
    assert [container["name"] for container in with_sidecar["Pod"]["initContainers"]] == ["eqp-broker", "first"]


def test_the_base_takes_callers_of_mine(tools, tmp_path):
    text = ("namespace: brokers\nresources: [../config/kustomize/node]\nconfigMapGenerator:\n"
            "  - {name: eqp-broker, behavior: replace, files: [callers.conf]}\n")
    made = {document["kind"]: document
            for document in tools.kustomize(overlay(tmp_path, text, callers_conf="[broker]\nallow = uid:2000\n"))}
    assert not any(tools.troubles(list(made.values())))
    assert made["ConfigMap"]["data"] == {"callers.conf": "[broker]\nallow = uid:2000\n"}
    source, = made["DaemonSet"]["spec"]["template"]["spec"]["volumes"][1]["projected"]["sources"]
    assert source["configMap"]["name"] == made["ConfigMap"]["metadata"]["name"] != "eqp-broker"
