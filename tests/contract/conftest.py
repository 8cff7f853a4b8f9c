"""Fixtures of the contracts: the documents in doc/openapi/ and the programs that they describe."""

import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "blackbox")]

from document import Document  # noqa: E402
from fixtures import make_broker, pytest_runtest_makereport, session_simulator, upstream  # noqa: E402, F401
from stores import make_store, store  # noqa: E402, F401


@pytest.fixture(scope="session")
def broker_document():
    return Document(ROOT / "doc" / "openapi" / "eqp-broker.yaml")


@pytest.fixture(scope="session")
def admin_document():
    return Document(ROOT / "doc" / "openapi" / "eqp-simulator-admin.yaml")


@pytest.fixture(scope="session")
def linter(tmp_path_factory):
    """The path of a program for node, from whatever registry this machine's npm knows."""
    if shutil.which("npm") is None:
        pytest.skip("the meta-schema of OpenAPI is NOT TESTED: there is no npm")
    place = pathlib.Path(os.environ.get("EQP_CLIENTS_DIR", ROOT / "build-clients")) / "contract"
    place.mkdir(parents=True, exist_ok=True)
    lock = HERE / "node" / "package-lock.json"
    with open(place / "lock", "w", encoding="utf-8") as others:
        fcntl.flock(others, fcntl.LOCK_EX)  # of several processes that run tests, one gets it
        if not (place / "done").exists() or (place / "done").read_bytes() != lock.read_bytes():
            for name in ("package.json", lock.name):
                shutil.copy(HERE / "node" / name, place)
            try:
                made = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=5"], cwd=place,
                                      capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=1200)
            except subprocess.TimeoutExpired:
                pytest.skip("the meta-schema of OpenAPI is NOT TESTED: npm has not got the linter within 20 minutes")
            if made.returncode != 0:
                pytest.skip("the meta-schema of OpenAPI is NOT TESTED: npm could not get the linter: "
                            f"{(made.stderr.strip().splitlines() or ['?'])[-1]}")
            shutil.copy(lock, place / "done")
    return place / "node_modules" / "@seriousme" / "openapi-schema-validator" / "bin" / "validate-api-cli.js"
