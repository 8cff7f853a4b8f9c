"""Fixtures of the attacks. They need root, who alone can be several people.

The daemon and the simulator are run by the classes and fixtures of the black-box tests.
"""

import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "blackbox")]

from authorities import Authority, trusting  # noqa: E402
from fixtures import (make_broker, manager, plain_build, pytest_make_parametrize_id,  # noqa: E402, F401
                      pytest_runtest_makereport, session_simulator, unwatched, upstream)
from people import Users  # noqa: E402
from simulator import EXAMPLE_KEY  # noqa: E402


@pytest.fixture(scope="session")
def user_namespaces():
    """They can be made here: not so in a chroot."""
    made = subprocess.run(["unshare", "--user", "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"USER NAMESPACES NOT TESTED: none can be made here (is this a chroot?): {made.stderr.strip()}")


def pytest_collection_modifyitems(items):
    # Tests that take a minute are begun first and looked at last.
    items.sort(key=lambda item: item.name.endswith("_a_minute_later") - item.name.endswith("_at_first"))
    if os.geteuid() != 0:
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="ATTACKS NOT TESTED: they need root, to be several users"))


@pytest.fixture(scope="session")
def users():
    users = Users()
    yield users
    users.remove_all()


@pytest.fixture(scope="session")
def alice(users):
    """Whom the rules allow, where a test says so."""
    return users.user("alice")


@pytest.fixture(scope="session")
def mallory(users):
    """Whom no rule allows."""
    return users.user("mallory")


@pytest.fixture
def broker(upstream, make_broker, alice):
    """A daemon that serves alice (and root), with a valid token of the sandbox."""
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                       broker=f"allow = user:root\nallow = user:{alice.name}").wait_valid()


@pytest.fixture
def tcp(broker):
    return "127.0.0.1", broker.port


@pytest.fixture(scope="session")
def authorities(tmp_path_factory):
    """The one that the machine trusts, and an unrelated one."""
    directory = tmp_path_factory.mktemp("authorities")
    return Authority(directory, "systems"), Authority(directory, "company")


@pytest.fixture
def machine(authorities, tmp_path, monkeypatch):
    """All programs are run where the system's store is the first authority's. The path of the daemon."""
    daemon = trusting(tmp_path / "build", authorities[0])
    monkeypatch.setenv("EQP_BUILD_DIR", str(tmp_path / "build"))
    return daemon
