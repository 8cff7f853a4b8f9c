"""eqp-brokerd: an upstream that asks for patience (Retry-After), with everybody or with one key."""

import time

import pytest

from simulator import EXAMPLE_ID, EXAMPLE_KEY

SPARE = ("SPAREKEY02", "fedcba98765432100123456789abcdef")
SPARE_KEY = ":".join(SPARE)


@pytest.fixture
def upstream(upstream):
    upstream.add_key("sandbox", *SPARE)
    return upstream


def standing(status, label):
    return next((key["state"] for key in status["keys"] if key["label"] == label), None)


def asked(upstream):
    return [entry["key_id"] for entry in upstream.state("sandbox")["last"]]


@pytest.mark.parametrize("status", [429, 500, 502])
def test_patience_with_all_keys(upstream, make_broker, status):
    """The pause that an upstream asks for on such an answer is not about the key: no other one is asked either."""
    upstream.fault("sandbox", "status", status=status, retry_after=600, key=EXAMPLE_ID)
    broker = make_broker(upstream, keys={"sandbox.1": EXAMPLE_KEY, "sandbox.2": SPARE_KEY})
    row = broker.wait_status("sandbox", lambda status: status["last_trouble"])
    assert 590 <= row["next_refresh_in_sec"] <= 700 and asked(upstream) == [EXAMPLE_ID]
    answer = broker.post("/v1/sandbox/refresh")
    assert answer.error() == (429, "refresh_limited") and 590 <= answer.retry_after <= 700
    assert "Retry-After" in answer.json()["message"]


@pytest.mark.parametrize("status", [401, 400, 425])
def test_patience_with_one_key(upstream, make_broker, status):
    upstream.fault("sandbox", "status", status=status, retry_after=600, key=EXAMPLE_ID)
    broker = make_broker(upstream, keys={"sandbox.1": EXAMPLE_KEY, "sandbox.2": SPARE_KEY})
    row = broker.wait_status("sandbox", lambda status: standing(status, "2") == "good", 20)
    assert row["token"]["key"] == "2" and row["keys"][0]["held_until"] and "held_until" not in row["keys"][1]
    assert broker.refresh()["key"] == "2"
    # Nobody may ask for it before its time.
    broker.write_key("sandbox.1", EXAMPLE_KEY)
    broker.reload()
    time.sleep(1.2)
    assert asked(upstream).count(EXAMPLE_ID) == 1


@pytest.mark.parametrize("status", [401, 403, 408])
def test_patience_with_the_only_key(upstream, make_broker, status):
    upstream.fault("sandbox", "status", status=status, retry_after=600)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY})
    row = broker.wait_status("sandbox", lambda status: status["last_trouble"])
    assert 590 <= row["next_refresh_in_sec"] <= 700
    answer = broker.post("/v1/sandbox/refresh")
    assert answer.error() == (429, "refresh_limited") and "patience with each access key" in answer.json()["message"]
    assert 590 <= answer.retry_after <= 700
    # Another key may be asked at once.
    broker.write_key("sandbox.2", SPARE_KEY)
    upstream.clear_faults()
    broker.wait_status("sandbox", lambda status: standing(status, "2") == "good", 20)
