"""An upstream that writes down what it is asked, and reads it as strictly as can be.

    with Recorder(authority) as upstream:
        make_broker(upstream, keys=..., environments={"sandbox": upstream.gateway("allow = any GET /rest/v1/**")})
        upstream.heard                  # [Asked], in the order of their ends
        upstream.answer = function      # of an Asked and the connection: bytes, or None if it has sent them itself

Whatever of a request has two readings, or none, is a trouble: with any, the block ends in an error. Requests for tokens are
granted, each with another token, and are not among those asked.
"""

import json
import re
import threading
import time

from authorities import Listener

TOKEN_PATH = "/rest/v1/app/session/token"
REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,16}) (/[!-~]*) HTTP/1\.1")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)")
ONCE = {"host", "authorization", "content-length", "transfer-encoding", "content-type", "expect"}


def plain(body=b"{}", status=b"200 OK", *lines):
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n%b" % (
        status, len(body), b"".join(line + b"\r\n" for line in lines), body)


class Asked:
    def __init__(self, method, target, fields):
        self.method, self.target, self.fields, self.body, self.at = method, target, fields, b"", time.monotonic()

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name]

    @property
    def token(self):
        return self.all("authorization")[0].removeprefix("Bearer ")

    def __repr__(self):
        return f"<{self.method} {self.target} {self.body[:80]!r}>"


class Trouble(Exception):
    pass


class Line:
    """One connection of it."""

    def __init__(self, stream):
        self.stream, self.rest, self.send = stream, b"", stream.sendall

    def more(self):
        data = self.stream.recv(65536)
        self.rest += data
        return bool(data)

    def line(self):
        while b"\n" not in self.rest:
            if not self.more():
                if self.rest:
                    raise EOFError  # cut off: nobody takes that for a request
                return None
        line, self.rest = self.rest.split(b"\n", 1)
        if not line.endswith(b"\r"):
            raise Trouble(f"a lone line feed: {line[-80:]!r}")
        return line[:-1]

    def exactly(self, length):
        while len(self.rest) < length:
            if not self.more():
                raise EOFError
        data, self.rest = self.rest[:length], self.rest[length:]
        return data

    def head(self):
        first = self.line()
        if first is None:
            return None
        match, fields = REQUEST_LINE.fullmatch(first), []
        if not match:
            raise Trouble(f"no request line: {first[:200]!r}")
        while line := self.line():
            field = FIELD.fullmatch(line)
            if not field or field[2] != field[2].strip():
                raise Trouble(f"no field: {line!r}")
            fields.append((field[1].decode(), field[2].decode("latin-1")))
        if line is None:
            raise EOFError
        asked = Asked(match[1].decode(), match[2].decode(), fields)
        names = [name.lower() for name, _ in fields]
        if twice := {name for name in names if names.count(name) > 1 and name in ONCE}:
            raise Trouble(f"{asked} has twice: {twice}")
        if "host" not in names or "authorization" not in names or {"content-length", "transfer-encoding"} <= set(names):
            raise Trouble(f"{asked} of {names}")
        return asked

    def body(self, asked):
        if asked.all("transfer-encoding"):
            if asked.all("transfer-encoding") != ["chunked"]:
                raise Trouble(f"{asked}: {asked.fields}")
            while True:
                size = self.line()
                if size is None:
                    raise EOFError
                if not re.fullmatch(rb"[0-9a-f]+", size):
                    raise Trouble(f"{asked}: a chunk of {size!r}")
                if int(size, 16) == 0:
                    break
                asked.body += self.exactly(int(size, 16))
                if self.exactly(2) != b"\r\n":
                    raise Trouble(f"{asked}: a chunk without an end")
            if self.line() != b"":
                raise Trouble(f"{asked}: trailers")
        elif length := asked.all("content-length"):
            if not re.fullmatch("0|[1-9][0-9]*", length[0]):
                raise Trouble(f"{asked}: a length of {length}")
            asked.body = self.exactly(int(length[0]))


class Recorder(Listener):
    def __init__(self, authority):
        super().__init__(authority)
        self.listener.listen(1024)
        self.urls, self.ca_file = {"sandbox": self.url}, str(authority.path)
        self.heard, self.begun, self.troubles, self.tokens, self.lock = [], [], [], [], threading.Lock()
        self.answer = lambda asked, line: plain()
        self.life = 7200

    def __exit__(self, kind, *_):
        super().__exit__()
        assert kind or not self.troubles, self.troubles

    def gateway(self, *lines):
        return "\n".join(["gateway = yes", "[gateway sandbox]", *lines]) + "\n"

    def grant(self):
        with self.lock:
            self.tokens.append(f"realTOKENnr{len(self.tokens):04}x.cAxZJ9m22Le7baGXoStRuR9VCDF")
        return plain(json.dumps({"ust": self.tokens[-1], "mage_id": "MAG123456789", "expires_in": self.life}).encode())

    def converse(self, stream):
        line = Line(stream)
        try:
            while asked := line.head():
                with self.lock:
                    self.begun.append(asked)
                if asked.all("expect"):
                    line.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                line.body(asked)
                if asked.target == TOKEN_PATH and asked.token.startswith("Basic "):
                    line.send(self.grant())
                    continue
                with self.lock:
                    self.heard.append(asked)
                answer = self.answer(asked, line)
                if answer is not None:
                    line.send(answer)
                if answer is None and line.stream.fileno() < 0:
                    return
        except EOFError:
            pass
        except Trouble as trouble:
            self.troubles.append(str(trouble))
