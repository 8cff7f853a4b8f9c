"""eqp-brokerd: callers and their rights. How many connections each may have: test_daemon_limits.py."""

import os
import pwd
import subprocess
import sys

import pytest

from simulator import EXAMPLE_KEY


def test_the_default_allows_the_daemons_own_user(stranger, upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, uid=stranger).wait_valid()
    assert broker.refresh()["outcome"] == "granted", "root is an operator by default"
    for via in ("unix", "tcp"):
        status, body = as_user(stranger, broker, via)
        assert status == 200 and b"expires_in" in body


@pytest.mark.parametrize("rules, may_refresh", [
    ({"broker": "allow = uid:0\nallow = uid:1\noperators = uid:0\noperators = uid:1"}, False),
    ({"environments": {"sandbox": "allow = uid:0\noperators = uid:0"}}, False), ({"broker": "allow = uid:0\noperators = uid:0"}, True)],
    ids=["lists", "lists of the environment", "the default of operators, written out"])
def test_the_daemons_own_user_may_be_left_out(stranger, upstream, make_broker, rules, may_refresh):
    """As SECURITY.md says it. It may reload all the same."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, uid=stranger, **rules).wait_valid()
    for via in ("unix", "tcp"):
        assert as_user(stranger, broker, via)[0] == 403
        status = as_user(stranger, broker, via, "/v1/sandbox/refresh", "POST")[0]
        assert status == 403 if not may_refresh else status != 403
        assert as_user(stranger, broker, via, "/v1/reload", "POST")[0] == 200


def as_user(uid, broker, via, path="/v1/sandbox/token", method="GET", gid=None, groups=()):
    """A request by a process of that user: (status, body)."""
    where = ["--unix-socket", str(broker.socket_path)] if via == "unix" else []
    port = broker.port if via == "tcp" else 80
    result = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", "-X", method, "-H", "EQP-Client: other", "-w", "\n%{http_code}", "--max-time",
         "15", *where, f"http://127.0.0.1:{port}{path}"], user=uid, group=uid if gid is None else gid,
        extra_groups=list(groups), capture_output=True, check=False, cwd="/")
    assert result.returncode == 0, result
    body, _, status = result.stdout.rpartition(b"\n")
    return int(status), body


@pytest.fixture
def guarded(stranger, upstream, make_broker):
    """A daemon of root's with these further lines."""
    def make(broker="", sandbox="", **more):
        return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY}, broker=broker,
                           environments={"sandbox": sandbox}, **more).wait_obtained("sandbox", "production")
    return make


@pytest.mark.parametrize("via", ["unix", "tcp"])
def test_a_caller_without_any_right(guarded, stranger, via):
    broker = guarded()
    for path in ("/v1/sandbox/token", "/v1/status", "/v1/nothing/token", "/nonsense"):
        status, body = as_user(stranger, broker, via, path)
        assert (status, b"caller_refused" in body) == (403, True)
        assert b"MAG" not in body and b"sandbox\"" not in body
    for path in ("/livez", "/readyz", "/metrics"):
        assert as_user(stranger, broker, via, path)[0] == 200
    assert broker.log(f"refused uid {stranger}( pid [0-9]+)? client other: caller_refused", priority=5)


@pytest.mark.parametrize("via, rule, gid, groups, expected", [
    ("unix", "any", None, (), 200), ("unix", "uid:54321", None, (), 200), ("unix", "uid:54322", None, (), 403),
    ("tcp", "any", None, (), 200), ("tcp", "uid:54321", None, (), 200), ("tcp", "uid:54322", None, (), 403),
    ("unix", "gid:54321", None, (), 200), ("unix", "gid:777", None, (), 403), ("unix", "gid:777", 777, (), 200),
    ("unix", "gid:777", None, (776, 777), 200), ("unix", "gid:0", None, (), 403), ("tcp", "gid:777", 777, (777,), 403)])
def test_rules(guarded, stranger, via, rule, gid, groups, expected):
    broker = guarded(f"allow = {rule}")
    assert as_user(stranger, broker, via, gid=gid, groups=groups)[0] == expected
    own = rule == "any" or rule == f"gid:{os.getegid()}"
    assert broker.get("/v1/sandbox/token").status == (200 if own else 403), "root is no exception"


def test_a_dual_stack_client(guarded, stranger):
    """IPv4 by a socket of IPv6, as Java and many others have it unless told otherwise."""
    broker = guarded(f"allow = uid:{stranger}")
    ask = ("import http.client, socket, sys; stream = socket.socket(socket.AF_INET6); "
           "stream.connect(('::ffff:127.0.0.1', int(sys.argv[1]))); "
           "one = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1])); one.sock = stream; "
           "one.request('GET', '/v1/sandbox/token', headers={'EQP-Client': 'dual'}); "
           "answer = one.getresponse(); print(answer.status, answer.read().decode())")
    for uid, status in ((stranger, "200"), (stranger + 1, "403")):
        result = subprocess.run([sys.executable, "-c", ask, str(broker.port)], user=uid, group=uid, extra_groups=[],
                                capture_output=True, text=True, check=True, cwd="/", timeout=30)
        assert result.stdout.startswith(status), result.stdout
        assert "caller_unknown" not in result.stdout


def test_groups_of_tcp_callers_come_from_the_user_database(guarded):
    user = pwd.getpwnam("daemon")
    broker = guarded("allow = group:daemon")
    assert as_user(user.pw_uid, broker, "tcp", gid=54321)[0] == 200
    assert as_user(user.pw_uid, broker, "unix", gid=54321)[0] == 403, "here the kernel tells the groups"


def test_an_environments_own_rules_replace_the_general_ones(guarded, stranger):
    broker = guarded(sandbox=f"allow = uid:{stranger}\noperators = uid:{stranger}")
    assert as_user(stranger, broker, "unix")[0] == 200
    assert as_user(stranger, broker, "unix", "/v1/production/token")[0] == 403
    assert as_user(stranger, broker, "unix", "/v1/sandbox/refresh", "POST")[0] == 200
    assert as_user(stranger, broker, "unix", "/v1/production/refresh", "POST")[0] == 403
    status, body = as_user(stranger, broker, "tcp", "/v1/status")
    assert status == 200 and b'"sandbox"' in body and b'"production"' not in body
    assert broker.get("/v1/sandbox/token").error() == (403, "caller_refused")
    assert broker.get("/v1/production/token").status == 200


def test_a_caller_may_not_refresh(guarded, stranger):
    broker = guarded(f"allow = uid:{stranger}")
    assert as_user(stranger, broker, "tcp")[0] == 200
    status, body = as_user(stranger, broker, "tcp", "/v1/sandbox/refresh", "POST")
    assert (status, b"operators" in body) == (403, True)
    assert as_user(stranger, broker, "unix", "/v1/sandbox/refresh?account=new", "POST")[0] == 403


@pytest.mark.parametrize("via", ["unix", "tcp"])
def test_nobody_is_never_known(guarded, via):
    status, body = as_user(65534, guarded("allow = any"), via)
    assert (status, b"caller_unknown" in body) == (403, True)


def test_changed_rules_count_on_open_connections(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    with broker.connection() as connection:
        assert connection.ask("GET", "/v1/sandbox/token").status == 200
        broker.environments["sandbox"] = "allow = uid:1"
        broker.write_config()
        broker.reload()
        assert connection.ask("GET", "/v1/sandbox/token").error() == (403, "caller_refused")
