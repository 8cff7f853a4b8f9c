"""eqp-brokerd: exchanges of several environments with one access key, or to one base URL, and the share that each of them is told."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from broker import wait_until
from simulator import EXAMPLE_ID, EXAMPLE_KEY

SPARE = ("SPAREKEY02", "fedcba98765432100123456789abcdef")
OTHER = ("OTHERKEY03", "0123456789abcdef0123456789abcdef")
NEW = ("NEWKEY04", "00112233445566778899aabbccddeeff")
ELSEWHERE = "this access key's share of exchanges was used by other environments"
PATIENCE = "the upstream asked for patience (Retry-After)"


def asked(upstream):
    return upstream.state("sandbox")["requests"]["token"]


def environments(upstream, n):
    return {f"e{i}": f"base_url = {upstream.urls['sandbox']}" for i in range(n)}


def report(broker, environment):
    return broker.post(f"/v1/{environment}/token/rejected", {"ust": broker.token(environment)["ust"]}).json()


def soon(ask):
    """The answer, which needs no waiting."""
    begin = time.monotonic()
    answer = ask()
    assert time.monotonic() - begin < 8, answer  # a wait takes 20
    return answer


@pytest.fixture
def one_key(upstream, make_broker, manager):
    """Three environments with one key, the third of which has not got it yet."""
    names = environments(upstream, 3)
    keys = {"e0": EXAMPLE_KEY, "e1": EXAMPLE_KEY}
    broker = make_broker(upstream, keys=keys, environments=names, env=manager.env).wait_valid("e0", "e1")
    time.sleep(2.1)  # the floor, and a min_ttl of 2 s less than a life is more than is left
    return broker


def use_up(broker, environment="e0"):
    """The operators' share of the key in an hour."""
    for _ in range(4):
        broker.refresh(environment)
        time.sleep(1.1)


def test_wishes_of_all_environments_share_four_of_a_kind(one_key, upstream):
    """An operator of another environment is told so at once; other kinds, and need, have their own."""
    use_up(one_key)
    before = asked(upstream)
    answer = soon(lambda: one_key.post("/v1/e1/refresh"))
    assert answer.status == 429 and ELSEWHERE in answer.json()["message"] and answer.retry_after > 3000, answer
    assert asked(upstream) == before
    assert report(one_key, "e1")["refreshed"]
    time.sleep(1.1)
    one_key.write_key("e2", EXAMPLE_KEY)
    one_key.wait_valid("e2")


def test_wishes_of_all_environments_leave_need_its_own(one_key, manager, upstream):
    """Every wish of the hour was used, and some more by a program that did not know better: need goes on."""
    manager.end(one_key)
    text = manager.known()
    key, = text["ledger"]["keys"]
    first = key["sent"][0][0]
    kinds = ["trial", "report", "demand", "operator"]
    key["sent"] = [[first - (100 - i) * 10**6, kinds[i % 4]] for i in range(16)] + key["sent"]
    manager.replace(text, "knowledge")
    manager.begin(one_key)
    one_key.wait_valid("e1")
    before = asked(upstream)
    for _ in range(2):
        told = soon(lambda: report(one_key, "e1"))
        assert not told["refreshed"] and ELSEWHERE in told["reason"], told
    demand = soon(lambda: one_key.get("/v1/e1/token?min_ttl=7198&wait=20"))
    assert demand.status == 429 and ELSEWHERE in demand.json()["message"] and demand.retry_after > 3000, demand
    assert asked(upstream) == before
    one_key.write_key("e2", EXAMPLE_KEY)
    one_key.wait_valid("e2")
    assert asked(upstream) == before + 1


@pytest.mark.slow("ten seconds between two reports")
def test_a_wish_goes_on_with_a_key_that_others_have_not_used(one_key, upstream):
    """And the one that is passed over is there for anything else again."""
    upstream.add_key("sandbox", *SPARE)
    use_up(one_key)
    one_key.write_key("e1.spare", ":".join(SPARE))
    wait_until(lambda: [key["state"] for key in one_key.status("e1")["keys"]] == ["good", "good"], "both are good")
    time.sleep(1.1)
    one_key.refresh("e1")
    before = asked(upstream)
    one_key.write_key("e2", EXAMPLE_KEY)
    one_key.wait_valid("e2")
    assert asked(upstream) == before + 1
    (one_key.keys_directory / "e1.spare").unlink()
    wait_until(lambda: len(one_key.status("e1")["keys"]) == 1, "it is gone")
    time.sleep(10)
    assert report(one_key, "e1")["refreshed"]


@pytest.mark.slow("wishes a second apart")
def test_a_wish_that_is_late_by_less_than_a_second_is_answered_so(upstream, make_broker):
    """Eight operators at once: four get theirs one after the other, and the others are not left waiting for an hour."""
    names = environments(upstream, 8)
    broker = make_broker(upstream, keys={name: EXAMPLE_KEY for name in names}, environments=names)
    broker.wait_valid(*names, timeout=30)
    before, begin = asked(upstream), time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: broker.post(f"/v1/{name}/refresh"), names))
    assert time.monotonic() - begin < 15
    assert sum(answer.status == 200 and answer.json()["refreshed"] for answer in answers) == 4, answers
    assert all("share of exchanges" in answer.json()["message"] for answer in answers
               if answer.status != 200 or not answer.json()["refreshed"]), answers
    assert asked(upstream) == before + 4
    for name in names:
        told = report(broker, name)
        if not told["refreshed"]:
            break
        time.sleep(1.1)
    assert asked(upstream) == before + 8 and ELSEWHERE in told["reason"], told


def test_a_trial_of_a_key_that_others_have_tried_is_not_in_needs_way(one_key, manager, upstream):
    manager.end(one_key)
    text = manager.known()
    key, = text["ledger"]["keys"]
    first = key["sent"][0][0]
    key["sent"] = [[first - (100 - i) * 10**6, "trial"] for i in range(4)] + key["sent"]
    manager.replace(text, "knowledge")
    manager.begin(one_key)
    one_key.wait_valid("e1")
    before = asked(upstream)
    one_key.write_key("e1", EXAMPLE_KEY)  # written again: to be tried
    time.sleep(2.5)
    assert asked(upstream) == before
    one_key.refresh("e1")
    assert asked(upstream) == before + 1


def test_need_of_all_environments_shares_what_is_needs(one_key, manager, upstream):
    """Of one that waits for it, the status says why; wishes have their own."""
    manager.end(one_key)
    text = manager.known()
    key, = text["ledger"]["keys"]
    first = key["sent"][0][0]
    key["sent"] = [[first - (100 - i) * 10**6, "need"] for i in range(42)] + key["sent"]
    manager.replace(text, "knowledge")
    manager.begin(one_key)
    one_key.wait_valid("e1")
    before = asked(upstream)
    one_key.write_key("e2", EXAMPLE_KEY)
    one_key.wait_status("e2", lambda status: re.match(
        "other environments with the same access key used its exchanges of the hour.*; next attempt in 5[0-9]min",
        status["why"]))
    assert soon(lambda: one_key.get("/v1/e2/token?wait=20")).status == 503
    operator = soon(lambda: one_key.post("/v1/e2/refresh"))
    assert operator.status == 429 and ELSEWHERE in operator.json()["message"], operator
    assert asked(upstream) == before
    one_key.refresh("e1")
    assert asked(upstream) == before + 1


@pytest.mark.slow("wishes a second apart")
def test_what_sends_nothing_costs_nothing(make_broker):
    """Neither the environment nor its key: a name that is not known is no reason to ask less often when it is."""
    broker = make_broker(keys={"nowhere": EXAMPLE_KEY}, environments={"nowhere": "base_url = https://nowhere.invalid"})
    for _ in range(6):
        answer = broker.post("/v1/nowhere/refresh")
        assert answer.status == 200 and not answer.json()["refreshed"], answer
        time.sleep(1.1)


# ---- base URLs ----

@pytest.mark.slow("wishes a second apart")
def test_a_key_has_a_budget_of_its_own_at_another_base_url(upstream, make_broker):
    """And what an upstream wished of it is none of the other one's."""
    names = {f"e{i}": f"base_url = {upstream.urls[name]}" for i, name in enumerate(["sandbox", "production"])}
    broker = make_broker(upstream, keys={name: EXAMPLE_KEY for name in names}, environments=names).wait_valid(*names)
    time.sleep(1.1)
    use_up(broker)
    assert broker.post("/v1/e0/refresh").status == 429
    assert broker.refresh("e1")["refreshed"]
    upstream.fault("sandbox", "throttle", retry_after=600, key=EXAMPLE_ID)
    report(broker, "e0")
    time.sleep(1.1)
    assert broker.refresh("e1")["refreshed"]


@pytest.fixture
def three_keys(upstream, make_broker):
    """Three environments with a key each, at one base URL."""
    for key in (SPARE, OTHER):
        upstream.add_key("sandbox", *key)
    keys = {"e0": EXAMPLE_KEY, "e1": ":".join(SPARE), "e2": ":".join(OTHER)}
    broker = make_broker(upstream, keys=keys, environments=environments(upstream, 3)).wait_valid(*keys)
    time.sleep(2.1)  # the floor, and a min_ttl of 2 s less than a life is more than is left
    return broker


def test_patience_with_a_base_url_is_told_at_once(three_keys, upstream):
    upstream.fault("sandbox", "unavailable", retry_after=3600, count=1)
    three_keys.post("/v1/e0/refresh")
    before = asked(upstream)
    for _ in range(2):  # it does not count as reported
        told = soon(lambda: report(three_keys, "e1"))
        assert not told["refreshed"] and PATIENCE in told["reason"], told
    for ask in (lambda: three_keys.post("/v1/e2/refresh"), lambda: three_keys.get("/v1/e2/token?min_ttl=7198&wait=20")):
        answer = soon(ask)
        assert answer.status == 429 and PATIENCE in answer.json()["message"] and answer.retry_after > 3500, answer
    assert asked(upstream) == before


def check_patience_is_told_to_operators(broker, upstream, asked_for):
    """Another environment is asked for patience, while an exchange of e1 is under way; then an operator of e1 asks."""
    wait_until(lambda: broker.status("e1")["exchange_in_flight"], "it is under way")
    upstream.fault("sandbox", "throttle", retry_after=600, count=1, key=EXAMPLE_ID)
    broker.post("/v1/e0/refresh")
    account, before = broker.status("e1")["account"], asked(upstream)
    for query in asked_for:
        answer = soon(lambda: broker.post(f"/v1/e1/refresh{query}"))
        assert answer.status == 429 and PATIENCE in answer.json()["message"] and answer.retry_after > 500, answer
        assert account and broker.status("e1")["account"] == account, "nobody lets the account go for nothing"
    assert asked(upstream) == before


def test_a_trial_under_way_is_no_operators_answer(three_keys, upstream):
    upstream.add_key("sandbox", *NEW)
    upstream.fault("sandbox", "hang", key=NEW[0])
    three_keys.write_key("e1.new", ":".join(NEW))
    check_patience_is_told_to_operators(three_keys, upstream, ("", "?account=new"))


def test_an_exchange_under_way_is_no_answer_where_another_account_is_wanted(three_keys, upstream):
    upstream.fault("sandbox", "drip", interval_ms=10, count=1, key=SPARE[0])
    slow = threading.Thread(target=three_keys.post, args=("/v1/e1/refresh",))
    slow.start()
    check_patience_is_told_to_operators(three_keys, upstream, ("?account=new",))
    slow.join()


def test_a_grant_that_was_on_its_way_does_not_end_patience(three_keys, upstream):
    upstream.fault("sandbox", "drip", interval_ms=40, count=1, key=SPARE[0])
    upstream.fault("sandbox", "throttle", retry_after=600, key=EXAMPLE_ID)
    slow = threading.Thread(target=three_keys.refresh, args=("e1",))
    slow.start()
    wait_until(lambda: three_keys.status("e1")["exchange_in_flight"], "it is under way")
    three_keys.post("/v1/e0/refresh")
    assert three_keys.status("e1")["exchange_in_flight"]
    slow.join()
    before = asked(upstream)
    answer = three_keys.post("/v1/e2/refresh")
    assert answer.status == 429 and PATIENCE in answer.json()["message"], answer
    assert asked(upstream) == before
