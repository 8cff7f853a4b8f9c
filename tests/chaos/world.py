"""World: the real daemon, the simulator, a service manager, and all that can be done to them."""

import contextlib
import mmap
import os
import pathlib
import random
import resource
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time

import broker as broker_module
from broker import Broker, frontend_of, wait_frontend, wait_until
from gateway_recorder import CONNECT_TIMEOUT, GatewayRecorder
from gateway_world import GatewayWorld
from manager import Manager
from processes import signal_to, state_of
from recorder import EXCHANGE_TIMEOUT, Recorder
from simulator import Simulator

PROGRAM = "tests/chaos/eqp-brokerd-chaos"
KINDS = ("memory", "socket", "file", "loop", "json", "http", "curl")
UPSTREAMS = ("sandbox", "production", "east", "west")
ENVIRONMENTS = {"sandbox": ("sandbox",), "production": ("production",), "agency": ("east", "west")}
TIMES = f"connect_timeout = {CONNECT_TIMEOUT}s\nexchange_timeout = {EXCHANGE_TIMEOUT}s\n"
PAGE = 4096


class Daemon(Broker):
    """Its log is kept out of its own directory, which is on a small disk where we may mount one. World looks for
    frontends that crashed: without memory, a library may."""

    crashed, gateway = None, ""

    def config(self):
        return super().config() + self.gateway

    def __init__(self, *arguments, log, **more):
        self.log_path = log
        super().__init__(*arguments, start=False, **more)
        self.stderr_path = log
        self.stderr_path.touch()


class World(GatewayWorld):
    def __init__(self, seed, kubernetes=False, gateway=True):
        """gateway: whether requests are passed on."""
        self.random = random.Random(seed)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="eqp-chaos-"))
        self.kubernetes, self.n_swaps, self.gateway, self.local = kubernetes, 0, gateway, {}
        self.simulator, self.manager, self.daemon, self.recorder = None, None, None, None
        self.wanted, self.good, self.changed, self.agency_at = {}, {}, {}, "east"
        self.manager_lock, self.n_crashes = threading.Lock(), 0

    def __enter__(self):
        control = self.directory / "control"
        control.write_bytes(b"\0" * PAGE)
        with open(control, "r+b") as file:
            self.control = mmap.mmap(file.fileno(), PAGE)
        keys = {name: [(f"KEY{name.upper()}" if name not in ("east", "west") else "KEYAGENCY",
                        self.new_secret(name))] for name in UPSTREAMS}
        keys["west"] = keys["east"]
        self.good = {"sandbox": keys["sandbox"][0], "production": keys["production"][0], "agency": keys["east"][0]}
        self.simulator = Simulator(UPSTREAMS, keys=keys, lifetime_max=40).start()
        for name in UPSTREAMS:
            self.simulator.settings(name, lifetime_fixed=30)
        self.recorder = Recorder(self.simulator, ENVIRONMENTS)
        self.recorder.gateway = GatewayRecorder(self.recorder) if self.gateway else None
        self.manager = Manager()
        broker_module.binary = lambda name=PROGRAM: os.path.join(os.environ["EQP_BUILD_DIR"], name)
        self.daemon = Daemon(self.simulator, log=self.directory / "log", broker=self.broker_lines(),
                             environments=self.environments(),
                             env=self.manager.env | {"EQP_CHAOS_CONTROL": str(control)})
        for _, secret in self.good.values():
            self.daemon.keep_secret(secret)
        self.begin_gateway(ENVIRONMENTS, UPSTREAMS)
        self.has_disk = self.mount()
        self.put_keys({}, all_good=True)
        self.daemon.start()
        return self

    def __exit__(self, *_):
        if self.daemon:
            self.daemon._end()
        if self.has_disk:
            subprocess.run(["umount", "-l", str(self.daemon.directory)], check=False)
        self.simulator.stop()
        self.manager.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(self.daemon.directory, ignore_errors=True)

    def new_secret(self, name):
        return f"{name}{self.random.getrandbits(128):032x}"

    def mount(self):
        """The daemon's directory on a disk of 256 KiB, if that can be had."""
        kept = {path.name: path.read_bytes() for path in self.daemon.directory.iterdir() if path.is_file()}
        if os.geteuid() != 0 or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "none", str(self.daemon.directory)],
                check=False, capture_output=True).returncode != 0:
            return False
        self.daemon.keys_directory.mkdir(mode=0o700)
        for name, data in kept.items():
            (self.daemon.directory / name).write_bytes(data)
        return True

    # settings

    def broker_lines(self, per_user=500):
        return f"max_connections = 600\nmax_connections_per_user = {per_user}\n"

    def environments(self, lifetime="2h"):
        times = TIMES + f"lifetime = {lifetime}\n" + ("gateway = yes\n" if self.gateway else "")
        return {"sandbox": times, "production": times, "east": None, "west": None,
                "agency": times + f"base_url = {self.simulator.urls[self.agency_at]}\n"}

    def write_good(self, **more):
        self.daemon.broker_lines = self.broker_lines(**more)
        self.daemon.environments = {name: lines for name, lines in self.environments().items() if lines is not None}
        self.daemon.environments["agency"] += f"ca_file = {self.daemon.directory / 'ca.pem'}\n"
        aside = self.daemon.directory / "eqp-brokerd.conf.new"
        aside.write_text(self.daemon.config())
        aside.rename(self.daemon.config_path)

    # keys

    def put_keys(self, files, all_good=False, mode=0o600, again=False):
        """files: {file name: text} on top of the good keys, or in place of them. A file that is there already is left
        alone, unless it is to be written `again`: a key whose file is rewritten is tried at once."""
        wanted = {f"{name}.1-main": f"{key}:{secret}\n" for name, (key, secret) in self.good.items()}
        if not all_good:
            wanted |= files
        wanted = {name: text for name, text in wanted.items() if text is not None}
        now, old, self.wanted = time.monotonic(), self.wanted, wanted
        news = {name for name in set(wanted) | set(old) if wanted.get(name) != old.get(name)}
        for name in news:
            self.changed[name.split(".")[0]] = now
        if self.kubernetes:
            if news or again:
                self._swap(wanted, mode)
        else:
            for name, text in wanted.items():
                if name in news or again:
                    self.daemon.write_key(name, text, mode if name in files else 0o600)
            for path in self.daemon.keys_directory.iterdir():
                if path.name not in wanted and not path.name.startswith("."):
                    path.unlink()
        for name in wanted:
            self.changed.setdefault(name.split(".")[0], 0)

    def _swap(self, wanted, mode):
        """As a kubelet does it: a new directory, and ..data swapped to it."""
        keys = self.daemon.keys_directory
        self.n_swaps += 1
        fresh = keys / f"..{self.n_swaps}"
        fresh.mkdir()
        for name, text in wanted.items():
            (fresh / name).write_text(text)
            (fresh / name).chmod(mode)
            if not (keys / name).is_symlink():
                (keys / name).symlink_to(f"..data/{name}")
        (keys / "..data_tmp").symlink_to(fresh.name)
        old = os.readlink(keys / "..data") if (keys / "..data").is_symlink() else None
        (keys / "..data_tmp").rename(keys / "..data")
        for path in keys.iterdir():
            if not path.name.startswith("..") and path.name not in wanted:
                path.unlink()
        if old:
            shutil.rmtree(keys / old)

    def upstream_of(self, environment):
        return self.agency_at if environment == "agency" else environment

    def regenerate(self, environment):
        secret = self.new_secret(environment)
        self.daemon.keep_secret(secret)
        key = self.good[environment][0]
        for upstream in ENVIRONMENTS[environment]:
            self.simulator.regenerate(upstream, key, secret)
        self.good[environment] = (key, secret)

    # time

    def stand_still(self):
        """The keeper first: so no frontend begins meanwhile."""
        for find in (self.keeper, self.frontend, self.forwarder):
            pid = find()
            if pid and signal_to(pid, signal.SIGSTOP):
                wait_until(lambda pid=pid: state_of(pid) in ("T", "Z", None), "the daemon stands still", 5, 0.005)

    def go_on(self):
        for pid in (self.forwarder(), self.frontend(), self.keeper()):
            if pid:
                signal_to(pid, signal.SIGCONT)

    def pause(self, seconds):
        """SIGSTOP for a while, as a debugger or a freezer does it."""
        window = self.recorder.open("stopped")
        self.stand_still()
        time.sleep(seconds)
        self.go_on()
        self.recorder.close(window)

    def jump(self, seconds):
        """A suspend: everything stands still, and then it is later."""
        window, stopped = self.recorder.open("jump"), self.recorder.open("stopped")
        self.stand_still()
        clock = self.recorder.clock
        with clock.lock:
            self.simulator.forward(seconds)
            forward = clock.jumps[-1][1] + seconds
            struct.pack_into("=Q", self.control, 0, forward * 1000000)
            clock.jumps.append((time.monotonic(), forward))
        self.go_on()
        self.recorder.close(stopped)
        self.recorder.close(window)

    # want

    def failing(self, kind, ppm, seed=0):
        struct.pack_into("=Q", self.control, 8, seed)
        for i, name in enumerate(KINDS):
            struct.pack_into("=Q", self.control, 16 + 8 * i, ppm if kind in (name, "all") else 0)

    def n_failed(self):
        return struct.unpack_from("=Q", self.control, 16 + 16 * len(KINDS))[0]

    def limit(self, what, used):
        """used(pid): the part that a process has of it already; it gets no more. Returns what undoes it, also for a frontend
        that began meanwhile, and has its limit from the keeper."""
        old = resource.prlimit(self.keeper(), what)

        def put(limit_of):
            for pid in (self.keeper(), self.frontend(), self.forwarder()):
                with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                    resource.prlimit(pid, what, limit_of(pid)) if pid else None

        put(lambda pid: (used(pid), old[1]))
        return lambda: put(lambda pid: old)

    @staticmethod
    def n_fds(pid):
        return len(os.listdir(f"/proc/{pid}/fd"))

    @staticmethod
    def address_space(pid):
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * PAGE

    # the processes

    def keeper(self):
        return self.daemon.process.pid

    def frontend(self):
        return frontend_of(self.keeper())

    def lose_frontend(self, number):
        """It is killed, or hangs until it is; then there is another one."""
        pid = self.frontend()
        if not pid:
            return
        windows = [self.recorder.open("lost")] + ([self.recorder.open("stopped")] if number == signal.SIGSTOP else [])
        if signal_to(pid, number):
            wait_until(lambda: state_of(pid) in ("Z", None), "the frontend has ended", 20, 0.005)
        for window in windows:
            self.recorder.close(window)
        wait_frontend(self.keeper(), but=pid)

    def look_for_crashes(self):
        """By what the keeper says of a frontend's end."""
        found = self.daemon.log(broker_module.CRASHED)
        now = time.monotonic()
        if len(found) > self.n_crashes and not self.recorder.during(("impaired",), now - 1, now):
            self.recorder.fail("crash", found[-1])
        self.n_crashes = len(found)

    def fill_disk(self):
        """Returns what undoes it."""
        filler = self.daemon.directory / "filler"
        try:
            with open(filler, "wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)
        except OSError:
            pass
        return filler.unlink

    # the end

    def end_daemon(self):
        """Ends it, if it still lives, and judges what it leaves: how it ended, and its log."""
        code = self.daemon.process.poll()
        if code is not None:
            self.recorder.fail("crash", f"ended with {code}")
        try:
            self.daemon.stop()
        except AssertionError as error:
            self.recorder.fail("end", str(error)[-3000:])
        if code is None and self.daemon.process.poll() != 0:
            self.recorder.fail("crash", f"exit code {self.daemon.process.poll()} at the end")
        text = self.daemon.text()
        try:
            self.daemon.check_text(text, "the log")
        except AssertionError as error:
            self.recorder.fail("secret", str(error)[-3000:])
        if any(word in text for word in broker_module.REPORTS):
            self.recorder.fail("crash", "a sanitizer's report")

    # life

    def hear(self):
        with self.manager_lock:
            self.manager.hear()

    def is_spoiled(self, environment):
        """The files have not the good key. A daemon that had it before still gets tokens with it; the next one has it
        not, and must not take up what it obtained."""
        return self.wanted.get(f"{environment}.1-main") != "{}:{}\n".format(*self.good[environment])

    def restart(self, number):
        window = self.recorder.open("down")
        with self.manager_lock:
            self.daemon.send(number)
            code = self.daemon.process.wait(20)
            if code != (0 if number == signal.SIGTERM else -number):
                self.recorder.fail("crash", f"exit code {code} after signal {number}")
            self.manager.hear()
            for name in ENVIRONMENTS:
                if self.is_spoiled(name):
                    self.recorder.forget(name)
                else:
                    self.recorder.forget_young(name, self.changed.get(name, 0))
            self.recorder.restarted()
            self.manager.begin(self.daemon)
        self.recorder.close(window)
