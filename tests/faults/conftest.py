"""Fixtures of the faults. The daemon and the simulator are run by the classes of the black-box tests."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "blackbox"))

from simulator import Simulator  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--every", type=int, default=1, metavar="N",
                     help="let every N-th call fail; default: each one")


@pytest.fixture(scope="session")
def upstream():
    with Simulator() as simulator:
        yield simulator
        assert simulator.process.poll() is None, simulator.stderr()
