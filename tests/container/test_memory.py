"""16 MiB are enough: for the daemon with hundreds of connections under load, and for the probes beside it.

The kernel holds the broker to that limit, with everything that counts there: the pages of the libraries, the
processes of the probes. Its needs are printed: in all, and the part that cannot be read again from its files.
"""

import contextlib
import os
import pathlib
import re
import subprocess
import time

import pytest

from broker import wait_frontend, wait_until
from conftest import missing
from machine import CGROUPS
from simulator import EXAMPLE_KEY

LIMIT_BYTES = 16 * 1024 * 1024
USERS, CONNECTIONS_EACH, SECONDS = 7, 60, 5


class NewCgroup:
    """The container's own, in the new tree: podman sets the limit."""

    options = (f"--memory={LIMIT_BYTES}", f"--memory-swap={LIMIT_BYTES}")
    global_options = ()

    def __init__(self, machine):
        if "memory" not in (CGROUPS / "cgroup.controllers").read_text().split():
            raise OSError("the memory controller is not in the tree of cgroups that podman uses")

    def look(self, pid):
        path = pathlib.Path(f"/proc/{pid}/cgroup").read_text().split("::")[1].strip()
        self.path = CGROUPS / path.lstrip("/")
        assert int((self.path / "memory.max").read_text()) == LIMIT_BYTES

    def most_bytes(self):
        peak = self.path / "memory.peak"  # since Linux 5.19
        return int((peak if peak.exists() else self.path / "memory.current").read_text())

    def kills(self):
        return int(re.search(r"^oom_kill (\d+)$", (self.path / "memory.events").read_text(), re.M)[1])

    def close(self):
        pass


class OldCgroup:
    """One that the test makes in the old tree: the runtime enters it before it makes the container."""

    options = ()

    def __init__(self, machine):
        if machine.memory_cgroups is None:
            raise OSError("there is no memory controller")
        self.path = machine.memory_cgroups / f"eqp-broker-test-{os.getpid()}"
        self.path.mkdir()
        (self.path / "memory.limit_in_bytes").write_text(str(LIMIT_BYTES))
        self.global_options = ("--runtime", machine.runtime("crun-limited", self.path))

    def look(self, pid):
        assert str(pid) in (self.path / "cgroup.procs").read_text().split()
        assert int((self.path / "memory.limit_in_bytes").read_text()) == LIMIT_BYTES

    def most_bytes(self):
        return int((self.path / "memory.max_usage_in_bytes").read_text())

    def kills(self):
        return int(re.search(r"^oom_kill (\d+)$", (self.path / "memory.oom_control").read_text(), re.M)[1])

    def close(self):
        def gone():
            with contextlib.suppress(OSError):
                self.path.rmdir()
            return not self.path.exists()

        wait_until(gone, "the end of the cgroup")


@pytest.fixture
def limit(machine, images):
    try:
        limit = OldCgroup(machine) if machine.mixed else NewCgroup(machine)
    except OSError as error:
        missing(f"no memory limit can be set: {error}")
    yield limit
    limit.close()


def load(pid, uid):
    """wrk as one more user in the broker's network."""
    return subprocess.Popen(
        ["nsenter", "-t", str(pid), "-n", "setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups",
         "wrk", "--timeout=60s", "-t1", f"-c{CONNECTIONS_EACH}", f"-d{SECONDS}s", "-H", "EQP-Client: load",
         "http://127.0.0.1:9377/v1/sandbox/token"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def resident(pid):
    """Kilobytes in memory of both processes: all that is there, and what only one of them has there. A page that both
    have counts twice in Rss."""
    total = dict.fromkeys(("Rss", "Pss", "Anonymous"), 0)
    for one in (pid, wait_frontend(pid)):
        text = pathlib.Path(f"/proc/{one}/smaps_rollup").read_text()
        for name in total:
            total[name] += int(re.search(rf"^{name}: +(\d+) kB$", text, re.M)[1])
    return total


def forget_pages(directory):
    """Takes the files of the images out of the page cache, so that reading them counts as the broker's."""
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                os.fsync(file.fileno())  # pages that are not on the disk yet would stay
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def test_sixteen_mebibytes_hold_it_under_load(limit, pod, measured):
    forget_pages(pod.machine.directory / "storage")
    pod.write_key("sandbox", EXAMPLE_KEY)
    pod.start_broker(options=limit.options, global_options=limit.global_options)
    pod.wait_ready()
    limit.look(pod.pid())
    idle = resident(pod.pid())
    loads = [load(pod.pid(), 2000 + i) for i in range(USERS)]
    probes, busiest = 0, idle
    while any(process.poll() is None for process in loads):
        # Each probe is a process of its own under the same limit.
        assert pod.eqpctl("ready").returncode == 0
        probes += 1
        busiest = max(busiest, resident(pod.pid()), key=lambda figures: figures["Anonymous"])
        time.sleep(0.2)
    printed = [process.communicate()[0] for process in loads]
    answered = sum(int(re.search(r"(\d+) requests in", text)[1]) for text in printed)
    for text in printed:
        assert "Socket errors" not in text and "Non-2xx" not in text, text
    assert answered > 2_000
    assert limit.kills() == 0
    assert limit.most_bytes() <= LIMIT_BYTES
    assert pod.is_ready()
    pod.stop()
    measured(f"{answered} answers over {USERS * CONNECTIONS_EACH} connections and {probes} probes under a limit of 16 MiB; "
             f"in kB: idle {idle}, busiest {busiest}")
