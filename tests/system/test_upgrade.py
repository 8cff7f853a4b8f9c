"""A long life of the packages: a newer version with other units, the same one once more, the older one again,
all under load; then out with everything, and a new beginning. One machine, one story, in this order.
"""

import packages
import pytest
from home import CLIENTS, KEYS, UNITS, Home
from machine import SERVICE, SOCKET, wait_until

MINE = "/etc/eqp-broker/eqp-brokerd.conf.d/mine.conf"
SOCKETS = UNITS[1:]


@pytest.fixture(scope="module")
def home(bench):
    with Home(debs=False, options=[f"--bind-ro={packages.newer()}:/opt/newer"]) as home:
        home.remember_files()
        home.install(packages.debs())
        home.start_simulator()
        home.point_at_simulator()
        home.set_key("sandbox.1-main")
        home.wait_valid("sandbox")
        yield home


def version(home, package="eqp-broker"):
    return home.run("dpkg-query", "-W", "-f=${Version}", package).out


def under_load(home, debs):
    """Installs packages while clients are at work: none of them fails, no token is lost, and a new program runs."""
    before, pid = home.kept(), home.main_pid()
    inodes = home.run("stat", "-c", "%i", SOCKET).out
    with home.load(*CLIENTS) as load:
        done = home.shell(f"dpkg -i {debs}", timeout=120)
    assert load.failed == 0, load.why
    assert len(load.tokens) == 1
    assert home.kept() == before
    assert home.main_pid() not in (0, pid), "the new program has to run"
    assert home.run("stat", "-c", "%i", SOCKET).out == inodes, "the sockets hold the callers that wait"
    assert "rror" not in done.err, done
    for unit in UNITS:
        assert (home.state(unit), home.systemctl("is-enabled", unit).out) == ("active", "enabled")
        assert home.show("NeedDaemonReload", unit) == "no"
    assert home.systemctl("--failed", "--quiet").out == ""
    return load


def given(home):
    """Are the newer packages those of a real version, with units of its own?"""
    return home.run("grep", "-q", "EQP_TEST_NEWER", "-r", "/lib/systemd/system", check=False).code != 0


def test_upgrade(home, figure):
    load = under_load(home, "/opt/newer/*.deb")
    figure("upgrade of the packages", load.words())
    assert version(home).endswith(packages.NEWER)


def test_the_newer_units_are_in_force(home):
    """The service's at once. A socket's after the restart that doc/operating.md describes, as it would cost
    those who wait at it."""
    if given(home):
        pytest.skip("the newer packages were given, and have no mark in their units")
    assert "EQP_TEST_NEWER=yes" in home.show("Environment")
    home.systemctl("stop", SERVICE)
    home.systemctl("restart", *SOCKETS)
    home.systemctl("start", SERVICE)
    home.wait_valid("sandbox")
    listening = home.run("ss", "-Hltn", "sport", "=", ":9377").out.splitlines()
    assert {line.split()[2] for line in listening} == {"2048"}, listening


def test_the_same_version_once_more(home):
    under_load(home, "/opt/newer/*.deb")


def test_downgrade(home, figure):
    """Sessions that the newer one has left are of use to the older one."""
    load = under_load(home, " ".join(str(deb) for deb in packages.debs()))
    figure("downgrade of the packages", load.words())
    assert not version(home).endswith(packages.NEWER)
    assert "EQP_TEST_NEWER" not in home.show("Environment")


def test_a_library_alone(home):
    """It may be upgraded before the rest: programs and library of different versions get along."""
    before = home.kept()
    home.shell("dpkg -i /opt/newer/libeqp-broker0_*.deb")
    assert version(home, "libeqp-broker0") != version(home)
    assert home.run("eqpctl", "token", "sandbox").out == before[0]
    home.systemctl("restart", SERVICE)
    assert home.kept() == before
    home.systemctl("reload", SERVICE)


def test_an_upgrade_leaves_a_stopped_and_disabled_service_so(home):
    """And one that an administrator has masked."""
    home.systemctl("disable", "--now", *UNITS)
    home.shell("dpkg -i /opt/newer/*.deb", timeout=120)
    for unit in UNITS:
        assert (home.state(unit), home.systemctl("is-enabled", unit, check=False).out) == ("inactive", "disabled")
    home.systemctl("mask", *UNITS)
    home.shell(f"dpkg -i {' '.join(str(deb) for deb in packages.debs())}", timeout=120)
    for unit in UNITS:
        assert (home.state(unit), home.systemctl("is-enabled", unit, check=False).out) == ("inactive", "masked")
    home.systemctl("unmask", *UNITS)
    home.systemctl("enable", "--now", *UNITS)
    home.wait_valid("sandbox")


def test_removed_after_all_that_it_keeps_settings_and_keys(home):
    home.write(MINE, "[broker]\nmetrics = no\n")
    home.run("dpkg", "--remove", *packages.NEEDED)
    kept = {path for path in home.left_files() if not path.startswith("/etc/eqp-broker")}
    assert all(path.startswith(("/etc/systemd/", "/var/lib/systemd/deb-systemd-helper", "/var/lib/dpkg"))
               for path in kept), kept
    assert home.exists(MINE) and home.exists(f"{KEYS}/sandbox.1-main")
    assert home.systemctl("--failed", "--quiet").out == ""


def test_purged_it_leaves_nothing(home):
    home.run("dpkg", "--purge", *packages.NEEDED)
    assert home.left_files() == []
    home.systemctl("daemon-reload")
    assert home.systemctl("list-unit-files", "--quiet", "eqp*", check=False).out == ""


def test_installed_again_it_begins_anew(home):
    """Without a key, with the directory for keys as it has to be; and a key gives a token."""
    home.systemctl("stop", "simulator.service")
    home.shell("dpkg -i /opt/newer/*.deb", timeout=120)
    for unit in UNITS:
        assert (home.state(unit), home.systemctl("is-enabled", unit).out) == ("active", "enabled")
    assert home.run("stat", "-c", "%U %a", KEYS).out == "eqp-broker 700"
    wait_until(lambda: KEYS in home.show("StatusText"), "the status says where to put a key")
    home.start_simulator()
    home.point_at_simulator()
    home.set_key("sandbox")
    home.wait_valid("sandbox")
    home.search_for_secrets()
