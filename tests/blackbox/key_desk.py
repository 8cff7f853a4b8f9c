"""Key desk: a directory for keys, a configuration that names it, and an eqp-brokerd whose trials of keys are
scripted. For tests of `eqpctl key ...`; real trials are tested against the simulator."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from terminal import Terminal

BUILD = pathlib.Path(os.environ["EQP_BUILD_DIR"])
EQPCTL = BUILD / "ctl" / "eqpctl"
ID, SECRET = "AQ17NZ49WC", "canary8820c99614d65f923df"
KEY = f"{ID}:{SECRET}\n"
SANITIZERS = {k: v for k, v in os.environ.items() if k.startswith(("ASAN", "UBSAN", "LSAN"))}
# LeakSanitizer gives up a program that is traced, and fails it.
TRACED = {"ASAN_OPTIONS": ":".join([*filter(None, [os.environ.get("ASAN_OPTIONS")]), "detect_leaks=0"])}

# Notes each trial (arguments, standard input, environment), then ends as told.
SCRIPT = """#!/usr/bin/python3
import json, os, signal, sys

if sys.argv[1] != "--try-key":
    os.execv({daemon!r}, [{daemon!r}, "--config", {config!r}, *sys.argv[1:]])
line = sys.stdin.read()
with open({trials!r}, "a") as trials:
    print(json.dumps({{"pid": os.getpid(), "arguments": sys.argv[1:], "line": line, "environment": dict(os.environ),
                      "parent": open("/proc/%d/cmdline" % os.getppid()).read(),
                      "open": sorted(os.listdir("/proc/self/fd"))}}), file=trials)
verdicts = json.load(open({verdicts!r}))
code, words = verdicts.get(line.split(":")[0], verdicts["any"])
if code == 0:
    print(verdicts["account"], end="")
if words == "hang":
    if child := os.fork():  # one that nobody knows keeps the pipes
        print(child, file=open({hanging!r}, "a"))
    signal.alarm(50)  # of each process its own: a fork has none
    signal.pause()
print("<4>memory for secrets cannot be locked", file=sys.stderr)
print(f"<3>{{sys.argv[2]}}: {{words}}", file=sys.stderr)
sys.exit(code)
"""


def answer(terminal, id=ID, secret=SECRET):
    """Both questions of `eqpctl key set`."""
    terminal.expect("Application ID: ")
    terminal.type(f"{id}\n")
    terminal.expect("Application secret (not shown): ")
    terminal.wait_echo(False)
    terminal.type(f"{secret}\n")


class KeyDesk:
    def __init__(self, settings="", daemon=None):
        """daemon: the program to run for trials too; without it they are scripted."""
        self.directory = directory = pathlib.Path(tempfile.mkdtemp(prefix="eqp-"))
        directory.chmod(0o755)  # other users are to get there
        self.keys = directory / "keys"
        self.keys.mkdir(mode=0o700)
        self.socket = directory / "broker.sock"
        self.config = directory / "eqp-brokerd.conf"
        self.config.write_text(f"[broker]\nkeys_directory = {self.keys}\nlisten = {self.socket}\n{settings}\n")
        self.trials_path = directory / "trials"
        self.trials_path.touch(mode=0o666)
        self.trials_path.chmod(0o666)
        self.hanging = directory / "hanging"
        self.program = directory / "eqp-brokerd"
        self.program.write_text(SCRIPT.format(daemon=str(BUILD / "daemon" / "eqp-brokerd"), config=str(self.config),
                                              trials=str(self.trials_path), verdicts=str(directory / "verdicts"),
                                              hanging=str(self.hanging)))
        self.program.chmod(0o755)
        self.env = SANITIZERS | {"EQP_BROKERD": str(daemon or self.program), "EQP_BROKER_CONFIG": str(self.config),
                                 "EQP_BROKER_ADDRESS": f"unix:{self.socket}", "PATH": os.environ["PATH"],
                                 "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        self.verdict(0, "the key obtained a token")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in self.hanging.read_text().split() if self.hanging.exists() else ():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if str(self.directory) in pathlib.Path(f"/proc/{pid}/cmdline").read_text(errors="replace"):  # still it
                    os.kill(int(pid), signal.SIGKILL)
        shutil.rmtree(self.directory)

    def verdict(self, code, words, account="", **of_ids):
        """How trials end from now on; by keyword for single application IDs: ID=(code, words). account: the output of
        those that end with 0."""
        (self.directory / "verdicts").write_text(json.dumps({"any": [code, words], "account": account} | of_ids))

    @property
    def trials(self):
        return [json.loads(line) for line in self.trials_path.read_text().splitlines()]

    def put(self, name, text, mode=0o600):
        path = self.keys / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def files(self):
        """All of them, hidden ones too: {name: text}."""
        return {path.name: path.read_text() for path in self.keys.iterdir()}

    def run(self, *arguments, input="", **more):
        """eqpctl with these arguments."""
        env = self.env | more.pop("env", {})
        return subprocess.run([EQPCTL, *arguments], env=env, input=input, capture_output=True, text=True, timeout=60,
                              **more)

    def terminal(self, *arguments, **more):
        return Terminal([EQPCTL, *arguments], env=self.env, **more)
