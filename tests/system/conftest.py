"""The common part of the plays on a real systemd: may they run here, and their figures."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "docs")]

from machine import Machine  # noqa: E402
from rootfs import CACHE  # noqa: E402

PROGRAMS = ("systemd-nspawn", "mmdebstrap", "nsenter", "unshare", "setpriv", "dpkg-deb")
TRIAL = "umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && " \
        "d=/sys/fs/cgroup/eqp-test-trial-$$ && mkdir $d && rmdir $d"


def obstacle():
    """Why no machine can be booted here, or None."""
    if os.geteuid() != 0:
        return "only root can boot a machine"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"there is no {', '.join(missing)}; install systemd-container, mmdebstrap and util-linux"
    trial = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", TRIAL],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if trial.returncode != 0:
        return f"no control groups can be had: {trial.stderr.strip()}"
    return None


@pytest.fixture(scope="session")
def bench():
    """Machines can be booted. In CI they must."""
    reason = obstacle()
    if reason is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"NO SYSTEM TESTS, and this is CI: {reason}")
    pytest.skip(f"NO SYSTEM TESTS, nothing of what systemd does was tested: {reason}")


@pytest.fixture
def figure(request):
    """figure(name, value): something measured, for the table at the end and for build-system/figures.json."""
    return lambda name, value: request.node.user_properties.append(("figure", (name, value)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for machine in Machine.running:
            report.sections.append((f"journal of machine {machine.name}", machine.last_words()))


def pytest_terminal_summary(terminalreporter):
    figures = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                figures.update(pair for kind, pair in report.user_properties if kind == "figure")
    if not figures:
        return
    terminalreporter.section("figures")
    for name, value in figures.items():
        terminalreporter.write_line(f"{name}: {value}")
    CACHE.mkdir(exist_ok=True)
    (CACHE / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
