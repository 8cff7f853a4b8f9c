"""The examples of doc/sidecar.md, as they are printed there: every command that podman can run here.

Only things are replaced that cannot be the reader's here: the upstream (a simulator in the same pod), the
directories of a CI runner, a registry, and the container engine, which is the test's own podman under each of its
names. TYPED says for each command which test types it, or why none does; so none is added that nobody types.
"""

import json
import os
import re
import subprocess

import pytest

import test_charts_doc
from conftest import ROOT
from page import blocks, quoted_commands, split
from pod import APP, BROKER, SIMULATOR
from simulator import EXAMPLE_KEY

PAGE = ROOT / "doc/sidecar.md"
DOC = PAGE.read_text(encoding="utf-8")
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
    assert machine.podman("image", "exists", f"{SIMULATOR}:0.1.0")
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
    for name in ("eqp-broker", "simulator"):  # the one is in the other's network
        machine.podman("rm", "--force", "--time=0", name, check=False)


def upstream_options(pod):
    return (f"--network=container:{pod.container('upstream')} --volume={pod.upstream_files}:/upstream:ro "
            f"--volume={pod.settings}:/etc/eqp-broker/eqp-brokerd.conf.d/test.conf:ro")


@pytest.mark.parametrize("name", FILES)
def test_the_printed_file_is_the_real_one(name):
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


def test_without_an_account(runner):
    """The simulator owns a network that leads nowhere, where the reader's has one of podman's."""
    script = block("--name simulator", "try/keys")
    output = runner(script.replace("--name simulator", "--network=none --name simulator"))
    assert "sandbox" in output, output
    runner("timeout 60 sh -c 'until podman exec eqp-broker eqpctl ready; do sleep 0.2; done'")
    assert "valid" in runner("podman exec eqp-broker eqpctl status sandbox")
    settings = runner("podman exec eqp-broker eqp-brokerd --check")
    assert "base_url = https://127.0.0.1:9443" in settings and "ca_file = /tls/ca.pem" in settings


def test_an_application_with_a_local_key_and_no_token(pod, runner, tmp_path):
    """The manifest's settings and the section that is made here, mounted; the application has base URL, ID and secret."""
    yaml = pytest.importorskip("yaml")
    runner(block("local add app", "--print"))
    name, secret = ((tmp_path / file).read_text() for file in ("id", "secret"))
    assert re.fullmatch(r"lk-app-[0-9a-f]{6}", name) and re.fullmatch(r"[0-9a-f]{64}", secret)
    settings = tmp_path / "settings"
    settings.mkdir()
    section = tmp_path / "local-app.conf"
    assert secret not in section.read_text()
    manifest, *_ = yaml.safe_load_all((ROOT / "config/kubernetes/pod-local-key.yaml").read_text())
    for file, text in (*manifest["data"].items(), (section.name, section.read_text()), ("test.conf", pod.settings.read_text())):
        (settings / file).write_text(text)
    pod.write_key("sandbox", EXAMPLE_KEY)
    pod.run("broker", BROKER, options=(f"--network=container:{pod.container('upstream')}", f"--volume={pod.upstream_files}:/upstream:ro",
                                       f"--volume={pod.keys}:/run/secrets/eqp-broker:ro",
                                       f"--volume={settings}:/etc/eqp-broker/eqp-brokerd.conf.d:ro"))
    pod.wait_ready()

    def app(*arguments, uid=1500):
        return pod.app("curl", "-sS", "-w", "\n%{http_code}", *arguments, uid=uid).stdout.rpartition("\n")

    base = "http://127.0.0.1:9377/sandbox/rest/v1"
    ask = ("-u", f"{name}:{secret}", "-H", "Content-Type: application/json", "-d", '{"grant_type":"session"}',
           f"{base}/app/session/token")
    body, _, status = app(*ask)
    assert status == "200", body
    bearer = ("-H", f"Authorization: Bearer {json.loads(body)['ust']}")
    body, _, status = app(*bearer, f"{base}/users/MAG123456789")
    assert status == "200" and "MAG123456789" in body
    assert app(*bearer, f"{base}/reports/metrics")[2] == "403"
    assert app("-H", "EQP-Client: app", "http://127.0.0.1:9377/v1/sandbox/token")[2] == "403", "it may have no token"
    assert app(*ask, uid=1501)[2] == "401", "the key is its caller's alone"
    (settings / section.name).unlink()
    assert pod.eqpctl("reload").returncode == 0
    assert app(*bearer, f"{base}/users/MAG123456789")[2] == "401"


NOT_BY_PODMAN = {"systemctl daemon-reload", "systemctl start app-pod.service"}  # quadlet, in podman 4.4 and newer
NOT_WITHOUT_CLUSTER = 2  # kubectl apply; test_kubernetes.py plays the kubelet


def test_a_secret_of_podman_and_the_unit_s_options_for_it(runner, pod, tmp_path):
    commands = split(block("podman secret create", "daemon-reload"))
    assert set(commands[2:]) == NOT_BY_PODMAN
    (tmp_path / "FILE").write_text(EXAMPLE_KEY + "\n")
    (tmp_path / "config").symlink_to(ROOT / "config")
    runner("mkdir units\n" + "\n".join(commands[:2]).replace("/etc/containers/systemd", "units"))
    assert len(list((tmp_path / "units").iterdir())) == 3
    secret = re.search(r"^Secret=(.*)$", (tmp_path / "units" / "eqp-broker.container").read_text(), re.M)[1]
    try:
        runner(f"podman run --detach --name eqp-broker --secret {secret} {upstream_options(pod)} "
               f"{BROKER}:0.1.0 && timeout 60 sh -c 'until podman exec eqp-broker eqpctl ready; do sleep 0.2; done'")
    finally:
        runner("podman rm --force --time=0 eqp-broker; podman secret rm eqp-sandbox")


def test_the_image_is_pushed(runner, tmp_path):
    command = next(quote for quote in quoted_commands(PAGE) if quote.startswith("podman push"))
    runner(command.replace("docker://registry.example.com/eqp-broker:0.1.0", f"dir:{tmp_path}/registry"))
    assert (tmp_path / "registry" / "manifest.json").exists()


def test_the_image_is_handed_over_as_an_archive(runner):
    assert {"podman save", "docker load"} <= set(quoted_commands(PAGE))
    loaded = runner("podman save --output archive registry.example.com/eqp-broker:0.1.0\ndocker load <archive")
    assert "registry.example.com/eqp-broker:0.1.0" in loaded


TYPED = {
    "(umask 077 && podman run --rm --volume ./keys:/run/secrets/eqp-broker:ro localhost/eqp-broker:0.1.0 \\":
        test_one_token_and_done,
    "install -d -o 65532 -g 65532 -m 0700 try/keys try/tls": test_without_an_account,
    "podman secret create eqp-sandbox FILE": test_a_secret_of_podman_and_the_unit_s_options_for_it,
    "kubectl create secret generic eqp-broker-keys --from-file=sandbox=FILE":
        test_charts_doc.test_kubectl_makes_the_secret_of_the_page,
    "helm dependency update my-chart": test_charts_doc.test_a_chart_of_mine_has_the_broker_as_the_page_says,
    "helm install eqp-broker config/helm/eqp-broker --namespace brokers --create-namespace --set 'callers={uid:1500}' \\":
        test_charts_doc.test_the_chart_for_nodes_is_installed_as_the_page_says,
    "kubectl kustomize my-overlay": test_charts_doc.test_an_overlay_of_mine_has_the_broker_as_the_page_says,
    "kubectl apply --kustomize my-overlay": "there is no Kubernetes; what it installs is what kubectl kustomize prints",
    "podman save": test_the_image_is_handed_over_as_an_archive,
    "docker load": test_the_image_is_handed_over_as_an_archive,
    "docker compose up": "the images come from no registry; test_manifests.py has compose read the files",
    "eqp-brokerd --check": test_without_an_account,
    "eqpctl exec": test_the_job_of_gitlab_keeps_the_token_out_of_its_log,
    'eval "$(CREDENTIALS_DIRECTORY=/tmp/eqp/sandbox-keys eqp-brokerd --once sandbox --format env)"':
        test_a_short_command_does_without_a_daemon,
    "podman push localhost/eqp-broker:0.1.0 docker://registry.example.com/eqp-broker:0.1.0": test_the_image_is_pushed,
    "(umask 077 && eqpctl local add app --environment sandbox --caller uid:1500 \\":
        test_an_application_with_a_local_key_and_no_token,
    "kubectl create configmap eqp-broker-local-app --from-file=local-app.conf":
        test_charts_doc.test_kubectl_makes_the_objects_of_an_application_without_a_token,
    "kubectl create configmap eqp-broker-share --from-file=share.conf":
        test_charts_doc.test_kubectl_makes_what_brokers_need_to_share,
    "eqpctl reload": test_an_application_with_a_local_key_and_no_token,
    "./dev image arm64": "tests/foreign/test_image.py uses the images that it makes",
    "podman run": "a word for what test_life.py measures",
    "podman secret rm": test_a_secret_of_podman_and_the_unit_s_options_for_it,
}


def test_every_command_of_the_page_is_typed(measured):
    yaml = pytest.importorskip("yaml")
    in_blocks = {found.first: found.commands for found in blocks(PAGE) if found.commands}
    assert sorted(TYPED) == sorted([*in_blocks, *quoted_commands(PAGE)])
    github = [split(step["run"]) for step in yaml.safe_load(block("runs-on"))["jobs"]["submit"]["steps"]]
    gitlab = yaml.safe_load(block("after_script"))["submit"]
    jobs = sum(map(len, github)) + len(gitlab["script"]) + len(gitlab["after_script"])
    typed = sum(len(in_blocks.get(first, [first])) for first, test in TYPED.items() if callable(test))
    left_out = sum(len(in_blocks.get(first, [first])) for first, test in TYPED.items() if not callable(test))
    assert typed + jobs > 25
    not_here = len(NOT_BY_PODMAN) + NOT_WITHOUT_CLUSTER
    measured(f"commands of sidecar.md: {typed - not_here} are typed, and {jobs} of jobs for CI; "
             f"{left_out + not_here} are not, as podman here cannot")
