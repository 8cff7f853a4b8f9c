"""eqp-brokerd: a name server that never answers holds up nobody but the exchange; and there is a token as long as there
are another name server and another address that do."""

import os
import pathlib
import time

import pytest

from broker import PATIENT, Broker, wait_until
from own_network import lay_out

LOOK_UP = 20  # s until the resolver tries again


@pytest.fixture
def move(tmp_path, monkeypatch):
    """Starts a daemon in such a network."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a network of its own")
    brokers = []

    def start(times="", **network):
        settings = lay_out(tmp_path, monkeypatch, **network)
        broker = Broker(tcp=False, keys={"agency": "some-id:some-secret"}, start=False,
                        environments={"agency": settings + times})
        brokers.append(broker)
        broker.__enter__()
        broker.start(wait=False)
        wait_until(lambda: broker.process.poll() is not None or broker.log("started"), "the daemon has started")
        if broker.log("^77: "):
            pytest.skip(f"no network of its own: {broker.text()}")
        return broker

    yield start
    for broker in brokers:
        broker.__exit__(None, None, None)


def ask(broker):
    """How long a health check takes."""
    began = time.monotonic()
    assert broker.get("/livez").status == 200
    return time.monotonic() - began


def test_a_silent_name_server_holds_up_nobody(move):
    lonely = move("connect_timeout = 1s\nexchange_timeout = 2s", name_servers=["127.0.0.1"], silent=["127.0.0.1"],
                  patience=LOOK_UP)
    took = []
    wait_until(lambda: took.append(ask(lonely)) or lonely.log("Resolving timed out"), "the time-out", 30)
    took.append(ask(lonely))
    assert max(took) < LOOK_UP / 2
    wait_until(lambda: lonely.status("agency")["exchange_in_flight"], "the next look-up")
    began = time.monotonic()
    assert lonely.stop() == 0
    assert time.monotonic() - began < LOOK_UP / 2, "it is not waited for"


def test_reloads_begin_no_look_ups_without_number(move):
    """One of the gateway is enough, and one of the exchange is under way."""
    broker = move(f"gateway = yes\n{PATIENT}\n", name_servers=["127.0.0.1"], silent=["127.0.0.1"])
    for _ in range(30):
        broker.reload()
    assert len(list(pathlib.Path(f"/proc/{broker.process.pid}/task").iterdir())) < 10
    assert broker.stop() == 0


def test_a_name_server_and_an_upstream(move):
    broker = move(name_servers=["127.0.0.1"], addresses=["127.0.0.3"])
    broker.wait_valid("agency")
    assert broker.status("agency")["exchanges"]["unavailable"] == 0


@pytest.mark.slow("the resolver asks the second one after 5 s")
def test_the_second_name_server_is_asked_in_time(move):
    broker = move(name_servers=["127.0.0.1", "127.0.0.2"], silent=["127.0.0.1"], addresses=["127.0.0.3"])
    broker.wait_status("agency", lambda status: status["state"] == "valid" or status["last_trouble"], timeout=60)
    exchanges = broker.status("agency")["exchanges"]
    assert (exchanges["granted"], exchanges["unavailable"]) == (1, 0), "by the first exchange"


@pytest.mark.slow("a silent address has its share of the time, 5 s of 10 s")
@pytest.mark.parametrize("addresses", [["127.0.0.3", "127.0.0.4"], ["127.0.0.2", "127.0.0.3", "127.0.0.4"]],
                         ids=["silent", "refusing-silent"])
def test_the_next_address_is_tried_in_time(move, addresses):
    began = time.monotonic()
    broker = move(name_servers=["127.0.0.1"], addresses=addresses, refusing=["127.0.0.2"], silent=["127.0.0.3"])
    broker.wait_status("agency", lambda status: status["state"] == "valid" or status["last_trouble"], timeout=60)
    exchanges = broker.status("agency")["exchanges"]
    assert (exchanges["granted"], exchanges["unavailable"]) == (1, 0), "by the first exchange"
    assert time.monotonic() - began > 3, "the silent one was tried before"
