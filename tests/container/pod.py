"""Pod: the containers of one story, on a network that they share and that leads nowhere.

    with Pod(machine) as pod:
        pod.write_key("sandbox", EXAMPLE_KEY)
        pod.start_broker()
        pod.wait_ready()
        pod.get("/v1/sandbox/token").json()["ust"]       # as root, from outside
        pod.app("curl", "http://127.0.0.1:9377/readyz")  # as a container of another user

The first container is the simulator, which stands for the upstream; its network is everybody's.
"""

import contextlib
import ctypes
import itertools
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "blackbox"))

from broker import Connection, wait_until  # noqa: E402
from simulator import Simulator  # noqa: E402

BROKER = "localhost/eqp-broker"
SIMULATOR = "localhost/eqp-simulator"
APP = "localhost/eqp-app"
APP_UID = 1500
BROKER_UID = 65532
CLONE_NEWNET = 0x40000000
# How a cautious cluster runs everything.
CONFINED = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges")
SIMULATED = "[environment sandbox]\nbase_url = https://localhost:9443\nca_file = /upstream/ca.pem\n"

numbers = itertools.count(1)


def socket_in(pid, make):
    """The result of make(), a socket, made in the network of that process. It can be used from anywhere."""
    result = []

    def make_there():
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                if libc.setns(network, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            finally:
                os.close(network)
            result.append(make())
        except OSError as error:
            result.append(error)

    # A thread of its own: which network a thread is in is its own affair, and ends with it.
    thread = threading.Thread(target=make_there)
    thread.start()
    thread.join()
    if isinstance(result[0], OSError):
        raise result[0]
    return result[0]


def connect_in(pid, port, timeout=60):
    """A socket in the network of that process, connected to a port of 127.0.0.1."""
    return socket_in(pid, lambda: socket.create_connection(("127.0.0.1", port), timeout))


class ContainedSimulator(Simulator):
    """A simulator in a container; its admin requests enter the network that it is in."""

    def __init__(self, pid):
        self.pid = pid
        self.urls = {"sandbox": "https://localhost:9443", "production": "https://localhost:9444"}

    def call(self, method, path, body=None):
        with connect_in(self.pid, 9440) as stream:
            connection = Connection(stream, "127.0.0.1:9440")
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read().decode()
        return response.status, json.loads(text) if response.headers.get_content_type() == "application/json" else text


class Pod:
    def __init__(self, machine):
        self.machine, self.name = machine, f"story{next(numbers)}"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="eqp-pod-"))
        self.directory.chmod(0o755)
        self.keys, self.upstream_files = self.directory / "keys", self.directory / "upstream"
        for path in (self.keys, self.upstream_files):
            path.mkdir()
            os.chown(path, BROKER_UID, BROKER_UID)
        self.settings = self.directory / "settings.conf"
        self.settings.write_text(SIMULATED)
        self.simulator = None

    # life

    def __enter__(self):
        self.run("upstream", SIMULATOR, "--tls-directory=/upstream", "--server-name=upstream.test",
                 options=("--network=none", f"--volume={self.upstream_files}:/upstream"))
        self.simulator = ContainedSimulator(self.pid("upstream"))
        wait_until(self._upstream_answers, "the simulator")
        return self

    def __exit__(self, *_):
        names = self.podman("ps", "--all", "--quiet", "--filter", f"name=^{self.name}-").stdout.split()
        # Last who owns the network that the others are in.
        self.podman("rm", "--force", "--time=0", "--volumes", "--depend", *names, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _upstream_answers(self):
        try:
            return self.simulator.call("GET", "/state")[0] == 200
        except OSError:
            return False

    # containers

    def container(self, name):
        return f"{self.name}-{name}"

    def podman(self, *arguments, **more):
        return self.machine.podman(*arguments, **more)

    def run(self, name, image, *arguments, options=(), detach=True, global_options=(), **more):
        return self.machine.podman("run", *(("--detach",) if detach else ("--rm",)), "--name", self.container(name),
                                   *CONFINED, *options, image, *arguments, options=global_options, **more)

    def start_broker(self, *arguments, options=(), network=None, **more):
        """The broker, as its image has it: only the upstream is another."""
        network = network or f"container:{self.container('upstream')}"
        conf = "shared-socket.conf.d" if "--config" in arguments else "eqp-brokerd.conf.d"
        self.run("broker", BROKER, *arguments, options=(
            f"--network={network}", f"--volume={self.keys}:/run/secrets/eqp-broker:ro",
            f"--volume={self.upstream_files}:/upstream:ro",
            f"--volume={self.settings}:/etc/eqp-broker/{conf}/test.conf:ro", *options), **more)
        return self

    def app(self, *command, uid=APP_UID, options=None, check=True):
        """Runs a program in a container of another image and user, beside the broker; returns its result."""
        options = (f"--network=container:{self.container('upstream')}",) if options is None else options
        return self.podman("run", "--rm", *CONFINED, f"--user={uid}:{uid}", *options, APP, *command, check=check)

    def eqpctl(self, *arguments):
        """A probe: eqpctl in the broker's own container; returns its result."""
        return self.podman("exec", self.container("broker"), "/usr/bin/eqpctl", *arguments, check=False)

    def pid(self, name="broker"):
        return self.machine.pid(self.container(name))

    def stop(self, name="broker", seconds=60):
        """Stops a container by its stop signal: returns its exit code, and how long its process took."""
        pid = self.pid(name)
        process = os.pidfd_open(pid)
        try:
            begin = time.monotonic()
            os.kill(pid, signal.SIGTERM)
            assert select.select([process], [], [], seconds)[0], f"{name} did not end within {seconds} s"
            took = time.monotonic() - begin
        finally:
            os.close(process)
        return int(self.podman("wait", self.container(name)).stdout), took

    def log(self):
        """The broker's log."""
        return self.podman("logs", self.container("broker"), check=False).stderr

    # keys

    def write_key(self, name, text, mode=0o400):
        path = self.keys / f".{name}.new"
        path.write_text(text + "\n")
        os.chown(path, BROKER_UID, BROKER_UID)
        path.chmod(mode)
        path.rename(self.keys / name)

    # requests

    @contextlib.contextmanager
    def connection(self):
        """A kept-alive connection to the broker: connection.ask(method, path, headers)."""
        with connect_in(self.pid(), 9377) as stream:
            yield Connection(stream, "127.0.0.1:9377")

    def get(self, path):
        with self.connection() as connection:
            return connection.ask("GET", path, {"EQP-Client": "test"})

    def is_ready(self):
        return self.get("/readyz").status == 200

    def wait_ready(self, timeout=60):
        def ready():
            try:
                return self.is_ready()
            except OSError:
                return False

        wait_until(ready, "a token", timeout)
        return self
