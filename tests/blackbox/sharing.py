"""Brokers that share their token by way of a store, as hosts with the same access key do: for tests.

    first = member(store).wait_valid()
    second = member(store).wait_valid()
    ust(second) == ust(first), n_exchanges(upstream) == 1, told(second)["from_store"]
"""

import pytest

from simulator import EXAMPLE_KEY
from stores import share


@pytest.fixture
def member(upstream, make_broker):
    """Makes brokers with the simulator's key. stores: of stores.py, or URLs. settings: of share(); all else is a Broker's."""
    def make(*stores, settings=None, keys=None, wait=True, **more):
        keys = {"sandbox": EXAMPLE_KEY} if keys is None else keys
        made = make_broker(upstream, keys=keys, share=share(*stores, **(settings or {})), start=False, **more)
        return made.start(wait)

    return make


def ust(broker, environment="sandbox"):
    """The token that it hands out."""
    return broker.token(environment)["ust"]


def told(broker, environment="sandbox"):
    """Its words on the store."""
    return broker.status(environment)["share"]


def wait_told(broker, timeout=30, environment="sandbox", **wanted):
    """Waits until the status has these values on the store, and returns it."""
    status = broker.wait_status(environment, lambda status: wanted.items() <= status["share"].items(), timeout)
    return status["share"]


def n_exchanges(upstream, environment="sandbox"):
    """How often the upstream was asked for a token."""
    return upstream.state(environment)["requests"]["token"]


def is_good(upstream, broker, environment="sandbox"):
    """Is the token that it hands out one of the upstream's, and does it live as long as the broker says?"""
    answer = broker.token(environment)
    left = upstream.token_truth(environment, answer["ust"])
    return left is not None and left > 0 and answer["expires_in"] <= left + 1


def report(broker, token, environment="sandbox"):
    """A caller says that the upstream refused this one; returns the answer."""
    return broker.post(f"/v1/{environment}/token/rejected", body={"ust": token})
