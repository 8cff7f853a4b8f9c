"""eqp-brokerd with sockets that are held by somebody else, as systemd does: here the test is the service manager."""

import contextlib
import errno
import os
import pathlib
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import pytest

from broker import BARE_ENVIRONMENT, Connection, binary, open_files, pass_sockets, run_daemon, wait_until
from simulator import EXAMPLE_KEY
from test_daemon_callers import as_user

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST = 4, 20, 1


@pytest.fixture
def sockets():
    """Makes listening sockets: sockets.tcp(), .tcp6(), .unix(), and .netlink(); they end with the test. The one at
    sockets.path is in a place that everybody gets to, which pytest's own directories are not."""

    class Sockets(contextlib.ExitStack):
        def __enter__(self):
            place = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory(prefix="eqp-")))
            place.chmod(0o755)
            self.path = place / "passed.sock"
            return self

        def tcp(self, address="127.0.0.1", backlog=512):
            return self.enter_context(socket.create_server((address, 0), backlog=backlog))

        def tcp6(self):
            try:
                return self.enter_context(socket.create_server(("::1", 0), family=socket.AF_INET6))
            except OSError:
                pytest.skip("no IPv6 here")

        def unix(self, name=None):
            listener = self.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(name or str(self.path))
            listener.listen(512)
            if name is None:
                self.path.chmod(0o666)
            return listener

        def netlink(self, protocol=NETLINK_SOCK_DIAG):
            return self.enter_context(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol))

    with Sockets() as made:
        yield made


@pytest.fixture
def activated(upstream, make_broker):
    """A daemon with these (name, socket) pairs, which asks nobody where to listen."""
    def make(*passed, wait=True, **more):
        more.setdefault("keys", {"sandbox": EXAMPLE_KEY})
        broker = make_broker(upstream, passed=passed, tcp=False, unix=False, start=False, **more)
        broker.broker_lines += "\nlisten = 127.0.0.1:1"  # nobody may listen there but root, and root should not
        broker.write_config()
        for _, held in passed:
            if not isinstance(held, socket.socket):
                continue
            if held.family == socket.AF_INET:
                broker.port = held.getsockname()[1]
            elif held.family == socket.AF_UNIX and held.getsockname():
                broker.socket_path = os.fsdecode(held.getsockname())
        broker.start()
        return broker.wait_obtained() if wait else broker
    return make


# which sockets


def test_tcp_and_unix(activated, sockets):
    broker = activated(("listen", sockets.tcp()), ("listen", sockets.unix()))
    for via in ("tcp", "unix"):
        assert broker.token(via=via)["ust"]
    assert broker.log(f"^listening on 127.0.0.1:{broker.port}$", priority=6)
    assert broker.log(f"^listening on {sockets.path}$", priority=6)
    assert len(broker.log("they take the place of 'listen ='", priority=6)) == 1
    assert not broker.log("127.0.0.1:1$"), "none of the configuration"


def test_the_address_and_port_count_that_the_socket_has(activated, sockets):
    """Against DNS rebinding, the Host must be where the request came in."""
    broker = activated(("listen", sockets.tcp()))
    headers = {"EQP-Client": "a", "Host": "127.0.0.1:9377"}
    assert broker.get("/v1/status", headers, via="tcp").error() == (403, "host_refused")
    headers["Host"] = f"localhost:{broker.port}"
    assert broker.get("/v1/status", headers, via="tcp").status == 200


def test_ipv6(activated, sockets):
    listener = sockets.tcp6()
    broker = activated(("listen", listener))
    port = listener.getsockname()[1]
    with socket.create_connection(("::1", port)) as stream:
        answer = Connection(stream, f"[::1]:{port}").ask("GET", "/v1/sandbox/token", {"EQP-Client": "a"})
    assert answer.status == 200
    assert broker.log(rf"^listening on \[::1\]:{port}$")


def test_an_abstract_unix_socket(activated, sockets):
    broker = activated(("listen", sockets.unix(f"\0eqp-test-{os.getpid()}")))
    assert broker.token()["ust"]
    assert broker.log(f"^listening on @eqp-test-{os.getpid()}$")


def test_callers_are_known_as_ever(activated, sockets, stranger):
    broker = activated(("listen", sockets.tcp()), ("listen", sockets.unix()))
    for via in ("tcp", "unix"):
        status, body = as_user(stranger, broker, via)
        assert (status, b'"caller_refused"' in body) == (403, True)
    assert broker.log(f"refused uid {stranger}")


def test_beyond_loopback_is_refused(activated, sockets):
    broker = activated(("listen", sockets.tcp("0.0.0.0")), ("listen", sockets.unix()))
    assert broker.log("'listen' from the service manager is not used: it listens beyond loopback", priority=3)
    assert broker.token()["ust"]


def test_what_has_no_place_is_closed_and_told(activated, sockets, tmp_path):
    with open(tmp_path / "file", "w+") as file, socket.socket() as unconnected, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        broker = activated(("file", file), ("tcp", unconnected), ("datagrams", datagrams),
                           ("route", sockets.netlink(0)), ("listen", sockets.unix()))
    for name in ("file", "tcp", "datagrams", "route"):
        assert broker.log(f"the descriptor '{name}' from the service manager is not used: ", priority=3)
    assert broker.token()["ust"]
    assert str(tmp_path / "file") not in open_files(broker.process)


def test_nothing_that_was_passed_but_useless(upstream, make_broker, tmp_path):
    """Then it listens where the configuration says."""
    with open(tmp_path / "file", "w+") as file:
        broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, passed=[("x", file)]).wait_valid()
    assert broker.token(via="tcp")["ust"] and not broker.log("take the place")


def test_for_another_process_they_are_none_of_its_business(upstream, make_broker, sockets):
    """The variables are somebody else's: LISTEN_PID is not its own."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env={"LISTEN_FDS": "1", "LISTEN_PID": "1"}).wait_valid()
    assert broker.token(via="tcp")["ust"]


def test_an_announcement_that_makes_no_sense(make_broker, sockets):
    broker = make_broker(start=False)
    command, more = pass_sockets([binary(), "--config", str(broker.config_path)], [("a", sockets.tcp())])
    environment = BARE_ENVIRONMENT | more.pop("env") | {"LISTEN_FDNAMES": "a:b:c"}
    result = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=20, **more)
    assert result.returncode == 70 and "makes no sense" in result.stderr


def test_checking_takes_nothing(activated, sockets):
    """--check of a unit's ExecStartPre= must leave the sockets alone."""
    listener = sockets.tcp()
    broker = activated(("listen", listener))
    result = run_daemon("--config", broker.config_path, "--check", env={"LISTEN_FDS": "1"})
    assert result.returncode == 0
    assert broker.token(via="tcp")["ust"]


# reload and stop


def test_a_reload_leaves_them_as_they_are(activated, sockets):
    broker = activated(("listen", sockets.tcp()), ("listen", sockets.unix()))
    broker.broker_lines = f"listen = {broker.directory}/new.sock"
    broker.write_config()
    broker.reload()
    assert broker.token(via="tcp")["ust"] and broker.token()["ust"]
    assert not (broker.directory / "new.sock").exists()
    assert len(broker.log("^listening on")) == 2


def test_who_waits_at_the_door_is_served_by_the_next_process(activated, sockets):
    broker = activated(("listen", sockets.tcp()), ("listen", sockets.unix()))
    assert broker.stop() == 0
    assert sockets.path.is_socket(), "it was not made by the daemon"
    answers = []
    threads = [threading.Thread(target=lambda via=via: answers.append(broker.get("/v1/sandbox/token", via=via).status))
               for via in ("tcp", "unix") * 4]
    for thread in threads:
        thread.start()
    broker.start()
    for thread in threads:
        thread.join(20)
    assert answers == [200] * 8


def test_a_connection_that_comes_while_it_stops_waits(activated, sockets, upstream):
    upstream.settings("sandbox", latency_ms=1000)
    broker = activated(("listen", sockets.unix()), wait=False)
    answers = []
    first = threading.Thread(target=lambda: answers.append(broker.get("/v1/sandbox/token?wait=20")))
    with broker.connect() as witness:
        broker.wait_connections(1)
        first.start()
        broker.wait_connections(2)
        broker.send(signal.SIGTERM)
        assert witness.recv(1) == b"", "it is stopping"
    second = threading.Thread(target=lambda: answers.append(broker.get("/livez")))
    second.start()
    first.join(10)
    assert answers[0].status == 200 and answers[0].headers["Connection"] == "close"
    assert broker.wait() == 0
    assert second.is_alive()
    broker.start()
    second.join(10)
    assert answers[1].status == 200


def test_the_last_answer_says_so(activated, sockets):
    """And who is just about to ask gets his answer."""
    broker = activated(("listen", sockets.tcp()), ("listen", sockets.unix()))
    for via in ("tcp", "unix"):
        with broker.connection(via) as connection:
            headers = {"EQP-Client": "a"}
            assert "Connection" not in connection.ask("GET", "/v1/sandbox/token", headers).headers
            broker.send(signal.SIGTERM)
            time.sleep(0.02)
            answer = connection.ask("GET", "/v1/sandbox/token", headers)
            assert (answer.status, answer.headers["Connection"]) == (200, "close")
            assert broker.wait() == 0
        broker.start()


def test_idle_connections_hold_nothing_up(activated, sockets):
    broker = activated(("listen", sockets.unix()))
    with contextlib.ExitStack() as held:
        silent = held.enter_context(broker.connect())
        kept = held.enter_context(broker.connection())
        assert kept.ask("GET", "/livez").status == 200
        broker.wait_connections(2)
        time.sleep(0.3)  # longer than the quiet that is waited for
        started = time.monotonic()
        broker.send(signal.SIGTERM)
        assert broker.wait() == 0
        assert time.monotonic() - started < 1
        assert silent.recv(1) == b"" and kept.sock.recv(1) == b""


# the netlink socket


def question(sequence, source_port, destination_port):
    """Who holds the end at source_port of this connection on 127.0.0.1? See sock_diag(7)."""
    home = socket.inet_aton("127.0.0.1") + bytes(12)
    body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xffffffff)
    body += struct.pack("!HH", source_port, destination_port) + home + home + struct.pack("=III", 0, 0xffffffff, 0xffffffff)
    return struct.pack("=IHHII", 16 + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, sequence, 0) + body


def readable(netlink):
    while True:
        try:
            return len(netlink.recv(65536, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return 0
        except OSError as error:
            assert error.errno == errno.ENOBUFS, "some were lost, which is told once"


def netlink_sockets(process):
    """How many the process has open."""
    with open("/proc/net/netlink") as file:
        inodes = {line.split()[-1] for line in file.readlines()[1:]}
    return sum(link.startswith("socket:[") and link[8:-1] in inodes for link in open_files(process))


def test_a_netlink_socket_takes_the_place_of_its_own(activated, sockets, stranger):
    netlink = sockets.netlink()
    broker = activated(("listen", sockets.tcp()), ("listen", netlink), ("listen", sockets.unix()))
    assert broker.token(via="tcp")["ust"]
    assert as_user(stranger, broker, "tcp")[0] == 403
    assert broker.log(f"refused uid {stranger}")
    assert netlink_sockets(broker.process) == 1
    assert readable(netlink) == 0


def test_a_second_one_is_too_many(activated, sockets):
    broker = activated(("listen", sockets.tcp()), ("a", sockets.netlink()), ("b", sockets.netlink()))
    assert broker.log("'b' from the service manager is not used: there are too many", priority=3)
    assert broker.token(via="tcp")["ust"] and netlink_sockets(broker.process) == 1


def test_answers_to_an_earlier_process_are_not_believed(activated, sockets, stranger):
    """A process that died between question and answer leaves the answer in the socket. Here hundreds of them say that
    root holds the very connection that a stranger is going to make, with the first sequence numbers that there are."""
    listener, netlink = sockets.tcp(), sockets.netlink()
    port = listener.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)) as of_root:
        source = of_root.getsockname()[1]
        for sequence in range(200):
            netlink.sendto(question(sequence, source, port), (0, 0))
        assert readable(netlink) > 0
        broker = activated(("listen", listener), ("listen", netlink))
        assert readable(netlink) == 0, "it was emptied at the start"
        assert Connection(of_root, f"127.0.0.1:{port}").ask("GET", "/v1/status", {"EQP-Client": "a"}).status == 200
    assert as_user(stranger, broker, "tcp")[0] == 403


def test_answers_that_come_in_between_are_not_believed(activated, sockets, stranger):
    """The socket is shared: what another process asks on it is answered into the same queue."""
    listener, netlink = sockets.tcp(), sockets.netlink()
    port = listener.getsockname()[1]
    broker = activated(("listen", listener), ("listen", netlink))
    with broker.connect("tcp") as of_root:
        source = of_root.getsockname()[1]
        for sequence in (0, 1, 2, 3, 2**31, 2**32 - 1):
            netlink.sendto(question(sequence, source, port), (0, 0))
        status, body = as_user(stranger, broker, "tcp")
        assert (status, b'"caller_refused"' in body) == (403, True)
        for sequence in range(200):
            netlink.sendto(question(sequence, source, port), (0, 0))
        assert broker.token(via="tcp")["ust"], "it finds its own answer all the same"


def test_connections_of_another_network_namespace_are_unknown(activated, sockets, tmp_path):
    """The netlink socket answers for the namespace that it was opened in: the same ports elsewhere are other people's."""
    code = ("import array, socket, sys, time\n"
            "s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)\n"
            "u = socket.socket(socket.AF_UNIX); u.connect(sys.argv[1])\n"
            "u.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [s.fileno()]))])\n")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "door"))
        door.listen()
        result = subprocess.run(["unshare", "-n", "/usr/bin/python3", "-c", code, str(tmp_path / "door")], timeout=20,
                                capture_output=True, text=True)
        if result.returncode != 0:
            pytest.skip("no network namespace can be made here")
        with door.accept()[0] as end:
            _, descriptors, _, _ = socket.recv_fds(end, 1, 1)
    with socket.socket(fileno=descriptors[0]) as netlink:
        broker = activated(("listen", sockets.tcp()), ("listen", sockets.unix()), ("listen", netlink))
        answer = broker.get("/v1/sandbox/token", via="tcp")
        assert answer.error() == (403, "caller_unknown") and "network namespace" in answer.json()["message"]
        assert broker.token()["ust"]


# no request is lost


class Client(threading.Thread):
    """Asks for the token again and again: kept connections until an answer says that it was the last, or a new one each
    time. It never looks whether its connection still is."""

    def __init__(self, broker, via, kept, pause):
        super().__init__()
        self.broker, self.via, self.kept, self.pause = broker, via, kept, pause
        self.over, self.served, self.failures = threading.Event(), 0, []

    def connection(self):
        return Connection(self.broker.connect(self.via),
                          "localhost" if self.via == "unix" else f"127.0.0.1:{self.broker.port}")

    def run(self):
        connection = None
        while not self.over.is_set():
            try:
                connection = connection or self.connection()
                answer = connection.ask("GET", "/v1/sandbox/token", {"EQP-Client": "load"})
                if answer.status == 200:
                    self.served += 1
                else:
                    self.failures.append(answer)
                if not self.kept or answer.headers["Connection"] == "close":
                    connection.sock and connection.sock.close()
                    connection = None
            except (OSError, AssertionError) as error:
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
            assert broker.get("/livez", via="tcp").status == 200
            waits.append(time.monotonic() - started)
            time.sleep(0.1)
    finally:
        for client in clients:
            client.over.set()
        for client in clients:
            client.join()
    print(f"{sum(client.served for client in clients)} requests, restart to answer at most {max(waits):.3f} s")
    assert not [client for client in clients if client.failures], clients
    assert all(client.served > 20 for client in clients), clients
    assert max(waits) < 6


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
    finally:
        for client in clients:
            client.over.set()
        for client in clients:
            client.join()
    assert not [client for client in clients if client.failures], clients
    assert not [client for client in clients if client.served < 20], clients
