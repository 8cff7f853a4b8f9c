"""Trouble in the life of a service: mistakes in the configuration, outages, a loop that hangs, clocks
that jump. One machine; every play begins and ends with a service that is up and has a token.
"""

import contextlib
import json
import subprocess
import time

import pytest
from home import AUTHORITY, KEYS, SETTINGS, UNITS, Home
from machine import SERVICE, URL, wait_until

MISTAKE = "/etc/eqp-broker/eqp-brokerd.conf.d/zz-mistake.conf"
SOCKET_UNIT = "eqp-brokerd.socket"
HUNG_LIMIT_SEC = 45  # WatchdogSec= is 20 s


@pytest.fixture(scope="module")
def trouble(bench):
    # Only with this capability can the machine's clocks be made to differ from ours, by a time namespace.
    with Home(options=["--capability=CAP_SYS_TIME"]) as home:
        home.set_key("sandbox.1-main")
        home.wait_valid("sandbox")
        yield home


@pytest.fixture
def home(trouble):
    yield trouble
    trouble.no_faults()
    trouble.run("rm", "-f", MISTAKE)
    trouble.systemctl("reset-failed")
    trouble.systemctl("start", *UNITS)
    trouble.wait_valid("sandbox")


def findings(home):
    """The findings of eqpctl doctor: {id: cure}."""
    report = json.loads(home.run("eqpctl", "doctor", "--json", check=False).out)
    return {finding["id"]: finding["cure"] for finding in report["findings"]}


def knocking(home, seconds):
    """Clients that ask all the time, each at most for some seconds; whatever comes of it."""
    return home.start("bash", "-c", f"end=$((SECONDS + {seconds})); while [ $SECONDS -lt $end ]; do "
                      f"curl -sS -m 2 -H 'EQP-Client: knocks' {URL}/v1/sandbox/token >/dev/null 2>&1; done")


# ---- the way to the upstream ----


def test_root_tries_a_key_through_the_services_proxy_whoever_may_ask_the_service(home):
    """A proxy that is not there cannot be overlooked."""
    home.drop_in("[Service]\nEnvironment=https_proxy=http://127.0.0.1:1\n")
    home.write(MISTAKE, "[broker]\nallow = uid:1\noperators = uid:1\n")
    home.systemctl("restart", SERVICE)
    known = home.run("eqpctl", "status", check=False)
    tried = home.run("eqpctl", "key", "check", "sandbox", check=False)
    home.run("rm", "-r", f"/etc/systemd/system/{SERVICE}.d", MISTAKE)
    home.systemctl("daemon-reload")
    home.systemctl("restart", SERVICE)
    assert known.code == 4, "the control: root may not ask"
    assert tried.code == 3 and "127.0.0.1 port 1" in tried.out, tried


# ---- what the service does not see ----


def test_the_doctor_knows_of_a_key_that_the_service_does_not_see(home):
    home.shell(f"mkdir -m 0700 /srv/keys; mv {KEYS}/sandbox.1-main /srv/keys/; chown eqp-broker: /srv/keys; "
               f"ln -s /srv/keys/sandbox.1-main {KEYS}/")
    assert "BindReadOnlyPaths=" in findings(home)["key_file_unseen"]
    home.drop_in("[Service]\nBindReadOnlyPaths=/srv/keys\n")
    home.systemctl("restart", SERVICE)
    home.wait_valid("sandbox")
    assert not [name for name in findings(home) if name.startswith("key_file_")]
    home.shell(f"mv /srv/keys/sandbox.1-main {KEYS}/; rm -r /srv/keys /etc/systemd/system/{SERVICE}.d")
    home.systemctl("daemon-reload")
    home.systemctl("restart", SERVICE)


def test_the_doctor_knows_of_an_authority_that_the_service_does_not_see(home):
    hidden, shown, link = "/srv/ca.pem", "/etc/eqp-broker/ca/ca.pem", "/etc/eqp-broker/ca/link.pem"
    assert "ca_file_unseen" not in findings(home), "the control"
    home.run("install", "-m", "0644", AUTHORITY, hidden)
    home.run("ln", "-s", hidden, link)
    settings = home.read(SETTINGS)
    for path in (hidden, link):
        home.write(SETTINGS, settings.replace(AUTHORITY, path))
        assert findings(home)["ca_file_unseen"].startswith(f"install -m 0644 {path} /etc/eqp-broker/ca/,")
    home.systemctl("reload", SERVICE)
    home.run("eqpctl", "refresh", "sandbox", check=False)
    assert not home.run("eqpctl", "key", "check", "sandbox", check=False).code, "outside, the key works"

    home.drop_in(f"[Service]\nBindReadOnlyPaths={hidden}\n")
    home.systemctl("restart", SERVICE)
    assert "ca_file_unseen" not in findings(home)
    home.wait_valid("sandbox")
    home.run("rm", "-r", f"/etc/systemd/system/{SERVICE}.d", hidden, link)
    home.systemctl("daemon-reload")

    home.run("install", "-m", "0644", AUTHORITY, shown)
    home.write(SETTINGS, settings.replace(AUTHORITY, shown))
    home.systemctl("restart", SERVICE)
    assert findings(home) == {}
    home.run("rm", shown)
    home.point_at_simulator()


# ---- reload ----


def test_a_good_reload_is_in_force_when_systemctl_returns(home):
    for number in (65, 66):
        home.point_at_simulator(f"[environment agency{number}]\nbase_url = https://localhost:9443\n")
        home.systemctl("reload", SERVICE)
        assert f"agency{number}" in home.curl("/v1/status")[1]
        assert home.state() == "active"
    home.point_at_simulator()


def test_a_bad_reload_fails_and_the_old_settings_stand(home, figure):
    before, since = home.token()["ust"], home.now()
    home.write(MISTAKE, "[broker]\nmetrics = perhaps\n")
    failed = home.systemctl("reload", SERVICE, check=False)
    assert failed.code == 1, failed
    words = home.run("eqpctl", "reload", check=False)
    assert words.code == 1 and f"{MISTAKE}:2" in words.err, words
    assert home.state() == "active"
    assert home.token()["ust"] == before
    entries = home.journal("-u", SERVICE, "-p", "err", since=since)
    assert any(f"{MISTAKE}:2" in entry["MESSAGE"] for entry in entries), entries
    home.run("rm", MISTAKE)
    assert home.run("eqpctl", "reload").code == 0
    home.systemctl("reload", SERVICE)


def test_only_root_and_operators_reload(home):
    home.add_user_once("bob", ["eqp-broker"])
    refused = home.run("eqpctl", "reload", user="bob", check=False)
    assert refused.code == 4, refused


# ---- a configuration that is wrong at start ----


def starts(home):
    return int(home.show("NRestarts"))


def test_a_wrong_configuration_does_not_loop(home):
    since = home.now()
    home.write(MISTAKE, "[broker]\nlisten = 0.0.0.0:80\n")
    failed = home.systemctl("restart", SERVICE, check=False)
    assert failed.code == 1, failed
    assert home.show("ExecMainStatus") == "78"
    assert home.show("Result") == "exit-code"
    before = starts(home)
    time.sleep(1)  # RestartSec= is less
    assert (home.state(), starts(home)) == ("failed", before)
    entries = home.journal("-u", SERVICE, "-p", "err", since=since)
    assert any(f"{MISTAKE}:2" in entry["MESSAGE"] for entry in entries), entries


def test_the_reason_is_with_the_unit_even_if_the_journal_is_busy(home):
    """The journal finds out who has said something when it reads it; until then the sender has to be there."""
    home.write(MISTAKE, "[broker]\nlisten = 0.0.0.0:80\n")
    home.systemctl("stop", SERVICE, check=False)

    def is_there():
        """It waits for half a second at the most, which this machine may be too busy for."""
        since = home.now()
        home.shell("trap 'pkill -CONT -x systemd-journal' EXIT; pkill -STOP -x systemd-journal; "
                   f"systemctl start --no-block {SERVICE}; sleep 0.3")  # it has long ended, but for the journal's sake
        home.wait_state("failed")
        entries = home.journal("-u", SERVICE, "-p", "err", since=since)
        home.systemctl("reset-failed", SERVICE)
        return any(f"{MISTAKE}:2" in entry["MESSAGE"] for entry in entries)

    assert any(is_there() for _ in range(5))


@pytest.fixture
def patient_socket(home):
    """Its limit as it is, but over an hour: a busy machine may be too slow for so many starts within a minute."""
    assert home.show("TriggerLimitIntervalUSec", SOCKET_UNIT) == "1min"
    home.drop_in("[Socket]\nTriggerLimitIntervalSec=1h\n", SOCKET_UNIT)
    yield
    home.run("rm", "-r", f"/etc/systemd/system/{SOCKET_UNIT}.d")
    home.systemctl("daemon-reload")


def test_nor_do_clients_that_keep_knocking_make_it_loop(home, patient_socket, figure):
    """Each may be the reason for one more start, but not for ever. Once the cause is gone, starting the service is enough."""
    home.systemctl("stop", SERVICE, check=False)
    home.write(MISTAKE, "[broker]\nlisten = 0.0.0.0:80\n")
    since = home.now()
    knocks = knocking(home, 12)
    home.systemctl("start", SERVICE, check=False)
    home.wait_state("failed", SOCKET_UNIT, timeout=300)
    home.wait_state("failed")
    knocks.communicate(timeout=120)
    runs = {entry["_PID"] for entry in home.journal("-u", SERVICE, since=since)
            if entry.get("_COMM") == "eqp-brokerd"}
    figure("starts of a service that cannot start, while clients are knocking", len(runs))
    assert 1 <= len(runs) <= 35
    home.run("rm", MISTAKE)
    home.systemctl("start", SERVICE)
    home.wait_valid("sandbox")


def test_once_mended_it_starts_again(home):
    """With callers in the queue, but not so many starts that the socket has given up."""
    home.write(MISTAKE, "[broker]\nlisten = 0.0.0.0:80\n")
    home.systemctl("restart", SERVICE, check=False)
    knocking(home, 2).communicate(timeout=60)
    home.run("rm", MISTAKE)
    home.systemctl("start", SERVICE)
    home.wait_valid("sandbox")


def test_start_alone_mends_it_when_nobody_knocked(home):
    home.write(MISTAKE, "[broker]\nlisten = 0.0.0.0:80\n")
    home.systemctl("restart", SERVICE, check=False)
    home.run("rm", MISTAKE)
    home.systemctl("start", SERVICE)
    home.wait_valid("sandbox")


# ---- outages ----


def test_the_token_survives_a_restart_during_an_outage(home, figure):
    token = home.token()["ust"]
    home.fault("refuse_connect")
    start = time.monotonic()
    home.systemctl("restart", SERVICE)
    again = home.token()
    figure("restart during an outage, until the token is there", f"{1000 * (time.monotonic() - start):.0f} ms")
    assert again["ust"] == token
    assert again["expires_in"] > 7000
    home.run("eqpctl", "ready")


def test_a_start_during_an_outage_succeeds_and_heals(home, figure):
    """Nothing is in the store: READY comes all the same, the token when the upstream is back."""
    home.systemctl("stop", SERVICE, check=False)
    home.fault("refuse_connect")
    start = time.monotonic()
    home.systemctl("start", SERVICE)
    figure("start during an outage, until systemctl returns", f"{time.monotonic() - start:.1f} s")
    assert home.state() == "active"
    assert not home.is_valid("sandbox")
    assert "sandbox" in home.show("StatusText")
    home.no_faults()
    figure("then, from the end of the outage to a token", f"{home.wait_valid('sandbox', 130):.1f} s")


# ---- a loop that hangs ----


def test_the_watchdog_restarts_what_hangs(home, figure):
    token, exchanges, since = home.token()["ust"], home.exchanges(), home.now()
    pid = home.main_pid()
    start = time.monotonic()
    home.run("kill", "-STOP", pid)
    asked = home.start("curl", "-sS", "-m", HUNG_LIMIT_SEC, "-H", "EQP-Client: waits",
                       URL + "/v1/sandbox/token?wait=0")
    wait_until(lambda: home.main_pid() not in (0, pid), "another process", HUNG_LIMIT_SEC)
    figure("a hung loop, until it is replaced", f"{time.monotonic() - start:.1f} s (WatchdogSec=20s)")
    home.wait_state("active")
    asked.communicate(timeout=60)
    assert home.token()["ust"] == token
    assert home.exchanges() == exchanges
    assert any("atchdog" in entry["MESSAGE"] for entry in home.journal("-u", SERVICE, since=since))
    assert home.show("LimitCORE") == "0"


def test_a_frontend_that_hangs_is_replaced(home, figure):
    """Without a restart of the service: a client that asks meanwhile is answered by the next one."""
    token, exchanges, pid, starts = home.token()["ust"], home.exchanges(), home.main_pid(), home.show("NRestarts")
    frontend = home.frontend_pid()
    start = time.monotonic()
    home.run("kill", "-STOP", frontend)
    assert home.token()["ust"] == token
    figure("a hung frontend, until another one answers", f"{time.monotonic() - start:.1f} s")
    assert home.frontend_pid() not in (None, frontend)
    assert (home.main_pid(), home.show("NRestarts"), home.exchanges()) == (pid, starts, exchanges)


def test_the_watchdog_is_fed_while_nothing_happens(home):
    usec = int(home.show("WatchdogTimestampMonotonic"))
    assert usec > 0
    wait_until(lambda: int(home.show("WatchdogTimestampMonotonic")) > usec, "the watchdog was fed", 60, 0.5)


# ---- clocks ----


@contextlib.contextmanager
def clock_ahead(home, seconds):
    """The service starts where the boot's clock is so far ahead, as it is after a suspend."""
    holder = subprocess.Popen(home.command_with_clock("unshare", "--time", f"--boottime={seconds}", "--fork",
                                                      "--kill-child", "sh", "-c", "echo $$; exec sleep 600"),
                              stdout=subprocess.PIPE, text=True)
    pid = int(holder.stdout.readline())
    try:
        enter = f"/usr/bin/nsenter --target={pid} --time"
        drop = "/usr/bin/setpriv --reuid=eqp-broker --regid=eqp-broker --init-groups --bounding-set=-all"
        # A process that enters a namespace must not be in the sandbox yet.
        home.drop_in(f"[Service]\nExecStart=\nExecStart=+{enter} {drop} /usr/bin/eqp-brokerd\nRootDirectory=\n"
                     "BindReadOnlyPaths=\nNoExecPaths=\nExecPaths=\nProtectSystem=no\nProtectHome=no\n"
                     "MountAPIVFS=no\n", name="clock")
        yield
    finally:
        home.run("rm", "-f", f"/etc/systemd/system/{SERVICE}.d/clock.conf")
        home.systemctl("daemon-reload")
        home.run("kill", pid)
        holder.communicate(timeout=20)


def test_sleep_counts_against_the_token(home):
    """The upstream is away, so what is served is the token from before the sleep, or nothing."""
    token = home.token()
    home.fault("refuse_connect")
    with clock_ahead(home, token["expires_in"] - 600):
        home.systemctl("restart", SERVICE)
        left = home.token()
        assert left["ust"] == token["ust"]
        assert 500 < left["expires_in"] <= 600
    with clock_ahead(home, token["expires_in"] + 1):
        home.systemctl("restart", SERVICE)
        assert not home.is_valid("sandbox")
        home.no_faults()
        home.wait_valid("sandbox")
        assert home.token()["ust"] != token["ust"]
    home.systemctl("restart", SERVICE)


def test_after_all_that_no_secret_has_leaked(home):
    home.search_for_secrets()
