"""Somebody has got into the frontend, and sends arbitrary messages to the keeper.

Most are sent over a copy of the frontend's end of the pair, which to the keeper is the same; that code in the frontend
can send them as well is shown by the first test.
"""

import contextlib
import fcntl
import http.client
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest

import inside
from broker import binary, frontend_of, wait_frontend, wait_until
from fixtures import is_sanitized
from inside import Inside
from simulator import EXAMPLE_KEY

PAIR = 3
RECORDS_A_MINUTE = 3000
# Of what the keeper may need more than before. A sanitizer keeps what was freed.
LIMIT_KIB = 8 * 1024 if not is_sanitized() else 1024 * 1024


@pytest.fixture(scope="module", autouse=True)
def possible():
    if why := inside.why_not():
        pytest.skip(f"FORGED MESSAGES NOT TESTED: {why}")


@pytest.fixture
def served(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    broker.crashed = None
    return broker


def forged(*words):
    """The bytes of a message, as the structs have it; see forge_message.c."""
    return subprocess.run([binary("tests/security/forge-message"), *map(str, words)], check=True, stdout=subprocess.PIPE).stdout


def pair_of(broker):
    def take():
        with contextlib.suppress(AssertionError, OSError):  # this frontend is about to end, or has just begun
            return inside.socket_of(wait_frontend(broker.process.pid), PAIR)

    pair = wait_until(take, "a frontend with its pair of sockets")
    pair.setblocking(True)  # for the frontend, too; it asks the kernel not to wait each time
    return pair


def asked(upstream):
    return upstream.state("sandbox")["requests"]["token"]


def memory_of(pid):
    """KiB of its own."""
    return int(re.search(r"RssAnon:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_code_in_the_frontend_can_speak(served):
    """The control: an attacker can send all that this file sends."""
    record = forged("record", 4, "said by an attacker\n<0>a line of his own")
    with Inside(wait_frontend(served.process.pid)) as attacker:
        assert attacker.call("sendto", PAIR, record, len(record), 0, 0, 0) == len(record)
    line, = served.wait_log("said by an attacker")
    assert "<0>" in line, "it is one line"
    assert not served.log("^a line of his own")


def test_an_environment_that_there_is_not(served, upstream):
    before, token = asked(upstream), served.token()["ust"]
    frontend = wait_frontend(served.process.pid)
    with pair_of(served) as pair:
        for name in ("nowhere", "production"):
            for kind in ("demand", "refresh"):
                pair.send(forged(kind, name, 2**63, 0))
            pair.send(forged("report", name, 2**63, token))
        pair.send(forged("record", 4, "that was all"))
    served.wait_log("that was all")
    assert served.token()["ust"] == token
    assert frontend_of(served.process.pid) == frontend and asked(upstream) == before


@pytest.mark.slow("wishes a second apart", first=True)
def test_wishes_cost_what_floor_and_budget_allow(served, upstream):
    """However many there are, and however they change: a second lies between two exchanges, and each kind has its few."""
    began, before = time.monotonic(), asked(upstream)
    with pair_of(served) as pair:
        while time.monotonic() < began + 12:
            for _ in range(50):
                pair.send(forged("demand", "sandbox", 1, 7199))
                pair.send(forged("refresh", "sandbox", 2, 0))
                pair.send(forged("report", "sandbox", 3, served.token()["ust"]))
                pair.send(forged("report", "sandbox", 4, os.urandom(16).hex()))
    n = asked(upstream) - before
    assert 1 <= n <= 12, "4 by each kind of wish, and never more than one a second"
    assert served.token()["ust"]


def test_a_token_of_his_own_invention_ends_nothing(served, upstream):
    token, before = served.token()["ust"], asked(upstream)
    with pair_of(served) as pair:
        for _ in range(100):
            pair.send(forged("report", "sandbox", 5, os.urandom(16).hex()))
        pair.send(forged("record", 4, "that was all"))
    served.wait_log("that was all")
    assert served.token()["ust"] == token and asked(upstream) == before


# ---- messages that make no sense ----

def of_type(number, length):
    return struct.pack("I", number) + bytes(length - 4)


NONSENSE = {
    "three bytes": lambda: b"\1\0\0",
    "no type": lambda: of_type(0, 4),
    "a type that there is not": lambda: of_type(1000, 4),
    "the last type of all": lambda: struct.pack("I", 2**32 - 1),
    "the keeper's own": lambda: forged("session"),
    "a type alone": lambda: forged("demand", "sandbox", 1, 0)[:4],
    "a byte more": lambda: forged("demand", "sandbox", 1, 0) + b"\0",
    "a byte less": lambda: forged("demand", "sandbox", 1, 0)[:-1],
    "a report that is cut off": lambda: forged("report", "sandbox", 1, "x" * 4000)[:100],
    "a text without an end": lambda: forged("record", 4, "x" * 1023).replace(b"x\0", b"xx"),
    "a priority that there is not": lambda: forged("record", 0, "all hell"),
    "that it is up, once more": lambda: forged("confined"),  # each costs a status of everything, and forgets a question
    "a name that is none": lambda: forged("demand", "../x", 1, 0),
    "as long as can be sent": lambda: forged("demand", "sandbox", 1, 0).ljust(150 * 1024, b"\0"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_ends_the_frontend(name, served, upstream):
    token, before = served.token()["ust"], asked(upstream)
    frontend = wait_frontend(served.process.pid)
    with pair_of(served) as pair:
        pair.send(NONSENSE[name]())
    wait_frontend(served.process.pid, but=frontend)
    assert served.log("makes no sense: it is ended")
    assert served.token()["ust"] == token and asked(upstream) == before


@pytest.mark.parametrize("length", [0, 200 * 1024])
def test_none_and_too_much(length, served):
    """A message of nothing is the end of the pair; one that is longer than any makes no sense."""
    token, before = served.token()["ust"], memory_of(served.process.pid)
    frontend = wait_frontend(served.process.pid)
    with pair_of(served) as pair:
        pair.send(bytes(length))
    wait_frontend(served.process.pid, but=frontend)
    assert served.token()["ust"] == token
    assert memory_of(served.process.pid) < before + LIMIT_KIB


# ---- too much of it ----

FLOODS = {
    "records": (100_000, lambda: forged("record", 4, "nonsense " * 100)),
    "demands": (8_000, lambda: forged("demand", "sandbox", 1, 0)),
    "reports": (8_000, lambda: forged("report", "sandbox", 1, "x" * 4000)),
    "refreshes": (8_000, lambda: forged("refresh", "sandbox", 1, 0)),
    "reloads": (20_000, lambda: forged("reload", "", 1, 0)),
    "names": (20_000, lambda: forged("names")),
    "groups": (20_000, lambda: forged("groups", 4242)),
}


def send_until_ended(pair, message, n):
    """How many were sent. A frontend that asks faster than it reads the answers is ended."""
    for i in range(n):
        try:
            pair.send(message)
        except (BrokenPipeError, ConnectionResetError):
            return i + 1
    return n


def is_served(broker):
    try:
        return broker.token(timeout=20)["ust"]
    except (ConnectionError, http.client.HTTPException):
        return False  # the frontend was ended meanwhile


@pytest.mark.parametrize("kind", [
    pytest.param(kind, marks=pytest.mark.slow("each is judged") if kind in ("refreshes", "demands", "reports") else ()) for kind in FLOODS])
def test_flood(kind, served, upstream):
    n, make = FLOODS[kind]
    message, keeper = make(), served.process.pid
    before, n_descriptors, lines = memory_of(keeper), descriptors(keeper), len(served.log())
    began, done = time.monotonic(), 0
    while done < n:
        with pair_of(served) as pair:
            done += send_until_ended(pair, message, min(n - done, n // 4))
        wait_until(lambda: is_served(served), "a token, from the next frontend if this one is ended")
    seconds = time.monotonic() - began
    n_lines, grown = len(served.log()) - lines, memory_of(keeper) - before
    print(f"{n} {kind} in {seconds:.1f} s: {n_lines} lines of log, {grown} KiB more, {asked(upstream)} exchanges")
    assert n_lines <= (RECORDS_A_MINUTE * (2 + seconds // 60) if kind == "records" else 0) + 100
    assert grown < LIMIT_KIB
    assert asked(upstream) <= 2 + seconds
    wait_until(lambda: descriptors(keeper) <= n_descriptors + 4, "no descriptors are left over")


def test_records_that_are_not_logged_are_counted(served):
    record = forged("record", 4, "nonsense")
    with pair_of(served) as pair:
        for _ in range(RECORDS_A_MINUTE + 1000):
            pair.send(record)
    wait_until(lambda: int(re.search(r"\neqp_broker_log_dropped_total (\d+)", served.get("/metrics").body.decode())[1]) >= 900,
               "they are counted")


# ---- descriptors ----

@pytest.mark.parametrize(("n", "length"), [(1, 0), (2, 0), (100, 0), (1, 200 * 1024)])
def test_descriptors_that_come_with_a_message_are_closed(n, length, served):
    """Also more than one, and those of a message that is too long to be taken in."""
    keeper, message = served.process.pid, forged("record", 7, "not logged").ljust(length, b"\0")
    served.token()
    before, frontend = descriptors(keeper), wait_frontend(keeper)
    with pair_of(served) as pair, open("/etc/passwd", "rb") as file, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for _ in range(2000 // n):
            socket.send_fds(pair, [message], [file.fileno()] * n)
    if length > 0 or n > 2:
        wait_frontend(keeper, but=frontend)  # one that is too long, or has more than there is room for, makes no sense
    assert served.token()["ust"]
    wait_until(lambda: descriptors(keeper) <= before, f"{before} descriptors are open")


def test_a_descriptor_that_comes_with_no_byte_is_closed(served):
    """A message of nothing is the end of the pair; a descriptor in it must not outlive that."""
    keeper = served.process.pid
    served.token()
    before = descriptors(keeper)
    for _ in range(3):
        frontend = wait_frontend(keeper)
        with pair_of(served) as pair, open("/etc/passwd", "rb") as file:
            socket.send_fds(pair, [b""], [file.fileno()])
        wait_frontend(keeper, but=frontend)
    assert served.token()["ust"]
    wait_until(lambda: descriptors(keeper) <= before, f"{before} descriptors are open")


# ---- a frontend that does not read ----

def test_one_that_reads_nothing_costs_bounded_memory(served):
    """Nobody comes, so nobody asks whether it is well; and there is much to tell."""
    keeper, frontend, token = served.process.pid, wait_frontend(served.process.pid), served.token()["ust"]
    time.sleep(1.5)  # the question after the last answer has been answered
    before, most = memory_of(keeper), 0
    os.kill(frontend, signal.SIGSTOP)
    for _ in range(400):
        served.reload()
        most = max(most, memory_of(keeper))
        if frontend_of(keeper) != frontend:
            break
    assert frontend_of(keeper) != frontend, "it was ended"
    assert served.log("cannot be sent its news")
    print(f"{most - before} KiB")
    assert most < before + LIMIT_KIB
    assert served.token()["ust"] == token


@contextlib.contextmanager
def deaf(broker):
    """The pair of a frontend that has been told all, and reads nothing more until it is ended."""
    wait_until(lambda: is_served(broker), "a token")
    frontend = wait_frontend(broker.process.pid)
    with pair_of(broker) as pair, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        os.kill(frontend, signal.SIGSTOP)
        yield pair
    wait_frontend(broker.process.pid, but=frontend)


def send_and_wait(pair, message):
    """Until the keeper has read it."""
    pair.send(message)
    wait_until(lambda: fcntl.ioctl(pair, termios.TIOCOUTQ, bytes(4)) == bytes(4), "it is read", interval=0)


def test_a_report_is_read_to_its_end_though_its_frontend_is_ended_meanwhile(upstream, make_broker, unwatched):
    """Unwatched keys are read before the exchange that it asks for, and there is no room for that news: the frontend is
    ended while the keeper still has its message in hand."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    question, n = forged("demand", "nowhere", 1, 0), 0
    with deaf(broker) as pair:
        for n in range(20_000):
            send_and_wait(pair, question)
    wait_until(lambda: is_served(broker) and broker.token()["expires_in"] < 7198, "an exchange would be made at once")
    report = forged("report", "sandbox", 2, broker.token()["ust"])
    with deaf(broker) as pair:
        for i in range(20_000):
            # There is room for eight answers then, and not for the keys, which take that of a dozen or more.
            send_and_wait(pair, report if i == n - 8 else question)
    broker.wait_log("the frontend .*: it is ended", 2)
    assert broker.process.poll() is None and broker.wait_valid().token()["ust"]
