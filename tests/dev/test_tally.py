"""The tally of a suite: each test with its result, and what is known of why."""

import json
import pathlib
import subprocess
import sys

TALLY = pathlib.Path(__file__).parents[1] / "tally.py"


def tally(path):
    run = subprocess.run([sys.executable, TALLY, "suite", path], capture_output=True, text=True, check=True, timeout=60)
    return [line.split("\t") for line in run.stdout.splitlines()]


def test_meson(tmp_path):
    tests = [
        {"name": "a", "result": "OK", "stdout": "fine\n"},
        {"name": "b", "result": "SKIP", "stdout": "no\nkernel too old\n"},
        {"name": "c", "result": "FAIL", "stdout": "a trace\nhistory 7 of seed 3 broke a promise\n"},
        {"name": "d", "result": "TIMEOUT"},
        {"name": "e", "result": "SKIP"},
    ]
    (tmp_path / "testlog.json").write_text("".join(json.dumps(test) + "\n" for test in tests))
    assert tally(tmp_path / "testlog.json") == [
        ["passed", "suite", "a", ""],
        ["skipped", "suite", "b", "kernel too old"],
        ["failed", "suite", "c", "fail: history 7 of seed 3 broke a promise"],
        ["failed", "suite", "d", "timeout"],
        ["skipped", "suite", "e", "skip"],
    ]


def test_junit(tmp_path):
    (tmp_path / "junit.xml").write_text(
        '<testsuite><testcase classname="x" name="a"/><testcase classname="x" name="b"><skipped message="no podman"/></testcase>'
        '<testcase classname="x" name="c"><failure message="assert 3 == 4&#10;more">long</failure></testcase>'
        '<testcase classname="x" name="d"><error message="fixture"/></testcase></testsuite>'
    )
    assert tally(tmp_path / "junit.xml") == [
        ["passed", "suite", "x::a", ""],
        ["skipped", "suite", "x::b", "no podman"],
        ["failed", "suite", "x::c", "assert 3 == 4 more"],
        ["failed", "suite", "x::d", "fixture"],
    ]


def test_no_results_are_a_failure(tmp_path):
    (tmp_path / "broken.xml").write_text("<test")
    (tmp_path / "empty.json").write_text("")
    for name in ("broken.xml", "empty.json", "missing.xml"):
        ((result, _, name_of_test, _),) = tally(tmp_path / name)
        assert (result, name_of_test) == ("failed", "the suite as a whole")
