"""A user's own broker on a booted systemd: the README's section for a laptop typed by a user with a login, and what the
manuals say of it. The system's broker runs beside it, as the packages start it."""

import json
import re

import pytest
from home import AUTHORITY, KEY, PORTS, Home
from machine import SOCKET, wait_until
from rootfs import ROOT

SERVICE, SOCKET_UNIT = "eqp-brokerd.service", "eqp-brokerd.socket"
README = (ROOT / "README.md").read_text(encoding="utf-8")
MANUAL = (ROOT / "doc/eqpctl.1.scd").read_text(encoding="utf-8")


class Laptop(Home):
    """Alice has logged in. No command of hers is told where the broker is."""

    def __enter__(self):
        super().__enter__()
        for name in ("alice", "bob"):
            self.add_user(name)
            self.run("loginctl", "enable-linger", name)
        self.uid = int(self.run("id", "-u", "alice").out)
        self.runtime = f"/run/user/{self.uid}"
        wait_until(lambda: self.exists(f"{self.runtime}/systemd/private"), "alice's systemd")
        # The stand-in for the vendor's hosts.
        sections = "".join(f"[environment {name}]\nbase_url = https://localhost:{port}\nca_file = {AUTHORITY}\n"
                           for name, port in PORTS.items())
        self.alice("mkdir -p ~/.config/eqp-broker/eqp-brokerd.conf.d && "
                   "cat >~/.config/eqp-broker/eqp-brokerd.conf.d/simulator.conf", stdin=sections)
        return self

    def login(self, user, script, **more):
        """A script in a new session, as a login makes one; from a file, as su logs what it is told to run."""
        self.write("/opt/script", script)
        return self.run("su", "-l", user, "-c", "bash -eu /opt/script", **more)

    def alice(self, script, **more):
        return self.login("alice", script, **more)

    def user_show(self, name, unit=SERVICE):
        return self.alice(f"systemctl --user show -P {name} {unit}").out

    def user_token(self, environment="sandbox"):
        token = self.alice(f"eqpctl token --wait 30 {environment}").out
        self.secrets.add(token)
        return token


@pytest.fixture(scope="module")
def laptop(bench):
    with Laptop() as laptop:
        yield laptop


def section(text, title):
    """The commands of a section of the README: its first block that is indented."""
    part = text[text.index(f"### {title}\n"):]
    return [line.strip() for line in re.search(r"\n\n((?:    .+\n)+)", part)[1].splitlines()]


def test_the_readme_typed(laptop, figure):
    enable, key_set, token = section(README, "For yourself, without root")
    laptop.alice(enable)
    assert laptop.user_show("ActiveState", SOCKET_UNIT) == "active"
    assert laptop.user_show("ActiveState") == "inactive", "it starts when somebody asks"
    assert laptop.run("stat", "-c", "%a %U", f"{laptop.runtime}/eqp-broker/eqp-broker.sock").out == "600 alice"
    laptop.secrets.add(KEY.split(":")[1])
    done = laptop.alice(key_set, stdin=KEY + "\n")
    assert "/home/alice/.config/eqp-broker/keys/sandbox is written." in done.out, done
    assert "it works" in done.out, done
    assert len(laptop.alice(token).out) > 10
    assert laptop.user_show("ActiveState") == "active"
    assert laptop.run("stat", "-c", "%a %U", "/home/alice/.config/eqp-broker/keys/sandbox").out == "600 alice"
    pids = laptop.run("pgrep", "-u", "alice", "eqp-").out.split()
    kib = [laptop.shell(f"awk '/^Private/ {{n += $2}} END {{print n}}' /proc/{pid}/smaps_rollup").out for pid in pids]
    figure("a user's own broker, private memory of its processes", f"{sum(map(int, kib))} KiB")


def test_curl_as_the_readme_says(laptop):
    quoted = re.search(r'`(--unix-socket "\$XDG_RUNTIME_DIR[^`]*)`', README)[1]
    done = laptop.alice(f"curl -sS --fail-with-body {quoted} http://localhost/v1/sandbox/token")
    assert json.loads(done.out)["environment"] == "sandbox"


def test_the_system_s_broker_is_another(laptop):
    """It has no key, and alice no right to it; hers is asked first."""
    done = laptop.alice(f"eqpctl --address unix:{SOCKET} token sandbox", check=False)
    assert done.code == 4, done
    status = json.loads(laptop.run("eqpctl", "status", "--json").out)
    assert {one["state"] for one in status["environments"]} == {"no_key"}, status
    assert json.loads(laptop.alice("eqpctl status --json").out)["keys_directory"] == "/home/alice/.config/eqp-broker/keys"


def test_no_port_and_nobody_else(laptop):
    for pid in laptop.run("pgrep", "-u", "alice", "eqp-").out.split():
        assert f"pid={pid}," not in laptop.run("ss", "-Hltnp").out
    done = laptop.login("bob", f"eqpctl --address unix:{laptop.runtime}/eqp-broker/eqp-broker.sock token sandbox", check=False)
    assert done.code == 4, done
    # A program with alice's variables finds nobody there but the system's.
    done = laptop.login("bob", f"XDG_RUNTIME_DIR={laptop.runtime} eqpctl token sandbox", check=False)
    assert done.code == 4 and "bob" not in done.out, done


def test_it_confines_itself_and_has_what_the_unit_gives(laptop):
    confinement = json.loads(laptop.alice("eqpctl status --json").out)["confinement"]
    assert all(one["system_call_filter"] and one["no_new_privileges"] for one in confinement.values()), confinement
    assert laptop.user_show("NoNewPrivileges") == "yes" and laptop.user_show("MemoryDenyWriteExecute") == "yes"
    assert laptop.user_show("NFileDescriptorStore") != "0"


@pytest.mark.parametrize("how", ["systemctl --user restart eqp-brokerd", "systemctl --user kill -s KILL eqp-brokerd"])
def test_sessions_survive(laptop, how):
    before, asked = laptop.user_token(), laptop.exchanges()
    started = laptop.user_show("ExecMainStartTimestampMonotonic")
    laptop.alice(how)
    wait_until(lambda: laptop.user_show("ExecMainStartTimestampMonotonic") != started and
               laptop.user_show("ActiveState") == "active", "another process")
    assert laptop.user_token() == before and laptop.exchanges() == asked


def test_reload(laptop):
    laptop.alice("systemctl --user reload eqp-brokerd")
    laptop.alice("echo nonsense >~/.config/eqp-broker/eqp-brokerd.conf")
    assert laptop.alice("systemctl --user reload eqp-brokerd", check=False).code != 0
    laptop.alice("rm ~/.config/eqp-broker/eqp-brokerd.conf")
    assert laptop.user_token()


def test_doctor(laptop):
    done = laptop.alice("eqpctl doctor --json", check=False)
    report = json.loads(done.out)
    assert "this user's own, without root" in done.out, report
    assert [one["id"] for one in report["findings"]] == [], report
    assert "/home/alice" not in done.out, "the report names nobody"
    laptop.alice("systemctl --user stop eqp-brokerd.socket eqp-brokerd.service")
    found = {one["id"]: one["cure"] for one in json.loads(laptop.alice("eqpctl doctor --json", check=False).out)["findings"]}
    # The system's broker answers in its place, and refuses alice.
    assert any("systemctl --user" in cure for cure in found.values()) or "not_allowed" in found, found
    laptop.alice("systemctl --user start eqp-brokerd.socket")
    assert laptop.user_token()


def test_a_local_key_for_a_program_that_needs_a_port(laptop):
    laptop.alice("printf '[environment sandbox]\\ngateway = yes\\n' >~/.config/eqp-broker/eqp-brokerd.conf.d/gateway.conf; "
                 "eqpctl reload")
    done = laptop.alice("eqpctl local add upload --environment sandbox --allow 'GET /rest/v1/users/{mage_id}/**'")
    url = next(word for word in done.err.split() if word.startswith("http://"))
    assert url == "http://127.0.0.1:9378/sandbox", "9377 is the system's"
    id_, secret = [line.split()[-1] for line in done.out.splitlines()[:2]]
    laptop.secrets.add(secret)
    ask = f"curl -sS --fail-with-body -u {id_}:{secret} -H 'Content-Type: application/json' -d '{{\"grant_type\":\"session\"}}' " \
          f"{url}/rest/v1/app/session/token"
    session = json.loads(laptop.alice(ask).out)
    user = laptop.alice(f"printf 'Authorization: Bearer %s' {session['ust']} | "
                        f"curl -sS --fail-with-body -H @- {url}/rest/v1/users/{session['mage_id']}").out
    assert "vendor@example.com" in user
    # Bob may reach the port, but the key is alice's.
    assert laptop.login("bob", ask, check=False).code != 0
    # The port is the daemon's own, the socket is systemd's: both are there after a restart.
    laptop.alice("systemctl --user restart eqp-brokerd")
    assert json.loads(laptop.alice(ask).out)["mage_id"] == session["mage_id"]


def test_the_user_unit_of_eqpctl_watch_as_its_manual_has_it(laptop):
    part = MANUAL[MANUAL.index("_~/.config/systemd/user/eqp-token@.service_"):]
    unit = re.search(r"```\n(.*?)```", part, re.S)[1]
    enable = re.search(r"\*(systemctl --user enable [^*]*)\*", part)[1].replace("production", "sandbox")
    laptop.alice("mkdir -p ~/.config/systemd/user && cat >~/.config/systemd/user/eqp-token@.service", stdin=unit)
    laptop.alice(f"systemctl --user daemon-reload; {enable}")
    path = f"{laptop.runtime}/eqp-token-sandbox/token"
    assert laptop.read(path) == laptop.user_token(), "it is there when the unit has started"
    assert laptop.run("stat", "-c", "%a %U", path).out == "600 alice"
    laptop.alice("eqpctl refresh sandbox")
    after = laptop.user_token()
    wait_until(lambda: laptop.read(path) == after, "the new token is in the file")
    laptop.alice("systemctl --user restart eqp-brokerd")
    laptop.alice("eqpctl refresh sandbox")
    newest = laptop.user_token()
    assert newest != after
    wait_until(lambda: laptop.read(path) == newest, "it goes on after a restart of the daemon")


def test_nothing_is_started_for_users_who_did_not_ask(laptop):
    assert laptop.login("bob", "systemctl --user is-enabled eqp-brokerd.socket", check=False).out == "disabled"
    assert laptop.run("pgrep", "-u", "bob", "eqp-", check=False).out == ""


def test_no_secret_is_in_the_journal(laptop):
    shown = laptop.run("journalctl", "--no-pager", "--all", "-o", "export").out
    assert "_SYSTEMD_USER_UNIT=eqp-brokerd.service" in shown, "it logs there"
    assert len(laptop.secrets) > 3
    for secret in laptop.secrets:
        assert secret not in shown


def test_the_units_stand_where_users_systemd_looks(laptop):
    assert laptop.user_show("FragmentPath") == "/usr/lib/systemd/user/eqp-brokerd.service"
    verified = laptop.alice("systemd-analyze --user --man=no verify /usr/lib/systemd/user/eqp-brokerd.service", check=False)
    assert verified.code == 0 and verified.err == "", verified
    listed = laptop.run("dpkg", "-L", "eqp-broker").out.splitlines()
    assert "/usr/lib/systemd/user/eqp-brokerd.socket" in listed
