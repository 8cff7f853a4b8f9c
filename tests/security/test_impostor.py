"""Somebody else on the broker's port: whom the client library asks, and whom it does not.

Each story plays in name spaces of its own: a loopback interface with a free port 9377, an empty /run, and a
user eqp-broker, unless the story is about a machine that has none.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time
from types import SimpleNamespace

import pytest

import kernel
from fake_broker import TOKEN
from key_desk import TRACED
from people import ROOT, Person, Task, run_as, running_as, sockets_as

BUILD = pathlib.Path(os.environ["EQP_BUILD_DIR"])
EQPCTL = BUILD / "ctl" / "eqpctl"
PROBE = BUILD / "client" / "client-probe"
SANITIZERS = {k: v for k, v in os.environ.items() if k.startswith(("ASAN", "UBSAN", "LSAN"))}
PORT = ("127.0.0.1", 9377)
NAMED = {"EQP_BROKER_ADDRESS": "http://127.0.0.1:9377"}
DONE, FAILED, NOT_ALLOWED, NO_DAEMON = 0, 1, 4, 5
BROKER = Person("eqp-broker", 64123, 64123)
CURRENT = "the-token-that-was-refused"
EVERYWHERE = [("127.0.0.1", False), ("0.0.0.0", False), ("::", True)]


def listen(address="127.0.0.1", wide=False):
    listener = socket.socket(socket.AF_INET6 if wide else socket.AF_INET)
    if wide:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, PORT[1]))
    listener.listen(8)
    return [listener]


def serve(listener, log):
    """Answers everything with a token, and writes down what it was sent."""
    body = json.dumps(TOKEN | {"refreshed": True, "live": True}).encode()
    while True:
        connection, _ = listener.accept()
        with connection:
            received = b""
            while b"\r\n\r\n" not in received or (b"Content-Length: " in received and not received.endswith(b"}")):
                part = connection.recv(65536)
                if not part:
                    break
                received += part
                os.write(log, part)
            if received:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                                   b"Content-Length: %d\r\n\r\n" % len(body) + body)


def play(story, directory, *arguments, user=True):
    """Runs the story in a child, in a place of its own; user: there is a user eqp-broker."""
    etc = directory / "etc"
    etc.mkdir()
    for name in ("group", "nsswitch.conf", "hosts", "ld.so.cache"):
        shutil.copy(f"/etc/{name}", etc)
    lines = [line for line in pathlib.Path("/etc/passwd").read_text().splitlines() if "eqp-broker" not in line]
    lines += [f"eqp-broker:x:{BROKER.uid}:{BROKER.gid}::/:/usr/sbin/nologin"] if user else []
    (etc / "passwd").write_text("\n".join(lines) + "\n")
    for path in (etc, *etc.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)

    def child():
        kernel.unshare(kernel.CLONE_NEWNET | kernel.CLONE_NEWNS)
        kernel.loopback_up()
        for command in (["--make-rprivate", "/"], ["-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"],
                        # The directory: a file's mount goes when useradd puts a new one in its place outside.
                        ["--bind", str(etc), "/etc"]):
            subprocess.run(["mount", *command], check=True)
        return story(*arguments)

    return run_as(ROOT, child)


def ask(person, *command, family=None, **more):
    """The output of a program of that person."""
    def as_person():
        if family is not None:
            kernel.refuse_sockets(family)
        result = subprocess.run(command, env=SANITIZERS | more, capture_output=True, text=True, timeout=30)
        return SimpleNamespace(code=result.returncode, out=result.stdout, err=result.stderr)

    return run_as(person, as_person)


def token(person, **more):
    return ask(person, str(EQPCTL), "token", "sandbox", **more)


def report(person, **more):
    return ask(person, str(PROBE), "probe", "rejected", "sandbox", CURRENT, **more)


class Server:
    """`owner` listens, and `acceptor` accepts and answers. heard() is all that they were sent."""

    def __init__(self, owner, acceptor=None, address="127.0.0.1", wide=False):
        self.reading, self.writing = os.pipe2(os.O_NONBLOCK)
        self.listener, = sockets_as(owner, listen, address, wide)
        self.task = running_as(acceptor or owner, serve, self.listener, self.writing)

    def __enter__(self):
        self.task.__enter__()
        return self

    def __exit__(self, *_):
        self.task.__exit__(None, None, None)
        self.listener.close()

    def heard(self):
        try:
            return os.read(self.reading, 65536)
        except BlockingIOError:
            return b""


def assert_refused(said, *words):
    assert said.code == NO_DAEMON and said.out == "", said
    for word in (*words, "Nothing was sent to it"):
        assert word in said.err, said
    assert TOKEN["ust"] not in said.err


def check_refused(server, victim, *words):
    assert_refused(token(victim), *words)
    told = report(victim).out
    assert "result ECONNREFUSED" in told and "slug not_trusted" in told and "\nust" not in told
    assert server.heard() == b"", "nothing at all was sent"


# the attack


def impostor_story(victim, mallory, address, wide):
    with Server(mallory, address=address, wide=wide) as server:
        # Mallory gets this where nothing prevents it: the client was told that this is the one.
        assert token(victim, **NAMED).out.strip() == TOKEN["ust"]
        assert "refreshed yes" in report(victim, **NAMED).out
        assert CURRENT.encode() in server.heard()

        check_refused(server, victim, f"belongs to user {mallory.uid},")
        assert f"belongs to user {mallory.uid}," in ask(victim, str(EQPCTL), "doctor").out


@pytest.mark.parametrize(["address", "wide"], EVERYWHERE)
def test_another_user_on_the_port_gets_no_report_and_hands_out_no_token(tmp_path, alice, mallory, address, wide):
    play(impostor_story, tmp_path, alice, mallory, address, wide)


def test_root_is_not_taken_in_either(tmp_path, mallory):
    play(impostor_story, tmp_path, ROOT, mallory, "127.0.0.1", False)


def silent_story(victim, mallory):
    """Mallory listens and accepts nobody: the kernel knows no owner of the connection, which reads as root."""
    listener, = sockets_as(mallory, listen)
    with socket.create_connection(PORT) as first:
        assert kernel.ask(PORT[1], first.getsockname()[1]) == (kernel.ESTABLISHED, mallory.uid, 0) or \
            kernel.ask(PORT[1], first.getsockname()[1]) == (kernel.ESTABLISHED, 0, 0)
        begin = time.monotonic()
        assert_refused(token(victim), f"belongs to user {mallory.uid},")
        assert time.monotonic() - begin < 5, "it did not wait for an answer"
    listener.close()


def test_one_who_does_not_accept_is_no_root(tmp_path, alice, mallory):
    play(silent_story, tmp_path, alice, mallory)


def close_at_once(listener):
    while True:
        connection, _ = listener.accept()
        connection.close()


def hasty_story(victim):
    listener, = sockets_as(BROKER, listen)
    with running_as(BROKER, close_at_once, listener):
        said = token(victim)
        assert said.code == FAILED and "broke before the answer" in said.err, said
        assert "--address" not in said.err


def test_a_daemon_that_hangs_up_at_once_is_no_stranger(tmp_path, alice):
    """As one with too many connections does: nobody is to be told to do without the check then."""
    play(hasty_story, tmp_path, alice)


def answer_once(listener, asked, go):
    connection, _ = listener.accept()
    os.write(asked, connection.recv(65536)[:1])
    listener.close()
    os.write(asked, b"x")
    os.read(go, 1)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                       b"Content-Length: 13\r\n\r\n{\"live\":true}")


def later_story(victim, mallory):
    (asked, asked_in), (go, go_in) = os.pipe(), os.pipe()
    daemon, = sockets_as(BROKER, listen)
    with running_as(BROKER, answer_once, daemon, asked_in, go):
        daemon.close()
        asking = Task(ROOT, ask, victim, str(PROBE), "probe", "twice")
        assert (os.read(asked, 1), os.read(asked, 1)) == (b"G", b"x")
        with Server(mallory) as server:
            os.write(go_in, b"x")
            told = asking.result().out
            assert "result ECONNREFUSED" in told and "slug not_trusted" in told, told
            assert server.heard() == b""


def test_each_new_connection_is_looked_at(tmp_path, alice, mallory):
    """The program goes on, the daemon does not: its port is somebody else's at the second request."""
    play(later_story, tmp_path, alice, mallory)


def borrowed_story(victim, mallory):
    with Server(mallory, acceptor=ROOT) as server:
        check_refused(server, victim, f"belongs to user {mallory.uid},")


def early_story(victim, mallory):
    """Root's listening socket, in mallory's hands: once it is accepted, the connection is mallory's."""
    slowly = ["strace", "-qq", "-f", "-o", "/dev/null", "-e", "trace=socket",
              "-e", "inject=socket:delay_enter=1000000"]
    with Server(ROOT, acceptor=mallory) as server:
        assert_refused(ask(victim, *slowly, str(EQPCTL), "token", "sandbox", **TRACED), f"belongs to user {mallory.uid},")
        assert server.heard() == b""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is needed")
def test_the_process_that_accepted_must_be_trusted(tmp_path, alice, mallory):
    play(early_story, tmp_path, alice, mallory)


def test_the_listener_must_be_trusted_even_if_another_accepts(tmp_path, alice, mallory):
    play(borrowed_story, tmp_path, alice, mallory)


def unmapped_story(victim):
    with Server(Person("nobody", 65534, 65534)) as server:
        check_refused(server, victim, "cannot be determined")


def test_nobody_is_nobody(tmp_path, alice):
    play(unmapped_story, tmp_path, alice)


def blind_story(victim):
    with Server(ROOT) as server:
        said = token(victim, family=socket.AF_NETLINK)
        assert_refused(said, "cannot be determined")
        assert re.search(r"--address or EQP_BROKER_ADDRESS", said.err)
        assert server.heard() == b""
        # A client that is told where to ask needs no such socket.
        assert token(victim, family=socket.AF_NETLINK, **NAMED).code == DONE


def test_where_the_kernel_may_not_be_asked_nobody_is_trusted(tmp_path, alice):
    play(blind_story, tmp_path, alice)


# whom it does ask


def good_story(victim, owner, acceptor):
    with Server(owner, acceptor) as server:
        assert token(victim).out.strip() == TOKEN["ust"]
        assert "refreshed yes" in report(victim).out
        assert CURRENT.encode() in server.heard()


@pytest.mark.parametrize("activated", [False, True], ids=["its own listener", "systemd's listener"])
def test_the_daemon_is_asked(tmp_path, alice, activated):
    play(good_story, tmp_path, alice, ROOT if activated else BROKER, BROKER)


def test_a_daemon_of_ones_own_is_asked(tmp_path, alice):
    play(good_story, tmp_path, alice, alice, alice)


def test_without_a_user_of_its_name_every_server_is_asked(tmp_path, alice):
    """As in a pod: the broker is somebody, and there is nobody to compare it with."""
    play(good_story, tmp_path, alice, Person("image", 65532, 65532), None, user=False)


def test_a_client_without_unix_sockets_goes_to_the_port(tmp_path, alice):
    def story():
        with Server(BROKER):
            assert token(alice, family=socket.AF_UNIX).out.strip() == TOKEN["ust"]
    play(story, tmp_path)


# the socket is there


def closed_story(victim):
    path = pathlib.Path("/run/eqp-broker/eqp-broker.sock")
    path.parent.mkdir()
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    path.chmod(0o666)
    with Server(ROOT) as server:
        said = token(victim)  # nobody listens
        assert said.code == NO_DAEMON and "unix:/run/eqp-broker" in said.err and "9377" not in said.err, said
        stale.listen()
        path.chmod(0o600)
        said = token(victim)
        assert said.code == NOT_ALLOWED and "may not be opened" in said.err, said
        assert server.heard() == b""
        path.unlink()
        assert token(victim).code == DONE


def test_a_socket_that_does_not_answer_is_not_passed_over(tmp_path, alice):
    play(closed_story, tmp_path, alice)
