"""Somebody has got into the frontend, and runs code there: the ways that are left.

The daemon is root's, as in a container: calls are refused by the limits that the frontend has set itself, and
not by a user's lack of rights.
"""

import os
import pathlib
import re
import signal
import socket

import pytest

import attacks
import inside
from attacks import Place
from broker import Broker, frontend_of, wait_frontend
from fixtures import is_confined
from simulator import EXAMPLE_KEY


@pytest.fixture(scope="module", autouse=True)
def possible():
    if why := inside.why_not():
        pytest.skip(f"ATTACKS FROM WITHIN NOT TESTED: {why}")


@pytest.fixture(scope="module")
def confined():
    if not is_confined():
        pytest.skip("CONFINEMENT NOT TESTED: this build has none, as with sanitizers")


@pytest.fixture(scope="module")
def elsewhere():
    """The port of somebody who is none of the broker's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture(scope="module")
def captive(confined, session_simulator, elsewhere, tmp_path_factory):
    """One daemon for all attacks, with a connection of each kind: (broker, Place in its frontend)."""
    session_simulator.reset()
    with Broker(session_simulator, keys={"sandbox": EXAMPLE_KEY}) as broker:
        broker.wait_valid()
        broker.crashed = None
        frontend = wait_frontend(broker.process.pid)
        with broker.connection("tcp") as tcp, broker.connection("unix") as unix, attacks.sleeping() as other:
            for connection in (tcp, unix):
                assert connection.ask("GET", "/livez").status == 200
            key = broker.keys_directory / "sandbox"
            listener = number_of_socket(frontend, lambda one: is_listening(one) and one.family == socket.AF_INET)
            yield broker, Place(
                keeper=broker.process.pid, other=other.pid, key=key, settings=broker.config_path,
                folder=tmp_path_factory.mktemp("inside"), port=elsewhere, pair=3,
                listener=listener,
                connection=number_of_socket(frontend, lambda one: has_peer(one, tcp.sock.getsockname())),
                unix=number_of_socket(frontend, lambda one: one.family == socket.AF_UNIX and one.type == socket.SOCK_STREAM
                                      and not is_listening(one)),
                unbound=listener,  # there is none; this one may send to addresses, as the netlink socket does
                handle=attacks.handle_of(key) or b"")


# ---- sockets of the frontend ----

def number_of_socket(pid, fits):
    for number in map(int, os.listdir(f"/proc/{pid}/fd")):
        if os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:"):
            with inside.socket_of(pid, number) as one:
                if fits(one):
                    return number
    raise AssertionError(f"process {pid} has no such socket")


def is_listening(one):
    return one.family != socket.AF_NETLINK and bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def has_peer(one, name):
    try:
        return one.family == socket.AF_INET and one.getpeername() == name
    except OSError:
        return False


# ---- what an attacker leaves behind ----

@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX], ids=["tcp", "unix"])
def test_a_listener_that_was_left_waiting_holds_no_later_frontend(family, upstream, make_broker):
    """Flags of a socket are those of all who have it. An accomplice with a listener can clear them."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    broker.crashed = None
    before = wait_frontend(broker.process.pid)
    os.kill(before, signal.SIGSTOP)
    number = number_of_socket(before, lambda one: is_listening(one) and one.family == family)
    with inside.socket_of(before, number) as one:
        one.setblocking(True)
    os.kill(before, signal.SIGKILL)
    frontend = wait_frontend(broker.process.pid, but=before)
    for _ in range(2):
        for via in ("tcp", "unix"):
            with broker.connection(via) as connection:
                assert connection.ask("GET", "/livez").status == 200
    assert frontend_of(broker.process.pid) == frontend


# ---- the attacks ----

def is_mighty():
    """Root in a container is not: it lacks CAP_SYS_ADMIN and others."""
    return int(re.search(r"CapEff:\s*(\w+)", pathlib.Path("/proc/self/status").read_text())[1], 16) & 1 << 21


@pytest.mark.parametrize("name", attacks.ALL)
def test_outside_it_works(name, elsewhere, tmp_path):
    """The control, in a process that nothing confines."""
    with attacks.open_place(tmp_path, elsewhere) as (pid, place):
        outcome = attacks.outcome_of(pid, place, attacks.ALL[name])
    if outcome in ("ENOSYS", "EPERM", "EACCES", "EOPNOTSUPP", "EPROTONOSUPPORT", "ENOPROTOOPT",
                   "EINVAL", "ended by SIGSEGV") and \
            (name in attacks.MAY_BE_MISSING or not is_mighty()):
        pytest.skip(f"{name}: NOT TESTED OUTSIDE: this kernel does not have it, or root may not: {outcome}")
    assert outcome == "works"


@pytest.mark.parametrize("name", attacks.ALL)
def test_inside_it_is_refused(name, captive):
    broker, place = captive
    frontend = wait_frontend(broker.process.pid)
    outcome = attacks.outcome_of(frontend, place, attacks.ALL[name])
    if name in attacks.OF_ANOTHER_ARCHITECTURE:
        assert outcome == "ended by SIGSYS"
        wait_frontend(broker.process.pid, but=frontend)
    else:
        assert outcome == "ENOSYS"
        assert frontend_of(broker.process.pid) == frontend
    assert broker.token()["ust"]
