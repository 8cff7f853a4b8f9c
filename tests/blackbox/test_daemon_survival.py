"""eqp-brokerd: sessions survive the process, in memory that the service manager keeps."""

import calendar
import json
import os
import re
import signal
import stat
import time
import uuid

import pytest

import manager as managers
from broker import open_files, wait_until
from simulator import EXAMPLE_KEY, EXAMPLE_SECRET

SPARE = ("SPAREKEY02", "fedcba98765432100123456789abcdef")
RESTORED = "session from before the restart lives on"


@pytest.fixture
def kept(upstream, make_broker, manager):
    """A daemon with a token that its manager keeps."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env).wait_valid()
    wait_until(lambda: manager.hear().store and "session" in manager.kept()["environments"][0], "it is kept")
    wait_until(lambda: manager.known("sandbox")["keys"], "what is known of the key is kept")
    return broker


def asked(upstream):
    """How many exchanges the upstream has seen."""
    return upstream.state("sandbox")["requests"]["token"]


def seconds(moment):
    """Of "2026-11-23T05:02:11Z"."""
    return calendar.timegm(time.strptime(moment, "%Y-%m-%dT%H:%M:%SZ"))


def wait_dropped(broker, why):
    return broker.wait_log(f"dropped: {why}")


# ---- what is kept ----

@pytest.mark.parametrize("series", ["sessions", "knowledge"])
def test_snapshot_is_sealed_and_the_only_one(kept, manager, series):
    token = kept.token()
    text = manager.kept(series)
    (name, held), = manager.series(series).items()
    assert held.seals() & managers.ALL_SEALS == managers.ALL_SEALS
    with pytest.raises(PermissionError):
        os.pwrite(held.fd, b"x", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(held.fd, 0)
    assert stat.S_IMODE(os.fstat(held.fd).st_mode) == 0o400
    assert re.fullmatch(rf"{series}-[0-9]+", name)
    environment, = text["environments"]
    if series == "sessions":
        assert environment["session"]["ust"] == token["ust"] and environment["session"]["mage_id"] == token["mage_id"]
    else:
        assert environment["account"] == token["mage_id"] and token["ust"].encode() not in held.read()


def test_key_is_not_in_it(kept, manager):
    wait_until(lambda: len(manager.hear().store) == 2, "one of each series")
    with manager.lock:  # the listener closes what has been replaced
        texts = [held.read() for held in manager.store.values()]
    for text in texts:
        assert EXAMPLE_SECRET.encode() not in text
        assert EXAMPLE_KEY.split(":")[0].encode() not in text


def test_nothing_new_nothing_pushed(kept, manager):
    """Callers get tokens, a reload is made, the process is ended and begins again: the kept texts are the same."""
    before = manager.pushes()
    for _ in range(20):
        kept.token()
        kept.token(query="?min_ttl=60")
    kept.reload()
    manager.restart(kept)
    kept.wait_valid()
    kept.token()
    kept.reload()
    assert manager.pushes() == before


def test_new_token_takes_the_place_of_the_old_one(kept, manager):
    number = manager.kept()["number"]
    kept.refresh()
    new = kept.token()["ust"]
    wait_until(lambda: manager.hear() and manager.kept()["environments"][0]["session"]["ust"] == new, "the new one is kept")
    text = manager.kept()
    assert text["number"] > number and len(text["environments"][0]["sent_usec"]) == 2


def test_exchange_is_noted_before_it_is_answered(upstream, make_broker, manager):
    upstream.fault("sandbox", "hang")
    make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env)
    wait_until(lambda: asked(upstream) == 1, "the request is there")
    environment, = manager.kept()["environments"]
    assert len(environment["sent_usec"]) == 1 and "session" not in environment


def test_session_of_a_removed_key_is_kept_until_the_environment_is_off(kept, manager):
    (kept.keys_directory / "sandbox").unlink()
    before = time.monotonic()
    while time.monotonic() - before < 8:
        assert "session" in manager.kept()["environments"][0] and kept.token()
        time.sleep(1)
    wait_until(lambda: "session" not in manager.kept()["environments"][0], "it is not kept any more")
    assert not manager.known("sandbox")["account"] and not manager.known("sandbox")["keys"]


def test_session_of_a_removed_environment_is_not_kept(upstream, make_broker, manager):
    broker = make_broker(upstream, keys={"agency": EXAMPLE_KEY}, env=manager.env,
                         environments={"agency": f"base_url = {upstream.urls['sandbox']}"}).wait_valid("agency")
    wait_until(lambda: manager.hear().store, "it is kept")
    (broker.keys_directory / "agency").unlink()
    del broker.environments["agency"]
    broker.write_config()
    broker.reload()
    wait_until(lambda: not manager.series("sessions"), "no session is kept")
    assert manager.known("agency")["gone_usec"] > 0


@pytest.mark.parametrize("env", [{}, {"FDSTORE": "0"}])
def test_no_store_no_snapshot(upstream, make_broker, manager, env):
    """Without a manager, or with one that keeps nothing, all is as ever."""
    more = manager.env | env if env else {}
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=more).wait_valid()
    broker.refresh()
    assert manager.pushes() == 0
    with open(f"/proc/{broker.process.pid}/maps") as maps:
        assert "memfd:" not in maps.read()


def test_boot_unknown_nothing_kept(upstream, make_broker, manager):
    env = manager.env | {"EQP_BROKER_BOOT_ID": "unknown"}
    make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=env).wait_valid()
    assert manager.pushes() == 0


# ---- what is taken up again ----

@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_token_survives(kept, manager, upstream, number):
    old, before = kept.token(), asked(upstream)
    status = kept.status("sandbox")
    for _ in range(3):
        manager.restart(kept, number)
        new = kept.token(query="?wait=0")
        assert (new["ust"], new["mage_id"]) == (old["ust"], old["mage_id"])
        assert 0 <= old["expires_in"] - new["expires_in"] < 200
    after = kept.status("sandbox")
    assert after["token"]["key"] == status["token"]["key"]
    # Moments are counted from now: the time between two readings of a clock may make a second of it.
    assert abs(seconds(after["token"]["obtained_at"]) - seconds(status["token"]["obtained_at"])) <= 2
    assert abs(seconds(after["next_refresh_at"]) - seconds(status["next_refresh_at"])) <= 2
    assert after["exchanges"]["last_hour"] == status["exchanges"]["last_hour"] == 1
    assert asked(upstream) == before
    assert len(kept.log(RESTORED)) == 3 and not kept.log("dropped")


def test_token_survives_a_file_that_cannot_be_used(kept, manager):
    """A file is there; that is no environment without keys."""
    token = kept.token()["ust"]
    (kept.keys_directory / "sandbox").chmod(0o666)
    manager.restart(kept)
    time.sleep(11)  # longer than an environment without a key file is on
    assert kept.token()["ust"] == token and kept.status("sandbox")["account"]
    (kept.keys_directory / "sandbox").chmod(0o600)
    kept.wait_status("sandbox", lambda status: status["keys"])


def test_ready_at_once_after_a_restart(kept, manager, upstream):
    """Though no exchange can be made."""
    upstream.fault("sandbox", "hang")
    manager.said.clear()
    manager.restart(kept)
    wait_until(lambda: "READY=1" in manager.hear().said, "ready", 8)  # after 10 s it is so in any case
    assert kept.get("/readyz").status == 200
    wait_until(lambda: [message for message in manager.hear().said if message.startswith("STATUS=sandbox: valid until")],
               "the state is told")


def test_two_environments_survive(upstream, make_broker, manager):
    upstream.add_key("production", *SPARE)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY, "production": ":".join(SPARE)}, env=manager.env)
    broker.wait_valid("sandbox", "production")
    old = [broker.token(name)["ust"] for name in ("sandbox", "production")]
    manager.restart(broker)
    assert [broker.token(name, "?wait=0")["ust"] for name in ("sandbox", "production")] == old


def test_refresh_goes_on(upstream, make_broker, manager):
    """The refresh point passes while nobody runs: the next process refreshes, and hands out the old one meanwhile."""
    upstream.settings("sandbox", lifetime_fixed=60)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env).wait_valid()
    old = broker.token()["ust"]
    wait_until(lambda: "session" in manager.kept()["environments"][0], "it is kept")
    upstream.fault("sandbox", "hang", count=1)
    manager.restart_aged(broker, 43)
    assert broker.token(query="?wait=0")["ust"] == old
    wait_until(lambda: asked(upstream) == 2, "a refresh")


@pytest.fixture
def spent(upstream, make_broker, manager):
    """A daemon that has ended, as if it had sent 60 requests in the hour before."""
    upstream.fault("sandbox", "hang")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env)
    wait_until(lambda: asked(upstream) == 1, "the first request")
    manager.end(broker)
    text = manager.kept()
    sent = text["environments"][0]["sent_usec"]
    text["environments"][0]["sent_usec"] = [sent[0] - (59 - i) * 1000 for i in range(59)] + sent
    manager.replace(text)
    return broker


def test_budget_holds_over_restarts(spent, manager, upstream):
    """A daemon that is restarted again and again, with an upstream that never grants: the hourly budget holds."""
    before = asked(upstream)
    for _ in range(3):
        manager.begin(spent)
        spent.wait_log("put off for .*budget")
        time.sleep(1.2)
        manager.end(spent)
    assert asked(upstream) == before
    manager.begin(spent)
    spent.wait_status("sandbox", lambda status: "hourly budget of exchanges is used up" in status["why"])


def test_budget_holds_over_another_base_url(spent, manager, upstream):
    """Whether a reload brings it or a restart."""
    manager.begin(spent)
    spent.wait_log("put off for .*budget")

    def move(name):
        spent.environments["sandbox"] = f"base_url = {upstream.urls[name]}"
        spent.write_config()

    def expect_the_budget():
        status = spent.wait_status("sandbox", lambda status: "hourly budget of exchanges is used up" in status["why"])
        assert status["exchanges"]["last_hour"] == 60

    move("production")
    spent.reload()
    expect_the_budget()
    manager.end(spent)
    move("sandbox")
    manager.begin(spent)
    expect_the_budget()
    time.sleep(1.2)
    assert asked(upstream) == 1 and upstream.state("production")["requests"]["token"] == 0


def test_patience_holds_over_restarts(upstream, make_broker, manager):
    upstream.fault("sandbox", "throttle", retry_after=600)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env)
    broker.wait_log("put off for")
    wait_until(lambda: manager.kept()["environments"][0]["retry_after_usec"] > 0, "it is kept")
    manager.restart(broker)
    broker.wait_log("put off for .*Retry-After", 2)
    time.sleep(1.2)
    assert asked(upstream) == 1


def test_newest_of_two_wins(kept, manager):
    """The process was killed after it pushed a snapshot, and before it had the older one removed."""
    token, text = kept.token()["ust"], manager.kept()
    manager.end(kept)
    for number, ust in ((text["number"] + 1, token), (text["number"] - 1, "an-older-token-0815"), (1 << 40, token)):
        other = json.loads(json.dumps(text)) | {"number": number}
        other["environments"][0]["session"]["ust"] = ust
        manager.store[f"sessions-{number}"] = managers.sealed(managers.compact(other))
    manager.begin(kept)
    assert kept.token(query="?wait=0")["ust"] == token
    assert manager.kept()["number"] == 1 << 40


def test_numbers_begin_again_after_the_last(kept, manager):
    """The session that was taken up with the last number goes on, and later ones can be read as well."""
    manager.end(kept)
    for series in "sessions", "knowledge":
        manager.replace(manager.kept(series) | {"number": 1 << 60}, series)
    manager.begin(kept)
    assert len(kept.log(RESTORED)) == 1
    kept.wait_status("sandbox", lambda status: status["token"])
    time.sleep(1.1)  # the floor
    kept.refresh()
    token = kept.token()["ust"]
    wait_until(lambda: manager.kept()["environments"][0]["session"].get("ust") == token, "the new one is kept")
    assert manager.kept()["number"] < 100 and manager.kept("knowledge")["number"] < 100
    manager.restart(kept)
    assert kept.token(query="?wait=0")["ust"] == token
    assert len(kept.log(RESTORED)) == 2 and not kept.log("dropped")


def test_names_like_ours_take_no_place(kept, manager):
    token = kept.token()["ust"]
    manager.end(kept)
    ours = manager.store
    manager.store = {f"{name}{n}": managers.sealed(b"x") for n in range(16) for name in ("knowledgeX", "sessions-x")} | ours
    manager.begin(kept)
    assert kept.token(query="?wait=0")["ust"] == token
    assert kept.status("sandbox")["keys"][0]["state"] == "good"
    assert len(kept.log("is not used: it is no stream socket")) == 32


def test_one_series_takes_no_place_from_the_other(kept, manager):
    token = kept.token()["ust"]
    manager.end(kept)
    ours = manager.store
    manager.store = {f"knowledge-{n}": managers.sealed(b"x") for n in range(1000, 1016)} | ours
    manager.begin(kept)
    assert kept.token(query="?wait=0")["ust"] == token


# ---- what is not ----

def test_the_replacing_itself_is_good(kept, manager):
    """So that what is refused below is refused for its own reason."""
    manager.end(kept)
    token = manager.kept()["environments"][0]["session"]["ust"]
    manager.replace(manager.kept())
    manager.begin(kept)
    assert kept.token(query="?wait=0")["ust"] == token


def expect_fresh(broker, manager, upstream, why):
    """Another token comes by another exchange, the log says why, and soon the new one is what is kept."""
    old = asked(upstream)
    manager.begin(broker)
    wait_dropped(broker, why)
    broker.wait_valid()
    assert asked(upstream) == old + 1
    assert not broker.log(RESTORED)
    token = broker.token()["ust"]
    wait_until(lambda: manager.kept()["environments"][0].get("session", {}).get("ust") == token, "the new one is kept")
    return token


def test_other_key(kept, manager, upstream):
    """A token outlives its key; the other one is tried in its own time."""
    upstream.add_key("sandbox", *SPARE)
    old = kept.token()["ust"]
    manager.end(kept)
    kept.write_key("sandbox", ":".join(SPARE))
    for _ in range(2):
        manager.restart(kept)
        assert kept.token(query="?wait=0")["ust"] == old
    assert asked(upstream) == 1


def test_key_moved_to_another_label(kept, manager, upstream):
    """The same key in a file of another name is the same key."""
    old = kept.token()["ust"]
    manager.end(kept)
    (kept.keys_directory / "sandbox").rename(kept.keys_directory / "sandbox.main")
    manager.begin(kept)
    assert kept.token(query="?wait=0")["ust"] == old


def test_other_lifetime(upstream, make_broker, manager):
    """The life that was asked for before the restart is not the most that there is."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env,
                         environments={"sandbox": "lifetime = 10min"}).wait_valid()
    wait_until(lambda: manager.hear().store and "session" in manager.kept()["environments"][0], "it is kept")
    old = broker.token()["ust"]
    manager.end(broker)
    broker.environments["sandbox"] = "lifetime = 1h"
    broker.write_config()
    manager.begin(broker)
    assert broker.token(query="?wait=0")["ust"] == old
    assert broker.token(query="?min_ttl=3000&wait=20")["expires_in"] >= 3000


def test_other_base_url(kept, manager, upstream):
    manager.end(kept)
    kept.environments["sandbox"] = f"base_url = {upstream.urls['production']}\nca_file = {upstream.ca_file}"
    kept.write_config()
    manager.begin(kept)
    wait_dropped(kept, "the environment's base URL has changed")
    kept.wait_valid()
    assert upstream.state("production")["requests"]["token"] == 1


def test_environment_gone(upstream, make_broker, manager):
    more = {"agency": f"base_url = {upstream.urls['sandbox']}"}
    broker = make_broker(upstream, keys={"agency": EXAMPLE_KEY}, env=manager.env, environments=more).wait_valid("agency")
    wait_until(lambda: manager.hear().store, "it is kept")
    manager.end(broker)
    del broker.environments["agency"]
    (broker.keys_directory / "agency").unlink()
    broker.write_config()
    manager.begin(broker)
    wait_dropped(broker, "there is no such environment")
    wait_until(lambda: not manager.series("sessions"), "no session is kept")


def test_other_boot(kept, manager, upstream):
    manager.end(kept)
    kept.env = manager.env | {"EQP_BROKER_BOOT_ID": uuid.uuid4().hex}
    expect_fresh(kept, manager, upstream, "it is of another boot")


def test_expired(upstream, make_broker, manager):
    upstream.settings("sandbox", lifetime_fixed=5)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env).wait_valid()
    wait_until(lambda: "session" in manager.kept()["environments"][0], "it is kept")
    manager.end(broker)
    time.sleep(5.1)
    upstream.settings("sandbox", lifetime_fixed=None)
    expect_fresh(broker, manager, upstream, "it has expired")


def change(text, change):
    session = text["environments"][0]["session"]
    if change == "sent in the future":
        session["sent_usec"] += 10**9
        session["refresh_point_usec"] += 10**9
    elif change == "exchange in the future":
        text["environments"][0]["sent_usec"][-1] += 10**9
    elif change == "another version":
        text["version"] += 1
    elif change == "another name":
        text["number"] += 1
    elif change == "a member too many":
        session["scope"] = "all"
    elif change == "a lifetime without end":
        session["lifetime_sec"] = 10**12
    elif change == "a bad token":
        session["ust"] = "a b"


@pytest.mark.parametrize("what, why", [
    ("sent in the future", "its times lie in the future"), ("exchange in the future", "its times lie in the future"),
    ("another version", "another version of the program"), ("another name", "its content does not fit its name"),
    ("a member too many", "it is damaged"), ("a lifetime without end", "it is damaged"), ("a bad token", "it is damaged"),
])
def test_changed(kept, manager, upstream, what, why):
    manager.end(kept)
    text = manager.kept()
    name = f"sessions-{text['number']}"
    change(text, what)
    manager.replace(text)
    (replaced, held), = manager.series("sessions").items()
    del manager.store[replaced]
    manager.store[name] = held
    expect_fresh(kept, manager, upstream, why)


@pytest.mark.parametrize("what", ["truncated", "one bit", "empty", "huge", "no memfd", "unsealed", "half sealed"])
def test_not_ours(kept, manager, upstream, tmp_path, what):
    manager.end(kept)
    (name, held), = manager.series("sessions").items()
    data = bytearray(held.read())
    held.close()
    why = "it is damaged"
    if what == "truncated":
        held = managers.sealed(data[:-10])
    elif what == "one bit":
        data[data.index(b"mage_id") + 12] ^= 1
        held, why = managers.sealed(data), "(it is of another account|it is damaged)"
    elif what == "empty":
        held, why = managers.sealed(b""), "its size makes no sense"
    elif what == "huge":
        held, why = managers.sealed(bytes(1 << 20)), "its size makes no sense"
    elif what == "no memfd":
        (tmp_path / "file").write_bytes(data)
        held, why = managers.Held(os.open(tmp_path / "file", os.O_RDWR)), "it is not sealed"
    else:
        seals = 0 if what == "unsealed" else managers.ALL_SEALS & ~managers.SEAL_WRITE
        held, why = managers.sealed(data, seals), "it is not sealed"
    manager.store[name] = held
    expect_fresh(kept, manager, upstream, why)


# ---- who else can see it ----

def test_snapshot_is_nobody_elses(upstream, make_broker, manager, stranger):
    """Neither another user, nor another process of the daemon's own user, gets at it through the daemon."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env, uid=stranger).wait_valid()
    wait_until(lambda: manager.hear().store and "session" in manager.kept()["environments"][0], "it is kept")
    wait_until(lambda: manager.known("sandbox")["keys"], "what is known of the key is kept")
    with open(f"/proc/{broker.process.pid}/maps") as maps:
        mapped = [line for line in maps if "memfd:sessions" in line]
        maps.seek(0)
        mapped += [line for line in maps if "memfd:knowledge" in line]
    assert len(mapped) == 2 and all(" r--p " in line for line in mapped)
    assert not [name for name in open_files(broker.process) if "memfd:" in name]
    assert [os.fstat(held.fd).st_uid for held in manager.store.values()] == [stranger] * 2
