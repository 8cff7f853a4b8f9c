"""Day one to the last day: install, set a key, use it, remove, purge. One machine, one story, in this order."""

import json

import packages
import pytest
from home import KEY, KEYS, UNITS, Home
from machine import SERVICE, SOCKET, wait_until



@pytest.fixture(scope="module")
def home(bench):
    with Home(debs=False) as home:
        home.add_user("alice")
        yield home


def test_install(home, figure):
    home.remember_files()
    done = home.install(packages.debs())
    assert "rror" not in done.out + done.err, done
    for name, size in packages.sizes().items():
        figure(f"package {name}", f"{size / 1024:.0f} KiB")
    assert home.systemctl("--failed", "--quiet").out == ""


@pytest.mark.parametrize("unit", UNITS)
def test_units_are_enabled_and_active(home, unit):
    assert home.systemctl("is-enabled", unit).out == "enabled"
    assert home.state(unit) == "active"


def test_status_says_where_to_put_a_key(home):
    assert KEYS in home.show("StatusText")
    assert KEYS in home.systemctl("status", SERVICE).out


def test_nothing_but_loopback_listens(home):
    listeners = home.run("ss", "-Hltunp").out.splitlines()
    ours = [line for line in listeners if "eqp-brokerd" in line]
    assert sorted(line.split()[4] for line in ours) == ["127.0.0.1:9377", "[::1]:9377"], listeners
    assert len(listeners) == len(ours), listeners


def test_the_service_runs_as_its_own_user(home):
    assert home.run("ps", "-o", "user:20=", "-p", home.main_pid()).out == "eqp-broker"


def test_no_key_no_token(home):
    status, body = home.curl("/v1/sandbox/token?wait=0", unix=True)
    assert (status, json.loads(body)["error"]) == (503, "no_token")


def test_the_documentation_is_there(home):
    for page in ("man8/eqp-brokerd.8", "man1/eqpctl.1", "man5/eqp-brokerd.conf.5", "man5/eqp-broker-keys.5"):
        assert home.exists(f"/usr/share/man/{page}.gz"), page
    home.run("eqp-brokerd", "--check")


def test_a_key_from_standard_input_gives_a_token_within_seconds(home, figure):
    home.start_simulator()
    home.point_at_simulator()
    done = home.set_key("sandbox.1-main")
    took = home.wait_valid("sandbox")
    figure("after eqpctl key set, until there is a token", f"{took:.2f} s")
    assert KEY.split(":")[1] not in done.out + done.err


def test_a_key_that_the_upstream_refuses_is_not_taken(home):
    before = home.run("find", KEYS).out
    refused = home.run("eqpctl", "key", "set", "sandbox.2-typo", stdin="AQ17NZ49WC:0000mistyped0000\n", check=False)
    assert refused.code != 0
    assert "refuses the access key" in refused.err and "HTTP 401" in refused.err, refused
    assert home.run("find", KEYS).out == before


def test_the_file_belongs_to_the_daemon_alone(home):
    assert home.run("stat", "-c", "%U %a", KEYS, KEYS + "/sandbox.1-main").out == "eqp-broker 700\neqp-broker 600"


@pytest.mark.parametrize("path", [KEYS, KEYS + "/sandbox.1-main"])
def test_no_caller_reads_keys(home, path):
    home.add_user_once("bob", ["eqp-broker"])
    for user in ("alice", "bob"):
        done = home.run("cat" if path != KEYS else "ls", path, user=user, check=False)
        assert done.code != 0 and "Permission denied" in done.err, (user, done)


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_root_and_members_get_the_token_others_do_not(home, unix):
    home.add_user_once("bob", ["eqp-broker"])
    for user in (None, "bob"):
        assert home.token(user=user, unix=unix)["expires_in"] > 7000
    status, body = home.curl("/v1/sandbox/token", user="alice", unix=unix)
    assert (status, json.loads(body)["error"]) == (403, "caller_refused")


def test_eqpctl_as_three_users(home):
    token = home.token()["ust"]
    assert home.run("eqpctl", "token", "sandbox").out == token
    assert home.run("eqpctl", "token", "sandbox", user="bob").out == token
    refused = home.run("eqpctl", "token", "sandbox", user="alice", check=False)
    assert (refused.code, refused.out) == (4, "")
    assert "sandbox" in home.run("eqpctl", "status", user="bob").out


def test_status_tells_how_it_is(home):
    wait_until(lambda: "valid" in home.show("StatusText"), "systemctl status says valid")
    assert home.show("StatusText").startswith("sandbox: valid")


def test_the_journal_says_who_got_it(home):
    uid = home.run("id", "-u", "bob").out
    entries = home.journal("EQP_ENVIRONMENT=sandbox", f"EQP_UID={uid}")
    assert entries and all(entry["_SYSTEMD_UNIT"] == SERVICE for entry in entries)


def test_an_admin_lists_and_removes_keys(home):
    home.set_key("production.spare")
    home.wait_valid("production")
    listed = home.run("eqpctl", "key", "list").out
    assert "spare" in listed and "1-main" in listed
    assert KEY.split(":")[1] not in listed
    home.run("eqpctl", "key", "check", "production")
    last = home.run("eqpctl", "key", "remove", "production.spare", check=False)
    assert last.code == 1 and "last key" in last.err, last
    home.run("eqpctl", "key", "remove", "--yes", "production.spare")
    assert not home.exists(f"{KEYS}/production.spare")


def test_no_secret_is_anywhere_but_in_the_keys(home):
    """Not in the journal, in a file, in what systemd or ps show, or in a core dump."""
    assert len(home.secrets) >= 2
    home.search_for_secrets()


def test_remove_keeps_keys(home):
    home.write("/etc/eqp-broker/eqp-brokerd.conf.d/mine.conf", "[broker]\nmetrics = no\n")
    home.run("dpkg", "--remove", "eqp-broker")
    assert home.exists(f"{KEYS}/sandbox.1-main")
    assert home.exists("/etc/eqp-broker/eqp-brokerd.conf.d/mine.conf")
    assert home.run("ss", "-Hltnp", "sport", "=", ":9377").out == ""
    assert not home.exists(SOCKET)
    assert home.run("pgrep", "-x", "eqp-brokerd", check=False).code == 1
    assert home.systemctl("--failed", "--quiet").out == ""


def test_installed_again_it_goes_on_with_them(home):
    home.install(packages.debs("eqp-broker", "libeqp-broker0"))
    home.wait_valid("sandbox")


def test_purge_leaves_nothing_behind(home):
    home.systemctl("stop", "simulator.service")
    home.run("dpkg", "--purge", *packages.NEEDED)
    assert home.left_files() == []
    assert home.systemctl("list-units", "--all", "--quiet", "eqp*").out == ""
    home.systemctl("daemon-reload")
    assert home.systemctl("list-unit-files", "--quiet", "eqp*", check=False).out == ""
    assert home.run("ss", "-Hlxn").out.count("eqp") == 0
