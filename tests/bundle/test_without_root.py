"""The bundle for one user, below ~/.local, and in a place of its own: nothing else of the machine is touched."""

import os
import re
import signal

import pytest
from test_roots import KEY, end, gone, start_simulator, wait_until

pytestmark = pytest.mark.slow("roots of other Linuxes are made")
HOME = "/home/alice"
CONFIGURATION = f"{HOME}/.config/eqp-broker"
SETTINGS = "[environment sandbox]\nbase_url = https://localhost:9443\nca_file = /tmp/alice/ca.pem\n"


@pytest.fixture(scope="module")
def folder(root, bundle):
    return root.unpack(bundle)


def test_a_user_installs_it_and_has_a_token(root, folder):
    before = root.snapshot()
    said = root.run(f"{folder}/install", user="alice").out
    assert f"{HOME}/.local/bin" in said
    touched = gone(before, root.snapshot())
    assert all(path.startswith("home/alice/.local") for path in touched), touched
    root.run("mkdir", "-p", "/tmp/alice/run", f"{HOME}/.config", user="alice")
    root.run("chmod", "0700", "/tmp/alice/run", user="alice")
    simulator, _ = start_simulator(root, tls="/tmp/alice", program=f"{HOME}/.local/bin/eqp-simulator", user="alice")
    root.run("mkdir", CONFIGURATION, user="alice")
    root.write(f"{CONFIGURATION}/eqp-brokerd.conf", SETTINGS)
    mine = {"user": "alice", "env": ["XDG_RUNTIME_DIR=/tmp/alice/run"]}
    eqpctl = f"{HOME}/.local/bin/eqpctl"
    daemon = root.start(f"{HOME}/.local/bin/eqp-brokerd", "--user", **mine)
    wait_until(lambda: root.run(eqpctl, "live", check=False, **mine).code == 0, "it lives")
    root.run(eqpctl, "key", "set", "sandbox", stdin=KEY + "\n", **mine)  # which runs eqp-brokerd, too
    assert re.fullmatch(r"[!-~]{8,}", root.run(eqpctl, "token", "--wait", "30", "sandbox", **mine).out)
    (old,) = root.processes("eqp-frontend")
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: root.processes("eqp-frontend") not in ([], [old]), "another frontend")
    assert root.run(eqpctl, "token", "--wait", "30", "sandbox", **mine).out
    end(root, daemon, "eqp-brokerd")
    end(root, simulator, "eqp-simulator")
    said = root.run(f"{HOME}/.local/lib/eqp-broker/uninstall", user="alice").out
    assert CONFIGURATION in said and (root.files / f"{CONFIGURATION}/keys/sandbox".lstrip("/")).exists()
    root.run(f"{folder}/install", user="alice")
    root.run(f"{folder}/uninstall", "--purge", user="alice")
    root.run("rmdir", f"{HOME}/.config", user="alice")
    assert gone(before, root.snapshot()) == {}


def test_units_of_the_user_know_the_place(root, folder):
    root.run(f"{folder}/install", user="alice")
    unit = (root.files / "home/alice/.local/share/systemd/user/eqp-brokerd.service").read_text()
    assert f"ExecStart={HOME}/.local/bin/eqp-brokerd" in unit
    assert f"ExecReload={HOME}/.local/bin/eqpctl" in unit and "/usr/local" not in unit
    root.run(f"{folder}/uninstall", user="alice")


def test_a_place_of_its_own(root, folder):
    before = root.snapshot()
    root.run(f"{folder}/install", "--prefix", "/srv/tools/eqp")
    assert "0." in root.run("/srv/tools/eqp/bin/eqpctl", "--version").out
    assert "lifetime" in root.run("/srv/tools/eqp/bin/eqp-brokerd", "--check").out
    assert all(path.startswith("srv") for path in gone(before, root.snapshot()))
    root.run("/srv/tools/eqp/lib/eqp-broker/uninstall")
    assert gone(before, root.snapshot()) == {}


@pytest.mark.parametrize(["arguments", "words"], [
    (["--prefix", "/srv/with space"], "characters other than"), (["--prefix", "/srv/" + "a" * 200], "too long"),
    (["--prefix", "/srv/../srv"], "write '"), (["--prefix"], "takes a directory"), (["--what"], "is no option")])
def test_arguments_that_it_does_not_take(root, folder, arguments, words):
    before = root.snapshot()
    done = root.run(f"{folder}/install", *arguments, check=False)
    assert done.code == 1 and words in done.err, done
    assert gone(before, root.snapshot()) == {}


def test_a_user_cannot_install_it_for_all(root, folder):
    assert "takes root" in root.run(f"{folder}/install", "--system", user="alice", check=False).err


@pytest.mark.parametrize("line", ["file /etc/victim", "tree /srv/victim"])
def test_a_list_of_another_user_removes_nothing(root, folder, line):
    root.run(f"{folder}/install", user="alice")
    listed = root.files / f"{HOME}/.local/lib/eqp-broker/installed".lstrip("/")
    listed.write_text(listed.read_text() + f"{line}\n")  # as its owner can
    for path in ("etc/victim", "srv/victim/file"):
        root.write(f"/{path}", "mine")
    for command in (f"{HOME}/.local/lib/eqp-broker/uninstall", f"{folder}/install --prefix {HOME}/.local"):
        assert "is another user's" in root.run(*command.split(), check=False).err
    assert (root.files / "etc/victim").exists() and (root.files / "srv/victim/file").exists()
    root.run("rm", "-r", "/etc/victim", "/srv/victim")
    listed.write_text(listed.read_text().replace(f"{line}\n", ""))
    root.run(f"{folder}/uninstall", user="alice")


def test_another_architecture_is_told(root, folder):
    script = (root.files / folder.lstrip("/") / "install")
    other = "s390x" if "architecture=amd64" in script.read_text() else "amd64"
    root.write("/tmp/other/install", re.sub("architecture=.*", f"architecture={other}", script.read_text()), 0o755)
    assert f"this bundle is for {other}" in root.run("/tmp/other/install", check=False).err
