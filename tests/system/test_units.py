"""Units as callers: their processes ask on the unix socket, and the kernel and the control groups of a real service
manager say which unit it is."""

import json
import os

import pytest
from home import Home
from machine import SERVICE, wait_until

RULES = """[environment sandbox]
allow = uid:0
allow = group:eqp-broker
allow = unit:deploy.service
allow = unit:worker@.service
"""
SOCKET = "/run/eqp-broker/eqp-broker.sock"

# Asks again and again on one connection, and anew where that was closed.
ASKER = """#!/usr/bin/python3
import http.client, os, socket, time
class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/run/eqp-broker/eqp-broker.sock")
connection = Connection("localhost")
while True:
    connection.request("GET", "/v1/sandbox/token")
    answer = connection.getresponse()
    answer.read()
    print(answer.status, flush=True)
    time.sleep(0.05)
"""

pytestmark = pytest.mark.skipif(tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2]) < (6, 13),
                                reason="needs Linux 6.13, which tells which control group a process is in")


@pytest.fixture(scope="module")
def home(bench):
    with Home() as home:
        home.set_key("sandbox.1-main")
        home.wait_valid("sandbox")
        home.point_at_simulator(RULES)
        home.systemctl("reload", SERVICE)
        home.write("/opt/asker", ASKER, 0o755)
        yield home


def ask(home, name, more=""):
    """Starts a unit that asks for the token; returns what it was answered, as JSON."""
    out = f"/run/{name.replace('@', '-')}.answer"
    home.run("rm", "-f", out)
    file = name.split("@")[0] + "@.service" if "@" in name else name
    home.write(f"/run/systemd/system/{file}", f"""
[Service]
Type=oneshot
DynamicUser=yes
ExecStart=/usr/bin/python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect("{SOCKET}"); \\
    s.sendall(b"GET /v1/sandbox/token HTTP/1.0\\\\r\\\\n\\\\r\\\\n"); print(s.makefile().read().split("\\\\n\\\\n")[1])'
StandardOutput=truncate:{out}
{more}""")
    home.systemctl("daemon-reload")
    home.systemctl("start", name)
    return json.loads(home.read(out))


@pytest.mark.parametrize("name, more", [("deploy.service", ""), ("worker@7.service", ""), ("deploy.service", "Slice=a-b.slice"),
                                        ("deploy.service", "Delegate=yes"), ("deploy.service", "User=mallory\nDynamicUser=no")])
def test_a_unit_that_a_rule_allows(home, name, more):
    home.add_user_once("mallory", [])
    assert ask(home, name, more)["ust"] == home.token()["ust"]


def test_a_unit_that_no_rule_allows(home):
    """As any user, and under any name of its own."""
    answer = ask(home, "curious.service", "User=mallory\nDynamicUser=no")
    assert (answer["code"], answer["error"]) == (403, "caller_refused"), answer
    answer = ask(home, "deploy.mount.service", "SyslogIdentifier=deploy.service")
    assert answer["error"] == "caller_refused", answer


def test_a_unit_that_is_started_again(home):
    """Its control group is another one each time."""
    for _ in range(3):
        assert ask(home, "deploy.service")["ust"] == home.token()["ust"]


def test_after_a_restart_of_the_broker(home):
    home.systemctl("restart", SERVICE)
    assert ask(home, "deploy.service")["ust"] == home.token()["ust"]


def test_a_user_is_none_of_its_units(home):
    home.add_user_once("mallory", [])
    answer = home.run("curl", "-sS", "--unix-socket", SOCKET, "http://localhost/v1/sandbox/token", user="mallory").out
    assert json.loads(answer)["error"] == "caller_refused", answer


def test_a_process_that_leaves_its_unit(home):
    """On the connection that it has, within a second or so."""
    for name in ("deploy.service", "other.service"):
        home.write(f"/run/systemd/system/{name}", f"""
[Service]
Type=exec
DynamicUser=yes
ExecStart=/opt/asker
StandardOutput=append:/run/{name}.out
""")
    home.systemctl("daemon-reload")
    home.systemctl("start", "deploy.service", "other.service")
    last = lambda name: home.read(f"/run/{name}.out").split()[-1:]  # noqa: E731
    try:
        wait_until(lambda: last("deploy.service") == ["200"], "the unit is answered")
        wait_until(lambda: last("other.service") == ["403"], "the other one is not")
        pid = home.systemctl("show", "-P", "MainPID", "deploy.service").out.strip()
        home.run("sh", "-c", f"echo {pid} >/sys/fs/cgroup/system.slice/other.service/cgroup.procs")
        wait_until(lambda: last("deploy.service") == ["403"], "it is refused outside its unit")
        home.run("sh", "-c", f"echo {pid} >/sys/fs/cgroup/system.slice/deploy.service/cgroup.procs")
        wait_until(lambda: last("deploy.service") == ["200"], "it is answered in it")
    finally:
        home.systemctl("stop", "deploy.service", "other.service", check=False)


def test_no_secret_has_leaked(home):
    home.run("sh", "-c", "rm -f /run/*.answer")
    home.search_for_secrets()
