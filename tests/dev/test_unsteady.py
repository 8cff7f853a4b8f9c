"""A test that fails once and passes three times by itself: it is told, and the run goes on. All others fail it."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).parents[1]
RUN = """
set -euo pipefail
python={python} jobs=1 bold='' red='' plain='' staging=/nowhere bytecode=''
. tests/results.sh
. tests/suites.sh
begin_results
for folder; do run_pytest "$folder" /nowhere "build-results/${{folder//\\//-}}.xml" "$folder" || exit 9; done
report
"""
# It fails at some of its calls, which it counts in a file.
FAILS = """
import pathlib

count = pathlib.Path(__file__).with_suffix(".count")


def test_it():
    n = int(count.read_text()) + 1 if count.exists() else 1
    count.write_text(str(n))
    assert n not in {fails_at}{more}
"""
BAD_END = """
import pytest


@pytest.fixture
def broker():
    yield
    assert False


def test_it(broker):
    pass
"""


@pytest.fixture
def run(tmp_path):
    """Runs the files of tests in these folders below tests/, {"folder/name": text}; returns its exit code and output."""
    def run(files):
        for name, text in files.items():
            path = tmp_path / "tests" / (name + ".py")
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(text)
        for name in ("results.sh", "suites.sh", "keep.py", "tally.py", "conftest.py"):
            shutil.copy(TESTS / name, tmp_path / "tests")
        folders = sorted({"tests/" + name.split("/")[0] for name in files})
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "EQP_"))}
        done = subprocess.run(["bash", "-c", RUN.format(python=sys.executable), "run", *folders], cwd=tmp_path, env=env,
                              capture_output=True, text=True, timeout=600)
        return done.returncode, done.stdout + done.stderr
    return run


def fails(*at, more=""):
    return FAILS.format(fails_at=at, more=more)


def test_one_that_fails_once(run):
    code, said = run({"a/test_a": fails(1), "a/test_b": fails(0)})
    assert code == 0 and said.splitlines()[-1] == "1 passed, 0 failed, 1 unsteady", said
    assert "Unsteady, to be fixed" in said and "test_a::test_it (assert 1 not in (1,))" in said


@pytest.mark.parametrize("at", [(1, 2), (1, 3), (1, 4), (1, 2, 3, 4)])
def test_one_that_fails_again(run, at):
    code, said = run({"a/test_a": fails(*at)})
    assert code == 1 and said.splitlines()[-1] == "0 passed, 1 failed", said


def test_one_that_is_skipped_the_next_time(run):
    code, said = run({"a/test_a": fails(1).replace("    assert", "    n > 1 and __import__('pytest').skip('no')\n    assert")})
    assert code == 1 and said.splitlines()[-1] == "0 passed, 1 failed", said


@pytest.mark.parametrize("files", [
    {"security/test_a": fails(1)},
    {"a/test_secrets": fails(1)},
    {"a/test_a": fails(1, more=", 'ERROR: AddressSanitizer: a leak'")},
    {"a/test_a": fails(1).replace("assert", "n > 1 or print('x.c:1: runtime error: no')\n    assert")},
    {"a/test_a": BAD_END},
], ids=["an attack", "a secret", "a report", "a report in the output", "after a test"])
def test_what_no_repetition_excuses(run, files):
    code, said = run(files)
    assert code == 1 and "1 failed" in said.splitlines()[-1] and "once more" not in said, said


def test_three_in_a_suite(run):
    code, said = run({f"a/test_{n}": fails(1) for n in range(3)})
    assert code == 1 and said.splitlines()[-1] == "0 passed, 3 failed" and "once more" not in said, said


@pytest.mark.parametrize("n, last", [(3, "0 passed, 0 failed, 3 unsteady"), (4, "0 passed, 4 failed")])
def test_as_many_in_a_run(run, n, last):
    """A passing test beside them, as a run of none but these would be none."""
    code, said = run({f"a{i}/test_{i}": fails(1) for i in range(n)} | {"b/test_b": fails(0)})
    assert code == (n > 3) and said.splitlines()[-1] == last.replace("0 passed", "1 passed"), said


def test_a_file_that_cannot_be_read(run):
    code, said = run({"a/test_a": fails(1), "b/test_b": "import nothing_of_this_name\n"})
    assert code == 1 and said.splitlines()[-1] == "0 passed, 1 failed, 1 unsteady", said
