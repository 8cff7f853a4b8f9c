"""The Kubernetes pod, run for real by `podman kube play`.

What podman 4.3 does not know is changed in a copy, and nothing else (see adapted()); what it does not do itself,
the test does in its place: it runs the probes as they stand in the manifest.
"""

import copy
import os
import pathlib
import time

import pytest

from broker import Connection, wait_until
from conftest import ROOT
from pod import APP, BROKER, BROKER_UID, SIMULATED, SIMULATOR, ContainedSimulator, connect_in
from simulator import EXAMPLE_ID, EXAMPLE_KEY
from test_keys import MountedSecret

TOKEN = "http://127.0.0.1:9377/v1/sandbox/token"


def adapted(pod, directory):
    """The manifest for podman 4.3, and for a world without the real upstream:

    - the sidecar stands among the ordinary containers, as podman would wait for the end of an init container;
    - the secret is a directory of the host, laid out as a kubelet does it: podman's own secrets never change;
    - no probes: podman makes shell commands of them, and there is no shell;
    - a simulator is in the pod, and a drop-in tells the broker so; the application is one curl that waits.
    """
    pod = copy.deepcopy(pod)
    spec = pod["spec"]
    sidecar, = spec.pop("initContainers")
    app, = spec["containers"]
    assert sidecar.pop("restartPolicy") == "Always"
    probes = {name: sidecar.pop(f"{name}Probe")["exec"]["command"] for name in ("startup", "readiness", "liveness")}
    spec["restartPolicy"] = "Never"
    for volume in spec["volumes"]:
        if volume.pop("secret", None):
            volume["hostPath"] = {"path": str(directory / "keys"), "type": "Directory"}
    for name in ("upstream", "settings"):
        spec["volumes"].append({"name": name, "hostPath": {"path": str(directory / name), "type": "Directory"}})
    files = {"name": "upstream", "mountPath": "/upstream"}
    sidecar["volumeMounts"] += [files, {"name": "settings", "mountPath": "/etc/eqp-broker/eqp-brokerd.conf.d"}]
    app["command"] = ["/usr/bin/curl", "-sS", "--retry", "60", "--retry-delay", "1", "--retry-all-errors",
                      "-H", "EQP-Client: app", "-f", TOKEN]
    upstream = {"name": "upstream", "image": f"{SIMULATOR}:latest", "args": ["--tls-directory=/upstream"],
                "imagePullPolicy": "Never", "securityContext": sidecar["securityContext"], "volumeMounts": [files]}
    spec["containers"] = [upstream, sidecar, app]
    return pod, probes


class Played:
    """The pod of config/kubernetes/pod.yaml."""

    def __init__(self, machine, directory):
        yaml = pytest.importorskip("yaml")
        self.machine, self.directory = machine, directory
        directory.chmod(0o755)
        for name in ("keys", "upstream", "settings"):
            (directory / name).mkdir()
        os.chown(directory / "upstream", BROKER_UID, BROKER_UID)
        (directory / "settings" / "test.conf").write_text(SIMULATED)
        self.secret = MountedSecret(directory / "keys")
        manifest = yaml.safe_load((ROOT / "config/kubernetes/pod.yaml").read_text())
        for mine, container in ((BROKER, manifest["spec"]["initContainers"][0]), (APP, manifest["spec"]["containers"][0])):
            machine.podman("tag", mine, container["image"])
        self.manifest, self.probes = adapted(manifest, directory)
        self.path = directory / "pod.yaml"
        self.path.write_text(yaml.safe_dump(self.manifest))

    def play(self):
        self.machine.podman("kube", "play", "--network=none", self.path)
        self.simulator = ContainedSimulator(self.pid("upstream"))

    def down(self):
        self.machine.podman("kube", "down", self.path, check=False)

    def pid(self, name):
        return self.machine.pid(f"app-{name}")

    def probe(self, name):
        return self.machine.podman("exec", "app-eqp-broker", *self.probes[name], check=False).returncode == 0

    def token(self):
        with connect_in(self.pid("eqp-broker"), 9377) as stream:
            answer = Connection(stream, "127.0.0.1:9377").ask("GET", "/v1/sandbox/token", {"EQP-Client": "test"})
        return answer.json().get("ust")


@pytest.fixture
def played(machine, images, tmp_path):
    played = Played(machine, tmp_path)
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

    # The secret is rotated.
    before = played.token()
    regenerated = played.simulator.regenerate("sandbox", EXAMPLE_ID)
    played.secret.write(sandbox=f"{EXAMPLE_ID}:{regenerated}")
    wait_until(lambda: played.token() != before, "a token by the new key")

    # The pod is deleted: the broker goes at once, and in peace.
    begin = time.monotonic()
    machine.podman("stop", "app-eqp-broker")
    assert time.monotonic() - begin < 9, "podman kills who is still there after 10 s"
    assert machine.podman("inspect", "--format", "{{.State.ExitCode}}", "app-eqp-broker").stdout.strip() == "0"


def test_without_its_secret_the_pod_waits_for_it(played):
    played.play()
    wait_until(lambda: played.probe("liveness"), "the daemon")
    assert not played.probe("startup")
    played.secret.write(sandbox=EXAMPLE_KEY)
    wait_until(lambda: played.probe("startup"), "the startup probe")
