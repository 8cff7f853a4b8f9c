"""The manifests are what their readers take them for: each is read by something that knows its schema."""

import copy
import os
import re
import shutil
import subprocess

import pytest

from conftest import ROOT, missing
from machine import run

KUBERNETES = sorted((ROOT / "config/kubernetes").glob("*.yaml"))
COMPOSE = sorted((ROOT / "config/compose").glob("*.yaml"))
QUADLET = sorted(path for path in (ROOT / "config/quadlet").iterdir())
VERSION = re.search(r"version: '([0-9.]+)'", (ROOT / "meson.build").read_text())[1]


def documents(path):
    yaml = pytest.importorskip("yaml")
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def broker_containers(spec):
    return [container for container in spec.get("initContainers", []) + spec["containers"]
            if "/eqp-broker:" in container["image"]]


def specs(path):
    for document in documents(path):
        if document["kind"] not in ("ConfigMap", "NetworkPolicy"):
            yield document["spec"].get("template", document)["spec"]


@pytest.fixture(scope="module")
def models():
    try:
        import kubernetes_models
    except ImportError:
        missing("there is no python3-kubernetes")
    return kubernetes_models


# Kubernetes

@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_kubernetes_knows_every_field(path, models):
    for document in documents(path):
        assert models.check(document) == []


def test_that_check_finds_mistakes(models):
    good = documents(ROOT / "config/kubernetes/pod.yaml")[0]
    for spoil in (
            lambda pod: pod["spec"].update(restartpolicy="Never"),
            lambda pod: pod["spec"]["initContainers"][0].update(command="/usr/bin/eqp-brokerd"),
            lambda pod: pod["spec"]["initContainers"][0]["startupProbe"].update(periodSeconds="1"),
            lambda pod: pod["spec"]["containers"][0].pop("name"),
            lambda pod: pod["spec"]["volumes"][0]["secret"].update(mode=0o444)):
        pod = copy.deepcopy(good)
        spoil(pod)
        assert len(models.check(pod)) == 1


@pytest.mark.parametrize("path", [path for path in KUBERNETES if path.name != "networkpolicy.yaml"], ids=lambda path: path.name)
def test_kubernetes_runs_the_broker_confined_and_probes_it_by_commands(path):
    found = [container for spec in specs(path) for container in broker_containers(spec)]
    assert found
    for container in found:
        security = container["securityContext"]
        assert (security["runAsUser"], security["readOnlyRootFilesystem"]) == (65532, True)
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert container["startupProbe"]["exec"]["command"] == ["/usr/bin/eqpctl", "ready"]
        assert container["livenessProbe"]["exec"]["command"] == ["/usr/bin/eqpctl", "live"]
        assert "ports" not in container


def test_all_name_the_version_that_is_built():
    for path in KUBERNETES + COMPOSE + QUADLET:
        for tag in re.findall(r"(?:localhost|registry.example.com)/eqp-broker:(\S+)", path.read_text()):
            assert tag == VERSION, path


# compose

@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_compose_takes_it(path, tmp_path):
    if shutil.which("docker-compose") is None:
        missing("there is no docker-compose")
    result = run("docker-compose", "-f", path, "config", env=os.environ | {"HOME": str(tmp_path)})
    assert "read_only: true" in result.stdout


def test_that_check_finds_mistakes_too(tmp_path):
    if shutil.which("docker-compose") is None:
        missing("there is no docker-compose")
    path = tmp_path / "compose.yaml"
    path.write_text(COMPOSE[0].read_text().replace("read_only:", "readonly:"))
    assert run("docker-compose", "-f", path, "config", check=False).returncode != 0


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_compose_leaves_the_application_its_network_when_the_broker_restarts(path):
    """A container that joined another one's network stays in that when the other one comes back with a new one."""
    services = documents(path)[0]["services"]
    brokers = {name for name, service in services.items() if "/eqp-broker:" in service["image"]}
    joined = {name: service["network_mode"].partition("service:")[2] for name, service in services.items()
              if "network_mode" in service}
    assert brokers and not brokers & set(joined.values())
    for owner in set(joined.values()):
        assert "network_mode" not in services[owner] and services[owner]["restart"] == "unless-stopped"
        assert brokers | {"app"} == {name for name in joined if joined[name] == owner}


# quadlet

# The keys of podman-systemd.unit(5) of podman 5 that a file of ours may use.
QUADLET_KEYS = {
    "Unit": {"Description", "Requires", "After", "Wants"},
    "Service": {"Restart", "TimeoutStartSec"},
    "Install": {"WantedBy"},
    "Pod": {"PodName", "Network", "PublishPort", "Volume"},
    "Volume": {"VolumeName", "Driver", "Options", "User", "Group"},
    "Container": {"Image", "Exec", "Pod", "Network", "Volume", "Secret", "Environment", "Notify", "ReadOnly",
                  "DropCapability", "NoNewPrivileges", "User", "Group", "PodmanArgs"},
}
SECTION = {".container": "Container", ".pod": "Pod", ".volume": "Volume"}


def unit(path):
    """A quadlet file: {section: [(key, value)]}."""
    sections, current = {}, None
    for line in path.read_text().splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            current = sections.setdefault(match[1], [])
        elif line and not line.startswith("#"):
            key, value = line.split("=", 1)
            current.append((key, value))
    return sections


@pytest.mark.parametrize("path", QUADLET, ids=lambda path: path.name)
def test_quadlet_has_these_keys_and_units(path):
    sections = unit(path)
    assert SECTION[path.suffix] in sections
    for name, lines in sections.items():
        for key, value in lines:
            assert key in QUADLET_KEYS[name], f"[{name}] {key}"
            for other in re.findall(r"^([\w-]+\.(?:pod|volume))", value):
                assert (path.parent / other).exists(), other
            if key in ("Requires", "After"):
                assert (path.parent / value.replace(".service", ".container")).exists(), value


def test_quadlet_takes_them_all(tmp_path):
    """By podman's own generator, where there is one: since podman 4.4, and for pods since 5.0."""
    generator = os.environ.get("QUADLET_GENERATOR", "/usr/libexec/podman/quadlet")
    if not os.path.exists(generator):
        pytest.skip("podman here is older than 4.4 and has no quadlet; the keys were checked by a list")
    for path in QUADLET:
        shutil.copy(path, tmp_path)
    result = subprocess.run([generator, "--dryrun"], env=os.environ | {"QUADLET_UNIT_DIRS": str(tmp_path)},
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    for path in QUADLET:
        name = path.stem + ("" if path.suffix == ".container" else f"-{path.suffix[1:]}")
        assert f"---{name}.service---" in result.stdout
    starts = [line for line in result.stdout.splitlines() if line.startswith("ExecStart=") and "localhost/eqp-broker:" in line]
    assert len(starts) == 2
    for line in starts:
        assert all(word in line for word in ("--read-only", "--cap-drop all", "no-new-privileges", "--sdnotify=container"))
