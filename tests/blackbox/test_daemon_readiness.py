"""eqp-brokerd: messages to the service manager, and when."""

import os
import signal
import socket
import time

import pytest

from broker import PATIENT, run_daemon, standing_still, wait_until
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
    with standing_still(upstream.process):
        broker = make_broker(upstream, keys={name: EXAMPLE_KEY}, env=manager.env,
                             environments={name: PATIENT})
        assert "READY=1" not in manager()
    wait_until(lambda: "READY=1" in manager(), "ready")
    assert broker.status(name)["state"] == "valid"


def test_ready_comes_at_once_without_a_key(upstream, make_broker, manager):
    make_broker(upstream, env=manager.env)
    wait_until(lambda: "READY=1" in manager(), "ready", 5)  # after 10 s it is so in any case


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
    heard = manager()[before:]  # perhaps with a STATUS= of before
    assert any(message.startswith("RELOADING=1\nMONOTONIC_USEC=") for message in heard[:heard.index("READY=1")])


def test_the_first_word(upstream, make_broker, manager):
    """A start that may take 10 s is not to be cut off by a shorter time-out."""
    upstream.fault("sandbox", "hang")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env)
    first = manager()[0].splitlines()
    assert first[0].startswith("STATUS=Starting")
    assert int(first[1].removeprefix("EXTEND_TIMEOUT_USEC=")) >= 10_000_000
    wait_until(lambda: [message for message in manager() if message.startswith("STATUS=sandbox: ")], "the state in words")
    assert broker.stop() == 0


def test_the_last_word(upstream, make_broker, manager):
    broker = make_broker(upstream, env=manager.env)
    wait_until(lambda: "READY=1" in manager(), "ready")
    assert broker.stop() == 0
    assert manager()[-1].startswith("STOPPING=1\nSTATUS=")


def test_other_tasks_say_nothing(upstream, make_broker, manager):
    broker = make_broker(upstream, start=False)
    assert run_daemon("--config", broker.config_path, "--check", env=manager.env).returncode == 0
    assert manager() == []


# the watchdog


@pytest.fixture
def watched(upstream, make_broker, manager):
    """A daemon that is to feed the watchdog every second, and how often it has."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env | {"WATCHDOG_USEC": "1000000"})
    broker.wait_valid()
    return broker, lambda: manager().count("WATCHDOG=1")


def test_it_is_fed_while_nothing_happens(watched):
    _, fed = watched
    moments = []

    def four_in_a_row_in_time():
        moments.extend([time.monotonic()] * (fed() - len(moments)))
        return len(moments) >= 5 and moments[-1] - moments[-5] <= 4

    wait_until(four_in_a_row_in_time, "fed in time four times in a row", interval=0.005)


def test_it_is_fed_under_load(watched):
    broker, fed = watched
    before, started = fed(), time.monotonic()
    with broker.connection() as connection:
        while fed() < before + 4:  # it also takes the messages out of the socket, which would be full in the end
            assert connection.ask("GET", "/v1/sandbox/token").status == 200
            assert time.monotonic() < started + 20, "it starves"


def test_a_process_that_stands_still_feeds_nothing(watched):
    broker, fed = watched
    wait_until(lambda: fed() >= 1, "fed at first")
    with standing_still(broker.process):
        before = fed()
        time.sleep(1.5)
        assert fed() == before
    wait_until(lambda: fed() > before, "fed again")


def test_nothing_holds_the_loop_up(upstream, make_broker, manager):
    """A drop-in that is a pipe, and nobody writes to it."""
    broker = make_broker(upstream, env=manager.env | {"WATCHDOG_USEC": "1000000"})
    folder = broker.directory / "eqp-brokerd.conf.d"
    folder.mkdir()
    os.mkfifo(folder / "a.conf")
    broker.reload(good=False)
    before = manager().count("WATCHDOG=1")
    wait_until(lambda: manager().count("WATCHDOG=1") >= before + 2, "fed on")
