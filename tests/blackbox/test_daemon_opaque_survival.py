"""Opaque tokens outlive the process: their secret is kept by the service manager, or comes from the access
key where nobody keeps it."""

import os
import re
import stat

import pytest

import manager as managers
from broker import wait_until
from local_keys import LocalKey
from simulator import EXAMPLE_KEY

KEY = LocalKey("reports", allow=["GET /rest/v1/reports/**"])
SHORT = ("SHORTKEY01", "0123456789abcdef0123456789abcde")  # 31 characters


def token_of(broker):
    return KEY.token(broker).json()["ust"]


def is_good(broker, token):
    answer = broker.get("/sandbox/rest/v1/reports", {"EQP-Client": None, "Authorization": f"Bearer {token}"}, via="tcp")
    assert answer.status in (401, 404), answer
    return answer.status == 404


def restart(broker):
    assert broker.stop() == 0
    broker.start()
    broker.wait_valid()


@pytest.fixture
def kept(upstream, make_broker, manager):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env, local=[KEY]).wait_valid()
    wait_until(lambda: manager.series("opaque"), "it is kept")
    return broker


def test_it_is_kept(kept, manager):
    (name, held), = manager.series("opaque").items()
    assert name == "opaque-1" and held.seals() & managers.ALL_SEALS == managers.ALL_SEALS
    assert stat.S_IMODE(os.fstat(held.fd).st_mode) == 0o400
    assert re.fullmatch(rb"opaque 1 1 %s [0-9a-f]{64}\n" % manager.env["EQP_BROKER_BOOT_ID"].encode(), held.read())
    kept.keep_secret(held.read().split()[-1].decode())


def test_tokens_outlive_restarts(kept, manager):
    token, held = token_of(kept), manager.series("opaque")["opaque-1"].read()
    for _ in range(3):
        manager.restart(kept)
        kept.wait_valid()
        assert is_good(kept, token)
        kept.reload()
    assert list(manager.series("opaque")) == ["opaque-1"] and manager.series("opaque")["opaque-1"].read() == held


def test_they_do_not_depend_on_the_access_key_then(kept, manager, upstream):
    token = token_of(kept)
    upstream.add_key("sandbox", *SHORT)
    kept.write_key("sandbox", ":".join(SHORT))
    manager.restart(kept)
    kept.wait_valid()
    assert is_good(kept, token)


@pytest.mark.parametrize("what", ["damaged", "unsealed", "another boot", "another name", "gone"])
def test_foreign_data_is_dropped(kept, manager, what):
    token, held = token_of(kept), manager.series("opaque")["opaque-1"]
    text, seals = held.read(), managers.ALL_SEALS
    if what == "damaged":
        text = text[:-2] + b"\n"
    elif what == "another boot":
        text = text.replace(manager.env["EQP_BROKER_BOOT_ID"].encode(), b"f" * 32)
    elif what == "another name":
        text = text.replace(b"opaque 1 1 ", b"opaque 1 2 ")
    elif what == "unsealed":
        seals = 0
    manager.forget("opaque")
    if what != "gone":
        manager.store["opaque-1"] = managers.sealed(text, seals)
    manager.restart(kept)
    kept.wait_valid()
    assert not is_good(kept, token) and is_good(kept, token_of(kept)), "there is another one"
    if what != "gone":
        kept.wait_log("the data that the service manager kept as opaque-1 is dropped: ")
    wait_until(lambda: manager.series("opaque"), "that is kept")


def test_without_local_keys_nothing_is_made(upstream, make_broker, manager):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env).wait_valid()
    wait_until(lambda: manager.series("knowledge"), "the rest is kept")
    broker.reload()
    assert not manager.series("opaque")


def test_where_nobody_keeps_it_it_comes_from_the_access_key(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox.1": EXAMPLE_KEY}, local=[KEY]).wait_valid()
    token = token_of(broker)
    restart(broker)
    assert is_good(broker, token)
    # One more access key, whatever its place, ends nothing.
    upstream.add_key("sandbox", "SPAREKEY02", "fedcba9876543210fedcba9876543210")
    broker.write_key("sandbox.0", "SPAREKEY02:fedcba9876543210fedcba9876543210")
    wait_until(lambda: len(broker.status("sandbox")["keys"]) == 2, "it is read")
    newer = token_of(broker)
    assert is_good(broker, token) and is_good(broker, newer)
    # It ends with its access key.
    (broker.keys_directory / "sandbox.1").unlink()
    wait_until(lambda: len(broker.status("sandbox")["keys"]) == 1, "it is gone")
    wait_until(lambda: not is_good(broker, token), "its tokens are over")
    assert is_good(broker, newer)


def test_a_short_secret_gives_nothing_that_could_be_guessed(upstream, make_broker):
    upstream.add_key("sandbox", *SHORT)
    broker = make_broker(upstream, keys={"sandbox": ":".join(SHORT)}, local=[KEY]).wait_valid()
    token = token_of(broker)
    assert is_good(broker, token)
    restart(broker)
    assert not is_good(broker, token)
