"""Broker: runs eqp-brokerd for a test and speaks to it.

    with Broker(simulator, keys={"sandbox": EXAMPLE_KEY}) as broker:
        broker.wait_valid("sandbox")
        answer = broker.get("/v1/sandbox/token")            # on the unix socket; via="tcp" for the other one
        answer.status, answer.headers, answer.json()["ust"]

The binary is $EQP_BUILD_DIR/daemon/eqp-brokerd. Everything lies in a directory of its own, which goes with
the object. Every answer is checked for the headers that all of them must have, and the end of every process
for reports of sanitizers and for secrets in what it wrote. Standard library only.
"""

import base64
import collections
import contextlib
import fcntl
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

# A user without any right, and without an entry in the user database. Not 65534: that is nobody's.
STRANGER = 54321
START_TIMEOUT = 60
# For an environment whose upstream stands still until the test lets it go on.
PATIENT = "connect_timeout = 1min\nexchange_timeout = 2min"
kept_ports = collections.deque(maxlen=64)  # sockets; one that falls out is closed
STARTED = "eqp-brokerd .* started"
# The sanitizers' options pass; nothing else of the caller's environment does.
BARE_ENVIRONMENT = {name: value for name, value in os.environ.items()
                    if name.startswith(("ASAN_", "UBSAN_", "LSAN_", "TSAN_")) or name == "PATH"}
REPORTS = ("AddressSanitizer", "ThreadSanitizer", "LeakSanitizer", "UndefinedBehaviorSanitizer", "runtime error:", "Assertion")
# The other processes of the daemon: the keeper's words on their ends. 9 is what tests do to it; 0 is that the keeper
# ended it, 70 and 78 are its own words.
CRASHED = r"the (frontend|forwarder) (was ended by signal (?!9\b)|ended with exit code (?!(0|70|78)\b))"


def frontend_of(pid):
    """The number of the process that has a daemon's callers; None while there is none."""
    return child_of(pid, "eqp-frontend")


def forwarder_of(pid):
    """The same of the one that passes requests on."""
    return child_of(pid, "eqp-forwarder")


def child_of(pid, name):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == name:
                    return int(child)
    return None


def wait_forwarder(pid, but=None, timeout=30):
    return wait_until(lambda: forwarder_of(pid) not in (None, but) and forwarder_of(pid), "there is a forwarder", timeout)


def scan(pid, needles):
    """Which of them are in the memory of a process."""
    found = set()
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            first, last = (int(part, 16) for part in line.split()[0].split("-"))
            if " r" not in line or "[v" in line:
                continue
            with contextlib.suppress(OSError, ValueError, OverflowError):
                memory.seek(first)
                content = memory.read(last - first)
                found |= {needle for needle in needles if needle.encode() in content}
    return found


def is_running(pid):
    """Has it something to do at this moment?"""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "RD"
    return False


def wait_frontend(pid, but=None, timeout=30):
    """Waits until there is one, other than `but`."""
    return wait_until(lambda: frontend_of(pid) not in (None, but) and frontend_of(pid), "there is a frontend", timeout)


def wait_until(condition, what="the condition", timeout=30, interval=0.02):
    """Polls until condition() is true and returns that value; raises in the end. It looks once more when the time is over:
    a test that was not run for a while has not waited."""
    deadline = time.monotonic() + timeout
    while True:
        late = time.monotonic() > deadline
        if value := condition():
            return value
        if late:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(interval)


@contextlib.contextmanager
def standing_still(process):
    """Nothing moves in the process meanwhile, nor in its children if it has any, so that what happens around it happens at
    once for it."""
    pids = [pid for pid in (process.pid, frontend_of(process.pid), forwarder_of(process.pid)) if pid]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        for pid in pids:
            stat = pathlib.Path(f"/proc/{pid}/stat")
            wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "it stands still")
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def free_port(family=socket.AF_INET, address="127.0.0.1"):
    """A TCP port that nobody listens on. For a while it stays bound here, so that the kernel gives it to nobody who wants
    any port; a program that wants this one, and sets SO_REUSEADDR as servers do, gets it all the same."""
    probe = socket.socket(family)
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind((address, 0))
    kept_ports.append(probe)
    return probe.getsockname()[1]


def open_files(process):
    """The targets of its descriptors, without those that it closes meanwhile."""
    targets = []
    for link in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            targets.append(os.readlink(link))
    return targets


def binary(name="daemon/eqp-brokerd"):
    return os.path.join(os.environ["EQP_BUILD_DIR"], name)


def silent_users(error):
    """Variables for a program whose user database is partly silent, with this errno as the reason; see silent_users.c."""
    return {"LD_PRELOAD": os.path.abspath(binary("tests/blackbox/silent-users.so")), "SILENT_ERRNO": str(int(error))}


def run_daemon(*arguments, timeout=60, **more):
    """Runs eqp-brokerd to its end: for --check, and for starts that must fail."""
    environment = BARE_ENVIRONMENT | more.pop("env", {})
    result = subprocess.run([binary(), *map(str, arguments)], env=environment, stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, timeout=timeout, **more)
    assert not any(word in result.stderr for word in REPORTS), result.stderr
    return result


@contextlib.contextmanager
def taken_below(limit):
    """Nothing that is opened meanwhile, such as Popen's own pipe, gets a lower number."""
    held = [os.open("/dev/null", os.O_RDONLY)]
    while held[-1] < limit:
        held.append(os.open("/dev/null", os.O_RDONLY))
    try:
        yield
    finally:
        for number in held:
            os.close(number)


def pass_sockets(command, passed):
    """As sd_listen_fds(3) wants it: the command, and what subprocess.Popen needs beside it."""
    numbers = [3 + i for i in range(len(passed))]

    def put_in_place():
        aside = [fcntl.fcntl(held.fileno(), fcntl.F_DUPFD_CLOEXEC, 100) for _, held in passed]
        for number, copy in zip(numbers, aside):
            os.dup2(copy, number)

    names = ":".join(name for name, _ in passed)
    return (["/bin/sh", "-c", 'export LISTEN_PID=$$; exec "$0" "$@"', *command],
            # Not pass_fds: it wants its numbers open here, too. All else is closed by being made close-on-exec.
            {"close_fds": False, "preexec_fn": put_in_place,
             "env": {"LISTEN_FDS": str(len(passed)), "LISTEN_FDNAMES": names}})


class Answer:
    """One HTTP answer."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        assert self.headers["Content-Type"] == "application/json", (self.headers.as_string(), self.body)
        return json.loads(self.body)

    def error(self):
        """(status, slug) of an error, whose form is checked."""
        error = self.json()
        assert error["code"] == self.status, error
        assert isinstance(error["message"], str) and len(error["message"]) > 10, error
        return self.status, error["error"]

    @property
    def retry_after(self):
        return int(self.headers["Retry-After"]) if "Retry-After" in self.headers else None

    def __repr__(self):
        return f"<Answer {self.status} {dict(self.headers)} {self.body!r}>"


class Connection(http.client.HTTPConnection):
    """HTTP on a socket that is connected already."""

    def __init__(self, stream, host):
        super().__init__(host, timeout=stream.gettimeout())
        self.sock = stream
        self.sent = None  # when the latest request was, by time.monotonic()

    def connect(self):
        raise AssertionError("the connection was closed")

    def ask(self, method, path, headers=None, body=None):
        self.request(method, path, body, headers or {})
        self.sent = time.monotonic()
        response = self.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        check_headers(answer)
        return answer


def check_headers(answer):
    """Headers that every answer must have, or must not have."""
    headers = answer.headers
    assert headers.get_all("X-Content-Type-Options") == ["nosniff"], answer
    assert headers.get_all("Cache-Control") == ["no-store"], answer
    assert len(headers.get_all("Date")) == 1 and len(headers.get_all("Connection") or [""]) == 1, answer
    assert headers.get_all("Content-Type") is not None and len(headers.get_all("Content-Type")) == 1, answer
    assert not [name for name in headers if name.lower().startswith("access-control-")], answer


def base64_forms(text):
    """base64 of the text wherever it stands in a longer one, without the characters that depend on it."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + text.encode()).decode().rstrip("=")
        yield coded[(0, 2, 3)[before]:-1]


class Broker:
    """One process.

    simulator: environments of that name get its URL and authority. keys: {file name: text}. broker: further
    lines of [broker]. environments: {name: lines}; those of the simulator are there by themselves unless the
    value None takes them away. uid: run as that user (and group), as root only. env, arguments: of the process.
    passed: (name, socket) pairs that it gets as if from a service manager; they stay open here.
    local: local keys, see local_keys.py. share: lines of [share], see stores.py.
    """

    crashed = CRASHED

    def __init__(self, simulator=None, *, keys=None, broker="", environments=None, uid=None, env=None,
                 arguments=(), tcp=True, unix=True, start=True, passed=(), local=(), share=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="eqp-"))
        self.directory.chmod(0o755)
        self.simulator, self.uid, self.env, self.arguments = simulator, uid, env or {}, tuple(arguments)
        self.keys_directory = self.directory / "keys"
        self.socket_path = self.directory / "broker.sock"
        self.config_path = self.directory / "eqp-brokerd.conf"
        self.stderr_path = self.directory / "stderr"
        self.port = free_port() if tcp else None
        self.unix = unix
        self.broker_lines = broker
        self.environments = {} if simulator is None else {name: "" for name in simulator.urls}
        for name, lines in (environments or {}).items():
            if lines is None:
                self.environments.pop(name, None)
            else:
                self.environments[name] = lines
        self.passed = list(passed)
        self.local, self.share = list(local), share
        self.secrets = set()
        self.process = None
        self.wants_start = start
        self.keys_directory.mkdir(mode=0o700)
        if simulator is not None:
            shutil.copyfile(simulator.ca_file, self.directory / "ca.pem")
        for name, text in (keys or {}).items():
            self.write_key(name, text)
        self._own(self.directory, self.keys_directory)
        self.write_config()

    # files

    def _own(self, *paths):
        for path in paths if self.uid is not None else ():
            os.chown(path, self.uid, self.uid, follow_symlinks=False)

    def config(self):
        """The configuration as text."""
        lines = ["[broker]", f"keys_directory = {self.keys_directory}"]
        lines += [f"listen = 127.0.0.1:{self.port}"] if self.port else []
        lines += [f"listen = {self.socket_path}"] if self.unix else []
        lines += [self.broker_lines]
        lines += ["[share]", self.share] if self.share is not None else []
        for name, more in self.environments.items():
            lines += [f"[environment {name}]"]
            if self.simulator is not None and name in self.simulator.urls and "base_url" not in more:
                lines += [f"base_url = {self.simulator.urls[name]}"]
            if self.simulator is not None and "ca_file" not in more:
                lines += [f"ca_file = {self.directory / 'ca.pem'}"]
            lines += [more]
        for key in self.local:
            lines += [key.section]
            self.keep_secret(key.secret)
        return "\n".join(lines) + "\n"

    def write_config(self, text=None):
        """Puts it in place by renaming: a reload that is under way does not read half of it."""
        aside = self.config_path.with_name(self.config_path.name + ".new")
        aside.write_text(self.config() if text is None else text)
        aside.rename(self.config_path)

    def write_key(self, name, text, mode=0o600, to=None):
        """Puts a key file in place by renaming, as a careful administrator does."""
        directory = self.keys_directory if to is None else to
        aside = directory / f".{name}.new"
        aside.write_bytes(text if isinstance(text, bytes) else text.encode())
        aside.chmod(mode)
        self._own(aside)
        aside.rename(directory / name)
        self.keep_secret(*re.split(r"[:\s]", text if isinstance(text, str) else text.decode("latin-1")))

    def keep_secret(self, *texts):
        """The process must never write these."""
        self.secrets.update(text for text in texts if len(text) >= 8)

    # life

    def start(self, wait=True):
        self.stderr = open(self.stderr_path, "ab")
        self.n_starts = len(self.log(STARTED))
        identity = {} if self.uid is None else {"user": self.uid, "group": self.uid, "extra_groups": []}
        command = [binary(), "--config", str(self.config_path), *self.arguments]
        environment = BARE_ENVIRONMENT | self.env
        if self.passed:
            command, more = pass_sockets(command, self.passed)
            environment |= more.pop("env")
            identity |= more
        with taken_below(3 + len(self.passed or ())):
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=self.stderr, cwd="/", **identity)
        self.stderr.close()
        if wait:
            wait_until(self._started, "the daemon has started", START_TIMEOUT)
        return self

    def _started(self):
        assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.log()}"
        return len(self.log(STARTED)) > self.n_starts

    def send(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM, timeout=60):
        """Asks the process to end and returns its exit code. May be called again."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.send(number)
        return self.wait(timeout)

    def wait(self, timeout=60):
        """Waits for the end of the process and returns its exit code."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the daemon did not end: {self.text()}") from None
        self.check_text(self.text(), "stderr")
        assert not any(word in self.text() for word in REPORTS), self.text()
        assert not (self.crashed and self.log(self.crashed)), self.text()
        return code

    def check_text(self, text, where):
        """No secret, and no base64 of one, is in there."""
        for secret in tuple(self.secrets):  # other threads may add some
            assert secret not in text, f"{secret!r} in {where}"
            for coded in base64_forms(secret):
                assert coded not in text, f"base64 of {secret!r} in {where}"

    def __enter__(self):
        try:
            return self.start() if self.wants_start else self
        except BaseException:
            self._end()
            raise

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.process is not None and self.process.poll() is None:
                assert self.stop() == 0, self.text()
        finally:
            if kind is not None and self.stderr_path.exists():
                print(f"--- the daemon's log\n{self.text()}---")  # pytest shows it with the failure
            self._end()

    def _end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    # the log

    def _settle(self):
        """The log of the frontend and the forwarder passes through the keeper, after the answer perhaps: waits until none
        of them has anything to do."""
        deadline = time.monotonic() + 2
        while self.process is not None and self.process.poll() is None and time.monotonic() < deadline:
            # In the order in which lines travel: one that is seen asleep has woken the next one.
            pids = (forwarder_of(self.process.pid), frontend_of(self.process.pid), self.process.pid)
            if not any(is_running(pid) for pid in pids if pid):
                return
            time.sleep(0.0005)

    def text(self):
        self._settle()
        return self.stderr_path.read_text(errors="replace")

    def log(self, pattern="", priority=None):
        """The lines in which the regular expression is found, without their "<priority>"."""
        found = []
        for line in self.text().splitlines():
            match = re.fullmatch(r"<(\d)>(.*)", line)
            level, words = (int(match[1]), match[2]) if match else (None, line)
            if re.search(pattern, words) and priority in (None, level):
                found.append(words)
        return found

    def wait_log(self, pattern, n=1, timeout=30):
        """Waits until n lines fit; returns them."""
        return wait_until(lambda: len(self.log(pattern)) >= n and self.log(pattern),
                          f"{n} lines of the log like {pattern!r} in\n{self.text()}", timeout)

    def reload(self, good=True):
        """Reads the configuration again by SIGHUP, and waits for the outcome; returns that line."""
        pattern = r"configuration and keys read again|not reloaded"
        n = len(self.log(pattern))
        self.send(signal.SIGHUP)
        line = self.wait_log(pattern, n + 1)[n]
        assert line.startswith("not reloaded") != good, line
        return line

    # requests

    def connect(self, via="unix", timeout=60, source=None):
        """A connected socket."""
        if via == "unix":
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(timeout)
            stream.connect(str(self.socket_path))
            return stream
        return socket.create_connection(("127.0.0.1", self.port), timeout, source)

    @contextlib.contextmanager
    def connection(self, via="unix", timeout=60):
        """A kept-alive HTTP connection: connection.ask(method, path, headers, body) → Answer."""
        with self.connect(via, timeout) as stream:
            yield Connection(stream, "localhost" if via == "unix" else f"127.0.0.1:{self.port}")

    def request(self, method, path, headers=None, body=None, *, via="unix", timeout=60):
        """One request on a connection of its own. On TCP it names itself unless the headers do; a header of
        the value None is left out. A body that is no text or bytes is sent as JSON."""
        headers = ({"EQP-Client": "blackbox"} if via == "tcp" else {}) | (headers or {})
        headers = {name: value for name, value in headers.items() if value is not None}
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        with self.connection(via, timeout) as connection:
            answer = connection.ask(method, path, headers, body)
        self._remember(answer)
        return answer

    def _remember(self, answer):
        match = re.search(rb'"ust": ?"([^"]+)"', answer.body)
        if match:
            self.keep_secret(match[1].decode())

    def get(self, path, headers=None, **more):
        return self.request("GET", path, headers, **more)

    def post(self, path, body=None, headers=None, **more):
        return self.request("POST", path, headers, body, **more)

    def raw(self, data, via="tcp", timeout=60):
        """Sends bytes and returns what comes until the connection ends."""
        with self.connect(via, timeout) as stream:
            stream.sendall(data)
            received = b""
            with contextlib.suppress(ConnectionResetError):
                while more := stream.recv(65536):
                    received += more
        return received

    def token(self, environment="sandbox", query="", **more):
        """The token answer as JSON; it must be a 200."""
        answer = self.get(f"/v1/{environment}/token{query}", **more)
        assert answer.status == 200, answer
        return answer.json()

    def status(self, environment=None):
        """/v1/status, or what it says of one environment."""
        answer = self.get("/v1/status")
        self.check_text(answer.body.decode(), "/v1/status")
        status = answer.json()
        if environment is None:
            return status
        return next(row for row in status["environments"] if row["name"] == environment)

    def wait_status(self, environment, condition, timeout=30):
        """Polls the status until the condition holds for it, and returns it."""
        last = {}

        def holds():
            last.update(self.status(environment))
            return condition(last)

        try:
            wait_until(holds, "the status", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}: {json.dumps(last, indent=1)}") from None
        return last

    def wait_valid(self, *environments, timeout=30):
        for environment in environments or ("sandbox",):
            self.wait_status(environment, lambda status: status["state"] == "valid", timeout)
        return self

    def wait_obtained(self, *environments):
        """As wait_valid(), where the test itself may not see the status."""
        for environment in environments or ("sandbox",):
            self.wait_log(f"^{environment}: new token ")
        return self

    def wait_connections(self, n):
        """Waits until n connections are open beside the one that asks."""
        with self.connection() as connection:
            wait_until(lambda: b"\neqp_broker_connections %d\n" % (n + 1) in connection.ask("GET", "/metrics").body,
                       f"{n} connections")

    def wait_listening(self, timeout=30):
        """Waits until it accepts connections: the socket's file is there a moment before."""
        def listens():
            with contextlib.suppress(OSError), self.connect():
                return True
            return False
        wait_until(listens, "it listens", timeout)
        return self

    def refresh(self, environment="sandbox"):
        """An operator's refresh: the answer as JSON; it must be a 200."""
        answer = self.post(f"/v1/{environment}/refresh")
        assert answer.status == 200, answer
        return answer.json()
