"""eqp-brokerd: one environment, one account. No token of another one is ever served."""

import time

import pytest

from broker import PATIENT, standing_still, wait_until
from simulator import EXAMPLE_ID, EXAMPLE_KEY

OWN, OTHER = "MAG123456789", "MAG987654321"
SPARE = ("SPAREKEY02", "fedcba98765432100123456789abcdef")
SPARE_KEY = ":".join(SPARE)
BOTH = {"sandbox.1-main": EXAMPLE_KEY, "sandbox.2-spare": SPARE_KEY}
AT_ONCE = 20  # seconds: the floor between two exchanges is 1 s, and machines are busy; a spare's turn comes after 30 s


@pytest.fixture
def upstream(upstream):
    """With a second key, which is another account's."""
    upstream.add_key("sandbox", *SPARE)
    upstream.fault("sandbox", "account", mage_id=OTHER, key=SPARE[0])
    return upstream


def known(status):
    return {key["label"]: (key["state"], key.get("cause", "")) for key in status["keys"]}


def wait_known(broker, expected, timeout=AT_ONCE):
    return broker.wait_status("sandbox", lambda status: known(status) == expected, timeout)


def asked(upstream):
    return [entry["key_id"] for entry in upstream.state("sandbox")["last"]]


GOOD, REFUSED = ("good", ""), ("refused", "other_account")


def with_account(broker, account):
    broker.environments["sandbox"] = f"account = {account}" if account else ""
    broker.write_config()
    return broker


def test_a_spare_of_another_account(upstream, make_broker):
    """Known by its trial, long before it is needed; and of no use when it is."""
    broker = make_broker(upstream, keys={"sandbox.1-main": EXAMPLE_KEY}).wait_valid()
    ust = broker.token()["ust"]
    broker.write_key("sandbox.2-spare", SPARE_KEY)
    status = wait_known(broker, {"1-main": GOOD, "2-spare": REFUSED})
    assert status["exchanges"]["other_account"] == 1 and status["state"] == "valid"
    assert status["last_trouble"]["outcome"] == "other_account" and status["last_trouble"]["key"] == "2-spare"
    assert OWN in status["last_trouble"]["message"] and OTHER in status["last_trouble"]["message"]
    assert broker.log(rf"a token of another account is not served \(key 2-spare\): .* {OTHER}, .* {OWN}", priority=3)
    assert broker.token()["ust"] == ust
    upstream.refuse_key("sandbox")
    assert broker.refresh()["refreshed"] is False
    token = broker.token()
    assert (token["ust"], token["mage_id"]) == (ust, OWN)


def test_the_main_key_is_refused_while_the_token_runs_out(upstream, make_broker):
    """No token is better than one of somebody else."""
    upstream.settings("sandbox", lifetime_fixed=5)
    broker = make_broker(upstream, keys=BOTH).wait_valid()
    upstream.refuse_key("sandbox")
    broker.post("/v1/sandbox/refresh")
    both = {"1-main": ("refused", "unauthorized"), "2-spare": REFUSED}
    broker.wait_status("sandbox", lambda status: status["state"] == "no_token" and known(status) == both, 60)
    answer = broker.get("/v1/sandbox/token?wait=0")
    assert answer.error() == (503, "no_token") and 1 <= answer.retry_after <= 115
    upstream.accept_key("sandbox")
    broker.write_key("sandbox.1-main", EXAMPLE_KEY)
    broker.wait_valid()
    assert broker.token()["mage_id"] == OWN


def test_a_changed_key_of_another_account(upstream, make_broker):
    """Nobody changes the account by writing a file; the key before it goes on."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    broker.write_key("sandbox", SPARE_KEY)
    status = wait_known(broker, {"": REFUSED})
    assert status["keys"][0]["kept_old"] is True
    assert broker.refresh()["mage_id"] == OWN and broker.token()["mage_id"] == OWN


# a new account, as an operator says


def renew(broker):
    answer = broker.post("/v1/sandbox/refresh?account=new")
    assert answer.status == 200, answer
    return answer.json()


def test_an_operator_changes_the_account(upstream, make_broker):
    """The key of the other one may have been tried before, and refused for that."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    broker.write_key("sandbox", SPARE_KEY)
    wait_known(broker, {"": REFUSED})
    answer = renew(broker)
    assert (answer["refreshed"], answer["mage_id"]) == (True, OTHER), answer
    assert broker.token()["mage_id"] == OTHER
    status = wait_known(broker, {"": GOOD})
    assert "kept_old" not in status["keys"][0]
    # And the account from before is the other one now.
    broker.write_key("sandbox.old", EXAMPLE_KEY)
    wait_known(broker, {"": GOOD, "old": REFUSED})


def test_an_operator_changes_the_account_with_the_key(upstream, make_broker):
    """At the same moment, as `eqpctl key set --new-account` does."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    broker.write_key("sandbox", SPARE_KEY)
    answer = renew(broker)
    assert (answer["refreshed"], answer["mage_id"]) == (True, OTHER), answer
    assert broker.token()["mage_id"] == OTHER
    wait_known(broker, {"": GOOD})


def test_a_refresh_that_is_put_off_changes_no_account(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    while (answer := broker.post("/v1/sandbox/refresh")).status == 200:
        assert answer.json()["mage_id"] == OWN
    assert broker.post("/v1/sandbox/refresh?account=new").error() == (429, "refresh_limited")
    broker.write_key("sandbox.2-spare", SPARE_KEY)
    wait_known(broker, {"": GOOD, "2-spare": REFUSED})
    assert broker.token()["mage_id"] == OWN


@pytest.mark.slow("ten seconds without a key file")
def test_without_a_key_file_the_account_is_forgotten(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    (broker.keys_directory / "sandbox").unlink()
    broker.wait_status("sandbox", lambda status: status["keys"] == [])
    broker.write_key("sandbox", SPARE_KEY)
    wait_known(broker, {"": REFUSED})  # not in a moment
    assert broker.token()["mage_id"] == OWN
    (broker.keys_directory / "sandbox").unlink()
    broker.wait_log("its token is dropped")
    broker.write_key("sandbox", SPARE_KEY)
    broker.wait_valid()
    assert broker.token()["mage_id"] == OTHER


# the account of the configuration


def test_the_configuration_sets_the_account(upstream, make_broker):
    """The first grant has no say in it."""
    broker = with_account(make_broker(upstream, keys=BOTH, start=False), OTHER).start().wait_valid()
    assert broker.token()["mage_id"] == OTHER
    status = wait_known(broker, {"1-main": REFUSED, "2-spare": GOOD})
    assert asked(upstream) == [EXAMPLE_ID, SPARE[0]] and status["exchanges"]["granted"] == 1
    # No operator changes that but by the configuration.
    assert renew(broker)["mage_id"] == OTHER and broker.token()["mage_id"] == OTHER


def test_a_key_that_cannot_be_right(upstream, make_broker):
    broker = with_account(make_broker(upstream, keys={"sandbox": SPARE_KEY}, start=False), OWN).start()
    status = wait_known(broker, {"": REFUSED})
    assert status["state"] == "no_token" and "of another account" in status["why"]
    answer = broker.get("/v1/sandbox/token?wait=0")
    assert answer.error() == (503, "no_token") and "of another account" in answer.json()["message"]
    assert OTHER in broker.status("sandbox")["last_trouble"]["message"]
    broker.write_key("sandbox", EXAMPLE_KEY)
    broker.wait_valid()
    assert broker.token()["mage_id"] == OWN


def test_another_account_by_a_reload(upstream, make_broker):
    broker = make_broker(upstream, keys=BOTH).wait_valid()
    ust = broker.token()["ust"]
    # The account that it has anyway, and none again: nothing changes.
    for account in (OWN, ""):
        with_account(broker, account).reload()
        assert broker.token()["ust"] == ust and len(asked(upstream)) == 1
    # Another one: nothing of the old one is served from now on.
    with standing_still(upstream.process):
        with_account(broker, OTHER).reload()
        assert broker.get("/v1/sandbox/token?wait=0").error() == (503, "no_token")
    broker.wait_valid()
    assert broker.token()["mage_id"] == OTHER
    # And back, without the line: it stays with what it has.
    with_account(broker, "").reload()
    assert broker.refresh()["mage_id"] == OTHER


def test_another_account_by_a_reload_after_an_operator_had_it_forgotten(upstream, make_broker):
    """The token is of an account though none is pinned."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    upstream.fault("sandbox", "unavailable")
    assert broker.post("/v1/sandbox/refresh?account=new").json()["refreshed"] is False
    assert broker.token()["mage_id"] == OWN and broker.status("sandbox")["account"] is None
    for account in (OWN, ""):  # the very account, and none again: it stays
        with_account(broker, account).reload()
        assert broker.token()["mage_id"] == OWN
    with_account(broker, OTHER).reload()
    answer = broker.get("/v1/sandbox/token?wait=0")
    assert answer.error() == (503, "no_token") and "the latest token" not in answer.json()["message"]
    assert (broker.status("sandbox")["account"], broker.status("sandbox")["token"]) == (OTHER, None)


def test_another_account_by_a_reload_during_an_exchange(upstream, make_broker):
    """An exchange under way for the old account is void."""
    broker = make_broker(upstream, environments={"sandbox": PATIENT})
    with standing_still(upstream.process):
        broker.write_key("sandbox", EXAMPLE_KEY)
        broker.wait_status("sandbox", lambda status: status["exchange_in_flight"])
        broker.environments["sandbox"] = PATIENT + f"\naccount = {OTHER}"
        broker.write_config()
        broker.reload()
    wait_known(broker, {"": REFUSED})
    time.sleep(0.5)
    assert broker.get("/v1/sandbox/token?wait=0").error() == (503, "no_token")
    wait_until(lambda: broker.status("sandbox")["exchanges"]["granted"] == 0, "none was taken")


def test_one_failure_does_not_undo_the_wish_for_a_new_account(upstream, make_broker):
    """The new key is answered 503 once. The old one, kept, gives the next token, and decides nothing."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    broker.write_key("sandbox", SPARE_KEY)
    wait_known(broker, {"": REFUSED})
    upstream.call("DELETE", "/sandbox/faults")
    upstream.fault("sandbox", "unavailable", key=SPARE[0], count=1)
    upstream.fault("sandbox", "account", mage_id=OTHER, key=SPARE[0])
    time.sleep(1.1)  # the floor
    broker.post("/v1/sandbox/refresh?account=new")
    status = broker.wait_status("sandbox", lambda status: status["token"]["mage_id"] == OTHER, AT_ONCE)
    assert status["account"] == OTHER and known(status) == {"": GOOD}
    assert broker.log(f"the account is {OTHER} from now on, and not {OWN} any more")


def test_a_refused_wish_for_a_new_account_forgets_nothing(upstream, make_broker):
    """An operator has four refreshes in an hour; while another exchange hangs, the fifth is refused as well."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": PATIENT}).wait_valid()
    for _ in range(4):
        time.sleep(1.1)
        assert broker.refresh()["refreshed"]
    assert broker.post("/v1/sandbox/refresh?account=new").error() == (429, "refresh_limited")
    assert broker.status("sandbox")["account"] == OWN
