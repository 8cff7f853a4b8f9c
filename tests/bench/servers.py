"""The servers that are measured, each pinned to the server core: eqp-brokerd, which is two processes, nginx, and a bare
epoll loop that answers a constant."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), os.pardir, "blackbox"))
import simulator  # noqa: E402
from broker import frontend_of, pass_sockets  # noqa: E402

SERVER_CORE, LOAD_CORE = 0, 1


class BenchError(Exception):
    """Something did not work that must, to measure anything."""


def on_core(core):
    """For subprocess: puts the child on one core, and lets it open all the files it may."""
    def prepare():
        os.sched_setaffinity(0, {core})
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return prepare


def fetch(port, request):
    """One request on a connection of its own; returns head and body, as bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=40) as connection:
        connection.sendall(request)
        data = b""
        while True:
            head, found, body = data.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head) if found else None
            if length and len(body) >= int(length[1]):
                return head, body
            piece = connection.recv(65536)
            if not piece:
                raise BenchError(f"the answer ends early: {data!r}")
            data += piece


class Server:
    """One process. Subclasses set `process` and `port`, and `socket_path` where there is a unix socket."""
    process = None
    port = None
    socket_path = None

    def pids(self):
        """Of the process and its children, which are pinned as it is."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
            return [self.process.pid, *map(int, file.read().split())]

    def cpu_sec(self):
        """Processor time used so far by all of them, user and system, in seconds: /proc/PID/stat has it in clock
        ticks of 10 ms, this in nanoseconds."""
        total_nsec = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                    total_nsec += int(file.read().split()[0])
        return total_nsec / 1e9

    def url(self):
        return f"http://127.0.0.1:{self.port}/v1/sandbox/token"

    def request(self, close=False):
        """The request of all measurements, for the tools that send bytes."""
        return (f"GET /v1/sandbox/token HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nEQP-Client: bench\r\n"
                f"{'Connection: close' + chr(13) + chr(10) if close else ''}\r\n").encode()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Broker(Server):
    """eqp-brokerd with both environments on a simulator; ready when the constructor returns, unless told not
    to wait. program: another build of it; env: more of its variables. manager: a stand-in for systemd, which hears and keeps what it
    is told. passed: (name, socket) pairs, as if from systemd. settings: more lines of the configuration."""

    def __init__(self, build, upstream, wait=True, program="daemon/eqp-brokerd", env=None, manager=None,
                 passed=(), settings=""):
        self.program, self.env, self.manager = os.path.join(build, program), env or {}, manager
        self.passed = list(passed)
        self.folder = tempfile.TemporaryDirectory(prefix="eqp-bench-")
        keys = os.path.join(self.folder.name, "keys")
        os.mkdir(keys, 0o700)
        config = ["[broker]", "listen = 127.0.0.1:0", f"listen = {self.folder.name}/socket",
                  f"keys_directory = {keys}", "max_connections = 12000", "max_connections_per_user = 12000"]
        for name, base_url in upstream.urls.items():
            config += [f"[environment {name}]", f"base_url = {base_url}", f"ca_file = {upstream.ca_file}"]
            key = os.open(os.path.join(keys, name), os.O_WRONLY | os.O_CREAT, 0o600)
            os.write(key, simulator.EXAMPLE_KEY.encode() + b"\n")
            os.close(key)
        self.config = os.path.join(self.folder.name, "eqp-brokerd.conf")
        with open(self.config, "w", encoding="ascii") as file:
            file.write("\n".join(config) + "\n")
        if settings:  # a file of its own: it may set something in a section that is there already
            folder = self.config + ".d"
            os.mkdir(folder)
            with open(os.path.join(folder, "more.conf"), "w", encoding="ascii") as file:
                file.write(settings)
        self.log = open(os.path.join(self.folder.name, "log"), "w+", encoding="utf-8")
        self.ready_sec = None
        self.begin(wait)
        self.port = passed[0][1].getsockname()[1] if passed else self._find_port()
        self.socket_path = f"{self.folder.name}/socket"

    def begin(self, wait=True):
        """Starts the process, or the next one after stop_process()."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(f"\0eqp-bench-{os.getpid()}-{id(notify)}")
        environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": "@" + notify.getsockname()[1:].decode()}
        environment |= self.env
        command = [self.program, "--config", self.config]
        pin, more = on_core(SERVER_CORE), {}
        if self.manager:
            environment |= self.manager.env
            command, more = pass_sockets(command, self.passed + list(self.manager.hear().store.items()))
            environment |= more.pop("env")
            put_in_place = more.pop("preexec_fn")
            more["preexec_fn"] = lambda: (pin(), put_in_place())
        else:
            more["preexec_fn"] = pin
        started = time.monotonic()
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, **more)
        if wait and not self.manager:
            notify.settimeout(60)
            try:
                while b"READY=1" not in notify.recv(4096).split(b"\n"):
                    pass
            except TimeoutError:
                raise BenchError(f"eqp-brokerd does not get ready:\n{self.log_text()}") from None
            self.ready_sec = time.monotonic() - started
        notify.close()

    def log_text(self):
        with open(self.log.name, encoding="utf-8") as file:
            return file.read()

    def _find_port(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            found = re.search(r"listening on 127\.0\.0\.1:(\d+)", self.log_text())
            if found:
                return int(found[1])
            time.sleep(0.002)
        raise BenchError(f"eqp-brokerd does not listen:\n{self.log_text()}")

    @staticmethod
    def _status(pid, file_name, pattern):
        with open(f"/proc/{pid}/{file_name}", encoding="ascii") as file:
            return sum(int(value) for value in re.findall(pattern, file.read(), re.MULTILINE))

    def private_kib(self, what="Clean|Dirty|Hugetlb"):
        """Memory that is the daemon's alone, in KiB: the memory that one of its processes alone has. Pages of files that both
        have, and nobody else, are not in it: they can be read again."""
        return sum(self._status(pid, "smaps_rollup", rf"^Private_(?:{what}): +(\d+) kB") for pid in self.pids())

    def wake_ups(self):
        """How often its processes have gone to sleep and been woken."""
        return sum(self._status(pid, f"task/{task}/status", r"^voluntary_ctxt_switches:\s+(\d+)")
                   for pid in self.pids() for task in os.listdir(f"/proc/{pid}/task"))

    def frontend(self):
        """The process that has the callers; None while there is none."""
        return frontend_of(self.process.pid)

    def fetch_token(self):
        head, body = fetch(self.port, self.request())
        if not head.startswith(b"HTTP/1.1 200 "):
            raise BenchError(f"no token: {head!r} {body!r}\n{self.log_text()}")
        return head, body

    def stop_process(self):
        super().stop()

    def stop(self):
        self.stop_process()
        self.log.close()
        self.folder.cleanup()


class Nginx(Server):
    """nginx with one worker that answers every request with the broker's answer, from its configuration."""

    def __init__(self, answer):
        head, body = answer
        self.folder = tempfile.TemporaryDirectory(prefix="eqp-bench-nginx-")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        headers = "".join(f"add_header {name} {json.dumps(value)};\n"
                          for name, value in re.findall(r"\r\n(Cache-Control|X-Content-Type-Options): ([^\r]+)",
                                                        head.decode()))
        folder = self.folder.name
        self.socket_path = f"{folder}/socket"
        with open(os.path.join(folder, "nginx.conf"), "w", encoding="ascii") as file:
            file.write(f"""
                daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log stderr error;
                events {{ worker_connections 16000; use epoll; }}
                http {{
                    access_log off; server_tokens off; default_type application/json;
                    keepalive_requests 1000000000; keepalive_timeout 300s;
                    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
                    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
                    server {{
                        listen 127.0.0.1:{self.port} backlog=4096;
                        listen unix:{self.socket_path} backlog=4096;
                        location / {{ {headers} return 200 '{body.decode()}'; }}
                    }}
                }}""")
        self.process = subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf", "-e", "stderr", "-p", folder],
                                        preexec_fn=on_core(SERVER_CORE), stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                if fetch(self.port, self.request())[1] != body:
                    raise BenchError("nginx answers something else")
                return
            except ConnectionError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise BenchError("nginx does not start") from None
                time.sleep(0.01)

    def stop(self):
        super().stop()
        self.folder.cleanup()


class Bare(Server):
    """The bare epoll loop, answering the broker's bytes."""

    def __init__(self, build, answer):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"\r\n\r\n".join(answer))
            file.flush()
            self.process = subprocess.Popen([os.path.join(build, "tests", "bench", "bench-bare"), file.name],
                                            preexec_fn=on_core(SERVER_CORE), stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE)
            self.port = int(self.process.stdout.readline())
        fetch(self.port, self.request())

    def stop(self):
        super().stop()
        self.process.stdout.close()
