"""Somebody has got into the forwarder, or the frontend, and sends arbitrary messages about the gateway; and how a forwarder
that hangs is found."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

import inside
from authorities import Authority
from broker import binary, forwarder_of, frontend_of, wait_forwarder, wait_frontend, wait_until
from packet_flood import flood
from inside import Inside
from lanes import RESPONSE, RESPONSE_HEAD
from recorder import Recorder, plain
from simulator import EXAMPLE_KEY

PAIR = 3
RECORDS_A_MINUTE = 3000
GET = b"GET /sandbox/rest/v1/%b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module", autouse=True)
def possible():
    if why := inside.why_not():
        pytest.skip(f"FORGED MESSAGES NOT TESTED: {why}")


@pytest.fixture
def served(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": "gateway = yes"}).wait_valid()
    broker.crashed = None
    wait_until(lambda: broker.status()["forwarder"] == "running", "the forwarder is up")
    return broker


def forged(*words):
    return subprocess.run([binary("tests/security/forge-message"), *map(str, words)], check=True, stdout=subprocess.PIPE).stdout


def pair_of(pid):
    pair = inside.socket_of(pid, PAIR)
    pair.setblocking(True)
    return pair


def settled(broker, pid):
    """All that was sent over this pair until now has been read."""
    words = f"that was all {os.urandom(4).hex()}"
    with pair_of(pid) as pair:
        pair.send(forged("record", 4, words))
    broker.wait_log(words)


def test_code_in_the_forwarder_can_speak(served):
    """The control."""
    record = forged("record", 4, "said by an attacker")
    with Inside(wait_forwarder(served.process.pid)) as attacker:
        assert attacker.call("sendto", PAIR, record, len(record), 0, 0, 0) == len(record)
    served.wait_log("said by an attacker")


@pytest.mark.parametrize("words", [
    ("demand", "sandbox", 1, 0), ("refresh", "sandbox", 1, 0), ("reload", "sandbox", 1, 0), ("report", "sandbox", 1, "x"),
    ("groups", 0), ("names",), ("carrying",), ("lane-dead", 0, 1), ("lane-broken", 0, 1), ("session",), ("drain",), ("ping", 1),
    ("upstream", "sandbox", "https://elsewhere", 0, "192.0.2.1")], ids=lambda words: words[0])
def test_messages_of_the_frontend_or_the_keeper_end_it(served, upstream, words):
    """It can ask for nothing: no exchange, no reload, no lane."""
    pid = served.process.pid
    forwarder, before = wait_forwarder(pid), upstream.state("sandbox")["requests"]["token"]
    with pair_of(forwarder) as pair:
        pair.send(forged(*words))
    wait_forwarder(pid, but=forwarder)
    assert served.log("the forwarder sent a message that makes no sense: it is ended")
    assert upstream.state("sandbox")["requests"]["token"] == before
    assert not served.log("configuration and keys read again")


def test_stale_of_an_environment_that_there_is_not(served):
    forwarder = wait_forwarder(served.process.pid)
    with pair_of(forwarder) as pair:
        for name in ("nowhere", "production"):
            pair.send(forged("stale", name))
    settled(served, forwarder)
    assert forwarder_of(served.process.pid) == forwarder and served.token()["ust"]


def test_looking_up_again_and_again_is_bounded(served):
    """Whatever the forwarder says: a name server is asked every five seconds at most."""
    if not shutil.which("strace"):
        pytest.skip("LOOK-UPS NOT COUNTED: there is no strace")
    pid, message = served.process.pid, forged("stale", "sandbox")
    forwarder = wait_forwarder(pid)
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=clone,clone3", "-p", str(pid)], stderr=subprocess.PIPE, text=True)
    try:
        status = pathlib.Path(f"/proc/{pid}/status")
        wait_until(lambda: "TracerPid:\t0\n" not in status.read_text(), "it is watched")
        began = time.monotonic()
        with pair_of(forwarder) as pair:
            while time.monotonic() < began + 8:
                pair.send(message)
                time.sleep(0.1)
        settled(served, forwarder)
        took = time.monotonic() - began
        tracer.send_signal(signal.SIGINT)
        said = tracer.communicate(timeout=20)[1]
    finally:
        tracer.kill()
    assert 1 <= len(re.findall(r"\) += \d+$", said, re.M)) <= 1 + took / 5, said  # each is a thread that looks up


def test_records_are_bounded(served):
    forwarder = wait_forwarder(served.process.pid)
    record = forged("record", 6, "spam of a forwarder")
    with pair_of(forwarder) as pair:
        for _ in range(RECORDS_A_MINUTE + 500):
            pair.send(record)
    wait_until(lambda: len(served.log("spam of a forwarder")) >= RECORDS_A_MINUTE - 10, "most of it is there")
    time.sleep(0.5)
    assert len(served.log("spam of a forwarder")) <= RECORDS_A_MINUTE
    with pair_of(wait_frontend(served.process.pid)) as pair:
        pair.send(forged("record", 4, "the frontend has its own"))
    served.wait_log("the frontend has its own")


# ---- the lanes ----

def lanes_of(pid):
    """Copies of its ends, in their order: each took the lowest number that there was."""
    sockets = []
    for number in sorted(set(map(int, os.listdir(f"/proc/{pid}/fd"))) - {PAIR}):
        with contextlib.suppress(FileNotFoundError, AssertionError):  # it was a connection, and has ended
            if os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:"):
                sockets.append(inside.socket_of(pid, number))
    lanes = [one for one in sockets if (one.family, one.type) == (socket.AF_UNIX, socket.SOCK_SEQPACKET)]
    for one in lanes:
        one.setblocking(True)
    return lanes


def get(broker, name):
    """A request that is passed on."""
    return broker.raw(GET % name.encode(), via="unix")


def test_packets_about_what_is_over_keep_nobody_from_tokens(make_broker, tmp_path):
    """They cost the frontend more than the one that sends them. Not the frontend is replaced, but the forwarder."""
    held = threading.Event()

    def answer(asked, line):
        if "/held" in asked.target:
            held.wait(120)
        return plain()

    with Recorder(Authority(tmp_path, "company")) as upstream:
        upstream.answer = answer
        broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                             environments={"sandbox": upstream.gateway("allow = any GET /rest/v1/**")}).wait_valid()
        pid, token = broker.process.pid, broker.token()["ust"]
        forwarder, frontend = wait_forwarder(pid), wait_frontend(pid)
        assert get(broker, "first").startswith(b"HTTP/1.1 200 ")
        with broker.connect() as waiting, contextlib.ExitStack() as stack:
            waiting.sendall(GET % b"held")
            wait_until(lambda: any("/held" in asked.target for asked in upstream.heard), "it is under way")
            lanes = [stack.enter_context(lane) for lane in lanes_of(forwarder)]
            assert len(lanes) == 64
            until, lines = time.monotonic() + 20, b"a:\r\n" * 4096
            packet = RESPONSE_HEAD.pack(RESPONSE, 0, 1, 200, False, False, False, -1, len(lines), 0) + lines
            with flood(lanes[0], packet) as flooding:
                while flooding.poll() is None and time.monotonic() < until:
                    assert broker.token()["ust"] == token
            assert b"\r\nEQP-Error: upstream_lost\r\n" in waiting.recv(65536)
        wait_forwarder(pid, but=forwarder)
        assert broker.log("the forwarder sent the frontend a packet that makes no sense: it is ended, and another one takes its place")
        assert broker.token()["ust"] == token and frontend_of(pid) == frontend
        wait_until(lambda: get(broker, "last").startswith(b"HTTP/1.1 200 "), "requests are passed on again")
        held.set()


def test_a_word_on_a_lane_of_before_is_not_heeded(served):
    pid = served.process.pid
    forwarder, frontend = wait_forwarder(pid), wait_frontend(pid)
    with pair_of(frontend) as pair:
        for id_ in (0, 63):
            for serial in (0, 65, 2**63):
                pair.send(forged("lane-broken", id_, serial))
    settled(served, frontend)
    assert forwarder_of(pid) == forwarder
    with pair_of(frontend) as pair:
        pair.send(forged("lane-broken", 0, 1))
    wait_forwarder(pid, but=forwarder)
    assert frontend_of(pid) == frontend and served.token()["ust"]


# ---- a hang ----

def test_a_forwarder_that_hangs_is_found_when_there_is_work(served):
    pid, token = served.process.pid, served.token()["ust"]
    forwarder, frontend = wait_forwarder(pid), wait_frontend(pid)
    os.kill(forwarder, signal.SIGSTOP)
    began = time.monotonic()
    with pair_of(frontend) as pair:
        pair.send(forged("carrying"))
    wait_forwarder(pid, but=forwarder)
    assert 3.5 < time.monotonic() - began < 15
    assert served.log("the forwarder does not answer: it is ended, and another one takes its place")
    assert frontend_of(pid) == frontend and served.token()["ust"] == token


def test_nobody_asks_while_nothing_is_carried(served):
    forwarder = wait_forwarder(served.process.pid)
    os.kill(forwarder, signal.SIGSTOP)
    time.sleep(6)
    assert forwarder_of(served.process.pid) == forwarder
    os.kill(forwarder, signal.SIGCONT)


def test_one_that_works_is_left_alone(served):
    pid = served.process.pid
    forwarder = wait_forwarder(pid)
    with pair_of(wait_frontend(pid)) as pair:
        for _ in range(60):
            pair.send(forged("carrying"))
            time.sleep(0.1)
    assert forwarder_of(pid) == forwarder


# ---- the frontend, about lanes ----

def test_lanes_that_are_called_dead_again_and_again(served):
    """A process that does not read is replaced, and neither of the two is at the other's mercy for its life."""
    pid = served.process.pid
    forwarder, frontend = wait_forwarder(pid), wait_frontend(pid)
    messages = [forged("lane-dead", id_, serial) for id_ in (0, 63) for serial in (0, 1, 64, 2**63)]
    with pair_of(frontend) as pair:
        for _ in range(2000):
            for message in messages:
                pair.send(message)
    settled(served, frontend)
    assert forwarder_of(pid) == forwarder and frontend_of(pid) == frontend
    assert served.token()["ust"]
    assert len(os.listdir(f"/proc/{pid}/fd")) < 100, "no end of a lane stays with the keeper"


def test_lanes_for_one_that_does_not_read(served):
    """Each end of a lane that waits for the frontend is a descriptor of the keeper's; so only so many wait."""
    pid, n_lanes, last_serial = served.process.pid, 64, 1000
    frontend, lane_dead = wait_frontend(pid), forged("lane-dead", 0, 0)[:4]
    settled(served, frontend)
    most = before = len(os.listdir(f"/proc/{pid}/fd"))
    os.kill(frontend, signal.SIGSTOP)
    with pair_of(frontend) as pair, contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it is replaced
        for _ in range(25):  # a round of new lanes for each, or nearly so
            for id_ in range(n_lanes):
                for serial in range(1, last_serial):  # one of these is the lane's
                    pair.send(lane_dead + struct.pack("=IQ", id_, serial))
            most = max(most, len(os.listdir(f"/proc/{pid}/fd")))
    assert most < before + 400
    assert served.token(timeout=60)["ust"]


def test_a_lane_that_there_is_not(served):
    frontend = wait_frontend(served.process.pid)
    with pair_of(frontend) as pair, contextlib.suppress(OSError):
        pair.send(struct.pack("=IIQ", struct.unpack("=I", forged("lane-dead", 0, 0)[:4])[0], 64, 1))
    wait_frontend(served.process.pid, but=frontend)
    assert served.log("the frontend sent a message that makes no sense")
