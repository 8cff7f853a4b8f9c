"""Home: a machine with our packages, and with a simulator in place of the EQP API.

    with Home() as home:                # installed, two environments point at the simulator, no key yet
        home.set_key("sandbox")
        home.wait_valid("sandbox")
        home.token("sandbox")["ust"]
        with home.load() as load:
            home.systemctl("restart", SERVICE)
        load.failed                     # 0

Every token that home.token() was given, and every key that was set, counts as a secret: home.secrets.
"""

import base64
import json
import threading
import time

import packages
from machine import SERVICE, SOCKET, URL, Machine, wait_until

EXAMPLE_ID, EXAMPLE_SECRET = "AQ17NZ49WC", "8820c99614d65f923df7660276f20e029d73e2ca"
KEY = f"{EXAMPLE_ID}:{EXAMPLE_SECRET}"
ADMIN = "http://127.0.0.1:9440"
PORTS = {"sandbox": 9443, "production": 9444}
AUTHORITY = "/etc/eqp-broker/simulator.pem"
SETTINGS = "/etc/eqp-broker/eqp-brokerd.conf.d/simulator.conf"
KEYS = "/etc/eqp-broker/keys"
PLACES = ("/etc", "/var", "/run", "/tmp", "/root", "/srv", "/home", "/dev/shm")  # where files come to be
REMEMBERED = "/srv/before"
ALL_FILES = f"find / -xdev \\( -path /proc -o -path /tmp -o -path {REMEMBERED} \\) -prune -o -print | sort"
CLIENTS = ("fresh-tcp=3", "fresh-unix=3", "kept-tcp=3", "kept-unix=3", "pool-tcp=8")
UNITS = (SERVICE, "eqp-brokerd.socket", "eqp-broker-credential.socket")


class Load:
    """Clients at work (inside/load.py), until the end of the block."""

    def __init__(self, home, kinds, env=()):
        self.home, self.kinds, self.env = home, kinds, env
        self.result = None

    def __enter__(self):
        self.process = self.home.start("env", *self.env, "/opt/inside/load.py", *self.kinds)
        line = self.process.stdout.readline()
        assert line == "running\n", (line, self.process.communicate(timeout=10))
        self.begin = time.monotonic()
        return self

    def __exit__(self, kind, *_):
        self.seconds = time.monotonic() - self.begin
        out, err = self.process.communicate(timeout=180)
        if kind is None:
            self.result = json.loads(out)
            assert err == "", err

    def _sum(self, name):
        return sum(kind[name] for kind in self.result.values())

    @property
    def ok(self):
        return self._sum("ok")

    @property
    def failed(self):
        return self._sum("failed")

    @property
    def share_crossed(self):
        """Of the connections that were closed between two requests: how many were, while the next one was sent."""
        return self._sum("crossed") / max(1, self._sum("closed_between"))

    @property
    def failures(self):
        return [failure for kind in self.result.values() for failure in kind["failures"]]

    @property
    def tokens(self):
        """Digests of all tokens seen."""
        return {token for kind in self.result.values() for token in kind["tokens"]}

    @property
    def why(self):
        return {name: kind["why"] for name, kind in self.result.items() if kind["why"]}

    @property
    def worst_ms(self):
        return max(kind["worst_ms"] for kind in self.result.values())

    def words(self):
        """The history, in a line."""
        return (f"{self.ok} ok, {self.failed} failed, {self.ok / self.seconds:.0f}/s, worst {self.worst_ms} ms, "
                f"{self._sum('closed_between')} kept connections closed between requests, "
                f"{self._sum('crossed')} of them while the next one was sent")


class Home(Machine):
    """lifetime: of the simulator's tokens, in seconds."""

    def __init__(self, lifetime=7200, options=(), debs=True):
        super().__init__([f"--bind-ro={packages.directory()}:{packages.INSIDE}", *options])
        self.lifetime, self.debs = lifetime, debs
        self.secrets = set()

    def __enter__(self):
        super().__enter__()
        try:
            if self.debs:
                self.install(packages.debs())
                self.start_simulator()
                self.point_at_simulator()
        except BaseException as error:
            error.add_note(self.last_words())
            self.__exit__(None)
            raise
        return self

    # the simulator

    def start_simulator(self):
        self.run("systemd-run", "--unit=simulator", "--quiet", "--property=Slice=system-simulator.slice",
                 "--property=StateDirectory=eqp-simulator-test", "eqp-simulator",
                 "--tls-directory=/var/lib/eqp-simulator-test", f"--lifetime-max={self.lifetime}")
        wait_until(lambda: self.run("curl", "-fsS", ADMIN + "/state", check=False).code == 0,
                   "the simulator is up")

    def point_at_simulator(self, more="", reload=True):
        self.run("install", "-m", "0644", "/var/lib/eqp-simulator-test/ca.pem", AUTHORITY)
        sections = "\n".join(f"[environment {name}]\nbase_url = https://localhost:{port}\nca_file = {AUTHORITY}"
                             for name, port in PORTS.items())
        self.write(SETTINGS, f"{sections}\n{more}")
        if reload:
            self.systemctl("reload-or-restart", SERVICE)

    def simulator(self, method, path, body=None):
        data = [] if body is None else ["--data", json.dumps(body)]
        answer = self.run("curl", "-sS", "--fail-with-body", "-X", method, *data, ADMIN + path).out
        return json.loads(answer) if answer else None

    def fault(self, name, environment="sandbox", **more):
        self.simulator("POST", f"/{environment}/faults", {"fault": name} | more)

    def no_faults(self, environment="sandbox"):
        self.simulator("DELETE", f"/{environment}/faults")

    def exchanges(self, environment="sandbox"):
        """How many token requests the upstream has seen, good and bad; connections count as well."""
        state = self.simulator("GET", "/state")["environments"][environment]
        return state["requests"]["token"]

    def kept(self):
        """Facts that have to be the same after a restart: the token, and how often the upstream was asked."""
        return self.token()["ust"], self.exchanges()

    # keys

    def set_key(self, name, key=KEY):
        self.secrets.add(key.split(":")[1])
        return self.run("eqpctl", "key", "set", name, stdin=key + "\n")

    # secrets

    def search_for_secrets(self):
        """No key's secret and no token is in the journal, in a file outside the keys' directory, in what
        systemd, ps or the broker show, or in a core dump."""
        processes = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"
        status = self.systemctl("status", *UNITS, check=False).out
        shown = {
            "journal": self.run("journalctl", "--no-pager", "--all", "-o", "export").out,
            "systemctl": self.systemctl("show", *UNITS).out + status,
            "processes": self.shell(processes).out,
            "the broker's answers": self.curl("/v1/status")[1] + self.curl("/metrics")[1],
        }
        forms = set(self.secrets)
        for secret in self.secrets:
            # base64 of it wherever it stands in a longer text, without the characters that depend on that
            for before in range(3):
                coded = base64.b64encode(b"\0" * before + secret.encode()).decode().rstrip("=")
                forms.add(coded[(0, 2, 3)[before]:-1])
        for where, text in shown.items():
            for form in forms:
                assert form not in text, f"a secret is in {where}"
        found = set(self.run("grep", "-rslaF", "-f", "-", *PLACES, stdin="\n".join(forms) + "\n", check=False,
                             timeout=120).out.splitlines())
        keys = {path for path in found if path.startswith(KEYS + "/")}
        assert keys, "a search that does not even find the keys proves nothing"
        assert found == keys, f"a secret is in {found - keys}"
        dumps = ("-type", "f", "(", "-name", "core", "-o", "-name", "core.*", ")")
        assert self.run("find", "/", "-xdev", *dumps).out == ""

    # left behind by packages

    def remember_files(self):
        """For left_files()."""
        self.run("mkdir", "-p", REMEMBERED)
        self.shell(f"{ALL_FILES} >{REMEMBERED}/files")

    def left_files(self):
        """Files by our name that were not there before; not those that the tests put there."""
        left = self.shell(f"{ALL_FILES} | comm -13 {REMEMBERED}/files -").out.splitlines()
        return [path for path in left if "eqp" in path and not path.startswith(("/var/lib/eqp-simulator-test", "/opt"))]

    def add_user_once(self, name, groups=()):
        if self.run("id", name, check=False).code != 0:
            self.add_user(name, groups)

    # asking the broker

    def curl(self, path, user=None, unix=False, check=True, more=()):
        """(HTTP status, body)."""
        via = ["--unix-socket", SOCKET] if unix else []
        url = ("http://localhost" if unix else URL) + path
        done = self.run("curl", "-sS", "-m", "40", *via, "-H", "EQP-Client: systest", "-w", "\n%{http_code}",
                        *more, url, user=user, check=check)
        body, _, status = done.out.rpartition("\n")
        return int(status or 0), body

    def token(self, environment="sandbox", **more):
        status, body = self.curl(f"/v1/{environment}/token", **more)
        assert status == 200, (status, body)
        answer = json.loads(body)
        self.secrets.add(answer["ust"])
        return answer

    def is_valid(self, environment):
        status, _ = self.curl(f"/v1/{environment}/token?wait=0", check=False)
        return status == 200

    def wait_valid(self, environment="sandbox", timeout=60):
        """Waits for a token; returns how long it took, in seconds."""
        start = time.monotonic()
        wait_until(lambda: self.is_valid(environment), f"a token of {environment}", timeout)
        return time.monotonic() - start

    def load(self, *kinds, env=()):
        return Load(self, kinds, env)

    def wait_settled(self, timeout=60):
        wait_until(lambda: self.state() == "active", "the service is active", timeout)


def in_background(function):
    """Runs a function beside the test; join() at the end raises what it raised."""
    class Background(threading.Thread):
        error = None

        def run(self):
            try:
                function()
            except BaseException as error:  # handed to who joins
                self.error = error

        def join(self, timeout=None):
            super().join(timeout)
            if self.error is not None:
                raise self.error

    thread = Background()
    thread.start()
    return thread
