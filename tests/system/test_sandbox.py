"""The service's sandbox: how tight it is, that it holds, and that all the work can be done in it.

(That the rest works in it is shown by all other plays: they run the units as they are shipped.)
"""

import json
import re
import statistics
import time

import pytest
from home import Home
from machine import SERVICE, wait_until

EXPOSURE_MAX = 1.1
DIRTY_MAX_KIB = 6 * 1024  # of both processes together


@pytest.fixture(scope="module")
def home(bench):
    with Home() as home:
        home.set_key("sandbox.1-main")
        home.wait_valid("sandbox")
        yield home


def status(home, name, pid=None):
    return re.search(rf"^{name}:\s*(.*)$", home.read(f"/proc/{pid or home.main_pid()}/status"), re.M)[1]


def test_it_is_two_processes(home):
    text = home.systemctl("status", SERVICE).out
    assert re.search(r"eqp-brokerd$", text, re.M) and re.search(r"eqp-brokerd --frontend$", text, re.M), text
    assert [home.read(f"/proc/{pid}/comm") for pid in home.pids()] == ["eqp-brokerd", "eqp-frontend"]
    assert home.show("KillMode") == "control-group" and home.show("NotifyAccess") == "main"


def test_exposure(home, figure):
    report = home.run("systemd-analyze", "security", "--no-pager", SERVICE).out
    exposure = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", report)[1])
    figure("systemd-analyze security eqp-brokerd", exposure)
    assert exposure <= EXPOSURE_MAX, report


def test_units_are_without_fault(home):
    verified = home.run("systemd-analyze", "verify", "--man=no", SERVICE, "eqp-brokerd.socket",
                        "eqp-broker-credential.socket")
    assert verified.err == ""


def test_the_processes_have_nothing_they_do_not_need(home):
    filters = []
    for pid in home.pids():
        assert status(home, "NoNewPrivs", pid) == "1"
        assert status(home, "Seccomp", pid) == "2"
        filters.append(int(status(home, "Seccomp_filters", pid)))
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status(home, name, pid), 16) == 0, name
        assert home.run("stat", "-c", "%U", f"/proc/{pid}/mem").out == "root", "others may not trace it"
        limits = home.read(f"/proc/{pid}/limits")
        assert re.search(r"Max core file size +0 +0 ", limits), limits
    assert filters[0] > 5 and filters[1] == filters[0] + 1, "the frontend has the keeper's, and its own"


def test_memory_for_secrets_is_locked(home):
    assert all(int(status(home, "VmLck", pid).split()[0]) > 0 for pid in home.pids())


@pytest.fixture(scope="module")
def probe(home):
    return json.loads(home.run("/opt/inside/probe.py", home.main_pid()).out)


@pytest.mark.parametrize("path", ["/etc/probe", "/etc/eqp-broker/keys/probe", "/usr/bin/probe", "/run/probe",
                                  "/run/eqp-broker/probe", "/var/lib/probe", "/sys/fs/cgroup/probe", "/probe"])
def test_it_writes_nowhere(probe, path):
    assert probe[path] in ("EROFS", "ENOENT", "EACCES"), probe


def test_nothing_that_it_can_write_can_be_run(probe):
    assert probe["writable and executable"] == []


@pytest.mark.parametrize("path", ["/usr/bin/id", "/bin/sh"])
def test_it_runs_no_program(probe, path):
    assert probe[f"exec {path}"] in ("EACCES", "ENOENT"), probe


def test_it_runs_eqpctl_for_its_reload(probe):
    assert probe["exec /usr/bin/eqpctl"] == "done"


def test_it_sees_no_home_and_no_kernel_settings(probe):
    assert probe["list /home"] in (None, []) and probe["list /root"] in (None, [])
    assert not probe["proc/sys"]


def test_names_are_resolved_in_it(home):
    """libcurl does so in a thread of its own: one that the list of calls has to let it start."""
    host = "api.eqp.test"
    home.shell(f"echo 127.0.0.1 {host} >>/etc/hosts")
    home.run("systemd-run", "--unit=named", "--quiet", "--property=StateDirectory=named", "eqp-simulator",
             "--tls-directory=/var/lib/named", f"--server-name={host}", "--environment=named=127.0.0.1:9543",
             "--admin=127.0.0.1:9540")
    wait_until(lambda: home.exists("/var/lib/named/ca.pem") and
               home.run("curl", "-fsS", "http://127.0.0.1:9540/state", check=False).code == 0, "the simulator is up")
    home.run("install", "-m", "0644", "/var/lib/named/ca.pem", "/etc/eqp-broker/named.pem")
    home.point_at_simulator(f"[environment named]\nbase_url = https://{host}:9543\n"
                            "ca_file = /etc/eqp-broker/named.pem\n")
    home.set_key("named")
    home.wait_valid("named")
    assert home.token("named")["base_url"] == f"https://{host}:9543"
    home.run("eqpctl", "key", "remove", "--yes", "named")
    home.point_at_simulator()


def test_nothing_was_asked_of_the_kernel_that_it_may_not(home):
    """Calls that are not on the list would have left traces: errors, or words in the journal."""
    assert [entry["MESSAGE"] for entry in home.journal("-u", SERVICE, "-p", "warning")] == []
    assert home.show("NRestarts") == "0"


def test_memory(home, figure):
    """After some work, with a handful of connections."""
    with home.load("fresh-tcp=2", "kept-unix=2"):
        time.sleep(2)
    sums = {"Dirty": [], "Clean": []}
    for pid in home.pids():
        text = home.read(f"/proc/{pid}/smaps_rollup")
        for kind, found in sums.items():
            found.append(int(re.search(rf"^Private_{kind}: +(\d+) kB", text, re.M)[1]))
    dirty, clean = sums["Dirty"], sums["Clean"]
    figure("memory of the service after work, keeper and frontend",
           f"{' + '.join(map(str, dirty))} KiB of their own, {' + '.join(map(str, clean))} KiB of files that only one has mapped")
    assert sum(dirty) <= DIRTY_MAX_KIB, sums


def test_restart_to_answer(home, figure):
    """How long a client waits whose request comes just when the service begins to restart."""
    took = []
    for _ in range(10):
        start = time.monotonic()
        home.systemctl("restart", "--no-block", SERVICE)
        home.token()
        took.append(1000 * (time.monotonic() - start))
        home.wait_settled()
    figure("restart to answer, idle", f"{statistics.median(took):.0f} ms median, {max(took):.0f} ms at most, "
           "with the start of systemctl and curl")
    assert statistics.median(took) < 5000


def test_after_all_that_no_secret_has_leaked(home):
    home.search_for_secrets()
