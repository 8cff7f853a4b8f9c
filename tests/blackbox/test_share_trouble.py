"""eqp-brokerd: whatever happens to the store of shared sessions, tokens go on as without one."""

import time

import pytest

from broker import free_port, wait_until
from sharing import is_good, n_exchanges, told, ust, wait_told
from stores import ACL

PASSWORD = "a-password-of-the-store-0123456789"


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "password"
    path.write_text(PASSWORD)
    path.chmod(0o600)
    return path


def check_as_without(upstream, broker, state, n=1):
    broker.wait_valid(timeout=60)
    wait_told(broker, state=state)
    assert is_good(upstream, broker) and not told(broker)["from_store"]
    assert n_exchanges(upstream) == n
    answer = broker.refresh()
    assert answer["refreshed"], answer
    return broker


def test_there_is_none(upstream, member):
    broker = check_as_without(upstream, member(f"redis://localhost:{free_port()}"), "unreachable")
    wait_until(lambda: broker.log("store", priority=4), "a warning")
    assert len(broker.log("store.*localhost", priority=4)) == 1, "once"
    assert b'eqp_broker_share_up{environment="sandbox"} 0' in broker.get("/metrics").body


def test_a_name_that_nobody_knows(upstream, member):
    check_as_without(upstream, member("redis://store.invalid"), "unreachable")


def test_a_socket_that_is_not_there(upstream, member, tmp_path):
    check_as_without(upstream, member(f"unix:{tmp_path}/none"), "unreachable")


def test_it_stands_still(upstream, store, member):
    """A connection, and no answer: the token is some seconds late, and the callers of others wait for nothing."""
    with store.standing_still():
        broker = member(store, wait=False).wait_listening(60)
        slowest = 0
        deadline = time.monotonic() + 60
        while broker.get("/v1/status").status == 200 and broker.status("sandbox")["state"] != "valid":
            began = time.monotonic()
            assert broker.get("/livez").status == 200
            slowest = max(slowest, time.monotonic() - began)
            assert began < deadline
        check_as_without(upstream, broker, "silent")


def test_it_is_killed_and_comes_back(upstream, store, member):
    broker = member(store).wait_valid()
    store.wait_session()
    store.kill()
    assert broker.refresh()["refreshed"]
    wait_told(broker, state="unreachable")
    store.start()
    assert broker.refresh()["refreshed"]
    wait_told(broker, state="fine")
    assert store.wait_session()
    assert len(broker.log("^session tokens are shared through the store", priority=6)) == 2, "the recovery is told"
    second = member(store).wait_valid()
    assert ust(second) == ust(broker) and is_good(upstream, second)


def test_it_is_full(upstream, store, member):
    store.call("SET", "filler", "x" * 100_000)
    store.fill()
    check_as_without(upstream, member(store), "full")
    assert store.names() == {"filler"}


def test_it_makes_room(upstream, store, member):
    """Something else goes for the session, or the session for something else: a miss."""
    for n in range(200):
        store.call("SET", f"filler:{n}", "x" * 10_000)
    store.fill("allkeys-lru")
    first = member(store).wait_valid()
    wait_until(lambda: told(first)["published"] == 1, "it is published")
    for n in range(400):
        store.call("SET", f"more:{n}", "x" * 10_000)
    second = member(store).wait_valid()
    assert is_good(upstream, first) and is_good(upstream, second) and n_exchanges(upstream) <= 2


def test_a_replica(upstream, store, make_store, member):
    replica = make_store(replica_of=store)
    wait_until(lambda: replica.info("replication").get("master_link_status") == "up", "it follows", 60)
    broker = check_as_without(upstream, member(replica), "read_only")
    replica.promote()
    assert broker.refresh()["refreshed"]
    wait_told(broker, state="fine")
    assert replica.wait_session()


def test_a_failover(upstream, store, make_store, member):
    """Both are named: the one that can be written to counts."""
    replica = make_store(replica_of=store)
    wait_until(lambda: replica.info("replication").get("master_link_status") == "up", "it follows", 60)
    first = member(replica, store).wait_valid()
    store.wait_session()
    assert told(first)["state"] == "fine" and told(first)["store"] == store.url
    wait_until(lambda: replica.sessions(), "it has followed")
    store.kill()
    replica.promote()
    second = member(store, replica).wait_valid()
    assert ust(second) == ust(first) and n_exchanges(upstream) == 1 and told(second)["store"] == replica.url


def test_a_replica_that_was_the_primary(upstream, store, make_store, member):
    """An operator's token is published without a claim before it; that one finds the new primary as well."""
    other = make_store(replica_of=store)
    wait_until(lambda: other.info("replication").get("master_link_status") == "up", "it follows", 60)
    broker = member(store, other).wait_valid()
    wait_told(broker, published=1, store=store.url)
    other.promote()
    store.call("REPLICAOF", "127.0.0.1", str(other.port))
    wait_until(lambda: store.info("replication").get("master_link_status") == "up", "it follows", 60)
    with other.watched() as commands:
        assert broker.refresh()["refreshed"]
        wait_told(broker, published=2, state="fine", store=other.url)
    assert ust(member(other).wait_valid()) == ust(broker) and n_exchanges(upstream) == 2
    names = {words[1] for words in commands if words[0] == b"DEL"}
    session, = (name.encode() for name in other.sessions())
    assert names == {session + b":x"} and other.names() == {session.decode()}, "nobody's lease is touched, nothing is left"


def test_a_node_of_a_cluster(upstream, make_store, member):
    """It names another one, and is not followed."""
    here, there = make_store(cluster=True), make_store(cluster=True)
    here.give_slots_to(there)
    n = there.n_connections
    check_as_without(upstream, member(here), "moved")
    assert there.n_connections == n and not there.sessions()
    second = member(there, environments={"production": None})
    second.wait_valid()
    wait_told(second, state="fine")
    assert there.wait_session(), "the node with the slot is a store as any"


def test_a_wrong_password(upstream, make_store, member, password_file):
    store = make_store(password="another")
    broker = member(store, settings={"password_file": password_file})
    broker.keep_secret(PASSWORD)
    check_as_without(upstream, broker, "no_login")


def test_no_password_where_there_is_one(upstream, make_store, member):
    check_as_without(upstream, member(make_store(password="another")), "no_login")


def test_a_user_who_may_not_write(upstream, make_store, member, password_file):
    store = make_store(users={"broker": f">{PASSWORD} {ACL} -set"})
    broker = member(store, settings={"username": "broker", "password_file": password_file})
    broker.keep_secret(PASSWORD)
    check_as_without(upstream, broker, "no_login")


def test_a_user_of_other_names(upstream, make_store, member, password_file):
    store = make_store(users={"broker": f">{PASSWORD} {ACL.replace('~eqp1:*', '~other:*')}"})
    broker = member(store, settings={"username": "broker", "password_file": password_file})
    broker.keep_secret(PASSWORD)
    check_as_without(upstream, broker, "no_login")
