"""Bytes on the wire: requests as no well-behaved client sends them, and all that comes back.

    answers = talk(("127.0.0.1", port), b"GET /livez HTTP/1.1\r\n...")     # until the other side closes
    answers[0].status, answers[0].slug
"""

import contextlib
import json
import re
import socket
import time


PATIENCE = 60  # s: for an answer that has to come, on a machine that may be busy with anything


class Reply:
    """One HTTP answer found in a stream."""

    def __init__(self, status, head, body):
        self.status, self.head, self.body = status, head, body

    @property
    def slug(self):
        """The error's slug; None: it is not an error of ours."""
        try:
            return json.loads(self.body)["error"]
        except (ValueError, KeyError, TypeError):
            return None

    def __repr__(self):
        return f"<{self.status} {self.slug or self.body[:60]!r}>"


def connect(address, timeout=PATIENCE):
    """address: (host, port) or the path of a unix socket."""
    if isinstance(address, tuple):
        return socket.create_connection(address, timeout)
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(timeout)
    stream.connect(str(address))
    return stream


def without_second_heads(data):
    """libmicrohttpd 0.9.75 sends the head of some of its own refusals twice."""
    return re.sub(rb"(?s)(HTTP/1\.1 4(?:(?!\r\n\r\n).)*\r\n\r\n)\1", rb"\1", data)


def parse(data, head_only=False):
    """All the answers in a stream of bytes; interim ones (1xx) left out."""
    data, replies = without_second_heads(data), []
    while data:
        match = re.match(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r\n", data)
        end = data.find(b"\r\n\r\n")
        assert match and end >= 0, f"no HTTP answer: {data[:200]!r}"
        head, data, status = data[:end].decode("latin-1"), data[end + 4:], int(match[1])
        if status < 200:
            continue
        length = re.search(r"(?im)^content-length: *(\d+)$", head.replace("\r", ""))
        size = 0 if head_only else int(length[1]) if length else len(data)
        replies.append(Reply(status, head, data[:size]))
        data = data[size:]
    return replies


def count_whole(data):
    """How many answers the stream consists of, without interim ones; -1: the last one is not whole yet."""
    data, n = without_second_heads(data), 0
    while data:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return -1
        length = re.search(rb"(?im)^content-length: *(\d+)\r?$", data[:end])
        n += not re.match(rb"HTTP/1\.[01] 1\d\d", data)
        size = end + 4 + (int(length[1]) if length else 0)
        if len(data) < size:
            return -1
        data = data[size:]
    return n


def receive(stream, quiet=1.0, n=1, patience=PATIENCE):
    """The bytes until the other side closes; or until n whole answers are there and it has been quiet for so long; or
    until patience ends."""
    received = b""
    with contextlib.suppress(TimeoutError, ConnectionResetError):
        while True:
            stream.settimeout(quiet if count_whole(received) >= n else patience)
            more = stream.recv(65536)
            if not more:
                break
            received += more
    return received


def talk(address, *pieces, quiet=1.0, n=1, patience=PATIENCE, head_only=False, pause=0.02, end=False):
    """Sends the pieces one after another; returns the answers."""
    with connect(address) as stream:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for i, piece in enumerate(pieces):
                if i:
                    time.sleep(pause)
                stream.sendall(piece)
            if end:
                stream.shutdown(socket.SHUT_WR)
        return parse(receive(stream, quiet, n, patience), head_only)


def request(method=b"GET", target=b"/v1/sandbox/token", headers=(), body=b"", host=b"127.0.0.1", port=0,
            client=b"attack", version=b"HTTP/1.1"):
    """A request as bytes. client, host None: without that header."""
    lines = [method + b" " + target + b" " + version]
    if host is not None:
        lines.append(b"Host: " + host + (b":%d" % port if port else b""))
    if client is not None:
        lines.append(b"EQP-Client: " + client)
    lines += headers
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def get(address, target="/v1/sandbox/token", headers=None, method="GET", body=b"", client="attack", patience=PATIENCE):
    """One well-formed request on a connection of its own: (status, slug or None, body). Made to be called by
    somebody else in a child process."""
    lines = {"Host": f"127.0.0.1:{address[1]}" if isinstance(address, tuple) else "localhost"}
    if isinstance(address, tuple) and ":" in address[0]:
        lines["Host"] = f"[{address[0]}]:{address[1]}"
    if client:
        lines["EQP-Client"] = client
    if body or method == "POST":
        lines["Content-Length"] = str(len(body))
    lines |= {"Connection": "close"} | (headers or {})
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    replies = talk(address, head.encode() + b"\r\n" + body, patience=patience)
    if not replies:
        return None, None, b""
    assert len(replies) == 1, replies
    return replies[0].status, replies[0].slug, replies[0].body
