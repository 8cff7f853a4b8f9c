"""Fixtures of memcheck: the programs of the black-box tests, run by valgrind.

An error of memcheck turns the exit code into MISTAKES, and what it says goes to stderr. Leaks count if nothing
points to the block any more; blocks that are still pointed to at exit are the libraries' tables. There is no list of
suppressions: nothing needs one. The daemon is one that does not confine itself, and starts its frontend by the same
script as itself; see frontend.c.
"""

import os
import pathlib
import shlex
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "blackbox"))

import broker as broker_module  # noqa: E402
from simulator import Simulator  # noqa: E402

MISTAKES = 99
DAEMON = "tests/memcheck/eqp-brokerd-memcheck"
VALGRIND = (shutil.which("valgrind") or "valgrind", "--quiet", f"--error-exitcode={MISTAKES}", "--leak-check=full",
            "--num-callers=25", "--errors-for-leak-kinds=definite,possible", "--show-leak-kinds=definite,possible")
broker_module.START_TIMEOUT = 180


@pytest.fixture(scope="session")
def watched(tmp_path_factory):
    """watched(program) is a script that runs this program of the build by valgrind."""
    directory = tmp_path_factory.mktemp("watched")

    def watch(name):
        script = directory / name.replace("/", "-")
        program = os.path.join(os.environ["EQP_BUILD_DIR"], name)
        script.write_text(f'#!/bin/sh\nEQP_FRONTEND_PROGRAM=${{EQP_FRONTEND_PROGRAM:-$0}} exec {shlex.join((*VALGRIND, program))} "$@"\n')
        script.chmod(0o755)
        return str(script)

    return watch


@pytest.fixture(scope="session")
def upstream():
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def daemon_is_watched(watched, monkeypatch):
    monkeypatch.setattr(broker_module, "binary", lambda name=DAEMON: watched(name))
