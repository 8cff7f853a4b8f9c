"""eqp-brokerd: how many connections one may have, and the way of those that are more: room is made, waited for, and
only then refused, and nobody is left without an answer."""

import concurrent.futures
import contextlib
import json
import shutil
import signal
import subprocess
import time

import pytest

from broker import Connection, binary, wait_until
from simulator import EXAMPLE_KEY

TOKEN = "/v1/sandbox/token"
HALF = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
PARALLEL = """
const [url, n] = process.argv.slice(1), seen = {};
await Promise.all([...Array(+n)].map(() => fetch(url, {headers: {"EQP-Client": "node"}}).then(
    async answer => { await answer.text(); return answer.status; }, error => error.cause?.code ?? String(error)).then(
    what => { seen[what] = (seen[what] ?? 0) + 1; })));
console.log(JSON.stringify(seen));
"""


def limited(upstream, make_broker, per_user=8, most=32, rules=""):
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                       broker=f"max_connections = {most}\nmax_connections_per_user = {per_user}\n{rules}").wait_valid()


def ask(broker, stream, path=TOKEN):
    return Connection(stream, f"localhost:{broker.port}").ask("GET", path, {"EQP-Client": "limits"})


class Held(contextlib.ExitStack):
    """Connections that are closed in the end."""

    def idle(self, broker, via="unix"):
        """One whose first request was answered."""
        stream = self.enter_context(broker.connect(via))
        assert Connection(stream, f"localhost:{broker.port}").ask("GET", "/livez").status == 200
        return stream

    def busy(self, broker, via="unix"):
        """One whose caller has shown a right, with a request under way that may be so for 10 s."""
        stream = self.enter_context(broker.connect(via))
        connection = Connection(stream, f"localhost:{broker.port}")
        assert connection.ask("GET", TOKEN, {"EQP-Client": "busy"}).status == 200
        stream.sendall(HALF)
        return stream

    def busy_many(self, broker, n):
        """Their halves of a request come last, so that all of them have their 10 s still."""
        streams = []
        for _ in range(n):
            streams.append(self.enter_context(broker.connect()))
            connection = Connection(streams[-1], f"localhost:{broker.port}")
            assert connection.ask("GET", TOKEN, {"EQP-Client": "busy"}).status == 200
        for stream in streams:
            stream.sendall(HALF)
        return streams

    def waiting(self, broker, via="unix", path=TOKEN):
        """One that has just sent its request."""
        stream = self.enter_context(broker.connect(via))
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost:{broker.port}\r\nEQP-Client: waiting\r\n\r\n".encode())
        return stream


def head(stream):
    """The bytes that have come, until nothing more does for a moment."""
    stream.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        return stream.recv(4096)
    return b""


def as_other(stranger, broker, path=TOKEN):
    """A request by another user; its body, which is no error."""
    return subprocess.run(["curl", "-fsS", "--noproxy", "*", "-H", "EQP-Client: x", f"http://127.0.0.1:{broker.port}{path}"],
                          user=stranger, group=stranger, extra_groups=[], cwd="/", capture_output=True, text=True,
                          check=True).stdout


def count(stranger, broker, name):
    """As the daemon sees it, this question included."""
    lines = as_other(stranger, broker, "/metrics").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name + " ")))


@pytest.mark.parametrize("via", ["unix", "tcp"])
def test_many_at_once_of_one_user_are_all_answered(upstream, make_broker, via):
    broker = limited(upstream, make_broker, 64, 512)
    with concurrent.futures.ThreadPoolExecutor(150) as pool:
        assert {answer.status for answer in pool.map(lambda _: broker.get(TOKEN, via=via), range(150))} == {200}


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed (package nodejs)")
@pytest.mark.parametrize("n", [150, 1000])
def test_fetch_of_node_always_settles(upstream, make_broker, n):
    """It waits for ever for the answer to a connection that was closed before its request was sent."""
    broker = limited(upstream, make_broker, 64, 512)
    result = subprocess.run(["node", "--input-type=module", "-e", PARALLEL, f"http://127.0.0.1:{broker.port}{TOKEN}", str(n)],
                            capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout, "it ended with requests that were never settled"
    seen = json.loads(result.stdout)
    assert sum(seen.values()) == n and seen.keys() <= {"200", "429"}, seen
    assert seen["200"] == n if n == 150 else seen["200"] >= 64 + 4 * 64, seen


@pytest.mark.parametrize("via", ["unix", "tcp"])
def test_the_longest_idle_connection_ends_for_a_new_one(stranger, upstream, make_broker, via):
    broker = limited(upstream, make_broker, rules="allow = any")
    with Held() as held:
        idle = [held.idle(broker, via) for _ in range(8)]
        assert ask(broker, idle[0]).status == 200, "it is not the longest idle one any more"
        began = time.monotonic()
        new = [held.idle(broker, via) for _ in range(2)]
        assert time.monotonic() - began < 5
        assert [stream.recv(1) for stream in idle[1:3]] == [b"", b""]
        assert all(ask(broker, stream).status == 200 for stream in [idle[0], *idle[3:], *new])
        assert as_other(stranger, broker)


def test_where_none_is_idle_a_request_waits_for_a_place(stranger, upstream, make_broker):
    broker = limited(upstream, make_broker)
    with Held() as held:
        busy = held.busy_many(broker, 8)
        waiting = [held.waiting(broker) for _ in range(11)]
        assert all(head(stream) == b"" for stream in waiting[::5])
        wait_until(lambda: count(stranger, broker, "eqp_broker_connections_parked") == 7, "some are not even read")
        busy[0].sendall(b"\r\n")
        answer = busy[0].recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 ") and b"\r\nConnection: close\r\n" in answer, "others wait"
        for stream in waiting:
            stream.settimeout(20)
            answer = stream.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert b"Connection: close" not in answer, "nobody waits any more"


@pytest.mark.slow("a place is waited for 10 s")
def test_the_wait_for_a_place_ends_with_an_answer(upstream, make_broker):
    """Of requests that were read, in the reserve, and of connections that were not."""
    broker = limited(upstream, make_broker)
    with Held() as held, Held() as wait:
        for _ in range(8):
            held.busy(broker)
        began = time.monotonic()
        waiting = [wait.waiting(broker) for _ in range(12)]
        seen = []
        for stream in waiting:
            stream.settimeout(30)
            seen.append(stream.recv(4096))
        assert 7 < time.monotonic() - began < 20
        assert all(answer[9:12] in (b"200", b"429") for answer in seen), seen


def test_beyond_what_may_wait_the_answer_is_429(upstream, make_broker):
    broker = limited(upstream, make_broker, per_user=2)
    with Held() as held:
        began = time.monotonic()
        busy = [held.busy(broker) for _ in range(2)]
        waiting = [held.waiting(broker) for _ in range(4 + 8)]
        for n, via in enumerate(("unix", "tcp") * 40):
            if n >= 4 and time.monotonic() - began > 6:
                break  # a request may be under way for 10 s
            answer = broker.get(TOKEN, via=via)
            assert answer.status == 429, answer
            assert answer.error() == (429, "too_many_connections") and answer.retry_after == 1
            assert answer.headers["Connection"] == "close"
        for stream in busy:
            stream.close()
        for stream in waiting:
            stream.settimeout(20)
            assert stream.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert broker.get(TOKEN).status == 200


def test_health_is_answered_beyond_the_limit(stranger, upstream, make_broker):
    broker = limited(upstream, make_broker, rules="allow = any")
    with Held() as held:
        for _ in range(8):
            held.busy(broker)
        for path in ("/livez", "/readyz", "/metrics"):
            assert broker.get(path).status == 200
        assert as_other(stranger, broker), "one user cannot starve the rest"


def test_over_the_limit_counts_are_kept(stranger, upstream, make_broker):
    """By what each has now: a count that is lost would be missed in one of the next turns."""
    broker = limited(upstream, make_broker, per_user=4)
    for _ in range(5):
        with Held() as held:
            busy = [held.busy(broker) for _ in range(4)]
            over = [held.idle(broker) for _ in range(4)]
            waiting = [held.waiting(broker) for _ in range(3)]
            busy.pop().close()
            over[0].settimeout(20)
            assert all(stream.recv(4096).startswith(b"HTTP/1.1 200 ") for stream in waiting)
        wait_until(lambda: count(stranger, broker, "eqp_broker_connections") == 1, "all are gone")


def test_all_places_are_taken(stranger, upstream, make_broker):
    """One's own idle connection ends for a new one; another user's does not."""
    broker = limited(upstream, make_broker, per_user=16, most=16, rules="allow = any")
    with Held() as held:
        idle = [held.idle(broker) for _ in range(16)]
        assert broker.get(TOKEN).status == 200
        assert idle[0].recv(1) == b""
        wait_until(lambda: count(stranger, broker, "eqp_broker_connections") == 16, "that one has gone, too")
        idle[0] = held.idle(broker)
        assert all(ask(broker, stream).status == 200 for stream in idle)
        assert as_other(stranger, broker, "/livez"), "health is answered nevertheless"
        assert all(ask(broker, stream).status == 200 for stream in idle), "nobody lost a connection to him"


def test_parked_connections_are_answered_when_the_daemon_ends(upstream, make_broker):
    broker = limited(upstream, make_broker, per_user=2)
    with Held() as held:
        for _ in range(2):
            held.busy(broker)
        waiting = [held.waiting(broker) for _ in range(4 + 8)]
        began = time.monotonic()
        broker.send(signal.SIGTERM)
        for stream in waiting:
            answer = stream.recv(4096)
            assert answer[9:12] in (b"200", b"429", b"503"), answer
        assert time.monotonic() - began < 8  # the end of a sanitizer is not in it
        assert broker.wait() == 0


def test_descriptors_are_left_for_other_things(stranger, upstream, make_broker, monkeypatch, tmp_path):
    """The number that may be parked shrinks with the limit of open files: 96 are for other things, as are 64 for units that ask for
    credentials, 32 without a place and 64 on their way out."""
    with_few = tmp_path / "with-few"
    with_few.write_text(f'#!/bin/sh\nulimit -n 400\nexec {binary()} "$@"\n')
    with_few.chmod(0o755)
    monkeypatch.setattr("broker.binary", lambda: str(with_few))
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         broker="max_connections = 64\nmax_connections_per_user = 60\nallow = any")
    broker.wait_valid()
    with Held() as held:
        busy = held.busy_many(broker, 60)
        crowd = [held.waiting(broker) for _ in range(300)]
        wait_until(lambda: count(stranger, broker, "eqp_broker_connections_parked") == 400 - (96 + 64 + 32 + 64) - 64, "full")
        assert as_other(stranger, broker)
        for stream in busy:
            stream.close()
        for stream in crowd:
            stream.settimeout(30)
            assert stream.recv(4096)[9:12] in (b"200", b"429")
    assert broker.get(TOKEN).status == 200
