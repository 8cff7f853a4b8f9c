"""newer-systemd.conf, which comes with the package for systemd 254 and newer: systemd knows the end of a reload
from the daemon itself, and sessions outlive a stop.
"""

import pytest
from home import CLIENTS, Home
from machine import SERVICE

EXAMPLE = "/usr/share/doc/eqp-broker/examples/newer-systemd.conf"
DROP_IN = f"/etc/systemd/system/{SERVICE}.d/newer-systemd.conf"
SINCE = 254
RELOADS, STOPS = 20, 5


@pytest.fixture(scope="module")
def home(bench):
    with Home() as home:
        version = int(home.run("systemctl", "--version").out.split()[1])
        if version < SINCE:
            pytest.skip(f"systemd here is {version}, and the file is for {SINCE}; EQP_SUITE=trixie has one")
        home.run("install", "-D", "-m", "0644", EXAMPLE, DROP_IN)
        home.systemctl("daemon-reload")
        home.systemctl("restart", SERVICE)
        home.set_key("sandbox")
        home.wait_valid("sandbox")
        yield home


def test_it_is_in_force(home):
    assert home.show("Type") == "notify-reload"
    assert home.show("FileDescriptorStorePreserve") == "yes"
    assert home.journal("_PID=1", "-p", "warning", f"UNIT={SERVICE}") == []


def test_a_reload_is_done_when_systemctl_returns(home, figure):
    before = home.kept()
    with home.load(*CLIENTS) as load:
        for number in range(RELOADS):
            home.point_at_simulator(f"[environment agency{number}]\nbase_url = https://localhost:9443\n", reload=False)
            home.systemctl("reload", SERVICE)
            assert f'"agency{number}"' in home.curl("/v1/status")[1]
    figure(f"{RELOADS} reloads by SIGHUP alone", load.words())
    assert load.failed == 0, load.why
    assert home.kept() == before


def test_a_mistake_is_in_the_log_and_the_old_settings_stand(home):
    """systemctl cannot know of it; eqpctl does."""
    before, since = home.kept(), home.now()
    home.point_at_simulator("[broker]\nmetrics = perhaps\n", reload=False)
    home.systemctl("reload", SERVICE)
    assert home.journal("-u", SERVICE, "-p", "err", since=since)
    assert home.run("eqpctl", "reload", check=False).code == 1
    assert home.state() == "active"
    home.point_at_simulator()
    assert home.kept() == before


def test_the_token_outlives_a_stop(home, figure):
    before = home.kept()
    with home.load(*CLIENTS) as load:
        for _ in range(STOPS):
            home.systemctl("stop", SERVICE, check=False)
            home.systemctl("start", SERVICE)
    figure(f"{STOPS} times stop and start, sessions preserved", load.words())
    assert load.failed == 0, load.why
    assert len(load.tokens) == 1
    assert home.kept() == before


def test_restarts_are_as_ever(home):
    before = home.kept()
    with home.load(*CLIENTS) as load:
        for _ in range(STOPS):
            home.systemctl("restart", SERVICE)
    assert load.failed == 0, load.why
    assert home.kept() == before
