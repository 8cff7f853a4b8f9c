"""Name servers, where /etc/resolv.conf is a link: does the service, in a root of its own, find them?"""

import json

import pytest
from home import AUTHORITY, KEYS, SETTINGS, Home
from machine import SERVICE, wait_until

UNKNOWN = "Could not resolve host"


@pytest.fixture(scope="module")
def named(bench):
    """A machine with a name server, and an environment whose host only that knows."""
    with Home() as home:
        home.run("systemd-run", "--quiet", "--unit=name-server", "/opt/inside/name_server.py")
        wait_until(lambda: "127.0.0.99:53" in home.run("ss", "-Hlun").out, "the name server is up")
        home.settings = home.read(SETTINGS) + "\n"
        home.write(SETTINGS, home.settings + "[environment far]\nbase_url = https://upstream.example:9443\n"
                                             f"ca_file = {AUTHORITY}\n")
        home.set_key("sandbox")
        home.write(KEYS + "/far", "FAR1:" + "6" * 40 + "\n", 0o600)
        home.run("chown", "eqp-broker:", KEYS + "/far")
        yield home


@pytest.fixture
def home(named):
    yield named
    named.run("rm", "-rf", "/etc/resolv.conf", f"/etc/systemd/system/{SERVICE}.d", "/srv/names", "/run/names",
              "/run/netconfig", "/mnt/wsl", "/var/lib/names")
    named.systemctl("daemon-reload")


def leads_to(home, place):
    """The usual link: to a file that some daemon writes."""
    home.write(place, "nameserver 127.0.0.99\n")
    home.run("ln", "-sf", place, "/etc/resolv.conf")
    home.systemctl("restart", SERVICE)


def trouble(home):
    """Why there is no token: with the host found, its certificate is for another name."""
    def words():
        [row] = json.loads(home.run("eqpctl", "status", "--json", "far", check=False).out)["environments"]
        return json.dumps(row) if "resolve host" in json.dumps(row) or "certificate" in json.dumps(row) else None
    return wait_until(words, "the first exchange has failed")


def finding(home):
    report = json.loads(home.run("eqpctl", "doctor", "--json", check=False).out)
    return {row["id"]: row for row in report["findings"]}.get("resolver_unseen")


@pytest.mark.parametrize("place", ["/etc/names/resolv.conf", "/run/systemd/resolve/stub-resolv.conf",
                                   "/run/NetworkManager/resolv.conf", "/run/netconfig/resolv.conf",
                                   "/var/run/netconfig/resolv.conf", "/mnt/wsl/resolv.conf"])
def test_usual_places_are_seen(home, place):
    leads_to(home, place)
    assert UNKNOWN not in trouble(home)
    assert finding(home) is None


def test_a_place_that_came_after_the_start(home):
    """As that of a NetworkManager which is installed later."""
    place = "/run/netconfig/resolv.conf"
    home.run("ln", "-sf", place, "/etc/resolv.conf")
    home.systemctl("restart", SERVICE)
    assert UNKNOWN in trouble(home)
    home.write(place, "nameserver 127.0.0.99\n")
    found = finding(home)
    assert place in found["what"] and found["cure"] == "systemctl restart eqp-brokerd.", found
    home.systemctl("restart", SERVICE)
    assert UNKNOWN not in trouble(home)
    assert finding(home) is None


@pytest.mark.parametrize("place", ["/run/names/resolv.conf", "/srv/names/resolv.conf", "/var/lib/names/resolv.conf"])
def test_the_doctor_names_any_other_with_the_cure(home, place):
    leads_to(home, place)
    assert UNKNOWN in trouble(home)
    found = finding(home)
    folder = place.rpartition("/")[0]
    assert place in found["what"] and f"BindReadOnlyPaths=-{folder}," in found["cure"], found

    home.drop_in(f"[Service]\nBindReadOnlyPaths=-{folder}\n")
    home.systemctl("restart", SERVICE)
    assert UNKNOWN not in trouble(home)
    assert finding(home) is None
    home.write(place, "nameserver 127.0.0.99\noptions timeout:1\n")  # by renaming, as those daemons do
    assert home.run("cat", f"/proc/{home.main_pid()}/root/etc/resolv.conf").out.endswith("timeout:1")
