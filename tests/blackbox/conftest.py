"""Fixtures of the daemon's tests."""

import os

import pytest

from broker import STRANGER, Broker
from simulator import EXAMPLE_KEY, Simulator
from slow_clients import SlowClients

BESIDE_OTHERS = "PYTEST_XDIST_WORKER" in os.environ  # each file in one of several processes


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
    """Makes and starts daemons that end with the test."""
    brokers = []

    def make(*arguments, **more):
        broker = Broker(*arguments, **more)
        brokers.append(broker)
        return broker.__enter__()

    yield make
    failed = getattr(request.node, "failed", False)
    for broker in brokers:
        broker.__exit__(AssertionError if failed else None, None, None)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    item.failed = getattr(item, "failed", False) or (report.when == "call" and report.failed)


@pytest.fixture
def broker(upstream, make_broker):
    """A daemon with the simulator's key for the sandbox, and a valid token of it."""
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()


@pytest.fixture(scope="session")
def slow_clients():
    """They are at it from the first test that asks for them; whoever asks for a result waits."""
    clients = SlowClients()
    yield clients
    clients.close()


@pytest.fixture(scope="session")
def slow_clients_get_going(request):
    """For tests that come long before those who ask for a result."""
    if not BESIDE_OTHERS:
        request.getfixturevalue("slow_clients")


def pytest_collection_modifyitems(items):
    # Where other files go on beside it, nothing has to be begun in another one. What takes a minute comes first.
    if BESIDE_OTHERS:
        items.sort(key=lambda item: item.path.name != "test_daemon_slow_clients.py")


@pytest.fixture
def stranger():
    """The uid of somebody else; only root can be him."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a request must come from another user")
    return STRANGER
