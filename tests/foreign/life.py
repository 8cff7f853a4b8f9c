"""A life of the broker in a root, wherever its programs are from."""

import json
import os
import pathlib
import re
import signal
import sys

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1] / "blackbox"))

from broker import wait_until  # noqa: E402
from simulator import EXAMPLE_KEY  # noqa: E402

SOCKET = "/run/eqp-broker/eqp-broker.sock"
CONFIGURATION = "/etc/eqp-broker/eqp-brokerd.conf"
SETTINGS = f"""[broker]
listen = {SOCKET}

[environment sandbox]
base_url = https://localhost:9443
ca_file = /etc/eqp-broker/ca/ca.pem
allow = uid:1000
"""
TOKEN = re.compile(r"[!-~]{8,}")


class Life:
    """Programs below `bin` of the root; simulator: its path, where it is elsewhere."""

    def __init__(self, root, bin, user=None):
        self.root, self.bin, self.user = root, bin, user
        self.started = []

    def start(self, program, *words, user=None):
        process = self.root.start(program, *words, user=user)
        self.started.append((process, program.rpartition("/")[2]))
        return process

    def begin(self, simulator=None):
        """A simulator, settings and a key."""
        root = self.root
        folder = root.files / "etc/eqp-broker"
        for name in ("ca", "keys"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        process = self.start(simulator or f"{self.bin}/eqp-simulator", "--environment=sandbox=127.0.0.1:9443",
                             "--tls-directory=/etc/eqp-broker/ca")
        line = process.stdout.readline()
        assert line.startswith("{"), line + process.stdout.read()
        assert json.loads(line)["ca_file"] == "/etc/eqp-broker/ca/ca.pem"
        root.write(CONFIGURATION, SETTINGS)
        root.write("/etc/eqp-broker/keys/sandbox", EXAMPLE_KEY + "\n", 0o600)
        owner = 0 if self.user is None else int(self.user.partition(":")[0])
        for path in (folder / "keys", folder / "keys/sandbox"):
            os.chown(path, owner, owner)
        (root.files / "run/eqp-broker").mkdir(parents=True, exist_ok=True)
        os.chown(root.files / "run/eqp-broker", owner, owner)
        return self

    def end(self):
        """By pid: the children here are programs that enter the root, not those that run inside."""
        for process, name in reversed(self.started):
            for pid in self.root.processes(name):
                os.kill(pid, signal.SIGTERM)
            process.wait(60)
            process.stdout.close()

    def broker(self, *words, **more):
        return self.root.run(f"{self.bin}/eqp-brokerd", *words, user=self.user, **more)

    def eqpctl(self, *words, user="1000:1000", **more):
        return self.root.run(f"{self.bin}/eqpctl", *words, user=user, **more)

    # ---- what is tried ----

    def tells_its_version(self, version):
        assert self.broker("--version").out == f"eqp-brokerd {version}"
        assert self.eqpctl("--version").out == f"eqpctl {version}"

    def checks_its_settings(self):
        told = self.broker("--check").out
        assert "base_url = https://localhost:9443" in told and f"listen = {SOCKET}" in told
        assert self.broker("--check", "--config", "/etc/none.conf", check=False).code != 0

    def obtains_a_token_once(self):
        assert TOKEN.fullmatch(self.broker("--once=sandbox", "--deadline=60s").out)

    def serves(self):
        """The daemon of several processes, a caller that may, one that may not, a child that dies."""
        root = self.root
        self.start(f"{self.bin}/eqp-brokerd", user=self.user)
        wait_until(lambda: self.eqpctl("ready", check=False).code == 0, "it is ready", 120, 0.1)
        token = self.eqpctl("token", "sandbox").out
        assert TOKEN.fullmatch(token)
        assert self.eqpctl("token", "sandbox", user="1001:1001", check=False).code == 4
        (old,) = root.processes("eqp-frontend")
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: root.processes("eqp-frontend") not in ([], [old]), "another frontend", 120, 0.1)
        assert self.eqpctl("token", "--wait", "30", "sandbox").out == token
