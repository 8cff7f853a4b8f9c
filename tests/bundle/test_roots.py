"""The bundle on other Linuxes: an administrator's life with it, from unpacking to the last file, and a user's."""

import ctypes
import functools
import json
import os
import re
import signal

import machine
import pytest

pytestmark = pytest.mark.slow("roots of other Linuxes are made")
KEY = "AQ17NZ49WC:8820c99614d65f923df7660276f20e029d73e2ca"  # the simulator's
PREFIX = "/usr/local"
SETTINGS = """[environment sandbox]
base_url = https://localhost:9443
ca_file = /etc/eqp-broker/ca/simulator.pem
allow = user:alice
gateway = yes

[gateway sandbox]
allow = user:alice GET /rest/v1/**
"""
wait_until = functools.partial(machine.wait_until, timeout=120)  # each look is a program under another root
CONFINED = ("keeper", "frontend", "forwarder")


def gone(before, after):
    """Paths that are there now and were not, and the other way round."""
    return {path: (before.get(path), after.get(path)) for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def landlock():
    """The version of Landlock that this kernel has; 0: none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(libc.syscall(444, None, ctypes.c_size_t(0), 1), 0)  # landlock_create_ruleset


def start_simulator(root, tls="/etc/eqp-broker/ca", program=f"{PREFIX}/bin/eqp-simulator", **more):
    """It keeps its certificates where the broker is to find them."""
    process = root.start(program, "--environment=sandbox=127.0.0.1:9443", f"--tls-directory={tls}", **more)
    line = process.stdout.readline()
    assert line.startswith("{"), line + process.stdout.read()
    return process, json.loads(line)


@pytest.fixture(scope="module")
def folder(root, bundle):
    return root.unpack(bundle)


@pytest.fixture(scope="module")
def before(root, folder):
    return root.snapshot()


def end(root, process, name):
    """Of a program that a shell or su started: it, not those."""
    for pid in root.processes(name):
        os.kill(pid, signal.SIGTERM)
    process.wait(60)
    process.stdout.close()
    wait_until(lambda: not root.processes(name), f"no {name} any more")


@pytest.fixture(scope="module")
def installed(root, folder, before):
    """Installed, and a simulator and the daemon run: the latter as `install` says to start it."""
    said = root.run(f"{folder}/install").out
    simulator, ready = start_simulator(root)
    root.run("cp", ready["ca_file"], "/etc/eqp-broker/ca/simulator.pem", check=False)  # it may be that file already
    root.run("chmod", "0644", "/etc/eqp-broker/ca/simulator.pem")
    root.write("/etc/eqp-broker/eqp-brokerd.conf", SETTINGS)
    root.run("eqpctl", "key", "set", "sandbox", stdin=KEY + "\n")
    lines = re.findall(r"^    (.*)$", said, re.M)
    assert len(lines) == 2, said
    root.run("sh", "-ec", lines[0])
    daemon = root.start("sh", "-c", lines[1])
    yield said
    end(root, daemon, "eqp-brokerd")
    end(root, simulator, "eqp-simulator")


def status(root):
    done = root.run("eqpctl", "status", "--json", check=False)
    return json.loads(done.out) if done.code == 0 else None


def test_a_program_that_was_not_installed_does_not_run(root, folder):
    done = root.run(f"{folder}/root/bin/eqpctl", "--version", check=False)
    assert done.code == 127 and "not found" in done.err.lower() + done.out.lower() or "No such file" in done.err, done


def test_a_token(root, installed):
    wait_until(lambda: root.run("eqpctl", "ready", check=False).code == 0, "ready")
    token = root.run("eqpctl", "token", "sandbox", user="alice").out
    assert re.fullmatch(r"[!-~]{8,}", token)


def test_rules_hold(root, installed):
    done = root.run("eqpctl", "token", "sandbox", user="12345:12345", check=False)
    assert done.code == 4, done


def test_the_gateway(root, installed):
    """The third process: it opens connections to the upstream by itself."""
    done = root.run("eqpctl", "exec", "sandbox", "--", "sh", "-c", "echo $EQP_MAGE_ID", user="alice")
    assert done.out == "MAG123456789"
    wait_until(lambda: len(root.processes("eqp-forwarder")) == 1, "there is a forwarder")


def test_each_process_is_confined_as_anywhere(root, installed):
    wait_until(lambda: all((status(root) or {}).get("confinement", {}).get(name) for name in CONFINED), "all three tell")
    told = status(root)["confinement"]
    for name in CONFINED:
        assert told[name]["no_new_privileges"] and told[name]["system_call_filter"], told
        assert (told[name]["landlock"] > 0) == (landlock() > 0), told


def test_it_runs_on_its_own_files_alone(root, installed):
    for name in ("eqp-brokerd", "eqp-frontend", "eqp-forwarder", "eqp-simulator"):
        for pid in root.processes(name):
            paths = [path for path in root.maps(pid) if not path.startswith(("/memfd:", "/dev/", "/secretmem"))]
            foreign = [path for path in paths if not path.startswith((f"{PREFIX}/lib/eqp-broker/", f"{PREFIX}/bin/eqp-"))]
            assert paths and foreign == [], (name, foreign)


def test_a_child_is_started_anew(root, installed):
    """By the keeper, confined, from /proc/self/exe and with the loader that it was started with."""
    for name in ("eqp-frontend", "eqp-forwarder"):
        (old,) = root.processes(name)
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: root.processes(name) not in ([], [old]), f"another {name}")
    assert root.run("eqpctl", "token", "sandbox", user="alice").out
    assert all(status(root)["confinement"][name]["no_new_privileges"] for name in CONFINED)


def test_installing_again_changes_nothing_that_runs(root, installed, folder):
    pids = root.processes("eqp-brokerd") + root.processes("eqp-frontend")
    listed = (root.files / "usr/local/lib/eqp-broker/installed").read_text()
    root.run(f"{folder}/install")
    assert root.processes("eqp-brokerd") + root.processes("eqp-frontend") == pids
    assert (root.files / "usr/local/lib/eqp-broker/installed").read_text() == listed
    (old,) = root.processes("eqp-frontend")
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: root.processes("eqp-frontend") not in ([], [old]), "another frontend")
    assert root.run("eqpctl", "token", "sandbox", user="alice").out


def test_libraries_of_another_version_stay_while_they_are_used(root, installed, folder):
    own = root.files / "usr/local/lib/eqp-broker"
    (libraries,) = [entry for entry in own.iterdir() if entry.is_dir()]
    old = own / "0123456789ab"
    root.run("cp", "-R", f"{PREFIX}/lib/eqp-broker/{libraries.name}", f"{PREFIX}/lib/eqp-broker/{old.name}")
    loader = next(libraries.glob("ld*.so*")).name
    runs = root.start(f"{PREFIX}/lib/eqp-broker/{old.name}/{loader}", "--library-path", f"{PREFIX}/lib/eqp-broker/{old.name}",
                      f"{PREFIX}/bin/eqpctl", "watch", "sandbox", "--", "true", user="alice")
    pid = wait_until(lambda: [pid for pid in root.processes(loader[:15]) if any(old.name in path for path in root.maps(pid))],
                     "it runs")[0]
    assert "still use" in root.run(f"{folder}/install").out and old.is_dir()
    os.kill(pid, signal.SIGTERM)
    runs.wait(60)
    runs.stdout.close()
    assert "still use" not in root.run(f"{folder}/install").out and not old.exists()


def test_authorities_are_found_where_fedora_has_them(root, installed):
    """Nobody names a ca_file here; the simulator's authority is the host's."""
    assert not (root.files / "etc/ssl/certs/ca-certificates.crt").exists()
    root.write("/tmp/once/keys/sandbox", KEY + "\n", 0o600)
    root.write("/tmp/once/conf", "[broker]\nkeys_directory = /tmp/once/keys\n"
               "[environment sandbox]\nbase_url = https://localhost:9443\n")
    once = ("eqp-brokerd", "--config", "/tmp/once/conf", "--once", "sandbox", "--deadline", "3s")
    refused = root.run(*once, check=False)
    assert refused.code != 0 and "ca-certificates" in refused.err, refused
    root.run("mkdir", "-p", "/etc/pki/tls/certs")
    root.run("cp", "/etc/eqp-broker/ca/simulator.pem", "/etc/pki/tls/certs/ca-bundle.crt")
    assert re.fullmatch(r"[!-~]{8,}", root.run(*once[:-1], "60s").out)
    root.run("rm", "-r", "/etc/pki")


def test_doctor_has_nothing_to_say_of_the_programs(root, installed):
    done = root.run("eqpctl", "doctor", check=False)
    assert "librar" not in done.out.lower() and "loader" not in done.out.lower(), done


def test_uninstall_keeps_keys_then_purge_leaves_nothing(root, folder, before):
    """The last story of the root: nothing runs any more."""
    for name in ("eqp-brokerd", "eqp-simulator"):
        for pid in root.processes(name):
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not root.processes(name), f"no {name}")
    done = root.run(f"{PREFIX}/lib/eqp-broker/uninstall")
    assert "/etc/eqp-broker" in done.out, done
    left = gone(before, root.snapshot())
    assert {path for path in left if not path.startswith("etc/")} == set()
    assert "etc/eqp-broker/keys/sandbox" in left
    root.run(f"{folder}/install")
    # The user was there at the second installation: it is the administrator's now.
    root.run(f"{folder}/uninstall", "--purge")
    left = gone(before, root.snapshot())
    assert {path for path in left if "eqp-broker" in path} == set()
    assert set(left) <= {"etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/subuid", "etc/subgid"}, left
