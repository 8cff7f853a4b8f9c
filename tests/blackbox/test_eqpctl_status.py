"""eqpctl status: as a table, as JSON, and watched on a terminal."""

import fcntl
import json
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from broker import wait_until
from fake_broker import Answer, FakeBroker, error

EQPCTL = pathlib.Path(os.environ["EQP_BUILD_DIR"]) / "ctl" / "eqpctl"
STATUS_PATH = "GET /v1/status"
BARE_ENVIRONMENT = {k: v for k, v in os.environ.items() if k.startswith(("ASAN", "UBSAN", "LSAN"))}


def environment_of(name, **changes):
    return {
        "name": name, "base_url": f"https://{name}.example", "configured": True, "state": "valid", "why": "",
        "token": {"mage_id": "MAG1", "key": "1-main", "lifetime_sec": 7200, "expires_in": 5400,
                  "expires_at": "2026-11-23T05:02:11Z"},
        "keys": [{"label": "1-main", "state": "good", "seen_ago_sec": 1800}], "key_files_refused": [], "exchange_in_flight": False,
        "next_refresh_in_sec": 2520, "last_refresh_ago_sec": 1800, "last_trouble": None, "failures_in_row": 0,
    } | changes  # fmt: skip


STATUS = {
    "version": "0.1.0", "pid": 1234, "uptime_sec": 123, "ready": True,
    "environments": [environment_of("production"), environment_of("sandbox", state="no_token", token=None)],
}  # fmt: skip


@pytest.fixture
def broker():
    with FakeBroker() as fake:
        fake.answers[STATUS_PATH] = Answer(body=STATUS)
        yield fake


def status(broker, *arguments, **env):
    environment = BARE_ENVIRONMENT | {"EQP_BROKER_ADDRESS": broker.address} | env
    return subprocess.run([EQPCTL, "status", *arguments], env=environment, capture_output=True, timeout=30)


class Terminal:
    """eqpctl on a pseudo terminal."""

    def __init__(self, broker, *arguments, columns=100, rows=40, **env):
        self.main, side = pty.openpty()
        self.side = side
        self.resize(columns, rows)
        self.shown = b""
        environment = {"EQP_BROKER_ADDRESS": broker.address, "TERM": "xterm", "LC_ALL": "C.UTF-8"} | env
        self.process = subprocess.Popen([EQPCTL, "status", *arguments], env=BARE_ENVIRONMENT | environment,
                                        stdin=side, stdout=side, stderr=side)  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.main)
        os.close(self.side)

    def resize(self, columns, rows):
        fcntl.ioctl(self.side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        """False if nothing came."""
        if not select.select([self.main], [], [], seconds)[0]:
            return False
        self.shown += os.read(self.main, 65536)
        return True

    def wait_for(self, text):
        deadline = time.monotonic() + 60
        while text.encode() not in self.shown:
            assert time.monotonic() < deadline, self.shown.decode()
            self.read(0.1)

    def finish(self):
        deadline = time.monotonic() + 60
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "it does not end"
            self.read(0.05)
        while self.read(0):
            pass
        return self.process.returncode


def test_elsewhere_than_on_a_terminal_it_is_plain_ascii(broker):
    result = status(broker, LC_ALL="C.UTF-8", TERM="xterm")
    assert (result.returncode, result.stderr) == (0, b"")
    text = result.stdout.decode("ascii")
    assert "\033" not in text and "#" not in text
    assert "* production   valid     1h 30min of 2h (75%)  1-main  30min ago  in 42min\n" in text
    assert "! sandbox      no token  -" in text


def test_a_terminal_gets_colour_and_a_bar(broker):
    with Terminal(broker) as terminal:
        assert terminal.finish() == 0
        assert "█" in terminal.shown.decode()
        assert b"\033[32m" in terminal.shown


@pytest.mark.parametrize(
    ["env", "bars", "colour"],
    [
        ({"NO_COLOR": "1"}, "█", False),
        ({"NO_COLOR": ""}, "█", True),
        ({"LC_ALL": "C"}, "#", True),
        ({"TERM": "dumb"}, None, False),
        ({"TERM": ""}, None, False),
    ],
)
def test_terminals_are_not_all_alike(broker, env, bars, colour):
    with Terminal(broker, **env) as terminal:
        assert terminal.finish() == 0
        text = terminal.shown.decode()
    assert ("\033" in text) == colour
    assert text.isascii() == (bars != "█")
    assert ("#" in text) == (bars == "#")


def test_the_width_of_the_terminal_is_used(broker):
    with Terminal(broker, columns=44, NO_COLOR="1") as terminal:
        assert terminal.finish() == 0
        lines = terminal.shown.decode().replace("\r", "").split("\n")
    assert "● production: valid" in lines
    assert max(map(len, lines)) <= 44


def test_one_environment(broker):
    text = status(broker, "sandbox").stdout.decode()
    assert "https://sandbox.example" in text
    assert "production" not in text


def test_trouble_of_one_environment(broker):
    """Keys that are refused or were not taken up, files that are not used, an answer that nobody understood."""
    sandbox = environment_of(
        "sandbox", keys=[{"label": "1-main", "state": "refused", "cause": "unauthorized", "seen_ago_sec": 60,
                          "trial_in_sec": 840}, {"label": "2-spare", "state": "good", "kept_old": True}],
        key_files_refused=[{"file": "sandbox.3-old", "reason": "everybody can read it; chmod o-r it"},
                           {"file": "sandbox.4", "reason": "it has no colon"}],
        last_unknown_answer={"at": "2026-11-23T05:02:11Z", "status": 418, "content_type": "text/html",
                             "message": "a teapot"},
        exchanges={"last_hour": 58, "hourly_budget": 60, "total": 99, "granted": 90, "malformed": 9})  # fmt: skip
    broker.answers[STATUS_PATH] = Answer(body=STATUS | {"environments": [sandbox]})
    text = " ".join(status(broker, "sandbox").stdout.decode().split())
    assert "1-main refused 1min ago: answered 401, in use, to be tried again in 14min" in text
    assert "warning the key 1-main is refused" in text
    assert "its file has changed; the key from before is still used" in text
    assert "sandbox.3-old is not used: everybody can read it; chmod o-r it" in text
    assert "sandbox.4 is not used: it has no colon" in text
    assert "the last without a token, 2026-11-23T05:02:11Z: status 418, text/html: a teapot" in text
    assert "58 of 60 allowed in the last hour; 99 requests since the start: 90 succeeded, 9 not understood" in text


def test_the_state_of_spares(broker):
    """One that works is no news; one that does not, or that nobody tried, has a line of its own."""
    main = {"label": "1-main", "state": "good", "seen_ago_sec": 180}
    def told(**spare):
        keys = [main, {"label": "2-spare", "trial_in_sec": None, "seen_ago_sec": None} | spare]
        broker.answers[STATUS_PATH] = Answer(body=STATUS | {"environments": [environment_of("sandbox", keys=keys)]})
        return " ".join(status(broker).stdout.decode().split())
    good = told(state="good", seen_ago_sec=7200)
    assert "keys 1-main good, seen 3min ago, in use; 2-spare good, seen 2h ago" in good and "warning" not in good
    assert "warning it is not known yet whether the key 2-spare works" in told(state="untried")
    assert "warning" not in told(state="untried", trial_in_sec=29), "a start is no reason to worry"
    refused = told(state="refused", cause="other_account", seen_ago_sec=60, trial_in_sec=86340)
    assert "2-spare refused 1min ago: of another account, to be tried again in 23h 59min" in refused
    assert "warning the key 2-spare is refused, and could not obtain the next token" in refused


def test_local_keys_and_when_they_were_used(broker):
    keys = [{"name": "reports", "token": "opaque", "last_used_ago_sec": 190}, {"name": "shop-import", "last_used_ago_sec": None}]
    def told(keys):
        broker.answers[STATUS_PATH] = Answer(body=STATUS | {"environments": [environment_of("sandbox", local_keys=keys)]})
        return " ".join(status(broker).stdout.decode().split())
    assert "local keys, used last: reports 3min 10s ago, shop-import not yet" in told(keys)
    older = [{name: value for name, value in key.items() if name != "last_used_ago_sec"} for key in keys]
    assert "used last" not in told(older) and "used last" not in told([]), "a daemon that does not tell"


def test_an_environment_that_is_not_there(broker):
    for arguments in (["stage"], ["stage", "--json"]):
        result = status(broker, *arguments)
        assert (result.returncode, result.stdout) == (1, b"")
        assert b"no environment 'stage'" in result.stderr
        assert b"Known here: production, sandbox\n" in result.stderr
        assert b"Did you mean sandbox?\n" in status(broker, "sandbx", *arguments[1:]).stderr


def test_no_environment_at_all_is_said_on_stderr(broker):
    broker.answers[STATUS_PATH] = Answer(body=STATUS | {"environments": []})
    result = status(broker)
    assert result.returncode == 0
    assert result.stdout == b"eqp-broker 0.1.0, up 2min 3s, ready\n"
    assert b"no environment here that you may use" in result.stderr


def test_json_is_the_daemons_own_account(broker):
    result = status(broker, "--json")
    assert (result.returncode, result.stderr) == (0, b"")
    assert json.loads(result.stdout) == STATUS
    assert result.stdout.startswith(b'{\n  "version": "0.1.0",\n')
    assert result.stdout == status(broker, "--json", LC_ALL="C.UTF-8", COLUMNS="30").stdout
    assert json.loads(status(broker, "--json", "sandbox").stdout) == STATUS | {"environments": STATUS["environments"][1:]}


def test_json_has_no_raw_control_characters(broker):
    evil = STATUS | {"version": "\x1b[2J\x7f\u009b1m ü \U0001f600"}
    broker.answers[STATUS_PATH] = Answer(body=evil)
    result = status(broker, "--json")
    assert json.loads(result.stdout) == evil
    assert not {chr(c) for c in [*range(0x20), *range(0x7F, 0xA0)]} - {"\n"} & set(result.stdout.decode())


def test_refusals(broker):
    broker.answers[STATUS_PATH] = error(403, "caller_refused", "You may use nothing here.")
    result = status(broker, "--json")
    assert (result.returncode, result.stdout) == (4, b"")
    assert b"You may use nothing here." in result.stderr


def test_watch_needs_a_terminal(broker):
    result = status(broker, "--watch", TERM="xterm")
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"terminal" in result.stderr
    with Terminal(broker, "--watch", TERM="dumb") as terminal:
        assert terminal.finish() == 2


def test_watch_follows_until_interrupted(broker):
    with Terminal(broker, "--watch") as terminal:
        terminal.wait_for("no token")
        broker.answers[STATUS_PATH] = error(503, "draining", "The daemon is about to stop.")
        terminal.wait_for("The daemon is about to stop.")
        broker.answers[STATUS_PATH] = Answer(body=STATUS | {"uptime_sec": 7200})
        terminal.wait_for("up 2h")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.finish() == 0
        assert terminal.shown.startswith(b"\033[?1049h\033[?25l")
        assert terminal.shown.endswith(b"\033[?25h\033[?1049l")


def test_watch_ends_at_once_while_the_daemon_hangs(broker):
    broker.answers[STATUS_PATH] = Answer(hang=True)
    with Terminal(broker, "--watch") as terminal:
        wait_until(lambda: broker.requests, "a request that nobody answers")
        begin = time.monotonic()
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.finish() == 0
        assert time.monotonic() - begin < 4, "less than it waits for an answer"


def test_watch_cuts_what_does_not_fit(broker):
    many = [environment_of(f"number-{i}") for i in range(30)]
    broker.answers[STATUS_PATH] = Answer(body=STATUS | {"environments": many})
    with Terminal(broker, "--watch", rows=10) as terminal:
        terminal.wait_for("number-0")
        terminal.wait_for("\033[J")
        first = terminal.shown.split(b"\033[J")[0]
        assert first.count(b"\n") < 10
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.finish() == 0
