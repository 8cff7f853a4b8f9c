"""The caller: daemon/frontend/callers/peer on connections that were made to deceive it.

Where the kernel can be made to name the wrong user, the test shows first that it does, asked naively.
"""

import contextlib
import json
import os
import pathlib
import socket
import struct
import subprocess
import tempfile

import pytest

import kernel
from broker import binary, wait_until
from people import ROOT, Person, connect_as, sockets_as

NOBODY = Person("nobody", 65534, 65534)


class Probe:
    """identity-probe with a listening socket."""

    def __init__(self, listener, *arguments, wrapper=(), uid=None):
        os.set_inheritable(listener.fileno(), True)
        identity = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
        fd = listener.fileno()
        command = f"exec 3<&{fd}; exec \"$@\""
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", command, "probe", *wrapper, binary("tests/security/identity-probe"), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=[fd], **identity)
        self.listener = listener

    def order(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the probe ended: {self.process.wait()}"
        return json.loads(line)

    def find(self):
        """Accepts the next connection and says who made it."""
        assert self.order("accept")["accepted"]
        return self.order("find")

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0
        self.process.stdout.close()


@pytest.fixture
def start():
    probes = []

    def make(listener=None, *arguments, **more):
        if listener is None:
            listener = listen()
        probes.append(Probe(listener, *arguments, **more))
        return probes[-1]

    yield make
    for probe in probes:
        probe.close()
        probe.listener.close()


def listen(family=socket.AF_INET, address="127.0.0.1", port=0, dual=False):
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
    listener.bind((address, port))
    listener.listen(16)
    return listener


def port_of(one):
    return one.getsockname()[1]


def test_tcp_of_every_kind(start, alice):
    """IPv4, IPv6, and IPv4 on a dual-stack socket of ours or of the client's, each as root and as somebody else."""
    kinds = [(listen(), "127.0.0.1"), (listen(), "127.0.0.2"), (listen(socket.AF_INET6, "::1"), "::1"),
             (listen(socket.AF_INET6, "::", dual=True), "127.0.0.1"),
             (listen(socket.AF_INET6, "::", dual=True), "::1"), (listen(), "::ffff:127.0.0.1"),
             (listen(socket.AF_INET6, "::ffff:127.0.0.1", dual=True), "127.0.0.1"),
             (listen(socket.AF_INET6, "::ffff:127.0.0.1", dual=True), "::ffff:127.0.0.1")]
    for listener, address in kinds:
        if address == "127.0.0.2":
            listener.close()
            listener = listen(address=address)
        probe = start(listener)
        for person in (ROOT, alice, Person("unlisted", 4_000_000_000, 7)):
            with connect_as(person, (address, port_of(listener))):
                peer = probe.find()
            assert (peer["known"], peer["tcp"], peer["uid"]) == (True, True, person.uid), (address, peer)
            assert peer["gid"] == 0xffffffff and peer["groups"] == [], peer


@pytest.fixture
def open_folder():
    """Everybody gets there; pytest's own folders are for its user alone."""
    with tempfile.TemporaryDirectory(prefix="eqp-probe-") as name:
        os.chmod(name, 0o755)
        yield pathlib.Path(name)


def test_unix_with_groups(start, open_folder):
    path = open_folder / "socket"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o666)
    listener.listen(16)
    probe = start(listener, "20100", "20200")  # groups that rules name
    few, most, too_many = range(20000, 20300), range(20000, 21024), range(20000, 20000 + 65536)
    for person in (ROOT, Person("one", 1234, 4321), Person("many", 1234, 4321, few), Person("most", 1234, 4321, most),
                   Person("too many", 1235, 4321, too_many)):
        with connect_as(person, path):
            peer = probe.find()
        assert (peer["known"], peer["tcp"], peer["uid"], peer["gid"]) == (True, False, person.uid, person.gid)
        assert not peer["later"] and set(peer["groups"]) == set(person.groups) & set(range(20100, 20200))
    # Once more at once: not while others may have their turn. On a busy machine that may be over soon.
    peers = []
    for _ in range(50):
        with connect_as(person, path):
            if probe.find()["later"]:
                wait_until(lambda: not (peers.append(probe.order("find")) or peers[-1]["later"]), "its turn comes")
                assert len(peers[-1]["groups"]) == 100
                return
    raise AssertionError("whoever has so many groups has a turn each time")


@pytest.mark.parametrize("end", ["closed", "became another"])
def test_unix_caller_is_who_connected(start, alice, mallory, end):
    """Nothing that happens between connect() and accept() makes somebody else of it: the kernel kept its word."""
    listener = socket.socket(socket.AF_UNIX)
    name = f"\0eqp-probe-{os.getpid()}"
    listener.bind(name)
    listener.listen(16)
    probe = start(listener)

    def connect():
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(name)
        if end == "became another":
            os.setresuid(*[mallory.uid] * 3)
        return [stream]

    for person in (ROOT, alice) if end == "closed" else (ROOT,):  # root alone may become another
        with sockets_as(person, connect)[0] as stream:
            if end == "closed":
                stream.close()
            peer = probe.find()
        assert peer["known"] and peer["uid"] == person.uid, peer


def test_works_for_an_unprivileged_daemon(start, alice):
    probe = start(uid=54322)
    for person in (ROOT, alice):
        with connect_as(person, ("127.0.0.1", port_of(probe.listener))):
            assert probe.find()["uid"] == person.uid


def test_uid_is_that_of_who_made_the_socket(start, alice, mallory):
    """A change of uid after connect() changes nothing."""
    probe = start()

    def connect_then_change():
        stream = socket.create_connection(("127.0.0.1", port_of(probe.listener)))
        mallory.become()
        return [stream]

    with sockets_as(ROOT, connect_then_change)[0]:
        assert probe.find()["uid"] == 0
    with connect_as(alice, ("127.0.0.1", port_of(probe.listener))):  # the test, root, holds it now
        assert probe.find()["uid"] == alice.uid


@pytest.mark.parametrize("end", ["closed", "reset"])
def test_client_gone_already(start, alice, end):
    """The kernel says "uid 0" of a socket that no process holds any more."""
    probe = start()
    stream = connect_as(alice, ("127.0.0.1", port_of(probe.listener)))
    own, other = port_of(stream), port_of(probe.listener)
    if end == "reset":
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert kernel.ask(own, other)[1] == alice.uid
    assert probe.order("accept")["accepted"]
    stream.close()
    if end == "closed":
        wait_until(lambda: kernel.ask(own, other)[1:] == (0, 0), "the control: naively, this is root")
    peer = probe.order("find")
    assert not peer["known"] and peer["why"], peer


def test_sent_all_and_still_there_is_known(start, alice):
    """A client that shut its sending side down, as `nc -N` does, is no ghost."""
    probe = start()
    with connect_as(alice, ("127.0.0.1", port_of(probe.listener))) as stream:
        stream.shutdown(socket.SHUT_WR)
        peer = probe.find()
    assert peer["known"] and peer["uid"] == alice.uid


@pytest.mark.parametrize("family, address", [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"),
                                             (socket.AF_INET, "::ffff:127.0.0.1")])
def test_reset_connection_whose_port_root_has_now(start, alice, family, address):
    """alice connects and resets before anybody accepts; then root connects from the same port. Alice's dead connection
    is accepted first, and the kernel names the socket that has its addresses now."""
    probe = start(listen(family, address.removeprefix("::ffff:")))
    place = address, port_of(probe.listener)
    dead = connect_as(alice, place, bind=(address, 0))
    own = port_of(dead)
    dead.sendall(b"GET /v1/sandbox/token HTTP/1.1\r\n")
    dead.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    dead.close()
    with connect_as(ROOT, place, bind=(address, own)):
        if family == socket.AF_INET:
            assert kernel.ask(own, place[1])[:2] == (kernel.ESTABLISHED, 0), "the control: naively, this is root"
        peer = probe.find()
        assert not peer["known"] and "reset" in peer["why"], peer
        peer = probe.find()
        assert peer["known"] and peer["uid"] == 0, "root's own connection is root's"


def test_time_wait(start, alice):
    """The client's end in TIME_WAIT: "uid 0" to the naive."""
    probe = start()
    stream = connect_as(alice, ("127.0.0.1", port_of(probe.listener)))
    own, other = port_of(stream), port_of(probe.listener)
    probe.order("accept")
    stream.close()
    wait_until(lambda: kernel.ask(own, other) == (kernel.FIN_WAIT2, 0, 0), "all but TIME_WAIT")
    assert not probe.order("find")["known"]
    probe.order("release")
    wait_until(lambda: kernel.ask(own, other) == (kernel.TIME_WAIT, 0, 0), "TIME_WAIT")


def test_listening_socket_on_the_old_port(start, alice):
    """The connection is forgotten on the client's side, and root listens on its port: then the kernel names
    the listener when asked for the connection."""
    probe = start()
    listener_port = port_of(probe.listener)

    def connect():
        stream = socket.socket()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, 1)  # s; then it is forgotten
        stream.bind(("127.0.0.1", 0))
        stream.connect(("127.0.0.1", listener_port))
        return [stream]

    stream = sockets_as(alice, connect)[0]
    own = port_of(stream)
    probe.order("accept")
    stream.sendall(b"GET /v1/sandbox/token HTTP/1.1\r\n")
    stream.close()
    wait_until(lambda: kernel.ask(own, listener_port) is None, "the connection is forgotten", 20)
    with listen(port=own):
        found = kernel.ask(own, listener_port)
        assert found and found[:2] == (kernel.LISTEN, 0) and found[2], f"the control: naively root: {found}"
        peer = probe.order("find")
    assert not peer["known"], peer


def test_unmapped_user(user_namespaces, start, alice):
    """A daemon in a user namespace sees 65534 for users who are not in it: that is nobody, not everybody."""
    probe = start(None, wrapper=("unshare", "-U", "--map-root-user"))
    with connect_as(ROOT, ("127.0.0.1", port_of(probe.listener))):
        assert probe.find()["uid"] == 0, "the control: who is mapped is known"
    with connect_as(alice, ("127.0.0.1", port_of(probe.listener))):
        peer = probe.find()
    assert not peer["known"] and "namespace" in peer["why"]
    with connect_as(NOBODY, ("127.0.0.1", port_of(probe.listener))):
        assert not probe.find()["known"]


def test_unmapped_user_on_unix(user_namespaces, start, alice):
    listener = socket.socket(socket.AF_UNIX)
    name = f"\0eqp-probe-{os.getpid()}"
    listener.bind(name)
    listener.listen(16)
    probe = start(listener, wrapper=("unshare", "-U", "--map-root-user"))

    def connect():
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(name)
        return [stream]

    with sockets_as(ROOT, connect)[0]:
        assert probe.find()["known"]
    with sockets_as(alice, connect)[0]:
        assert not probe.find()["known"]


def test_root_of_a_user_namespace_is_who_made_it(user_namespaces, start, alice):
    """alice makes herself root in a namespace of her own."""
    probe = start()

    def connect():
        uid = os.getuid()
        kernel.unshare(kernel.CLONE_NEWUSER)
        with open("/proc/self/uid_map", "w") as uid_map:
            uid_map.write(f"0 {uid} 1")
        assert os.getuid() == 0, "the control: inside she is root"
        return [socket.create_connection(("127.0.0.1", port_of(probe.listener)))]

    with sockets_as(alice, connect)[0]:
        assert probe.find()["uid"] == alice.uid


def test_other_network_namespace(start, alice):
    """A listening socket of another network namespace, and in ours a connection of root's with the very same
    addresses and ports, which the kernel names when asked naively."""
    with contextlib.ExitStack() as stack:
        decoy_listener = stack.enter_context(listen())
        decoy = stack.enter_context(connect_as(ROOT, ("127.0.0.1", port_of(decoy_listener))))
        own, other = port_of(decoy), port_of(decoy_listener)

        def elsewhere():
            kernel.unshare(kernel.CLONE_NEWNET)
            kernel.loopback_up()
            listener = listen(port=other)
            os.setresuid(alice.uid, alice.uid, alice.uid)
            stream = socket.socket()
            stream.bind(("127.0.0.1", own))
            stream.connect(("127.0.0.1", other))
            return [listener, stream]

        listener, stream = sockets_as(ROOT, elsewhere)
        stack.enter_context(stream)
        assert kernel.ask(own, other)[:2] == (kernel.ESTABLISHED, 0), "the control: naively, this is root"
        peer = start(listener).find()
        assert not peer["known"] and "network namespace" in peer["why"], peer


def test_no_netlink(start, alice, tmp_path):
    """A kernel without socket diagnosis: TCP callers are unknown, unix ones are not."""
    probe = start(None, "no-finder")
    with connect_as(ROOT, ("127.0.0.1", port_of(probe.listener))):
        peer = probe.find()
    assert not peer["known"] and "socket-diagnosis" in peer["why"]
