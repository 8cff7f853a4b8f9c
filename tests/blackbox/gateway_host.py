"""The frontend's gateway with a stand-in for the keeper, and the test as its forwarder: the other end of each lane."""

import hashlib
import os
import pathlib
import queue
import re
import select
import socket
import struct
import subprocess
import threading
import time

BUILD = pathlib.Path(os.environ.get("EQP_BUILD_DIR", "build")).resolve()
TOKEN = "baGXoStRuR9VCDFQGZNzgNqbqu5WUwlr.cAxZJ9m22Le7"
TOKEN_2 = "secondTOKENsecondTOKENsecond.TOKEN22second9"
REQUEST, DATA, END, ABORT, CONTINUE, RESPONSE, LAST, FAIL = range(1, 9)
UNREACHABLE, MALFORMED, LOST, SLOW, STALLED, BUSY, ABORTED, UNKNOWN, MOVED, STOPPING, INTERNAL = range(11)

HEAD = struct.Struct("=IIQ")
REQUEST_FORM = struct.Struct("=IIQ33s161s17s???2xqIIII")
DATA_FORM = struct.Struct("=IIQI?3x")
RESPONSE_FORM = struct.Struct("=IIQI???xqII")
FAIL_FORM = struct.Struct("=IIQI?160s3x")

ALLOW_ALL = "allow = any * /rest/v1/**\n"


def verdicts():
    text = (pathlib.Path(__file__).parents[2] / "lib" / "refresh.h").read_text()
    names = re.search(r"enum refresh_verdict \{(.*?)\}", text, re.S)[1]
    return {name: at for at, name in enumerate(re.findall(r"^\s*(REFRESH_\w+)", names, re.M))}


class Request:
    """The REQUEST that came."""

    def __init__(self, packet):
        (_, _, self.number, environment, base_url, method, self.has_body, self.whole, self.expect, self.length, target,
         headers, token, data) = REQUEST_FORM.unpack_from(packet)
        rest = packet[REQUEST_FORM.size:]
        assert len(rest) == target + headers + token + data
        self.environment, self.base_url, self.method = (
            text.split(b"\0")[0].decode() for text in (environment, base_url, method))
        self.target = rest[:target].decode()
        self.lines = rest[target:target + headers].decode("latin-1").split("\r\n")[:-1]
        self.headers = {line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in self.lines}
        self.token = rest[target + headers:target + headers + token].decode()
        self.body = rest[target + headers + token:]


class Lane:
    """The forwarder's end of a lane."""

    def __init__(self):
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.settimeout(20)
        self.number = 0

    def packet(self):
        """The next packet: type, bytes."""
        packet = self.ours.recv(65536)
        if not packet:
            raise EOFError
        return struct.unpack_from("=I", packet)[0], packet

    def request(self):
        kind, packet = self.packet()
        while kind == ABORT:
            kind, packet = self.packet()
        assert kind == REQUEST, kind
        request = Request(packet)
        assert request.number > self.number
        self.number = request.number
        return request

    def body(self):
        """The rest of a request's body."""
        body = bytearray()
        while True:
            kind, packet = self.packet()
            if kind == END:
                return bytes(body)
            assert kind == DATA, kind
            _, _, number, length, last = DATA_FORM.unpack_from(packet)
            assert number == self.number and length == len(packet) - DATA_FORM.size
            body += packet[DATA_FORM.size:]
            if last:
                return bytes(body)

    def send(self, packet):
        self.ours.send(packet)

    def go_on(self):
        self.send(HEAD.pack(CONTINUE, 0, self.number))

    def respond(self, status=200, headers=(), body=b"", length=None, last=True, until_close=False, drop_body=False):
        """The head, with the beginning of the body; all of it, if that is last."""
        lines = "".join(f"{line}\r\n" for line in headers).encode("latin-1")
        length = len(body) if length is None else length
        self.send(RESPONSE_FORM.pack(RESPONSE, 0, self.number, status, last, until_close, drop_body, length, len(lines),
                                     len(body)) + lines + body)

    def data(self, body, last=False):
        self.send(DATA_FORM.pack(DATA, 0, self.number, len(body), last) + body)

    def last(self):
        self.send(HEAD.pack(LAST, 0, self.number))

    def fail(self, fail, sent=False, why=b""):
        self.send(FAIL_FORM.pack(FAIL, 0, self.number, fail, sent, why))

    def aborted(self, timeout=10):
        """Waits for ABORT, over what body still comes, and says that it is done."""
        self.ours.settimeout(timeout)
        kind = None
        while kind != ABORT:
            kind, packet = self.packet()
        assert HEAD.unpack_from(packet)[2] == self.number
        self.fail(ABORTED)
        self.ours.settimeout(20)

    def nothing(self, seconds=0.3):
        """Nothing comes for so long."""
        self.ours.settimeout(seconds)
        try:
            kind, _ = self.packet()
            raise AssertionError(f"a packet came: {kind}")
        except TimeoutError:
            pass
        finally:
            self.ours.settimeout(20)


class Answer:
    def __init__(self, status, headers, body, closed):
        self.status, self.headers, self.body, self.closed = status, headers, body, closed

    def header(self, name):
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[0] if found else None


class Client:
    """A connection of its own, raw."""

    def __init__(self, host, tcp=False):
        if tcp:
            self.socket = socket.create_connection(("127.0.0.1", host.port), 20)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(20)
            self.socket.connect(host.path)
        self.host_name = f"127.0.0.1:{host.port}" if tcp else "localhost"
        self.rest = b""

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, method="GET", path="/sandbox/rest/v1/users", headers=(), body=None, version="1.1"):
        lines = [f"{method} {path} HTTP/{version}", f"Host: {self.host_name}", *headers]
        if body is not None and not any(line.lower().startswith("transfer-encoding") for line in lines):
            lines.append(f"Content-Length: {len(body)}")
        self.send("".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n" + (body or b""))
        return self

    def more(self):
        piece = self.socket.recv(65536)
        self.rest += piece
        return piece

    def head(self):
        while b"\r\n\r\n" not in self.rest:
            if not self.more():
                raise EOFError(self.rest)
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        return int(first.split()[1]), [tuple(line.split(": ", 1)) for line in lines]

    def exactly(self, length):
        while len(self.rest) < length:
            if not self.more():
                raise EOFError(self.rest)
        piece, self.rest = self.rest[:length], self.rest[length:]
        return piece

    def line(self):
        while b"\r\n" not in self.rest:
            if not self.more():
                raise EOFError(self.rest)
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line

    def answer(self, method="GET"):
        status, headers = self.head()
        while status == 100:
            status, headers = self.head()
        fields = {name.lower(): value for name, value in headers}
        closed = False
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif fields.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.line(), 16):
                body += self.exactly(size)
                assert self.line() == b""
            assert self.line() == b""
        elif "content-length" in fields:
            body = self.exactly(int(fields["content-length"]))
        else:
            while self.more():
                pass
            body, self.rest, closed = self.rest, b"", True
        return Answer(status, headers, body, closed)

    def ended(self):
        """Is the connection closed by the other side, with nothing more to be read?"""
        try:
            return self.rest == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()


class Host:
    def __init__(self, directory, lanes=2, settings=ALLOW_ALL, local="", spare_lanes=0, program="tests/fake/gateway-host",
                 environment=None):
        self.directory = pathlib.Path(directory)
        self.path = str(self.directory / "sock")
        self.log = self.directory / "log"
        self.lanes = [Lane() for _ in range(lanes + spare_lanes)]
        unix, tcp = socket.socket(socket.AF_UNIX), socket.socket()
        unix.bind(self.path)
        tcp.bind(("127.0.0.1", 0))
        unix.listen(64)
        tcp.listen(64)
        self.port = tcp.getsockname()[1]
        fds = [unix.fileno(), tcp.fileno(), *(lane.theirs.fileno() for lane in self.lanes)]
        for listener in (unix, tcp, *(lane.theirs for lane in self.lanes)):
            listener.setblocking(False)
        self.process = subprocess.Popen(
            [BUILD / program, str(fds[0]), str(fds[1]), str(self.port), *map(str, fds[2:])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log.open("w"), text=True, bufsize=1, pass_fds=fds,
            env=None if environment is None else os.environ | environment)
        for listener in (unix, tcp, *(lane.theirs for lane in self.lanes)):
            listener.close()
        self.answers, self.news = queue.Queue(), queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.configure(settings, local)
        self.tell(f"token {TOKEN} 7200")
        for at in range(lanes):
            self.tell(f"lane {at}")

    def _read(self):
        for line in self.process.stdout:
            (self.news if line.startswith("!") else self.answers).put(line.strip())
        self.answers.put("it has ended")

    def tell(self, command, expected="ok"):
        self.process.stdin.write(f"{command}\n")
        answer = self.answers.get(timeout=20)
        assert expected is None or answer == expected, answer
        return answer

    def request(self):
        """The next request, on whichever lane: the lane, the request."""
        readable = select.select([lane.ours for lane in self.lanes], [], [], 20)[0]
        lane = next(lane for lane in self.lanes if lane.ours is readable[0])
        return lane, lane.request()

    def configure(self, settings=ALLOW_ALL, local="", gateway="yes"):
        file = self.directory / "settings"
        file.write_text(f"[environment sandbox]\ngateway = {gateway}\nallow = any\n[gateway sandbox]\n{settings}\n{local}\n")
        self.tell(f"settings {file}")

    def connections(self):
        return int(self.tell("connections", expected=None))

    def client(self, tcp=False):
        return Client(self, tcp)

    def memory(self):
        """Private memory of the process, in KiB."""
        text = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return sum(int(size) for size in re.findall(r"^Private_\w+:\s+(\d+) kB", text, re.M))

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def metrics(self):
        client = self.client()
        text = client.ask(path="/metrics").answer().body.decode()
        client.close()
        return {line.rsplit(" ", 1)[0].removeprefix("eqp_broker_gateway_"): float(line.rsplit(" ", 1)[1])
                for line in text.splitlines() if line.startswith("eqp_broker_gateway_")}

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0, self.log.read_text()


def local_key(name, secret, *rules, **more):
    """A section of the settings."""
    lines = [f"[local {name}]", "environment = sandbox", f"id = lk-{name}",
             f"secret_sha256 = {hashlib.sha256(secret.encode()).hexdigest()}", *(f"allow = {rule}" for rule in rules),
             *(f"{key} = {value}" for key, value in more.items())]
    return "\n".join(lines) + "\n"


def eventually(holds, seconds=15):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)
