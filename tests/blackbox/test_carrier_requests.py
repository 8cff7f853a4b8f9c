"""The carrier of requests to the upstream: requests that are sent there, and answers that come back."""

import random
import threading
import time

import pytest

from broker import wait_until
from carrier_fixtures import authority, carrier, play  # noqa: F401
from lanes import CONTINUE, END, LAST, RESPONSE, Answer
from raw_upstream import PLAIN, answering

TOKEN = "baGXoStRuR9VCDFQGZNzgNqbqu5WUwlr.cAxZJ9m22Le7"


# ---- the request ----

def test_a_request_is_sent_as_it_was_asked(play):
    seen = []
    upstream = play(answering(PLAIN, seen))
    host = upstream.url.removeprefix("https://").encode()
    lines = b"X-Odd:  a ,\tb  \r\nX-Empty:\r\nX-Blank:   \r\nx-odd: \xe4\xff\r\nAccept: */*;q=0.1\r\n"
    answer = upstream.lane.ask("GET", "/rest/v1/x%2Fy/.%2E?a=+b%2F&&c=;'\"<>", lines=lines, token=TOKEN)
    assert (answer.status, answer.body) == (200, b"ok")
    assert seen == [(b"GET /rest/v1/x%2Fy/.%2E?a=+b%2F&&c=;'\"<> HTTP/1.1\r\nHost: " + host + b"\r\n"
                     b"X-Odd:  a ,\tb  \r\nX-Empty:\r\nX-Blank:\r\nx-odd: \xe4\xff\r\nAccept: */*;q=0.1\r\n"
                     b"Authorization: Bearer " + TOKEN.encode() + b"\r\n\r\n", b"")]


def test_nothing_is_added_but_what_has_to_be(play):
    seen = []
    upstream = play(answering(PLAIN, seen))
    host = upstream.url.removeprefix("https://").encode()
    for method, body, added in [("GET", b"", b""), ("DELETE", b"", b""), ("OPTIONS", b"", b""), ("M-SEARCH", b"", b""),
                                ("POST", b"", b"Content-Length: 0\r\n"), ("PUT", b"", b"Content-Length: 0\r\n"),
                                ("PATCH", b"x", b"Content-Length: 1\r\n"), ("GET", b"xy", b"Content-Length: 2\r\n"),
                                ("DELETE", b"{}", b"Content-Length: 2\r\n")]:
        assert upstream.lane.ask(method, "/rest/v1/x", body=body).status == 200
        assert seen.pop() == (method.encode() + b" /rest/v1/x HTTP/1.1\r\nHost: " + host + b"\r\n" + added + b"\r\n", body)
    assert upstream.n_connections == 1


def test_the_path_of_the_base_url_stands_before_the_target(play):
    seen = []
    upstream = play(answering(PLAIN, seen), path="/some/where")
    upstream.lane.ask("GET", "/rest/v1/a/../b//c")
    assert seen[0][0].startswith(b"GET /some/where/rest/v1/a/../b//c HTTP/1.1\r\n")


@pytest.mark.parametrize("n", [1000, pytest.param(10000, marks=pytest.mark.slow("10,000 requests"))])
def test_random_requests_arrive_as_they_were(play, carrier, n):
    """Their bytes and those of their answers are compared."""
    seen = {}

    def talk(connection):
        while request := connection.request():
            head, body = request
            number = int(head.split(b"x-number: ")[1].split(b"\r\n")[0])
            answer = seen[number]
            assert (head.split(b"\r\n")[0], body) == answer[:2]
            assert [line for line in head.split(b"\r\n")[2:] if line.startswith(b"x-")] == answer[2]
            connection.send(answer[3])
    upstream = play(talk)
    randomness = random.Random(15)
    lanes = [upstream.lane, *(carrier.lane() for _ in range(3))]
    troubles = []

    def bytes_of(length):
        return randomness.randbytes(length)

    def one(lane, number):
        visible = [chr(c) for c in range(33, 127) if chr(c) != "#"]
        target = "/" + "".join(randomness.choices(visible, k=randomness.choice([1, 20, 300])))
        lines = [b"x-number: %d" % number]
        for _ in range(randomness.choice([0, 1, 5])):
            value = bytes(c for c in bytes_of(randomness.choice([1, 30])) if c > 32 and c != 127) or b"v"
            lines.append(b"x-" + b"%x" % randomness.getrandbits(32) + b": " + value)
        method = randomness.choice(["GET", "POST", "PUT", "PATCH", "DELETE", "X"])
        body = b"" if method == "GET" else bytes_of(randomness.choice([0, 1, 100, 16384]))
        status = randomness.choice([200, 201, 302, 404, 500])
        back = bytes_of(randomness.choice([0, 1, 4096, 4097, 16384, 70000]))
        head = b"HTTP/1.1 %d X\r\nX-Back: %d\r\n" % (status, number)
        if randomness.random() < 0.5:
            answer = head + b"Content-Length: %d\r\n\r\n" % len(back) + back
        else:
            answer = head + b"Transfer-Encoding: chunked\r\n\r\n"
            at = 0
            while at < len(back):
                size = randomness.choice([1, 1000, 30000])
                answer += b"%x\r\n" % len(back[at:at + size]) + back[at:at + size] + b"\r\n"
                at += size
            answer += b"0\r\n\r\n"
        seen[number] = (f"{method} {target} HTTP/1.1".encode(), body, lines, answer)
        way = randomness.choice(["whole", "length", "chunks"]) if body else "whole"
        text = b"".join(line + b"\r\n" for line in lines)
        if way == "whole":
            got = lane.ask(method, target, lines=text, body=body, token=TOKEN)
        else:
            lane.begin(method, target, lines=text, length=len(body) if way == "length" else -1, token=TOKEN)
            cut = randomness.randrange(1, len(body) + 1)
            end = randomness.choice([LAST, END])
            got = lane.finish(lane.upload([piece for piece in (body[:cut], body[cut:]) if piece], end=end))
        assert (got.status, got.header("X-Back"), got.body) == (status, [str(number)], back), (number, got.fail, got.why)
        del seen[number]

    def run(lane, numbers):
        try:
            for number in numbers:
                one(lane, number)
        except Exception as trouble:  # noqa: BLE001: the test's own thread is to raise it
            troubles.append(trouble)
    threads = [threading.Thread(target=run, args=(lane, range(index, n, len(lanes)))) for index, lane in enumerate(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not troubles, troubles
    assert not seen


# ---- bodies ----

def test_a_body_of_known_length_is_streamed(play):
    seen = []
    upstream = play(answering(PLAIN, seen))
    body = random.Random(1).randbytes(200000)
    pieces = [body[at:at + 16384] for at in range(0, len(body), 16384)]
    for end in (LAST, END):
        upstream.lane.begin("POST", "/rest/v1/files/uploads", length=len(body), token=TOKEN)
        answer = upstream.lane.finish(upstream.lane.upload(pieces, end=end))
        assert (answer.status, answer.body) == (200, b"ok")
        head, got = seen.pop()
        assert b"\r\nContent-Length: 200000\r\n" in head and b"Transfer-Encoding" not in head and b"Expect" not in head
        assert got == body


def test_a_body_of_unknown_length_goes_in_chunks(play):
    seen = []
    upstream = play(answering(PLAIN, seen))
    for end in (LAST, END):
        upstream.lane.begin("PUT", "/rest/v1/x", length=-1)
        assert upstream.lane.finish(upstream.lane.upload([b"a" * 16384, b"b"], end=end)).status == 200
        head, got = seen.pop()
        assert b"\r\nTransfer-Encoding: chunked\r\n" in head and b"Content-Length" not in head
        assert got == b"a" * 16384 + b"b"
    upstream.lane.begin("PUT", "/rest/v1/x", length=-1)
    upstream.lane.plain(END)
    assert upstream.lane.finish().status == 200
    assert seen.pop()[1] == b""


def test_an_upstream_that_wants_the_body_gets_it(play):
    def talk(connection):
        while head := connection.head():
            assert b"\r\nExpect: 100-continue\r\n" in head
            assert not connection.rest
            connection.send(b"HTTP/1.1 100 Continue\r\nX-Interim: y\r\n\r\n")
            assert connection.body(head) == b"abc"
            connection.send(PLAIN)
    upstream = play(talk)
    for _ in range(2):
        upstream.lane.begin("POST", "/rest/v1/x", length=3, expect=True)
        answer = Answer()
        answer.take(upstream.lane.receive())
        assert answer.packets == [CONTINUE]
        upstream.lane.send(b"abc", last=True)
        assert upstream.lane.finish(answer).status == 200
        assert not answer.header("X-Interim")
    assert upstream.n_connections == 1


def test_an_upstream_that_knows_no_expect_gets_the_body_soon(play):
    seen = []
    upstream = play(answering(PLAIN, seen))
    began = time.monotonic()
    upstream.lane.begin("POST", "/rest/v1/x", length=3, expect=True)
    answer = Answer()
    answer.take(upstream.lane.receive())
    assert 0.5 < time.monotonic() - began < 5
    upstream.lane.send(b"abc", last=True)
    assert upstream.lane.finish(answer).status == 200
    assert seen[0][1] == b"abc"


@pytest.mark.parametrize("status", [401, 403, 200])
def test_a_final_answer_before_the_body(play, status):
    """The body is not sent, and the connection not used again: the upstream would take a request for a body."""
    seen = []

    def talk(connection):
        while head := connection.head():
            seen.append(head)
            if b"Expect" in head:
                connection.send(b"HTTP/1.1 %d X\r\nContent-Length: 3\r\n\r\nno!" % status)
                while connection.more():
                    pass
                assert not connection.rest
                return
            connection.send(PLAIN)
    upstream = play(talk)
    upstream.lane.begin("POST", "/rest/v1/x", length=10**8, expect=True)
    answer = upstream.lane.finish()
    assert (answer.status, answer.body, answer.drop_body, answer.continued) == (status, b"no!", True, False)
    assert upstream.lane.ask("GET", "/rest/v1/y").body == b"ok"
    assert (len(seen), upstream.n_connections) == (2, 2)


def test_an_upstream_that_refuses_expect_is_asked_without(play):
    seen = []

    def talk(connection):
        while head := connection.head():
            seen.append(head)
            if b"Expect" in head:
                connection.send(b"HTTP/1.1 417 No\r\nContent-Length: 3\r\n\r\nno!")
                return
            assert connection.body(head) == b"abc"
            connection.send(PLAIN)
    upstream = play(talk)
    upstream.lane.begin("POST", "/rest/v1/x", length=3, expect=True, token=TOKEN)
    answer = Answer()
    answer.take(upstream.lane.receive())
    upstream.lane.send(b"abc", last=True)
    assert upstream.lane.finish(answer).status == 200
    assert answer.packets == [CONTINUE, RESPONSE]
    assert len(seen) == 2 and seen[1] == seen[0].replace(b"Expect: 100-continue\r\n", b"")


def test_an_answer_that_comes_before_its_request(play):
    """To a request that is sent again: the body is not asked for behind it, which would make no sense."""
    n_asked = []

    def talk(connection):
        n_asked.append(1)
        if len(n_asked) == 2:
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + b"x" * 20000)
        head = connection.head()
        if b"Expect" in head:
            connection.send(b"HTTP/1.1 417 No\r\nContent-Length: 3\r\n\r\nno!")
        else:
            connection.ended()
    upstream = play(talk)
    upstream.lane.begin("POST", "/rest/v1/x", length=3, expect=True, token=TOKEN)
    answer = Answer()
    answer.take(upstream.lane.receive())
    upstream.lane.send(b"abc", last=True)
    assert (upstream.lane.finish(answer).status, len(n_asked)) == (200, 2)
    assert CONTINUE not in answer.packets[answer.packets.index(RESPONSE):]


@pytest.mark.parametrize("length", [4 * 10**6, -1])
def test_an_early_refusal_reaches_an_uploader(play, length):
    def talk(connection):
        head = connection.head()
        while len(connection.rest) < 100000:
            assert connection.more()
        connection.send(b"HTTP/1.1 413 Too large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge")
        assert head
        connection.ended()
    upstream = play(talk)
    upstream.lane.begin("POST", "/rest/v1/x", length=length)
    answer = upstream.lane.finish(upstream.lane.upload([b"x" * 16000] * 250))
    assert (answer.status, answer.body, answer.drop_body) == (413, b"large", True)


def test_the_rest_of_a_dropped_body_is_ignored(play):
    def talk(connection):
        while head := connection.head():
            if b"POST" in head:
                connection.send(b"HTTP/1.1 400 X\r\nContent-Length: 3\r\n\r\nno!")
                return connection.ended()
            connection.send(PLAIN)
    upstream = play(talk)
    number = upstream.lane.begin("POST", "/rest/v1/x", length=100000)
    assert upstream.lane.finish().drop_body
    for _ in range(3):
        upstream.lane.send(b"y" * 16384, number=number)
    assert upstream.lane.ask("GET", "/rest/v1/y").body == b"ok"
    upstream.lane.send(b"y", number=number)
    upstream.lane.plain(END, number=number)
    assert upstream.lane.ask("GET", "/rest/v1/y").body == b"ok"


def test_an_upstream_may_answer_while_it_reads(play):
    """A success that begins early: the body goes on to its end."""
    def talk(connection):
        head = connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsoon\r\n")
        body = connection.body(head)
        connection.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(str(len(body))), str(len(body)).encode()))
        connection.ended()
    upstream = play(talk)
    upstream.lane.begin("POST", "/rest/v1/x", length=160000)
    answer = Answer()
    while answer.status is None or answer.body != b"soon":
        answer.take(upstream.lane.receive())
    assert not answer.drop_body
    answer = upstream.lane.finish(upstream.lane.upload([b"x" * 16000] * 10, answer))
    assert answer.body == b"soon160000"


# ---- the answer ----

def test_a_small_answer_is_one_packet(play):
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    upstream = play(answering(lambda request: PLAIN if b"/plain" in request[0] else chunked))
    assert upstream.lane.ask("GET", "/plain").packets == [RESPONSE]
    answer = upstream.lane.ask("GET", "/chunked")
    assert (answer.packets, answer.body, answer.length, answer.until_close) == ([RESPONSE], b"hello", -1, False)


def test_heads_go_out_but_for_what_concerns_the_connection(play):
    answer = (b"HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
              b"HTTP/1.1 404 Not here\r\nserver: x\r\nConnection: X-Named , keep-alive\r\nX-Named: 1\r\nX-Kept:  a b \r\n"
              b"Set-Cookie: a\r\nset-cookie: b\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\nProxy-Authenticate: Basic\r\n"
              b"Trailer: X-After\r\nTransfer-Encoding: chunked\r\nX-Empty:\r\nX-High: \xe4\r\n\r\n"
              b"2\r\nno\r\n0\r\nX-After: 1\r\n\r\n")
    upstream = play(answering(answer))
    for _ in range(2):
        got = upstream.lane.ask("GET", "/x")
        assert (got.status, got.body) == (404, b"no")
        assert got.headers == [("server", "x"), ("X-Kept", "a b"), ("Set-Cookie", "a"), ("set-cookie", "b"), ("X-Empty", ""),
                               ("X-High", "\xe4")]
    assert upstream.n_connections == 1


@pytest.mark.parametrize(("method", "answer", "status", "length"), [
    ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", 200, 1234),
    ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n", 200, -1),
    ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, -1),
    ("GET", b"HTTP/1.1 204 No\r\n\r\n", 204, -1),
    ("GET", b"HTTP/1.1 304 Same\r\nContent-Length: 99\r\nETag: x\r\n\r\n", 304, 99),
    ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, 0),
    ("DELETE", b"HTTP/1.1 200\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", 200, 0),
    ("GET", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", 200, 0),
])
def test_answers_without_a_body(play, method, answer, status, length):
    upstream = play(answering(answer))
    for _ in range(3):
        got = upstream.lane.ask(method, "/x")
        assert (got.status, got.body, got.length, got.until_close, got.packets) == (status, b"", length, False, [RESPONSE])
    assert upstream.n_connections == 1


@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
def test_an_answer_that_ends_where_the_upstream_closes(play, version):
    def talk(connection):
        connection.request()
        connection.send(version + b" 200 OK\r\nX-A: b\r\n\r\n" + b"x" * 40000)
        connection.stream.unwrap()
    upstream = play(talk)
    for _ in range(2):
        got = upstream.lane.ask("GET", "/x")
        assert (got.status, got.until_close, got.length, got.body) == (200, True, -1, b"x" * 40000)


def test_codings_of_the_content_are_left_alone(play):
    upstream = play(answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8bno"))
    got = upstream.lane.ask("GET", "/x")
    assert (got.body, got.header("Content-Encoding")) == (b"\x1f\x8bno", ["gzip"])


def test_redirects_are_not_followed(play):
    upstream = play(answering(b"HTTP/1.1 302 X\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"))
    assert upstream.lane.ask("GET", "/x").header("Location") == ["/there"]
    assert upstream.n_connections == 1


# ---- connections ----

def test_there_are_16_connections_and_the_rest_waits_its_turn(play, carrier):
    going, arrived = threading.Event(), []

    def talk(connection):
        while request := connection.request():
            arrived.append(request[0].split()[1])
            going.wait(60)
            connection.send(PLAIN)
    upstream = play(talk, connect_ms=30000, answer_ms=60000)
    lanes = [upstream.lane, *(carrier.lane() for _ in range(39))]
    for index, lane in enumerate(lanes):
        lane.begin("GET", f"/{index}")
        carrier.count()  # one after the other
    while len(arrived) < 16:
        time.sleep(0.01)
    wait_until(lambda: carrier.count() == 40, "all have been taken in")
    going.set()
    for lane in lanes:
        assert lane.finish().status == 200
    assert upstream.n_connections == 16
    assert sorted(arrived[:16], key=lambda path: int(path[1:])) == [b"/%d" % n for n in range(16)]
    assert set(arrived[16:32]) < {b"/%d" % n for n in range(16, 40)}
    assert carrier.count() == 0


def test_an_answer_that_comes_bit_by_bit_is_not_held_back(play):
    going = threading.Semaphore(0)

    def talk(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        going.acquire(timeout=20)
        connection.send(b"ab")
        going.acquire(timeout=20)
        connection.send(b"cd")
        connection.ended()
    upstream = play(talk)
    upstream.lane.begin("GET", "/x")
    answer = Answer()
    for body in (b"", b"ab", b"abcd"):
        answer.take(upstream.lane.receive())
        assert answer.body == body
        going.release()
    assert answer.over
