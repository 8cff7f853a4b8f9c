"""Fixtures of the container tests. They need root, and podman. With CI=true, it is a failure if they cannot run."""

import os
import pathlib
import shutil
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "blackbox"), str(HERE.parent / "docs")]

from charts import Tools, place_of_tools  # noqa: E402
from machine import Machine, run, why_not  # noqa: E402
from pod import APP, Pod  # noqa: E402
from simulator import EXAMPLE_KEY  # noqa: E402

ROOT = HERE.parents[1]


def missing(what):
    """A test cannot be run here: says so aloud, and where everything has to be there, fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CONTAINERS NOT TESTED: {what}")
    pytest.skip(f"CONTAINERS NOT TESTED: {what}")


@pytest.fixture(scope="session")
def machine():
    if (reason := why_not()) is not None:
        missing(reason)
    # Not below pytest's own directory: podman's sockets need a short path.
    machine = Machine(pathlib.Path(tempfile.mkdtemp(prefix="eqp-ct-")))
    machine.directory.chmod(0o755)
    yield machine
    machine.close()


@pytest.fixture(scope="session")
def images(machine):
    """The images are there; the output of their build."""
    printed = machine.build_images(os.environ["EQP_BUILD_DIR"])
    context = machine.directory / "app"
    # An application that knows nothing of the broker.
    run(ROOT / "config/container/collect-root.sh", context / "root", shutil.which("curl"), shutil.which("env"))
    machine.buildah("build", "--isolation=chroot", "--tag", APP, "--file", HERE / "Containerfile.app", context)
    return printed


@pytest.fixture
def pod(machine, images, request):
    """A pod with a simulator; the broker is not started yet."""
    with Pod(machine) as pod:
        yield pod
        if getattr(request.node, "failed", False):
            print(f"---- broker\n{pod.log()}")


@pytest.fixture
def served(pod):
    """A pod whose broker has a token."""
    pod.write_key("sandbox", EXAMPLE_KEY)
    return pod.start_broker().wait_ready()


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    """helm and kubectl, and the charts as their users have them."""
    tools = Tools(place_of_tools())
    tools.copy_charts(tmp_path_factory.mktemp("charts"))
    return tools


figures = pytest.StashKey[list]()


@pytest.fixture
def measured(request):
    """measured("its name: 12 MB"): a figure that is printed at the end of the run."""
    return request.config.stash.setdefault(figures, []).append


def pytest_terminal_summary(terminalreporter, config):
    for line in config.stash.get(figures, []):
        terminalreporter.write_line(f"measured: {line}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    item.failed = getattr(item, "failed", False) or (report.when == "call" and report.failed)
