"""The content of the images."""

import datetime
import email.utils
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

import pytest

from conftest import ROOT
from machine import run
from pod import BROKER, BROKER_UID, SIMULATOR

LIMIT_BYTES = 24_000_000
LABEL = "org.opencontainers.image."


@pytest.fixture(scope="module")
def config(machine, images):
    return json.loads(machine.podman("image", "inspect", BROKER).stdout)[0]


def files_of(machine, image, path):
    """The files of an image as tar members, by name."""
    container = machine.podman("create", "--network=none", image).stdout.strip()
    try:
        machine.podman("export", "--output", path, container)
    finally:
        machine.podman("rm", container)
    with tarfile.open(path) as archive:
        return {"/" + member.name.rstrip("/"): member for member in archive.getmembers()}


@pytest.fixture(scope="module")
def files(machine, images, tmp_path_factory):
    return files_of(machine, BROKER, tmp_path_factory.mktemp("image") / "broker.tar")


def layers(printed):
    return re.findall(r"^  layer (sha256:[0-9a-f]{64})$", printed, re.M)


def test_it_is_small(files, config, measured):
    size = sum(member.size for member in files.values() if member.isfile())
    measured(f"image: the files have {size} bytes, podman counts {config['Size']}")
    assert size <= LIMIT_BYTES and config["Size"] <= LIMIT_BYTES


def test_it_says_what_it_is_and_how_to_run_it(config):
    assert config["User"] == config["Config"]["User"] == f"{BROKER_UID}:{BROKER_UID}"
    assert config["Config"]["Entrypoint"] == ["/usr/bin/eqp-brokerd"]
    assert config["Config"]["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "/usr/bin/eqpctl", "ready"]
    labels = {name.removeprefix(LABEL): value for name, value in config["Labels"].items() if name.startswith(LABEL)}
    assert labels["title"] == "eqp-broker"
    assert labels["licenses"] == "Apache-2.0"
    assert re.fullmatch(r"\d+\.\d+\.\d+", labels["version"])
    assert f"{BROKER}:{labels['version']}" in config["RepoTags"]


def test_it_is_as_old_as_its_sources(files, config):
    """The commit's time, or, without git, that of the newest entry of the change log."""
    known = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "-C", ROOT, "log", "-1", "--format=%ct"],
                           capture_output=True, text=True) if (ROOT / ".git").exists() and shutil.which("git") else None
    if known and known.returncode == 0:
        time = int(known.stdout)
    else:
        entry = re.search(r"^ -- .*>  (.*)$", (ROOT / "debian/changelog").read_text(), re.M)[1]
        time = int(email.utils.parsedate_to_datetime(entry).timestamp())
    assert datetime.datetime.fromisoformat(config["Created"].replace("Z", "+00:00")).timestamp() == time
    assert files["/usr/bin/eqpctl"].mtime == time


def test_the_doctor_is_content_with_its_clock(served):
    report = json.loads(served.eqpctl("doctor", "--json").stdout)
    assert "clock_wrong" not in {finding["id"] for finding in report["findings"]}


def test_its_only_programs_are_the_daemon_and_its_command(files):
    executable = {name for name, member in files.items() if member.isfile() and member.mode & 0o111}
    programs = {name for name in executable if ".so" not in name}
    assert programs == {"/usr/bin/eqp-brokerd", "/usr/bin/eqpctl"}


@pytest.mark.parametrize("program", ["sh", "/bin/sh", "/bin/bash", "/bin/busybox"])
def test_there_is_no_shell(machine, images, program):
    result = machine.podman("run", "--rm", "--network=none", "--entrypoint", program, BROKER, "-c", "true", check=False)
    assert result.returncode == 127, result.stderr


def test_only_the_directory_of_the_socket_is_its_own(files):
    made_by_podman = ("/dev", "/proc", "/sys", "/etc/mtab", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf",
                      "/run/.containerenv")
    for name, member in files.items():
        if name.startswith(made_by_podman):
            continue
        assert not member.mode & 0o6000, f"{name} has a set-id bit"
        assert member.issym() or not member.mode & 0o002, f"anybody may write to {name}"
        assert member.uid == (BROKER_UID if name == "/run/eqp-broker" else 0), f"{name} is {member.uid}'s"


def test_its_content_shows_nothing_of_where_it_was_built(machine, files, tmp_path):
    container = machine.podman("create", "--network=none", BROKER).stdout.strip()
    for program in ("eqp-brokerd", "eqpctl"):
        machine.podman("cp", f"{container}:/usr/bin/{program}", tmp_path / program)
        data = (tmp_path / program).read_bytes()
        assert str(ROOT).encode() not in data
        assert b".debug_info" not in data
    machine.podman("rm", container)


def test_its_settings_are_good_ones(machine, images):
    for arguments in ((), ("--config", "/etc/eqp-broker/shared-socket.conf")):
        result = machine.podman("run", "--rm", "--network=none", BROKER, "--check", *arguments)
        assert "keys_directory = /run/secrets/eqp-broker\n" in result.stdout
        assert "key_permissions = relaxed\n" in result.stdout
        assert re.findall(r"^listen = (.*)$", result.stdout, re.M) == (
            ["/run/eqp-broker/eqp-broker.sock"] if arguments else ["127.0.0.1:9377"])


def test_the_simulator_has_an_image_of_its_own(machine, images, tmp_path):
    files = files_of(machine, SIMULATOR, tmp_path / "simulator.tar")
    assert [name for name in files if name.startswith("/usr/bin/")] == ["/usr/bin/eqp-simulator"]
    assert sum(member.size for member in files.values() if member.isfile()) <= LIMIT_BYTES


def test_built_again_elsewhere_it_is_the_same(machine, images, tmp_path):
    """The same sources in another place, under another umask, at another time: the same layers."""
    build = pathlib.Path(os.environ["EQP_BUILD_DIR"])
    options = {option["name"]: option["value"]
               for option in json.loads((build / "meson-info/intro-buildoptions.json").read_text())}
    if options["buildtype"] != "release" or options["prefix"] != "/usr":
        pytest.skip("not the build of ./dev image")
    elsewhere = tmp_path / "some" / "where"
    shutil.copytree(ROOT, elsewhere, ignore=shutil.ignore_patterns(".git", "build*", "__pycache__"),
                    copy_function=shutil.copy)
    shutil.copytree(ROOT / "config", elsewhere / "config", dirs_exist_ok=True)
    run("bash", "-euc", f"umask 077; cd {elsewhere}; jobs=2; . tests/compile.sh; build_image", timeout=900)
    assert layers(machine.build_images(elsewhere / "build-image")) == layers(images) != []
