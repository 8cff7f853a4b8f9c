"""Attempts of an attacker who runs code in the frontend, or in the forwarder. Each attack is one function or one system call,
and is run against any process: in the frontend each must be refused, in the forwarder nearly so, and in a process that is not confined it works.

The argument of an attack (Place) says where things are in the process, and in the world around it.
"""

import contextlib
import ctypes
import dataclasses
import errno
import fcntl
import os
import pathlib
import signal
import socket
import struct
import subprocess

from broker import wait_until
from inside import Ended, Executed, Inside, libc

AT_FDCWD = -100
O_RDWR, O_CREAT = 2, 0o100
MSG_FASTOPEN = 0x20000000
PROT_RWX, PROT_RX, ANONYMOUS = 7, 5, 0x22
STREAM = socket.SOCK_STREAM


def text(words):
    return str(words).encode() + b"\0"


def address_of(port, host="127.0.0.1"):
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)


@dataclasses.dataclass
class Place:
    """keeper, other: processes. Descriptors in the process: pair, to the keeper; listener, connection, of TCP; unix,
    a connection on a unix socket; unbound, a new TCP socket, of which the frontend has none. key, settings: files.
    folder: where the test may make files. port: where somebody listens who is none of the broker's."""
    keeper: int
    other: int
    key: pathlib.Path
    settings: pathlib.Path
    folder: pathlib.Path
    port: int
    pair: int
    listener: int
    connection: int
    unix: int
    unbound: int
    handle: bytes = b""


# ---- those of several calls; each returns what the first one that is refused was answered, or the last one ----

def fast_open(inside, place):
    """A listener that is shut down is a socket like any other, and can be made to connect to anywhere."""
    result = inside.call("shutdown", place.listener, 2)
    return result if result < 0 else send_fast(inside, place, place.listener)


def send_fast(inside, place, fd):
    """sendmsg with MSG_FASTOPEN: by this a socket connects without connect()."""
    name, part = inside.place(address_of(place.port)), inside.place(b"x")
    vector = inside.place(struct.pack("QQ", part, 1))
    return inside.call("sendmsg", fd, struct.pack("QI4xQQQQI4x", name, 16, vector, 1, 0, 0, 0), MSG_FASTOPEN)


def steal(inside, place):
    """A descriptor of the keeper's: its memory of sessions, its upstream connection, its sockets."""
    result = inside.call("pidfd_open", place.keeper, 0)
    return result if result < 0 else inside.call("pidfd_getfd", result, 0, 0)


def read_memory_by_file(inside, place):
    result = inside.call("open", text(f"/proc/{place.keeper}/mem"), 0)
    return result if result < 0 else inside.call("pread64", result, bytes(8), 8, some_address(place.keeper))


def some_address(pid):
    return int(pathlib.Path(f"/proc/{pid}/maps").read_text().split("-")[0], 16)


def read_memory(inside, place):
    here, there = inside.place(bytes(8)), some_address(place.keeper)
    return inside.call("process_vm_readv", place.keeper, struct.pack("QQ", here, 8), 1, struct.pack("QQ", there, 8), 1, 0)


def write_memory(inside, place):
    line = next(line for line in pathlib.Path(f"/proc/{place.keeper}/maps").read_text().splitlines() if " rw-p " in line)
    here, there = inside.place(bytes(8)), int(line.split("-")[0], 16)
    return inside.call("process_vm_writev", place.keeper, struct.pack("QQ", here, 8), 1, struct.pack("QQ", there, 8), 1, 0)


def run_from_memory(inside, _):
    result = inside.call("memfd_create", text("a"), 0)
    if result < 0:
        return result
    fd = result
    program = pathlib.Path("/bin/true").read_bytes()
    result = inside.call("write", fd, program, len(program))
    return result if result < 0 else inside.call("execveat", fd, text(""), 0, 0, 0x1000)


def run_in_memory(inside, _):
    """The written bytes are to be run."""
    result = inside.call("mmap", 0, 4096, 3, ANONYMOUS, -1, 0)
    return result if result < 0 else inside.call("mprotect", result, 4096, PROT_RX)


def lend_out(inside, place):
    """By an accomplice's message on a connection, a descriptor is got that was never given."""
    head = struct.pack("QI4xQQQQI4x", 0, 0, inside.place(struct.pack("QQ", inside.place(bytes(64)), 64)), 1,
                       inside.place(bytes(64)), 64, 0)
    return inside.call("recvmsg", place.unix, head, 0x40)


def attach_filter(inside, place):
    """A program for the kernel, of the attacker's own."""
    return inside.call("setsockopt", place.connection, socket.SOL_SOCKET, 26, program(inside), 16)


def load_filter(inside, _):
    return inside.call("seccomp", 1, 0, program(inside))


def program(inside):
    """That lets everything pass."""
    return struct.pack("H6xQ", 1, inside.place(struct.pack("=HBBI", 0x06, 0, 0, 0x7fff0000)))


def by_i386(number, *arguments):
    def attack(inside, _):
        return inside.call_of_i386(number, *arguments)
    return attack


def call(name, *arguments):
    """An attack of one call. An argument may be a function of the place."""
    def attack(inside, place):
        return inside.call(name, *(one(place) if callable(one) else one for one in arguments))
    return attack


def keeper(place):
    return place.keeper


def other(place):
    return place.other


def listener(place):
    return place.listener


def connection(place):
    return place.connection


def unbound(place):
    return place.unbound


def new_file(place):
    return text(place.folder / f"made-{os.urandom(4).hex()}")


FORK = signal.SIGCHLD
HOW = struct.pack("QQQ", 0, 0, 0)  # openat2
CLONE3 = struct.pack("QQQQQQQQ", 0, 0, 0, 0, FORK, 0, 0, 0)
UNLIMITED = b"\xff" * 16

FILES = {
    "open a key": call("open", lambda place: text(place.key), 0),
    "openat a key": call("openat", AT_FDCWD, lambda place: text(place.key), 0),
    "openat2 a key": call("openat2", AT_FDCWD, lambda place: text(place.key), HOW, len(HOW)),
    "open the settings": call("openat", AT_FDCWD, lambda place: text(place.settings), 0),
    "open the user database": call("openat", AT_FDCWD, text("/etc/passwd"), 0),
    "open a folder": call("openat", AT_FDCWD, text("/"), 0o200000),
    "open its own memory, for code": call("openat", AT_FDCWD, text("/proc/self/mem"), O_RDWR),
    "read the keeper's memory by its file": read_memory_by_file,
    "make a file": call("openat", AT_FDCWD, new_file, O_RDWR | O_CREAT, 0o600),
    "creat": call("creat", new_file, 0o600),
    "open_by_handle_at": call("open_by_handle_at", AT_FDCWD, lambda place: place.handle, 0),
    "io_uring_setup": call("io_uring_setup", 4, bytes(120)),
    "memfd_create": call("memfd_create", text("a"), 0),
    "memfd_secret": call("memfd_secret", 0),
    "readlink": call("readlink", text("/proc/self/exe"), bytes(256), 256),
    "readlinkat": call("readlinkat", AT_FDCWD, text("/proc/self/exe"), bytes(256), 256),
    "stat": call("stat", text("/etc/passwd"), bytes(256)),
    "newfstatat": call("newfstatat", AT_FDCWD, text("/etc/passwd"), bytes(256), 0),
    "statx": call("statx", AT_FDCWD, text("/etc/passwd"), 0, 0x7ff, bytes(256)),
    "access": call("access", text("/etc/passwd"), 0),
    "mkdir": call("mkdir", new_file, 0o700),
    "unlink": call("unlink", lambda place: text(place.key)),
    "rename": call("rename", lambda place: text(place.key), new_file),
    "link": call("link", lambda place: text(place.key), new_file),
    "symlink": call("symlink", text("/"), new_file),
    "mknod": call("mknod", new_file, 0o10600, 0),
    "chmod": call("chmod", lambda place: text(place.key), 0o666),
    "chown": call("chown", lambda place: text(place.key), 1, 1),
    "truncate": call("truncate", lambda place: text(place.key), 0),
    "chdir": call("chdir", text("/")),
    "chroot": call("chroot", text("/")),
    "inotify_init1": call("inotify_init1", 0),
    "mount": call("mount", text("none"), lambda place: text(place.folder), text("tmpfs"), 0, 0),
    "fsopen": call("fsopen", text("tmpfs"), 0),
    "open_tree": call("open_tree", AT_FDCWD, text("/"), 1),
    "setxattr": call("setxattr", lambda place: text(place.key), text("trusted.x"), b"x", 1, 0),
}

NETWORK = {
    "socket of IPv4": call("socket", socket.AF_INET, STREAM, 0),
    "socket of IPv6": call("socket", socket.AF_INET6, STREAM, 0),
    "socket of datagrams": call("socket", socket.AF_INET, socket.SOCK_DGRAM, 0),
    "socket of datagrams of IPv6": call("socket", socket.AF_INET6, socket.SOCK_DGRAM, 0),
    "socket of MPTCP": call("socket", socket.AF_INET, STREAM, 262),
    "socket of unix": call("socket", socket.AF_UNIX, STREAM, 0),
    "socket of netlink": call("socket", socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "raw socket": call("socket", socket.AF_PACKET, socket.SOCK_RAW, 0),
    "socketpair": call("socketpair", socket.AF_UNIX, STREAM, 0, bytes(8)),
    "connect": call("connect", unbound, lambda place: address_of(place.port), 16),
    "connect a connection to nobody": call("connect", connection, bytes(16), 16),
    "bind": call("bind", unbound, address_of(0), 16),
    "listen": call("listen", unbound, 1),
    "listen with another queue": call("listen", listener, 4000),
    "shutdown of the listener": call("shutdown", listener, 2),
    "fast open on a listener that is shut down": fast_open,
    "fast open by sendmsg": lambda inside, place: send_fast(inside, place, place.unbound),
    "fast open by sendto": call("sendto", unbound, b"x", 1, MSG_FASTOPEN, lambda place: address_of(place.port), 16),
    "fast open by sendto, with more bits": call("sendto", unbound, b"x", 1, 0x100000000 | MSG_FASTOPEN,
                                                lambda place: address_of(place.port), 16),
    "sendto an address on a connection": call("sendto", connection, b"x", 1, 0, lambda place: address_of(place.port), 16),
    "setsockopt on the listener": call("setsockopt", listener, socket.IPPROTO_TCP, 1, b"\1\0\0\0", 4),
    "setsockopt of the socket": call("setsockopt", connection, socket.SOL_SOCKET, socket.SO_KEEPALIVE, b"\1\0\0\0", 4),
    "setsockopt: a filter for a connection": attach_filter,
    "setsockopt: repair a connection": call("setsockopt", connection, socket.IPPROTO_TCP, 19, b"\1\0\0\0", 4),
    "setsockopt: another congestion control": call("setsockopt", connection, socket.IPPROTO_TCP, 13, b"reno", 4),
    "recvmsg on a connection": lend_out,
    "accept": call("accept", listener, 0, 0),
    "sendmmsg": call("sendmmsg", connection, bytes(64), 0, 0),
    "sendfile": call("sendfile", connection, 0, 0, 0),
}
PROCESSES = {
    "execve": call("execve", text("/bin/true"), 0, 0),
    "execveat": call("execveat", AT_FDCWD, text("/bin/true"), 0, 0, 0),
    "run from memory": run_from_memory,
    "fork": call("fork"),
    "vfork": call("vfork"),
    "clone": call("clone", FORK, 0, 0, 0, 0),
    "clone3": call("clone3", CLONE3, len(CLONE3)),
    "kill the keeper": call("kill", keeper, signal.SIGKILL),
    "kill another": call("kill", other, signal.SIGTERM),
    "look for the keeper by kill": call("kill", keeper, 0),
    "tgkill the keeper": call("tgkill", keeper, keeper, signal.SIGTERM),
    "tgkill the keeper as abort() does": call("tgkill", keeper, keeper, signal.SIGABRT),
    "tkill the keeper": call("tkill", keeper, signal.SIGTERM),
    "sigqueue": call("rt_sigqueueinfo", keeper, signal.SIGTERM, struct.pack("iiii112x", 0, 0, -1, 0)),
    "ptrace the keeper": call("ptrace", 16, keeper, 0, 0),
    "process_vm_readv": read_memory,
    "process_vm_writev": write_memory,
    "pidfd_open": call("pidfd_open", keeper, 0),
    "pidfd_getfd": steal,
    "prctl: dumpable": call("prctl", 4, 1, 0, 0, 0),
    "prctl: outlive the keeper": call("prctl", 1, 0, 0, 0, 0),
    "setrlimit": call("setrlimit", 4, UNLIMITED),
    "prlimit64": call("prlimit64", 0, 4, UNLIMITED, 0),
    "prlimit64 of the keeper": call("prlimit64", keeper, 7, struct.pack("QQ", 4, 4), 0),
    "personality": call("personality", 0x0400000),
    "unshare": call("unshare", 0x10000000),
    "setuid": call("setuid", 1),
    "setgroups": call("setgroups", 0, 0),
    "capget": call("capget", struct.pack("II", 0x20080522, 0), bytes(24)),
    "sched_setaffinity": call("sched_setaffinity", keeper, 8, struct.pack("Q", 1)),
    "setpriority": call("setpriority", 0, keeper, 19),
    "bpf": call("bpf", 0, struct.pack("IIII112x", 2, 4, 4, 1), 128),
    "keyctl": call("keyctl", 0, -3, 1, 0, 0),
    "add_key": call("add_key", text("user"), text("a"), b"x", 1, -2),
    "userfaultfd": call("userfaultfd", 1),
    "perf_event_open": call("perf_event_open", struct.pack("IIQ112x", 1, 128, 0), 0, -1, -1, 0),
    "seccomp": load_filter,
    "modify_ldt": call("modify_ldt", 0, bytes(16), 16),
    "iopl": call("iopl", 3),
    "syslog": call("syslog", 10, 0, 0),
    "rt_sigaction": call("rt_sigaction", signal.SIGTERM, bytes(32), 0, 8),
}

MEMORY_AND_DESCRIPTORS = {
    "mmap of code": call("mmap", 0, 4096, PROT_RWX, ANONYMOUS, -1, 0),
    "mmap of code, read only": call("mmap", 0, 4096, PROT_RX, ANONYMOUS, -1, 0),
    "mprotect to code": run_in_memory,
    "pkey_mprotect to code": lambda inside, _: inside.call("pkey_mprotect", inside.place(bytes(8192)) // 4096 * 4096,
                                                           4096, PROT_RX, -1),
    "fcntl F_DUPFD": call("fcntl", listener, 0, 64),
    "fcntl F_DUPFD_CLOEXEC": call("fcntl", listener, 1030, 64),
    "fcntl F_DUPFD with more bits": call("fcntl", listener, 0x7f00000000, 64),
    "fcntl F_SETFL without O_NONBLOCK": call("fcntl", listener, 4, 0),
    "fcntl F_SETFL with more bits": call("fcntl", listener, 0x7f00000004, os.O_NONBLOCK << 32),
    "fcntl F_SETOWN": call("fcntl", connection, 8, keeper),
    "dup": call("dup", listener),
    "dup2": call("dup2", listener, 200),
    "dup3 upward": call("dup3", listener, 200, 0),
    "dup3 of one below to another": call("dup3", listener, 50, 0),
    "ioctl": call("ioctl", connection, 0x5411, bytes(8)),
    "pipe2": call("pipe2", bytes(8), 0),
    "eventfd2": call("eventfd2", 0, 0),
    "epoll_create1": call("epoll_create1", 0),
}

# Features that a kernel may have been built without, or that are switched off.
MAY_BE_MISSING = {"a call of x32", "bpf", "io_uring_setup", "iopl", "keyctl", "add_key", "memfd_secret", "modify_ldt", "open_by_handle_at",
                  "open by a call of i386", "perf_event_open", "raw socket", "socket of IPv6", "socket of datagrams of IPv6", "socket of MPTCP",
                  "userfaultfd"}

# These end it; so they come last.
OF_ANOTHER_ARCHITECTURE = {
    "open by a call of i386": by_i386(5, b"/etc/passwd\0", 0),
    "a call of x32": call(0x40000000 + 39),
}

ALL = FILES | NETWORK | PROCESSES | MEMORY_AND_DESCRIPTORS | OF_ANOTHER_ARCHITECTURE


def outcome_of(pid, place, attack):
    """In words: how it ended."""
    try:
        with Inside(pid) as process:
            result = attack(process, place)
    except Executed:
        return "works"
    except Ended as end:
        return f"ended by {signal.Signals(end.signal).name}" if end.signal else "ended"
    return errno.errorcode.get(-result, str(result)) if result < 0 else "works"


# ---- a process that is not confined ----

def handle_of(path):
    """As name_to_handle_at(2) makes it; None: this file system makes none."""
    handle, mount = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128)), ctypes.c_int()
    if libc.name_to_handle_at(AT_FDCWD, os.fsencode(path), handle, ctypes.byref(mount), 0) < 0:
        return None
    return handle.raw


def sleeper(**more):
    process = subprocess.Popen(["sleep", "99"], stdin=subprocess.DEVNULL, **more)
    maps, stat = pathlib.Path(f"/proc/{process.pid}/maps"), pathlib.Path(f"/proc/{process.pid}/stat")
    wait_until(lambda: "libc.so" in maps.read_text() and stat.read_text().rpartition(")")[2].split()[0] == "S", "it sleeps",
               interval=0.001)
    return process


@contextlib.contextmanager
def sleeping():
    process = sleeper()
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def open_place(folder, port):
    """A process with what the frontend has, that nothing confines: yields (its number, Place)."""
    key, settings = folder / "key", folder / "settings"
    for file in (key, settings):
        file.write_text("a text\n")
    with contextlib.ExitStack() as stack:
        pair = stack.enter_context(socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)[0])
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        connected = stack.enter_context(socket.create_connection(listening.getsockname()))
        unix, far = socket.socketpair()
        file = stack.enter_context(open("/etc/passwd", "rb"))
        socket.send_fds(far, [b"x"], [file.fileno()])
        fresh = stack.enter_context(socket.socket())
        stack.enter_context(socket.create_connection(listening.getsockname()))  # for accept
        numbers = {3: pair, 8: listening, 66: connected, 67: unix, 9: fresh}

        def put_in_place():
            aside = {number: fcntl.fcntl(one.fileno(), fcntl.F_DUPFD_CLOEXEC, 300) for number, one in numbers.items()}
            for number, fd in aside.items():
                os.dup2(fd, number)

        processes = [sleeper(), sleeper(), sleeper(preexec_fn=put_in_place, close_fds=False)]
        stack.callback(unix.close)
        stack.callback(far.close)
        try:
            yield processes[2].pid, Place(keeper=processes[0].pid, other=processes[1].pid, key=key, settings=settings,
                                          folder=folder, port=port, pair=3, listener=8, connection=66, unix=67, unbound=9,
                                          handle=handle_of(key) or b"")
        finally:
            for process in reversed(processes):  # one that is traced goes after the one that traces it
                process.kill()
                process.wait()
            if os.path.ismount(folder):
                subprocess.run(["umount", folder], check=True)
