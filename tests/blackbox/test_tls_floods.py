"""A TLS peer that never comes to the point: messages that OpenSSL takes in a loop of its own, before any certificate."""

import contextlib
import socket
import threading
import time

from broker import wait_until
from simulator import EXAMPLE_KEY
from stores import share

HELLO_REQUEST = b"\x16\x03\x03\x00\x04\0\0\0\0"  # a record with one, which is skipped (RFC 5246, 7.4.1.1)
FOR = 30  # seconds; a daemon that waits for its end is seen to


class Flood:
    """Answers each ClientHello with these bytes, again and again. ended: how long each connection lasted."""

    def __init__(self, bytes_):
        self.bytes, self.ended, self.n = bytes_ * (65536 // len(bytes_) + 1), [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                stream, _ = self.listener.accept()
                threading.Thread(target=self._flood, args=(stream,), daemon=True).start()

    def _flood(self, stream):
        with stream, contextlib.suppress(OSError):
            stream.recv(4096)
            self.n += 1
            begin = time.monotonic()
            try:
                while time.monotonic() < begin + FOR:
                    stream.sendall(self.bytes)
            finally:
                self.ended.append(time.monotonic() - begin)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def test_an_upstream_that_floods_holds_up_nothing(upstream, make_broker):
    with Flood(HELLO_REQUEST) as flood:
        broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": f"base_url = https://127.0.0.1:{flood.port}"})
        wait_until(lambda: flood.ended, "the connection is over", 60)
        assert flood.ended[0] < FOR / 2
        broker.wait_log("^sandbox: .*(the upstream|TLS|SSL)")
        begin = time.monotonic()
        broker.stop()
        assert time.monotonic() - begin < FOR / 2


def test_a_store_that_floods_holds_up_nothing(upstream, make_broker):
    with Flood(HELLO_REQUEST) as flood:
        broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, share=share(f"rediss://127.0.0.1:{flood.port}")).wait_valid()
        assert flood.n > 0 and wait_until(lambda: flood.ended, "the connection is over", 60)[0] < FOR / 2
        assert broker.token()["ust"]
