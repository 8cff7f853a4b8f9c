"""The store of the service manager is one more place where a token lies: the only one, and no more open
than the others."""

import contextlib
import os
import time

import pytest

import memory
from broker import wait_until
from test_memory import DAEMON_UID, KEY_ID, KEY_SECRET, is_secret_memory, wait_gone, words
from people import Person, run_as

pytestmark = pytest.mark.usefixtures("plain_build")


@pytest.fixture
def canary(upstream, make_broker, manager):
    upstream.add_key("sandbox", KEY_ID, KEY_SECRET)
    broker = make_broker(upstream, keys={"sandbox": f"{KEY_ID}:{KEY_SECRET}"}, uid=DAEMON_UID, env=manager.env,
                         broker="allow = user:root\noperators = user:root").wait_valid()
    wait_kept(manager, broker)
    return broker


def wait_kept(manager, broker):
    token = broker.token()["ust"]
    wait_until(lambda: manager.kept()["environments"][0].get("session", {}).get("ust") == token, "it is kept")
    return token


def is_snapshot(mapping):
    """Sealed memory that only this process and the manager have: not swapped (lo), not dumped (dd), not in a forked
    child (dc), and nobody can write to it."""
    return mapping[3].startswith("/memfd:sessions") and {"lo", "dd", "dc"} <= mapping[4] and mapping[2] == "r--p"


def check_token(pid, token):
    places = memory.search(pid, token.encode())[token.encode()]
    snapshots = [place for place in places if is_snapshot(place[1])]
    assert len(snapshots) == 1, words(places)
    assert all(is_secret_memory(mapping) for _, mapping in places if not is_snapshot(mapping)), words(places)


def check_key(pid):
    secret = KEY_SECRET.encode()
    places = wait_until(lambda: (found := memory.search(pid, secret)[secret]) and len(found) == 1 and found,
                        "the key is in one place")
    assert is_secret_memory(places[0][1]), words(places)
    pair = KEY_ID.encode() + b"\0" + secret
    assert len(memory.search(pid, pair)[pair]) == 1, "as the digest reads it, and no copy of that"


def test_token_lies_in_secret_memory_and_in_the_snapshot(canary, manager):
    old = canary.token()["ust"]
    wait_until(lambda: check_quietly(canary.process.pid, old), "the copies on the way are gone")
    check_token(canary.process.pid, old)
    check_key(canary.process.pid)
    time.sleep(1.1)  # the floor between two exchanges
    canary.refresh()
    new = wait_kept(manager, canary)
    assert new != old
    wait_gone(canary.process.pid, old.encode())
    wait_until(lambda: check_quietly(canary.process.pid, new), "the copies on the way are gone")
    check_token(canary.process.pid, new)
    check_key(canary.process.pid)


def check_quietly(pid, token):
    try:
        check_token(pid, token)
        return True
    except AssertionError:
        return False


def test_the_same_after_a_restart(canary, manager):
    token = canary.token()["ust"]
    manager.restart(canary)
    assert canary.token(query="?wait=0")["ust"] == token
    wait_until(lambda: check_quietly(canary.process.pid, token), "the copies on the way are gone")
    check_token(canary.process.pid, token)
    check_key(canary.process.pid)


def open_all(pid):
    """The daemon's descriptors and mapped files, as another process sees them."""
    seen = []
    for directory in ("fd", "map_files"):
        with contextlib.suppress(PermissionError):
            for name in os.listdir(f"/proc/{pid}/{directory}"):
                with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                    seen.append(os.readlink(f"/proc/{pid}/{directory}/{name}"))
    return seen


def test_nobody_gets_at_it(canary, mallory):
    for person in (mallory, Person("same", DAEMON_UID, DAEMON_UID)):
        assert run_as(person, open_all, canary.process.pid) == []
    assert any("memfd:sessions" in name for name in open_all(canary.process.pid)), "the control: root does"
