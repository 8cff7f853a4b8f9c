"""A carrier in a process of its own, and the frontend's end of its lanes.

    with Carrier(directory) as carrier:
        carrier.upstream("sandbox", upstream.url, authority.path)
        lane = carrier.lane()
        answer = lane.ask("GET", "/rest/v1/x", headers=[("Accept", "*/*")], token="...")
        answer.status, answer.headers, answer.body, answer.fail
"""

import contextlib
import os
import pathlib
import select
import socket
import struct
import subprocess
import time

REQUEST, DATA, END, ABORT, CONTINUE, RESPONSE, LAST, FAIL = range(1, 9)
FAILS = ["unreachable", "malformed", "lost", "slow", "stalled", "busy", "aborted", "unknown", "moved", "stopping", "internal"]

PACKET = struct.Struct("=IIQ")
REQUEST_HEAD = struct.Struct("=IIQ33s161s17s???2xq4I")
DATA_HEAD = struct.Struct("=IIQI?3x")
RESPONSE_HEAD = struct.Struct("=IIQI???xqII")
FAIL_HEAD = struct.Struct("=IIQI?160s3x")
DATA_MAX, PIECE_MAX = 16384, 49152
SEND_BUFFER = 32 * 1024
SOON_SEC = 20


class Answer:
    """status None: there was none, see fail (a word), sent, why."""

    def __init__(self):
        self.status, self.headers, self.body = None, None, b""
        self.length, self.until_close, self.drop_body = None, None, None
        self.fail, self.sent, self.why = None, None, None
        self.continued, self.over, self.packets = False, False, []

    def take(self, packet):
        kind = PACKET.unpack_from(packet)[0]
        self.packets.append(kind)
        if kind == CONTINUE:
            self.continued = True
        elif kind == RESPONSE:
            assert self.status is None
            (_, _, _, self.status, self.over, self.until_close, self.drop_body, self.length, lines,
             data) = RESPONSE_HEAD.unpack_from(packet)
            rest = packet[RESPONSE_HEAD.size:]
            assert len(rest) == lines + data
            self.headers = [tuple(line.split(b":", 1)) for line in rest[:lines].split(b"\r\n")[:-1]]
            self.headers = [(name.decode("latin-1"), value.strip().decode("latin-1")) for name, value in self.headers]
            self.body += rest[lines:]
        elif kind == DATA:
            assert self.status is not None
            _, _, _, length, self.over = DATA_HEAD.unpack_from(packet)
            assert length == len(packet) - DATA_HEAD.size <= PIECE_MAX
            self.keep(packet[DATA_HEAD.size:])
        elif kind == LAST:
            self.over = True
        elif kind == FAIL:
            _, _, _, fail, self.sent, why = FAIL_HEAD.unpack(packet)
            self.fail, self.why, self.over = FAILS[fail], why.rstrip(b"\0").decode(), True
        else:
            raise AssertionError(f"packet {kind}")

    def keep(self, data):
        self.body += data

    def header(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Lane:
    def __init__(self, identity, base_urls):
        self.id, self.number, self.base_urls = identity, 0, base_urls
        self.end, self.other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self.end, self.other):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.other.setblocking(False)
        self.end.settimeout(SOON_SEC)

    def close(self):
        self.end.close()

    def begin(self, method, target, headers=(), body=b"", token="", *, environment="sandbox", length=None, expect=False,
              whole=None, has_body=None, number=None, lines=None, base_url=None):
        """length: of a body that comes later; -1: it is not known."""
        self.number = number or self.number + 1
        if lines is None:
            lines = b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in headers)
        target = target.encode("latin-1") if isinstance(target, str) else target
        whole = length is None if whole is None else whole
        has_body = bool(body) or length is not None if has_body is None else has_body
        base_url = base_url or self.base_urls.get(environment, "https://nowhere.example")
        self.end.send(REQUEST_HEAD.pack(
            REQUEST, 0, self.number, environment.encode(), base_url.encode(), method.encode(), has_body, whole, expect,
            len(body) if length is None else length, len(target), len(lines), len(token), len(body))
            + target + lines + token.encode() + body)
        return self.number

    def send(self, data, last=False, number=None):
        self.end.send(DATA_HEAD.pack(DATA, 0, number or self.number, len(data), last) + data)

    def plain(self, kind, number=None):
        self.end.send(PACKET.pack(kind, 0, number or self.number))

    def abort(self):
        """As the frontend does it where the lane is full of its own data."""
        self.end.setblocking(False)
        try:
            self.plain(ABORT)
        except BlockingIOError:
            self.end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * SEND_BUFFER)
            self.plain(ABORT)
            self.end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.end.settimeout(SOON_SEC)

    def receive(self, timeout=SOON_SEC):
        """The next packet of the request that is under way; None: nothing came."""
        self.end.settimeout(timeout)
        try:
            while True:
                packet = self.end.recv(65536)
                if not packet or PACKET.unpack_from(packet)[2] == self.number:
                    return packet
        except (TimeoutError, BlockingIOError):
            return None
        finally:
            self.end.settimeout(SOON_SEC)

    def finish(self, answer=None, timeout=SOON_SEC):
        answer = answer or Answer()
        while not answer.over:
            packet = self.receive(timeout)
            assert packet is not None, "nothing more of the answer"
            if not packet:
                raise ConnectionResetError("the lane was ended")
            answer.take(packet)
        return answer

    def ask(self, *words, timeout=SOON_SEC, **more):
        self.begin(*words, **more)
        return self.finish(timeout=timeout)

    def upload(self, pieces, answer=None, *, end=LAST, timeout=SOON_SEC):
        """Sends these, and listens meanwhile; stops where the rest is not wanted. Returns the answer so far."""
        answer = answer or Answer()
        pieces = iter(pieces)
        piece, after = next(pieces, None), next(pieces, None)
        while piece is not None and not answer.over and not answer.drop_body:
            readable, writable, _ = select.select([self.end], [self.end], [], timeout)
            assert readable or writable, "the lane takes nothing more"
            if readable:
                packet = self.receive()
                if not packet:
                    raise ConnectionResetError("the lane was ended")
                answer.take(packet)
            else:
                with contextlib.suppress(BlockingIOError):
                    self.end.setblocking(False)
                    self.send(piece, last=after is None and end == LAST)
                    piece, after = after, next(pieces, None)
                self.end.settimeout(SOON_SEC)
        if end == END and not answer.over and not answer.drop_body:
            self.plain(END)
        return answer


class Carrier:
    def __init__(self, *, program="blackbox/carrier-host", environment=None):
        self.program, self.environment, self.lanes, self.said = program, environment or {}, [], []
        self.base_urls = {}

    def __enter__(self):
        self.control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(SOON_SEC)
        program = pathlib.Path(os.environ["EQP_BUILD_DIR"]).resolve() / "tests" / self.program
        self.process = subprocess.Popen([program, str(other.fileno())], pass_fds=[other.fileno()],
                                        env=os.environ | self.environment)
        other.close()
        return self

    def __exit__(self, *_):
        self.control.close()
        for lane in self.lanes:
            lane.close()
        try:
            code = self.process.wait(SOON_SEC)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        assert code == 0, f"the carrier ended with {code}"

    def order(self, *words, fd=None):
        text = " ".join(map(str, words)).encode()
        if fd is None:
            self.control.send(text)
        else:
            socket.send_fds(self.control, [text], [fd])
        while (said := self.control.recv(4096).decode()).split()[0] not in ("ok", "error", "count"):
            self.said.append(said)
        return said

    def wait_said(self, text, timeout=SOON_SEC):
        end = time.monotonic() + timeout
        while text not in self.said:
            self.control.settimeout(max(0.01, end - time.monotonic()))
            self.said.append(self.control.recv(4096).decode())
        self.control.settimeout(SOON_SEC)

    def upstream(self, environment, url, authorities, *, connect_ms=5000, answer_ms=20000, proxy="-",
                 addresses=("127.0.0.1",)):
        self.base_urls[environment] = url
        assert self.order("upstream", environment, url, authorities or "-", connect_ms, answer_ms, proxy,
                          *addresses) == "ok"

    def lane(self, identity=None):
        lane = Lane(len(self.lanes) if identity is None else identity, self.base_urls)
        said = self.order("lane", lane.id, fd=lane.other.fileno())
        lane.other.close()
        if said != "ok":
            raise OSError(f"lane {lane.id}: {said}")
        self.lanes.append(lane)
        return lane

    def count(self):
        return int(self.order("count").split()[1])

    def memory(self):
        """Private bytes that were written to, now: the part that it shares with others depends on them."""
        with open(f"/proc/{self.process.pid}/smaps_rollup", encoding="ascii") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("Private_Dirty")) * 1024

    def cpu_ns(self):
        with open(f"/proc/{self.process.pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0])
