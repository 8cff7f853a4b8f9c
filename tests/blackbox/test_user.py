"""A user's own broker, without root: where it looks, where it listens, and who finds it. With systemd it is tried in
tests/system/test_user_session.py."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import pytest

from broker import BARE_ENVIRONMENT, REPORTS, STRANGER, binary, free_port, taken_below, wait_until
from simulator import EXAMPLE_ID, EXAMPLE_KEY, EXAMPLE_SECRET

SYSTEM = "/run/eqp-broker/eqp-broker.sock"


class Session:
    """The surroundings of a user after a login: a home and a runtime directory."""

    def __init__(self, uid):
        self.uid = uid
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="eqp-"))
        self.top.chmod(0o755)
        self.home, self.runtime = self.top / "home", self.top / "runtime"
        for directory in (self.home, self.runtime):
            directory.mkdir(mode=0o700)
            os.chown(directory, uid, uid)
        self.config = self.home / ".config" / "eqp-broker"
        self.socket = self.runtime / "eqp-broker" / "eqp-broker.sock"
        self.env = BARE_ENVIRONMENT | {"HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.runtime),
                                       "EQP_BROKERD": binary(), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        self.daemons = []

    def close(self):
        for daemon in self.daemons:
            daemon.terminate()
            daemon.wait(30)
        shutil.rmtree(self.top)

    def who(self, uid=None):
        uid = self.uid if uid is None else uid
        return {"user": uid, "group": uid, "extra_groups": []} if os.geteuid() == 0 else {}

    def run(self, program, *words, uid=None, env=(), stdin=""):
        done = subprocess.run([binary(program), *map(str, words)], env=self.env | dict(env), input=stdin,
                              capture_output=True, text=True, timeout=90, **self.who(uid))
        assert not any(word in done.stderr for word in REPORTS), done.stderr
        return done

    def eqpctl(self, *words, **more):
        return self.run("ctl/eqpctl", *words, **more)

    def write(self, name, text):
        path = self.config / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(text)
        for part in (path, *path.parents[:3]):
            os.chown(part, self.uid, self.uid) if part.is_relative_to(self.home) else None

    def point_at(self, simulator):
        shutil.copyfile(simulator.ca_file, self.top / "ca.pem")
        self.write("eqp-brokerd.conf.d/simulator.conf",
                   "".join(f"[environment {name}]\nbase_url = {url}\nca_file = {self.top}/ca.pem\n"
                           for name, url in simulator.urls.items()))

    def start(self, *words):
        self.log = self.top / "log"
        with self.log.open("w") as log:
            daemon = subprocess.Popen([binary(), "--log-format=text", *words], env=self.env, stdin=subprocess.DEVNULL,
                                      stderr=log, **self.who())
        self.daemons.append(daemon)
        wait_until(lambda: daemon.poll() is not None or self.eqpctl("live").returncode == 0, "it answers")
        assert daemon.poll() is None, self.log.read_text()
        return daemon


@pytest.fixture
def session():
    """Of an ordinary user."""
    opened = Session(STRANGER if os.geteuid() == 0 else os.geteuid())
    yield opened
    opened.close()


def test_from_nothing_to_a_token_without_a_variable_or_an_option(session, upstream):
    session.point_at(upstream)
    session.start()
    done = session.eqpctl("key", "set", "sandbox", stdin=EXAMPLE_KEY + "\n")
    assert done.returncode == 0 and f"{session.config}/keys/sandbox is written." in done.stdout, (done, session.log.read_text())
    key = session.config / "keys" / "sandbox"
    assert key.stat().st_uid == session.uid and key.stat().st_mode & 0o777 == 0o600
    assert key.parent.stat().st_mode & 0o777 == 0o700
    token = session.eqpctl("token", "sandbox")
    assert token.returncode == 0 and len(token.stdout.strip()) > 10, token
    assert session.eqpctl("refresh", "sandbox").returncode == 0, "operators are the owner"
    assert session.socket.stat().st_mode & 0o777 == 0o600
    listening = json.loads(session.eqpctl("status", "--json").stdout)
    assert listening["keys_directory"] == f"{session.config}/keys"
    tcp = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True).stdout if shutil.which("ss") else ""
    assert f"pid={session.daemons[0].pid}," not in tcp, "no port is open"


def test_check_shows_the_places_of_the_user(session):
    done = session.run("daemon/eqp-brokerd", "--check")
    assert done.returncode == 0, done
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("listen")] == [f"listen = {session.socket}"]
    assert f"# keys_directory: the service manager's credentials, or else {session.config}/keys" in lines
    assert "socket_mode = 0600" in lines
    owners = ["uid:0", f"uid:{session.uid}"] if session.uid else ["uid:0"]
    assert [line for line in lines if line.startswith("allow")] == [f"allow = {who}" for who in owners]
    assert [line for line in lines if line.startswith("operators")] == [f"operators = {who}" for who in owners]


def test_the_specification_has_the_last_word_on_the_places(session):
    other = session.home / "settings"
    done = session.run("daemon/eqp-brokerd", "--check", env={"XDG_CONFIG_HOME": str(other)})
    assert f"or else {other}/eqp-broker/keys" in done.stdout, done
    done = session.run("daemon/eqp-brokerd", "--check", env={"XDG_CONFIG_HOME": "relative"})
    assert f"or else {session.config}/keys" in done.stdout, "a path that is not absolute does not count"


@pytest.mark.parametrize("how", ["--system", "no session", "another user's session", "root"])
def test_a_user_without_a_session_gets_the_system_s_places(session, how, stranger):
    uid = {"another user's session": stranger + 1, "root": 0}.get(how)
    env = {"XDG_RUNTIME_DIR": "/nowhere"} if how == "no session" else {}
    if uid == stranger + 1:
        env["HOME"] = "/"
    words = ["--system"] if how == "--system" else []
    done = session.run("daemon/eqp-brokerd", "--check", *words, uid=uid, env=env)
    assert done.returncode == 0 and "listen = 127.0.0.1:9377" in done.stdout, done
    assert "listen = /run/eqp-broker/eqp-broker.sock" in done.stdout


@pytest.mark.parametrize("env, why", [({"XDG_RUNTIME_DIR": "/nowhere"}, "runtime directory"),
                                      ({"HOME": "", "XDG_CONFIG_HOME": ""}, "XDG_CONFIG_HOME nor HOME")])
def test_user_says_what_is_missing(session, env, why):
    done = session.run("daemon/eqp-brokerd", "--user", "--check", env=env)
    assert done.returncode == 78 and why in done.stderr, done


def test_user_and_system_exclude_one_another(session):
    done = session.run("daemon/eqp-brokerd", "--user", "--system", "--check")
    assert done.returncode == 78 and "exclude one another" in done.stderr, done


def test_root_may_have_one_too(upstream, stranger):
    root = Session(0)
    try:
        root.point_at(upstream)
        root.write("keys/sandbox", EXAMPLE_KEY)
        (root.config / "keys" / "sandbox").chmod(0o600)
        root.start("--user")
        assert root.eqpctl("token", "--wait", "20", "sandbox").returncode == 0
    finally:
        root.close()


def test_a_socket_of_another_user_is_passed_over(session, stranger):
    """A user who can write into the runtime directory, or has it named, does not see the questions."""
    listener = socket.socket(socket.AF_UNIX)
    session.socket.parent.mkdir(mode=0o755)
    session.runtime.chmod(0o755)
    listener.bind(str(session.socket))
    session.socket.chmod(0o666)
    listener.listen()
    listener.settimeout(0)
    done = session.eqpctl("token", "sandbox")
    assert done.returncode == 5 and f"at unix:{SYSTEM}" in done.stderr, done
    connection, _ = listener.accept()
    connection.settimeout(5)
    assert connection.recv(100) == b"", "it was asked something"


def test_a_socket_that_nobody_listens_at_is_the_user_s_trouble(session):
    """Not a reason to take the system's token, which may be another account's."""
    session.socket.parent.mkdir(mode=0o700)
    os.chown(session.socket.parent, session.uid, session.uid)
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(session.socket))
    os.chown(session.socket, session.uid, session.uid)
    left.close()
    done = session.eqpctl("token", "sandbox")
    assert done.returncode == 5 and f"No eqp-brokerd answers at unix:{session.socket}" in done.stderr, done


def test_others_get_nothing_even_if_they_reach_the_socket(session, upstream, stranger):
    session.point_at(upstream)
    session.start()
    for directory in (session.runtime, session.socket.parent):
        directory.chmod(0o755)
    session.socket.chmod(0o666)
    done = session.eqpctl("--address", f"unix:{session.socket}", "status", uid=stranger + 1)
    assert done.returncode == 4, done


def test_doctor_knows_that_it_is_the_user_s(session, upstream):
    session.point_at(upstream)
    session.write("keys/sandbox", f"{EXAMPLE_ID}:wrong")
    done = session.eqpctl("doctor", "--json")
    assert "this user's own, without root" in done.stdout, done
    cures = {finding["id"]: finding["cure"] for finding in json.loads(done.stdout)["findings"]}
    assert "systemctl --user enable --now eqp-brokerd.socket" in cures["no_daemon"], cures
    assert "journalctl --user -u eqp-brokerd" in cures["no_daemon"], cures
    assert not any(word in cure for cure in cures.values() for word in ("systemctl status", "chown", "sudo")), cures


def test_a_local_key_brings_its_port_and_its_owner(session, upstream):
    session.point_at(upstream)
    session.write("keys/sandbox", EXAMPLE_KEY)
    (session.config / "keys" / "sandbox").chmod(0o600)
    os.chown(session.config / "keys", session.uid, session.uid)
    session.write("eqp-brokerd.conf.d/gateway.conf", "[environment sandbox]\ngateway = yes\n")
    session.start()
    assert session.eqpctl("token", "--wait", "20", "sandbox").returncode == 0, session.log.read_text()
    done = session.eqpctl("local", "add", "upload", "--environment", "sandbox", "--allow", "GET /rest/v1/reports/**")
    assert done.returncode == 0, (done, session.log.read_text())
    url = next(word for word in done.stderr.split() if word.startswith("http://"))
    assert f"caller = uid:{session.uid}" in (session.config / "eqp-brokerd.conf.d" / "local-upload.conf").read_text()
    id_, secret = [line.split()[-1] for line in done.stdout.splitlines()[:2]]
    answer = subprocess.run(["curl", "-sS", "-u", f"{id_}:{secret}", "-H", "Content-Type: application/json", "-d",
                             '{"grant_type":"session"}', f"{url}/rest/v1/app/session/token"], capture_output=True,
                            text=True, timeout=60, **session.who())
    assert "ust" in answer.stdout, (answer, done)
    assert session.eqpctl("token", "sandbox").returncode == 0, "the socket is there still"
    again = session.eqpctl("local", "add", "more", "--environment", "sandbox", "--allow", "GET /rest/v1/reports/**")
    assert again.returncode == 0 and "http://" not in again.stderr, "one port is enough"


def test_sockets_of_the_service_manager_and_a_port_of_the_settings(session, upstream):
    """A user's unit has a unix socket only."""
    from broker import pass_sockets
    session.point_at(upstream)
    port = free_port()
    session.write("eqp-brokerd.conf.d/port.conf", f"[broker]\nlisten = {session.socket}\nlisten = 127.0.0.1:{port}\n")
    session.socket.parent.mkdir(mode=0o700)
    os.chown(session.socket.parent, session.uid, session.uid)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(session.socket))
    os.chown(session.socket, session.uid, session.uid)
    listener.listen()
    command, more = pass_sockets([binary(), "--user", "--log-format=text"], [("listen", listener)])
    more["env"] |= session.env
    with taken_below(10):
        daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **session.who(), **more)
    session.daemons.append(daemon)
    wait_until(lambda: session.eqpctl("--address", f"unix:{session.socket}", "live").returncode == 0, "the socket")
    wait_until(lambda: session.eqpctl("--address", f"http://127.0.0.1:{port}", "live").returncode == 0, "the port")
    assert session.eqpctl("--address", f"unix:{session.socket}", "reload").returncode == 0
    assert session.eqpctl("--address", f"http://127.0.0.1:{port}", "live").returncode == 0, "a reload keeps both"
    session.write("eqp-brokerd.conf.d/port.conf", f"[broker]\nlisten = {session.socket}\n")
    assert session.eqpctl("--address", f"unix:{session.socket}", "reload").returncode == 0
    wait_until(lambda: session.eqpctl("--address", f"http://127.0.0.1:{port}", "live").returncode == 5, "no port")
    assert session.eqpctl("--address", f"unix:{session.socket}", "live").returncode == 0


def test_no_secret_is_in_its_log(session, upstream):
    session.point_at(upstream)
    session.start("--verbose")
    session.eqpctl("key", "set", "sandbox", stdin=EXAMPLE_KEY + "\n")
    token = session.eqpctl("token", "sandbox").stdout.strip()
    log = session.log.read_text()
    assert EXAMPLE_SECRET not in log and token and token not in log
