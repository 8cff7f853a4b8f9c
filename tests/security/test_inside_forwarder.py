"""Somebody has got into the forwarder, and runs code there: the ways that are left beside connecting by TCP, which is what the
forwarder is there for.

The daemon is root's, as in a container: calls are refused by the limits that the forwarder has set itself.
"""

import socket

import pytest

import attacks
import inside
from attacks import Place
from broker import Broker, forwarder_of, frontend_of, wait_forwarder, wait_frontend, wait_until
from fixtures import is_confined
from inside import Inside
from simulator import EXAMPLE_KEY

# Calls that it needs, and those that do no harm with its descriptors: it has no listener, and TCP is all that it can make.
LEFT_TO_IT = {
    "socket of IPv4", "socket of IPv6", "connect", "connect a connection to nobody", "shutdown of the listener",
    "fast open on a listener that is shut down",  # ENOTCONN: it is none; the next one is among the others
    "setsockopt on the listener",  # TCP_NODELAY
    "fcntl F_SETFL without O_NONBLOCK", "fcntl F_SETFL with more bits",  # no socket of its is another's as well
    "recvmsg on a connection",  # a lane is read so; packets on it are the frontend's, who has no file either
}
# Attacks that must be there, whatever the list is called.
SURELY_REFUSED = {
    "open a key", "openat a key", "open the settings", "make a file", "memfd_create", "execve", "execveat", "fork", "clone", "clone3",
    "kill the keeper", "kill another", "ptrace the keeper", "process_vm_readv", "pidfd_getfd", "bind", "listen", "accept",
    "socket of unix", "socket of netlink", "socket of datagrams", "raw socket", "socketpair", "fast open by sendmsg",
    "mmap of code", "mprotect to code", "dup", "seccomp", "prctl: dumpable",
}


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
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def make_sockets(forwarder, port):
    """Two in the forwarder: one that is connected, and one that is not."""
    with Inside(forwarder) as process:
        made = [process.call("socket", socket.AF_INET, socket.SOCK_STREAM, 0) for _ in range(2)]
        assert process.call("connect", made[0], attacks.address_of(port), 16) == 0, "that is what it is there for"
    return made


@pytest.fixture(scope="module")
def captive(confined, session_simulator, elsewhere, tmp_path_factory):
    """(broker, Place in its forwarder)"""
    session_simulator.reset()
    with Broker(session_simulator, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": "gateway = yes"}) as broker:
        broker.wait_valid()
        broker.crashed = None
        wait_until(lambda: broker.status()["forwarder"] == "running", "it runs")
        wait_until(lambda: broker.status()["forwarder"] == "running", "it has confined itself")
        connected, fresh = make_sockets(wait_forwarder(broker.process.pid), elsewhere)
        key = broker.keys_directory / "sandbox"
        with attacks.sleeping() as other:
            yield broker, Place(keeper=broker.process.pid, other=other.pid, key=key, settings=broker.config_path,
                                folder=tmp_path_factory.mktemp("inside"), port=elsewhere, pair=3, listener=fresh,
                                connection=connected, unix=connected, unbound=fresh, handle=attacks.handle_of(key) or b"")


def test_the_lists_are_of_attacks_that_there_are():
    assert LEFT_TO_IT | SURELY_REFUSED <= set(attacks.ALL) and not LEFT_TO_IT & SURELY_REFUSED


@pytest.mark.parametrize("name", [name for name in attacks.ALL if name not in LEFT_TO_IT])
def test_inside_it_is_refused(name, captive):
    broker, place = captive
    wait_until(lambda: broker.status()["forwarder"] == "running", "the next one has confined itself, too")
    forwarder = wait_forwarder(broker.process.pid)
    outcome = attacks.outcome_of(forwarder, place, attacks.ALL[name])
    if name in attacks.OF_ANOTHER_ARCHITECTURE:
        assert outcome == "ended by SIGSYS"
        wait_forwarder(broker.process.pid, but=forwarder)
    else:
        assert outcome == "ENOSYS"
        assert forwarder_of(broker.process.pid) == forwarder
    assert broker.token()["ust"]


def test_landlock_is_behind_the_filter(captive):
    """The calls that the filter lets pass, bind aside, are no way to a port of its own: a socket that listens unbound would get one."""
    broker, place = captive
    wait_until(lambda: broker.status()["forwarder"] == "running", "the next one has confined itself, too")
    forwarder = wait_forwarder(broker.process.pid)
    with Inside(forwarder) as process:
        fresh = process.call("socket", socket.AF_INET, socket.SOCK_STREAM, 0)
        for name, *arguments in (("bind", attacks.address_of(0), 16), ("listen", 1)):
            assert process.call(name, fresh, *arguments) == -38


def test_the_others_go_on(captive):
    broker, _ = captive
    assert frontend_of(broker.process.pid) == wait_frontend(broker.process.pid)
    assert broker.token()["ust"]
