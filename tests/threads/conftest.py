"""Fixtures of the threads' tests: those of the black-box tests, for a build with ThreadSanitizer."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "blackbox"))

from simulator import Simulator  # noqa: E402


@pytest.fixture(scope="session")
def upstream():
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def callers():
    """Uids of the user database that may be callers; only root can be them."""
    if os.geteuid() != 0:
        pytest.skip("needs root: requests must come from other users")
    with open("/etc/passwd", encoding="utf-8") as file:
        uids = {int(line.split(":")[2]) for line in file if line.count(":") == 6}
    return sorted(uids - {0, 65534})
