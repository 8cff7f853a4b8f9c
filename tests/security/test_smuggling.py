"""Requests on whose end two readers may disagree. Only the first may ever be answered, and nothing that is
refused may do anything.

Behind every shape stands a second request, an operator's refresh by root: were it found, there would be a
second answer, and an exchange. The control is the well-formed shape, behind which it is found.
"""

import contextlib
import time

import pytest

from wire import parse, receive, connect, request, talk


def smuggled(port):
    return request(b"POST", b"/v1/sandbox/refresh", [b"Content-Length: 0"], port=port)


def post(port, headers, body):
    return request(b"POST", b"/v1/sandbox/token/rejected", headers, body, port=port)


def shapes(port):
    """(name, bytes)"""
    second = smuggled(port)
    n = len(second)
    chunks = b"0\r\n\r\n"

    def lengths(*headers):
        return post(port, headers, second)

    def coded(*headers, body=chunks):
        return post(port, headers, body + second)

    def head(line, *, before=b"GET", version=b"HTTP/1.1"):
        return request(before, headers=[line], port=port, version=version) + second

    yield "two lengths, small first", lengths(b"Content-Length: 0", b"Content-Length: %d" % n)
    yield "two lengths, large first", lengths(b"Content-Length: %d" % n, b"Content-Length: 0")
    yield "two equal lengths", lengths(b"Content-Length: 2", b"Content-Length: 2")
    yield "length and coding", coded(b"Content-Length: %d" % (n + 5), b"Transfer-Encoding: chunked")
    yield "coding and length", coded(b"Transfer-Encoding: chunked", b"Content-Length: 5")
    yield "length list", lengths(b"Content-Length: 0, %d" % n)
    yield "length with sign", lengths(b"Content-Length: +0")
    yield "negative length", lengths(b"Content-Length: -1")
    yield "length in hex", lengths(b"Content-Length: 0x0")
    yield "empty length", lengths(b"Content-Length:")
    yield "length beyond 64 bits", lengths(b"Content-Length: 18446744073709551616")
    yield "length with space before colon", lengths(b"Content-Length : 0")
    yield "length with a letter", lengths(b"Content-Length: 0a")
    yield "length folded", lengths(b"Content-Length:\r\n 0")
    yield "unknown coding", coded(b"Transfer-Encoding: xchunked")
    yield "two codings in one", coded(b"Transfer-Encoding: gzip, chunked")
    yield "chunked twice in one", coded(b"Transfer-Encoding: chunked, chunked")
    yield "two coding headers", coded(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity")
    yield "identity", coded(b"Transfer-Encoding: identity")
    yield "coding with space before colon", coded(b"Transfer-Encoding : chunked")
    yield "coding with tab before colon", coded(b"Transfer-Encoding\t: chunked")
    yield "coding after vertical tab", coded(b"Transfer-Encoding: \x0bchunked")
    yield "coding folded", coded(b"Transfer-Encoding:\r\n chunked")
    yield "coding quoted", coded(b'Transfer-Encoding: "chunked"')
    yield "coding hidden by a bare CR", coded(b"X: y\rTransfer-Encoding: chunked")
    yield "coding hidden by NUL", coded(b"Transfer-Encoding\0: chunked")
    yield "fold", head(b"X: y\r\n Origin: http://evil.test")
    yield "fold by tab", head(b"X: y\r\n\tOrigin: http://evil.test")
    yield "space before colon", head(b"Origin : http://evil.test")
    yield "space before name", head(b" Origin: http://evil.test")
    yield "no colon", head(b"Origin")
    yield "empty name", head(b": y\r\nOrigin: http://evil.test")
    yield "bare CR", head(b"X: y\rOrigin: http://evil.test")
    yield "two bare CRs", head(b"X: y\r\rOrigin: http://evil.test")
    yield "bare LF", head(b"X: y\nZ: a")
    yield "NUL in a value", head(b"X: y\0z")
    yield "NULs in a value", head(b"X: y\0\0z")
    yield "NUL in a name", head(b"X\0Y: z")
    yield "control character", head(b"X: \x1b[2J")
    yield "DEL", head(b"X: \x7f")
    yield "NUL in the host", (b"GET /v1/sandbox/token HTTP/1.1\r\nEQP-Client: x\r\nHost: 127.0.0.1:%d\0.evil.test\r\n\r\n" % port
                              + second)
    yield "NUL in the target", request(target=b"/v1/sandbox/token\0/../../x", port=port) + second
    yield "NUL in the method", request(b"GET\0", port=port) + second
    yield "NUL in the version", request(version=b"HTTP/1.1\0", port=port) + second
    yield "no version", b"GET /v1/sandbox/token\r\n\r\n" + second
    yield "version 2", head(b"X: y", version=b"HTTP/2.0")
    yield "two spaces", request(b"GET ", port=port) + second
    yield "tabs", request(port=port).replace(b" ", b"\t", 2) + second
    yield "a word too many", request(target=b"/v1/sandbox/token x", port=port) + second
    yield "head too large", head(b"X: " + b"y" * 20000)
    yield "too many headers", head(b"\r\n".join([b"X: y"] * 3000))
    yield "target too long", request(target=b"/" + b"a" * 20000, port=port) + second
    yield "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300) + second
    yield "HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + second
    for name, body in (("negative chunk", b"-1\r\n\r\n"), ("chunk in 0x", b"0x0\r\n\r\n"),
                       ("chunk beyond 64 bits", b"fffffffffffffffff\r\n"), ("chunk too short", b"2\r\nabcde\r\n"),
                       ("chunk without size", b"\r\n\r\n"), ("chunk with words", b"zero\r\n\r\n"),
                       ("chunk with NUL", b"0\0\r\n\r\n")):
        yield name, coded(b"Transfer-Encoding: chunked", body=body)


def test_control_a_second_request_would_be_found(broker, upstream):
    before = upstream.state("sandbox")["requests"]["token"]
    place, second = ("127.0.0.1", broker.port), smuggled(broker.port)
    sound = [request(port=broker.port) + second,
             post(broker.port, [b"Content-Length: 2"], b"{}") + second,
             post(broker.port, [b"Transfer-Encoding: chunked"], b"2\r\n{}\r\n0\r\nX: y\r\n\r\n") + second]
    for data in sound:
        with connect(place) as stream:
            stream.sendall(data)
            replies = parse(receive(stream, quiet=0.5, n=2))
        assert len(replies) == 2 and replies[1].status in (200, 429), (data, replies)
    assert upstream.state("sandbox")["requests"]["token"] > before


def send(place, data):
    """The answer; the other side may end the connection before it has read all."""
    with connect(place) as stream:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stream.sendall(data)
        return parse(receive(stream, quiet=0.4, patience=0.4))


def test_no_shape_lets_a_second_request_through(broker, upstream):
    place = "127.0.0.1", broker.port
    before = upstream.state("sandbox")["requests"]["token"]
    failures = []
    for name, data in shapes(broker.port):
        replies = send(place, data)
        if len(replies) > 1:
            failures.append((name, "two answers", replies))
        elif replies and not (400 <= replies[0].status < 500 or replies[0].status == 505):
            failures.append((name, "not refused", replies))
    assert not failures, "\n".join(f"{name}: {what}: {replies}" for name, what, replies in failures)
    time.sleep(0.3)
    assert upstream.state("sandbox")["requests"]["token"] == before, "no smuggled refresh ran"
    assert broker.get("/livez").status == 200


def test_refusals_in_doubt_end_the_connection(broker):
    """And say so."""
    data = post(broker.port, [b"Content-Length: 0", b"Content-Length: 2"], b"")
    with connect(("127.0.0.1", broker.port)) as stream:
        stream.sendall(data)
        started = time.monotonic()
        replies = parse(receive(stream, quiet=60))
        assert time.monotonic() - started < 9, "it waits for no body, which may take 10 s"
    assert [reply.slug for reply in replies] == ["bad_request"] and "onnection: close" in replies[0].head


@pytest.mark.parametrize("space", [b" ", b"\t", b" \t "])
def test_a_value_with_space_behind_it_has_one_reading(broker, space):
    """The space is no part of it. libmicrohttpd from 1.0 on takes it away; an older one does not, and a server that then
    does not understand the value refuses. Never may one take it for something that another one does not."""
    place = "127.0.0.1", broker.port
    second = request(target=b"/livez", headers=[b"Connection: close"], port=broker.port)
    shapes = [(b"Content-Length: 2", b"{}"), (b"Transfer-Encoding: chunked", b"2\r\n{}\r\n0\r\n\r\n")]
    for header, body in shapes:
        sound, live = talk(place, post(broker.port, [header], body) + second, quiet=10)
        assert live.status == 200
        replies = talk(place, post(broker.port, [header + space], body) + second, quiet=10)
        first = replies[0]
        if len(replies) == 2:
            assert (first.status, first.slug, replies[1].status) == (sound.status, sound.slug, 200), replies
        else:
            assert len(replies) == 1 and 400 <= first.status < 500 and "onnection: close" in first.head, replies
    for name in (b"Host: 127.0.0.1:%d" % broker.port, b"EQP-Client: attack"):
        data = request(headers=[name + space], **{"host" if name.startswith(b"Host") else "client": None},
                       port=broker.port)
        [reply] = talk(place, data, quiet=1.5)
        assert reply.status in (200, 403), (name, reply)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_sound_requests_in_pieces_are_sound(broker, size):
    """The checks look at how the head lies in memory: however it arrives, and however large it is."""
    for filler in (b"", b"X-Filler: " + b"y" * 3000):
        data = request(headers=[b"Accept: */*", b"X-Trailing: blank  ", b"X-Empty:"] + ([filler] if filler else []),
                       port=broker.port)
        with connect(("127.0.0.1", broker.port)) as stream:
            for _ in range(3):  # kept alive: the memory is used again
                step = size if not filler else size * 40
                for i in range(0, len(data), step):
                    stream.sendall(data[i:i + step])
                    if i % (step * 16) == 0:
                        time.sleep(0.0005)
                replies = parse(receive(stream, quiet=0.25))
                assert [reply.status for reply in replies] == [200], (size, len(filler), replies)


def test_pipelined_sound_requests(broker):
    """Five at once, answered in order, also behind a refused but well-formed one."""
    place = "127.0.0.1", broker.port
    live = request(target=b"/livez", port=broker.port)
    token = request(port=broker.port)
    bad = request(target=b"//", port=broker.port)
    replies = talk(place, live + token + bad + token + live, quiet=0.5, n=5)
    assert [reply.status for reply in replies] == [200, 200, 400, 200, 200]


def test_large_body_is_no_request(broker, upstream):
    """A body beyond what is read is not taken for requests."""
    before = upstream.state("sandbox")["requests"]["token"]
    second = smuggled(broker.port)
    for headers, body in (([b"Content-Length: %d" % (len(second) * 100)], second * 100),
                          ([b"Transfer-Encoding: chunked"],
                           (b"%x\r\n" % len(second) + second + b"\r\n") * 100 + b"0\r\n\r\n"),
                          ([b"Content-Length: 5000000"], b"x" * 100000 + second)):
        replies = send(("127.0.0.1", broker.port), post(broker.port, headers, body))
        assert len(replies) <= 1 and all(reply.status >= 400 for reply in replies), replies
    assert upstream.state("sandbox")["requests"]["token"] == before


def last_status(place, *heads):
    """Of what the last of these heads is answered, sent one after the other on one connection; None: it ends without."""
    with connect(place) as stream:
        for head in heads:
            stream.sendall(head)
            replies = parse(receive(stream, quiet=0.005))
    return replies[0].status if replies else None


def test_a_head_that_is_almost_the_one_before(broker):
    """A head that is the same as the connection's last one is not judged again. One byte of another kind anywhere, and
    it is judged as if nothing had come before it; so are the ends of names, values and lines, which a reader that cuts
    a head up overwrites with NUL."""
    place = ("127.0.0.1", broker.port)
    good = request(port=broker.port)
    assert last_status(place, good, good, good) == 200
    cut = good.replace(b"\r\nEQP-Client:", b"\0\0EQP-Client\0")
    assert cut != good
    assert last_status(place, good, cut) == last_status(place, cut) == 400
    refused = 0
    for at in range(len(good) - 4):  # without the last line's end, which would have to come
        for byte in b"\0 x" if good[at:at + 1].isalnum() else b"\0\r\n :x":
            odd = good[:at] + bytes([byte]) + good[at + 1:]
            if odd.find(b"\r\n\r\n", 0, -4) < 0 and odd.find(b"\n\n", 0, -4) < 0:
                alone = last_status(place, odd)
                assert last_status(place, good, odd) == alone, odd
                assert last_status(place, good, good, odd) == alone, odd
                refused += alone != 200
    assert refused > len(good), "the control: most of them are refused"
