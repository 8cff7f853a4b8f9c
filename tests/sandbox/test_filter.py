"""The filter that stage.py puts on is really on, and has teeth; and what the daemon's processes leave themselves is in
it: of the calls that the unit refuses they would know nothing."""

import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "blackbox"))

import stage  # noqa: E402
from broker import Broker, binary  # noqa: E402


def test_it_is_on():
    with Broker() as broker:
        status = pathlib.Path(f"/proc/{broker.process.pid}/status").read_text()
    assert "\nSeccomp:\t2\n" in status and "\nNoNewPrivs:\t1\n" in status


def test_it_has_teeth():
    """The same filter before a program that needs more than the daemon."""
    lines = pathlib.Path(binary()).read_text().splitlines()
    assert lines[-1].startswith("os.execv(")
    script = "\n".join(lines[:-1] + ['os.execv("/bin/mount", ["mount", "-t", "tmpfs", "none", "/mnt"])'])
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode != 0 and "Function not implemented" in result.stderr, result


def listed(name):
    """The calls that a filter of the daemon has, those of other architectures left out; without a name: that both children
    have."""
    file = f"call_filter_{name}.c" if name else "call_filter.c"
    text = (stage.ROOT / "daemon" / "base" / file).read_text(encoding="utf-8")
    calls = set(stage.known(re.findall(r'(?<!include )"(\w+)"', text)))
    assert len(calls) > (30 if name else 3)
    return calls


def test_the_calls_of_the_processes_are_allowed():
    """A process that is confined starts the others, which inherit that."""
    keeper, both = listed("keeper"), listed("")
    assert listed("frontend") | listed("forwarder") | both <= keeper
    assert keeper - stage.ON_TOP <= stage.read_filter(stage.UNIT)[0]
