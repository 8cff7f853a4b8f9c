"""Local keys and the gateway, as a sysadmin sets them up for a program, and over restarts and kills under load."""

import json
import re
import statistics
import time

import pytest
from home import Home
from machine import SERVICE, wait_until

ACCOUNT = "/rest/v1/users/MAG123456789"
RESTARTS, KILLS = 100, 20
RESTART_PACE_SEC = 0.3
CLIENTS = ("fresh-tcp=2", "fresh-unix=2", "kept-tcp=2", "kept-unix=2", "pool-tcp=4")
PASSED_ON = (f"LOAD_PATH=/sandbox{ACCOUNT}", "LOAD_FIELD=mage_id", "LOAD_PAUSE_SEC=0.02")


@pytest.fixture(scope="module")
def house(bench):
    with Home() as home:
        home.set_key("sandbox.1-main")
        home.wait_valid("sandbox")
        home.point_at_simulator()
        home.write("/etc/eqp-broker/eqp-brokerd.conf.d/zz-gateway.conf",
                   "[environment sandbox]\ngateway = yes\n[gateway sandbox]\nallow = user:root GET /rest/v1/users/{mage_id}\n")
        home.systemctl("reload", SERVICE)
        yield home


@pytest.fixture
def home(house):
    house.systemctl("reset-failed")
    house.wait_settled()
    house.wait_valid("sandbox")
    wait_until(lambda: house.forwarder_pid(), "the forwarder is there")
    return house


def ask(home, path, *more, via="http://127.0.0.1:9377/sandbox"):
    """(status, body)"""
    out = home.run("curl", "-sS", "-w", "\n%{http_code}", *more, via + path).out
    body, _, status = out.rpartition("\n")
    return int(status), body


def token_of(home, identity, secret):
    status, body = ask(home, "/rest/v1/app/session/token", "-u", f"{identity}:{secret}", "-H", "Content-Type: application/json",
                       "-d", '{"grant_type":"session","expires_in":360}')
    return status, json.loads(body).get("ust")


def test_a_program_gets_its_key_and_loses_it(home):
    made = home.run("eqpctl", "local", "add", "reports", "--environment", "sandbox", "--allow", f"GET {ACCOUNT}/**",
                    "--allow", "GET /rest/v1/users/{mage_id}").out
    identity, secret = re.search(r"\b(lk-\S+)", made)[1], re.search(r"(?i)secret:?\s+(\S+)", made)[1]
    home.secrets.add(secret)
    assert home.run("eqpctl", "local", "list").out.count(identity) == 1

    status, token = token_of(home, identity, secret)
    assert status == 200 and token.startswith("eqpl1.")
    bearer = ("-H", f"Authorization: Bearer {token}")
    assert ask(home, ACCOUNT, *bearer)[0] == 200
    assert json.loads(ask(home, ACCOUNT + "/keys", *bearer)[1])
    assert ask(home, "/rest/v1/products/packages", *bearer)[0] == 403
    assert ask(home, ACCOUNT, *bearer, "-X", "PUT", "-d", "{}")[0] == 403
    assert ask(home, ACCOUNT)[0] == 401, "nothing is carried, and the port needs more than that"
    assert home.run("eqpctl", "gateway", "explain", "sandbox", "local:reports", "PUT", ACCOUNT, check=False).code == 4
    assert token not in home.run("journalctl", "--no-pager", "-o", "export").out

    home.systemctl("restart", SERVICE)
    assert ask(home, ACCOUNT, *bearer)[0] == 200, "opaque tokens outlive a restart"
    home.run("eqpctl", "local", "remove", "reports")
    assert ask(home, ACCOUNT, *bearer)[0] == 401 and token_of(home, identity, secret)[0] == 401
    home.search_for_secrets()


def test_restarts_lose_no_request(home, figure):
    before = home.kept()
    with home.load(*CLIENTS, env=PASSED_ON) as load:
        for _ in range(RESTARTS):
            start = time.monotonic()
            home.systemctl("restart", SERVICE)
            time.sleep(max(0, RESTART_PACE_SEC - (time.monotonic() - start)))
    figure(f"{RESTARTS} restarts under requests that are passed on", load.words())
    assert load.failed == 0, load.why
    assert home.kept() == before


def test_reloads_lose_no_request(home, figure):
    with home.load(*CLIENTS, env=PASSED_ON) as load:
        for number in range(20):
            home.write("/etc/eqp-broker/eqp-brokerd.conf.d/zz-more.conf", f"[broker]\nmax_connections_per_user = {64 + number}\n")
            home.systemctl("reload", SERVICE)
    figure("20 reloads under requests that are passed on", load.words())
    assert load.failed == 0, load.why


def test_kills_of_the_forwarder(home, figure):
    """Requests that it was carrying are lost, and nothing else; another one is there at once."""
    main_pid, again = home.main_pid(), []
    with home.load(*CLIENTS, env=PASSED_ON) as load:
        for number in range(KILLS):
            pid = home.forwarder_pid()
            killed = time.monotonic()
            home.run("kill", "-9", str(pid))
            wait_until(lambda: home.forwarder_pid() not in (None, pid), "another forwarder", interval=0.02)
            again.append(time.monotonic() - killed)
            if number % 4 == 3:  # one that keeps ending is held back, by the same keeper
                home.systemctl("restart", SERVICE)
                main_pid = home.main_pid()
                wait_until(lambda: home.forwarder_pid(), "the forwarder is there")
            assert home.main_pid() == main_pid
    figure(f"{KILLS} x kill -9 of the forwarder", f"{load.words()}; another one after {1000 * statistics.median(again):.0f} ms")
    assert all("HTTP 502" in why for reasons in load.why.values() for why in reasons), load.why
    assert load.failed <= KILLS * sum(kind["threads"] for kind in load.result.values())


def test_the_unit_is_as_confined_as_before(home):
    exposure = home.run("systemd-analyze", "security", "--no-pager", SERVICE, check=False).out
    assert float(re.search(r"Overall exposure level for \S+: ([\d.]+)", exposure)[1]) <= 1.1
    status = json.loads(home.run("eqpctl", "status", "--json").out)
    assert set(status["confinement"]) == {"keeper", "frontend", "forwarder"}
    assert all(process["system_call_filter"] and process["no_new_privileges"] for process in status["confinement"].values())
