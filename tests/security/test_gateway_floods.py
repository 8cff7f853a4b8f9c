"""Floods of the gateway: slow bodies, deaf readers, heads without end, connections without number, by a user who may use it and
by one who may not. A caller that asks for a token meanwhile gets it, and memory stays bounded."""

import contextlib
import itertools
import pathlib
import re
import socket
import threading
import time

import pytest

from authorities import Authority
from broker import forwarder_of, frontend_of, wait_until
from people import Person, run_as, sockets_as
from recorder import Recorder
from simulator import EXAMPLE_KEY
from wire import get

pytestmark = pytest.mark.alone
HEAD = b"Host: localhost\r\nEQP-Client: flood\r\n"
# Of an honest caller's request for a token, on a connection of its own; others run in its place as well.
HONEST_SEC = 5


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authorities"), "company")


@pytest.fixture
def upstream(authority):
    with Recorder(authority) as upstream:
        yield upstream


@pytest.fixture
def broker(upstream, make_broker, alice, mallory):
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=f"allow = user:{alice.name}",
                       environments={"sandbox": upstream.gateway(f"allow = user:{mallory.name} * /rest/v1/**")}).wait_obtained("sandbox")


def memory(pid):
    """Private memory, in KiB."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(size) for size in re.findall(r"^Private_\w+:\s+(\d+) kB", text, re.M))


def pour(stream, data):
    """As much as is taken."""
    stream.setblocking(False)
    with contextlib.suppress(OSError):
        while data:
            data = data[stream.send(data):]


FLOODS = {
    "slow bodies": lambda n: b"POST /sandbox/rest/v1/%d HTTP/1.1\r\n%bContent-Length: 60000\r\n\r\nx" % (n, HEAD),
    "slow large bodies": lambda n: b"POST /sandbox/rest/v1/%d HTTP/1.1\r\n%bContent-Length: 60000000\r\n\r\n" % (n, HEAD) + b"x" * 400_000,
    "chunks without end": lambda n: b"POST /sandbox/rest/v1/%d HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n" % (n, HEAD) + b"1\r\nx\r\n" * 50_000,
    "heads without end": lambda n: b"GET /sandbox/rest/v1/%d HTTP/1.1\r\n%b" % (n, HEAD) + b"X: " + b"y" * 200_000,
    "many headers": lambda n: b"GET /sandbox/rest/v1/%d HTTP/1.1\r\n%b" % (n, HEAD) + b"X: y\r\n" * 20_000,
    "targets without end": lambda n: b"GET /sandbox/rest/v1/" + b"a" * 200_000,
    "deaf readers": lambda n: b"GET /sandbox/rest/v1/large/%d HTTP/1.1\r\n%b\r\n" % (n, HEAD),
    "pipelines": lambda n: b"GET /sandbox/rest/v1/%d HTTP/1.1\r\n%b\r\n" % (n, HEAD) * 500,
    "silence": lambda n: b"",
}


@pytest.mark.slow("eighteen floods, seconds each")
@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("allowed", [True, False], ids=["allowed", "refused"])
def test_a_token_is_got_meanwhile(plain_build, broker, upstream, alice, mallory, flood, allowed):
    def answer(asked, line):
        if "/large/" not in asked.target:
            return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        for _ in range(500):
            line.send(b"z" * 100_000)
        return b""

    upstream.answer = answer
    place, who = str(broker.socket_path), mallory if allowed else Person("stranger", 60123, 60123)
    run_as(alice, get, place)
    before = {name: memory(pid) for name, pid in (("frontend", frontend_of(broker.process.pid)), ("forwarder", forwarder_of(broker.process.pid)))}
    stop, streams, number = threading.Event(), [], itertools.count()

    def make():
        one = socket.socket(socket.AF_UNIX)
        one.connect(place)
        return one

    def attack():
        while not stop.is_set():
            with contextlib.suppress(Exception):
                new = sockets_as(who, lambda: [make() for _ in range(16)])
                for stream in new:
                    pour(stream, FLOODS[flood](next(number)))
                streams.extend(new)
            while len(streams) > 400:
                streams.pop(0).close()

    attacker = threading.Thread(target=attack, daemon=True)
    attacker.start()
    try:
        wait_until(lambda: len(streams) > 150, "it is under way")
        worst = 0
        for _ in range(15):
            begun = time.monotonic()
            assert run_as(alice, get, place)[0] == 200
            worst = max(worst, time.monotonic() - begun)
        after = {name: memory(pid) for name, pid in (("frontend", frontend_of(broker.process.pid)), ("forwarder", forwarder_of(broker.process.pid)))}
        print(f"{flood}, {'allowed' if allowed else 'refused'}: {next(number)} connections, {worst * 1e3:.0f} ms at most, {before} -> {after} KiB")
        assert worst < HONEST_SEC
        # 64 connections of one user, 128 KiB and their buffers each, and as many that wait.
        assert after["frontend"] - before["frontend"] < 24_000 and after["forwarder"] - before["forwarder"] < 16_000
    finally:
        stop.set()
        attacker.join(20)
        for stream in streams:
            stream.close()
    wait_until(lambda: run_as(alice, get, place)[0] == 200, "all is well")
