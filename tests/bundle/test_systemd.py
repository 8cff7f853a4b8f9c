"""The bundle on a booted systemd: units, sandbox and restarts with libraries of its own, and nothing left at the end."""

import json
import re
import subprocess

import pytest
import roots
from machine import SERVICE, Machine, wait_until
from rootfs import CACHE, rootfs

pytestmark = pytest.mark.slow("machines are booted")
KEY = "AQ17NZ49WC:8820c99614d65f923df7660276f20e029d73e2ca"  # the simulator's
UNITS = (SERVICE, "eqp-brokerd.socket", "eqp-broker-credential.socket")
AUTHORITY = "/etc/eqp-broker/ca/simulator.pem"
SETTINGS = f"[environment sandbox]\nbase_url = https://localhost:9443\nca_file = {AUTHORITY}\ngateway = yes\n"
FILES = r"find / -xdev \( -path /proc -o -path /tmp -o -path /var/log -o -path /var/lib/systemd \) -prune -o -print | sort"
CONFINED = ("keeper", "frontend", "forwarder")


@pytest.fixture(scope="module", params=["/usr/local", "/opt/eqp-broker"])
def prefix(request):
    return request.param


@pytest.fixture(scope="module")
def machine(bundle, namespaces, tmp_path_factory, prefix):
    reason = roots.no_machine()
    if reason is not None:
        pytest.skip(reason)
    place = tmp_path_factory.mktemp("bundle")
    subprocess.run(["tar", "-xJf", bundle, "-C", place, "--strip-components=1"], check=True)
    CACHE.mkdir(exist_ok=True)
    with Machine([f"--bind-ro={place}:/opt/debs"], root=rootfs()) as machine:
        machine.before = set(machine.shell(FILES).out.splitlines())
        yield machine


def program(prefix, name):
    return f"{prefix}/bin/{name}"


def status(machine, prefix):
    done = machine.run(program(prefix, "eqpctl"), "status", "--json", check=False)
    return json.loads(done.out) if done.code == 0 else {}


def token(machine, prefix):
    return machine.run(program(prefix, "eqpctl"), "token", "--wait", "30", "sandbox").out


def test_install(machine, prefix):
    machine.run("/opt/debs/install", "--system", "--prefix", prefix)
    for unit in UNITS:
        assert machine.systemctl("is-enabled", unit).out == "enabled"
        assert machine.state(unit) == "active", machine.last_words()
    assert machine.run("ps", "-o", "user:20=", "-p", machine.main_pid()).out == "eqp-broker"
    # No line that this systemd does not understand, in whatever the script wrote.
    assert "unknown" not in machine.run("journalctl", "-b", "--no-pager", "_PID=1").out.lower()


def test_a_token(machine, prefix):
    machine.run("systemd-run", "--unit=simulator", "--quiet", "--property=StateDirectory=eqp-simulator-test",
                program(prefix, "eqp-simulator"), "--tls-directory=/var/lib/eqp-simulator-test")
    wait_until(lambda: machine.exists("/var/lib/eqp-simulator-test/ca.pem"), "the simulator is up")
    machine.run("install", "-m", "0644", "/var/lib/eqp-simulator-test/ca.pem", AUTHORITY)
    machine.write("/etc/eqp-broker/eqp-brokerd.conf", SETTINGS)
    machine.systemctl("reload", SERVICE)
    machine.run(program(prefix, "eqpctl"), "key", "set", "sandbox", stdin=KEY + "\n")
    wait_until(lambda: machine.run(program(prefix, "eqpctl"), "ready", check=False).code == 0, "ready")
    assert token(machine, prefix)


def test_each_process_is_confined_in_the_unit(machine, prefix):
    wait_until(lambda: all(status(machine, prefix).get("confinement", {}).get(name) for name in CONFINED), "all three tell")
    told = status(machine, prefix)["confinement"]
    for name in CONFINED:
        assert told[name]["no_new_privileges"] and told[name]["system_call_filter"] and told[name]["landlock"] > 0, told


def test_it_runs_on_its_own_files_alone(machine, prefix):
    for pid in machine.pids():
        paths = set(re.findall(r" (/\S+)", machine.read(f"/proc/{pid}/maps")))
        foreign = [path for path in paths if not path.startswith((f"{prefix}/lib/eqp-broker/", f"{prefix}/bin/eqp-", "/memfd:", "/secretmem"))]
        # The host's module for users that systemd knows, made for the same C library as ours.
        assert all("/libnss_" in path or "/libcap" in path for path in foreign), foreign


def test_a_frontend_is_started_anew(machine, prefix):
    old = machine.frontend_pid()
    machine.run("kill", "-KILL", old)
    wait_until(lambda: machine.frontend_pid() not in (None, old), "another frontend")
    assert token(machine, prefix)


def test_installing_again_keeps_the_token(machine, prefix):
    before, main = token(machine, prefix), machine.main_pid()
    machine.run("/opt/debs/install", "--system", "--prefix", prefix)
    assert machine.main_pid() != main
    assert token(machine, prefix) == before


def test_uninstall_leaves_nothing(machine, prefix):
    machine.systemctl("stop", "simulator")
    machine.run("rm", "-rf", "/var/lib/eqp-simulator-test", "/var/lib/private/eqp-simulator-test")
    machine.run(f"{prefix}/lib/eqp-broker/uninstall", "--purge")
    left = set(machine.shell(FILES).out.splitlines()) - machine.before
    assert [path for path in left if "eqp" in path] == []
    assert machine.run("id", "eqp-broker", check=False).code != 0
    assert all(machine.state(unit) != "active" for unit in UNITS)
    assert machine.systemctl("list-units", "--all", "--no-legend", "eqp*").out == ""
