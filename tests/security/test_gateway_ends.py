"""Ends in the middle: a local key that is removed under an upload, processes that are killed, reloads, restarts. The upstream
counts: nothing is carried out twice, and what was asked once by POST is never asked again by anybody but its client."""

import concurrent.futures
import contextlib
import os
import signal
import threading
import time

import pytest

from authorities import Authority
from broker import forwarder_of, frontend_of, wait_forwarder, wait_frontend, wait_until
from local_keys import LocalKey
from recorder import Recorder, plain
from simulator import EXAMPLE_KEY
from wire import connect, get, parse, receive, request

KEYS = [LocalKey("goes", allow=["* /rest/v1/**"]), LocalKey("stays", allow=["* /rest/v1/**"])]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authorities"), "company")


@pytest.fixture
def upstream(authority):
    with Recorder(authority) as upstream:
        yield upstream


@pytest.fixture
def broker(upstream, make_broker):
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker="allow = user:root", local=list(KEYS),
                       environments={"sandbox": upstream.gateway("allow = user:root * /rest/v1/**")}).wait_valid()


def upload(broker, key, length=50_000_000, began=200_000):
    """A connection in the middle of an upload."""
    stream = connect(("127.0.0.1", broker.port))
    lines = [b"Authorization: " + key.basic["Authorization"].encode(), b"Content-Length: %d" % length]
    stream.sendall(request(b"POST", b"/sandbox/rest/v1/files/" + key.name.encode(), lines, b"u" * began, port=broker.port, client=None))
    return stream


def ended(stream, seconds):
    """Is it closed, or reset, in time, while it is being sent to?"""
    begun = time.monotonic()
    stream.settimeout(0.05)
    while time.monotonic() - begun < seconds:
        with contextlib.suppress(TimeoutError):
            try:
                stream.sendall(b"u" * 1000)
                if stream.recv(1000) == b"":
                    return True
            except (ConnectionResetError, BrokenPipeError):
                return True
    return False


@pytest.mark.parametrize("how", ["removed", "another secret", "another ID", "another environment", "another user", "another user, by name",
                                 "another group", "expired", "gateway off"])
def test_a_key_that_goes_in_the_middle_of_an_upload(broker, upstream, how):
    """At once: the client is cut off, the upstream never gets a whole request."""
    streams = [upload(broker, key) for key in KEYS]
    wait_until(lambda: sum("/files/" in asked.target for asked in upstream.begun) == 2, "both are under way")
    others = {"another secret": {"secret": "f" * 64}, "another ID": {"id": "lk-went-7f3c2a"}, "another environment": {"environment": "production"},
              "another user": {"caller": ["uid:54321"]}, "another user, by name": {"caller": ["user:daemon"]},
              "another group": {"caller": ["group:daemon"]}, "expired": {"expires": "2020-01-01"}, "gateway off": {}}
    anew = [] if how == "removed" else [LocalKey("goes", allow=["* /rest/v1/**"], **others[how])]
    broker.local = [KEYS[1], *anew]
    if how == "gateway off":
        broker.environments["sandbox"] = ""
    elif how == "another environment":
        broker.environments["production"] = "base_url = https://localhost:1"
    broker.write_config()
    broker.reload()
    assert ended(streams[0], 20)
    assert ended(streams[1], 20 if how == "gateway off" else 0.5) == (how == "gateway off")
    assert not upstream.heard, "none was whole"
    assert get(("127.0.0.1", broker.port), "/sandbox/rest/v1/a", KEYS[0].basic, client=None)[0] in (401, 404)
    for stream in streams:
        stream.close()


@pytest.mark.parametrize("more", [{"caller": ["uid:54321", "user:root"]}, {"caller": ["group:root"]}, {"expires": "2099-01-01"},
                                  {"secret": "f" * 64, "secret_sha256_old": KEYS[0].hash, "old_until": "2099-01-01"}], ids=str)
def test_a_key_that_is_changed_and_still_good(broker, upstream, more):
    """Requests under way go on to their end."""
    stream = upload(broker, KEYS[0], length=300_000)
    wait_until(lambda: any("/files/" in asked.target for asked in upstream.begun), "it is under way")
    broker.local = [LocalKey("goes", allow=["* /rest/v1/**"], **more), KEYS[1]]
    broker.write_config()
    broker.reload()
    stream.settimeout(0.05)
    for _ in range(10):
        stream.sendall(b"u" * 1000)
        with pytest.raises(TimeoutError):
            stream.recv(1000)
    stream.settimeout(60)
    stream.sendall(b"u" * 90_000)
    assert b" 200 " in stream.recv(1000)
    stream.close()


class Client(threading.Thread):
    """Asks all the time, each time for something else; its answers are in `told`."""

    def __init__(self, broker, at):
        super().__init__(daemon=True)
        self.broker, self.at, self.told, self.stops = broker, at, {}, False

    def run(self):
        number = 0
        while not self.stops:
            number += 1
            method = (b"POST", b"PATCH", b"POST", b"GET", b"PUT", b"DELETE")[number % 6]
            target = f"/rest/v1/once/{self.at}-{number}"
            body = b"b" * (10, 10, 100_000)[number % 3]
            status = None
            with contextlib.suppress(OSError):
                with connect(str(self.broker.socket_path)) as stream:
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        stream.sendall(request(method, b"/sandbox" + target.encode(), [b"Connection: close", b"Content-Length: %d" % len(body)],
                                               body if method != b"GET" else b"") if method != b"GET" else
                                       request(method, b"/sandbox" + target.encode(), [b"Connection: close"]))
                    replies = parse(receive(stream, quiet=0.1, patience=30))
                    status = replies[0].status if replies else None
            self.told[target] = (method.decode(), status)
            if status is None or status >= 500:
                time.sleep(0.02)


def times_of(upstream):
    times = {}
    for asked in list(upstream.begun):
        if "/once/" in asked.target:
            times[asked.method, asked.target] = times.get((asked.method, asked.target), 0) + 1
    return times


@contextlib.contextmanager
def asking(broker, upstream, n=6):
    """Meanwhile clients ask. At the end nothing was asked twice, and a caller that was told of success has had it."""
    def answer(asked, line):
        time.sleep((hash(asked.target) % 20) / 1000)
        return plain()
    upstream.answer = answer
    clients = [Client(broker, at) for at in range(n)]
    for client in clients:
        client.start()
    wait_until(lambda: all(client.told for client in clients), "they ask")
    yield clients
    for client in clients:
        client.stops = True
    for client in clients:
        client.join(40)
    twice = {asked: n for asked, n in times_of(upstream).items() if n > 1}
    # Idempotent ones may be sent again on a connection that died without an answer.
    assert not [asked for asked in twice if asked[0] in ("POST", "PATCH")], twice
    whole = {(asked.method, asked.target) for asked in upstream.heard}
    told = {target: outcome for client in clients for target, outcome in client.told.items()}
    assert not [target for target, (method, status) in told.items() if status == 200 and (method, target) not in whole]
    good = sum(status == 200 for _, status in told.values())
    print(f"{len(told)} asked, {good} answered, {len(twice)} idempotent ones twice")
    assert good > 20


@pytest.mark.parametrize("which", ["forwarder", "frontend"])
def test_a_process_is_killed_again_and_again(broker, upstream, which):
    find, wait = (forwarder_of, wait_forwarder) if which == "forwarder" else (frontend_of, wait_frontend)
    with asking(broker, upstream) as clients:
        for _ in range(5):
            pid = wait(broker.process.pid)
            n = len(upstream.heard)
            wait_until(lambda: len(upstream.heard) > n + 10, "requests are carried")
            os.kill(pid, signal.SIGKILL)
            wait(broker.process.pid, but=pid)
    assert any(status != 200 for client in clients for _, status in client.told.values()), "the control: something was lost"


def test_reloads_all_the_time(broker, upstream):
    """None is lost, either."""
    with asking(broker, upstream) as clients:
        for at in range(15):
            broker.local = [KEYS[0], *([KEYS[1]] if at % 2 else [])]
            broker.write_config()
            broker.reload()
    assert {status for client in clients for _, status in client.told.values()} == {200}


def test_restarts(broker, upstream):
    with asking(broker, upstream):
        for _ in range(3):
            n = len(upstream.heard)
            wait_until(lambda: len(upstream.heard) > n + 10, "requests are carried")
            assert broker.stop() == 0
            broker.start()


def test_an_upstream_that_ends_connections_without_an_answer(broker, upstream):
    """POST and PATCH are told to have perhaps been carried out, and are not sent again; whatever the moment."""
    def answer(asked, line):
        if hash(asked.target) % 3 == 0:
            with contextlib.suppress(OSError):
                line.stream.close()
            return None
        return plain()
    with asking(broker, upstream) as clients:
        upstream.answer = answer
        n = len(upstream.heard)
        wait_until(lambda: len(upstream.heard) > n + 300, "requests are carried", timeout=120)
    assert {status for client in clients for method, status in client.told.values() if method in ("POST", "PATCH")} == {200, 502}


def test_a_gateway_that_a_reload_adds(upstream, make_broker):
    """Requests for it wait until its upstream is looked up. Another gateway is there: lanes are, too."""
    off = f"base_url = {upstream.url}"
    on = f"{off}\ngateway = yes\n[gateway production]\nallow = user:root * /rest/v1/**"
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY}, broker="allow = user:root",
                         environments={"sandbox": upstream.gateway(), "production": off}).wait_valid("sandbox", "production")
    wait_forwarder(broker.process.pid)

    def ask_until_answered():
        statuses, begun = set(), time.monotonic()
        while 200 not in statuses and time.monotonic() < begun + 60:
            statuses.add(get(str(broker.socket_path), "/production/rest/v1/a")[0])
        return statuses
    with concurrent.futures.ThreadPoolExecutor() as threads:
        for _ in range(5):
            asking = [threads.submit(ask_until_answered) for _ in range(4)]
            for lines in on, off:
                broker.environments["production"] = lines
                broker.write_config()
                broker.reload()
                if lines == on:
                    assert set().union(*(one.result() for one in asking)) <= {200, 404}
