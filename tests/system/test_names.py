"""Names in rules, in the unit with its sandbox, where the user database is slow, comes late, or changes.

A name service of our own (inside/nss_directory.c) stands for a directory service. It has a group, dir-team.
"""

import base64
import contextlib
import errno
import json
import os
import pathlib
import subprocess
import tempfile
import time

import pytest
from home import Home
from machine import SERVICE, SOCKET, wait_until

MODULE = pathlib.Path(__file__).resolve().parent / "inside" / "nss_directory.c"
RULES = "/etc/eqp-broker/eqp-brokerd.conf.d/names.conf"
GROUP, GID = "dir-team", 7001
SILENCES = [errno.ECONNREFUSED, errno.ENOENT]  # the latter by nslcd's client, and by sssd's where its socket is gone
ACCOUNT = "/sandbox/rest/v1/users/MAG123456789"
SLOW = [6, pytest.param(25, marks=pytest.mark.slow("longer than WatchdogSec= allows"))]
PROMPT = 4  # seconds, on a machine that does something else as well; one that waits for the user database takes 6


class Hall(Home):
    """A machine with a directory service."""

    def add_module(self):
        with tempfile.NamedTemporaryFile() as file:
            subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-D_GNU_SOURCE", "-Wno-unused-result", MODULE,
                            "-o", file.name], check=True)
            made = pathlib.Path(file.name).read_bytes()
        self.shell("base64 -d >/usr/lib/libnss_directory.so.2; ldconfig; "
                   "sed -i 's/^group:.*/group: files directory/' /etc/nsswitch.conf; mkdir /etc/directory",
                   stdin=base64.b64encode(made).decode())

    def directory(self, delay=0, there=True, silence=errno.ECONNREFUSED):
        self.write("/etc/directory/delay", f"{delay}\n")
        self.write("/etc/directory/silence", f"{silence}\n")
        if there:
            self.write("/etc/directory/group", f"other:x:7000:\n{GROUP}:x:{GID}:\n")
        else:
            self.run("rm", "-f", "/etc/directory/group")

    def rules(self, *names, more=""):
        self.write(RULES, "[broker]\n" + "".join(f"allow = {name}\n" for name in names) + more)

    def member(self, path="/v1/sandbox/token"):
        """The status that a member of the group gets; the groups are the kernel's word."""
        return int(self.run("setpriv", "--reuid=7100", "--regid=7100", f"--groups={GID}", "curl", "-s", "-m", "30",
                            "--unix-socket", SOCKET, "-o", "/dev/null", "-w", "%{http_code}",
                            "http://localhost" + path).out)

    def asks(self, user, **more):
        """(status, seconds)"""
        begin = time.monotonic()
        status, _ = self.curl("/v1/sandbox/token", user=user, **more)
        return status, time.monotonic() - begin

    def said(self, words, since):
        return [entry for entry in self.journal("-u", SERVICE, since=since) if words in entry["MESSAGE"]]

    @contextlib.contextmanager
    def same_process(self):
        """The service is neither restarted nor killed."""
        before = self.main_pid(), self.show("NRestarts")
        assert before[0] > 0
        yield
        assert (self.main_pid(), self.show("NRestarts"), self.state()) == (*before, "active")

    def serves_others(self):
        for user in ("alice", None):
            for unix in (False, True):
                status, seconds = self.asks(user, unix=unix)
                assert status == 200 and seconds < PROMPT, (user, status, seconds)


@pytest.fixture(scope="module")
def hall(bench):
    with Hall() as hall:
        hall.add_module()
        hall.add_user("alice")
        hall.set_key("sandbox")
        hall.wait_valid()
        yield hall


@pytest.fixture
def home(hall):
    hall.directory()
    hall.rules("user:alice", "user:root", f"group:{GROUP}")
    hall.systemctl("restart", SERVICE)
    hall.wait_valid()
    yield hall
    hall.directory()


def test_the_unit_sees_a_name_service_of_the_host(home):
    """The control: its library is loaded in the sandbox, and a rule by its name holds at once."""
    assert home.member() == 200
    assert home.asks("alice")[0] == 200
    home.rules("user:alice")
    home.run("eqpctl", "reload")
    assert home.member() == 403


@pytest.mark.parametrize("delay", SLOW)
def test_a_start_while_the_user_database_is_slow(home, delay, figure):
    """TimeoutStartSec= is 30 s; with two names to look up one after the other, 25 s each would be more."""
    home.directory(delay)
    home.rules("user:alice", "user:root", f"group:{GROUP}", "group:dir-other")
    since, begin = home.now(), time.monotonic()
    home.systemctl("restart", SERVICE)
    took = time.monotonic() - begin
    figure(f"start while the user database takes {delay} s for an answer", f"{took:.1f} s")
    assert took < 10
    with home.same_process():
        home.serves_others()
        if delay > 10:
            assert home.member() == 403, "nobody is let in on a guess"
        wait_until(lambda: home.serves_others() or home.member() == 200, "the group is known", 2 * delay)
        time.sleep(max(0, begin + delay + 3 - time.monotonic()))
    assert home.said(f"allow = group:{GROUP}: the user database does not say", since)
    assert home.said(f"group:{GROUP} is there: rules that name it hold from now on", since)


@pytest.mark.parametrize("delay", SLOW)
def test_a_reload_while_the_user_database_is_slow(home, delay, figure):
    """A name that was not in the rules, beside one that was: that one's answer stands meanwhile."""
    home.directory(delay)
    home.rules("user:alice", "user:root", f"group:{GROUP}", "group:dir-other")
    since, begin = home.now(), time.monotonic()
    with home.same_process():
        home.systemctl("reload", SERVICE)
        took = time.monotonic() - begin
        assert took < PROMPT + 1, took
        worst = 0
        while time.monotonic() < begin + delay + 3:
            home.serves_others()
            worst = max(worst, home.asks("alice")[1])
            assert home.member() == 200
        figure(f"reload while the user database takes {delay} s for an answer", f"{took:.1f} s, others {worst:.1f} s")
    assert home.said("allow = group:dir-other: the user database does not say", since)
    wait_until(lambda: home.said("there is no group dir-other", since), "the word on the other group")


def test_a_stop_while_the_user_database_is_slow(home):
    """Look-ups that still wait for it end with the process."""
    home.directory(25)
    home.systemctl("restart", SERVICE)
    begin = time.monotonic()
    home.systemctl("stop", SERVICE, check=False)  # its sockets would start it again
    assert time.monotonic() - begin < PROMPT + 1
    assert (home.state(), home.show("Result")) == ("inactive", "success")
    home.systemctl("start", SERVICE)


@pytest.mark.parametrize("silence", SILENCES)
def test_a_start_before_the_user_database_is_there(home, silence):
    """It starts, refuses those whom it cannot judge, serves the others, and heals by itself: also if nobody asks."""
    home.directory(there=False, silence=silence)
    since = home.now()
    home.systemctl("restart", SERVICE)
    home.wait_valid()
    with home.same_process():
        home.serves_others()
        assert home.member() == 403
        [entry] = home.said(f"allow = group:{GROUP}: the user database does not say", since)
        assert entry["PRIORITY"] == "4" and os.strerror(silence) in entry["MESSAGE"], entry
        home.directory()
        wait_until(lambda: home.said(f"group:{GROUP} is there", since), "it heals", 60, 0.5)
        assert home.member() == 200


@pytest.mark.parametrize("silence", SILENCES)
def test_a_directory_that_goes_away_takes_no_right_and_no_deny_along(home, silence):
    """Its last answer stands. Without one, the deny is everybody's."""
    home.rules("user:alice", f"group:{GROUP}", "user:root", more=f"""[environment sandbox]
gateway = yes
[gateway sandbox]
allow = any GET /rest/v1/users/*
deny = group:{GROUP} * /rest/v1/users/**
""")

    def alice():
        return home.curl(ACCOUNT, user="alice", unix=True)[0]

    home.systemctl("restart", SERVICE)
    home.wait_valid()
    wait_until(lambda: alice() == 200, "the gateway is at work")
    assert (home.member(), home.member(ACCOUNT)) == (200, 403)
    home.directory(there=False, silence=silence)
    since = home.now()
    with home.same_process():
        home.systemctl("reload", SERVICE)  # looks the names up
        assert (alice(), home.member(), home.member(ACCOUNT)) == (200, 200, 403)
        assert home.said(f"does not say whether group:{GROUP} is still there ({os.strerror(silence)})", since)
    home.systemctl("restart", SERVICE)
    home.wait_valid()
    assert (alice(), home.member(), home.member(ACCOUNT)) == (403, 403, 403)
    home.directory()
    wait_until(lambda: alice() == 200, "it heals", 60, 0.5)
    assert (home.member(), home.member(ACCOUNT)) == (200, 403)


def name_service(home):
    """The directory is where a service makes it that takes a while to start, in the folder and by the name of nslcd."""
    home.write("/etc/directory/whole", home.read("/etc/directory/group") + "\n")
    home.run("ln", "-sf", "/run/nslcd/group", "/etc/directory/group")
    home.write("/etc/systemd/system/nslcd.service", """[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'sleep 3; mkdir /run/nslcd; cp /etc/directory/whole /run/nslcd/group'
ExecStop=/bin/rm -r /run/nslcd
""")
    home.systemctl("daemon-reload")


@pytest.fixture
def with_service(home):
    name_service(home)
    yield home
    home.systemctl("stop", "nslcd.service")
    home.run("rm", "/etc/systemd/system/nslcd.service", "/etc/directory/group")
    home.systemctl("daemon-reload")


def unseen(home):
    report = json.loads(home.run("eqpctl", "doctor", "--json", check=False).out)
    return {row["id"]: row for row in report["findings"]}.get("name_service_unseen")


def test_a_name_service_that_starts_with_the_machine(with_service):
    """As at boot: in one transaction, where the order is the units'."""
    home = with_service
    home.systemctl("stop", SERVICE, "eqp-brokerd.socket", "eqp-broker-credential.socket")
    home.write("/run/systemd/system/boot-of-both.target", f"[Unit]\nWants={SERVICE} nslcd.service\n")
    home.systemctl("daemon-reload")
    home.systemctl("start", "boot-of-both.target")
    home.wait_valid()
    assert home.member() == 200 and unseen(home) is None


def test_a_name_service_that_came_after_the_start(with_service):
    home = with_service
    home.systemctl("restart", SERVICE)
    home.wait_valid()
    assert home.member() == 403 and unseen(home) is None
    home.systemctl("start", "nslcd.service")
    found = unseen(home)
    assert "/run/nslcd" in found["what"] and found["cure"] == "systemctl restart eqp-brokerd.", found
    home.systemctl("restart", SERVICE)
    home.wait_valid()
    assert home.member() == 200 and unseen(home) is None
    home.systemctl("restart", "nslcd.service")
    assert unseen(home), "its folder is another one"


def test_changes_under_the_running_service(home):
    """A user who is removed, the next one with that number, one who leaves a group and one who joins it."""
    home.shell("groupadd crew; useradd -u 7201 -G crew leaver; useradd -u 7202 joiner; useradd -u 7203 gone")
    home.rules("user:root", "group:crew", "user:gone")
    home.run("eqpctl", "reload")
    people = "leaver", "joiner", "gone"
    assert [home.asks(person)[0] for person in people] == [200, 403, 200]
    begin, since = time.monotonic(), home.now()
    home.shell("gpasswd -d leaver crew; gpasswd -a joiner crew; userdel gone; useradd -u 7203 heir")
    with home.same_process():
        wait_until(lambda: home.asks("joiner")[0] == 200, "the joiner is let in", 15, 0.5)
        assert time.monotonic() - begin < 15
        wait_until(lambda: [home.asks(person)[0] for person in ("leaver", "heir")] == [403, 403],
                   "the rights have ended", 75, 1)
        assert home.said("user:gone is gone", since)
        assert home.asks(None)[0] == 200, "the other rules hold"


def test_a_number_that_is_given_away_gives_nothing_after_a_reload(home):
    """At once, without the minute."""
    home.shell("useradd -u 7301 early")
    home.rules("user:root", "user:early")
    home.run("eqpctl", "reload")
    assert home.asks("early")[0] == 200
    home.shell("userdel early; useradd -u 7301 late")
    home.systemctl("reload", SERVICE)
    assert home.asks("late")[0] == 403
