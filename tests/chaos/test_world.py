"""Judgements of the daemon as a whole: each check finds its fault, on a daemon that is only played."""

import signal
import threading
import types

import pytest

import weather as weather_module
from broker import Broker
import gateway_weather
from callers import Caller
from gateway_recorder import GatewayRecorder
from recorder import Recorder, Truth
from weather import Weather
from world import ENVIRONMENTS, World

URLS = {name: f"https://localhost:{i}" for i, name in enumerate(("sandbox", "production", "east", "west"))}
SECRET = "sandbox0123456789abcdef"


class Process:
    """Ends with that code when it is asked to; or has ended already."""

    def __init__(self, code=0, ended=False):
        self.code, self.returncode = code, code if ended else None

    def poll(self):
        return self.returncode

    def send_signal(self, number):
        self.number = number

    def wait(self, timeout=None):
        self.returncode = self.code
        return self.code

    kill = wait


class Daemon(Broker):
    def __init__(self, log="<6>started\n", **process):
        self.process, self.log_text, self.secrets = Process(**process), log, {SECRET}

    def text(self):
        return self.log_text


class Simulator:
    urls = URLS

    def __getattr__(self, name):
        return lambda *_, **__: None


def make_world(daemon):
    world = World.__new__(World)
    world.daemon, world.simulator, world.kubernetes = daemon, Simulator(), False
    world.recorder, world.gateway = Recorder(world.simulator, ENVIRONMENTS), True
    world.recorder.gateway = GatewayRecorder(world.recorder)
    world.manager_lock, world.changed, world.agency_at = threading.Lock(), {}, "east"
    world.manager = types.SimpleNamespace(hear=lambda: None, begin=lambda daemon: None)
    world.good = {name: ("KEY", SECRET) for name in ENVIRONMENTS}
    world.wanted = {f"{name}.1-main": f"KEY:{SECRET}\n" for name in ENVIRONMENTS}
    return world


def rules(world):
    return {rule for rule, _ in world.recorder.wrong}


def test_a_good_end():
    world = make_world(Daemon())
    world.end_daemon()
    assert not world.recorder.wrong


@pytest.mark.parametrize("process", [{"code": 1}, {"code": -6}, {"code": 0, "ended": True}, {"code": -11, "ended": True}])
def test_a_bad_end(process):
    world = make_world(Daemon(**process))
    world.end_daemon()
    assert rules(world) == {"crash"}


@pytest.mark.parametrize("text", [SECRET, "c2FuZGJveDAxMjM0NTY3ODlhYmNkZWY=", "S0VZOnNhbmRib3gwMTIzNDU2Nzg5YWJjZGVm"])
def test_a_secret_in_the_log(text):
    """As it is, and in base64, also as a part of a longer text."""
    world = make_world(Daemon(f"<6>started\n<6>sandbox: asked with {text}\n"))
    world.end_daemon()
    assert "secret" in rules(world)


def test_a_report_of_a_sanitizer():
    world = make_world(Daemon("==1==ERROR: AddressSanitizer: heap-use-after-free\n"))
    world.end_daemon()
    assert "crash" in rules(world)


@pytest.mark.parametrize("number, code, wrong", [(15, 0, False), (15, -15, True), (9, -9, False), (9, 134, True)])
def test_the_end_of_a_restart(number, code, wrong):
    world = make_world(Daemon(code=code))
    world.restart(number)
    assert rules(world) == ({"crash"} if wrong else set())


@pytest.mark.parametrize("text, kept", [(f"KEY:{SECRET}\n", True), (f"KEY:not{SECRET}\n", False), (None, False)])
def test_a_restart_keeps_only_what_the_keys_in_the_files_obtained(text, kept):
    world = make_world(Daemon(code=0))
    now = world.recorder.clock.now()
    world.recorder.truths["ust"] = Truth("sandbox", now.ours + 20, now._replace(real=now.real - 5), 1)
    world.recorder.latest["sandbox"] = ("ust", now.ours + 20, None, now.real - 5)
    world.wanted["sandbox.1-main"] = text
    world.restart(signal.SIGTERM)
    assert ("sandbox" in world.recorder.latest) == kept


def make_weather(world, monkeypatch, well=True, ready=200, passed_on=True):
    """Weather in which calm ends quickly."""
    for name in ("put_keys", "jump"):
        monkeypatch.setattr(world, name, lambda *_, **__: None, raising=False)
    monkeypatch.setattr(weather_module, "RECOVERED", 0.1)
    played = Weather(world, 7, 1, False)
    monkeypatch.setattr(played, "is_well", lambda name: well)
    monkeypatch.setattr(played, "is_passed_on", lambda name: passed_on)
    monkeypatch.setattr(world.daemon, "get", lambda path: types.SimpleNamespace(status=ready))
    return played


def test_a_turn_finds_that_the_daemon_has_ended(monkeypatch):
    world = make_world(Daemon(code=-6, ended=True))
    make_weather(world, monkeypatch).turn("good_keys", ())
    assert rules(world) == {"crash"}


@pytest.mark.parametrize("code, ended, found", [(-6, True, "crash"), (0, False, "good_keys")])
def test_a_turn_to_which_nobody_answers(monkeypatch, code, ended, found):
    """The daemon ends over it, or just does not answer."""
    world = make_world(Daemon(code=code))
    played = make_weather(world, monkeypatch)

    def breaks():
        world.daemon.process.returncode = code if ended else None
        raise ConnectionResetError("reset")
    monkeypatch.setattr(played, "good_keys", breaks)
    played.turn("good_keys", ())
    assert rules(world) == {found}


@pytest.mark.parametrize("well, ready, passed_on, found", [
    (True, 200, True, set()), (False, 200, True, {"calm"}), (True, 503, True, {"calm"}), (True, 200, False, {"calm"})])
def test_calm(monkeypatch, well, ready, passed_on, found):
    world = make_world(Daemon())
    make_weather(world, monkeypatch, well, ready, passed_on).turn("calm", ("alone",))
    assert rules(world) == found


@pytest.mark.parametrize("kubernetes", [False, True])
def test_calm_leaves_the_files_of_good_keys_alone(monkeypatch, tmp_path, kubernetes):
    """To write them again would have them tried: that they are tried by themselves is what calm is to see."""
    world = make_world(Daemon())
    world.kubernetes, world.n_swaps, world.wanted, world.daemon.keys_directory = kubernetes, 0, {}, tmp_path
    monkeypatch.setattr(world.daemon, "_own", lambda path: None)
    put_keys = world.put_keys
    played = make_weather(world, monkeypatch)
    monkeypatch.setattr(world, "put_keys", put_keys)

    def inodes():
        return {path.name: path.stat().st_ino for path in tmp_path.iterdir() if path.name[0] != "."}
    world.put_keys({}, all_good=True)
    before = inodes()
    played.calm("alone")
    assert inodes() == before and len(before) == len(ENVIRONMENTS)
    played.no_key("sandbox")
    played.calm("alone")
    assert inodes().keys() == before.keys()
    before = inodes()
    played.good_keys()
    assert all(before[name] != inode for name, inode in inodes().items())


@pytest.mark.parametrize("refused", [False, True])
def test_a_key_that_is_refused_is_tried(monkeypatch, refused):
    """Else most would not be known to be refused before they are good again."""
    world, posts = make_world(Daemon()), []
    monkeypatch.setattr(world.daemon, "post", lambda path, timeout: posts.append(path))
    make_weather(world, monkeypatch).refuse_key("agency", refused)
    assert posts == (["/v1/agency/refresh"] if refused else [])


@pytest.mark.parametrize("error, counts", [(TimeoutError(), True), (ConnectionResetError(), False)])
def test_a_kept_connection_may_close_but_not_hang(monkeypatch, error, counts):
    world, heard = make_world(Daemon()), []
    monkeypatch.setattr(world.recorder, "no_answer", lambda *found: heard.append(found))
    caller = Caller(world, 1, 7)

    def ask(*_):
        raise error
    caller.connection = types.SimpleNamespace(ask=ask, close=lambda: None)
    caller.turn()
    assert bool(heard) == counts


@pytest.mark.parametrize("limited", [False, True])
def test_an_eager_operator_wants_more_than_an_hour_has_on_both_sides_of_a_restart(monkeypatch, limited):
    """So a daemon that forgets what it sent exceeds the budget; one that does not forget says so, and is left alone."""
    eager = [turn[2] for seed in range(9) for turn in Weather(make_world(Daemon()), seed, 600, False).turns
             if turn[1] == "eager"]
    world, events = make_world(Daemon()), []
    played = make_weather(world, monkeypatch)
    monkeypatch.setattr(played, "restart", lambda number: events.append(number))
    monkeypatch.setattr(world.daemon, "post", lambda path, timeout: events.append(path) or types.SimpleNamespace(
        status=429 if limited and len(events) > 60 else 200))
    assert eager
    for turn in eager:
        events.clear()
        played.eager(*turn)
        assert 10 <= events.index(signal.SIGKILL) < 60
        assert len(events) == 61 if limited else len(events) > 80


def test_each_turn_can_come_and_all_seeds_end_calmly():
    world = make_world(Daemon())
    names = {name for seed in range(5) for _, name, _ in Weather(world, seed, 600, False).turns}
    assert names == set(weather_module.TURNS | gateway_weather.TURNS) | {"calm"}
    assert all(Weather(world, seed, 60, False).turns[-1][1] == "calm" for seed in range(5))
