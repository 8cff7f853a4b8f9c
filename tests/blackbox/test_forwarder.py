"""The forwarder by itself, as it is shipped: it does its work with what it has left itself."""

import os
import pathlib
import socket
import ssl
import threading

import pytest

from authorities import Authority
from broker import scan, wait_until
from fixtures import is_confined
from forwarder_host import Forwarder, message, sealed

TARGET = "/rest/v1/users/me"


@pytest.fixture
def authorities(upstream):
    return pathlib.Path(upstream.ca_file).read_bytes()


@pytest.fixture
def forwarder():
    with Forwarder() as one:
        one.holds = one.wait_confined()
        yield one


def answered(answer):
    return answer.fail is None and answer.status is not None


def test_it_takes_away_from_itself_what_it_can(forwarder):
    privileges, filtered, _ = forwarder.holds
    assert (privileges, filtered) == (is_confined(), is_confined())


def test_a_request_is_carried(forwarder, upstream, authorities):
    """By a process that can open no file and ask for no name, the first handshake included."""
    forwarder.upstream("sandbox", upstream.urls["sandbox"], authorities)
    lane = forwarder.lane()
    for _ in range(3):
        assert answered(lane.ask("GET", TARGET, token="any-token"))


def test_authorities_of_another_are_not_enough(forwarder, upstream, tmp_path):
    forwarder.upstream("sandbox", upstream.urls["sandbox"], Authority(tmp_path, "other").path.read_bytes())
    answer = forwarder.lane().ask("GET", TARGET, token="any-token")
    assert answer.fail == "unreachable" and not answer.sent
    assert forwarder.hear() == message("stale", "sandbox"), "it is told as stale"


def test_an_upstream_that_is_gone(forwarder, upstream, authorities):
    forwarder.upstream("sandbox", upstream.urls["sandbox"], authorities)
    lane = forwarder.lane()
    assert answered(lane.ask("GET", TARGET))
    forwarder.say("gone", "sandbox")
    forwarder.ping()
    lane.begin("GET", TARGET)
    assert lane.receive(timeout=0.3) is None, "it waits for what comes next"
    forwarder.upstream("sandbox", upstream.urls["sandbox"], authorities)
    assert answered(lane.finish())


def test_it_answers_questions(forwarder):
    assert forwarder.ping(12345) == message("pong", 12345)


def test_at_the_end_it_ends(forwarder):
    forwarder.say("drain")
    assert forwarder.hear() == b""
    assert forwarder.process.wait(20) == 0


def test_without_its_keeper_it_ends(forwarder):
    forwarder.end.close()
    assert forwarder.process.wait(20) == 0


def test_another_version_is_none_of_its():
    with Forwarder(hello="0.0.1") as forwarder:
        assert forwarder.wait_record("the keeper is of version 0.0.1")
        assert forwarder.process.wait(20) == 70


@pytest.mark.parametrize("bytes_", [b"", b"\x0b", b"\0" * 4, b"\x19\0\0\0x"], ids=["nothing", "short", "zeros", "long"])
def test_a_message_that_makes_no_sense_ends_it(forwarder, bytes_):
    forwarder.end.send(bytes_ or b"\xff")
    assert forwarder.wait_record("makes no sense")
    assert forwarder.process.wait(20) == 70


def test_a_message_for_a_frontend_ends_it(forwarder):
    """A token that it is not carrying, say."""
    forwarder.say("session")
    assert forwarder.process.wait(20) == 70


@pytest.mark.parametrize("fault", ["unsealed", "shorter", "none"])
def test_authorities_that_could_change_are_not_taken(forwarder, upstream, authorities, fault):
    fd = sealed(authorities, 0 if fault == "unsealed" else 15)
    length = len(authorities) + (4096 if fault == "shorter" else 0)
    forwarder.say("upstream", "sandbox", upstream.urls["sandbox"], length, "127.0.0.1", fd=None if fault == "none" else fd)
    os.close(fd)
    assert forwarder.wait_record("cannot take in an upstream")
    assert forwarder.process.wait(20) == 70


def test_a_lane_on_which_nonsense_is_said(forwarder):
    lane = forwarder.lane()
    lane.end.send(b"x" * 100)
    assert forwarder.wait_record("lane 0 is closed")
    assert lane.end.recv(100) == b""
    assert forwarder.ping()


# ---- in its memory ----

class Slow(threading.Thread):
    """An upstream that answers when it is let."""

    def __init__(self, authority):
        super().__init__(daemon=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(f"{authority.server}.pem", f"{authority.server}.key")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self.listener.getsockname()[1]}"
        self.may_answer = threading.Semaphore(0)
        self.start()

    def run(self):
        with self.context.wrap_socket(self.listener.accept()[0], server_side=True) as stream:
            while stream.recv(65536):
                self.may_answer.acquire()
                stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def test_a_token_is_in_it_while_it_is_needed(forwarder, tmp_path, plain_build):
    if os.geteuid() != 0:
        pytest.skip("only root may read the memory of another process")
    authority = Authority(tmp_path, "company")
    upstream = Slow(authority)
    tokens = [f"CANARY{os.urandom(24).hex()}" for _ in range(3)]
    forwarder.upstream("sandbox", upstream.url, authority.path.read_bytes())
    lane = forwarder.lane()
    for n, token in enumerate(tokens):
        lane.begin("GET", TARGET, token=token)
        wait_until(lambda: scan(forwarder.process.pid, tokens[n:]) == {token}, "the control: it is carried")
        assert not scan(forwarder.process.pid, tokens[:n])
        upstream.may_answer.release()
        assert answered(lane.finish())
        wait_until(lambda: not scan(forwarder.process.pid, tokens), "it is gone", timeout=5)
