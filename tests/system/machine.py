"""Machine: a Debian with systemd as PID 1, in a container of its own, that a test plays the sysadmin of.

    with Machine() as machine:
        machine.install(packages.debs())
        machine.run("systemctl", "is-active", "eqp-brokerd.service").out     # "active"
        machine.run("curl", "-fsS", URL, user="alice", check=False).code

It has a loopback and no other network. Files that are written inside lie in memory and are gone with the machine.
Commands run inside as root unless `user` names somebody else, with an environment of their own.
"""

import itertools
import json
import os
import pathlib
import subprocess
import tempfile
import time

from rootfs import rootfs

HERE = pathlib.Path(__file__).resolve().parent
SERVICE = "eqp-brokerd.service"
SOCKET = "/run/eqp-broker/eqp-broker.sock"
URL = "http://127.0.0.1:9377"
BOOT_LIMIT_SEC = 120
ENVIRONMENT = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
               "DEBIAN_FRONTEND=noninteractive", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0")
# A process that enters a container from outside brings its capabilities with it: leave those that reach beyond it.
LEFT_OUTSIDE = "-sys_time,-sys_module,-sys_rawio,-sys_pacct,-syslog,-wake_alarm,-block_suspend,-mac_admin"
numbers = itertools.count(1)


def wait_until(condition, what="the condition", timeout=60, interval=0.05):
    """Polls until condition() is true and returns that value; raises in the end. It looks once more when the time is
    over."""
    deadline = time.monotonic() + timeout
    while True:
        late = time.monotonic() > deadline
        if value := condition():
            return value
        if late:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(interval)


class Result:
    """How a command ended."""

    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out.strip(), err.strip()

    def __repr__(self):
        return f"<{' '.join(self.command)}: exit code {self.code}\n{self.out}\n{self.err}>"


class Machine:
    """One boot. options: more of them for systemd-nspawn. root: another root file system."""

    running = []  # those that there are

    def __init__(self, options=(), root=None):
        self.root = root
        self.name = f"{os.getpid()}-{next(numbers)}"
        self.options = list(options)
        self.supervisor = None
        self.init = None

    def __enter__(self):
        binds = [f"--bind-ro={HERE / 'inside'}:/opt/inside"]
        self.complaints = tempfile.TemporaryFile("w+")
        self.supervisor = subprocess.Popen(
            [HERE / "boot.sh", self.name, self.root or rootfs(), *binds, *self.options], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.complaints, text=True)
        try:
            words = self.supervisor.stdout.readline().split()
            assert words, "no machine"
            self.init = int(words[1])
            self.running.append(self)
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def __exit__(self, *_):
        if self in self.running:
            self.running.remove(self)
        # boot.sh takes everything away at the end of its input, even if this process is killed.
        self.supervisor.stdin.close()
        try:
            self.supervisor.wait(BOOT_LIMIT_SEC)
        except subprocess.TimeoutExpired:
            self.supervisor.terminate()
            self.supervisor.wait(BOOT_LIMIT_SEC)
        self.supervisor.stdout.close()
        with self.complaints as file:
            file.seek(0)
            complaint = file.read()
        assert complaint == "", complaint

    # commands

    def command(self, *words, user=None, env=()):
        """The command that runs another one inside, for subprocess."""
        who = [] if user is None else [f"--reuid={user}", f"--regid={user}", "--init-groups"]
        return ["nsenter", f"--target={self.init}", "--all", "env", "-i", *ENVIRONMENT, *env,
                "setpriv", f"--bounding-set={LEFT_OUTSIDE}", *who, *map(str, words)]

    def command_with_clock(self, *words):
        """As command(), with the right to make time namespaces, which is the right to set our own clock too."""
        return ["nsenter", f"--target={self.init}", "--all", "env", "-i", *ENVIRONMENT, *map(str, words)]

    def run(self, *words, user=None, check=True, stdin="", timeout=120, env=()):
        """Runs a command to its end; check: that it succeeds."""
        inside = self.command("timeout", "--signal=KILL", timeout, *words, user=user, env=env)
        done = subprocess.run(inside, input=stdin, capture_output=True, text=True, errors="replace",
                              timeout=timeout + 30)
        result = Result([str(word) for word in words], done.returncode, done.stdout, done.stderr)
        assert not check or result.code == 0, result
        return result

    def shell(self, script, **more):
        return self.run("bash", "-euc", script, **more)

    def start(self, *words, user=None):
        """Starts a command that is to go on; it has a pipe each as its input and its output."""
        return subprocess.Popen(self.command(*words, user=user), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    # files

    def write(self, path, text, mode=0o644):
        """Puts a file in place by renaming."""
        self.shell('install -D -m "$2" /dev/stdin "$1.new~" && mv "$1.new~" "$1"'
                   .replace("$1", str(path)).replace("$2", f"{mode:o}"), stdin=text)

    def read(self, path):
        return self.run("cat", path).out

    def exists(self, path):
        return self.run("test", "-e", path, check=False).code == 0

    # systemd

    def systemctl(self, *words, **more):
        return self.run("systemctl", *words, **more)

    def show(self, name, unit=SERVICE):
        return self.systemctl("show", "-P", name, unit).out

    def state(self, unit=SERVICE):
        return self.systemctl("is-active", unit, check=False).out

    def main_pid(self, unit=SERVICE):
        return int(self.show("MainPID", unit))

    def pids(self, unit=SERVICE):
        """Of all processes of the unit: the main one first."""
        main = self.main_pid(unit)
        others = self.read(f"/sys/fs/cgroup{self.show('ControlGroup', unit)}/cgroup.procs").split()
        return [main, *(int(pid) for pid in others if int(pid) != main)]

    def _child_pid(self, wanted):
        names = {pid: self.run("cat", f"/proc/{pid}/comm", check=False).out for pid in self.pids()}
        return next((pid for pid, name in names.items() if name == wanted), None)

    def frontend_pid(self):
        """The process that has the callers, None while there is none."""
        return self._child_pid("eqp-frontend")

    def forwarder_pid(self):
        """The process that passes requests on, None while there is none."""
        return self._child_pid("eqp-forwarder")

    def wait_state(self, state, unit=SERVICE, timeout=60):
        wait_until(lambda: self.state(unit) == state, f"{unit} is {state}", timeout)

    def drop_in(self, text, unit=SERVICE, name="test"):
        self.write(f"/etc/systemd/system/{unit}.d/{name}.conf", text)
        self.systemctl("daemon-reload")

    def now(self):
        """For journal(since=...). (A cursor would not do: behind one that the other conditions rule out,
        journalctl leaves out an entry too many.)"""
        return f"@{time.time():.6f}"

    def journal(self, *words, since=None):
        """Entries of the journal as dicts, the oldest first."""
        self.run("journalctl", "--sync")
        after = [] if since is None else [f"--since={since}"]
        lines = self.run("journalctl", "-o", "json", "--no-pager", "--all", *after, *words).out.splitlines()
        return [json.loads(line) for line in lines]

    def last_words(self):
        """The end of the broker's journal, to find out why a test failed."""
        return self.run("journalctl", "--no-pager", "-n60", "-o", "short-precise", "-u", "eqp*", check=False).out

    # people and packages

    def add_user(self, name, groups=()):
        self.run("useradd", "--create-home", *[f"--groups={group}" for group in groups], name)

    def install(self, debs, timeout=300):
        """Installs packages, all at once."""
        return self.run("dpkg", "-i", *debs, timeout=timeout)
