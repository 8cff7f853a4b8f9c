"""eqp-brokerd: a name server that never answers holds up nobody but the exchange."""

import os
import time

import pytest

from broker import Broker, wait_until

# Becomes the daemon in a network of its own. The socket of the name server is passed on, and nobody reads it.
IN_A_SILENT_NETWORK = """#!/usr/bin/python3
import ctypes, fcntl, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWNET, BIND, PRIVATE = 0x20000, 0x40000000, 4096, (1 << 18) | (1 << 14)
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
def check(result):
    if result != 0:
        sys.exit("77: " + os.strerror(ctypes.get_errno()))
check(libc.unshare(NEWNS | NEWNET))
check(libc.mount(b"none", b"/", None, PRIVATE, None))
check(libc.mount({conf!r}, b"/etc/resolv.conf", None, BIND, None))
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(server, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", IFF_UP))
server.bind(("127.0.0.1", 53))
server.set_inheritable(True)
os.execv({daemon!r}, [{daemon!r}, *sys.argv[1:]])
"""


LOOK_UP = 5  # s until the resolver tries again, resolv.conf(5)


@pytest.fixture
def lonely(tmp_path, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("needs root: a network of its own")
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 127.0.0.1\n")
    wrapper = tmp_path / "daemon" / "eqp-brokerd"
    wrapper.parent.mkdir()
    wrapper.write_text(IN_A_SILENT_NETWORK.format(
        conf=bytes(conf), daemon=os.path.join(os.environ["EQP_BUILD_DIR"], "daemon/eqp-brokerd")))
    wrapper.chmod(0o755)
    monkeypatch.setenv("EQP_BUILD_DIR", str(tmp_path))
    broker = Broker(tcp=False, keys={"agency": "some-id:some-secret"}, start=False, environments={
        "agency": "base_url = https://upstream.example.org\nconnect_timeout = 1s\nexchange_timeout = 2s"})
    with broker:
        broker.start(wait=False)
        wait_until(lambda: broker.process.poll() is not None or broker.log("started"), "the daemon has started")
        if broker.log("^77: "):
            pytest.skip(f"no network of its own: {broker.text()}")
        yield broker


def ask(broker):
    """How long a health check takes."""
    began = time.monotonic()
    assert broker.get("/livez").status == 200
    return time.monotonic() - began


def test_a_silent_name_server_holds_up_nobody(lonely):
    took = []
    wait_until(lambda: took.append(ask(lonely)) or lonely.log("Resolving timed out"), "the time-out", 30)
    took.append(ask(lonely))
    assert max(took) < LOOK_UP / 2
    wait_until(lambda: lonely.status("agency")["exchange_in_flight"], "the next look-up")
    began = time.monotonic()
    assert lonely.stop() == 0
    assert time.monotonic() - began < LOOK_UP / 2, "it is not waited for"
