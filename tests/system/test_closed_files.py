"""Files that the daemon's user may not read: root, who may read everything, is told of it before the service stumbles."""

import json

import pytest
from home import AUTHORITY, KEYS, SETTINGS, Home
from machine import SERVICE

FOLDER = "/etc/eqp-broker/eqp-brokerd.conf.d"
DROP_IN = FOLDER + "/callers.conf"


@pytest.fixture(scope="module")
def place(bench):
    with Home() as home:
        home.set_key("sandbox")
        home.wait_valid()
        home.settings = home.read(SETTINGS) + "\n"
        yield home


@pytest.fixture
def home(place):
    yield place
    place.run("rm", "-rf", f"/etc/systemd/system/{SERVICE}.d", DROP_IN, KEYS + "/sandbox.2-spare")
    place.run("chmod", "-R", "go+rX", "/etc/eqp-broker/eqp-brokerd.conf.d", AUTHORITY, "/etc/eqp-broker/ca")
    place.write(SETTINGS, place.settings)
    place.run("chown", "-R", "eqp-broker:eqp-broker", KEYS)
    place.run("chmod", "0700", KEYS)
    place.systemctl("daemon-reload")
    place.systemctl("restart", SERVICE)


def check(home):
    """(exit code, cures by the file that is closed)"""
    done = home.run("eqp-brokerd", "--check", check=False)
    cures = {}
    for line in done.err.splitlines():
        words, _, cure = line.rpartition(": ")
        cures[words.partition("may not read ")[2] or words.partition(": cannot")[0]] = cure
    return done.code, cures


def findings(home):
    done = home.run("eqpctl", "doctor", "--json", check=False)
    found = {finding["id"]: finding for finding in json.loads(done.out)["findings"]}
    assert done.code == (1 if found else 0)
    return found


def write_under_umask(home, folder_too=False):
    """As operating.md has it typed, by a root with another umask."""
    if folder_too:
        home.run("rm", "-r", FOLDER)
    home.shell(f"umask 077; mkdir -p {FOLDER}; cat >{DROP_IN}", stdin="[broker]\nmetrics = no\n")


def test_the_control(home):
    done = home.run("eqp-brokerd", "--check")
    assert done.out.startswith("# As the daemon's user, eqp-broker, sees it.\n") and done.err == ""
    assert findings(home) == {}
    elsewhere = home.run("eqp-brokerd", "--check", "--config", "/usr/share/doc/eqp-broker/examples/eqp-brokerd.conf")
    assert elsewhere.code == 0 and "the daemon's user" not in elsewhere.out, "another daemon's settings"


@pytest.mark.parametrize("folder_too", [False, True], ids=["file", "folder"])
def test_settings_written_under_umask_077(home, folder_too):
    write_under_umask(home, folder_too)
    closed = FOLDER if folder_too else DROP_IN
    assert check(home) == (77, {closed: f"chmod go+{'rx' if folder_too else 'r'} {closed}"})
    finding = findings(home)["configuration_bad"]
    assert closed in finding["what"] and "chmod go+r" in finding["what"]
    assert home.systemctl("reload", SERVICE, check=False).code == 1, "that is what it is about"
    assert any("chmod go+r" in entry["MESSAGE"] for entry in home.journal("-u", SERVICE, "-p", "err"))

    for _ in range(2):  # the folder, then the file
        code, cures = check(home)
        for cure in cures.values():
            home.shell(cure)
    assert check(home) == (0, {}) and findings(home) == {}
    home.systemctl("reload", SERVICE)


def test_keys_that_are_roots(home):
    spare = KEYS + "/sandbox.2-spare"
    home.shell(f"umask 077; cat >{spare}", stdin="SPARE1:" + "5" * 40 + "\n")
    code, cures = check(home)
    assert code == 77 and list(cures) == [spare]
    found = findings(home)
    assert found["key_file_closed"]["cure"] == cures[spare] == f"chown eqp-broker {spare} && chmod 0600 {spare}"
    home.shell(cures[spare])
    assert check(home) == (0, {}) and "key_file_closed" not in findings(home)

    home.run("chown", "root:", KEYS)
    code, cures = check(home)
    assert code == 77 and list(cures) == [KEYS]
    assert "keys_directory_closed" in findings(home)
    home.shell(cures[KEYS])
    assert check(home) == (0, {})


def test_an_authority_that_is_roots(home):
    home.run("chmod", "0600", AUTHORITY)
    assert check(home) == (77, {AUTHORITY: f"chmod go+r {AUTHORITY}"})
    assert findings(home)["ca_file_closed"]["cure"] == f"chmod go+r {AUTHORITY}"
    home.run("chmod", "0644", AUTHORITY)

    inside = "/etc/eqp-broker/ca/mine.pem"
    home.run("install", "-m", "0644", AUTHORITY, inside)
    home.run("chmod", "0700", "/etc/eqp-broker/ca")
    home.write(SETTINGS, home.settings.replace(AUTHORITY, inside))
    assert check(home) == (77, {inside: "chmod go+x /etc/eqp-broker/ca"})
    home.run("ln", "-s", inside, "/etc/eqp-broker/link.pem")
    home.write(SETTINGS, home.settings.replace(AUTHORITY, "/etc/eqp-broker/link.pem"))
    assert check(home) == (77, {"/etc/eqp-broker/link.pem": "chmod go+x /etc/eqp-broker/ca"})
    home.run("chmod", "0755", "/etc/eqp-broker/ca")
    assert check(home) == (0, {})


WHOM = {"other": "User=other\nGroup=other", "eqp-dynamic": "User=eqp-dynamic\nGroup=\nDynamicUser=yes",
        None: "User=root\nGroup=root"}


@pytest.mark.parametrize("name, lines", WHOM.items())
def test_the_user_is_the_units(home, name, lines):
    home.add_user_once("other")
    home.drop_in(f"[Service]\n{lines}\n")
    write_under_umask(home)
    if name is None:
        assert check(home) == (0, {}), "it may read everything"
        return
    assert check(home)[0] == 77
    home.run("chmod", "0644", DROP_IN)
    code, cures = check(home)
    assert code == 77 and cures == {KEYS: f"chown {name} {KEYS} && chmod 0700 {KEYS}"}
    found = findings(home)["keys_directory_closed"]
    assert name not in found["what"] + found["cure"], "the report names no users"


def test_credentials_are_made_by_systemd(home):
    """With keys as credentials the files may be root's."""
    home.run("chown", "-R", "root:", KEYS)
    assert check(home)[0] == 77, "the control"
    home.drop_in(f"[Service]\nLoadCredential=sandbox:{KEYS}/sandbox\n")
    assert check(home) == (0, {})


def test_supplementary_groups_count(home):
    home.run("groupadd", "-f", "certs")
    home.run("chgrp", "certs", AUTHORITY)
    home.run("chmod", "0640", AUTHORITY)
    assert check(home)[0] == 77, "the control"
    home.drop_in("[Service]\nSupplementaryGroups=certs\n")
    assert check(home) == (0, {})
    home.run("chgrp", "root", AUTHORITY)
