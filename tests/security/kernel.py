"""What the kernel tells of a TCP socket, without any of the daemon's caution: the naive way, for comparison.
Also the system calls that Python lacks."""

import ctypes
import fcntl
import os
import socket
import struct

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
ESTABLISHED, FIN_WAIT2, TIME_WAIT, LISTEN = 1, 5, 6, 10


def ask(own_port, other_port, address="127.0.0.1"):
    """(state, uid, inode) of what the kernel finds for the socket 127.0.0.1:own_port → other_port; None."""
    packed = socket.inet_pton(socket.AF_INET, address) + bytes(12)
    body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xffffffff)
    body += struct.pack("!HH", own_port, other_port) + packed + packed
    body += struct.pack("=III", 0, 0xffffffff, 0xffffffff)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as netlink:
        netlink.send(struct.pack("=IHHII", 16 + len(body), SOCK_DIAG_BY_FAMILY, 1, 1, 0) + body)
        data = netlink.recv(4096)
    if struct.unpack_from("=IH", data)[1] != SOCK_DIAG_BY_FAMILY:
        return None
    state = data[17]
    uid, inode = struct.unpack_from("=II", data, 16 + 4 + 48 + 12)
    return state, uid, inode


libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def unshare(flags):
    check(libc.unshare(flags))


def set_dumpable(value=1):
    check(libc.prctl(4, value, 0, 0, 0))


def loopback_up():
    """In this network namespace."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 1 | 64))  # SIOCSIFFLAGS: up, running
