"""eqp-brokerd: another host with the same access key, which everything that is sealed can come from, publishes nonsense."""

import time

import pytest

from broker import wait_until
from fellow import Fellow
from sharing import is_good, n_exchanges, report, told, ust
from simulator import EXAMPLE_KEY

NEVER = 253402300799  # the end of the year 9999


@pytest.fixture
def fellow(upstream, store):
    return Fellow(store, EXAMPLE_KEY, upstream.urls["sandbox"])


def test_a_fellow_of_another_make_is_understood(upstream, store, fellow, member):
    """And understands: names and values are those of the page."""
    _, answer = upstream.token("sandbox")
    fellow.publish(answer["ust"], answer["mage_id"])
    broker = member(store).wait_valid()
    assert ust(broker) == answer["ust"] and n_exchanges(upstream) == 1 and is_good(upstream, broker)
    assert broker.refresh()["refreshed"]
    wait_until(lambda: told(broker)["published"] == 1, "it is published")
    assert set(store.sessions()) == {fellow.name}


HOUR = 3600
NONSENSE = {
    "no token": {"ust": ""},
    "a token with a blank": {"ust": "a token"},
    "a token with a line end": {"ust": "aToken\r\nX-Header: 1"},
    "a token with a quote": {"ust": 'aToken"'},
    "a token with a zero byte": {"ust": b"aToken\0more"},
    "a token that is no ASCII": {"ust": "aTokén"},
    "a token that is too long": {"ust": "t" * 4097},
    "no account": {"mage_id": ""},
    "an account with a line end": {"mage_id": "MAG1\n"},
    "an account that is too long": {"mage_id": "M" * 65},
    "no lifetime": {"lifetime": 0},
    "a lifetime of 31 days": {"lifetime": 31 * 86400},
    "a lifetime of 136 years": {"lifetime": (1 << 32) - 1},
    "a token of tomorrow": {"issued": lambda: time.time() + 86400},
    "a token of the year 9999": {"issued": lambda: NEVER},
    "a token of the end of time": {"issued": lambda: ((1 << 64) - 1) // 1_000_000},
    "a token of yesterday": {"issued": lambda: time.time() - 86400},
    "a token of 1970": {"issued": lambda: 0},
    "a token that has just ended": {"issued": lambda: time.time() - 2 * HOUR},
    "padding that is none": {"padding": b"x" * 400},
    "too much padding": {"padding": bytes(2048)},
    "no padding": {"padding": b""},
}


@pytest.mark.parametrize("values", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_that_is_well_sealed(upstream, store, fellow, member, values):
    values = {name: value() if callable(value) else value for name, value in values.items()}
    fellow.publish(**({"ust": "aTokenThatNobodyGranted"} | values))
    broker = member(store).wait_valid(timeout=60)
    assert is_good(upstream, broker) and n_exchanges(upstream) == 1
    assert told(broker)["adopted"] == 0 and not told(broker)["from_store"]
    wait_until(lambda: told(broker)["published"] == 1, "it can be used again")


@pytest.mark.slow("a report counts once in 10 s")
def test_tokens_that_nobody_granted(upstream, store, fellow, member):
    """They look as they should, so two are handed out, and none after that, however many come."""
    fellow.publish("aTokenThatNobodyGranted1")
    broker = member(store).wait_valid()
    assert ust(broker) == "aTokenThatNobodyGranted1" and n_exchanges(upstream) == 0
    fellow.publish("aTokenThatNobodyGranted2", lifetime=7201)
    assert report(broker, "aTokenThatNobodyGranted1").json()["ust"] == "aTokenThatNobodyGranted2"
    fellow.publish("aTokenThatNobodyGranted3", lifetime=7202)
    wait_until(lambda: report(broker, "aTokenThatNobodyGranted2").json()["ust"] != "aTokenThatNobodyGranted2",
               "the next report counts", 60, interval=1)
    assert is_good(upstream, broker) and n_exchanges(upstream) == 1
    assert told(broker)["adopted"] == 2 and told(broker)["rejected"] == 2


@pytest.mark.slow("a report counts once in 10 s")
def test_a_reported_token_that_comes_back_later(upstream, store, fellow, member):
    """When another one is in hand by then, which is reported as well."""
    fellow.publish("aTokenThatNobodyGranted")
    broker = member(store).wait_valid()
    own = report(broker, "aTokenThatNobodyGranted").json()["ust"]
    assert own != "aTokenThatNobodyGranted" and n_exchanges(upstream) == 1
    wait_until(lambda: told(broker)["published"] == 1, "it is published")
    fellow.publish("aTokenThatNobodyGranted", lifetime=7300)
    wait_until(lambda: report(broker, own).json()["ust"] != own, "the next report counts", 60, interval=1)
    assert is_good(upstream, broker) and n_exchanges(upstream) == 2
    assert told(broker)["adopted"] == 1 and told(broker)["unusable"] >= 1


def test_a_cool_down_is_heeded_while_there_is_a_token(upstream, store, fellow, member):
    """A refresh of an operator is not held up by it, and a token that others have is taken over all the same."""
    fellow.cool_down(time.time() + 90)
    _, answer = upstream.token("sandbox")
    fellow.publish(answer["ust"], answer["mage_id"])
    broker = member(store).wait_valid()
    assert ust(broker) == answer["ust"]
    assert broker.refresh()["refreshed"] and is_good(upstream, broker)


@pytest.mark.slow("it waits for a host that is not there, up to 100 s", first=True)
def test_a_cool_down_without_an_end(upstream, store, fellow, member):
    """Nobody is kept from a token for longer than the patience of one without any."""
    fellow.cool_down(NEVER, left=1_000_000)
    began = time.monotonic()
    broker = member(store).wait_valid(timeout=240)
    print(f"without a token for {time.monotonic() - began:.1f} s")
    assert is_good(upstream, broker) and n_exchanges(upstream) == 1


def test_a_cool_down_under_the_name_of_the_session(upstream, store, fellow, member):
    fellow.cool_down(time.time() + 90)
    value = store.call("GET", f"{fellow.name}:l")
    store.call("DEL", f"{fellow.name}:l")
    store.call("SET", fellow.name, value)
    broker = member(store).wait_valid()
    assert is_good(upstream, broker) and n_exchanges(upstream) == 1


def test_another_fleet_secret(upstream, store, member):
    """A host that has the key, and not the fleet's secret, has other names."""
    fellow = Fellow(store, EXAMPLE_KEY, upstream.urls["sandbox"], b"the secret of one fleet, and of none other")
    fellow.publish("aTokenThatNobodyGranted")
    broker = member(store).wait_valid()
    assert is_good(upstream, broker) and len(store.wait_session(2)) == 2
