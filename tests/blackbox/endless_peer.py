"""A peer that never comes to the point.

    with Flood(bytes) as flood:
        flood.port, flood.url                  # where it listens
        flood.n, flood.ended                   # connections so far; how long each of those that are over lasted, in seconds
"""

import contextlib
import socket
import threading
import time

FOR = 30  # seconds; a daemon that waits for its end is seen to


class Flood:
    """Answers the first bytes of each connection with `first`, and then with these, again and again."""

    def __init__(self, bytes_, first=b""):
        self.first, self.bytes = first, bytes_ * (65536 // len(bytes_) + 1)
        self.ended, self.n = [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
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
                stream.sendall(self.first + self.bytes)
                while time.monotonic() < begin + FOR:
                    stream.sendall(self.bytes)
            finally:
                self.ended.append(time.monotonic() - begin)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
