"""Fixtures of the chaos. The daemon and the simulator are run by the classes of the black-box tests."""

import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "blackbox")]


def pytest_addoption(parser):
    parser.addoption("--seconds", type=int, default=60, metavar="N", help="play for so long")
    parser.addoption("--seed", type=int, default=7, metavar="S", help="the order of events")
