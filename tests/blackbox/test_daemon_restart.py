"""The end of eqp-brokerd, and the next one: nobody loses a request. The listening sockets are the test's, as systemd's."""

import contextlib
import select
import signal
import threading
import time

import pytest

from broker import PATIENT, Connection, standing_still, wait_until
from slow_clients import OWN_ERROR, deaf_client


def test_a_waiting_client_is_served_by_the_next_process(activated, sockets):
    broker = activated(("listen", sockets.tcp()), ("listen", sockets.unix()))
    assert broker.stop() == 0
    assert sockets.path.is_socket(), "it was not made by the daemon"
    answers = []
    threads = [threading.Thread(target=lambda via=via: answers.append(broker.get("/v1/sandbox/token?wait=20", via=via).status))
               for via in ("tcp", "unix") * 4]
    for thread in threads:
        thread.start()
    broker.start()
    for thread in threads:
        thread.join(20)
    assert answers == [200] * 8


def test_a_connection_that_comes_while_it_stops_waits(activated, sockets, upstream):
    answers = []
    with contextlib.ExitStack() as stack:
        with standing_still(upstream.process):
            broker = activated(("listen", sockets.unix()), wait=False,
                               environments={"sandbox": PATIENT})
            first = stack.enter_context(broker.connection())
            first.request("GET", "/v1/sandbox/token?wait=20")
            with broker.connect() as witness:
                broker.wait_connections(2)
                broker.send(signal.SIGTERM)
                assert witness.recv(1) == b"", "it is stopping"
            second = threading.Thread(target=lambda: answers.append(broker.get("/livez", timeout=60)))
            second.start()
        answer = first.getresponse()
        assert answer.status == 200 and answer.headers["Connection"] == "close"
        answer.read()
    assert broker.wait() == 0
    assert second.is_alive()
    broker.start()
    second.join(60)
    assert answers[0].status == 200


def test_the_last_answer_says_so(activated, sockets):
    """And a client that is just about to ask gets its answer. On a busy machine it may be asked to end too late for that answer,
    or half a second before the request, but not each time."""
    broker = activated(("listen", sockets.tcp()), ("listen", sockets.unix()))

    def says_so(via):
        headers, answer = {"EQP-Client": "a"}, None
        with broker.connection(via) as connection:
            assert "Connection" not in connection.ask("GET", "/v1/sandbox/token", headers).headers
            broker.send(signal.SIGTERM)
            time.sleep(0.02)
            with contextlib.suppress(ConnectionError):
                answer = connection.ask("GET", "/v1/sandbox/token", headers)
                assert answer.status == 200
        assert broker.wait() == 0
        broker.start().wait_valid()
        return answer and answer.headers["Connection"] == "close"

    for via in ("tcp", "unix"):
        wait_until(lambda via=via: says_so(via), f"a last answer on {via}")


def ended_in(broker):
    """Ends the process, and begins the next one. Returns how many seconds the end took; a machine that does something else as
    well may add some, but not each time."""
    time.sleep(0.6)  # longer than the quiet that is waited for
    started = time.monotonic()
    broker.send(signal.SIGTERM)
    assert broker.wait() == 0
    took = time.monotonic() - started
    broker.start()
    return took


def test_idle_connections_hold_nothing_up(activated, sockets):
    broker = activated(("listen", sockets.unix()))

    def stops():
        with contextlib.ExitStack() as held:
            silent = held.enter_context(broker.connect())
            kept = held.enter_context(broker.connection())
            assert kept.ask("GET", "/livez").status == 200
            broker.wait_connections(2)
            took = ended_in(broker)
            assert silent.recv(1) == b"" and kept.sock.recv(1) == b""
        return took
    assert any(stops() < 4 for _ in range(3)), "5 s is how long it waits at the most"


@pytest.mark.parametrize("more", [OWN_ERROR, 2 * OWN_ERROR])
def test_a_client_that_reads_no_answer_holds_nothing_up(activated, sockets, more):
    """It is idle to us, as all its requests were answered; and libmicrohttpd waits for it."""
    broker = activated(("listen", sockets.unix()))

    def stops():
        with deaf_client(broker, more):
            return ended_in(broker)
    assert any(stops() < 4.5 for _ in range(3)), "the limit of all is 5 s"


REQUEST = b"GET /v1/sandbox/token HTTP/1.1\r\nHost: localhost\r\nEQP-Client: a\r\n\r\n"
CROWD = 200
OK = b"HTTP/1.1 200 OK"


def is_closed(stream):
    look = select.poll()
    look.register(stream, select.POLLRDHUP)
    return bool(look.poll(0))


def status_line(stream):
    """Of the answer; empty if there is none."""
    try:
        return stream.recv(65536).partition(b"\r\n")[0]
    except ConnectionError:
        return b""


@pytest.mark.parametrize("via", ["tcp", "unix"])
def test_a_request_before_the_end_of_a_connection_is_answered(activated, sockets, via):
    """Idle connections end all at once, the newest first; their clients send in the same moment, the oldest first. A client
    that does not see an end right after it has sent is answered; one that sees an end knows that it was too late. Only over TCP, and
    where the two meet, one request may come between the daemon's look for it and the end."""
    broker = activated(("listen", sockets.tcp()), ("listen", sockets.unix()),
                       broker=f"max_connections_per_user = {CROWD + 10}\nmax_connections = {CROWD + 10}")
    request = REQUEST.replace(b"localhost", f"localhost:{broker.port}".encode()) if via == "tcp" else REQUEST
    in_time_of_all = lost = 0
    for _ in range(10):
        with contextlib.ExitStack() as held:
            crowd = [held.enter_context(broker.connect(via)) for _ in range(CROWD)]
            for stream in crowd:
                stream.sendall(request)
                assert status_line(stream) == OK
            time.sleep(0.6)  # longer than the quiet that is waited for
            broker.send(signal.SIGTERM)
            in_time = []
            for stream in crowd:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    stream.sendall(request)
                    if not is_closed(stream):
                        in_time.append(stream)
            unanswered = [stream for stream in in_time if status_line(stream) != OK]
            assert len(unanswered) <= (via == "tcp"), f"of {len(in_time)} that were in time"
            in_time_of_all, lost = in_time_of_all + len(in_time), lost + len(unanswered)
        assert broker.wait() == 0
        broker.start().wait_valid()
    print(f"{in_time_of_all} in time, {lost} of them lost")


class Client(threading.Thread):
    """Asks for the token again and again: kept connections until an answer says that it was the last, or a new one each
    time. It never looks whether its connection still is. But it is not to blame on the daemon that it was not run for so
    long after an answer that its connection was an idle one."""

    QUIET = 0.45  # s; the daemon lets go who is idle for 0.5 s

    def __init__(self, broker, via, kept, pause):
        super().__init__()
        self.broker, self.via, self.kept, self.pause = broker, via, kept, pause
        self.over, self.served, self.failures, self.late = threading.Event(), 0, [], 0

    def connection(self):
        return Connection(self.broker.connect(self.via),
                          "localhost" if self.via == "unix" else f"127.0.0.1:{self.broker.port}")

    def was_late(self, connection, before):
        """Was it long ago that the request before was sent (or the connection made), when this one was? If it could not
        even be sent, that was just now."""
        sent = connection.sent if (connection.sent or 0) > before else time.monotonic()
        return sent - before > self.QUIET

    def run(self):
        connection, before = None, 0
        while not self.over.is_set():
            try:
                if connection is None:
                    before = time.monotonic()
                    connection = self.connection()
                answer = connection.ask("GET", "/v1/sandbox/token?wait=20", {"EQP-Client": "load"})
                before = connection.sent
                if answer.status == 200:
                    self.served += 1
                else:
                    self.failures.append(answer)
                if not self.kept or answer.headers["Connection"] == "close":
                    connection.sock and connection.sock.close()
                    connection = None
            except (OSError, AssertionError) as error:
                if connection is not None and isinstance(error, ConnectionError) and self.was_late(connection, before):
                    self.late += 1
                else:
                    self.failures.append(error)
                connection = None
            time.sleep(self.pause)

    def __repr__(self):
        return f"{self.via} {'kept' if self.kept else 'fresh'} {self.pause}: {self.served}, {self.failures[:3]}"


def test_no_request_is_lost_over_20_restarts(activated, sockets, upstream):
    broker = activated(("listen", sockets.tcp()), ("listen", sockets.unix()), ("listen", sockets.netlink()),
                       broker="max_connections_per_user = 256")
    clients = [Client(broker, via, kept, pause) for via in ("tcp", "unix") for kept in (True, False)
               for pause in (0, 0.02)]
    for client in clients:
        client.start()
    waits = []
    try:
        for _ in range(20):
            started = time.monotonic()
            assert broker.stop() == 0
            broker.start(wait=False)
            assert broker.get("/livez", via="tcp", timeout=60).status == 200
            waits.append(time.monotonic() - started)
            time.sleep(0.1)
        wait_until(lambda: all(client.served > 20 for client in clients), "20 requests of each")
    finally:
        for client in clients:
            client.over.set()
        for client in clients:
            client.join()
    print(f"{sum(client.served for client in clients)} requests, {sum(client.late for client in clients)} of which came "
          f"too late, restart to answer at most {max(waits):.3f} s")
    assert not [client for client in clients if client.failures], clients
    assert sum(client.late for client in clients) <= 20, "one for each restart would be no chance"
    assert sorted(waits)[10] < 6, waits


def test_no_request_is_lost_over_reloads(activated, sockets):
    broker = activated(("listen", sockets.tcp()), ("listen", sockets.unix()), ("listen", sockets.netlink()))
    clients = [Client(broker, via, kept, 0) for via in ("tcp", "unix") for kept in (True, False)]
    for client in clients:
        client.start()
    try:
        for n in range(20):
            broker.environments["production"] = f"lifetime = {n + 1}h"
            broker.write_config()
            assert broker.post("/v1/reload").status == 200
        wait_until(lambda: all(client.served >= 20 for client in clients), "20 requests of each")
    finally:
        for client in clients:
            client.over.set()
        for client in clients:
            client.join()
    assert not [client for client in clients if client.failures], clients
