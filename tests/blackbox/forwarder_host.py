"""The real forwarder, confined, without its surroundings: the test is its keeper, and its frontend.

    with Forwarder() as forwarder:
        forwarder.upstream("sandbox", upstream.urls["sandbox"], authorities)
        answer = forwarder.lane().ask("GET", "/rest/v1/x", token="...")
"""

import array
import fcntl
import os
import pathlib
import re
import socket
import struct
import subprocess

from broker import BARE_ENVIRONMENT, REPORTS, binary, wait_until
from lanes import Lane, SOON_SEC

NAMES = re.findall(r"^\s*MESSAGE_(\w+)", (pathlib.Path(__file__).parents[2] / "lib/message.h").read_text().split("enum message_type {")[1], re.M)
CONFINED, RECORD, PONG = (1 + NAMES.index(name) for name in ("CONFINED", "RECORD", "PONG"))
SEALS = 1 | 2 | 4 | 8  # against more seals, and against getting shorter, longer, other
ADD_SEALS = 1033
RECORD_HEAD = struct.Struct("=Ii33s100s100s100s100s100s768s")


def message(*words):
    """The bytes, as the structs have them; see forge_message.c."""
    return subprocess.run([binary("tests/security/forge-message"), *map(str, words)], check=True, stdout=subprocess.PIPE).stdout


def version():
    return subprocess.run([binary(), "--version"], check=True, capture_output=True, text=True).stdout.split()[-1]


def sealed(text, seals=SEALS):
    fd = os.memfd_create("authorities", os.MFD_ALLOW_SEALING)
    os.write(fd, text)
    fcntl.fcntl(fd, ADD_SEALS, seals)
    return fd


class Forwarder:
    def __init__(self, hello=None, wrapper=()):
        self.hello, self.wrapper, self.lanes, self.records, self.base_urls = hello, wrapper, [], [], {}

    def __enter__(self):
        self.end, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.end.settimeout(SOON_SEC)

        def put_in_place():
            if other.fileno() == 3:
                os.set_inheritable(3, True)
            else:
                os.dup2(other.fileno(), 3)

        # Not pass_fds: it wants the number open here, too.
        self.process = subprocess.Popen([*self.wrapper, binary(), "--forwarder"], close_fds=False, preexec_fn=put_in_place,
                                        env=BARE_ENVIRONMENT if "ASAN_OPTIONS" in os.environ else {}, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        other.close()
        self.say("hello", self.hello or version())
        return self

    def __exit__(self, *_):
        self.end.close()
        for lane in self.lanes:
            lane.close()
        try:
            self.process.wait(SOON_SEC)
        finally:
            self.process.kill()
            self.process.wait()
            said = self.process.stderr.read().decode()
            self.process.stderr.close()
        assert not any(word in said for word in REPORTS), said

    def say(self, *words, fd=None):
        if fd is None:
            self.end.send(message(*words))
        else:
            self.end.sendmsg([message(*words)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])

    def hear(self, timeout=SOON_SEC):
        """The next message that is no record; b"": it has closed its end. Records are kept."""
        self.end.settimeout(timeout)
        while True:
            bytes_ = self.end.recv(65536)
            if not bytes_ or struct.unpack_from("=I", bytes_)[0] != RECORD:
                return bytes_
            self.records.append(RECORD_HEAD.unpack_from(bytes_)[-1].rstrip(b"\0").decode())

    def wait_confined(self):
        kind, privileges, filtered, landlock = struct.unpack("=I??2xI", self.hear())
        assert kind == CONFINED
        return privileges, filtered, landlock

    def wait_record(self, words):
        def look():
            self.end.settimeout(0.05)
            try:
                self.hear(0.05)
            except (TimeoutError, BlockingIOError):
                pass
            return [record for record in self.records if words in record]
        return wait_until(look, words)

    def ping(self, number=7):
        self.say("ping", number)
        while True:
            heard = self.hear()
            if struct.unpack_from("=I", heard)[0] == PONG:
                return heard

    def upstream(self, environment, url, authorities, address="127.0.0.1"):
        fd = sealed(authorities)
        self.base_urls[environment] = url
        self.say("upstream", environment, url, len(authorities), address, fd=fd)
        os.close(fd)

    def lane(self, identity=None):
        lane = Lane(len(self.lanes) if identity is None else identity, self.base_urls)
        self.say("lane", lane.id, fd=lane.other.fileno())
        lane.other.close()
        self.lanes.append(lane)
        return lane
