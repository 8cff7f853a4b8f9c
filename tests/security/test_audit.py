"""The log tells who got a token and who was refused: each once, under any flood, and never a secret."""

import errno
import os
import re
import time

import pytest

from authorities import Authority
from broker import silent_users, wait_until
from people import ROOT, STRANGER, connect_as, run_as
from recorder import Recorder
from simulator import EXAMPLE_KEY
from wire import connect, get, parse, receive, request

CLOSE = b"Connection: close"


def handed_out(broker):
    return broker.log("token handed out")


def test_token_once_per_caller_name_and_token(broker, alice):
    tcp, unix = ("127.0.0.1", broker.port), str(broker.socket_path)
    for _ in range(5):
        for place in (tcp, unix):
            for name in ("job-a", "job-b"):
                assert run_as(alice, get, place, client=name)[0] == 200
                assert get(place, client=name)[0] == 200
    lines = broker.wait_log("token handed out", 4)
    # On the unix socket the process is known as well, but it is the same caller.
    said = [re.search(r"sandbox: token handed out to uid (\d+)(?: pid \d+)? client (\S+)$", line).groups()
            for line in lines]
    assert sorted(said) == sorted((str(uid), name) for uid in (0, alice.uid) for name in ("job-a", "job-b"))
    broker.refresh()
    assert run_as(alice, get, tcp, client="job-a")[0] == 200
    assert len(broker.wait_log("token handed out", 5)) == 5, "a new token is told anew"


def test_every_way_to_a_token_is_told(broker, alice):
    place = "127.0.0.1", broker.port
    ways = {"w-get": ("GET", "/v1/sandbox/token", {}, b""),
            "w-rejected": ("POST", "/v1/sandbox/token/rejected", {}, b'{"ust":"x"}'),
            "w-session": ("POST", "/sandbox/rest/v1/app/session/token", {"Authorization": "Basic YTpi"},
                          b'{"grant_type":"session"}')}
    for name, (method, path, headers, body) in ways.items():
        status, _, answer = run_as(alice, get, place, path, headers, method, body, name)
        assert status == 200 and b'"ust"' in answer
        broker.wait_log(f"token handed out to uid {alice.uid} client {name}$")


def test_many_names_do_not_repeat_lines(broker):
    """Sixty honest programs, asking in turn: sixty lines."""
    with connect(("127.0.0.1", broker.port)) as stream:
        for _ in range(4):
            for i in range(60):
                stream.sendall(request(client=b"job-%d" % i, port=broker.port))
                assert stream.recv(65536).startswith(b"HTTP/1.1 200")
    lines = [line for line in handed_out(broker) if " client job-" in line]
    assert len(lines) == len(set(lines)) == 60


def test_invented_names_do_not_flood_the_log(broker):
    """Somebody who may have tokens, and uses another name each time."""
    began = time.monotonic()
    with connect(("127.0.0.1", broker.port)) as stream:
        for i in range(3000):
            stream.sendall(request(client=b"n%d" % i, port=broker.port))
            assert stream.recv(65536).startswith(b"HTTP/1.1 200")
    n, took = len(handed_out(broker)), time.monotonic() - began
    assert 900 < n <= 1010 + 10 * took, f"{n} lines: as many as there is a budget for, which is 10 a second besides"
    wait_until(lambda: (get(("127.0.0.1", broker.port), client="last"), broker.log("lines about others were left out"))[1],
               "the log says how many lines were left out")


def test_refusals_are_told_once_a_minute_with_counts(broker, alice, mallory):
    place = "127.0.0.1", broker.port

    def refused(person, client):
        for _ in range(30):
            assert run_as(person, get, place, client=client)[:2] == (403, "caller_refused")

    def most():
        return 1 + (time.monotonic() - began) // 60
    began = time.monotonic()
    refused(mallory, "m")
    line = broker.wait_log(f"refused uid {mallory.uid}")
    assert len(line) <= most() and "caller_refused" in line[0]

    def flood():
        for i in range(400):
            assert get(place, client=f"name-{i}")[1] == "caller_refused"
    run_as(mallory, flood)
    assert len(broker.log(f"refused uid {mallory.uid}")) <= most(), "another name is no other caller"
    assert b"eqp_broker" in get(place, "/metrics")[2]


def test_alternating_reasons_do_not_flood_the_log(broker, alice):
    """Each reason once, in whatever order they come."""
    bad = [dict(host=b"evil.test", port=0), dict(client=None), dict(headers=[b"Origin: x"]), dict(headers=[b"Via: x"]),
           dict(headers=[b"Accept: a/b", b"Accept: c/d"])]
    with connect_as(alice, ("127.0.0.1", broker.port)) as stream:
        for _ in range(40):
            for how in bad:
                stream.sendall(request(**{"port": broker.port, **how}))
                assert stream.recv(65536).startswith(b"HTTP/1.1 4")
    lines = broker.log(f"refused uid {alice.uid}")
    assert len(lines) == len(bad), lines


def test_many_uids_do_not_flood_the_log(upstream, make_broker):
    """As one who has a range of subordinate uids can: a new one for each connection."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker="allow = user:root").wait_valid()

    def flood():
        for uid in range(300000, 300600):
            os.setresuid(uid, uid, 0)
            assert get(("127.0.0.1", broker.port))[1] == "caller_refused"
            os.setresuid(0, 0, 0)
    run_as(ROOT, flood)
    n = len(broker.log("refused uid 3"))
    assert 100 <= n < 300, f"{n} lines of 600"


def test_many_uids_do_not_flood_the_log_while_the_user_database_is_silent(plain_build, upstream, make_broker, users):
    """Each of them costs a look-up of its groups, which fails."""
    group, _ = users.group("asked-for")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=f"allow = user:root\nallow = group:{group}",
                         env=silent_users(errno.ECONNREFUSED)).wait_valid()
    began = time.monotonic()

    def flood():
        for uid in range(54000, 54300):
            os.setresuid(uid, uid, 0)
            assert get(("127.0.0.1", broker.port))[1] == "caller_refused"
            os.setresuid(0, 0, 0)
    run_as(ROOT, flood)
    n, took = len(broker.log("the user database does not give the groups of uid 54")), time.monotonic() - began
    assert 10 <= n <= 11 + took / 10, f"{n} lines of 300"


@pytest.fixture
def recorder(tmp_path):
    with Recorder(Authority(tmp_path, "company")) as recorder:
        yield recorder


@pytest.fixture
def passing(recorder, make_broker, alice, mallory):
    """A daemon that passes on what alice and mallory post."""
    rules = [f"allow = user:{user.name} POST /rest/v1/**" for user in (alice, mallory)]
    return make_broker(recorder, keys={"sandbox": EXAMPLE_KEY}, broker=f"allow = user:{alice.name}",
                       environments={"sandbox": recorder.gateway(*rules)}).wait_obtained()


def send_many(place, method, n, status):
    for i in range(n):
        assert get(place, f"/sandbox/rest/v1/{i}", method=method)[0] == status


def test_one_who_is_refused_all_the_time_leaves_the_log_to_others(passing, alice):
    """By the gateway's rules: it is somebody without any right."""
    place, began = str(passing.socket_path), time.monotonic()
    run_as(STRANGER, send_many, place, "GET", 300, 403)
    run_as(alice, send_many, place, "GET", 1, 403)
    passing.wait_log(f" not passed on for uid {alice.uid} .*: 403 rule_refused")
    n, took = len(passing.log(f" not passed on for uid {STRANGER.uid} ")), time.monotonic() - began
    assert 20 <= n <= 21 + took / 10, f"{n} lines of 300"
    assert passing.log("lines about others were left out")


def test_one_who_changes_something_all_the_time_leaves_the_log_to_others(passing, alice, mallory):
    place, began = str(passing.socket_path), time.monotonic()
    run_as(mallory, send_many, place, "POST", 500, 200)
    run_as(alice, send_many, place, "POST", 1, 200)
    passing.wait_log(f" passed on for uid {alice.uid} ")
    n, took = len(passing.log(f" passed on for uid {mallory.uid} ")), time.monotonic() - began
    assert 300 <= n <= 301 + 5 * took, f"{n} lines of 500"


def test_names_in_the_log_are_names(broker):
    """A caller's own name reaches the log only if it cannot be anything else."""
    place = "127.0.0.1", broker.port
    with connect(place) as stream:
        stream.sendall(request(client=b"x\x1b[2Jcanary-name", port=broker.port))
        assert parse(receive(stream))[0].status == 400
    for name in (b"canary name", b"canary-name\ttoken handed out to uid 0", b'canary"'):
        with connect(place) as stream:
            stream.sendall(request(client=name, port=broker.port, headers=[CLOSE]))
            assert parse(receive(stream))[0].status in (400, 403)
    with connect(place) as stream:
        stream.sendall(request(target=b"/v1/canary-name/token?canary-name", port=broker.port, headers=[CLOSE]))
        receive(stream)
    assert "canary" not in broker.text()
