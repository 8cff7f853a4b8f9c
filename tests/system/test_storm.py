"""No request is lost: restarts, reloads, kills and changes of keys under load.

The clients never ask twice (inside/load.py): a request that is not answered 200 is a failure. One machine for
all of it; every play begins with a service that is up and has a token.
"""

import json
import statistics
import time

import pytest
from home import CLIENTS, KEY, KEYS, Home
from machine import SERVICE

RESTARTS, RELOADS, KILLS = 100, 20, 20
ROUNDS, FRONTENDS_EACH = 25, 4  # one that keeps ending is held back, by the same keeper for longer each time
KEY_CHANGES = 4  # trials of keys that an hour has
RESTART_PACE_SEC = 0.3  # the units allow 40 starts in 10 s
SPARE = "SPAREKEY01:5ecre7ofthesparekey0123456789abcdef0123"


@pytest.fixture(scope="module")
def storm(bench):
    with Home() as home:
        home.set_key("sandbox.1-main")
        home.wait_valid("sandbox")
        yield home


@pytest.fixture
def home(storm):
    storm.systemctl("reset-failed")
    storm.wait_settled()
    storm.wait_valid("sandbox")
    return storm


def test_restarts(home, figure):
    before = home.kept()
    took = []
    with home.load(*CLIENTS) as load:
        for _ in range(RESTARTS):
            start = time.monotonic()
            home.systemctl("restart", SERVICE)
            took.append(time.monotonic() - start)
            time.sleep(max(0, RESTART_PACE_SEC - took[-1]))
    figure(f"{RESTARTS} restarts", load.words())
    figure("one restart, until systemctl returns", f"{1000 * statistics.median(took):.0f} ms median")
    assert load.failed == 0, load.why
    assert load.share_crossed < 0.1, "it takes no care of who may be sending"
    assert home.kept() == before
    assert len(load.tokens) == 1


def test_reloads(home, figure):
    before = home.kept()
    with home.load(*CLIENTS) as load:
        for number in range(RELOADS):
            home.point_at_simulator(f"[broker]\nmax_connections_per_user = {64 + number}\n")
            home.systemctl("reload", SERVICE)
    figure(f"{RELOADS} reloads with changed settings", load.words())
    assert load.failed == 0, load.why
    assert home.kept() == before
    assert len(load.tokens) == 1


def check_lost(load, kills, times):
    """SIGKILL costs the requests that are being answered at that instant, and nothing else."""
    for sent, ended, why in load.failures:
        in_flight = [True for killed, gone, _ in times if sent <= gone and ended >= killed]
        assert in_flight, f"failed without a kill, between {sent} and {ended}: {why}; kills: {times}"
        assert "connect" not in why and "HTTP" not in why, why
    assert load.failed <= kills * sum(kind["threads"] for kind in load.result.values())
    assert len(load.tokens) == 1


def test_kills(home, figure):
    before = home.kept()
    with home.load(*CLIENTS) as load:
        times = json.loads(home.run("/opt/inside/kills.py", KILLS, timeout=600).out)
    again = [ready - gone for _, gone, ready in times]
    figure(f"{KILLS} x kill -9", f"{load.words()}; ready again after {1000 * statistics.median(again):.0f} ms")
    check_lost(load, KILLS, times)
    assert home.kept() == before


def test_kills_of_the_frontend(home, figure):
    """The service itself goes on, in the same main process."""
    before, times = home.kept(), []
    with home.load(*CLIENTS) as load:
        for _ in range(ROUNDS):
            home.systemctl("restart", SERVICE)
            main_pid = home.main_pid()
            times += json.loads(home.run("/opt/inside/kills.py", FRONTENDS_EACH, "frontend", timeout=600).out)
            assert home.main_pid() == main_pid and home.show("NRestarts") == "0"
    again = [ready - gone for _, gone, ready in times]
    figure(f"{len(times)} x kill -9 of the frontend", f"{load.words()}; "
           f"another one after {1000 * statistics.median(again):.0f} ms")
    check_lost(load, len(times), times)
    assert home.kept() == before


def test_a_stop_and_a_start_make_clients_wait_not_fail(home, figure):
    """The sockets stay open while the service is down; the first client starts it."""
    with home.load(*CLIENTS) as load:
        for _ in range(3):
            home.systemctl("stop", SERVICE, check=False)
            home.systemctl("start", SERVICE)
    figure("3 times stop and start", load.words())
    assert load.failed == 0, load.why


def test_rotation_of_keys(home, figure):
    """The key gets a new secret at the upstream, then here, again and again: there is a token all the time."""
    with home.load(*CLIENTS) as load:
        for number in range(KEY_CHANGES):
            secret = f"{number:02d}ed5ecre7{number:030d}"
            home.simulator("POST", f"/sandbox/keys/{KEY.split(':')[0]}/regenerate", {"secret": secret})
            home.set_key("sandbox.1-main", f"{KEY.split(':')[0]}:{secret}")
    figure(f"{KEY_CHANGES} keys regenerated and set", load.words())
    assert load.failed == 0, load.why


def test_swap_of_keys_without_eqpctl(home, figure):
    """A second key is put beside the first, the first one goes, is refused, and comes back: files only."""
    home.simulator("POST", "/sandbox/keys", dict(zip(("id", "secret"), SPARE.split(":"))))
    home.secrets.add(SPARE.split(":")[1])
    main = home.read(f"{KEYS}/sandbox.1-main")
    with home.load(*CLIENTS) as load:
        for _ in range(2):
            for change in (f"install -o eqp-broker -g eqp-broker -m 0600 /dev/stdin {KEYS}/sandbox.2-spare",
                           f"rm {KEYS}/sandbox.1-main"):
                home.shell(change, stdin=SPARE + "\n")
            home.systemctl("reload", SERVICE)
            for change in (f"install -o eqp-broker -g eqp-broker -m 0600 /dev/stdin {KEYS}/.new && "
                           f"mv {KEYS}/.new {KEYS}/sandbox.1-main", f"rm {KEYS}/sandbox.2-spare"):
                home.shell(change, stdin=main + "\n")
            home.systemctl("reload", SERVICE)
    figure("keys swapped as files, 4 changes", load.words())
    assert load.failed == 0, load.why


def test_after_all_that(home):
    """No secret has leaked, and nothing was worth an error."""
    home.search_for_secrets()
    assert [entry["MESSAGE"] for entry in home.journal("-p", "err", "-u", SERVICE)
            if not entry["MESSAGE"].startswith("the frontend was ended by signal 9 (SIGKILL); ")] == []
