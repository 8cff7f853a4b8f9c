"""An upstream that speaks byte by byte what a test wants it to, over TLS.

    with RawUpstream(authority, talk) as upstream:      talk(connection): a conversation on one of its connections
        upstream.url, upstream.n_connections

A connection reads requests one by one and remembers what it has read.
"""

import contextlib
import re
import socket
import threading

from authorities import Listener

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Connection:
    def __init__(self, stream, number):
        self.stream, self.number, self.rest = stream, number, b""
        self.send = stream.sendall

    def more(self):
        data = self.stream.recv(65536)
        self.rest += data
        return bool(data)

    def until(self, mark):
        while mark not in self.rest:
            if not self.more():
                return None
        taken, self.rest = self.rest.split(mark, 1)
        return taken + mark

    def exactly(self, length):
        taken = bytearray(self.rest[:length])
        self.rest = self.rest[length:]
        while len(taken) < length:
            data = self.stream.recv(min(length - len(taken), 65536))
            assert data, "the rest of the body did not come"
            taken += data
        return bytes(taken)

    def head(self):
        """The bytes of the next request's head; None: there is none."""
        return self.until(b"\r\n\r\n")

    def body(self, head):
        if match := re.search(rb"\r\nContent-Length: (\d+)\r\n", head):
            return self.exactly(int(match[1]))
        if b"\r\nTransfer-Encoding: chunked\r\n" not in head:
            return b""
        body = b""
        while size := int(self.until(b"\r\n"), 16):
            body += self.exactly(size)
            assert self.exactly(2) == b"\r\n"
        assert self.until(b"\r\n") == b"\r\n"
        return body

    def request(self):
        """(head, body) of the next one; None: there is none."""
        head = self.head()
        return head and (head, self.body(head))

    def ended(self):
        """Waits for the other end to close; bytes that it sends meanwhile are dropped."""
        with contextlib.suppress(OSError):
            while self.stream.recv(65536):
                pass

    def reset(self):
        """Ends it as a crash would."""
        raw = self.stream.detach()
        sock = socket.socket(fileno=raw)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()

    def vanish(self):
        """Ends it without a word of TLS."""
        socket.socket(fileno=self.stream.detach()).close()


class RawUpstream(Listener):
    def __init__(self, authority, talk, **more):
        super().__init__(authority, **more)
        self.talk, self.n_connections, self.lock = talk, 0, threading.Lock()
        self.troubles = []

    def converse(self, stream):
        with self.lock:
            self.n_connections += 1
            number = self.n_connections
        try:
            self.talk(Connection(stream, number))
        except AssertionError as trouble:
            self.troubles.append(trouble)

    def __exit__(self, *_):
        super().__exit__()
        assert not self.troubles, self.troubles


def answering(answer, seen=None):
    """A conversation: every request is answered so. seen: a list that gets (head, body) of each."""
    def talk(connection):
        while request := connection.request():
            if seen is not None:
                seen.append(request)
            connection.send(answer(request) if callable(answer) else answer)
    return talk
