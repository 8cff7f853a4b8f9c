"""Fixtures of the daemon's tests."""

import os

import pytest

from broker import STRANGER
from fixtures import (make_broker, manager, plain_build, pytest_make_parametrize_id,  # noqa: F401
                      pytest_runtest_makereport, session_simulator, unwatched, upstream)
from key_desk import KeyDesk
from passed_sockets import activated, sockets  # noqa: F401
from sharing import member  # noqa: F401
from simulator import EXAMPLE_KEY
from slow_clients import SlowClients
from stores import make_store, store  # noqa: F401

BESIDE_OTHERS = "PYTEST_XDIST_WORKER" in os.environ  # each file in one of several processes


@pytest.fixture
def broker(upstream, make_broker):
    """A daemon with the simulator's key for the sandbox, and a valid token of it."""
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()


@pytest.fixture
def desk():
    with KeyDesk() as desk:
        yield desk


@pytest.fixture(scope="session")
def slow_clients():
    """They are at it from the first test that asks for them; a test that asks for a result waits."""
    clients = SlowClients()
    yield clients
    clients.close()


@pytest.fixture(scope="session")
def slow_clients_get_going(request):
    """For tests that come long before those who ask for a result."""
    if not BESIDE_OTHERS:
        request.getfixturevalue("slow_clients")


def pytest_collection_modifyitems(items):
    # Where other files go on beside it, nothing has to be begun in another one. Tests that take a minute come first.
    if BESIDE_OTHERS:
        items.sort(key=lambda item: item.path.name != "test_daemon_slow_clients.py")


@pytest.fixture
def stranger():
    """The uid of somebody else; only root can take it."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a request must come from another user")
    return STRANGER
