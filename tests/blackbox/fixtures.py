"""Fixtures that the daemon's tests and the attacks share. A conftest.py imports those that its folder needs."""

import json
import os
import pathlib
import subprocess

import pytest

if "EQP_BUILD_DIR" not in os.environ:
    raise pytest.UsageError("EQP_BUILD_DIR has to name a build, such as EQP_BUILD_DIR=$PWD/build; see CONTRIBUTING.md")

import broker as broker_module
from broker import Broker
from manager import Manager
from simulator import Simulator


@pytest.fixture(scope="session")
def session_simulator():
    """One for all tests that need no more than `sandbox` and `production`."""
    with Simulator() as simulator:
        yield simulator
        assert simulator.process.poll() is None, simulator.stderr()


@pytest.fixture
def upstream(session_simulator):
    """The simulator as at its start."""
    session_simulator.reset()
    return session_simulator


@pytest.fixture
def make_broker(request):
    """Makes and starts daemons that end with the test. cls: another class than Broker."""
    brokers = []

    def make(*arguments, cls=Broker, **more):
        broker = cls(*arguments, **more)
        brokers.append(broker)
        return broker.__enter__()

    yield make
    failed = getattr(request.node, "failed", False)
    for broker in brokers:
        broker.__exit__(AssertionError if failed else None, None, None)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """For make_broker: has the test failed?"""
    report = (yield).get_result()
    item.failed = getattr(item, "failed", False) or (report.when == "call" and report.failed)


def build_options():
    """{name: value}; of a copy of the programs that are shipped, none."""
    options = pathlib.Path(os.environ["EQP_BUILD_DIR"]) / "meson-info" / "intro-buildoptions.json"
    return {option["name"]: option["value"] for option in json.loads(options.read_text())} if options.exists() else {}


def is_sanitized():
    return build_options().get("b_sanitize", "none") != "none"


def is_confined():
    """Does the daemon take from itself what it does not need?"""
    return not is_sanitized() and build_options().get("confinement", True) and not build_options().get("b_coverage", False)


@pytest.fixture
def plain_build():
    """For what a sanitizer changes: its heap keeps what was freed, it is slow, and it makes nothing of mlock()."""
    if is_sanitized():
        pytest.skip("not with a sanitizer")


@pytest.fixture
def manager():
    with Manager() as manager:
        yield manager


@pytest.fixture
def unwatched(tmp_path, monkeypatch):
    """The daemon is in a name space of users, whose limit of watches is its own."""
    alone = "unshare --user --map-root-user sh -ec 'echo 0 >/proc/sys/user/max_inotify_watches; exec \"$@\"' sh"
    if subprocess.run(f"{alone} true", shell=True, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to make a name space of users")
    command = tmp_path / "eqp-brokerd"
    command.write_text(f'#!/bin/sh\nexec {alone} {broker_module.binary()} "$@"\n')
    command.chmod(0o755)
    monkeypatch.setattr(broker_module, "binary", lambda name="": str(command))


def pytest_make_parametrize_id(val):
    """Test names that one can read and type: of a long text, the beginning."""
    if isinstance(val, (str, bytes)) and len(val) > 80:
        return ascii(val[:60]).strip("b'\"") + "..."
    return None
