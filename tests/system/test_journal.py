"""The journal explains itself: events with fields and IDs, texts that say what to do, levels that let people
sleep. One machine, on which everything that is worth a line happens once.
"""

import json
import re

import pytest
from home import KEY, KEYS, Home
from machine import SERVICE, wait_until
from rootfs import ROOT

EVENTS = dict(re.findall(r'#define EVENT_(\w+)\s+"([0-9a-f]{32})"', (ROOT / "daemon" / "base" / "events.h").read_text()))


@pytest.fixture(scope="module")
def home(bench):
    with Home(lifetime=7200) as home:
        home.add_user("mallory")
        yield home


def wait_event(home, name, *words, since):
    """The first entry of an event, once it is there."""
    return wait_until(lambda: home.journal(f"MESSAGE_ID={EVENTS[name]}", *words, since=since),
                      f"event {name}")[0]


def test_a_good_day_has_nothing_above_notice(home):
    home.set_key("sandbox.1-main")
    home.wait_valid("sandbox")
    home.token()
    home.systemctl("restart", SERVICE)
    home.systemctl("reload", SERVICE)
    home.token()
    assert [entry["MESSAGE"] for entry in home.journal("-u", SERVICE, "-p", "warning")] == []
    seen = {entry.get("MESSAGE_ID") for entry in home.journal("-u", SERVICE)}
    for name in ("STARTED", "STOPPED", "RELOADED", "KEYS_LOADED", "KEY_PROVEN", "TOKEN_OBTAINED", "TOKEN_HANDED_OUT",
                 "SESSIONS_RESTORED"):
        assert EVENTS[name] in seen, name


def test_fields_tell_environment_key_client_and_user(home):
    entry = home.journal(f"MESSAGE_ID={EVENTS['TOKEN_HANDED_OUT']}")[-1]
    assert (entry["EQP_ENVIRONMENT"], entry["EQP_UID"], entry["EQP_CLIENT"]) == ("sandbox", "0", "systest")
    entry = home.journal(f"MESSAGE_ID={EVENTS['TOKEN_OBTAINED']}")[-1]
    assert (entry["EQP_ENVIRONMENT"], entry["EQP_KEY"]) == ("sandbox", "1-main")
    assert entry["SYSLOG_IDENTIFIER"] == "eqp-brokerd"
    assert "sandbox" in home.run("journalctl", "-F", "EQP_ENVIRONMENT").out.splitlines()


def test_a_refused_caller_is_named(home):
    since = home.now()
    uid = home.run("id", "-u", "mallory").out
    assert home.curl("/v1/sandbox/token", user="mallory")[0] == 403
    entry = wait_event(home, "CALLER_REFUSED", since=since)
    assert entry["EQP_UID"] == uid


def test_trouble_that_passes_is_a_warning(home):
    since = home.now()
    home.fault("unavailable", count=1)
    home.run("eqpctl", "refresh", "sandbox", check=False)
    assert wait_event(home, "EXCHANGE_FAILED", since=since)["PRIORITY"] == "4"
    wait_event(home, "TOKEN_OBTAINED", since=since)
    assert home.journal("-u", SERVICE, "-p", "err", since=since) == []


def test_trouble_that_needs_an_administrator_is_an_error(home):
    since = home.now()
    home.simulator("POST", f"/sandbox/keys/{KEY.split(':')[0]}/refuse")
    home.run("eqpctl", "refresh", "sandbox", check=False)
    entry = wait_event(home, "KEY_REFUSED", since=since)
    assert (entry["PRIORITY"], entry["EQP_KEY"]) == ("3", "1-main")
    home.simulator("POST", f"/sandbox/keys/{KEY.split(':')[0]}/accept")
    home.run("eqpctl", "refresh", "sandbox")  # the hand


def test_a_bad_key_file_is_named_with_the_cure(home):
    since = home.now()
    home.shell(f"install -m 0644 /dev/stdin {KEYS}/sandbox.9-open", stdin=KEY + "\n")
    entry = wait_event(home, "KEY_FILE_REFUSED", since=since)
    assert "sandbox.9-open" in entry["MESSAGE"] and "chmod" in entry["MESSAGE"]
    home.run("rm", f"{KEYS}/sandbox.9-open")


def test_a_rejected_token_is_noted(home):
    since = home.now()
    token = home.token()["ust"]
    home.simulator("POST", "/sandbox/tokens/revoke")
    wait_until(lambda: json.loads(home.curl(
        "/v1/sandbox/token/rejected", unix=True,
        more=["-X", "POST", "-d", json.dumps({"ust": token})])[1])["ust"] != token, "another token")
    assert wait_event(home, "TOKEN_REPORTED", since=since)["EQP_ENVIRONMENT"] == "sandbox"


def test_a_bad_reload_is_an_event(home):
    since = home.now()
    mistake = "/etc/eqp-broker/eqp-brokerd.conf.d/zz-mistake.conf"
    home.write(mistake, "[broker]\nmetrcs = no\n")
    home.systemctl("reload", SERVICE, check=False)
    assert f"{mistake}:2" in wait_event(home, "RELOAD_FAILED", since=since)["MESSAGE"]
    home.run("rm", mistake)


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_has_a_text(home, name):
    """Merged into the catalog when the package was installed."""
    text = home.run("journalctl", "--dump-catalog", EVENTS[name]).out
    assert "Subject: " in text and "Defined-By: eqp-broker" in text, text
    assert len(text.splitlines()) > 6, text


def test_journalctl_x_explains_what_it_shows(home):
    shown = home.run("journalctl", "-x", "--no-pager", "-u", SERVICE).out
    refused = shown[shown.index("Subject: The upstream refused an access key of sandbox"):]
    assert "eqpctl key set sandbox" in refused
    assert "@EQP_" not in shown
    assert "Subject: The EQP broker could not reload" in shown


def test_no_secret_in_any_of_it(home):
    home.search_for_secrets()
