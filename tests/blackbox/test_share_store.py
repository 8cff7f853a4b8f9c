"""eqp-brokerd: the store of shared sessions in each of its forms, and what it gets to see."""

import hashlib
import os
import pathlib
import re

import pytest

from authorities import Authority
from broker import base64_forms, wait_until
from resp import StoreError
from sharing import n_exchanges, told, ust, wait_told
from simulator import EXAMPLE_ID, EXAMPLE_KEY, EXAMPLE_SECRET
from stores import ACL, PROGRAMS

PASSWORD = "a-password-of-the-store-0123456789"
OPERATING = pathlib.Path(__file__).resolve().parents[2] / "doc" / "operating.md"


@pytest.fixture(params=PROGRAMS)
def program(request):
    return request.param


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "company")


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o600)
    return path


def check_shared(upstream, store, member, **settings):
    first = member(store, settings=settings).wait_valid()
    first.keep_secret(PASSWORD)
    store.wait_session()
    second = member(store, settings=settings).wait_valid()
    second.keep_secret(PASSWORD)
    assert ust(second) == ust(first) and n_exchanges(upstream) == 1
    assert told(second)["state"] == "fine" and told(second)["from_store"]
    return first, second


def test_plain(upstream, make_store, member, program):
    check_shared(upstream, make_store(program), member)


def test_tls(upstream, make_store, member, program, authority):
    check_shared(upstream, make_store(program, tls=authority), member, ca_file=authority.path)


def test_a_unix_socket(upstream, make_store, member, program):
    check_shared(upstream, make_store(program, unix=True), member)


def test_a_user_who_may_do_no_more_than_the_manual_says(upstream, make_store, member, program, password_file):
    store = make_store(program, users={"broker": f">{PASSWORD} {ACL}"})
    check_shared(upstream, store, member, username="broker", password_file=password_file)
    assert int(store.info("stats")["acl_access_denied_cmd"]) == 0 if "acl_access_denied_cmd" in store.info("stats") else True


def test_a_password_for_all(upstream, make_store, member, program, password_file):
    check_shared(upstream, make_store(program, password=PASSWORD), member, password_file=password_file)


def test_the_user_of_the_operators_page(upstream, make_store, member, password_file):
    """The line of doc/operating.md, with the digest of the password."""
    line, = re.findall(r"^ACL SETUSER .* on .*$", OPERATING.read_text(), re.M)
    store = make_store(password="of-the-other-programs")
    store.call(*line.replace("SHA256", hashlib.sha256(PASSWORD.encode()).hexdigest()).split())
    check_shared(upstream, store, member, username="eqp-broker", password_file=password_file)
    allowed = {word[1:].upper() for word in line.split() if word.startswith("+")}
    assert allowed == {word[1:].upper() for word in ACL.split() if word.startswith("+")}
    manual = (OPERATING.parent / "eqp-brokerd.conf.5.scd").read_text()
    assert allowed <= set(re.findall(r"\b[A-Z]+\b", manual[manual.index("SECTION [share]"):]))


def test_an_instance_over_tls_with_a_wrong_name(upstream, make_store, member, authority):
    store = make_store(tls=authority, certificate=authority.issue("other", host="other.example.org"))
    broker = member(store, settings={"ca_file": authority.path}).wait_valid()
    assert wait_told(broker, state="untrusted") and not store.names() and n_exchanges(upstream) == 1


def test_and_with_an_unknown_authority(upstream, make_store, member, authority, tmp_path):
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", "other")
    store = make_store(tls=authority)
    broker = member(store, settings={"ca_file": other.path}).wait_valid()
    assert wait_told(broker, state="untrusted") and not store.names()


def test_an_authority_that_is_a_pipe_is_not_waited_for(make_store, member, authority, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    broker = member(make_store(tls=authority), settings={"ca_file": tmp_path / "pipe"}).wait_valid()
    assert wait_told(broker, state="untrusted")
    assert f"{tmp_path}/pipe: not a regular file (check ca_file)" in broker.wait_log("store")[0]
    broker.reload()
    assert broker.stop() == 0


def test_the_environments_authority_says_nothing_of_the_store(make_store, member, authority, tmp_path):
    """And the other way round: each has its own ca_file."""
    store = make_store(tls=authority)
    broker = member(store).wait_valid()
    assert wait_told(broker, state="untrusted")


def test_a_plain_connection_to_tls(make_store, member, authority):
    store = make_store(tls=authority)
    broker = member(store.url.replace("rediss", "redis")).wait_valid()
    assert wait_told(broker)["state"] != "fine"


def test_tls_to_a_plain_store(make_store, member, authority):
    store = make_store()
    broker = member(store.url.replace("redis:", "rediss:"), settings={"ca_file": authority.path}).wait_valid()
    assert wait_told(broker)["state"] != "fine" and not store.names()


# its view


def test_it_sees_no_secret(store, member, upstream):
    with store.watched() as commands:
        first = member(store).wait_valid()
        store.wait_session()
        second = member(store).wait_valid()
        fresh = first.refresh()
        wait_until(lambda: told(first)["published"] == 2, "both are published")
    assert fresh["refreshed"]
    seen = b"\n".join(b" ".join(words) for words in commands)
    seen += b"".join(name.encode() + value for name, value in store.sessions().items())
    assert len(commands) > 10 and b"eqp1:{" in seen
    for secret in (EXAMPLE_ID, EXAMPLE_SECRET, EXAMPLE_KEY, first.token()["mage_id"], ust(first), ust(second)):
        for form in (secret, *base64_forms(secret), secret.encode().hex(), hashlib.sha256(secret.encode()).hexdigest()):
            assert form.encode() not in seen, form


def test_all_values_look_alike(store, member):
    """Of one size, and each with a salt of its own: the same token twice is not the same value."""
    first = member(store).wait_valid()
    (_, before), = store.wait_session().items()
    first.refresh()
    wait_until(lambda: told(first)["published"] == 2, "both are published")
    (_, after), = store.sessions().items()
    assert len(before) == len(after) and before[:1] == after[:1] == b"\x01" and before[1:33] != after[1:33]


def test_it_is_asked_at_refreshes_only(store, member, upstream):
    broker = member(store).wait_valid()
    wait_until(lambda: told(broker)["published"] == 1, "it is published")
    n = store.n_connections
    for _ in range(200):
        ust(broker)
    assert store.n_connections == n <= 2
    connected = [line for line in store.call("CLIENT", "LIST").decode().splitlines() if "addr=127.0.0.1" in line]
    assert not connected, "nothing stands between"


def test_no_password_in_any_command_line_or_log(make_store, member, password_file):
    store = make_store(password=PASSWORD)
    broker = member(store, settings={"password_file": password_file}, arguments=["--verbose"]).wait_valid()
    broker.keep_secret(PASSWORD)
    pids = [broker.process.pid, *pathlib.Path(f"/proc/{broker.process.pid}/task/{broker.process.pid}/children").read_text().split()]
    for pid in pids:
        assert PASSWORD.encode() not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    broker.check_text(broker.get("/metrics").body.decode() + str(broker.status()), "what it tells")


def test_another_program_cannot_look_into_it(make_store, member):
    """The purpose of the ACL: the broker's user reaches no name of others."""
    store = make_store(users={"broker": f">{PASSWORD} {ACL}"})
    with store.client() as client:
        client.call("AUTH", "broker", PASSWORD)
        for words in (("KEYS", "*"), ("GET", "shop:1"), ("EVAL", "return 1", "0"), ("FLUSHALL",), ("CONFIG", "GET", "*")):
            with pytest.raises(StoreError, match="NOPERM"):
                client.call(*words)
