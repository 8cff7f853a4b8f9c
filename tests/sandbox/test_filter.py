"""The filter that stage.py puts on is really on, and has teeth."""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "blackbox"))

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
