"""Requests on whose end two readers may disagree, on their way through the gateway, and answers of that kind on their way
back: thousands of each, by a seed. The upstream writes down what it was asked.

It hears, byte for byte, the requests that a strict reader takes from the client's bytes, and a rule allowed; or nothing. A
failure prints the seed of its case.
"""

import concurrent.futures
import contextlib
import os
import random
import re
import socket

import pytest

from recorder import Recorder, plain
from simulator import EXAMPLE_KEY
from wire import connect, get

SEED = int(os.environ.get("EQP_SEED", "20261128"))
N_CASES = int(os.environ.get("EQP_CASES", "1500"))
RULES = ("allow = any GET,POST /rest/v1/ok/**",)
CTLS = [b"\0", b"\x0b", b"\x0c", b"\r", b"\n", b"\x7f", b"\x1b"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    from authorities import Authority
    return Authority(tmp_path_factory.mktemp("authorities"), "company")


@pytest.fixture
def upstream(authority):
    with Recorder(authority) as upstream:
        yield upstream


@pytest.fixture
def broker(upstream, make_broker):
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker="allow = any",
                       environments={"sandbox": upstream.gateway(*RULES)}).wait_valid()


# ---- requests ----

def hidden(rng):
    """Bytes in a body that are never to be read as a request of their own; of some of them no rule would allow it."""
    target = rng.choice([b"/sandbox/rest/v1/ok/hidden-%d" % rng.randrange(10**9), b"/sandbox/rest/v1/denied", b"/rest/v1/ok/hidden"])
    return b"%b %b HTTP/1.1\r\nHost: localhost\r\nX-Hidden: yes\r\n\r\n" % (rng.choice([b"GET", b"POST", b"DELETE"]), target)


def chunked(rng, body):
    """Some coding of it, a sound one or not."""
    out = b""
    while body:
        n = rng.randint(1, max(1, len(body)))
        size = rng.choice([b"%x", b"%X", b"0%x", b"000%x"]) % n
        extension = rng.choice([b""] * 8 + [b";a=b", b";a", b" ;a=\"b\"", b";a=\"\r\n", b";" + b"x" * 300, b" ", b"\t", b"\0"])
        end = rng.choice([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b"\n\r\n", b""])
        out += size + extension + rng.choice([b"\r\n"] * 12 + [b"\n", b"\r\n\r\n"]) + body[:n] + end
        body = body[n:]
    trailer = rng.choice([b""] * 6 + [b"X-Trailer: a\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n",
                                      b"Authorization: Bearer x\r\n", b" folded\r\n", b"Host: evil\r\n"])
    return out + rng.choice([b"0", b"0", b"0", b"00", b"0x0", b"-0", b"+0", b"0;a"]) + b"\r\n" + trailer + b"\r\n"


def framing(rng, body):
    """Lines that say where the body ends, and the bytes of it."""
    coded, n = chunked(rng, body), len(body)
    shape = rng.randrange(24)
    if shape < 6:
        return [b"Content-Length: %d" % n], body
    if shape < 12:
        return [rng.choice([b"Transfer-Encoding: chunked", b"transfer-encoding: Chunked", b"Transfer-Encoding:chunked"])], coded
    two = [b"Content-Length: %d" % rng.choice([n, 0, 5, len(coded)]), b"Transfer-Encoding: chunked"]
    odd = [b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b"Transfer-Encoding: chunked, identity",
           b"Transfer-Encoding: identity", b"Transfer-Encoding: x, chunked", b"Transfer-Encoding:\r\n chunked",
           b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding: chunked\0", b"Transfer_Encoding: chunked",
           b"Transfer.Encoding: chunked", b"Transfer-Encoding;: chunked", b"X: y\nTransfer-Encoding: chunked",
           b"X: y\rTransfer-Encoding: chunked", b"X: y\0Transfer-Encoding: chunked", b"Transfer-Encoding: \"chunked\"",
           b"Content-Length: +%d" % n, b"Content-Length: -%d" % n, b"Content-Length: %d, %d" % (n, n), b"Content-Length: 0x%x" % n,
           b"Content-Length: 00%d" % n, b"Content-Length: %d " % n, b"Content-Length: %d\t" % n, b"Content-Length : %d" % n,
           b"Content_Length: %d" % n, b"Content-Length: %d;" % n, b"Content-Length: 18446744073709551616", b"Content-Length: %d.0" % n,
           b"Content-Length:\r\n\t%d" % n, b"Content-Length:", b"Content-Length: %d\0" % n, b"\x0bContent-Length: %d" % n,
           b": %d" % n, b"Expect: 100-continue\r\nContent-Length: %d" % n, b"Connection: Content-Length\r\nContent-Length: %d" % n]
    if shape < 15:
        lines = rng.sample(two, 2) if rng.random() < 0.7 else [b"Content-Length: %d" % n, b"Content-Length: %d" % rng.choice([n, 0])]
        return lines, rng.choice([body, coded])
    lines = [rng.choice(odd)] + (rng.sample(two, 1) if rng.random() < 0.6 else [])
    rng.shuffle(lines)
    return lines, rng.choice([body, coded])


def another(rng):
    return rng.choice([b"Accept: */*", b"X-A: b", b"X-Empty:", b"X-Odd: \xe4\xff", b"Cookie: a=b", b"Connection: keep-alive",
                       b"Connection: X-A, close", b"TE: trailers", b"Trailer: X-Trailer", b"Authorization: Bearer mine",
                       b"Host: evil.test", b"X-Long: " + b"y" * 900, b"X-Semi;: a", b"X-Colon: a: b:", b"X: y\r\n folded",
                       b"Accept: ;", b"Content-Type: ;", b"Range: bytes=0-1", b"Keep-Alive: 5", b"Proxy-Connection: keep-alive",
                       b"Proxy-Authorization: Basic eDp5", b"Upgrade: h2c", b"HTTP2-Settings: AAA", b"X: " + rng.choice(CTLS) + b"z",
                       b"X" + rng.choice(CTLS) + b": z", b"If-None-Match: \"a\"", b"Content-Encoding: gzip", b"Via_: x",
                       b"Authorization_: x", b"User-Agent;", b"no colon at all", b"EQP-Client: fuzz"])


def request(rng, number):
    """(bytes, body as it is meant)."""
    body = rng.choice([b"", b"{}", b"x" * 5, hidden(rng), hidden(rng) + hidden(rng), b"0\r\n\r\n" + hidden(rng),
                       b"\r\n" + hidden(rng), b"x" * 20_000 + hidden(rng), b"x" * 70_000 + hidden(rng)])
    lines, sent = framing(rng, body) if body or rng.random() < 0.3 else ([], b"")
    method = rng.choice([b"GET", b"POST", b"POST", b"POST", b"PUT", b"HEAD"])
    version = rng.choice([b"HTTP/1.1"] * 20 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"HTTP/01.1"])
    lines = [b"Host: localhost"] + lines + [another(rng) for _ in range(rng.choice([0, 0, 0, 1, 2]))]
    rng.shuffle(lines)
    end = rng.choice([b"\r\n"] * 24 + [b"\n"])
    blank = rng.choice([b" "] * 24 + [b"  ", b"\t", b"\x0b"])
    head = end.join([blank.join([method, b"/sandbox/rest/v1/ok/case-%d" % number, version]), *lines]) + end + end
    return rng.choice([b""] * 12 + [b"\r\n", b"\n", b" "]) + head + sent


def strict(data):
    """Reads all requests of the bytes as strictly as can be: [(method, target, body)] up to the first that is none."""
    read = []
    while True:
        data = re.sub(rb"\A(\r?\n)+", b"", data)  # RFC 9112, section 2.2
        head, found, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        match = re.fullmatch(rb"([A-Z]+) ([!-~]+) HTTP/1\.[0-9]", first)
        fields = [re.fullmatch(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*", line) for line in lines]
        if not found or not match or not all(fields):
            return read
        named = [(field[1].lower(), field[2]) for field in fields]
        lengths = [value for name, value in named if name == b"content-length"]
        codings = [value.lower() for name, value in named if name == b"transfer-encoding"]
        if len(lengths) + len(codings) > 1 or (codings and codings != [b"chunked"]):
            return read
        if lengths:
            if not re.fullmatch(rb"[0-9]{1,15}", lengths[0]) or len(rest) < int(lengths[0]):
                return read
            body, data = rest[:int(lengths[0])], rest[int(lengths[0]):]
        elif codings:
            body = b""
            while True:
                # A lone line feed is an end here to libmicrohttpd before 1.0; it is the client's own connection.
                chunk = re.match(rb"([0-9A-Fa-f]{1,15})[ \t]*(;[\t\x20-\x7e]*)?\r?\n", rest)
                if not chunk:
                    return read
                size, rest = int(chunk[1], 16), rest[chunk.end():]
                if size == 0:
                    break
                end = re.compile(rb"\r?\n").match(rest, size)
                if not end:
                    return read
                body, rest = body + rest[:size], rest[end.end():]
            trailers = re.match(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e]*\r\n)*\r\n", rest)
            if not trailers:
                return read
            data = rest[trailers.end():]
        else:
            body, data = b"", rest
        read.append((match[1].decode(), match[2].decode().removeprefix("/sandbox"), body))


def exchange(place, data, rng):
    """Sends it, in some pieces, and reads until the other side ends or is silent."""
    received = b""
    with connect(place, 10) as stream, contextlib.suppress(OSError):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            cuts = sorted(rng.sample(range(len(data)), min(len(data), rng.choice([0, 0, 1, 3]))))
            for begin, end in zip([0] + cuts, cuts + [len(data)]):
                stream.sendall(data[begin:end])
        stream.settimeout(5)
        while more := stream.recv(65536):
            received += more
            stream.settimeout(0.25)
    return received


def play(broker, number):
    rng = random.Random(SEED * 1_000_003 + number)
    data = b"".join(request(rng, number * 10 + at) for at in range(rng.choice([1, 1, 2, 3])))
    data += b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    exchange(str(broker.socket_path), data, rng)
    return number, data


def test_the_upstream_hears_the_requests_that_were_made(broker, upstream):
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        cases = dict(pool.map(lambda number: play(broker, number), range(N_CASES)))
    assert broker.get("/livez").status == 200
    meant = {}
    for number, data in cases.items():
        meant |= {target: (number, method, body) for method, target, body in strict(data)}
    wrong, times = [], {}
    for asked in upstream.heard:
        number, method, body = meant.get(asked.target, (None, None, None))
        times[asked.target] = times.get(asked.target, 0) + 1
        if (method, body) != (asked.method, asked.body):
            wrong.append((number, "nobody asked for that", asked, [(number, data[:900]) for number, data in cases.items()
                                                                   if asked.target.encode() in data]))
        if asked.method not in ("GET", "POST", "HEAD") or not asked.target.startswith("/rest/v1/ok/"):
            wrong.append((number, "no rule allows it", asked))
        if asked.token not in upstream.tokens or asked.all("host") != [upstream.url.removeprefix("https://")]:
            wrong.append((number, "not our token or host", asked.fields))
        for name in ("cookie", "te", "trailer", "proxy-authorization", "proxy-connection", "upgrade", "eqp-client", "keep-alive",
                     "connection", "http2-settings", "transfer_encoding", "content_length", "transfer.encoding"):
            if asked.all(name):
                wrong.append((number, "a header that stays here", name))
    wrong += [("twice", target) for target, n in times.items() if n > 1]
    assert not wrong, "\n".join(map(str, wrong[:10]))
    assert len(times) > N_CASES // 10, "the control: many are sound, and get there"
    print(f"{len(cases)} connections, {len(times)} requests carried")


# ---- answers ----

def odd_answer(rng, mark, poison):
    """Bytes, and whether the connection ends behind them. Bytes that are meant for this request have the mark in them; the
    others, the poison."""
    body, behind = mark + b"." * rng.choice([0, 0, 10, 20_000]), plain(poison, b"200 OK", b"X-Poison: " + poison)
    n = len(body)
    status = rng.choice([b"HTTP/1.1 200 OK"] * 6 + [b"HTTP/1.1 404 No", b"HTTP/1.1 204 No", b"HTTP/1.1 304 No", b"HTTP/1.0 200 OK",
                        b"HTTP/1.1 200", b"HTTP/1.1 099 X", b"HTTP/1.1 600 X", b"HTTP/1.1 101 Switching", b"HTTP/2 200",
                        b"HTTP/1.1  200 OK", b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK", b"ICY 200 OK", b"", b"HTTP/1.1 200 \0"])
    coded = rng.choice([b"%x\r\n%b\r\n0\r\n\r\n" % (n, body), b"%x;a=b\r\n%b\r\n0\r\n\r\n" % (n, body), b"0x%x\r\n%b\r\n0\r\n\r\n" % (n, body),
                        b"%x\n%b\n0\n\n" % (n, body), b"-1\r\n%b\r\n0\r\n\r\n" % body, b"%x\r\n%bxx\r\n0\r\n\r\n" % (n, body),
                        b"%x\r\n%b\r\n0\r\nX-Trailer: a\r\nSet-Cookie: b\r\n\r\n" % (n, body), b"ffffffffffffffffff\r\n%b" % body])
    lengths = [(b"Content-Length: %d" % n, body)] * 3 + [(b"Transfer-Encoding: chunked", coded)] * 3 + [
        (b"Content-Length: %d\r\nContent-Length: %d" % (n, rng.choice([n, 0, n + len(behind)])), body),
        (b"Content-Length: %d\r\nTransfer-Encoding: chunked" % n, rng.choice([body, coded])),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 0", coded), (b"Content-Length: %d, %d" % (n, n), body),
        (b"Content-Length: +%d" % n, body), (b"Content-Length: -1", body), (b"Content-Length:", body), (b"Content-Length : %d" % n, body),
        (b"Content-Length: 0x%x" % n, body), (b"Content-Length:\r\n %d" % n, body), (b"X: y\r\n Content-Length: %d" % n, body),
        (b"Transfer-Encoding: gzip, chunked", coded), (b"Transfer-Encoding: identity", body), (b"Transfer-Encoding : chunked", coded),
        (b"Transfer-Encoding: \x0bchunked", coded), (b"Content-Length: %d" % max(0, n - 1), body), (b"Content-Length: %d" % (n + 5), body),
        (b"X: y\0z\r\nContent-Length: %d" % n, body), (b"X: y\rz\r\nContent-Length: %d" % n, body), (b"no colon", body), (b"", body),
        (b"Content-Length: %d\nX: y" % n, body), (b": empty\r\nContent-Length: %d" % n, body), (b"X\0: y\r\nContent-Length: %d" % n, body),
        (b"Content-Length: %d\r\nX-Tab: a\tb" % n, body), (b"Content-Length: %d\r\nX-Long: %b" % (n, b"y" * rng.choice([9000, 40_000])), body)]
    line, sent = rng.choice(lengths)
    before = rng.choice([b""] * 8 + [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early\r\nLink: <a>\r\nContent-Length: 3\r\n\r\n",
                                     b"HTTP/1.1 102 P\r\n\r\n" * 50, b"HTTP/1.1 102 P\r\nX: y\r\n\r\n" * 4000, b"\r\n", b"garbage\r\n"])
    after = rng.choice([b""] * 4 + [behind, b"\r\n" + behind, b"x"])
    return before + status + b"\r\n" + line + b"\r\nSet-Cookie: a\r\n\r\n" + sent + after, rng.random() < 0.3


def answers_of(data):
    """A strict reading of what a client got, connections that were cut off included: [(status, names of fields, body)]."""
    read = []
    while data:
        match = re.match(rb"HTTP/1\.1 ([2-5][0-9][0-9]) [^\r\n]*\r\n(([!-9;-~]+: ?[\t\x20-\x7e\x80-\xff]*\r\n)*)\r\n", data)
        if not match:
            assert b"\r\n\r\n" not in data, data[:300]
            return read
        fields = [line.split(b":", 1) for line in match[2].lower().split(b"\r\n")[:-1]]
        names, data, bare = [name for name, _ in fields], data[match.end():], int(match[1]) in (204, 304)
        assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1, names
        if bare:
            body = b""
        elif b"content-length" in names:
            length = int(dict(fields)[b"content-length"])
            body, data = data[:length], data[length:]
        elif b"transfer-encoding" in names:
            body = b""
            while chunk := re.match(rb"([0-9a-fA-F]+)\r\n", data):
                size = int(chunk[1], 16)
                piece, data = data[chunk.end():chunk.end() + size], data[chunk.end() + size + 2:]
                body += piece
                if size == 0:
                    break
            else:
                data = b""
        else:
            body, data = data, b""
        read.append((int(match[1]), names, body))
    return read


def ask(broker, number):
    target = b"/sandbox/rest/v1/ok/mark-%d-" % number
    data = b"%b %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}" % (
        b"POST" if number % 2 else b"GET", target)
    return number, exchange(str(broker.socket_path), data, random.Random(number))


@pytest.mark.slow("thousands of odd answers")
def test_no_answer_is_somebody_elses(broker, upstream):
    """Whatever the upstream sends, and whatever it sends behind it: each client gets an answer to its own request, which it can
    read in one way, or an error, or is cut off."""
    def answer(asked, line):
        mark = asked.target.rsplit("/", 1)[1].encode()
        rng = random.Random(f"{SEED} {mark}")
        data, ends = odd_answer(rng, mark, b"poison-" + mark)
        cut = rng.randrange(len(data)) if rng.random() < 0.3 else len(data)
        with contextlib.suppress(OSError):
            line.send(data[:cut])
            if cut < len(data):
                line.send(data[cut:])
            if ends:
                line.stream.unwrap().close()

    upstream.answer = answer
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        got = dict(pool.map(lambda number: ask(broker, number), range(N_CASES)))
    assert broker.get("/livez").status == 200
    wrong, kinds = [], {}
    for number, data in got.items():
        try:
            read = answers_of(data)
        except (AssertionError, ValueError) as trouble:
            wrong.append((number, "read in two ways", trouble))
            continue
        status = read[0][0] if read else None
        kinds[status] = kinds.get(status, 0) + 1
        if len(read) > 1 or {int(one) for one in re.findall(rb"mark-([0-9]+)", data)} - {number}:
            wrong.append((number, "more than its answer", data[:600]))
        if read and {b"set-cookie", b"x-trailer"} & set(read[0][1]):
            wrong.append((number, "what is not passed on", read[0][1]))
    assert not wrong, "\n".join(map(str, wrong[:10]))
    assert kinds.get(200, 0) > N_CASES // 20 and kinds.get(502, 0) > N_CASES // 20, kinds
    twice = [asked for asked in upstream.begun if asked.method == "POST" and
             sum(other.target == asked.target for other in upstream.begun) > 1]
    assert not twice, "no POST is carried out twice"
    print(kinds)


@pytest.mark.parametrize("size", [0, 2, 16_000, 20_000, 100_000])
@pytest.mark.parametrize("told", ["length", "chunked"])
def test_bytes_behind_an_answer_are_nobodys(broker, upstream, size, told):
    """In the same record of TLS: then it is read from the socket with the answer, and nothing shows at the socket."""
    def answer(asked, _):
        body = asked.target.encode() + b"." * size
        sound = plain(body) if told == "length" else b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
            len(body), body)
        return sound + plain(b"poison")

    upstream.answer = answer
    for number in range(20):
        status, _, body = get(str(broker.socket_path), f"/sandbox/rest/v1/ok/{number}")
        assert status == 200 and f"/rest/v1/ok/{number}".encode() in body and body.count(b".") == size, (number, body[-100:])
        assert b"poison" not in body
