"""The protocol of Redis and Valkey, version 2, for tests: values to bytes and back, and a client.

    with Client("/run/store.sock") as client:
        client.call("SET", "a", b"1")       # "OK"; an error is raised as StoreError

A reply is bytes, int, None, a list of these, a Status (as +OK) or a StoreError (as -ERR). Standard library only.
"""

import socket


class Status(str):
    """A line of text as a reply: +OK."""


class StoreError(Exception):
    """An error as a reply: -ERR."""

    def __eq__(self, other):
        return isinstance(other, StoreError) and str(self) == str(other)

    __hash__ = Exception.__hash__


class Ended(Exception):
    """The other end closed amid a value, or between two."""


def encode(value):
    if value is None:
        return b"$-1\r\n"
    if isinstance(value, StoreError):
        return b"-%b\r\n" % str(value).encode()
    if isinstance(value, Status):
        return b"+%b\r\n" % value.encode()
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, list):
        return b"*%d\r\n" % len(value) + b"".join(map(encode, value))
    data = value.encode() if isinstance(value, str) else value
    return b"$%d\r\n%b\r\n" % (len(data), data)


def command(*words):
    """The bytes of one request."""
    return encode([str(word) if isinstance(word, int) else word for word in words])


class Reader:
    """Reads values from a socket."""

    def __init__(self, stream):
        self.stream, self.rest = stream, b""

    def _more(self):
        if not (data := self.stream.recv(65536)):
            raise Ended
        self.rest += data

    def _line(self):
        while b"\r\n" not in self.rest:
            self._more()
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line

    def read(self):
        line = self._line()
        kind, text = line[:1], line[1:]
        if kind == b"+":
            return Status(text.decode())
        if kind == b"-":
            return StoreError(text.decode())
        if kind == b":":
            return int(text)
        if kind == b"$":
            if int(text) < 0:
                return None
            while len(self.rest) < int(text) + 2:
                self._more()
            value, self.rest = self.rest[:int(text)], self.rest[int(text) + 2:]
            return value
        assert kind == b"*", line
        return None if int(text) < 0 else [self.read() for _ in range(int(text))]


class Client:
    def __init__(self, path, timeout=30):
        self.stream = socket.socket(socket.AF_UNIX)
        self.stream.settimeout(timeout)
        try:
            self.stream.connect(str(path))
        except BaseException:
            self.stream.close()
            raise
        self.reader = Reader(self.stream)

    def call(self, *words):
        self.stream.sendall(command(*words))
        reply = self.reader.read()
        if isinstance(reply, StoreError):
            raise reply
        return reply

    def close(self):
        self.stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
