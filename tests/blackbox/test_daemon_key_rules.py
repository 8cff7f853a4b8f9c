"""eqp-brokerd: keys are known, not believed. Each is tried when it is new, one failure is compared with what another
key is answered, and no answer puts a key aside for good."""

import concurrent.futures
import time

import pytest

from broker import PATIENT, standing_still, wait_until
from simulator import EXAMPLE_ID, EXAMPLE_KEY

SPARE = ("SPAREKEY02", "fedcba98765432100123456789abcdef")
SPARE_KEY = ":".join(SPARE)
THIRD = ("THIRDKEY03", "00112233445566778899aabbccddeeff")
THIRD_KEY = ":".join(THIRD)
TYPO_ID = "TYPOKEY099"
TYPO = f"{TYPO_ID}:0123456789abcdef"
PAGE = {"body": "<html>Maintenance</html>", "content_type": "text/html"}
# Answers that may be the key's fault, or not.
DOUBTFUL = {"400": ("status", {"status": 400}), "404": ("status", {"status": 404}), "422": ("status", {"status": 422}),
            "403": ("refuse", {"status": 403}), "403-page": ("status", {"status": 403, **PAGE}),
            "200-page": ("status", {"status": 200, **PAGE}), "200-text": ("not_json", {}),
            "302": ("redirect", {"location": "https://localhost:1/"}), "no-ust": ("missing_field", {"field": "ust"})}
AT_ONCE = 20  # seconds: the floor between two exchanges is 1 s, and machines are busy; a spare's turn comes after 30 s


@pytest.fixture
def upstream(upstream):
    upstream.add_key("sandbox", *SPARE)
    upstream.add_key("sandbox", *THIRD)
    return upstream


def known(status):
    """{label: (state, cause)}"""
    return {key["label"]: (key["state"], key.get("cause", "")) for key in status["keys"]}


def wait_known(broker, timeout=AT_ONCE, **expected):
    """label=standing, where _ in a label is a dash; "" for no label is `it`."""
    expected = {"" if label == "it" else label.replace("_", "-").lstrip("-"): standing
                for label, standing in expected.items()}
    return broker.wait_status("sandbox", lambda status: known(status) == expected, timeout)


GOOD, UNAUTHORIZED, OUTDONE = ("good", ""), ("refused", "unauthorized"), ("refused", "outdone")


def asked(upstream):
    return [entry["key_id"] for entry in upstream.state("sandbox")["last"]]


# whose fault is it?


@pytest.mark.parametrize("name", DOUBTFUL)
def test_the_spare_has_a_token_within_seconds(upstream, make_broker, name):
    fault, parameters = DOUBTFUL[name]
    upstream.fault("sandbox", fault, key=EXAMPLE_ID, **parameters)
    broker = make_broker(upstream, keys={"sandbox.1-main": EXAMPLE_KEY, "sandbox.2-spare": SPARE_KEY})
    status = wait_known(broker, _1_main=OUTDONE, _2_spare=GOOD)
    assert status["token"]["key"] == "2-spare" and asked(upstream) == [EXAMPLE_ID, SPARE[0]]
    assert broker.log(r"the access key \(1-main\) obtained no token, and another one did right after", priority=3)
    # It is passed over, and tried again when an operator says so.
    assert broker.refresh()["key"] == "2-spare"
    broker.wait_status("sandbox", lambda status: status["exchanges"]["total"] == 4 and not status["exchange_in_flight"])
    assert asked(upstream)[3] == EXAMPLE_ID and broker.token()["ust"]


@pytest.mark.parametrize("name", ["400", "403-page", "200-text"])
def test_a_changed_key_in_doubt_is_compared_with_the_one_before(upstream, make_broker, name):
    """The one before goes on, for every reason that there is."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    fault, parameters = DOUBTFUL[name]
    upstream.add_key("sandbox", TYPO_ID, TYPO.split(":")[1])
    upstream.fault("sandbox", fault, key=TYPO_ID, **parameters)
    broker.write_key("sandbox", TYPO)
    status = wait_known(broker, it=OUTDONE)
    assert status["keys"][0]["kept_old"] is True and status["state"] == "valid"
    assert asked(upstream) == [EXAMPLE_ID, TYPO_ID, EXAMPLE_ID]
    for query in ("/v1/sandbox/refresh", "/v1/sandbox/token/rejected"):
        ust = broker.token()["ust"]
        assert broker.post(query, {"ust": ust} if "rejected" in query else None).json()["refreshed"] is True
        assert broker.token()["ust"] != ust


@pytest.mark.parametrize("name", ["403", "302"])
def test_one_failure_puts_nothing_off(upstream, make_broker, name):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    fault, parameters = DOUBTFUL[name]
    upstream.fault("sandbox", fault, count=1, **parameters)
    ust = broker.token()["ust"]
    answer = broker.refresh()
    assert (answer["refreshed"], answer["outcome"]) == (True, "granted"), "the second attempt's"
    assert broker.token()["ust"] != ust and len(asked(upstream)) == 3
    assert known(broker.status("sandbox")) == {"": GOOD}


@pytest.mark.parametrize("name", ["302", "200-page"])
def test_an_outage_that_looks_like_an_answer(upstream, make_broker, name):
    """As long as it lasts, attempts go on; when it is over, the next one helps. No key is to blame."""
    broker = make_broker(upstream, keys={"sandbox.1": EXAMPLE_KEY, "sandbox.2": SPARE_KEY}).wait_valid()
    fault, parameters = DOUBTFUL[name]
    upstream.fault("sandbox", fault, **parameters)
    ust = broker.token()["ust"]
    assert broker.refresh()["refreshed"] is False
    status = broker.wait_status("sandbox", lambda status: status["failures_in_row"] >= 3)
    longest = 2 ** (status["failures_in_row"] - 1)  # a busy machine sees the third failure after the fourth
    assert status["next_refresh_in_sec"] <= longest and status["token"] and broker.token()["ust"] == ust
    assert set(asked(upstream)[1:]) == {EXAMPLE_ID, SPARE[0]}
    upstream.clear_faults()
    broker.wait_status("sandbox", lambda status: status["failures_in_row"] == 0, timeout=60)
    assert broker.token()["ust"] != ust
    assert not broker.log("counts as refused")
    # A key that failed is asked once more, as times may have changed: it is good.
    wait_known(broker, _1=GOOD, _2=GOOD)


# each new key is tried


@pytest.fixture
def on_the_spare(upstream, make_broker):
    """1-main is refused, 2-spare in use."""
    upstream.refuse_key("sandbox")
    broker = make_broker(upstream, keys={"sandbox.1-main": EXAMPLE_KEY, "sandbox.2-spare": SPARE_KEY})
    wait_known(broker, _1_main=UNAUTHORIZED, _2_spare=GOOD)
    return broker


def test_the_refused_one_is_replaced_by_a_good_one(on_the_spare, upstream):
    on_the_spare.write_key("sandbox.1-main", THIRD_KEY)
    wait_known(on_the_spare, _1_main=GOOD, _2_spare=GOOD)
    assert asked(upstream) == [EXAMPLE_ID, SPARE[0], THIRD[0]]


def test_the_refused_one_is_written_again_unchanged(on_the_spare, upstream):
    upstream.accept_key("sandbox")
    on_the_spare.write_key("sandbox.1-main", EXAMPLE_KEY)
    wait_known(on_the_spare, _1_main=GOOD, _2_spare=GOOD)


def test_a_typo_in_the_refused_one_is_known_at_once(on_the_spare, upstream):
    before = on_the_spare.status("sandbox")["keys"][0]["serial"]
    on_the_spare.write_key("sandbox.1-main", TYPO)
    status = on_the_spare.wait_status("sandbox", lambda status: status["keys"][0]["serial"] != before
                                      and known(status)["1-main"] != ("untried", ""), AT_ONCE)
    assert known(status) == {"1-main": UNAUTHORIZED, "2-spare": GOOD} and asked(upstream)[2:] == [TYPO_ID]


@pytest.mark.parametrize("key, standing", [(THIRD_KEY, GOOD), (TYPO, UNAUTHORIZED)], ids=["good", "typo"])
def test_a_new_label_is_tried_at_once(on_the_spare, upstream, key, standing):
    """Wherever it stands in the order."""
    on_the_spare.write_key("sandbox.3-more", key)
    wait_known(on_the_spare, _1_main=UNAUTHORIZED, _2_spare=GOOD, _3_more=standing)


def test_a_new_spare_of_a_good_key_is_tried_at_once(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox.1-main": EXAMPLE_KEY}).wait_valid()
    ust = broker.token()["ust"]
    broker.write_key("sandbox.2-spare", TYPO)
    wait_known(broker, _1_main=GOOD, _2_spare=UNAUTHORIZED)
    assert broker.token()["ust"] == ust
    assert broker.log(r"the upstream refused the access key \(key 2-spare\): HTTP 401", priority=3)


def test_removed_and_added_again(on_the_spare, upstream):
    (on_the_spare.keys_directory / "sandbox.1-main").unlink()
    wait_known(on_the_spare, _2_spare=GOOD)
    upstream.accept_key("sandbox")
    on_the_spare.write_key("sandbox.1-main", EXAMPLE_KEY)
    wait_known(on_the_spare, _1_main=GOOD, _2_spare=GOOD)


def test_swapped_during_the_first_exchange(upstream, make_broker):
    upstream.fault("sandbox", "hang", key=EXAMPLE_ID)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": PATIENT})
    wait_until(lambda: asked(upstream) == [EXAMPLE_ID], "the first exchange hangs")
    broker.write_key("sandbox", TYPO)
    wait_known(broker, it=UNAUTHORIZED)
    broker.write_key("sandbox", SPARE_KEY)
    wait_known(broker, it=GOOD)


@pytest.mark.slow("30 s from the start on")
def test_spares_are_known_30_s_after_the_start(upstream, make_broker):
    """A start is one exchange; then they are tried, one after the other."""
    began = time.monotonic()
    broker = make_broker(upstream, keys={"sandbox.1": EXAMPLE_KEY, "sandbox.2": SPARE_KEY, "sandbox.3": TYPO}).wait_valid()
    started = time.monotonic()
    assert known(broker.status("sandbox")) == {"1": GOOD, "2": ("untried", ""), "3": ("untried", "")}
    wait_known(broker, timeout=45, _1=GOOD, _2=GOOD, _3=UNAUTHORIZED)
    assert time.monotonic() - began >= 30 and time.monotonic() - started <= 40
    assert asked(upstream) == [EXAMPLE_ID, SPARE[0], TYPO_ID] and broker.status("sandbox")["state"] == "valid"


# keys that go


def test_the_exchange_of_a_removed_key_is_in_nobody_s_way(upstream, make_broker):
    upstream.fault("sandbox", "hang", key=EXAMPLE_ID)
    broker = make_broker(upstream, keys={"sandbox.old": EXAMPLE_KEY}, environments={"sandbox": PATIENT})
    wait_until(lambda: asked(upstream) == [EXAMPLE_ID], "the first exchange hangs")
    (broker.keys_directory / "sandbox.old").unlink()
    broker.write_key("sandbox.new", SPARE_KEY)
    status = wait_known(broker, new=GOOD)
    assert status["token"]["key"] == "new" and status["exchanges"]["last_hour"] == 2


def test_the_token_of_a_removed_key_is_not_taken(upstream, make_broker):
    broker = make_broker(upstream, environments={"sandbox": PATIENT})
    with standing_still(upstream.process):
        broker.write_key("sandbox.old", EXAMPLE_KEY)
        broker.wait_status("sandbox", lambda status: status["exchange_in_flight"])
        (broker.keys_directory / "sandbox.old").unlink()
        status = broker.wait_status("sandbox", lambda status: status["keys"] == [])
        assert not status["exchange_in_flight"]
    broker.write_key("sandbox.new", SPARE_KEY)
    status = wait_known(broker, new=GOOD)
    assert status["token"]["key"] == "new" and status["exchanges"]["granted"] == 1


def test_a_spare_with_shorter_lives_takes_nothing_away(upstream, make_broker):
    upstream.fault("sandbox", "lifetime", expires_in=5, key=SPARE[0])
    broker = make_broker(upstream, keys={"sandbox.1-main": EXAMPLE_KEY}).wait_valid()
    ust = broker.token()["ust"]
    broker.write_key("sandbox.2-spare", SPARE_KEY)
    broker.wait_status("sandbox", lambda status: {key["label"]: key["state"] for key in status["keys"]} ==
                       {"1-main": "good", "2-spare": "good"})
    assert broker.token()["ust"] == ust and broker.token()["expires_in"] > 7000


def test_a_demand_during_a_trial_has_its_own_exchange(upstream, make_broker):
    """The trial of a spare hangs, and fails: the caller is served all the same."""
    broker = make_broker(upstream, keys={"sandbox.1-main": EXAMPLE_KEY}).wait_valid()
    ust = broker.token()["ust"]
    time.sleep(4)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with standing_still(upstream.process):
            broker.write_key("sandbox.2-spare", SPARE[0] + ":wrong")
            broker.wait_status("sandbox", lambda status: status["exchange_in_flight"])
            asked = pool.submit(broker.get, "/v1/sandbox/token?min_ttl=7197&wait=20", timeout=30)
            time.sleep(0.5)
        answer = asked.result()
    assert answer.status == 200 and answer.json()["ust"] != ust


def test_an_operator_during_a_trial_is_told_of_the_exchange_that_follows(upstream, make_broker):
    """The trial of a spare fails within the second before which no other exchange may begin."""
    upstream.fault("sandbox", "throttle", key=EXAMPLE_ID, count=1)  # the next attempt is 8 s away or more
    upstream.fault("sandbox", "unavailable", key=SPARE[0])
    broker = make_broker(upstream, keys={"sandbox.1-main": EXAMPLE_KEY})
    broker.wait_status("sandbox", lambda status: status["exchanges"]["total"] == 1 and not status["exchange_in_flight"])
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with standing_still(upstream.process):
            broker.write_key("sandbox.2-spare", SPARE_KEY)
            broker.wait_status("sandbox", lambda status: status["exchange_in_flight"])
            asked_for = pool.submit(broker.refresh)
            time.sleep(0.3)  # if it takes longer, this shows nothing
        answer = asked_for.result()
    assert answer["refreshed"] and answer["outcome"] == "granted" and answer["key"] == "1-main", answer
