"""eqp-brokerd: a store that lies costs time and an exchange, and never a wrong token."""

import os
import time

import pytest

import lying_proxy
from broker import wait_until
from lying_proxy import LyingProxy
from resp import StoreError
from sharing import is_good, n_exchanges, report, told, ust, wait_told
from simulator import EXAMPLE_KEY


@pytest.fixture
def proxy(store):
    with LyingProxy(store) as proxy:
        yield proxy


@pytest.fixture
def session(store, member):
    """(name, value) of what another host has published."""
    member(store).wait_valid()
    (name, value), = store.wait_session().items()
    wait_until(lambda: store.names() == {name}, "the lease is gone")
    return name, value


def flipped(value):
    return value[:40] + bytes([value[40] ^ 1]) + value[41:]


VALUES = {
    "a bit that is another": flipped,
    "no byte": lambda value: b"",
    "one byte": lambda value: value[:1],
    "all but a byte": lambda value: value[:-1],
    "a byte more": lambda value: value + b"x",
    "another version": lambda value: b"\x02" + value[1:],
    "random bytes": lambda value: os.urandom(len(value)),
    "text": lambda value: b'{"ust": "aTokenOfSomebodyElse", "expires_in": 7200}',
    "zeroes": lambda value: bytes(len(value)),
    "8 KiB and a byte": lambda value: bytes(8193),
    "a MiB": lambda value: bytes(1 << 20),
}


@pytest.mark.parametrize("make", VALUES.values(), ids=VALUES.keys())
def test_a_value_that_nobody_has_sealed(upstream, session, proxy, member, make):
    proxy.change = lying_proxy.with_value(make(session[1]))
    broker = member(proxy.url).wait_valid(timeout=60)
    assert is_good(upstream, broker) and n_exchanges(upstream) == 2
    assert told(broker)["adopted"] == 0 and not told(broker)["from_store"]


def test_the_proxy_lets_the_truth_through(upstream, session, proxy, member):
    broker = member(proxy.url).wait_valid()
    assert told(broker)["from_store"] and n_exchanges(upstream) == 1


def test_values_that_are_swapped(upstream, store, proxy, member):
    """Of the same key, and of the other environment."""
    keys = {"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY}
    first = member(store, keys=keys).wait_valid("sandbox", "production")
    values = store.wait_session(2)
    swapped = dict(zip(values, reversed(values.values())))

    def change(command, reply):
        return swapped.get(command[1].decode(), reply) if command[0].upper() == b"GET" else reply

    proxy.change = change
    second = member(proxy.url, keys=keys).wait_valid("sandbox", "production", timeout=60)
    for name in keys:
        assert is_good(upstream, second, name) and ust(second, name) != ust(first, name)
        assert n_exchanges(upstream, name) == 2


def test_a_lease_in_place_of_a_session_and_the_other_way_round(upstream, session, proxy, member):
    def change(command, reply):
        if command[0].upper() != b"GET":
            return reply
        return session[1] if command[1].endswith(b":l") else b"0123456789abcdef"

    proxy.change = change
    broker = member(proxy.url).wait_valid(timeout=60)
    assert is_good(upstream, broker) and n_exchanges(upstream) == 2


def end_with(store, name, value, seconds):
    """The old value again, with an end that is far away."""
    store.call("SET", name, value, "PX", str(seconds * 1000))


@pytest.mark.slow("a token of 15 s expires")
def test_an_old_session_with_a_new_end(upstream, store, member):
    """Its issue is sealed in it."""
    upstream.settings("sandbox", lifetime_fixed=15)
    first = member(store).wait_valid()
    (name, value), = store.wait_session().items()
    old = ust(first)
    assert first.stop() == 0
    wait_until(lambda: (upstream.token_truth("sandbox", old) or -1) <= 0, "it has expired")
    upstream.settings("sandbox", lifetime_fixed=None)
    n = n_exchanges(upstream)
    end_with(store, name, value, 7000)
    second = member(store).wait_valid()
    assert ust(second) != old and is_good(upstream, second) and n_exchanges(upstream) == n + 1


def test_a_session_that_does_not_work_any_more(upstream, session, store, member):
    """Two are tried at most; then it helps itself, whatever the store has."""
    upstream.revoke("sandbox")
    name, value = session
    broker = member(store).wait_valid()
    dead = ust(broker)
    assert told(broker)["from_store"] and upstream.token_truth("sandbox", dead) is None
    end_with(store, name, value, 7000)
    assert report(broker, dead).json()["ust"] != dead
    assert is_good(upstream, broker) and n_exchanges(upstream) == 2
    assert told(broker)["rejected"] == 1 and not told(broker)["from_store"]


@pytest.mark.parametrize("seconds", [3600, -3600, 40 * 365 * 86400], ids=["fast", "slow", "40 years ahead"])
def test_its_clock_is_off(upstream, session, proxy, member, seconds):
    """One of both is: nothing is taken over, and nothing that is published lives too long."""
    proxy.change = lying_proxy.with_clock(seconds)
    broker = member(proxy.url).wait_valid(timeout=60)
    assert is_good(upstream, broker) and not told(broker)["from_store"] and n_exchanges(upstream) == 2
    assert abs(told(broker)["clock_skew_seconds"]) > 30
    assert broker.refresh()["refreshed"] and is_good(upstream, broker)


@pytest.mark.parametrize("left", [-1, -2, 0, 1, 1 << 62, -(1 << 62)], ids=str)
def test_an_end_that_makes_no_sense(upstream, session, proxy, member, left):
    """-1: it never ends. The life that is sealed in the session is the most that it gets."""
    def change(command, reply):
        return left if command[0].upper() == b"PTTL" and not command[1].endswith(b":l") else reply

    proxy.change = change
    broker = member(proxy.url).wait_valid(timeout=60)
    assert is_good(upstream, broker) and n_exchanges(upstream) <= 2


WIRES = {"cut": (lying_proxy.cut, {"unreachable", "silent", "nonsense"}),
         "silent": (lying_proxy.silent, {"silent"}),
         "flooding": (lying_proxy.flooding, {"nonsense", "silent"}),
         "noise": (lambda data: os.urandom(len(data)), {"nonsense", "silent"}),
         "HTTP": (lambda data: b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", {"nonsense"}),
         "a depth": (lambda data: b"*1\r\n" * 1000, {"nonsense", "silent"}),
         "a count": (lambda data: b"*2147483647\r\n", {"nonsense", "silent"}),
         "a length": (lambda data: b"$2147483647\r\nabc", {"nonsense", "silent"}),
         "twice": (lambda data: data + data, None)}


@pytest.mark.parametrize("wire, states", WIRES.values(), ids=WIRES.keys())
def test_bytes_that_are_no_answer(upstream, session, proxy, member, wire, states):
    proxy.wire = wire
    broker = member(proxy.url).wait_valid(timeout=60)
    assert is_good(upstream, broker) and n_exchanges(upstream) <= 2
    if states:
        wait_until(lambda: told(broker)["state"] in states, "its state")
        assert not told(broker)["from_store"]
    proxy.wire = bytes
    assert broker.refresh()["refreshed"]
    wait_told(broker, state="fine")


ERRORS = {"MOVED 866 127.0.0.1:1": "moved", "ASK 866 127.0.0.1:1": "moved", "READONLY You can't": "read_only",
          "OOM command not allowed": "full", "LOADING it is": "loading", "NOAUTH no": "no_login", "WRONGPASS no": "no_login",
          "NOPERM no": "no_login", "EXECABORT no": "refused", "ERR unknown command": "refused",
          "x" * 5000: None, "MISCONF a disk": "not_saving", "\x1b[2J an escape": "refused"}


@pytest.mark.parametrize("text, state", ERRORS.items(), ids=lambda value: str(value).split()[0][:20].replace("\x1b", "ESC"))
def test_errors(upstream, session, proxy, member, text, state):
    """Their words are not shown: they are the store's, and may hold anything."""
    proxy.change = lying_proxy.instead(lambda reply: StoreError(text))
    broker = member(proxy.url).wait_valid(timeout=60)
    assert is_good(upstream, broker) and n_exchanges(upstream) == 2
    if state:
        wait_told(broker, state=state)
    assert "\x1b" not in broker.text() and "x" * 1000 not in broker.text()


def taken(command, reply):
    """The lease is another's, always, and fresh."""
    word = command[0].upper()
    if word == b"SET" and command[1].endswith(b":l"):
        return None
    if command[-1].endswith(b":l"):
        return {b"PTTL": 25000, b"GET": b"f" * 32}.get(word, reply)
    return None if word == b"GET" else reply


@pytest.mark.slow("it waits for another host that there is not")
def test_a_lease_that_is_always_anothers(upstream, proxy, member):
    proxy.change = taken
    began = time.monotonic()
    broker = member(proxy.url).wait_valid(timeout=180)
    print(f"without a token for {time.monotonic() - began:.1f} s")
    assert is_good(upstream, broker) and n_exchanges(upstream) == 1
    assert proxy.n_connections < 60, "it asks at a bounded rate"


def test_an_answer_that_is_late(upstream, session, proxy, member):
    """It comes when the broker has gone on without it, and changes nothing."""
    def late(data):
        proxy.ended.wait(8)
        return data

    proxy.wire = late
    broker = member(proxy.url).wait_valid(timeout=60)
    token = ust(broker)
    assert is_good(upstream, broker) and n_exchanges(upstream) == 2
    assert ust(broker) == token
