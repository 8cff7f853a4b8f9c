"""eqp-brokerd: brokers with the same access key share one token by way of a store, and without one all is as it was."""

import os
import re
import subprocess
import threading

import pytest

from broker import standing_still, wait_until
from sharing import is_good, n_exchanges, report, told, ust
from simulator import EXAMPLE_ID, EXAMPLE_KEY, EXAMPLE_SECRET
from stores import share

OTHER = ("OTHERKEY02", "fedcba98765432100123456789abcdef")  # 32 characters: just long enough
SHORT = ("SHORTKEY03", "fedcba98765432100123456789abcde")  # 31
FLEET_SECRET = "the secret of one fleet, and of none other"


# one token for all


def test_the_second_takes_over_the_token_of_the_first(upstream, store, member):
    first = member(store).wait_valid()
    store.wait_session()
    second = member(store).wait_valid()
    assert ust(second) == ust(first) and n_exchanges(upstream) == 1
    wait_until(lambda: not any(name.endswith(":l") for name in store.names()), "it gives its lease of 25 s back", 12)
    mine, taken = first.token(), second.token()
    assert taken["mage_id"] == mine["mage_id"] and taken["expires_in"] <= mine["expires_in"] + 1
    assert is_good(upstream, second)
    assert not told(first)["from_store"] and told(first)["published"] == 1 and told(first)["adopted"] == 0
    assert told(second)["from_store"] and told(second)["published"] == 0 and told(second)["adopted"] == 1
    for broker in (first, second):
        assert told(broker)["state"] == "fine" and told(broker)["store"] == store.url and told(broker)["rejected"] == 0
        assert abs(told(broker)["clock_skew_seconds"]) <= 30
    assert first.log("accepts the access key") and not second.log("accepts the access key"), "it has not been asked"
    assert not first.log("taken over") and len(second.log("^sandbox: a token of another host is taken over", priority=6)) == 1


def test_the_lease_is_gone_when_the_session_is_there(store, member):
    member(store).wait_valid()
    name, = store.wait_session()
    wait_until(lambda: store.names() == {name}, "the lease is gone")
    assert re.fullmatch(r"eqp1:\{[0-9a-f]{32}\}", name)
    assert 7_000_000 < store.call("PTTL", name) <= 7_200_000


@pytest.mark.parametrize("n", [6, pytest.param(20, marks=pytest.mark.slow("20 daemons start at once"))])
def test_a_cold_start(upstream, store, member, n):
    """All of them at once, and nobody has a token: one makes the exchange, and perhaps one that was too slow to hear of it."""
    with standing_still(upstream.process):
        fleet = [member(store, wait=False, tcp=False) for _ in range(n)]
        wait_until(lambda: any(name.endswith(":l") for name in store.names()), "somebody is about to do it", 60)
    for broker in fleet:
        broker.wait_listening(60).wait_valid(timeout=60)
    assert n_exchanges(upstream) <= 2, [told(broker) for broker in fleet]
    assert len({ust(broker) for broker in fleet}) <= 2 and all(is_good(upstream, broker) for broker in fleet)


def test_a_start_while_the_upstream_is_down(upstream, store, member):
    first = member(store).wait_valid()
    store.wait_session()
    n = n_exchanges(upstream)
    upstream.fault("sandbox", "unavailable")
    second = member(store).wait_valid()
    assert ust(second) == ust(first) and n_exchanges(upstream) == n, "it had nothing to ask there"


def test_an_operators_token_is_for_all(upstream, store, member):
    first = member(store).wait_valid()
    old = store.wait_session()
    assert first.refresh()["refreshed"]
    wait_until(lambda: store.sessions() not in ({}, old), "it is published")
    second = member(store).wait_valid()
    assert ust(second) == ust(first) and told(second)["from_store"] and n_exchanges(upstream) == 2


def test_a_shorter_token_of_another_host_survives_a_restart(upstream, store, member, manager):
    """Hosts may ask for lives of their own: the longest that was seen here is no longer than the life of what is in hand."""
    first = member(store, env=manager.env).wait_valid()
    old = store.wait_session()
    second = member(store, environments={"sandbox": "lifetime = 1h"}).wait_valid()
    assert second.refresh()["refreshed"]
    wait_until(lambda: store.sessions() not in ({}, old), "it is published")
    assert report(first, ust(first)).json()["refreshed"] and ust(first) == ust(second)
    wait_until(lambda: manager.kept()["environments"][0]["session"]["lifetime_sec"] == 3600, "it is kept")
    manager.restart(first)
    first.wait_log("session from before the restart lives on")
    assert ust(first) == ust(second) and not first.log("is dropped")


def test_both_environments_have_a_name_of_their_own(upstream, store, member):
    keys = {"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY}
    first = member(store, keys=keys).wait_valid("sandbox", "production")
    assert len(store.wait_session(2)) == 2
    second = member(store, keys=keys).wait_valid("sandbox", "production")
    for name in keys:
        assert ust(second, name) == ust(first, name) and n_exchanges(upstream, name) == 1
        assert is_good(upstream, second, name)


def test_another_key_is_another_name(upstream, store, member):
    upstream.add_key("sandbox", *OTHER)
    first = member(store).wait_valid()
    store.wait_session()
    second = member(store, keys={"sandbox": ":".join(OTHER)}).wait_valid()
    assert ust(second) != ust(first) and len(store.wait_session(2)) == 2
    third = member(store, keys={"sandbox": ":".join(OTHER)}).wait_valid()
    assert ust(third) == ust(second)


@pytest.mark.parametrize("latency_ms", [0, 1500])
def test_a_refused_key_is_left_alone_by_the_others(upstream, store, member, latency_ms):
    """They go on with the other one, whether that was asked in the moment of the refusal or when the floor was over."""
    upstream.add_key("sandbox", *OTHER)
    upstream.refuse_key("sandbox")
    upstream.settings("sandbox", latency_ms=latency_ms)
    keys = {"sandbox.1-main": EXAMPLE_KEY, "sandbox.2-spare": ":".join(OTHER)}
    first = member(store, keys=keys).wait_valid()
    store.wait_session()
    wait_until(lambda: any(store.call("PTTL", name) > 25_000 for name in store.names() if name.endswith(":l")),
               "a cool-down, which is longer than a lease")
    second = member(store, keys=keys).wait_valid()
    assert ust(second) == ust(first) and told(second)["from_store"] and n_exchanges(upstream) == 2


def test_a_key_with_a_short_secret_is_not_shared(upstream, store, member):
    """A copy of the store would let it be guessed."""
    upstream.add_key("sandbox", *SHORT)
    first, second = (member(store, keys={"sandbox": ":".join(SHORT)}).wait_valid() for _ in range(2))
    assert ust(first) != ust(second) and store.names() == set()
    assert store.n_connections == 0


def test_a_fleet_with_a_secret_of_its_own(upstream, store, member, tmp_path):
    path = tmp_path / "secret"
    path.write_text(FLEET_SECRET + "\n")
    path.chmod(0o600)
    settings = {"share_secret_file": path}
    first = member(store, settings=settings).wait_valid()
    store.wait_session()
    stranger = member(store).wait_valid()
    assert ust(stranger) != ust(first) and len(store.wait_session(2)) == 2
    second = member(store, settings=settings).wait_valid()
    assert ust(second) == ust(first)
    for broker in (first, second):
        broker.keep_secret(FLEET_SECRET)


# tokens that do not work


def test_a_reported_token_is_replaced_for_all(upstream, store, member):
    first = member(store).wait_valid()
    store.wait_session()
    second = member(store).wait_valid()
    dead = ust(first)
    upstream.revoke("sandbox")
    fresh = report(second, dead).json()["ust"]
    assert fresh != dead and n_exchanges(upstream) == 2
    wait_until(lambda: told(second)["published"] == 1, "it is published")
    assert report(first, dead).json()["ust"] == fresh, "it takes over that of the second"
    assert n_exchanges(upstream) == 2 and told(first)["from_store"]
    assert told(second)["rejected"] == 1 and told(first)["rejected"] == 0, "of those that were taken over"


def test_a_reported_token_is_never_taken_over_again(upstream, store, member):
    """Not even if the store has it still, or somebody puts it there again."""
    first = member(store).wait_valid()
    (name, value), = store.wait_session().items()
    second = member(store).wait_valid()
    dead = ust(second)
    upstream.revoke("sandbox")
    with store.watched() as commands:
        fresh = report(second, dead).json()["ust"]
    assert fresh != dead and n_exchanges(upstream) == 2
    wait_until(lambda: told(second)["published"] == 1, "it is published")
    assert any(words[0].upper() == b"SET" for words in commands), "it has asked"
    store.call("SET", name, value, "PX", "7000000")
    assert report(first, dead).json()["ust"] != dead and n_exchanges(upstream) == 3, "its own, as it knows that one"
    assert is_good(upstream, first) and is_good(upstream, second)


def test_a_token_of_another_account_is_not_taken_over(upstream, store, member):
    """The account of the settings holds, whatever others publish."""
    member(store).wait_valid()
    store.wait_session()
    second = member(store, environments={"sandbox": "account = MAG987654321"})
    wait_until(lambda: n_exchanges(upstream) >= 2, "it asks for one itself")
    second.wait_status("sandbox", lambda status: (status["last_trouble"] or {}).get("outcome") == "other_account")
    assert second.get("/v1/sandbox/token?wait=0").error() == (503, "no_token")
    assert told(second)["adopted"] == 0 and told(second)["unusable"] >= 1


# life of a fleet


@pytest.mark.slow("a lease of 25 s runs out")
def test_the_one_that_was_to_do_it_is_killed(upstream, store, member):
    upstream.fault("sandbox", "hang", count=1)
    first = member(store, wait=False)
    wait_until(lambda: n_exchanges(upstream) == 1, "it is about to")
    second = member(store, wait=False)
    second.wait_listening()
    wait_until(lambda: told(second)["lease"] == "others", "the second waits")
    first.process.kill()
    first.process.wait()
    second.wait_valid(timeout=90)
    assert n_exchanges(upstream) == 2 and is_good(upstream, second)


def test_one_that_restarts(upstream, store, member):
    """Without a service manager that keeps its token: the store has it."""
    broker = member(store).wait_valid()
    store.wait_session()
    token = ust(broker)
    assert broker.stop() == 0
    broker.start().wait_valid()
    assert ust(broker) == token and n_exchanges(upstream) == 1


@pytest.mark.parametrize("poison", [lambda store, name: store.call("RPUSH", name, "x"),
                                    lambda store, name: store.call("SET", name, "x" * 9000)], ids=["another type", "too long"])
def test_a_name_that_holds_something_else_is_written_over(upstream, store, member, poison):
    first = member(store).wait_valid()
    (name,) = store.wait_session()
    wait_until(lambda: told(first)["published"] == 1, "it is published")
    store.call("DEL", name)
    poison(store, name)
    assert first.refresh()["refreshed"]
    wait_until(lambda: told(first)["published"] == 2, "it is published again")
    second = member(store).wait_valid()
    assert ust(second) == ust(first) and n_exchanges(upstream) == 2


def test_a_token_that_is_reported_while_it_is_published_is_not(upstream, store, member):
    first = member(store).wait_valid()
    store.wait_session()
    with store.standing_still():
        assert first.refresh()["refreshed"]
        token = ust(first)
        upstream.fault("sandbox", "unavailable")
        asking = threading.Thread(target=lambda: report(first, token))
        asking.start()
        first.wait_log("reports that the upstream refused the current token")
    asking.join()
    upstream.clear_faults()
    second = member(store).wait_valid()
    assert ust(second) != token


def test_sharing_begins_and_ends_with_a_reload(upstream, store, member, make_broker):
    member(store).wait_valid()
    store.wait_session()
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    assert broker.status("sandbox").get("share") is None and n_exchanges(upstream) == 2
    broker.share = share(store)
    broker.write_config()
    broker.reload()
    assert not told(broker)["from_store"] and n_exchanges(upstream) == 2, "the token in hand goes on"
    fresh = broker.refresh()["refreshed"]
    assert fresh and n_exchanges(upstream) == 3
    wait_until(lambda: told(broker)["published"] == 1, "it is published")
    broker.share = None
    broker.write_config()
    broker.reload()
    n = store.n_connections
    assert broker.refresh()["refreshed"] and broker.status("sandbox").get("share") is None
    assert store.n_connections == n and is_good(upstream, broker)


def test_without_a_section_there_is_nothing_of_it(broker):
    assert broker.status("sandbox").get("share") is None
    assert b"eqp_broker_share_" not in broker.get("/metrics").body


def test_metrics(store, member):
    member(store).wait_valid()
    store.wait_session()
    broker = member(store).wait_valid()
    metrics = dict(re.findall(r"^(eqp_broker_share_\S+) (\S+)$", broker.get("/metrics").body.decode(), re.M))
    only = '{environment="sandbox"}'
    expected = {f"eqp_broker_share_up{only}": "1", f"eqp_broker_share_adopted_total{only}": "1",
                f"eqp_broker_share_published_total{only}": "0", f"eqp_broker_share_rejected_total{only}": "0"}
    expected |= {f'eqp_broker_share_claims_total{{environment="sandbox",result="{result}"}}': str(int(result == "found"))
                 for result in ("found", "leased", "held", "cool", "failed")}
    assert expected.items() <= metrics.items()
    assert abs(float(metrics[f"eqp_broker_share_clock_skew_seconds{only}"])) <= 30
    assert not any("production" in name for name in metrics) or 'eqp_broker_share_up{environment="production"}' in metrics


def test_status_for_people(store, member):
    member(store).wait_valid()
    store.wait_session()
    broker = member(store).wait_valid()
    eqpctl = os.path.join(os.environ["EQP_BUILD_DIR"], "ctl", "eqpctl")
    shown = subprocess.run([eqpctl, "status", "sandbox"], env={"EQP_BROKER_ADDRESS": f"unix:{broker.socket_path}"},
                           capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert shown.returncode == 0 and store.url in shown.stdout and "store" in shown.stdout, shown


def test_secrets_of_the_test():
    assert len(EXAMPLE_SECRET) >= 32 and len(OTHER[1]) == 32 and len(SHORT[1]) == 31 and EXAMPLE_ID not in FLEET_SECRET
