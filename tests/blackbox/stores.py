"""Store: runs redis-server or valkey-server for a test, in any of the forms in which a team may run it.

    store = make_store()                                # a plain one, empty, on a port that is free
    store.url                                           # redis://localhost:PORT, rediss://…, unix:…
    store.call("GET", name), store.names(), store.n_connections
    with store.watched() as commands: ...               # all that clients ask meanwhile, as lists of bytes
    with store.standing_still(): ...
    store.kill(); store.start()                         # it comes back empty

make_store(program="valkey-server") skips with the reason where there is none. (Debian 12 has none: that of Debian 13 is
unpacked into build-valkey, in slow tests.) Nothing is written to a disk, and everything ends with the test. The test
itself speaks to the store over a unix socket, whatever form it has.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading

import pytest

from broker import free_port, wait_until
from resp import Client, Ended, StoreError

UNPACKED = pathlib.Path(__file__).resolve().parents[2] / "build-valkey"
MAKE_ROOT = pathlib.Path(__file__).resolve().parents[1] / "make-root.sh"
PROGRAMS = ("redis-server", "valkey-server" if shutil.which("valkey-server") else
            pytest.param("valkey-server", marks=pytest.mark.slow("Valkey of Debian 13 is unpacked")))
START_TIMEOUT = 60
TESTER, TESTER_PASSWORD = "tester", "the-tests-own-password"
# All that a broker needs, as eqp-brokerd.conf(5) has it. No script, no subscription, no look at other names.
ACL = "~eqp1:* -@all +auth +multi +exec +time +get +set +del +pttl +pexpire +pexpireat"


class Store:
    """One process.

    tls: an Authority, and it speaks TLS alone; certificate: another one than that authority's for localhost (a path
    without .pem). unix: no port at all. password: of the default user. users: {name: "rules of an ACL"}, in place of the
    default user. replica_of: another store. cluster: a node of a cluster, which has no slot yet. lines: more of its
    configuration.
    """

    def __init__(self, *, program="redis-server", tls=None, certificate=None, unix=False, password=None, users=None,
                 replica_of=None, cluster=False, lines=""):
        self.program = program
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="eqp-store-"))
        self.directory.chmod(0o755)
        self.socket_path = self.directory / "store.sock"
        self.port = None if unix else free_port()
        self.scheme = "rediss" if tls else "redis"
        self.has_users = bool(users or password)
        self.process = self._client = None
        config = ['save ""', "appendonly no", "daemonize no", f"dir {self.directory}", f"unixsocket {self.socket_path}",
                  "unixsocketperm 777", "bind 127.0.0.1", "repl-diskless-load swapdb", "repl-diskless-sync-delay 0",
                  f"logfile {self.directory / 'log'}", lines]
        if tls:
            server = certificate or tls.server
            config += ["port 0", f"tls-port {self.port or 0}", f"tls-cert-file {server}.pem", f"tls-key-file {server}.key",
                       f"tls-ca-cert-file {tls.path}", "tls-auth-clients no"]
        else:
            config += [f"port {self.port or 0}"]
        if self.has_users:
            config += [f"user {TESTER} on >{TESTER_PASSWORD} ~* &* +@all"]
            config += [f"user default on >{password} ~* &* +@all" if password else "user default off"]
            config += [f"user {name} on {rules}" for name, rules in (users or {}).items()]
        if replica_of:
            config += [f"replicaof 127.0.0.1 {replica_of.port}"]
        if cluster:
            config += ["cluster-enabled yes", f"cluster-port {free_port()}", "cluster-node-timeout 60000"]
        self.config_path = self.directory / "store.conf"
        self.config_path.write_text("\n".join(config) + "\n")

    @property
    def url(self):
        return f"{self.scheme}://localhost:{self.port}" if self.port else f"unix:{self.socket_path}"

    # life

    def start(self):
        """Starts it, empty, and waits until it answers."""
        self.process = subprocess.Popen([*command_of(self.program), str(self.config_path)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.directory)
        wait_until(self._answers, f"{self.program} answers", START_TIMEOUT)
        return self

    def _answers(self):
        if self.process.poll() is not None:
            log = self.directory / "log"
            raise AssertionError(f"{self.program} ended with {self.process.returncode}: {self.process.stdout.read().decode()}"
                                 f"{log.read_text() if log.exists() else ''}")
        with contextlib.suppress(OSError, Ended, StoreError):
            self._client = self.client()
            return self._client.call("PING") == "PONG"
        return False

    def _end(self, number):
        if self._client is not None:
            self._client.close()
            self._client = None
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait(60)
        if self.process is not None:
            self.process.stdout.close()
        self.socket_path.unlink(missing_ok=True)

    def kill(self):
        """Ends it as a crash would; start() begins anew."""
        self._end(signal.SIGKILL)

    def stop(self):
        self._end(signal.SIGTERM)

    def close(self):
        """Ends it for good."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def restart(self):
        self.kill()
        return self.start()

    @contextlib.contextmanager
    def standing_still(self):
        """Its port takes connections meanwhile, and nobody answers on them."""
        self.process.send_signal(signal.SIGSTOP)
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat")
        try:
            wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "it stands still")
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    # its content

    def client(self):
        """A connection of the test's own, with all rights."""
        client = Client(self.socket_path)
        if self.has_users:
            client.call("AUTH", TESTER, TESTER_PASSWORD)
        return client

    def call(self, *words):
        return self._client.call(*words)

    def info(self, section):
        """{name: text}"""
        return dict(re.findall(r"^(\w+):(.*?)\r?$", self.call("INFO", section).decode(), re.M))

    @property
    def n_connections(self):
        """How many clients it has had, without the test's own."""
        return int(self.info("stats")["total_connections_received"]) - 1

    def names(self):
        """Of all that is in it."""
        return {name.decode() for name in self.call("KEYS", "*")}

    def sessions(self):
        """{name: value} of the shared sessions, without leases."""
        found = {name: self.call("GET", name) for name in self.names() if not name.endswith(":l")}
        return {name: value for name, value in found.items() if value is not None}

    def wait_session(self, n=1, timeout=30):
        """Waits until n sessions are in it, and returns them."""
        return wait_until(lambda: len(self.sessions()) >= n and self.sessions(), f"{n} sessions in the store", timeout)

    @contextlib.contextmanager
    def watched(self):
        """All commands of clients from here on, as lists of bytes, by MONITOR. A connection more."""
        commands = []
        client = self.client()
        client.call("MONITOR")

        def read():
            with contextlib.suppress(OSError, Ended):
                while True:
                    line = client.reader.read()
                    words = [word.encode().decode("unicode_escape").encode("latin-1")
                             for word in re.findall(r'"((?:[^"\\]|\\.)*)"', line)]
                    if words == [b"ECHO", b"the end of what is watched"]:
                        return
                    if "unix:" not in line or not self.port:
                        commands.append(words)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            yield commands
        finally:
            with contextlib.suppress(OSError, Ended, StoreError, AttributeError):
                self.call("ECHO", "the end of what is watched")
                reader.join(30)
            client.close()

    # trouble

    def fill(self, policy="noeviction"):
        """From here on there is no room for anything more; with another policy, something has to go for it."""
        self.call("CONFIG", "SET", "maxmemory-policy", policy)
        used = int(self.info("memory")["used_memory"])
        self.call("CONFIG", "SET", "maxmemory", str(used - 60_000))  # buffers of clients come and go

    def empty_out(self):
        """Undoes fill()."""
        self.call("CONFIG", "SET", "maxmemory", "0")

    def promote(self):
        self.call("REPLICAOF", "NO", "ONE")

    def give_slots_to(self, other):
        """Two nodes of a cluster: all names are the other's, and this one says MOVED."""
        other.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        cluster_port = re.search(r"^cluster-port (\d+)$", other.config_path.read_text(), re.M)[1]
        self.call("CLUSTER", "MEET", "127.0.0.1", str(other.port), cluster_port)
        wait_until(lambda: b"cluster_state:ok" in self.call("CLUSTER", "INFO") and self._says_moved(), "a cluster", 60)

    def _says_moved(self):
        try:
            self.call("GET", "a")
        except StoreError as error:
            return str(error).startswith("MOVED ")
        return False


def share(*stores, username=None, password_file=None, ca_file=None, share_secret_file=None, more=""):
    """The lines of [share] for Broker(share=...). stores: of these, or URLs."""
    lines = [f"store = {store if isinstance(store, str) else store.url}" for store in stores]
    for name, value in (("username", username), ("password_file", password_file), ("ca_file", ca_file),
                        ("share_secret_file", share_secret_file)):
        lines += [f"{name} = {value}"] if value else []
    return "\n".join([*lines, more])


def skip(why):
    pytest.skip(f"SHARING NOT TESTED with this store: {why}")


def command_of(program):
    """How it is run; skips with the reason if there is none."""
    if shutil.which(program):
        return [program]
    if program == "redis-server":
        if os.environ.get("CI") == "true":
            pytest.fail("SHARING NOT TESTED: there is no redis-server")
        skip("there is no redis-server")
    unpack_valkey()
    loader = next(UNPACKED.glob("root/usr/lib/*/ld-linux*.so.*"))
    return [str(loader), "--library-path", str(loader.parent), str(UNPACKED / "root" / "usr" / "bin" / program)]


def unpack_valkey():
    UNPACKED.mkdir(exist_ok=True)
    with open(UNPACKED / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several processes that run tests, one unpacks it
        if (UNPACKED / "root").is_dir():
            return
        if shutil.which("mmdebstrap") is None:
            skip("there is no valkey-server, and no mmdebstrap to unpack that of Debian 13")
        mirror = os.environ.get("EQP_DEBIAN_MIRROR", "")
        made = subprocess.run([MAKE_ROOT, "trixie", UNPACKED / "new", mirror, "--variant=extract", "--include=valkey-server"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1700)
        if made.returncode != 0:
            skip(f"mmdebstrap could not unpack that of Debian 13: {made.stdout.strip()[-200:]}")
        (UNPACKED / "new").rename(UNPACKED / "root")


@pytest.fixture
def make_store():
    """Makes and starts stores that end with the test."""
    stores = []

    def make(program="redis-server", **more):
        command_of(program)
        stores.append(Store(program=program, **more))
        return stores[-1].start()

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def store(make_store):
    """A plain one."""
    return make_store()
