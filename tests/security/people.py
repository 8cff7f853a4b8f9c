"""Real users and groups for the tests, and doing things as one of them.

    alice = Person("alice", 1101, 1101)
    run_as(alice, function, 1, two=2)       # in a child process that is alice; returns what function returns
    with running_as(alice, function): ...   # the same, while the test goes on

Users are made with useradd and go away at the end of the session. Nobody else's are touched: the names carry
the test's process id.
"""

import contextlib
import grp
import os
import pickle
import pwd
import re
import signal
import socket
import subprocess
import sys
import time
import traceback

import kernel

PREFIX = "eqpt"


class Person:
    """Somebody: uid, gid, further gids."""

    def __init__(self, name, uid, gid, groups=()):
        self.name, self.uid, self.gid, self.groups = name, uid, gid, tuple(groups)

    def become(self):
        """This process is that person from now on."""
        os.setgroups(self.groups)
        os.setresgid(self.gid, self.gid, self.gid)
        os.setresuid(self.uid, self.uid, self.uid)
        kernel.set_dumpable()  # else /proc/self stays root's

    def __repr__(self):
        return f"<{self.name} uid={self.uid} gid={self.gid} groups={self.groups}>"


ROOT = Person("root", 0, 0)
# Not in the user database, and not 65534, which is nobody's.
STRANGER = Person("stranger", 54321, 54321)


def _admin(*command):
    """useradd and its like lock their files, and somebody else may hold the lock."""
    for _ in range(50):
        result = subprocess.run(command, capture_output=True, text=True)
        if "lock" not in result.stderr:
            break
        time.sleep(0.1)
    return result


class Users:
    """The users and groups of this session."""

    def __init__(self):
        self._sweep()

    @staticmethod
    def _sweep():
        """Takes away what a killed session left."""
        def left_over(name):
            match = re.fullmatch(PREFIX + r"(\d+)-.*", name)
            return match and not os.path.exists(f"/proc/{match[1]}")
        for user in pwd.getpwall():
            if left_over(user.pw_name):
                _admin("userdel", user.pw_name)
        for group in grp.getgrall():
            if left_over(group.gr_name):
                _admin("groupdel", group.gr_name)

    def _name(self, name):
        return f"{PREFIX}{os.getpid()}-{name}"

    def coming(self, name):
        """The full name of a group or user that is made by this name."""
        return self._name(name)

    def group(self, name, gid=None):
        """(name, gid) of a new group."""
        full = self._name(name)
        result = _admin("groupadd", *(["-g", str(gid)] if gid is not None else []), full)
        # A first try may have come as far as that before it found another file locked.
        assert result.returncode == 0 or "already exists" in result.stderr, result.stderr
        return full, grp.getgrnam(full).gr_gid

    def user(self, name, groups=(), uid=None):
        """A new user with a group of its own; groups: names of further ones."""
        full = self._name(name)
        more = ["-G", ",".join(groups)] if groups else []
        more += ["-u", str(uid)] if uid is not None else []
        result = _admin("useradd", "-M", "-U", "-s", "/usr/sbin/nologin", *more, full)
        assert result.returncode == 0 or "already exists" in result.stderr, result.stderr
        return self.look_up(full)

    @staticmethod
    def look_up(name):
        entry = pwd.getpwnam(name)
        groups = os.getgrouplist(name, entry.pw_gid)
        return Person(name, entry.pw_uid, entry.pw_gid, [gid for gid in groups if gid != entry.pw_gid])

    @staticmethod
    def join(person, group):
        assert _admin("gpasswd", "-a", person.name, group).returncode == 0

    @staticmethod
    def leave(person, group):
        assert _admin("gpasswd", "-d", person.name, group).returncode == 0

    @staticmethod
    def remove(person):
        assert _admin("userdel", person.name).returncode == 0

    @staticmethod
    def remove_group(group):
        assert _admin("groupdel", group).returncode == 0

    @staticmethod
    def renumber_group(group, gid):
        assert _admin("groupmod", "-o", "-g", str(gid), group).returncode == 0

    def remove_all(self):
        for user in pwd.getpwall():
            if user.pw_name.startswith(self._name("")):
                _admin("userdel", user.pw_name)
        for group in grp.getgrall():
            if group.gr_name.startswith(self._name("")):
                _admin("groupdel", group.gr_name)


def _child(person, writing_end, function, arguments, named):
    try:
        signal.alarm(120)
        person.become()
        outcome = (True, function(*arguments, **named))
    except BaseException:  # the parent raises it
        outcome = (False, traceback.format_exc())
    try:
        with os.fdopen(writing_end, "wb") as pipe:
            pickle.dump(outcome, pipe)
    finally:
        os._exit(0)


def _start(person, function, arguments, named):
    reading_end, writing_end = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reading_end)
        _child(person, writing_end, function, arguments, named)
    os.close(writing_end)
    return pid, reading_end


class Task:
    """A function that runs as somebody while the test goes on."""

    def __init__(self, person, function, *arguments, **named):
        self.pid, reading_end = _start(person, function, arguments, named)
        self._pipe = os.fdopen(reading_end, "rb")
        self._person = person

    def result(self):
        """Waits for its end; returns its value."""
        with self._pipe:
            data = self._pipe.read()
        os.waitpid(self.pid, 0)
        assert data, f"the child of {self._person.name} died"
        good, value = pickle.loads(data)
        assert good, f"as {self._person.name}: {value}"
        return value

    def kill(self):
        if not self._pipe.closed:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self._pipe.close()


def run_as(person, function, *arguments, **named):
    """Calls the function in a child process that is this person; returns its (picklable) value."""
    return Task(person, function, *arguments, **named).result()


@contextlib.contextmanager
def running_as(person, function, *arguments, **named):
    """Calls the function in a child process for as long as the block lasts, then kills it. Yields its pid."""
    task = Task(person, function, *arguments, **named)
    try:
        yield task.pid
    finally:
        task.kill()


def sockets_as(person, make, *arguments):
    """The sockets that make() returns in a child process that is this person, handed over to the test: to the
    kernel they stay that person's."""
    here, there = socket.socketpair()

    def send():
        made = make(*arguments)
        socket.send_fds(there, [b"x"], [one.fileno() for one in made])

    with here, there:
        run_as(person, send)
        here.setblocking(False)
        _, descriptors, _, _ = socket.recv_fds(here, 1, 16)
    return [socket.socket(fileno=fd) for fd in descriptors]


def connect_as(person, address, bind=None):
    """A connected socket of that person's. address: (host, port), or the path of a unix socket."""
    def make():
        if not isinstance(address, tuple):
            stream = socket.socket(socket.AF_UNIX)
        else:
            stream = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        if bind:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stream.bind(bind)
        stream.connect(address if isinstance(address, tuple) else str(address))
        return [stream]

    stream = sockets_as(person, make)[0]
    stream.settimeout(60)
    return stream
