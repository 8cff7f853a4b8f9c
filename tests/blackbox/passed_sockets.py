"""Fixtures for a daemon with sockets that are held by somebody else, as systemd does: here the test is the service manager."""

import contextlib
import os
import pathlib
import socket
import tempfile

import pytest

from simulator import EXAMPLE_KEY

NETLINK_SOCK_DIAG = 4


@pytest.fixture
def sockets():
    """Makes listening sockets: sockets.tcp(), .tcp6(), .mapped(), .unix(), and .netlink(); they end with the test. The one at
    sockets.path is in a place that everybody gets to, which pytest's own directories are not."""

    class Sockets(contextlib.ExitStack):
        def __enter__(self):
            place = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory(prefix="eqp-")))
            place.chmod(0o755)
            self.path = place / "passed.sock"
            return self

        def tcp(self, address="127.0.0.1", backlog=512):
            return self.enter_context(socket.create_server((address, 0), backlog=backlog))

        def tcp6(self):
            try:
                return self.enter_context(socket.create_server(("::1", 0), family=socket.AF_INET6))
            except OSError:
                pytest.skip("no IPv6 here")

        def mapped(self):
            """127.0.0.1 on a socket of family AF_INET6."""
            try:
                listener = self.enter_context(socket.socket(socket.AF_INET6))
            except OSError:
                pytest.skip("no IPv6 here")
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind(("::ffff:127.0.0.1", 0))
            listener.listen(512)
            return listener

        def unix(self, name=None):
            listener = self.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(name or str(self.path))
            listener.listen(512)
            if name is None:
                self.path.chmod(0o666)
            return listener

        def netlink(self, protocol=NETLINK_SOCK_DIAG):
            return self.enter_context(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol))

    with Sockets() as made:
        yield made


@pytest.fixture
def activated(upstream, make_broker):
    """A daemon with these (name, socket) pairs, which asks nobody where to listen."""
    def make(*passed, wait=True, **more):
        more.setdefault("keys", {"sandbox": EXAMPLE_KEY})
        broker = make_broker(upstream, passed=passed, tcp=False, unix=False, start=False, **more)
        broker.broker_lines += "\nlisten = 127.0.0.1:1"  # nobody may listen there but root, and root should not
        broker.write_config()
        for _, held in passed:
            if not isinstance(held, socket.socket):
                continue
            if held.family == socket.AF_INET:
                broker.port = held.getsockname()[1]
            elif held.family == socket.AF_UNIX and held.getsockname():
                broker.socket_path = os.fsdecode(held.getsockname())
        broker.start()
        return broker.wait_obtained() if wait else broker
    return make
