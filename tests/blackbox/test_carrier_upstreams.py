"""The carrier of requests to the upstream, where that one is broken, gone, slow, or no friend."""

import contextlib
import socket
import ssl
import threading
import time
import warnings

import pytest

from authorities import Authority, Proxy
from broker import wait_until
from carrier_fixtures import authority, carrier, play  # noqa: F401
from lanes import Answer
from raw_upstream import PLAIN, RawUpstream, answering

TOKEN = "baGXoStRuR9VCDFQGZNzgNqbqu5WUwlr.cAxZJ9m22Le7"
OK = b"HTTP/1.1 200 OK\r\n"


def never(connection):
    """Reads a request, and says nothing until the other end has gone."""
    connection.request()
    connection.ended()


# ---- answers that may not be passed on ----

@pytest.mark.parametrize("answer", [
    OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    OK + b"Content-Length: 2, 2\r\n\r\nab", OK + b"Content-Length: +2\r\n\r\nab", OK + b"Content-Length: -1\r\n\r\nab",
    OK + b"Content-Length: 0x2\r\n\r\nab", OK + b"Content-Length: 2 2\r\n\r\nab", OK + b"Content-Length:\r\n\r\nab",
    OK + b"Content-Length: 99999999999999999999\r\n\r\nab",
    OK + b"Transfer-Encoding: gzip\r\n\r\nab", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", OK + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    OK + b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n", OK + b"X-A: b\r\n\tc\r\nContent-Length: 0\r\n\r\n",
    OK + b" X-A: b\r\nContent-Length: 0\r\n\r\n",
    OK + b"X-A : b\r\nContent-Length: 0\r\n\r\n", OK + b"X A: b\r\nContent-Length: 0\r\n\r\n",
    OK + b": b\r\nContent-Length: 0\r\n\r\n", OK + b"no colon\r\nContent-Length: 0\r\n\r\n",
    OK + b"X-A: b\rc\r\nContent-Length: 0\r\n\r\n", OK + b"X-A: b\0c\r\nContent-Length: 0\r\n\r\n",
    OK + b"X-A: \x01\r\nContent-Length: 0\r\n\r\n", OK + b"X-A: \x7f\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    b"HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 20 X\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 2000 X\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 2a0 X\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1  200 X\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/2 200\r\ncontent-length: 0\r\n\r\n", b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/3 200\r\ncontent-length: 0\r\n\r\n", b"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"ICY 200 OK\r\nContent-Length: 0\r\n\r\n", b"hello\r\n\r\n", b"<html>no</html>" * 100, b"\0\0\0\0\0\0\0\0" * 10,
    b"\r\n" + OK + b"Content-Length: 0\r\n\r\n",
    OK + b"".join(b"X-%d: %b\r\n" % (n, b"y" * 1000) for n in range(17)) + b"Content-Length: 0\r\n\r\n",
    OK + b"X-A: " + b"y" * 17000 + b"\r\nContent-Length: 0\r\n\r\n",
    OK + b"X-A: " + b"y" * 300000 + b"\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 3000 + PLAIN,
    b"HTTP/1.1 103 Hints\r\n" + b"Link: x\r\n" * 7000 + b"\r\n" + PLAIN,
], ids=lambda answer: repr(answer[:60]))
def test_a_head_that_can_be_read_in_two_ways_is_refused(play, answer):
    upstream = play(lambda connection: (connection.request(), connection.send(answer), connection.ended()))
    got = upstream.lane.ask("GET", "/x", token=TOKEN)
    assert (got.status, got.fail, got.sent) == (None, "malformed", True), got.why
    assert got.why and TOKEN not in got.why


@pytest.mark.parametrize("body", [
    b"zz\r\nab\r\n0\r\n\r\n", b"-2\r\nab\r\n0\r\n\r\n", b"\r\nab\r\n0\r\n\r\n", b"5\r\nabXX0\r\n\r\n",
    b"fffffffffffffffff\r\nab\r\n", b"2\r\nabc\r\n0\r\n\r\n",
])
def test_chunks_that_are_none_cut_the_answer_off(play, body):
    upstream = play(lambda connection: (connection.request(), connection.send(
        OK + b"Transfer-Encoding: chunked\r\n\r\n"), time.sleep(0.05), connection.send(body), connection.ended()))
    got = upstream.lane.ask("GET", "/x")
    assert got.status in (200, None) and got.fail in ("malformed", "lost"), (got.fail, got.why)


@pytest.mark.parametrize("answer", [
    OK + b"Content-Length: 10\r\n\r\nhalf", OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nha", OK + b"\r\nhalf",
])
@pytest.mark.parametrize("end", ["unwrap", "vanish", "reset"])
def test_an_answer_that_breaks_off_is_no_whole_one(play, answer, end):
    def talk(connection):
        connection.request()
        connection.send(answer)
        time.sleep(0.05)
        if end == "unwrap":
            connection.stream.unwrap()
        else:
            getattr(connection, end)()
    upstream = play(talk)
    got = upstream.lane.ask("GET", "/x")
    if end != "reset" and answer.endswith(b"OK\r\n\r\nhalf"):
        # That somebody has cut it cannot be told: servers end connections without a word of TLS, and libcurl 7.88
        # takes that for their end.
        assert (got.until_close, got.body, got.fail) == (True, b"half", None)
    else:
        assert got.status in (200, None) and got.fail == "lost", got.why  # None: it broke off in the same turn


def test_bytes_behind_an_answer_are_not_the_next_one(play):
    """Whether it is read together with that, or after it."""
    planted = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nplanted"
    late_is_sent = threading.Event()

    def talk(connection):
        while request := connection.request():
            if b"/late" in request[0]:
                connection.send(PLAIN)
                time.sleep(0.05)
                connection.send(planted)
                late_is_sent.set()
            elif b"/empty" in request[0]:
                connection.send(b"HTTP/1.1 204 No\r\nContent-Length: 53\r\n\r\n" + planted * 2)
            elif b"/head" in request[0]:
                connection.send(OK + b"Content-Length: 44\r\n\r\n" + planted * 2)
            elif b"/chunks" in request[0]:
                connection.send(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + planted)
            else:
                connection.send(PLAIN + planted * 1000 * (b"/much" in request[0]) + planted * (b"/soon" in request[0]))
    upstream = play(talk)
    for method, target in [("GET", "/soon"), ("GET", "/late"), ("GET", "/much"), ("GET", "/empty"), ("HEAD", "/head"),
                           ("GET", "/chunks")]:
        assert upstream.lane.ask(method, target).fail is None
        assert target != "/late" or late_is_sent.wait(20)
        time.sleep(0.2)
        for _ in range(2):
            got = upstream.lane.ask("GET", "/fine")
            assert (got.status, got.body) == (200, b"ok"), target


# ---- kept connections ----

@pytest.mark.parametrize("end", ["unwrap", "vanish", "reset"])
def test_a_kept_connection_that_died_costs_nothing(play, end):
    died = threading.Semaphore(0)

    def talk(connection):
        connection.request()
        connection.send(PLAIN)
        time.sleep(0.05)  # bytes that were sent before a reset may be lost by it
        if end == "unwrap":
            connection.stream.setblocking(False)
            with contextlib.suppress(ssl.SSLWantReadError):
                connection.stream.unwrap()  # this side's part: the other side may answer when it uses the connection next
            connection.stream.setblocking(True)
        else:
            getattr(connection, end)()
        died.release()
        if end == "unwrap":
            connection.ended()
    upstream = play(talk)
    for method in ("GET", "POST", "GET", "PUT", "PATCH"):
        got = upstream.lane.ask(method, "/x", body=b"" if method == "GET" else b"x")
        assert got.status == 200, (method, got.why)
        assert died.acquire(timeout=20)
        time.sleep(0.2)


def dying(seen, times, end="reset"):
    """Kept connections die when the second request arrives, so many of them."""
    def talk(connection):
        request = connection.request()
        while request:
            seen.append(request[0].split()[0])
            if len(seen) > 1 and times > 0 and seen.count(b"OPTIONS") == 1 and len(seen) <= 1 + times:
                return getattr(connection, end)()
            connection.send(PLAIN)
            request = connection.request()
        return None
    return talk


@pytest.mark.parametrize("end", ["reset", "vanish"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_a_harmless_request_is_sent_once_more(play, method, end):
    seen = []
    upstream = play(dying(seen, 1, end))
    assert upstream.lane.ask("OPTIONS", "/x").status == 200
    got = upstream.lane.ask(method, "/x", body=b"{}" if method == "PUT" else b"")
    assert (got.status, seen) == (200, [b"OPTIONS", method.encode(), method.encode()]), got.why


@pytest.mark.parametrize("end", ["reset", "vanish"])
def test_nothing_is_sent_three_times(play, end):
    seen = []
    upstream = play(dying(seen, 2, end))
    assert upstream.lane.ask("OPTIONS", "/x").status == 200
    got = upstream.lane.ask("GET", "/x")
    assert (got.fail, got.sent, len(seen)) == ("lost", True, 3), got.why


@pytest.mark.parametrize("end", ["reset", "vanish"])
@pytest.mark.parametrize("method", ["POST", "PATCH", "X"])
def test_any_other_request_is_not_repeated(play, method, end):
    seen = []
    upstream = play(dying(seen, 1, end))
    assert upstream.lane.ask("OPTIONS", "/x").status == 200
    got = upstream.lane.ask(method, "/x", body=b"{}", token=TOKEN)
    assert (got.fail, got.sent, seen) == ("lost", True, [b"OPTIONS", method.encode()]), got.why
    assert upstream.lane.ask("GET", "/x").status == 200


@pytest.mark.parametrize("length", [3, -1])
def test_a_streamed_body_is_never_sent_twice(play, length):
    seen = []
    upstream = play(dying(seen, 1))
    assert upstream.lane.ask("OPTIONS", "/x").status == 200
    upstream.lane.begin("PUT", "/x", length=length)
    upstream.lane.send(b"abc", last=True)
    got = upstream.lane.finish()
    assert (got.fail, got.sent, seen) == ("lost", True, [b"OPTIONS", b"PUT"]), got.why


def test_a_new_connection_that_dies_is_not_tried_again(play):
    upstream = play(lambda connection: (connection.request(), connection.reset()))
    got = upstream.lane.ask("GET", "/x", token=TOKEN)
    assert (got.fail, got.sent, upstream.n_connections) == ("lost", True, 1)
    assert TOKEN not in got.why


def test_an_upload_that_is_cut_off_is_told_soon(play):
    def talk(connection):
        connection.head()
        while len(connection.rest) < 50000:
            assert connection.more()
        connection.reset()
    upstream = play(talk)
    upstream.lane.begin("POST", "/x", length=10**7)
    began = time.monotonic()
    got = upstream.lane.finish(upstream.lane.upload([b"x" * 16000] * 600))
    assert (got.fail, got.sent) == ("lost", True), got.why
    assert time.monotonic() - began < 15, "not by the time for an answer, which is 20 s"


# ---- whom to trust ----

def refused(carrier, url, path, **more):
    carrier.upstream("sandbox", url, path, **more)
    lane = carrier.lane()
    got = lane.ask("POST", "/x", body=b"x", token=TOKEN)
    assert (got.status, got.fail, got.sent) == (None, "unreachable", False), got.why
    carrier.wait_said("stale sandbox")
    return got.why


def test_only_the_authorities_that_were_told_are_trusted(carrier, authority, tmp_path):
    other = Authority(tmp_path, "other")
    seen = []
    with RawUpstream(authority, answering(PLAIN, seen)) as upstream:
        assert "certificate" in refused(carrier, upstream.url, other.path)
        assert "certificate" in refused(carrier, upstream.url, None)
        assert "unable" in refused(carrier, upstream.url.replace("localhost", "127.0.0.1"), other.path)
    for name, more in [("old", {"first": "20200101", "last": "20200201"}), ("elsewhere", {"host": "example.com"})]:
        with RawUpstream(authority, answering(PLAIN, seen), certificate=authority.issue(name, **more)) as upstream:
            refused(carrier, upstream.url, authority.path)
    assert not seen


def test_no_connection_is_taken_over_from_other_authorities(carrier, authority, tmp_path):
    """Two environments of one host: each has its own authorities."""
    other = Authority(tmp_path, "other")
    with RawUpstream(authority, answering(PLAIN)) as upstream:
        carrier.upstream("sandbox", upstream.url, authority.path)
        lane = carrier.lane()
        assert lane.ask("GET", "/x").status == 200
        carrier.upstream("production", upstream.url, other.path)
        assert lane.ask("GET", "/x", environment="production").fail == "unreachable"
        assert lane.ask("GET", "/x").status == 200
        carrier.upstream("sandbox", upstream.url, other.path)
        assert lane.ask("GET", "/x").fail == "unreachable"


def test_a_request_that_waits_for_a_connection_goes_by_the_authorities_that_count_then(carrier, authority, tmp_path):
    """Those that are under way, on all the connections that there may be, are not cut off."""
    heads, go = [], threading.Event()

    def talk(connection):
        while head := connection.head():
            heads.append(head)
            go.wait(30)
            connection.send(PLAIN)
    with RawUpstream(authority, talk) as upstream:
        carrier.upstream("sandbox", upstream.url, authority.path, connect_ms=20000)  # 16 at once
        lanes = [carrier.lane() for _ in range(17)]
        for lane in lanes[:16]:
            lane.begin("GET", "/x", token=TOKEN)
        wait_until(lambda: len(heads) == 16, "all connections are in use")
        lanes[16].begin("GET", "/waits", token=TOKEN)
        carrier.order("count")
        carrier.upstream("sandbox", upstream.url, Authority(tmp_path, "other").path)
        go.set()
        assert [lane.finish().status for lane in lanes[:16]] == [200] * 16
        got = lanes[16].finish()
    assert (got.status, got.fail, got.sent) == (None, "unreachable", False)
    assert len(heads) == 16


def test_authorities_that_make_no_sense_are_none(carrier, authority, tmp_path):
    """Half a file, say: somebody is just writing it."""
    half = tmp_path / "half.pem"
    half.write_bytes(authority.path.read_bytes()[:300])
    seen = []
    with RawUpstream(authority, answering(PLAIN, seen)) as upstream:
        assert "make no sense" in refused(carrier, upstream.url, half)
        assert not seen
        carrier.upstream("sandbox", upstream.url, authority.path)
        assert carrier.lane().ask("GET", "/x").status == 200


def test_old_versions_of_tls_are_refused(carrier, authority):
    with RawUpstream(authority, answering(PLAIN)) as upstream:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            upstream.context.maximum_version = ssl.TLSVersion.TLSv1_1
            upstream.context.minimum_version = ssl.TLSVersion.TLSv1
        upstream.context.set_ciphers("ALL:@SECLEVEL=0")
        refused(carrier, upstream.url, authority.path)


def test_addresses_are_tried_in_turn_and_names_never_looked_up(carrier, authority):
    with RawUpstream(authority, answering(PLAIN), certificate=authority.issue("far", host="far.invalid")) as upstream:
        url = upstream.url.replace("localhost", "far.invalid")
        carrier.upstream("sandbox", url, authority.path, addresses=["127.0.0.2", "::1", "127.0.0.1"])
        lane = carrier.lane()
        assert lane.ask("GET", "/x").status == 200
        assert "not known" in refused(carrier, url, authority.path, addresses=[])
        carrier.upstream("sandbox", url, authority.path, addresses=["127.0.0.1"])
        assert lane.ask("GET", "/x").status == 200


# ---- time ----

def test_an_upstream_that_does_not_answer_is_given_up(play):
    upstream = play(never, answer_ms=1000)
    began = time.monotonic()
    got = upstream.lane.ask("GET", "/x")
    assert (got.fail, got.sent) == ("slow", True)
    assert 0.9 < time.monotonic() - began < 15


@pytest.mark.parametrize("what", [b"HTTP/1.1 102 Processing\r\n\r\n", b"X-Line: of a head that never ends\r\n"])
def test_interim_answers_are_none(play, what):
    """Interim answers, or a head that comes line by line, however long that goes on."""
    def talk(connection):
        connection.head()
        if what.startswith(b"X"):
            connection.send(OK)
        with contextlib.suppress(OSError):
            while not going.wait(0.1):
                connection.send(what)
    going = threading.Event()
    upstream = play(talk, answer_ms=1500)
    try:
        got = upstream.lane.ask("GET", "/x")
    finally:
        going.set()
    assert (got.fail, got.sent, got.status) == ("slow", True, None)


def test_a_connection_that_does_not_come_about_is_given_up(carrier, authority):
    """Someone accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        carrier.upstream("sandbox", f"https://localhost:{silent.getsockname()[1]}", authority.path, connect_ms=1000)
        lane = carrier.lane()
        began = time.monotonic()
        got = lane.ask("GET", "/x")
        assert (got.fail, got.sent) == ("unreachable", False)
        assert 0.9 < time.monotonic() - began < 15


def test_the_time_for_an_answer_begins_behind_the_body(play):
    def talk(connection):
        while connection.request():
            connection.send(PLAIN)
    upstream = play(talk, answer_ms=3000)
    upstream.lane.begin("POST", "/x", length=3)
    time.sleep(4)
    upstream.lane.send(b"abc", last=True)
    assert upstream.lane.finish().status == 200


@pytest.mark.slow("60 s of silence", first=True)
def test_a_side_that_is_silent_for_a_minute_is_given_up(play, carrier):
    def talk(connection):
        head = connection.head()
        if b"/halts" in head:
            connection.send(OK + b"Content-Length: 10\r\n\r\nhalf")
        elif b"/takes" in head:
            time.sleep(100)
        connection.ended()
    upstream = play(talk)
    stalled, halts, takes, unknown = upstream.lane, carrier.lane(), carrier.lane(), carrier.lane()
    stalled.begin("POST", "/stalled", length=3)
    halts.begin("GET", "/halts")
    unknown.begin("GET", "/unknown", environment="production")
    takes.begin("POST", "/takes", length=10**8)
    answer = Answer()
    thread = threading.Thread(target=lambda: takes.finish(takes.upload([b"x" * 16000] * 6000, answer, timeout=90), timeout=90))
    thread.start()
    assert stalled.finish(timeout=90).fail == "stalled"
    got = halts.finish(timeout=90)
    assert (got.status, got.body, got.fail) == (200, b"half", "slow")
    got = unknown.finish(timeout=90)
    assert (got.fail, got.sent) == ("unknown", False)
    thread.join()
    assert (answer.fail, answer.sent) == ("slow", True)


# ---- a proxy ----

def test_a_proxy_is_asked_for_the_upstream_by_name(carrier, authority):
    asked = []
    with RawUpstream(authority, answering(PLAIN)) as upstream, socket.create_server(("127.0.0.1", 0)) as proxy:
        def serve():
            client, _ = proxy.accept()
            asked.append(client.recv(65536))
            host, port = asked[0].split()[1].decode().split(":")
            server = socket.create_connection((host, int(port)))
            client.sendall(b"HTTP/1.1 200 Connection established\r\nX-Proxy: y\r\n\r\n")

            def copy(source, target):
                while data := source.recv(65536):
                    target.sendall(data)
            threading.Thread(target=copy, args=(server, client), daemon=True).start()
            copy(client, server)
        threading.Thread(target=serve, daemon=True).start()
        carrier.upstream("sandbox", upstream.url, authority.path,
                         proxy=f"http://me:secret@proxy.invalid:{proxy.getsockname()[1]}")
        lane = carrier.lane()
        got = lane.ask("GET", "/x", token=TOKEN)
        assert (got.status, got.header("X-Proxy")) == (200, [])
        assert TOKEN.encode() not in asked[0] and b"Proxy-Authorization: Basic" in asked[0]


def test_a_proxy_that_speaks_tls_is_trusted_for_itself(carrier, authority, tmp_path):
    """Its authorities are not the upstream's, nor the other way round. The host hands out one file for both."""
    other = Authority(tmp_path, "other")
    with RawUpstream(authority, answering(PLAIN)) as upstream, Proxy(authority) as proxy:
        carrier.upstream("sandbox", upstream.url, authority.path, proxy=proxy.url)
        lane = carrier.lane()
        for _ in range(2):
            assert lane.ask("GET", "/x", token=TOKEN).status == 200
        assert (upstream.n_connections, TOKEN.encode() in proxy.received) == (1, False)
        carrier.upstream("sandbox", upstream.url, other.path, proxy=proxy.url)
        assert lane.ask("GET", "/x").fail == "unreachable"
    with RawUpstream(other, answering(PLAIN)) as upstream, Proxy(authority) as proxy:
        carrier.upstream("sandbox", upstream.url, authority.path, proxy=proxy.url)
        assert lane.ask("GET", "/x").fail == "unreachable"
