"""Images under one list: it names both architectures, and a life in the files of the foreign one."""

import json
import os
import pathlib
import re
import sys
import tempfile

import emulated
import pytest
from conftest import ARCHITECTURE, cannot
from life import Life

sys.path.insert(1, str(emulated.TREE / "tests/container"))

import machine as containers  # noqa: E402

pytestmark = pytest.mark.slow("images are built, and emulated")
OWN, BROKER_UID = "amd64", 65532
NAMES = ("eqp-broker", "eqp-simulator")


@pytest.fixture(scope="module")
def machine(possible):
    if (reason := containers.why_not()) is not None:
        cannot(reason)
    machine = containers.Machine(pathlib.Path(tempfile.mkdtemp(prefix="eqp-ct-")))
    machine.directory.chmod(0o755)
    yield machine
    machine.buildah("umount", "--all", check=False)
    machine.buildah("rm", "--all", check=False)
    machine.close()


@pytest.fixture(scope="module")
def version(machine):
    """Of the images, as the script prints it."""
    foreign = emulated.TREE / f"build-image-{ARCHITECTURE}/context"
    if not foreign.is_dir():
        pytest.fail(f"there is no {foreign}: run ./dev image {ARCHITECTURE}")
    printed = containers.run(emulated.TREE / "config/container/build-images.sh", "--with", f"{ARCHITECTURE}={foreign}",
                             emulated.TREE / "build-image", *machine.storage, env=machine.environment).stdout
    return re.search(r"^localhost/eqp-broker:(\S+): a list of amd64 arm64$", printed, re.M)[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_list_names_both(machine, version, name):
    for tag in (version, "latest"):
        entries = json.loads(machine.buildah("manifest", "inspect", f"localhost/{name}:{tag}").stdout)["manifests"]
        assert {entry["platform"]["architecture"]: entry["platform"]["os"] for entry in entries} == \
            {OWN: "linux", ARCHITECTURE: "linux"}
        assert len({entry["digest"] for entry in entries}) == 2


def test_both_are_pushed(machine, version, tmp_path):
    """Into a folder, in a registry's place."""
    machine.buildah("manifest", "push", "--all", f"localhost/eqp-broker:{version}", f"dir:{tmp_path}/pushed")
    entries = json.loads((tmp_path / "pushed/manifest.json").read_text())["manifests"]
    assert {entry["platform"]["architecture"] for entry in entries} == {OWN, ARCHITECTURE}
    for entry in entries:
        (path,) = (tmp_path / "pushed").glob(f"*{entry['digest'].partition(':')[2]}*")
        layers = json.loads(path.read_text())["layers"]
        assert all((tmp_path / "pushed" / layer["digest"].partition(":")[2]).exists() for layer in layers)


def test_podman_runs_the_one_for_this_machine(machine, version):
    said = machine.podman("run", "--rm", "--network=none", f"localhost/eqp-broker:{version}", "--version").stdout
    assert said == f"eqp-brokerd {version}\n"


def test_made_again_and_as_plain_images(machine, version):
    """The names can go from lists to images and back."""
    script = emulated.TREE / "config/container/build-images.sh"
    containers.run(script, emulated.TREE / "build-image", *machine.storage, env=machine.environment)
    assert machine.buildah("manifest", "inspect", f"localhost/eqp-broker:{version}", check=False).returncode != 0
    containers.run(script, "--with", f"{ARCHITECTURE}={emulated.TREE}/build-image-{ARCHITECTURE}/context",
                   emulated.TREE / "build-image", *machine.storage, env=machine.environment)
    test_the_list_names_both(machine, version, "eqp-broker")


@pytest.fixture(scope="module")
def root(machine, version, tmp_path_factory):
    """The files of both foreign images, taken by the list."""
    files = []
    for name in NAMES:
        container = machine.buildah("from", "--pull-never", "--arch", ARCHITECTURE, f"localhost/{name}:{version}").stdout.strip()
        assert machine.buildah("inspect", "--format", "{{.OCIv1.Architecture}}", container).stdout.strip() == ARCHITECTURE
        files.append(machine.buildah("mount", container).stdout.strip())
    with emulated.Emulated(ARCHITECTURE, ":".join(files), tmp_path_factory.mktemp("place")) as root:
        yield root


def test_its_own_settings(root):
    told = root.run("/usr/bin/eqp-brokerd", "--check", user=f"{BROKER_UID}:{BROKER_UID}").out
    assert "keys_directory = /run/secrets/eqp-broker" in told and os.path.exists(root.files / "lib/ld-linux-aarch64.so.1")


@pytest.fixture(scope="module")
def life(root):
    life = Life(root, "/usr/bin", user=f"{BROKER_UID}:{BROKER_UID}")
    try:
        yield life.begin()
    finally:
        life.end()


def test_versions(life, version):
    life.tells_its_version(version)


def test_one_token(life):
    life.obtains_a_token_once()


def test_the_daemon_serves(life):
    life.serves()
