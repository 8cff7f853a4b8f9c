"""Control groups as a service manager has them: a slice of this process's own, with units in it.

    with ControlGroups() as groups:
        groups.make("deploy.service")
        with groups.caller("deploy.service", broker.socket_path, uid=54321) as caller:
            caller.ask("/v1/sandbox/token")      # (status, text): all on one connection

Only root can make them, where a tree of version 2 is mounted.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time

ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")

CALLER = """
import http.client, json, socket, sys
class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])
connection = Connection("localhost")
for line in sys.stdin:
    connection.request("GET", line.strip())
    answer = connection.getresponse()
    print(json.dumps([answer.status, answer.read().decode()]), flush=True)
"""


def obstacle():
    """Why there can be none, or None."""
    if os.geteuid() != 0:
        return "needs root: it makes control groups"
    if tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2]) < (6, 13):
        return "needs Linux 6.13, which tells which control group a process is in"
    if not any(is_root(pathlib.Path(root)) for root in ROOTS):
        return "needs control groups of version 2 that can be written to"
    return None


def is_root(path):
    return (path / "cgroup.controllers").exists() and os.access(path, os.W_OK) and not os.statvfs(path).f_flag & os.ST_RDONLY


class Caller:
    def __init__(self, process):
        self.process = process

    def ask(self, path="/v1/sandbox/token"):
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        return tuple(json.loads(self.process.stdout.readline()))


class ControlGroups:
    def __init__(self, name=None):
        self.root = next(pathlib.Path(root) for root in ROOTS if is_root(pathlib.Path(root)))
        self.slice = self.root / (name or f"eqptest{os.getpid()}.slice")

    def __enter__(self):
        self.slice.mkdir()
        return self

    def __exit__(self, *_):
        self.remove(self.slice)

    def path(self, name):
        return self.slice / name

    def make(self, name):
        self.path(name).mkdir(parents=True)

    def remove(self, path):
        """Processes that are still in it have been asked to end."""
        for folder in sorted((folder for folder in path.rglob("*") if folder.is_dir()), reverse=True):
            self.remove_one(folder)
        self.remove_one(path)

    @staticmethod
    def remove_one(folder):
        deadline = time.monotonic() + 30
        while True:
            try:
                folder.rmdir()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def put(self, pid, name):
        (self.path(name) / "cgroup.procs").write_text(str(pid))

    @contextlib.contextmanager
    def caller(self, name, socket_path, uid):
        """A process in this group, of that user."""
        procs = self.path(name) / "cgroup.procs"
        wrapper = f"echo $$ >{procs} && exec setpriv --reuid {uid} --regid {uid} --clear-groups " \
                  f"{sys.executable} -c \"$1\" {socket_path}"
        process = subprocess.Popen(["sh", "-c", wrapper, "sh", CALLER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True, cwd="/")
        try:
            yield Caller(process)
        finally:
            process.stdin.close()
            process.wait(timeout=60)
            process.stdout.close()
