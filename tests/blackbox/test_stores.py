"""The stores and the proxy of the tests on sharing: each form is what it says, and each lie is one."""

import socket
import ssl

import pytest

import lying_proxy
from authorities import Authority
from broker import wait_until
from lying_proxy import LyingProxy
from resp import Ended, Reader, Status, StoreError, command, encode
from stores import ACL, PROGRAMS, share


@pytest.fixture(params=PROGRAMS)
def program(request):
    return request.param


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "company")


class Caller:
    """Somebody who comes over the network, as a broker does."""

    def __init__(self, port, context=None):
        self.stream = socket.create_connection(("127.0.0.1", port), 30)
        if context:
            self.stream = context.wrap_socket(self.stream, server_hostname="localhost")
        self.reader = Reader(self.stream)

    def call(self, *words):
        self.stream.sendall(command(*words))
        return self.reader.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()


def claim(caller):
    """A transaction as a broker makes it; all in one go."""
    words = [("MULTI",), ("TIME",), ("GET", "eqp1:{a}"), ("SET", "eqp1:{a}:l", "me", "NX", "PX", "25000"),
             ("PTTL", "eqp1:{a}:l"), ("EXEC",)]
    caller.stream.sendall(b"".join(command(*line) for line in words))
    return [caller.reader.read() for _ in words][-1]


def test_a_plain_store(make_store, program):
    store = make_store(program)
    with Caller(store.port) as caller:
        clock, session, lease, left = claim(caller)
        assert int(clock[0]) > 1_600_000_000 and session is None and lease == Status("OK") and 0 < left <= 25000
        assert claim(caller)[2] is None, "it is taken"
    assert store.names() == {"eqp1:{a}:l"} and store.sessions() == {}
    assert store.n_connections == 1
    store.restart()
    assert store.names() == set() and store.n_connections == 0


def test_one_that_is_watched(store):
    with store.watched() as commands, Caller(store.port) as caller:
        caller.call("SET", "eqp1:{a}", b"\x00\xff\"\\\r\n")
        caller.call("GET", "eqp1:{a}")
    assert commands == [[b"SET", b"eqp1:{a}", b"\x00\xff\"\\\r\n"], [b"GET", b"eqp1:{a}"]]


def test_tls(make_store, program, authority):
    store = make_store(program, tls=authority)
    assert store.url.startswith("rediss://")
    with Caller(store.port, ssl.create_default_context(cafile=authority.path)) as caller:
        assert caller.call("PING") == "PONG"


def test_tls_with_a_wrong_name(make_store, authority):
    store = make_store(tls=authority, certificate=authority.issue("other", host="other.example.org"))
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        Caller(store.port, ssl.create_default_context(cafile=authority.path))


def test_a_unix_socket(make_store, program):
    store = make_store(program, unix=True)
    assert store.url == f"unix:{store.socket_path}"
    with store.client() as client:
        assert client.call("PING") == "PONG"


def test_users_without_scripts(make_store, program):
    store = make_store(program, users={"broker": f">a-password {ACL}"})
    with Caller(store.port) as caller:
        assert str(caller.call("GET", "eqp1:{a}")).startswith("NOAUTH")
        assert str(caller.call("AUTH", "broker", "another")).startswith("WRONGPASS")
        assert caller.call("AUTH", "broker", "a-password") == "OK"
        assert claim(caller)[2] == "OK"
        for words in (("EVAL", "return 1", "0"), ("GET", "of somebody else"), ("KEYS", "*"), ("SUBSCRIBE", "a")):
            assert str(caller.call(*words)).startswith("NOPERM"), words


def test_a_password_for_all(make_store):
    store = make_store(password="for-all")
    with Caller(store.port) as caller:
        assert str(caller.call("PING")).startswith("NOAUTH") and caller.call("AUTH", "for-all") == "OK"


def test_a_full_one(make_store, program):
    store = make_store(program)
    with Caller(store.port) as caller:
        store.fill()
        assert str(caller.call("SET", "a", b"x" * 600)).startswith("OOM ")
        store.empty_out()
        assert caller.call("SET", "a", b"x" * 600) == "OK"
        store.fill("allkeys-lru")
        for n in range(100):
            caller.call("SET", str(n), b"x" * 6000)
        assert int(store.info("stats")["evicted_keys"]) > 0


def test_a_replica_that_is_promoted(make_store, program):
    first = make_store(program)
    first.call("SET", "a", "1")
    replica = make_store(program, replica_of=first)
    wait_until(lambda: replica.info("replication").get("master_link_status") == "up", "it follows", 60)
    with Caller(replica.port) as caller:
        assert caller.call("GET", "a") == b"1" and str(caller.call("SET", "a", "2")).startswith("READONLY ")
        replica.promote()
        assert caller.call("SET", "a", "2") == "OK"


def test_a_cluster(make_store, program):
    here, there = make_store(program, cluster=True), make_store(program, cluster=True)
    here.give_slots_to(there)
    with Caller(here.port) as caller:
        assert str(caller.call("GET", "eqp1:{a}")).endswith(f"127.0.0.1:{there.port}")
        assert str(claim(caller)).startswith("EXECABORT ")


def test_one_that_stands_still(store):
    with Caller(store.port) as caller, store.standing_still():
        caller.stream.settimeout(0.3)
        with pytest.raises(TimeoutError):
            caller.call("PING")
    assert store.call("PING") == "PONG"


# lies


@pytest.fixture
def proxy(store):
    store.call("SET", "eqp1:{a}", "the truth")
    with LyingProxy(store) as proxy:
        proxy.port = proxy.listener.getsockname()[1]
        yield proxy


def test_an_honest_proxy(proxy):
    with Caller(proxy.port) as caller:
        _, session, lease, left = claim(caller)
        assert session == b"the truth" and lease == Status("OK") and 0 < left <= 25000
        assert caller.call("PING") == "PONG"
    assert [words[0] for words in proxy.commands] == [b"MULTI", b"TIME", b"GET", b"SET", b"PTTL", b"EXEC", b"PING"]
    assert proxy.n_connections == 1


def test_lies_in_a_transaction(proxy):
    with Caller(proxy.port) as caller:
        truth = claim(caller)
        proxy.change = lying_proxy.with_value(b"a lie")
        assert claim(caller)[1] == b"a lie"
        proxy.change = lying_proxy.with_clock(3600)
        assert 3600 <= int(claim(caller)[0][0]) - int(truth[0][0]) < 3700
        proxy.change = lying_proxy.instead(lambda reply: StoreError("READONLY no"))
        assert str(caller.call("GET", "a")) == "READONLY no"


def test_lies_about_bytes(proxy):
    with Caller(proxy.port) as caller:
        proxy.wire = lying_proxy.cut
        with pytest.raises(Ended):
            claim(caller)
    with Caller(proxy.port) as caller:
        proxy.wire = lying_proxy.flooding
        caller.stream.sendall(command("PING"))
        n = 0
        while n < 4 << 20:
            n += len(caller.stream.recv(1 << 20))
    with Caller(proxy.port) as caller:
        proxy.wire = lying_proxy.silent
        caller.stream.settimeout(0.3)
        with pytest.raises(TimeoutError):
            caller.call("PING")


def test_values_are_read_as_they_are_written():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        value = [b"a\r\n", 5, None, [Status("OK"), StoreError("ERR no")], []]
        theirs.sendall(encode(value))
        assert Reader(ours).read() == value


def test_the_lines_of_the_settings(store):
    assert share(store, "unix:/a", username="broker").splitlines() == [f"store = {store.url}", "store = unix:/a",
                                                                        "username = broker"]
