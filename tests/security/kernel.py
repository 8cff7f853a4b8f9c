"""The kernel's answers about a TCP socket, without any of the daemon's caution: the naive way, for comparison.
Also the system calls that Python lacks."""

import ctypes
import errno
import fcntl
import os
import socket
import struct

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
CLONE_NEWNS = 0x00020000
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


def refuse_sockets(family):
    """From now on, socket() of that family fails in this process and its children, as under a unit's
    RestrictAddressFamilies= or a container's filter."""
    number = {"x86_64": 41, "aarch64": 198}[os.uname().machine]
    load, equal, give = 0x20, 0x15, 0x06
    program = [(load, 0, 0, 0), (equal, 0, 3, number), (load, 0, 0, 16), (equal, 0, 1, family),
               (give, 0, 0, 0x00050000 | errno.EAFNOSUPPORT), (give, 0, 0, 0x7fff0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    filter = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    check(libc.prctl(38, 1, 0, 0, 0))  # PR_SET_NO_NEW_PRIVS
    check(libc.prctl(22, 2, filter, 0, 0))  # PR_SET_SECCOMP
