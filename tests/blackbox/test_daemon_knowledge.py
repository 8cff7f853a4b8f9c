"""eqp-brokerd: the knowledge of keys, accounts and budgets outlives the process, and the removal of an environment."""

import json
import time

import pytest

import manager as managers
from broker import wait_until
from simulator import EXAMPLE_KEY

SPARE = ("SPAREKEY02", "fedcba98765432100123456789abcdef")
BAD = "BADKEY03:0123456789abcdef0123456789abcdef"
RESTORED = "session from before the restart lives on"


def asked(upstream, name="sandbox"):
    """How many exchanges the upstream has seen."""
    return upstream.state(name)["requests"]["token"]


def states(broker, environment="sandbox"):
    return {key["label"]: key["state"] for key in broker.status(environment)["keys"]}


def wait_states(broker, wanted, environment="sandbox", timeout=30):
    wait_until(lambda: states(broker, environment) == wanted, f"the keys are {wanted}", timeout)


def wait_known(manager, condition, name="sandbox"):
    return wait_until(lambda: (known := manager.known(name)) and condition(known) and known, f"{name} is known so")


def agency(upstream, n=1):
    return {f"agency{i}": f"base_url = {upstream.urls['sandbox']}" for i in range(n)}


@pytest.fixture
def refused(upstream, make_broker, manager):
    """A daemon with a token, and in its one key file a bad key that was tried and refused meanwhile."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env).wait_valid()
    broker.write_key("sandbox", BAD)
    wait_until(lambda: "refused" in states(broker).values(), "the bad key was tried")
    wait_known(manager, lambda known: [key["standing"] for key in known["keys"]] == ["refused", "good"])
    return broker


# ---- restarts ----

def test_a_bad_key_and_a_restart(refused, manager, upstream):
    """The token outlives its key, which no file gives any more; the one in the file is known as refused."""
    token, before = refused.token()["ust"], asked(upstream)
    for _ in range(2):
        manager.restart(refused)
        assert refused.token(query="?wait=0")["ust"] == token
        assert states(refused) == {"": "refused"}
    time.sleep(2)
    assert asked(upstream) == before
    assert refused.token()["ust"] == token and len(refused.log(RESTORED)) == 2


def test_a_key_file_renamed_and_a_restart(upstream, make_broker, manager):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env).wait_valid()
    token = broker.token()["ust"]
    (broker.keys_directory / "sandbox").rename(broker.keys_directory / "sandbox.main")
    wait_until(lambda: "main" in states(broker), "it has another name")
    broker.token()
    manager.restart(broker)
    assert broker.token(query="?wait=0")["ust"] == token
    assert len(broker.log(RESTORED)) == 1


def test_keys_are_known_over_restarts(upstream, make_broker, manager):
    """Whatever their files are called: none is tried once more."""
    upstream.add_key("sandbox", *SPARE)
    keys = {"sandbox.1": EXAMPLE_KEY, "sandbox.2": ":".join(SPARE), "sandbox.3": BAD}
    broker = make_broker(upstream, keys=keys, env=manager.env).wait_valid()
    broker.post("/v1/sandbox/refresh")
    for name, text in keys.items():  # written again: tried soon
        broker.write_key(name, text)
    wait_states(broker, {"1": "good", "2": "good", "3": "refused"}, timeout=60)
    wait_known(manager, lambda known: len(known["keys"]) == 3)
    before = asked(upstream)
    manager.end(broker)
    (broker.keys_directory / "sandbox.2").rename(broker.keys_directory / "sandbox.0")
    manager.begin(broker)
    assert states(broker) == {"0": "good", "1": "good", "3": "refused"}
    time.sleep(2)
    assert asked(upstream) == before


@pytest.mark.slow("30 s from the start on")
def test_a_refused_key_whose_file_is_written_again_meanwhile(upstream, make_broker, manager):
    """It was unblocked in the portal while nobody ran: it is tried as if it had been written now."""
    upstream.add_key("sandbox", *SPARE)
    upstream.refuse_key("sandbox", SPARE[0])
    keys = {"sandbox.1": EXAMPLE_KEY, "sandbox.2": ":".join(SPARE), "sandbox.3": BAD}
    broker = make_broker(upstream, keys=keys, env=manager.env).wait_valid()
    for name, text in keys.items():  # written again: tried soon
        broker.write_key(name, text)
    wait_states(broker, {"1": "good", "2": "refused", "3": "refused"}, timeout=60)
    wait_known(manager, lambda known: len(known["keys"]) == 3)
    manager.end(broker)
    upstream.accept_key("sandbox", SPARE[0])
    time.sleep(1.1)  # moments are kept to the second
    broker.write_key("sandbox.2", ":".join(SPARE))
    before = asked(upstream)
    manager.begin(broker)
    assert states(broker) == {"1": "good", "2": "untried", "3": "refused"}
    wait_states(broker, {"1": "good", "2": "good", "3": "refused"}, timeout=60)
    assert asked(upstream) == before + 1


def test_account_is_pinned_over_restarts(upstream, make_broker, manager):
    """Though its token is gone meanwhile."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env).wait_valid()
    wait_known(manager, lambda known: known["account"] == broker.token()["mage_id"])
    manager.end(broker)
    text = manager.known()
    text["environments"][0]["account"] = "MAG999999999"
    manager.replace(text, "knowledge")
    manager.begin(broker)
    broker.wait_log("dropped: it is of another account")
    broker.wait_log("MAG999999999")
    assert broker.get("/v1/sandbox/token?wait=1").status != 200


def test_shares_are_told_apart_over_restarts(upstream, make_broker, manager):
    """Four of an operator's are four, and not four of need's."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env).wait_valid()
    for _ in range(4):
        time.sleep(1.1)
        broker.refresh()
    # As it is after the last answer: it is kept when an exchange is sent, too.
    known = wait_known(manager, lambda known: len(known["sent"]) == 5 and known["keys"][0]["seen_usec"] >= known["sent"][-1][0])
    assert [share for _, share in known["sent"]] == ["need"] + ["operator"] * 4
    manager.restart(broker)
    time.sleep(1.1)
    before = asked(upstream)
    answer = broker.post("/v1/sandbox/refresh")
    assert answer.status != 200 and answer.retry_after > 3000, answer
    assert asked(upstream) == before
    assert manager.known("sandbox") == known


def test_exchanges_that_only_the_sessions_have_count_as_need(upstream, make_broker, manager):
    """As after a process that was ended between the two, or an older program."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env).wait_valid()
    token = broker.token()
    manager.end(broker)
    manager.forget("knowledge")
    manager.begin(broker)
    assert broker.token(query="?wait=0")["ust"] == token["ust"]
    assert states(broker) == {"": "good"}
    known = wait_known(manager, lambda known: known["keys"])
    assert [share for _, share in known["sent"]] == ["need"]
    assert known["account"] == token["mage_id"]
    assert asked(upstream) == 1


@pytest.mark.parametrize("room, series", [("1", ["sessions"]), ("3", ["sessions"]), ("4", ["knowledge", "sessions"])])
def test_a_store_without_room_for_both_keeps_sessions(upstream, make_broker, manager, room, series):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env | {"FDSTORE": room}).wait_valid()
    wait_until(lambda: "session" in manager.kept()["environments"][0], "it is kept")
    wait_until(lambda: sorted(name.partition("-")[0] for name in tuple(manager.hear().store)) == series, "there is room for these")
    manager.restart(broker)
    assert broker.log(RESTORED)


@pytest.mark.parametrize("what, why", [("future", ""), ("damaged", "it is damaged"), ("version", "another version"),
                                       ("boot", "it is of another boot"), ("unsealed", "it is not sealed")])
def test_knowledge_that_cannot_be_believed(upstream, make_broker, manager, what, why):
    """It is dropped; the sessions are taken up all the same."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env).wait_valid()
    token = broker.token()["ust"]
    wait_known(manager, lambda known: known["keys"])
    manager.end(broker)
    text = manager.known()
    name, = manager.series("knowledge")
    seen_usec = text["environments"][0]["keys"][0]["seen_usec"]
    if what == "future":
        text["environments"][0]["keys"][0]["seen_usec"] += 10**12
        text["ledger"]["keys"][0]["sent"][-1][0] += 10**12
    elif what == "damaged":
        text["ledger"]["more"] = 1
    elif what == "version":
        text["version"] += 1
    elif what == "boot":
        text["boot_id"] = "0" * 32
    manager.replace(text, "knowledge")
    if what == "unsealed":
        manager.store[name] = managers.sealed(managers.compact(text), 0)
    manager.begin(broker)
    assert broker.token(query="?wait=0")["ust"] == token
    assert not why or broker.log(f"{name} is dropped: {why}")
    known = wait_known(manager, lambda known: [key["standing"] for key in known["keys"]] == ["good"])
    assert known["keys"][0]["seen_usec"] < seen_usec + 10**12 and asked(upstream) == 1


# ---- removal and return ----

def without(broker, *names):
    """A reload with these environments away, and one with them back."""
    taken = {name: broker.environments.pop(name) for name in names}
    broker.write_config()
    broker.reload()
    broker.environments.update(taken)
    broker.write_config()
    broker.reload()


def check_floor(manager, name):
    """The exchanges that the environment has sent: at least 1 s apart. Returns them."""
    sent = [moment for moment, _ in wait_known(manager, lambda known: True, name)["sent"]]
    assert all(later - earlier >= 10**6 for earlier, later in zip(sent, sent[1:])), sent
    return sent


def test_80_reloads_that_take_an_environment_away_and_back(upstream, make_broker, manager):
    """At most one exchange a second, whatever happens to the environment; and restarts in between."""
    broker = make_broker(upstream, keys={"agency0": EXAMPLE_KEY}, env=manager.env, environments=agency(upstream))
    broker.wait_valid("agency0")
    begin = time.monotonic()
    before = asked(upstream)
    for i in range(40):
        without(broker, "agency0")
        if i % 20 == 10:
            manager.restart(broker)
    n = asked(upstream) - before
    took = time.monotonic() - begin
    assert n <= took + 1
    broker.wait_valid("agency0")
    # One that was broken off before its request came to the upstream counts as sent.
    assert len(check_floor(manager, "agency0")) >= asked(upstream)


def test_budget_holds_for_an_environment_that_was_away(upstream, make_broker, manager):
    """Away over two restarts; with all of need's share used up before."""
    upstream.fault("sandbox", "hang")
    broker = make_broker(upstream, keys={"agency0": EXAMPLE_KEY}, env=manager.env, environments=agency(upstream))
    wait_until(lambda: asked(upstream) == 1, "the first request")
    manager.end(broker)
    for series, member in (("sessions", "sent_usec"), ("knowledge", "sent")):
        text = manager.kept(series)
        environment, = text["environments"]
        sent = environment[member]
        more = [known_at(sent[0], -(43 - i) * 1000) for i in range(43)]
        environment[member] = more + sent
        manager.replace(text, series)
    taken = dict(broker.environments)
    del broker.environments["agency0"]
    broker.write_config()
    manager.begin(broker)
    assert wait_known(manager, lambda known: known["gone_usec"] > 0, "agency0")
    wait_until(lambda: not manager.hear().series("sessions"), "its session goes after that")
    manager.restart(broker)
    broker.environments = taken
    broker.write_config()
    broker.reload()
    broker.wait_status("agency0", lambda status: "hourly budget of exchanges is used up" in status["why"])
    time.sleep(1.2)
    assert asked(upstream) == 1
    assert manager.known("agency0")["gone_usec"] == 0


def known_at(sent, usec):
    return [sent[0] + usec, sent[1]] if isinstance(sent, list) else sent + usec


def test_keys_and_account_are_known_when_an_environment_returns(upstream, make_broker, manager):
    keys = {"agency0.1": EXAMPLE_KEY, "agency0.2": BAD}
    broker = make_broker(upstream, keys=keys, env=manager.env, environments=agency(upstream)).wait_valid("agency0")
    broker.write_key("agency0.2", BAD)
    wait_states(broker, {"1": "good", "2": "refused"}, "agency0", timeout=60)
    known = wait_known(manager, lambda known: len(known["keys"]) == 2, "agency0")
    without(broker, "agency0")
    wait_states(broker, {"1": "good", "2": "refused"}, "agency0", timeout=15)
    again = wait_known(manager, lambda known: known["gone_usec"] == 0, "agency0")
    assert again["account"] == known["account"] and again["keys"][1] == known["keys"][1]
    assert again["sent"][:len(known["sent"])] == known["sent"]


def test_patience_holds_when_an_environment_returns(upstream, make_broker, manager):
    upstream.fault("sandbox", "throttle", retry_after=600)
    broker = make_broker(upstream, keys={"agency0": EXAMPLE_KEY}, env=manager.env, environments=agency(upstream))
    broker.wait_log("put off for")
    without(broker, "agency0")
    without(broker, "agency0")
    time.sleep(1.2)
    assert asked(upstream) == 1


def test_patience_with_one_key_holds_over_restarts_and_returns(upstream, make_broker, manager):
    upstream.fault("sandbox", "giant", status=403, bytes=100, retry_after=600)
    broker = make_broker(upstream, keys={"agency0": EXAMPLE_KEY}, env=manager.env, environments=agency(upstream))
    wait_until(lambda: (ledger := manager.known()["ledger"])["urls"] or ledger["keys"][0]["held_usec"], "it is kept")
    manager.restart(broker)
    without(broker, "agency0")
    manager.restart(broker)
    time.sleep(2.2)
    assert asked(upstream) == 1


def test_two_environments_with_one_key_share_its_budget(upstream, make_broker, manager):
    """Eight names for one access key at one base URL are no way round the floor; nor is one's Retry-After another's
    free way."""
    upstream.settings("sandbox", lifetime_fixed=60)
    names = agency(upstream, 8)
    broker = make_broker(upstream, keys={name: EXAMPLE_KEY for name in names}, env=manager.env, environments=names)
    broker.wait_valid(*names, timeout=60)
    key, = manager.known()["ledger"]["keys"]
    sent = [moment for moment, _ in key["sent"]]
    assert len(sent) == asked(upstream) == 8
    assert all(later - earlier >= 10**6 for earlier, later in zip(sent, sent[1:])), sent


def test_patience_with_a_base_url_is_everybodys(upstream, make_broker, manager):
    upstream.fault("sandbox", "throttle", retry_after=600)
    names = agency(upstream, 2)
    broker = make_broker(upstream, keys={"agency0": EXAMPLE_KEY}, env=manager.env, environments=names)
    broker.wait_log("put off for")
    broker.write_key("agency1", ":".join(SPARE))
    broker.wait_log("agency1: .*put off for .*Retry-After")
    time.sleep(1.2)
    assert asked(upstream) == 1
    assert json.dumps(manager.known()["ledger"]["urls"]).count(upstream.urls["sandbox"]) == 1
    manager.restart(broker)
    time.sleep(1.2)
    assert asked(upstream) == 1
