"""The Kubernetes pod, run for real by `podman kube play`: the plain manifest, what helm renders with other values, and
what kustomize makes of a pod of its own; and a pod of the node's broker.

Fields that podman 4.3 does not know are changed in a copy, and nothing else (see adapted()); work that it does not do
itself, the test does in its place: it runs the probes as they stand in the manifest.
"""

import copy
import ctypes
import json
import os
import pathlib
import re

import pytest

from broker import Connection, wait_until
from charts import LIBRARY, ROOT, objects, overlay, sets
from pod import APP, BROKER, BROKER_UID, CONFINED, SIMULATED, SIMULATOR, ContainedSimulator, connect_in
from simulator import EXAMPLE_ID, EXAMPLE_KEY
from test_keys import MountedSecret

LANDLOCK_CREATE_RULESET, LANDLOCK_VERSION = 444, 1
TOKEN = "http://127.0.0.1:9377/v1/sandbox/token"


def plain_pod(_request, _directory):
    return objects((ROOT / "config/kubernetes/pod.yaml").read_text())[0]


def pod_of_helm(request, _directory):
    """With a file for the token as well."""
    return request.getfixturevalue("tools").render("app", "app", *sets(
        "kind=Pod", f"{LIBRARY}.tokenFile.enabled=true", f"{LIBRARY}.image.pullPolicy=IfNotPresent"))[0]


def pod_of_kustomize(request, directory):
    """A pod that has no broker, and the component."""
    pod = plain_pod(request, directory)
    del pod["spec"]["initContainers"], pod["spec"]["volumes"]
    pod["metadata"]["labels"]["eqp-broker"] = "sidecar"
    text = "resources: [app.yaml]\ncomponents: [../config/kustomize/sidecar]\n"
    return request.getfixturevalue("tools").kustomize(overlay(directory, text, app_yaml=json.dumps(pod)))[0]


def kernel_has_landlock():
    return ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), LANDLOCK_VERSION) > 0


MADE_BY = {"plain": plain_pod, "helm": pod_of_helm, "kustomize": pod_of_kustomize}


def adapted(pod, directory):
    """The manifest for podman 4.3, and for a world without the real upstream:

    - sidecars stand among the ordinary containers, as podman would wait for the end of an init container;
    - the secret is a directory of the host, laid out as a kubelet does it: podman's own secrets never change; so is
      an empty directory, which everybody in the pod may write to in Kubernetes;
    - no probes: podman makes shell commands of them, and there is no shell;
    - a simulator is in the pod, and a drop-in tells the broker so; the application is one curl that waits.
    """
    pod = copy.deepcopy(pod)
    spec = pod["spec"]
    sidecars = spec.pop("initContainers")
    app, = spec["containers"]
    assert all(sidecar.pop("restartPolicy") == "Always" for sidecar in sidecars)
    probes = {(sidecar["name"], name): sidecar.pop(f"{name}Probe")["exec"]["command"] for sidecar in sidecars
              for name in ("startup", "readiness", "liveness") if f"{name}Probe" in sidecar}
    spec["restartPolicy"] = "Never"
    for volume in spec["volumes"]:
        if volume.pop("secret", None):
            volume["hostPath"] = {"path": str(directory / "keys"), "type": "Directory"}
        if volume.pop("emptyDir", None):
            volume["hostPath"] = {"path": str(directory / "empty"), "type": "Directory"}
    add_upstream(spec, sidecars[0], directory, "eqp-brokerd.conf.d")
    app["command"] = ["/usr/bin/curl", "-sS", "--retry", "60", "--retry-delay", "1", "--retry-all-errors",
                      "-H", "EQP-Client: app", "-f", TOKEN]
    spec["containers"] += [*sidecars, app]
    return pod, probes


def add_upstream(spec, broker, directory, settings):
    """A simulator takes the application's place, and the broker is told."""
    for name in ("upstream", "settings"):
        spec["volumes"].append({"name": name, "hostPath": {"path": str(directory / name), "type": "Directory"}})
    files = {"name": "upstream", "mountPath": "/upstream"}
    broker["volumeMounts"] += [files, {"name": "settings", "mountPath": f"/etc/eqp-broker/{settings}"}]
    spec["containers"] = [{"name": "upstream", "image": f"{SIMULATOR}:latest", "args": ["--tls-directory=/upstream"],
                           "imagePullPolicy": "Never", "securityContext": broker["securityContext"],
                           "volumeMounts": [files]}]


class Played:
    """A pod of an application and its broker."""

    def __init__(self, machine, directory, manifest):
        self.machine, self.directory = machine, directory
        directory.chmod(0o755)
        for name in ("keys", "upstream", "settings", "empty"):
            (directory / name).mkdir()
        (directory / "empty").chmod(0o777)
        os.chown(directory / "upstream", BROKER_UID, BROKER_UID)
        (directory / "settings" / "test.conf").write_text(SIMULATED)
        self.secret = MountedSecret(directory / "keys")
        self.name_images(manifest["spec"])
        self.manifest, self.probes = self.adapted(manifest)
        self.path = directory / "pod.yaml"
        self.path.write_text(json.dumps(self.manifest))

    def name_images(self, spec):
        for mine, container in ((BROKER, spec["initContainers"][0]), (APP, spec["containers"][0])):
            self.machine.podman("tag", mine, container["image"])

    def adapted(self, manifest):
        return adapted(manifest, self.directory)

    def play(self):
        self.machine.podman("kube", "play", "--network=none", self.path)
        self.simulator = ContainedSimulator(self.pid("upstream"))

    def down(self):
        self.machine.podman("kube", "down", self.path, check=False)

    def pid(self, name):
        return self.machine.pid(f"app-{name}")

    def probe(self, name, container="eqp-broker"):
        return self.machine.podman("exec", f"app-{container}", *self.probes[container, name], check=False).returncode == 0

    def confinement(self):
        """The daemon's account of its processes."""
        status = self.machine.podman("exec", "app-eqp-broker", "/usr/bin/eqpctl", "status", "--json").stdout
        return json.loads(status)["confinement"]

    def token(self):
        with connect_in(self.pid("eqp-broker"), 9377) as stream:
            answer = Connection(stream, "127.0.0.1:9377").ask("GET", "/v1/sandbox/token", {"EQP-Client": "test"})
        return answer.json().get("ust")


@pytest.fixture(params=MADE_BY)
def played(request, machine, images, tmp_path):
    played = Played(machine, tmp_path, MADE_BY[request.param](request, tmp_path))
    yield played
    played.down()


def test_the_pod_comes_up_serves_another_user_rotates_and_ends(played, machine):
    played.secret.write(sandbox=EXAMPLE_KEY)
    played.play()
    wait_until(lambda: played.probe("startup"), "the startup probe")
    assert played.probe("readiness") and played.probe("liveness")

    # The application is a user of its own, and gets the token.
    status = pathlib.Path(f"/proc/{played.pid('eqp-broker')}/status").read_text()
    assert f"\nUid:\t{BROKER_UID}\t" in status and "\nCapEff:\t0000000000000000\n" in status
    assert machine.podman("wait", "app-app", timeout=120).stdout.strip() == "0"
    assert played.token() in machine.podman("logs", "app-app").stdout

    # The daemon's own limits hold inside those of the runtime.
    assert int(re.search(r"^Seccomp_filters:\t(\d+)$", status, re.M)[1]) >= 2, "the runtime's, and its own"
    for process in ("keeper", "frontend"):
        holds = played.confinement()[process]
        assert holds["no_new_privileges"] and holds["system_call_filter"]
        assert (holds["landlock"] > 0) == kernel_has_landlock()

    # A file with the token, if there is to be one.
    if ("eqp-token", "startup") in played.probes:
        wait_until(lambda: played.probe("startup", "eqp-token"), "the file with the token")
        file = played.directory / "empty" / "token"
        assert file.read_text().strip() == played.token()
        assert (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode & 0o777) == (BROKER_UID, 1600, 0o440)

    # The secret is rotated.
    before = played.token()
    regenerated = played.simulator.regenerate("sandbox", EXAMPLE_ID)
    played.secret.write(sandbox=f"{EXAMPLE_ID}:{regenerated}")
    wait_until(lambda: played.token() != before, "a token by the new key")

    # The pod is deleted: the broker goes at once, and in peace.
    machine.podman("stop", "app-eqp-broker")
    assert machine.podman("inspect", "--format", "{{.State.ExitCode}}", "app-eqp-broker").stdout.strip() == "0", \
        "podman kills who is still there after 10 s"


def test_without_its_secret_the_pod_waits_for_it(played):
    played.play()
    wait_until(lambda: played.probe("liveness"), "the daemon")
    assert not played.probe("startup")
    played.secret.write(sandbox=EXAMPLE_KEY)
    wait_until(lambda: played.probe("startup"), "the startup probe")


class PlayedOnNode(Played):
    """The pod of the DaemonSet, and the directory of the node."""

    def name_images(self, spec):
        self.machine.podman("tag", BROKER, spec["containers"][0]["image"])

    def adapted(self, manifest):
        """As above; the settings are the ConfigMap's, and the directory is the broker's already, as an image with chown
        would make it."""
        spec = copy.deepcopy(manifest["spec"])
        chown, = spec.pop("initContainers")
        assert chown["command"] == ["chown", f"{BROKER_UID}:{BROKER_UID}", "/run/eqp-broker"]
        os.chown(self.directory / "empty", BROKER_UID, BROKER_UID)
        (self.directory / "empty").chmod(0o755)
        broker, = spec["containers"]
        probes = {(broker["name"], name): broker.pop(f"{name}Probe")["exec"]["command"]
                  for name in ("startup", "readiness", "liveness")}
        keys, settings, socket = spec["volumes"]
        assert socket["hostPath"]["type"] == "DirectoryOrCreate"
        keys.pop("secret")
        keys["hostPath"] = {"path": str(self.directory / "keys"), "type": "Directory"}
        socket["hostPath"] = {"path": str(self.directory / "empty"), "type": "Directory"}
        spec["volumes"].remove(settings)
        mounts = broker["volumeMounts"]
        mounts.remove(next(mount for mount in mounts if mount["name"] == settings["name"]))
        add_upstream(spec, broker, self.directory, "shared-socket.conf.d")
        spec["containers"].append(broker)
        metadata = {"name": "app", "labels": manifest["metadata"]["labels"]}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, probes

    def ask(self, user):
        """The token of an application on the node, which has the directory and no network."""
        volume = f"--volume={self.directory}/empty:/run/eqp-broker:ro"
        return self.machine.podman(
            "run", "--rm", *CONFINED, f"--user={user}:{user}", "--network=none", volume, APP,
            "curl", "-sS", "--unix-socket", "/run/eqp-broker/eqp-broker.sock", "http://localhost/v1/sandbox/token").stdout


def test_the_broker_of_a_node_serves_its_callers_and_nobody_else(machine, images, tools, tmp_path):
    made = {document["kind"]: document for document in tools.render("eqp-broker", "eqp-broker", *sets("callers={uid:1500}"))}
    played = PlayedOnNode(machine, tmp_path, made["DaemonSet"]["spec"]["template"])
    (tmp_path / "settings" / "callers.conf").write_text(made["ConfigMap"]["data"]["callers.conf"])
    played.secret.write(sandbox=EXAMPLE_KEY)
    try:
        played.play()
        wait_until(lambda: played.probe("startup"), "the startup probe")
        assert played.probe("readiness") and played.probe("liveness")
        assert "ust" in json.loads(played.ask(1500))
        assert json.loads(played.ask(1501))["error"] == "caller_refused"
        assert played.confinement()["frontend"]["system_call_filter"]
    finally:
        played.down()
