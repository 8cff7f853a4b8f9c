"""The broker among other units: a source of credentials for them, a taker of credentials itself, and there in
time when the machine boots.
"""

import hashlib

import image
import pytest
from home import KEY, KEYS, Home
from machine import SERVICE, Machine, wait_until

CREDENTIAL_SOCKET = "/run/eqp-broker/credential.sock"
RULES = """[environment sandbox]
allow = uid:0
allow = group:eqp-broker
allow = unit:deploy.service
allow = unit:worker@.service
"""


@pytest.fixture(scope="module")
def home(bench):
    with Home() as home:
        home.set_key("sandbox.1-main")
        home.wait_valid("sandbox")
        home.point_at_simulator(RULES)
        home.systemctl("reload", SERVICE)
        yield home


def unit(home, name, more="", credential="eqp"):
    """Starts a unit that loads a credential and keeps its digest; returns how systemctl start ended."""
    out = f"/run/{name.replace('@', '-')}.sha256"
    home.run("rm", "-f", out)
    file = name.split("@")[0] + "@.service" if "@" in name else name
    home.write(f"/run/systemd/system/{file}", f"""
[Service]
Type=oneshot
DynamicUser=yes
LoadCredential={credential}:{CREDENTIAL_SOCKET}
ExecStart=/bin/sh -c 'sha256sum <"$CREDENTIALS_DIRECTORY/{credential}"'
StandardOutput=truncate:{out}
{more}""")
    home.systemctl("daemon-reload")
    done = home.systemctl("start", name, check=False)
    return done, home.read(out).split()[:1] if home.exists(out) else None


def digest(text):
    return [hashlib.sha256(text.encode()).hexdigest()]


def test_a_unit_gets_the_token_as_a_credential(home):
    done, got = unit(home, "deploy.service")
    assert done.code == 0, done
    assert got == digest(home.token()["ust"])


def test_so_does_an_instance_of_a_template(home):
    done, got = unit(home, "worker@7.service")
    assert done.code == 0, done
    assert got == digest(home.token()["ust"])


def test_a_unit_that_no_rule_allows_gets_nothing(home):
    """And the journal says why, with the cure."""
    since = home.now()
    _, got = unit(home, "curious.service")
    assert got != digest(home.token()["ust"])
    refusals = home.journal("-u", SERVICE, "-p", "warning", since=since)
    words = [entry["MESSAGE"] for entry in refusals]
    assert any("curious.service" in message and "unit:curious.service" in message for message in words), words


def test_a_user_who_connects_gets_nothing(home):
    home.add_user_once("mallory", ["eqp-broker"])
    ask = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect('{CREDENTIAL_SOCKET}'); print(s.recv(9999))"
    assert home.run("python3", "-c", ask, user="mallory", check=False).code != 0
    assert home.token()["ust"] not in home.run("python3", "-c", ask, check=False).out


def test_the_credential_comes_through_a_restart_of_the_broker(home):
    """The socket stays, so a unit that starts at that moment waits."""
    home.systemctl("stop", SERVICE, check=False)
    done, got = unit(home, "deploy.service")
    assert done.code == 0, done
    assert got == digest(home.token()["ust"])


# ---- keys from credentials ----


def active_key(home):
    return home.run("eqpctl", "status", "sandbox").out


@pytest.fixture
def key_elsewhere(home):
    """No key is in the usual place."""
    home.run("mv", f"{KEYS}/sandbox.1-main", "/srv/sandbox.1-main")
    home.systemctl("stop", SERVICE, check=False)
    yield
    home.run("rm", "-rf", f"/etc/systemd/system/{SERVICE}.d")
    home.systemctl("daemon-reload")
    home.run("mv", "/srv/sandbox.1-main", f"{KEYS}/sandbox.1-main")
    home.systemctl("restart", SERVICE)
    home.wait_valid("sandbox")


def test_a_key_by_load_credential(home, key_elsewhere):
    home.write("/srv/vault", KEY + "\n", 0o600)
    home.drop_in("[Service]\nLoadCredential=sandbox.vault:/srv/vault\n")
    home.systemctl("restart", SERVICE)
    home.wait_valid("sandbox")
    assert "vault" in active_key(home)


def test_a_key_by_load_credential_encrypted(home, key_elsewhere):
    home.run("systemd-creds", "setup")
    home.run("systemd-creds", "--with-key=host", "--name=sandbox.sealed", "encrypt", "-", "/srv/sealed",
             stdin=KEY + "\n")
    assert KEY.split(":")[1] not in home.read("/srv/sealed")
    home.drop_in("[Service]\nLoadCredentialEncrypted=sandbox.sealed:/srv/sealed\n")
    home.systemctl("restart", SERVICE)
    home.wait_valid("sandbox")
    assert "sealed" in active_key(home)


def test_no_secret_has_leaked(home):
    home.run("rm", "-f", "/srv/vault", "/srv/sandbox.1-main")
    home.search_for_secrets()


# ---- boot ----


def test_after_a_boot_a_unit_that_is_ordered_behind_has_a_token(bench, figure):
    """The packages were installed into an image, where nothing runs, and the image is booted."""
    with image.made() as root, Machine(root=root) as machine:
        assert machine.state("first-thing.service") == "active", machine.systemctl("status", "first-thing.service",
                                                                                   check=False)
        token = machine.run("eqpctl", "token", "sandbox").out
        assert machine.read("/run/first-thing.sha256").split()[0] == digest(token)[0]
        assert machine.read("/run/first-thing.curl") == "200"
        wait_until(lambda: machine.show("StatusText").startswith("sandbox: valid"))
        begun, ready = (int(machine.show(name)) for name in ("InactiveExitTimestampMonotonic",
                                                             "ActiveEnterTimestampMonotonic"))
        figure("at boot, from the start of the service to READY with a token", f"{(ready - begun) / 1000:.0f} ms")
        assert machine.systemctl("--failed", "--quiet").out == ""
