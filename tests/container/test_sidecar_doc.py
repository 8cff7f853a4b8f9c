"""The examples of doc/sidecar.md, as they are printed there.

What is replaced is what cannot be the reader's here: the upstream (a simulator in the same pod), the
directories of a CI runner, and the container engine, which is the test's own podman under each of its names.
"""

import os
import re
import subprocess

import pytest

from conftest import ROOT
from pod import APP, BROKER
from simulator import EXAMPLE_KEY

DOC = (ROOT / "doc/sidecar.md").read_text(encoding="utf-8")
FILES = ["kubernetes/pod.yaml", "compose/compose.yaml", "quadlet/app.pod", "quadlet/eqp-broker.container",
         "quadlet/app.container"]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", DOC, re.S | re.M)
SECRET = EXAMPLE_KEY.split(":")[1]


def block(*words):
    """The one example that has all these words."""
    found = [text for _, text in BLOCKS if all(word in text for word in words)]
    assert len(found) == 1, words
    return found[0]


@pytest.fixture
def runner(pod, machine, tmp_path):
    """runner(script, **environment): runs a shell script in the pod's network; returns its output."""
    (tmp_path / "bin").mkdir()
    engine = " ".join(map(str, ("podman", *machine.storage, *machine.options)))
    for name in ("podman", "docker"):
        shim = tmp_path / "bin" / name
        shim.write_text(f'#!/bin/sh\nPATH={os.environ["PATH"]} exec {engine} "$@"\n')
        shim.chmod(0o755)
    for image in (BROKER, APP):
        name = {BROKER: "eqp-broker:0.1.0", APP: "app:1.0"}[image]
        machine.podman("tag", image, f"registry.example.com/{name}")
    build = os.environ["EQP_BUILD_DIR"]
    submit = tmp_path / "submit"
    submit.write_text('#!/bin/sh\nprintf %s "$EQP_TOKEN" >submitted\n')
    submit.chmod(0o755)

    def run(script, **environment):
        result = subprocess.run(
            ["nsenter", "-t", str(pod.pid("upstream")), "-n", "bash", "-eo", "pipefail", "-c", script],
            cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=120, env=machine.environment | {
                "PATH": f"{tmp_path}/bin:{build}/daemon:{build}/ctl:{os.environ['PATH']}"} | environment)
        assert result.returncode == 0, result.stdout
        return result.stdout

    yield run
    machine.podman("rm", "--force", "--time=0", "eqp-broker", check=False)


def upstream_options(pod):
    return (f"--network=container:{pod.container('upstream')} --volume={pod.upstream_files}:/upstream:ro "
            f"--volume={pod.settings}:/etc/eqp-broker/eqp-brokerd.conf.d/test.conf:ro")


@pytest.mark.parametrize("name", FILES)
def test_what_is_printed_there_is_the_file(name):
    assert (ROOT / "config" / name).read_text() in [text for _, text in BLOCKS]


def test_its_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", DOC):
        assert (ROOT / "doc" / target).exists(), target


def test_its_limit_is_the_one_that_is_tested():
    assert "| 16 MiB |" in DOC


def test_one_token_and_done(pod, runner, tmp_path):
    pod.write_key("sandbox", EXAMPLE_KEY)
    script = block("--once sandbox", "token.env")
    script = script.replace("--volume ./keys:", f"{upstream_options(pod)} --volume {pod.keys}:")
    script = script.replace("app:1.0\n", "app:1.0 env\n").replace("--env-file", "--network=none --env-file")
    output = runner(script.replace("rm token.env", "stat -c 'mode %a' token.env && rm token.env"))
    assert "mode 600" in output
    token = re.search(r"^EQP_TOKEN=(\S+)$", output, re.M)[1]
    assert re.search(r"^EQP_MAGE_ID=MAG123456789$", output, re.M)
    assert pod.simulator.state("sandbox")["requests"]["granted"] == 1
    assert len(token) > 10 and not (tmp_path / "token.env").exists()


def test_the_job_of_github_keeps_the_token_out_of_its_log(pod, runner, tmp_path):
    yaml = pytest.importorskip("yaml")
    steps = yaml.safe_load(block("runs-on"))["jobs"]["submit"]["steps"]
    assert steps[0]["env"] == {"EQP_KEY": "${{ secrets.EQP_KEY }}"}
    start, use, stop = (step["run"] for step in steps)
    output = runner(start.replace("--network=host", upstream_options(pod)), EQP_KEY=EXAMPLE_KEY,
                    RUNNER_TEMP=str(tmp_path))
    output += runner(use)
    token = (tmp_path / "submitted").read_text()
    assert len(token) > 10
    assert [line for line in output.splitlines() if token in line] == [f"::add-mask::{token}"]
    assert SECRET not in output
    runner(stop, RUNNER_TEMP=str(tmp_path))
    assert not (tmp_path / "eqp-keys").exists()


@pytest.fixture
def gitlab(pod, tmp_path):
    """The lines of the job's script, for this test's directory and upstream; and the key's file."""
    yaml = pytest.importorskip("yaml")
    directory = tmp_path / "eqp"
    (directory / "conf.d").mkdir(parents=True)
    (directory / "conf.d" / "test.conf").write_text(pod.settings.read_text().replace("/upstream/",
                                                                                     f"{pod.upstream_files}/"))
    (tmp_path / "key").write_text(EXAMPLE_KEY + "\n")
    job = yaml.safe_load(block("after_script"))["submit"]
    return [line.replace("/tmp/eqp", str(directory)) for line in job["script"]]


def test_the_job_of_gitlab_keeps_the_token_out_of_its_log(pod, runner, gitlab, tmp_path):
    output = runner("\n".join([*gitlab, "kill %1", "wait"]), EQP_KEY_FILE=str(tmp_path / "key"))
    token = (tmp_path / "submitted").read_text()
    assert len(token) > 10
    assert token not in output and SECRET not in output
    assert token not in (tmp_path / "eqp" / "log").read_text()


def test_a_short_command_does_without_a_daemon(runner, gitlab, tmp_path):
    line = re.search(r"^`(eval .*)`\.$", DOC, re.M)[1].replace("/tmp/eqp", str(tmp_path / "eqp"))
    # The settings name the upstream only.
    output = runner("\n".join([*gitlab[:2], line, "export EQP_TOKEN", "./submit"]),
                    EQP_KEY_FILE=str(tmp_path / "key"), EQP_BROKER_CONFIG=str(tmp_path / "eqp" / "conf.d" / "test.conf"))
    token = (tmp_path / "submitted").read_text()
    assert len(token) > 10
    assert token not in output
