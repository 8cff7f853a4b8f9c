"""eqp-brokerd with a netlink socket that is passed to it, and may have served another process before."""

import errno
import socket
import struct
import subprocess

import pytest

from broker import Connection, open_files, wait_until
from test_daemon_callers import as_user

SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST = 20, 1


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
        wait_until(lambda: readable(netlink) == 0, "it was emptied at the start")
        assert Connection(of_root, f"127.0.0.1:{port}").ask("GET", "/v1/status", {"EQP-Client": "a"}).status == 200
    assert as_user(stranger, broker, "tcp")[0] == 403


def test_answers_that_come_in_between_are_not_believed(activated, sockets, stranger):
    """The socket is shared: questions of another process on it are answered into the same queue."""
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
