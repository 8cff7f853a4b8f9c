"""eqp-brokerd: the process that has the callers may end, or hang, and little comes of it."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from broker import binary, frontend_of, scan, wait_frontend, wait_until
from fixtures import is_sanitized
from simulator import EXAMPLE_ID, EXAMPLE_KEY, EXAMPLE_SECRET

ENDED = "the frontend was ended by signal"


@pytest.fixture
def served(upstream, make_broker):
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()


def asked(upstream):
    return upstream.state("sandbox")["requests"]["granted"]


def test_it_is_killed_and_another_one_goes_on(served, upstream):
    token, before = served.token()["ust"], asked(upstream)
    frontend = wait_frontend(served.process.pid)
    for n in range(1, 4):
        os.kill(frontend, signal.SIGKILL)
        assert served.token()["ust"] == token, "the connection waited in the queue"
        frontend = wait_frontend(served.process.pid, but=frontend)
        assert served.token(via="tcp")["ust"] == token
        served.wait_log(f"{ENDED} 9 .SIGKILL.; .* another one starts", n)
    assert asked(upstream) == before, "it cost no exchange"


def test_it_hangs_and_is_replaced(served):
    token = served.token()["ust"]
    frontend = wait_frontend(served.process.pid)
    os.kill(frontend, signal.SIGSTOP)
    began = time.monotonic()
    assert served.token()["ust"] == token
    assert time.monotonic() - began < 15, "of which 4 s are until it is found"
    assert wait_frontend(served.process.pid, but=frontend)
    assert served.log("the frontend does not answer: it is ended")


def test_nobody_asks_while_nobody_comes(served):
    """An idle host is not woken: a frontend that hangs while it has nothing to do is left alone."""
    frontend = wait_frontend(served.process.pid)
    time.sleep(2)
    os.kill(frontend, signal.SIGSTOP)
    time.sleep(6)
    assert frontend_of(served.process.pid) == frontend
    os.kill(frontend, signal.SIGCONT)
    assert served.token()["ust"]
    assert frontend_of(served.process.pid) == frontend


def test_one_that_keeps_ending_is_held_back(served):
    killed, in_time = set(), 0
    until = time.monotonic() + 4
    while time.monotonic() < until or len(killed) < 4:
        assert time.monotonic() < until + 60, killed
        if frontend := frontend_of(served.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(frontend, signal.SIGKILL)
                killed.add(frontend)
        if time.monotonic() < until:
            in_time = len(killed)
        time.sleep(0.002)
    assert in_time <= 9, killed
    assert served.log("after a pause, as it keeps ending")
    assert served.token(timeout=30)["ust"], "it has ended for the last time"


def test_one_that_cannot_be_sent_its_sockets_is_replaced(upstream, make_broker, monkeypatch):
    """Descriptors of the broker's user wait in the sockets of others, more than may: then none can be sent. That is said, and
    tried again until it passes."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to run a daemon as a user of its own: descriptors are counted for each user")
    uid, few = 54332, 400
    with tempfile.TemporaryDirectory(prefix="eqp-") as directory:
        os.chmod(directory, 0o755)
        with_few = pathlib.Path(directory, "with-few")
        with_few.write_text(f'#!/bin/sh\nulimit -n {few}\nexec {binary()} "$@"\n')
        with_few.chmod(0o755)
        monkeypatch.setattr("broker.binary", lambda: str(with_few))
        broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, uid=uid, broker="max_connections = 64").wait_valid()
    broker.crashed = None
    with holding_descriptors(uid, few + 1):
        os.kill(wait_frontend(broker.process.pid), signal.SIGKILL)
        broker.wait_log("the frontend cannot be sent its news .too many descriptors of this user lie unread in unix sockets", 3,
                        timeout=60)
    assert broker.token(timeout=60)["ust"]


@contextlib.contextmanager
def holding_descriptors(uid, n):
    """Somebody of this user has sent so many, and nobody reads."""
    script = f"""
import os, socket, sys
os.setgroups([])
os.setresgid({uid}, {uid}, {uid})
os.setresuid({uid}, {uid}, {uid})
pairs = [socket.socketpair() for _ in range({n} // 200 + 1)]
for ours, _ in pairs:
    socket.send_fds(ours, [b"x"], [0] * 200)
print("held", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        yield
        holder.stdin.close()


def test_it_ends_with_the_keeper(served):
    frontend = wait_frontend(served.process.pid)
    served.process.kill()
    served.process.wait()
    wait_until(lambda: not pathlib.Path(f"/proc/{frontend}").exists(), "the frontend is gone")


def test_signals_that_are_sent_to_all_leave_it_the_end(served):
    """A manager sends SIGTERM to each process of a service, and a terminal SIGINT."""
    frontend = wait_frontend(served.process.pid)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(frontend, number)
    assert served.token()["ust"]
    assert frontend_of(served.process.pid) == frontend


def test_it_has_nothing_but_what_it_needs(served):
    served.token()
    frontend = wait_frontend(served.process.pid)
    assert pathlib.Path(f"/proc/{frontend}/environ").read_bytes().replace(b"\0", b"") == b"" or os.environ.get("ASAN_OPTIONS")
    assert pathlib.Path(f"/proc/{frontend}/cmdline").read_bytes() == b"eqp-brokerd\0--frontend\0"
    for number in os.listdir(f"/proc/{frontend}/fd"):
        if number == "2" and is_sanitized():
            continue  # where its findings are written
        with contextlib.suppress(FileNotFoundError):
            target = os.readlink(f"/proc/{frontend}/fd/{number}")
            assert re.match(r"socket:|anon_inode:|/dev/null", target), (number, target)


def test_no_byte_of_an_access_key_is_in_it(served, plain_build):
    if os.geteuid() != 0:
        pytest.skip("only root may read the memory of another process")
    served.write_key("sandbox.2", "SPAREKEY09:0f1e2d3c4b5a69788796a5b4c3d2e1f0")
    served.refresh()
    token = served.token()["ust"]
    frontend = wait_frontend(served.process.pid)
    needles = {EXAMPLE_SECRET, EXAMPLE_ID, "SPAREKEY09", "0f1e2d3c4b5a69788796a5b4c3d2e1f0", token}
    assert scan(frontend, needles) == {token}
    assert scan(served.process.pid, needles) >= {token, EXAMPLE_SECRET}, "the check finds what is there"


def test_by_hand_it_says_what_it_is():
    result = subprocess.run([binary(), "--frontend"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert result.returncode == 78 and "a part of itself" in result.stderr


def test_a_keeper_that_stands_still_is_not_alive(served):
    assert served.get("/livez").status == 200
    time.sleep(1.1)  # its latest answer still counts
    os.kill(served.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert served.get("/livez").error() == (503, "not_live")
        assert 4 < time.monotonic() - began < 15
        assert served.token()["ust"], "a token is there all the same"
    finally:
        os.kill(served.process.pid, signal.SIGCONT)
    wait_until(lambda: served.get("/livez").status == 200, "it is back")
