"""make-root.sh: a root of Debian is there in spite of a mirror's bad moment, and a failure stays with the one that asked."""

import os
import pathlib
import stat
import subprocess

import pytest

MAKE_ROOT = pathlib.Path(__file__).parents[1] / "make-root.sh"
# As mmdebstrap ends when it cannot write a tarball: all of its process group is to end.
FAKE = r"""#!/bin/sh
echo "$@" >>"$CALLS"
for target; do case $target in */root*) break ;; esac; done
[ ! -e "$target" ] || { echo "there is something at $target"; exit 2; }
touch "$target"
[ "$(wc -l <"$CALLS")" -le "$FAILS" ] || exit 0
trap '' HUP
kill -HUP 0
exit 25
"""


@pytest.fixture
def make(tmp_path):
    fake = tmp_path / "bin" / "mmdebstrap"
    fake.parent.mkdir()
    fake.write_text(FAKE)
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)

    def run(*words, fails):
        environment = os.environ | {"PATH": f"{fake.parent}:{os.environ['PATH']}", "PAUSE_SEC": "0", "FAILS": str(fails),
                                    "CALLS": str(tmp_path / "calls")}
        done = subprocess.run([MAKE_ROOT, *words], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              start_new_session=True, timeout=60)
        return done, (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []
    return run


@pytest.mark.parametrize("fails", [0, 1, 2])
def test_it_is_tried_three_times(make, tmp_path, fails):
    target = tmp_path / "root.tar"
    target.write_text("of an earlier run")
    done, calls = make("bookworm", target, "", "--variant=extract", fails=fails)
    assert done.returncode == 0, done.stderr
    assert len(calls) == fails + 1
    assert set(calls) == {f'--quiet --aptopt=Acquire::Retries "3" --variant=extract bookworm {target}'}
    assert target.read_text() == ""
    assert done.stderr.count("mmdebstrap failed (exit code 25)") == fails


def test_three_failures_are_one(make, tmp_path):
    target = tmp_path / "root"
    done, calls = make("bookworm", target, "http://mirror.example", fails=9)
    assert done.returncode == 1, "it has not been ended by a signal"
    assert len(calls) == 3 and calls[0].endswith(f"bookworm {target} http://mirror.example")
    assert done.stderr.splitlines()[-1] == "make-root.sh: bookworm: mmdebstrap failed (exit code 25), 3 of 3 times"
    assert not target.exists(), "nothing of it is left"
