"""Fixtures of the replays: whole programs that use the EQP API, each with a base URL, an ID and a secret, and no word of a
broker in it.

Every program goes through every door of doors.py.
"""

import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "blackbox"), str(HERE.parent / "docs")]

from doors import DOORS, ROOT  # noqa: E402
from fixtures import make_broker, pytest_runtest_makereport, session_simulator, upstream  # noqa: E402, F401


@pytest.fixture(params=DOORS)
def door(request, upstream):
    upstream.settings("sandbox", scan_queued_ms=300, scan_ms=300)
    with DOORS[request.param](upstream) as door:
        yield door


def build_directory():
    """Where the libraries of the replays are kept from run to run; ./dev clean takes it away."""
    return pathlib.Path(os.environ.get("EQP_CLIENTS_DIR", ROOT / "build-clients"))


def get_modules(place):
    lock = HERE / "node" / "package-lock.json"
    if (place / "done").exists() and (place / "done").read_bytes() == lock.read_bytes():
        return
    for name in ("package.json", lock.name):
        shutil.copy(HERE / "node" / name, place)
    try:
        made = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=5"], cwd=place,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=1200)
    except subprocess.TimeoutExpired:
        pytest.skip("axios and newman NOT TESTED: npm has not got them within 20 minutes")
    if made.returncode != 0:
        pytest.skip(f"axios and newman NOT TESTED: npm could not get them: {(made.stderr.strip().splitlines() or ['?'])[-1]}")
    shutil.copy(lock, place / "done")


@pytest.fixture(scope="session")
def node_modules():
    """axios and newman at the versions of node/package-lock.json, from whatever registry this machine's npm knows."""
    if shutil.which("npm") is None:
        pytest.skip("axios and newman NOT TESTED: there is no npm")
    place = build_directory() / "node"
    place.mkdir(parents=True, exist_ok=True)
    with open(place / "lock", "w", encoding="utf-8") as others:
        fcntl.flock(others, fcntl.LOCK_EX)  # of several processes that run tests, one gets them
        get_modules(place)
    return place / "node_modules"
