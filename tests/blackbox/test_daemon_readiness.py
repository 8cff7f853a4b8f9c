"""eqp-brokerd: what the service manager is told, and when."""

import signal
import socket

import pytest

from broker import wait_until
from simulator import EXAMPLE_KEY


@pytest.fixture
def manager(tmp_path):
    """Listens where sd_notify() speaks to; gives a function that returns all messages so far."""
    said = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)

        def messages():
            try:
                while True:
                    said.append(listener.recv(4096).decode())
            except BlockingIOError:
                return said

        messages.env = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        yield messages


@pytest.mark.parametrize("name", ["production", "sandbox"])
def test_ready_comes_with_the_first_answer(upstream, make_broker, manager, name):
    upstream.settings(name, latency_ms=700)
    broker = make_broker(upstream, keys={name: EXAMPLE_KEY}, env=manager.env)
    assert "READY=1" not in manager()
    wait_until(lambda: "READY=1" in manager(), "ready")
    assert broker.status(name)["state"] == "valid"


def test_ready_comes_at_once_without_a_key(upstream, make_broker, manager):
    make_broker(upstream, env=manager.env)
    wait_until(lambda: "READY=1" in manager(), "ready", 2)


def test_a_reload_does_not_end_the_start(upstream, make_broker, manager):
    upstream.fault("sandbox", "hang")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env)
    broker.reload()
    assert not [message for message in manager() if message.startswith(("READY", "RELOADING"))]


def test_a_reload_is_told(upstream, make_broker, manager):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env).wait_valid()
    wait_until(lambda: "READY=1" in manager(), "ready")
    before = len(manager())
    broker.send(signal.SIGHUP)
    wait_until(lambda: "READY=1" in manager()[before:], "ready again")
    assert manager()[before].startswith("RELOADING=1\nMONOTONIC_USEC=")
