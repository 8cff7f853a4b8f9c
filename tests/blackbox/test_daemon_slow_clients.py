"""eqp-brokerd: clients that take their time are cut off, and what callers may cause within an hour; see slow_clients.py."""

import re

import pytest

pytestmark = pytest.mark.slow("deadlines of 10 and 30 s, and five reports with 10 s between any two")


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
def test_a_client_that_reads_no_answer_is_kept_no_longer_than_an_idle_one(slow_clients, name):
    """Nothing may keep libmicrohttpd waiting for it."""
    assert 29 <= slow_clients.result(name) <= 50


def test_callers_may_cause_4_exchanges_an_hour_by_min_ttl(slow_clients):
    """One who asks for more and more takes nothing from those who have a reason."""
    seen = slow_clients.result("greedy_caller")
    assert seen["demand"].error() == (429, "refresh_limited") and 3400 <= seen["demand"].retry_after <= 3600
    assert "four refreshes of this kind" in seen["demand"].json()["message"]
    assert seen["report"].status == 200 and seen["report"].json()["refreshed"] is True
    assert seen["exchanges"]["total"] == 1 + 4 + 1
    assert seen["operator"]["outcome"] == "granted"


def test_reports_may_cause_4(slow_clients):
    """10 s apart; each refusal tells its true reason."""
    seen = slow_clients.result("anxious_caller")
    assert seen["acted_on"] == 4 and seen["exchanges"]["total"] == 1 + 4 == seen["upstream"]
    reasons = [re.sub(r" (in [0-9min s]+|at once)$", "", reason) for reason in seen["reasons"]]
    assert set(reasons) == {
        "reports cause at most one refresh every 10 s: again",
        "four refreshes of this kind were made within the hour, which is its share of the budget: again"}
    assert reasons[-1].startswith("four") and re.search(r"in 5[5-9]min", seen["reasons"][-1])


def test_an_operator_may_cause_4(slow_clients):
    seen = slow_clients.result("many_refreshes")
    assert seen["operator"].error() == (429, "refresh_limited")
    assert "four refreshes of this kind" in seen["operator"].json()["message"]
    assert 3400 <= seen["operator"].retry_after <= 3600
    assert seen["exchanges"]["last_hour"] == seen["exchanges"]["total"] == seen["upstream"] == 1 + 4
    assert seen["token"].status == 200


def test_the_daemon_was_there_for_others_meanwhile(slow_clients):
    assert slow_clients.broker.get("/livez").status == 200
    assert slow_clients.broker.token()["expires_in"] > 6000
