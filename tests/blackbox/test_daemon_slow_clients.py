"""eqp-brokerd: clients that take their time are cut off, and the hourly budget; see slow_clients.py."""

import pytest

pytestmark = pytest.mark.slow("deadlines of 10 and 30 s, and sixty exchanges with a second between any two")


@pytest.mark.parametrize("name", ["drip_request_line", "drip_header", "drip_body", "silent"])
def test_a_request_must_be_there_within_10_s(slow_clients, name):
    seconds, received = slow_clients.result(name)
    assert 9 <= seconds <= 25, "however often a byte comes"
    assert received == b""


def test_an_idle_connection_is_kept_for_30_s(slow_clients):
    seconds, received = slow_clients.result("idle")
    assert received.startswith(b"HTTP/1.1 200 ") and received.count(b"HTTP/1.1") == 1
    assert 29 <= seconds <= 45


@pytest.mark.parametrize("name", ["deaf", "deaf_and_loud"])
def test_who_reads_no_answer_is_no_longer_kept_than_who_is_idle(slow_clients, name):
    """Nothing may keep libmicrohttpd waiting for him."""
    assert 29 <= slow_clients.result(name) <= 50


def test_callers_may_cause_15_exchanges_an_hour(slow_clients):
    seen = slow_clients.result("greedy_caller")
    assert seen["demand"].error() == (429, "refresh_limited") and seen["demand"].retry_after >= 1
    assert seen["report"].status == 200 and seen["report"].json()["refreshed"] is False
    assert seen["exchanges"]["total"] == 1 + 15
    assert seen["operator"]["outcome"] == "granted", "who may do more is not held up"


def test_nobody_may_cause_more_than_60_exchanges_an_hour(slow_clients):
    seen = slow_clients.result("many_refreshes")
    assert seen["operator"].error() == (429, "refresh_limited")
    assert "budget" in seen["operator"].json()["message"]
    assert 3300 <= seen["operator"].retry_after <= 3600
    assert seen["exchanges"]["last_hour"] == seen["exchanges"]["total"] == seen["upstream"] == 60
    assert seen["token"].status == 200


def test_the_daemon_was_there_for_others_meanwhile(slow_clients):
    assert slow_clients.broker.get("/livez").status == 200
    assert slow_clients.broker.token()["expires_in"] > 6000
