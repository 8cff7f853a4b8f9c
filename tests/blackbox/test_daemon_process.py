"""eqp-brokerd as a process: starts that fail, and how it ends."""

import contextlib
import errno
import fcntl
import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from broker import BARE_ENVIRONMENT, PATIENT, binary, run_daemon, standing_still, wait_frontend, wait_until
from simulator import EXAMPLE_KEY

CANNOT_LISTEN, PERMISSION, CONFIGURATION = 69, 77, 78


# starts that fail


def refuse_mlock():
    """As systemd-nspawn does, unless it is told otherwise."""
    import seccomp
    without = seccomp.SyscallFilter(seccomp.ALLOW)
    without.add_rule(seccomp.ERRNO(errno.EPERM), "mlock")
    without.load()


def test_memory_that_cannot_be_locked_and_why(stranger, plain_build):
    pytest.importorskip("seccomp")
    filtered = run_daemon("--check", preexec_fn=refuse_mlock).stderr
    assert "refused whatever the limit (Operation not permitted)" in filtered and "LimitMEMLOCK" not in filtered
    for limit in (0, 1):
        limited = run_daemon("--check", user=stranger, group=stranger, extra_groups=[], preexec_fn=lambda:
                             resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))).stderr
        assert "LimitMEMLOCK=8M" in limited, (limit, limited)


def test_a_port_that_is_taken(make_broker):
    broker = make_broker(start=False)
    with socket.create_server(("127.0.0.1", broker.port)):
        result = run_daemon("--config", broker.config_path)
    assert result.returncode == CANNOT_LISTEN
    assert f"cannot listen on 127.0.0.1:{broker.port}" in result.stderr and "another program listens" in result.stderr
    assert not broker.socket_path.exists()


def test_a_unix_socket_of_a_living_daemon(broker, make_broker):
    other = make_broker(start=False)
    other.port = None
    other.write_config(other.config().replace(str(other.socket_path), str(broker.socket_path)))
    result = run_daemon("--config", other.config_path)
    assert result.returncode == CANNOT_LISTEN and "another program listens there" in result.stderr
    assert broker.token()["ust"], "its socket is still in place"


def test_a_unix_socket_of_another_kind(make_broker):
    """Somebody has it, though nobody can connect to it in our way."""
    broker = make_broker(start=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(broker.socket_path))
        result = run_daemon("--config", broker.config_path)
        assert result.returncode == CANNOT_LISTEN and "another program listens there" in result.stderr
        assert broker.socket_path.is_socket(), "it is still in place"


def test_a_stale_unix_socket_is_replaced(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    broker.process.kill()
    broker.process.wait()
    assert broker.socket_path.is_socket()
    broker.stderr_path.unlink()
    broker.start().wait_valid()
    assert broker.stop() == 0
    assert not broker.socket_path.exists()


@pytest.mark.parametrize("kind", ["file", "directory", "fifo", "link"])
def test_something_else_in_the_place_of_the_unix_socket(make_broker, kind):
    broker = make_broker(start=False)
    path = broker.socket_path
    {"file": lambda: path.write_text("precious"), "directory": path.mkdir, "fifo": lambda: os.mkfifo(path),
     "link": lambda: path.symlink_to("nowhere")}[kind]()
    result = run_daemon("--config", broker.config_path)
    assert result.returncode == CANNOT_LISTEN and "no socket is in its place" in result.stderr
    assert os.path.lexists(path)


def test_the_folder_of_the_unix_socket_is_made(upstream, make_broker):
    broker = make_broker(upstream, start=False)
    broker.socket_path = broker.directory / "run" / "broker.sock"
    broker.write_config()
    broker.start()
    assert broker.get("/livez").status == 200
    broker.stop()
    broker.socket_path = broker.directory / "a" / "b" / "broker.sock"
    broker.write_config()
    result = run_daemon("--config", broker.config_path)
    assert result.returncode == CANNOT_LISTEN and "folder above" in result.stderr


def test_a_path_where_the_user_may_not_bind(stranger, make_broker):
    broker = make_broker(start=False, uid=stranger)
    broker.directory.chmod(0o755)
    os.chown(broker.directory, 0, 0)
    result = run_daemon("--config", broker.config_path, user=stranger, group=stranger, extra_groups=[])
    assert result.returncode == PERMISSION, result.stderr
    assert "cannot listen" in result.stderr and "run it as a user with that right" in result.stderr


def test_a_port_where_the_user_may_not_bind(stranger, make_broker):
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
        if int(file.read()) <= 1:
            pytest.skip("every port is open to everybody here")
    broker = make_broker(start=False, uid=stranger)
    broker.port = 1
    broker.write_config()
    result = run_daemon("--config", broker.config_path, user=stranger, group=stranger, extra_groups=[])
    assert result.returncode == PERMISSION


def test_a_socket_of_another_inode_is_left_alone(broker):
    """Somebody else has put another file in the place: it is not ours to remove."""
    broker.socket_path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(broker.socket_path))
        assert broker.stop() == 0
        assert broker.socket_path.is_socket()


def test_everybody_may_connect(broker):
    assert broker.socket_path.stat().st_mode & 0o777 == 0o666


@pytest.fixture
def defaults():
    """Of several runs of these tests, one has the default port and folder."""
    with open(os.path.join(tempfile.gettempdir(), f"eqp-test-defaults-{os.geteuid()}"), "w", encoding="utf-8") as others:
        fcntl.flock(others, fcntl.LOCK_EX)
        yield


def test_defaults_need_nothing(make_broker, defaults):
    """No configuration at all: it runs, or says which default cannot be had."""
    folder = pathlib.Path("/run/eqp-broker")
    made = not folder.exists()
    if os.path.exists("/etc/eqp-broker/eqp-brokerd.conf") or not made and list(folder.iterdir()):
        pytest.skip("eqp-broker is in use on this host")
    if os.geteuid() != 0:
        assert run_daemon().returncode in (PERMISSION, CANNOT_LISTEN)
        return
    try:
        socket.create_server(("127.0.0.1", 9377)).close()
    except OSError:
        pytest.skip("port 9377 is in use on this host")
    process = subprocess.Popen([binary()], env=BARE_ENVIRONMENT, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        lines = []
        while "started" not in (lines or [""])[-1]:
            lines.append(process.stderr.readline())
            assert lines[-1], lines
        assert "<6>listening on 127.0.0.1:9377\n" in lines
        assert "<6>listening on /run/eqp-broker/eqp-broker.sock\n" in lines
    finally:
        process.terminate()
        rest = process.communicate(timeout=20)[1]
        if made:
            folder.rmdir()
    assert process.returncode == 0, rest


# the end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop(broker, number):
    assert broker.stop(number) == 0
    assert broker.log("^stopped$", priority=6)
    assert not broker.socket_path.exists()
    with pytest.raises(ConnectionRefusedError):
        broker.connect("tcp")


def test_a_waiting_request_is_answered_first(upstream, make_broker):
    with contextlib.ExitStack() as stack:
        with standing_still(upstream.process):
            broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": PATIENT})
            waiting = stack.enter_context(broker.connection())
            waiting.request("GET", "/v1/sandbox/token?wait=20")
            broker.wait_connections(1)
            with broker.connection("tcp") as idle:
                assert idle.ask("GET", "/livez").status == 200
                broker.send(signal.SIGTERM)
                wait_until(lambda: refused(broker), "no connection is accepted any more")
                assert broker.process.poll() is None
                assert idle.sock.recv(1) == b"", "who does not wait for anything is let go"
        answer = waiting.getresponse()
        assert answer.status == 200 and json.loads(answer.read())["ust"]
    assert broker.wait() == 0


def refused(broker):
    try:
        broker.connect("tcp").close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # just as the door closed
    return False


@pytest.fixture
def waiting(upstream, make_broker):
    """A daemon, and a connection with a request in flight that would wait for half a minute."""
    upstream.fault("sandbox", "hang")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         environments={"sandbox": "exchange_timeout = 1min"})
    with broker.connect() as stream:
        stream.sendall(b"GET /v1/sandbox/token?wait=30 HTTP/1.1\r\nHost: a\r\n\r\n")
        broker.wait_connections(1)
        yield broker, stream


def test_a_longer_wait_gets_an_answer_within_5_s(waiting):
    broker, stream = waiting
    started = time.monotonic()
    broker.send(signal.SIGTERM)
    received = stream.makefile("rb").read()
    assert received.startswith(b"HTTP/1.1 503 ") and b'"no_token"' in received
    assert b"Retry-After: 1\r\n" in received and b"Connection: close\r\n" in received
    assert broker.wait() == 0
    assert 2 <= time.monotonic() - started <= 15, "the request would wait for 30 s, the exchange for a minute"


def test_a_second_signal_ends_it_at_once(waiting):
    broker, stream = waiting
    broker.send(signal.SIGTERM)
    wait_until(lambda: refused(broker), "it is stopping")
    assert broker.stop() == 0
    assert stream.makefile("rb").read() == b"", "who would have been answered 4 s after the first one is not any more"


def test_a_request_under_way_is_answered(broker):
    """Its head had begun to come when the end was asked for. The rest has to be there within a second, which a busy
    machine may miss, though not each time."""
    def is_answered():
        with broker.connect("tcp") as stream:
            stream.sendall(b"GET /livez HTTP/1.1\r\n")
            broker.wait_connections(1)
            broker.send(signal.SIGTERM)
            wait_until(lambda: refused(broker), "it is stopping")
            received = b""
            with contextlib.suppress(ConnectionError):
                stream.sendall(f"Host: localhost:{broker.port}\r\n\r\n".encode())
                while more := stream.recv(65536):
                    received += more
        assert broker.wait() == 0
        return received.startswith(b"HTTP/1.1 200 ") or broker.start() and False

    wait_until(is_answered, "an answer")


def test_a_signal_before_the_first_answer(upstream, make_broker):
    upstream.fault("sandbox", "hang")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY})
    assert broker.stop() == 0


def test_sigpipe_and_sigusr(broker):
    broker.send(signal.SIGPIPE)
    assert broker.token()["ust"]


def test_a_log_that_nobody_reads_stops_nothing(upstream, make_broker):
    """The pipe is full: lines are dropped and counted, requests are served."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, start=False)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    broker.process = subprocess.Popen([binary(), "--config", broker.config_path], env=BARE_ENVIRONMENT, stderr=writer,
                                      stdin=subprocess.DEVNULL)
    os.close(writer)
    broker.stderr_path.write_text("")
    broker.wait_listening().wait_valid()
    assert broker.token()["ust"]
    assert "eqp_broker_log_dropped_total 0\n" not in broker.get("/metrics").body.decode()
    os.close(reader)
    assert broker.refresh()["outcome"] == "granted", "a closed pipe is no end either"
    assert broker.stop() == 0


def test_few_descriptors(upstream, make_broker):
    """When they run out, callers queue; nothing breaks."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker="max_connections = 512\nmax_connections_per_user = 512",
                         start=False)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    broker.start()
    broker.wait_valid()
    frontend = wait_frontend(broker.process.pid)
    resource.prlimit(frontend, resource.RLIMIT_NOFILE, (90, hard))
    held = [broker.connect() for _ in range(60)]
    if os.geteuid() == 0:  # nobody else may look
        wait_until(lambda: len(os.listdir(f"/proc/{frontend}/fd")) >= 90, "they have run out")
    for stream in held:
        stream.close()
    assert wait_until(lambda: broker.get("/v1/sandbox/token").status == 200, "served again")


def test_it_sleeps_when_nothing_happens(upstream, make_broker, monkeypatch):
    """No wake-ups: not a tick of CPU time, and no change of context. In /tmp other tests make files all the time,
    and as it leads to the keys, the daemon is told."""
    quiet = [place for place in ("/srv", "/opt", os.path.expanduser("~")) if os.access(place, os.W_OK | os.X_OK)]
    monkeypatch.setattr(tempfile, "tempdir", quiet[0] if quiet else None)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    broker.token()

    processes = broker.process.pid, wait_frontend(broker.process.pid)

    def switches():
        lines = [line for pid in processes for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)

    deadline = time.monotonic() + 180  # mounts and networks of others wake it, as they must
    while time.monotonic() < deadline:
        before = switches()
        time.sleep(0.7)
        if switches() == before:
            return
    raise AssertionError("it never sleeps")
