"""The carrier of requests, and its lanes: allowed and forbidden packets of a frontend, and their costs."""

import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import termios
import threading
import time

import pytest

from broker import wait_until
from carrier_fixtures import authority, carrier, play  # noqa: F401
from lanes import (ABORT, CONTINUE, DATA, END, FAIL, LAST, PACKET, REQUEST, REQUEST_HEAD, RESPONSE, SEND_BUFFER, Answer, Lane)
from raw_upstream import PLAIN, RawUpstream, answering

TOKEN = "baGXoStRuR9VCDFQGZNzgNqbqu5WUwlr.cAxZJ9m22Le7"
MB = 1024 * 1024
SOON = 10  # seconds: half of the time that an upstream has for an answer


class Gone:
    """A conversation that notes when the other end has gone."""

    def __init__(self, answer=b""):
        self.answer, self.heard, self.gone = answer, threading.Event(), threading.Event()

    def __call__(self, connection):
        connection.head()
        connection.send(self.answer)
        self.heard.set()
        connection.ended()
        self.gone.set()


# ---- nonsense ends the lane ----

def ends(carrier, lane):
    carrier.wait_said(f"broken {lane.id}")
    lane.end.settimeout(20)
    while lane.end.recv(65536):
        pass


@pytest.mark.parametrize("line", [
    b"Host: x\r\n", b"authorization: x\r\n", b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"TE: x\r\n", b"Upgrade: x\r\n", b"Trailer: x\r\n",
    b"Keep-Alive: x\r\n", b"Proxy-Authorization: x\r\n", b"X-A: b\nX-B: c\r\n", b"X-A: b\rc\r\n", b"X-A: b\0\r\n",
    b"X-A b\r\n", b": b\r\n", b"X A: b\r\n", b"X-A: b", b"X-A: b\n", b" X-A: b\r\n", b"\r\n", b"X-A: b\r\n\r\n",
])
def test_header_lines_that_are_not_the_frontends_to_set(play, carrier, line):
    seen = []
    upstream = play(answering(PLAIN, seen))
    upstream.lane.begin("GET", "/x", lines=b"X-Fine: y\r\n" + line)
    ends(carrier, upstream.lane)
    assert not seen


@pytest.mark.parametrize("more", [
    {"target": "x"}, {"target": ""}, {"target": "/x y"}, {"target": "/x\r\nX: y"}, {"target": "/x\0"}, {"target": "/x#y"},
    {"target": "/\xe4"}, {"target": "/" + "x" * 8192}, {"method": "CONNECT"}, {"method": "TRACE"}, {"method": ""},
    {"method": "GET /x"}, {"method": "GE\r"}, {"token": "a b"}, {"token": "a\r\nX: y"}, {"token": "x" * 4097},
    {"environment": "Sandbox"}, {"environment": ""}, {"environment": "../x"}, {"method": "HEAD", "body": b"x"},
    {"body": b"x", "has_body": False}, {"length": -2}, {"length": 0}, {"length": 5, "whole": True},
    {"body": b"x", "expect": True}, {"body": b"x" * 16385},
])
def test_requests_that_make_no_sense(play, carrier, more):
    seen = []
    upstream = play(answering(PLAIN, seen))
    values = {"method": "GET", "target": "/x"} | more
    upstream.lane.begin(values.pop("method"), values.pop("target"), **values)
    ends(carrier, upstream.lane)
    assert not seen


def test_packets_at_the_wrong_time(play, carrier):
    """Numbers that were never begun, a request before the end of the one before, one of an old number."""
    upstream = play(Gone())
    for number, kind in [(1, END), (1, ABORT), (1, DATA)]:
        lane = carrier.lane()
        lane.send(b"x", number=number) if kind == DATA else lane.plain(kind, number=number)
        ends(carrier, lane)
    lane = carrier.lane()
    lane.begin("GET", "/x")
    lane.begin("GET", "/x")
    ends(carrier, lane)
    lane = carrier.lane()
    lane.begin("GET", "/x", number=7)
    lane.abort()
    assert lane.finish().fail == "aborted"
    lane.begin("GET", "/x", number=7)
    ends(carrier, lane)
    lane = carrier.lane()
    lane.begin("POST", "/x", length=10)
    lane.begin("GET", "/x")
    ends(carrier, lane)
    for kind in (CONTINUE, RESPONSE, LAST, FAIL, 0, 9, 2**31):
        lane = carrier.lane()
        lane.plain(kind, number=1)
        ends(carrier, lane)
    assert upstream.lane.end.fileno() >= 0


@pytest.mark.parametrize("packets", [[(b"abcd", False)], [(b"ab", True)], [(b"ab", False), END], [(b"ab", False), (b"cd", True)],
                                     [(b"", False)], [REQUEST]])
def test_bodies_of_another_length_than_was_told(play, carrier, packets):
    """The upstream never takes them for whole."""
    gone = Gone()
    upstream = play(gone)
    upstream.lane.begin("POST", "/x", length=3)
    for packet in packets:
        upstream.lane.plain(packet) if isinstance(packet, int) else upstream.lane.send(*packet)
    ends(carrier, upstream.lane)
    assert gone.gone.wait(SOON)


@pytest.mark.parametrize("packets", [[(b"abc", True), (b"d", True)], [(b"abc", True), END], [(b"abc", False), END, END]])
def test_more_after_the_end_of_a_body(play, carrier, packets):
    gone = Gone()
    upstream = play(gone)
    upstream.lane.begin("POST", "/x", length=3)
    for packet in packets:
        upstream.lane.plain(packet) if isinstance(packet, int) else upstream.lane.send(*packet)
    ends(carrier, upstream.lane)
    assert gone.gone.wait(SOON)


def test_any_bytes_at_all(play, carrier):
    upstream = play(answering(PLAIN))
    good = REQUEST_HEAD.pack(REQUEST, 0, 1, b"sandbox", b"https://nowhere.example", b"GET", False, True, False,
                             0, 2, 0, 0, 0) + b"/x"
    for packet in [b"x", good[:-1], good + b"x", good[:40], b"\0" * 96, b"\xff" * 96, os.urandom(5000),
                   struct.pack("=IIQ", END, 1, 1), good[:4] + b"\1" + good[5:], b"x" * 49153]:
        lane = carrier.lane()
        lane.end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * SEND_BUFFER)
        lane.end.send(packet)
        ends(carrier, lane)
    assert upstream.lane.ask("GET", "/x").status == 200


# ---- aborts ----

def test_a_lane_that_closes_takes_its_request_along(play, carrier):
    gone = Gone()
    upstream = play(gone)
    upstream.lane.begin("GET", "/x")
    assert gone.heard.wait(20)
    upstream.lane.close()
    assert gone.gone.wait(SOON)
    carrier.wait_said(f"ended {upstream.lane.id}")
    assert carrier.count() == 0


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_an_abort_reaches_the_upstream(play, carrier, answer):
    gone = Gone(answer)
    upstream = play(gone)
    upstream.lane.begin("GET", "/x")
    assert gone.heard.wait(20)
    upstream.lane.plain(ABORT)
    assert gone.gone.wait(SOON)
    assert upstream.lane.finish().fail == "aborted"
    upstream.lane.plain(ABORT)  # the end was on its way
    assert carrier.count() == 0


def test_the_next_request_right_behind_an_abort(play, carrier):
    """A frontend that has seen the end sends its next request, perhaps before the carrier is through with the batch of
    packets in which it found the abort."""
    gone = Gone(b"")
    upstream = play(gone)
    lane = upstream.lane
    lane.begin("GET", "/x")
    assert gone.heard.wait(20)
    os.kill(carrier.process.pid, signal.SIGSTOP)
    lane.plain(ABORT)
    lane.begin("GET", "/y", base_url="https://elsewhere.example")
    os.kill(carrier.process.pid, signal.SIGCONT)
    assert lane.finish().fail == "moved", "the lane is as good as before"


def test_an_abort_behind_data_that_nobody_takes(play, carrier):
    """Of an upload that the upstream does not read, and of one that waits for a connection."""
    going = threading.Event()

    def talk(connection):
        connection.head()
        going.wait(20)
        connection.ended()
    upstream = play(talk)
    lane = upstream.lane
    lane.begin("POST", "/x", length=10**9)
    fill(lane)
    began = time.monotonic()
    lane.abort()
    assert lane.finish().fail == "aborted"
    assert time.monotonic() - began < SOON
    others = [carrier.lane() for _ in range(16)]
    for other in others:
        other.begin("GET", "/y")
    lane = carrier.lane()
    lane.begin("POST", "/x", length=10**9)
    fill(lane)
    began = time.monotonic()
    lane.abort()
    got = lane.finish()
    assert (got.fail, got.sent) == ("aborted", False)
    assert time.monotonic() - began < 4.5, "a connection is given up after 5 s"
    going.set()


def fill(lane):
    """Sends until nothing has been taken for a while. Returns how many bytes."""
    lane.end.settimeout(0.3)
    n = 0
    try:
        while True:
            lane.send(b"x" * 16384)
            n += 16384
    except TimeoutError:
        return n


def test_a_refusal_that_cannot_be_sent_ends_the_lane(play, carrier):
    """It would be waited for; here, as nobody reads."""
    lane = play(lambda connection: None).lane
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        for _ in range(10000):
            lane.begin("GET", "/x", base_url="https://elsewhere.example")
    assert carrier.count() == 0, "that turn of its loop is over"
    lane.end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # a reset would come before all that can be read
    numbers = []
    while packet := lane.end.recv(65536):
        numbers.append(PACKET.unpack_from(packet)[2])
    assert numbers == list(range(1, len(numbers) + 1)), "none is lost before the end"
    assert carrier.lane().ask("GET", "/x", base_url="https://elsewhere.example").fail == "moved"


def test_a_lane_that_takes_nothing_more_while_another_waits(play, carrier):
    """A part of its answer waits for room, and then cannot be sent: it is cut off, and one that waits for a connection
    has its own."""
    full, more, going, heard = threading.Event(), threading.Event(), threading.Event(), []

    def talk(connection):
        if b"/full" not in connection.head():
            heard.append(connection)
            going.wait(60)
            connection.send(PLAIN)
            return
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        with contextlib.suppress(AssertionError):
            for _ in range(100):
                before = unread(lane)
                connection.send(b"x" * 8000)
                wait_until(lambda: unread(lane) > before, timeout=0.5)
        full.set()
        more.wait(60)
        connection.send(b"x" * 8000)
        connection.ended()

    lane = play(talk, answer_ms=60_000).lane
    lane.begin("GET", "/full")
    assert full.wait(60)
    others = [carrier.lane() for _ in range(16)]
    for other in others:
        other.begin("GET", "/x")
    wait_until(lambda: carrier.count() == 17 and len(heard) == 15, "one of them waits")
    wait_until(lambda: is_at_rest(carrier), "libcurl has nothing to do that would show the end of the lane, too")
    lane.end.shutdown(socket.SHUT_RD)
    while lane.end.recv(65536):  # now there would be room
        pass
    with contextlib.suppress(AssertionError):  # it may have been slow, and not full
        wait_until(lambda: carrier.count() == 16, timeout=3)
    more.set()
    wait_until(lambda: carrier.count() == 16, "it is cut off")
    going.set()
    for other in others:
        assert other.finish(timeout=60).status == 200


def is_at_rest(carrier):
    before = carrier.cpu_ns()
    time.sleep(0.1)
    return carrier.cpu_ns() == before


def unread(lane):
    """Bytes that wait for the frontend."""
    return struct.unpack("i", fcntl.ioctl(lane.end, termios.FIONREAD, bytes(4)))[0]


def is_read(end):
    try:
        end.recv(1, socket.MSG_PEEK)
        return False
    except BlockingIOError:
        return True


def test_a_request_that_was_given_up_is_not_begun_though_that_cannot_be_told_yet(play, carrier):
    """It waits for a connection, and there is no room on its lane."""
    first, rest, arrived = threading.Event(), threading.Event(), []
    gates = {b"/first": first, b"/held": rest}

    def talk(connection):
        while request := connection.request():
            path = request[0].split()[1]
            arrived.append(path)
            if path in gates:
                gates[path].wait(60)
            connection.send(PLAIN)
    held = [play(talk, connect_ms=30000, answer_ms=60000).lane, *(carrier.lane() for _ in range(15))]
    for lane in held:
        lane.begin("GET", "/first" if lane is held[0] else "/held")
    wait_until(lambda: len(arrived) == 16, "all connections are in use")
    lane = Lane(len(carrier.lanes), carrier.base_urls)
    carrier.lanes.append(lane)
    assert carrier.order("lane", lane.id, fd=lane.other.fileno()) == "ok"
    lane.begin("POST", "/given-up", body=b"x")
    wait_until(lambda: carrier.count() == 17, "it waits")
    with pytest.raises(BlockingIOError):
        while True:
            lane.other.send(PACKET.pack(LAST, 0, 0))
    lane.plain(ABORT)
    wait_until(lambda: is_read(lane.other), "it is given up")
    assert carrier.count() == 17
    last = carrier.lane()
    last.begin("GET", "/last")
    wait_until(lambda: carrier.count() == 18, "this one waits behind it")
    first.set()
    assert last.finish().status == 200 and b"/given-up" not in arrived
    rest.set()
    assert [lane.finish().status for lane in held] == [200] * 16
    got = lane.finish()
    assert (got.fail, got.sent) == ("aborted", False)
    lane.other.close()


# ---- memory, and who is slow ----

def test_a_slow_upstream_holds_up_who_sends(play, carrier):
    """And not the others."""
    going = threading.Event()

    def talk(connection):
        while head := connection.head():
            if b"/slow" in head:
                going.wait(20)
            assert len(connection.body(head)) in (0, n)
            connection.send(PLAIN)
    n = 64 * MB
    upstream = play(talk)
    other = carrier.lane()
    assert other.ask("GET", "/x").status == 200
    upstream.lane.begin("POST", "/slow", length=n)
    sent = fill(upstream.lane)
    assert sent < 12 * MB  # held by the sockets of the kernel
    assert other.ask("GET", "/x").status == 200
    going.set()
    assert n % 16384 == 0
    got = upstream.lane.finish(upstream.lane.upload([b"x" * 16384] * ((n - sent) // 16384)))
    assert got.status == 200


def test_a_slow_reader_holds_up_the_upstream(play, carrier, plain_build):
    sent = []

    def talk(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * MB))
        for _ in range(64):
            connection.send(b"x" * MB)
            sent.append(1)
        connection.ended()
    upstream = play(talk)
    upstream.lane.begin("GET", "/x")
    last = -1
    while len(sent) != last:
        last = len(sent)
        time.sleep(0.5)
    assert last < 16
    before = carrier.memory()
    got = upstream.lane.finish(Count())
    assert (got.status, got.n) == (200, 64 * MB)
    assert carrier.memory() - before < 128 * 1024
    print(f"{got.packets.count(DATA)} packets for {64 * MB // 16384} records")
    assert got.packets.count(DATA) < 64 * MB / 16384 * 0.75  # records that are there together share a packet


class Count(Answer):
    """Counts the data instead of keeping them."""
    n = 0

    def take(self, packet):
        super().take(packet)
        self.n += len(self.body)
        self.body = b""


@pytest.mark.alone
@pytest.mark.parametrize("way", ["up", "down"])
def test_streaming_takes_little_memory_whatever_the_size(play, carrier, plain_build, way):
    """8 at a time, 100 MB in all; the memory of a connection itself is there before."""
    def talk(connection):
        while head := connection.head():
            if b"POST" in head:
                left = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
                while left:
                    left -= len(connection.exactly(min(left, 65536)))
                connection.send(PLAIN)
            else:
                size = 13 * MB if b"/large" in head else 1
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
                for at in range(0, size, MB):
                    connection.send(b"x" * min(MB, size - at))
    upstream = play(talk)
    lanes = [upstream.lane, *(carrier.lane() for _ in range(7))]
    for _ in range(2):
        for lane in lanes:
            lane.begin("GET", "/small")
        for lane in lanes:
            assert lane.finish().status == 200
    before = carrier.memory()
    most, answers = [], []

    def one(lane):
        if way == "up":
            lane.begin("POST", "/large", length=800 * 16384)
            answers.append(lane.finish(lane.upload([b"x" * 16384] * 800), timeout=60))
        else:
            lane.begin("GET", "/large")
            answers.append(lane.finish(Count(), timeout=60))
    threads = [threading.Thread(target=one, args=(lane,)) for lane in lanes]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        most.append(carrier.memory())
        time.sleep(0.05)
    assert all(answer.status == 200 and not answer.fail for answer in answers) and len(answers) == 8
    print(f"{(max(most) - before) / 8 / 1024:.0f} KiB each")
    assert (max(most) - before) / 8 < 96 * 1024


# ---- what is known ----

def test_environments_come_change_and_go(play, carrier, authority):
    gone = Gone()
    upstream = play(gone)
    lane = upstream.lane
    lane.begin("GET", "/x")
    assert gone.heard.wait(20)
    assert carrier.order("forget", "sandbox") == "ok"
    got = lane.finish()
    assert (got.fail, got.sent) == ("unknown", True)
    assert gone.gone.wait(SOON)
    other = play(answering(PLAIN))
    assert lane.ask("GET", "/x").status == 200
    assert other.n_connections == 1
    assert carrier.order("upstream", "sandbox", "http://localhost/", authority.path, 1, 1, "-", "127.0.0.1").startswith("error")
    assert carrier.order("upstream", "sandbox", "https://localhost", authority.path, 1, 1, "-", "localhost").startswith("error")
    assert lane.ask("GET", "/x").status == 200


def test_a_request_waits_for_what_is_told_of_its_upstream(carrier, authority):
    """The frontend hears of an environment before its addresses are looked up. A base URL that is not the one that is told
    then, or none that can be reached, is told at once."""
    seen = []
    with RawUpstream(authority, answering(PLAIN, seen)) as upstream:
        carrier.base_urls["sandbox"] = upstream.url + "/base"
        lanes = [carrier.lane() for _ in range(6)]
        small, large, moved, other, aborted, closed = lanes
        small.begin("GET", "/small", token="the-token")
        large.begin("POST", "/large", length=5)
        moved.begin("GET", "/moved", base_url="https://elsewhere.example")
        other.begin("GET", "/other", environment="production")
        aborted.begin("GET", "/aborted")
        closed.begin("GET", "/closed")
        aborted.abort()
        closed.close()
        assert aborted.finish().fail == "aborted"
        wait_until(lambda: carrier.count() == 4)
        assert upstream.n_connections == 0
        carrier.upstream("sandbox", upstream.url + "/base", authority.path)
        assert small.finish().status == 200
        large.send(b"12345", last=True)
        assert large.finish().status == 200
        got = moved.finish()
        assert (got.fail, got.sent) == ("moved", False)
        assert carrier.count() == 1
        carrier.upstream("production", carrier.base_urls.get("production", "https://nowhere.example"), authority.path, addresses=[])
        got = other.finish()
        assert (got.fail, got.sent) == ("unreachable", False) and "not known" in got.why
        assert small.ask("GET", "/again").status == 200
    assert [head.split()[1] for head, _ in seen] == [b"/base/small", b"/base/large", b"/base/again"]
    assert b"Authorization: Bearer the-token" in seen[0][0] and seen[1][1] == b"12345"


@pytest.mark.parametrize("how", ["forget", "drain"])
def test_a_request_that_waits_for_its_upstream_ends(carrier, how):
    """With the environment, with the forwarder."""
    lane = carrier.lane()
    lane.begin("GET", "/x")
    wait_until(lambda: carrier.count() == 1)
    assert carrier.order(*(["forget", "sandbox"] if how == "forget" else ["drain"])) == "ok"
    got = lane.finish()
    assert (got.fail, got.sent) == ("unknown" if how == "forget" else "stopping", False)
    if how == "drain":
        carrier.wait_said("empty")


def test_a_token_goes_to_its_own_base_url_only(play):
    """The frontend may know of a new one before the forwarder, or after it."""
    first, second = play(answering(PLAIN)), play(answering(PLAIN))
    got = second.lane.ask("GET", "/x", base_url=first.url, token="the-first-ones")
    assert (got.fail, got.sent) == ("moved", False)
    assert first.n_connections == second.n_connections == 0
    assert second.lane.ask("GET", "/x", base_url=second.url, token="the-second-ones").status == 200


def test_requests_under_way_go_on_when_the_upstream_changes(play, carrier):
    going = threading.Event()
    first = play(lambda connection: (connection.request(), going.wait(20), connection.send(PLAIN), connection.ended()))
    first.lane.begin("GET", "/x")
    wait_until(lambda: first.n_connections)
    second = play(answering(PLAIN))
    assert second.lane.ask("GET", "/x").status == 200
    going.set()
    assert first.lane.finish().status == 200
    assert (first.n_connections, second.n_connections) == (1, 1)


def test_a_lane_is_replaced(play, carrier):
    gone = Gone()
    upstream = play(gone)
    upstream.lane.begin("GET", "/x")
    assert gone.heard.wait(20)
    again = carrier.lane(upstream.lane.id)
    assert gone.gone.wait(SOON)
    again.begin("GET", "/x")
    again.abort()
    assert again.finish().fail == "aborted"
    assert carrier.order("lane", 64, fd=again.end.fileno()).startswith("error")


def test_the_end_waits_for_what_is_under_way(play, carrier):
    going = threading.Event()

    def talk(connection):
        while connection.request():
            going.wait(20)
            connection.send(PLAIN)
    upstream = play(talk, connect_ms=20000)  # 16 at once
    lanes = [upstream.lane, *(carrier.lane() for _ in range(17))]
    for lane in lanes:
        lane.begin("GET", "/x")
    wait_until(lambda: carrier.count() == 18 and upstream.n_connections == 16)
    assert carrier.order("drain") == "ok"
    told = select.select([lane.end for lane in lanes], [], [], 5)[0]
    fails = [lane for lane in lanes if lane.end in told]
    assert len(fails) == 2
    for lane in fails:
        got = lane.finish()
        assert (got.fail, got.sent) == ("stopping", False)
        assert lane.ask("GET", "/x").fail == "stopping"
    assert "empty" not in carrier.said
    going.set()
    for lane in lanes:
        if lane not in fails:
            assert lane.finish().status == 200
    carrier.wait_said("empty")


def test_the_end_comes_at_once_where_nothing_is_under_way(carrier):
    assert carrier.order("drain") == "ok"
    carrier.wait_said("empty")
