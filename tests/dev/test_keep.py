"""keep.py: nothing of a suite is left, however it hides."""

import os
import pathlib
import signal
import subprocess
import time

import pytest

KEEP = pathlib.Path(__file__).parents[1] / "keep.py"


class Keeper:
    def __init__(self, directory):
        self.results = directory / "results.tsv"

    def command(self, script, seconds=60):
        return [KEEP, "a suite", str(seconds), self.results, "sh", "-c", script]

    def run(self, script, **more):
        return subprocess.run(self.command(script, **more), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120)

    def failures(self):
        """Kind and name of each row of the results."""
        rows = [row.split("\t") for row in self.results.read_text().splitlines()] if self.results.exists() else []
        assert all((row[0], row[1], len(row)) == ("failed", "a suite", 4) for row in rows), rows
        return [row[2] for row in rows]


@pytest.fixture
def keeper(tmp_path, monkeypatch):
    monkeypatch.setenv("EQP_KEEP_MOMENT_SEC", "5")
    return Keeper(tmp_path)


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_gone(pid):
    deadline = time.monotonic() + 60
    while is_there(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_suite_that_ends_all_it_started(keeper):
    result = keeper.run("echo one; (sleep 0.5; echo two >&2) & wait; exit 3")
    assert (result.returncode, result.stdout, keeper.failures()) == (3, "one\ntwo\n", [])


def test_a_process_that_ends_soon_after_was_not_left_behind(keeper):
    assert keeper.run("setsid sleep 1 &").returncode == 0
    assert keeper.failures() == []


@pytest.mark.parametrize("how", ["", "setsid", "env -i setsid", "sh -c 'env -i setsid sleep 1001 & exit 0';"])
def test_a_process_that_is_left_behind_is_ended_and_named(keeper, how):
    result = keeper.run(f"{how} sleep 1000 & echo $!")
    wait_gone(int(result.stdout.splitlines()[0]))
    failures = keeper.failures()
    assert any("left behind: sleep 1000 " in failure for failure in failures) and result.returncode == 0
    assert len(failures) == how.count("sleep") + 1, failures


def test_a_process_that_does_not_listen_is_ended_too(keeper):
    result = keeper.run("(trap '' TERM INT HUP; while :; do sleep 1; done) & echo $!")
    wait_gone(int(result.stdout.splitlines()[0]))
    assert any("left behind: sh -c " in failure for failure in keeper.failures())


def test_a_suite_without_end_is_ended(keeper):
    result = keeper.run("echo $$; exec sleep 1000", seconds=1)
    wait_gone(int(result.stdout.splitlines()[0]))
    assert keeper.failures() == ["not done within 1 s, and ended"] and result.returncode != 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end_it_ends_the_suite_first(keeper, number):
    with subprocess.Popen(keeper.command("trap 'echo ended; exit' INT; echo begun; while :; do sleep 0.1; done"),
                          stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        assert process.stdout.read() == "ended\n"
    assert (process.returncode, keeper.failures()) == (-number, [])


def test_the_suite_ends_with_dev(keeper):
    with subprocess.Popen(["sh", "-c", '"$@" & wait', "dev", *keeper.command("echo $$; exec sleep 1000")],
                          stdout=subprocess.PIPE, text=True) as dev:
        pid = int(dev.stdout.readline())
        dev.kill()
        wait_gone(pid)
