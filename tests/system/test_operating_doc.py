"""doc/operating.md, typed: every command of the page, in its order, at a terminal of a machine that has just been
installed. Two readers do it. One has an account: there the vendor's hosts lead to a simulator whose authority the
machine trusts. The other has none, and takes the section for those.

Every block of the page has its row in PAGE, and every command that is quoted amid the text is typed in some row, or
says why not; so none is added that nobody types.
"""

import contextlib
import functools
import json
import re
from dataclasses import dataclass, field

import packages
import pytest
from home import KEY, KEYS, Home
from machine import SERVICE, URL, wait_until
from page import blocks, quoted_commands
from rootfs import ROOT
from typist import Typist

DOC = ROOT / "doc/operating.md"
BLOCKS = blocks(DOC)
VENDOR = "commercedeveloper-sandbox-api.adobe.com"
VENDOR_ADMIN = "http://127.0.0.1:9450"
NEWER = "/opt/newer"
DROP_INS = f"/etc/systemd/system/{SERVICE}.d"
NOT_TYPED = {"./dev deb": "builds the packages, which are there already",
             "eqp-brokerd --check --connect": "there is no such store; tests/blackbox/test_eqpctl_share.py has one"}


class Reader(Home):
    """Somebody with the page at hand. spare_keys: pairs of ID and secret that the upstream takes."""

    def __init__(self, has_account):
        super().__init__(debs=False, options=[f"--bind-ro={packages.newer('newer-for-the-page')}:{NEWER}"])
        self.has_account = has_account
        self.spare_keys = iter([(f"READER{n}ID", f"reader{n}secret0123456789") for n in range(9)])

    def __enter__(self):
        super().__enter__()
        self.add_user("alice")
        if self.has_account:
            self.start_vendor()
        self.typist = Typist(self, packages.INSIDE).__enter__()
        return self

    def __exit__(self, *error):
        if hasattr(self, "typist"):
            self.typist.__exit__()
        super().__exit__(*error)

    def start_vendor(self):
        self.shell(f"""
            dpkg-deb --extract {packages.INSIDE}/eqp-simulator_*.deb /srv/vendor
            echo 127.0.0.1 {VENDOR} >>/etc/hosts
            systemd-run --quiet --unit=vendor --service-type=notify --property=StateDirectory=vendor \
                /srv/vendor/usr/bin/eqp-simulator --tls-directory=/var/lib/vendor --server-name={VENDOR} \
                --environment=sandbox=127.0.0.1:443 --admin={VENDOR_ADMIN.removeprefix("http://")}
            install -D -m 0644 /var/lib/vendor/ca.pem /usr/local/share/ca-certificates/vendor.crt
            update-ca-certificates""")

    def key(self):
        """ID and secret of a key that the upstream has just been given, as the answers to what key set asks."""
        key_id, secret = next(self.spare_keys)
        self.secrets.add(secret)
        for admin in [VENDOR_ADMIN] if self.has_account else ["http://127.0.0.1:9440"]:
            self.run("curl", "-sS", "--fail-with-body", "-d", json.dumps({"id": key_id, "secret": secret}),
                     admin + "/sandbox/keys")
        return [("Application ID: ", key_id), ("(not shown): ", secret)]

    def wait_valid(self, *arguments, **more):
        super().wait_valid(*arguments, **more)
        assert "valid" in self.run("eqpctl", "status", "sandbox").out


@dataclass(frozen=True)
class Row:
    """How a block is typed. before, after: functions of the reader, and of what was printed; `asks`: how many of the
    commands ask for a key; codes: {number of a command: the exit code that it ends with here}; also: commands quoted
    amid the text, typed then."""

    section: str
    first: str
    after: object = None
    before: object = None
    asks: tuple = ()
    codes: dict = field(default_factory=dict, hash=False)
    also: tuple = ()


# ---- what a block is to bring about ----


def words(text):
    return " ".join(text.split())


def is_installed(reader, shown):
    [status] = [block.text for block in BLOCKS if block.first.startswith("Status: ")]
    assert words(status) in words(shown), shown


def has_token(reader, shown):
    reader.wait_valid()
    assert "sandbox" in shown


def is_member(reader, shown):
    assert "eqp-broker" in reader.run("id", "-nG", "alice").out.split()


def is_token(reader, shown):
    assert json.loads(shown)["expires_in"] > 0


def orders_a_unit(reader, block):
    reader.write("/etc/systemd/system/reader.service",
                 block.text + "[Service]\nType=oneshot\nExecStart=/usr/bin/eqpctl ready\n")
    reader.systemctl("daemon-reload")
    reader.systemctl("start", "reader.service")


def asks_the_simulator(reader, shown):
    reader.secrets.add(KEY.split(":")[1])
    reader.wait_valid()
    assert json.loads(reader.run("eqpctl", "status", "--json", "sandbox").out)["environments"][0]["base_url"] == \
        "https://127.0.0.1:9443"
    reader.typist.type("eqpctl doctor")


def is_as_before(reader, shown):
    """The simulator is gone, and the sandbox is the vendor's again, without a key."""
    assert reader.state("eqp-simulator.service") == "inactive"
    assert reader.run("ls", KEYS, "/etc/eqp-broker/ca").out == f"/etc/eqp-broker/ca:\n\n{KEYS}:"
    assert VENDOR in reader.run("eqpctl", "status", "--json", "sandbox").out


def account_at_hand(reader):
    """A reader who has ended the trial goes on with the key of the account."""
    if reader.has_account:
        reader.typist.type("eqpctl key set sandbox", reader.key())
        reader.wait_valid()


def keys_are_credentials(reader, shown):
    assert not reader.exists(KEYS + "/sandbox")
    assert "credentials" in reader.run("eqpctl", "doctor", check=False).out
    reader.wait_valid()


def keys_are_files(reader, shown):
    assert "credentials" not in reader.run("eqpctl", "doctor", check=False).out
    reader.wait_valid()


def has_proxy(reader, shown):
    assert "https_proxy=http://proxy.example.com:3128" in reader.show("Environment")
    reader.shell(f"rm {DROP_INS}/proxy.conf; systemctl daemon-reload; systemctl restart {SERVICE}")
    reader.wait_valid()


def bob_and_alice(reader, shown):
    """alice is named, and bob is a stranger as before."""
    reader.add_user_once("bob")
    assert [reader.curl("/v1/sandbox/token", user=user, unix=True)[0] for user in ("alice", "bob")] == [200, 403]


def listens_there(reader, shown):
    for url in (URL, "http://127.0.0.1:9370"):
        reader.run("curl", "-sS", "--fail-with-body", "-H", "EQP-Client: reader", f"{url}/v1/sandbox/token")


def closes_the_network(reader, block):
    reader.write(f"{DROP_INS}/network.conf", block.text)
    reader.systemctl("daemon-reload")
    reader.systemctl("restart", SERVICE)
    assert sorted(reader.show("IPAddressAllow").split()) == ["127.0.0.0/8", "192.0.2.10/32", "::1/128"]
    reader.wait_valid()
    reader.run("rm", f"{DROP_INS}/network.conf")
    reader.systemctl("daemon-reload")
    reader.systemctl("restart", SERVICE)


def base_url_here(reader, method, path, *more):
    """A request of a program that has its base URL here, and runs as alice; status and body."""
    shown = reader.run("runuser", "-u", "alice", "--", "curl", "-sS", "-w", "\n%{http_code}", "-X", method, *more,
                       f"{URL}/sandbox/rest/v1{path}").out
    body, _, status = shown.rpartition("\n")
    return int(status), body


def keep_pair(reader, shown):
    """The printed key, ID:SECRET."""
    pair = ":".join(re.search(r"ID: +(\S+)\s+application secret: (\S+)", shown).groups())
    reader.pairs = [*getattr(reader, "pairs", []), pair]
    reader.secrets.add(pair.split(":")[1])
    return pair


def token_for(reader, pair):
    return base_url_here(reader, "POST", "/app/session/token", "-u", pair, "-H", "Content-Type: application/json",
                         "-d", '{"grant_type":"session"}')


def program_works(reader, shown):
    """Unchanged, with what it may; and no more than that."""
    assert re.search(r"^nightly +sandbox +lk-nightly-", shown, re.M), shown
    status, body = token_for(reader, keep_pair(reader, shown))
    assert status == 200, body
    bearer = ("-H", f"Authorization: Bearer {json.loads(body)['ust']}")
    assert base_url_here(reader, "GET", "/users/MAG123456789", *bearer)[0] == 200
    assert base_url_here(reader, "GET", "/reports/metrics", *bearer)[0] == 403


def both_secrets_work(reader, shown):
    keep_pair(reader, shown)
    assert len(set(reader.pairs)) == 2 and [token_for(reader, pair)[0] for pair in reader.pairs] == [200, 200]


def is_over(reader, shown):
    assert {token_for(reader, pair)[0] for pair in reader.pairs} == {401}
    assert not reader.exists("/etc/eqp-broker/eqp-brokerd.conf.d/local-nightly.conf")


def password_is_for_the_broker(reader, shown):
    reader.secrets.add(reader.run("cat", "/etc/eqp-broker/share/password").out.strip())
    assert re.search(r"^[0-9a-f]{64}$", shown, re.M), shown
    reader.run("runuser", "-u", "eqp-broker", "--", "test", "-r", "/etc/eqp-broker/share/password")
    assert reader.run("runuser", "-u", "alice", "--", "test", "-r", "/etc/eqp-broker/share/password", check=False).code != 0
    assert reader.run("stat", "-c", "%U:%G %a", "/etc/eqp-broker/share/password").out.strip() == "eqp-broker:eqp-broker 600"


def works_without_the_store(reader, shown):
    """There is none of that name; tests/blackbox/test_share.py has one for the user of the page."""
    assert "store = rediss://valkey.example.net:6380" in shown and "cannot be used" in shown
    reader.wait_valid()


def password_is_another(reader, shown):
    reader.secrets.add(reader.run("cat", "/etc/eqp-broker/share/password.new").out.strip())
    assert len(set(re.findall(r"^[0-9a-f]{64}$", shown, re.M))) == 2, shown


def password_is_replaced(reader, shown):
    assert not reader.exists("/etc/eqp-broker/share/password.new")
    assert reader.run("cat", "/etc/eqp-broker/share/password").out.strip() in reader.secrets
    assert "password_file = /etc/eqp-broker/share/password" in reader.run("eqp-brokerd", "--check").out


def shares_no_more(reader, shown):
    assert "[share]" not in reader.run("eqp-brokerd", "--check").out
    reader.wait_valid()


def version_is(newer):
    def check(reader, shown):
        assert reader.run("dpkg-query", "-W", "-f=${Version}", "eqp-broker").out.endswith(packages.NEWER) == newer
        reader.wait_valid()
    return check


def is_removed(reader, shown):
    assert reader.run("pgrep", "-x", "eqp-brokerd", check=False).code == 1
    assert reader.exists(KEYS + "/sandbox")


def is_purged(reader, shown):
    assert not reader.exists("/etc/eqp-broker")
    assert reader.exists("/etc/systemd/system/eqp-brokerd.socket.d/listen.conf"), "a drop-in of the reader's stays"
    reader.run("id", "eqp-broker")


def has_words(*wanted):
    def check(reader, shown):
        for word in wanted:
            assert word in shown, (word, shown)
    return check


def to(directory):
    return lambda reader: reader.typist.type(f"cd {directory}")


ENDS_TRIAL = Row("Without an account", "systemctl stop eqp-simulator", is_as_before)
WITHOUT_ACCOUNT = Row("Without an account", "apt-get install -y ./eqp-simulator_*.deb", asks_the_simulator,
                      also=("curl --cacert /etc/eqp-broker/ca/simulator.pem",))
PAGE = [
    Row("Day one", "apt-get install -y ./libeqp-broker0_*.deb ./eqp-broker_*.deb", is_installed),
    Row("Day one", """Status: "no access key: run 'eqpctl key set ENVIRONMENT', or put a key file into """
        '/etc/eqp-broker/keys"'),
    Row("Day one", "eqpctl key set sandbox", has_token, asks=(0,)),
    Row("Day one", "usermod -aG eqp-broker alice", is_member),
    Row("Day one", "runuser -u alice -- curl -sS --fail-with-body -H 'EQP-Client: trial' \\", is_token),
    Row("Day one", "[Unit]", orders_a_unit),
    WITHOUT_ACCOUNT,
    ENDS_TRIAL,
    Row("How is it", "eqpctl status", has_words("sandbox", "active (running)"), before=account_at_hand),
    Row("How is it", "journalctl -u eqp-brokerd EQP_ENVIRONMENT=sandbox EQP_UID=1000     # tokens of one user",
        has_words("trial"), also=("journalctl -x",)),
    Row("Rotation of keys", "eqpctl key list", has_token, asks=(1,), also=("eqpctl key set",)),
    Row("Rotation of keys", "eqpctl key set sandbox.2-spare", has_words("2-spare"), asks=(0,)),
    Row("Rotation of keys", "install -d -m 0700 /etc/credstore.encrypted", keys_are_credentials),
    Row("Rotation of keys", "systemd-creds decrypt --name=sandbox /etc/credstore.encrypted/eqp-sandbox - |",
        keys_are_files),
    Row("Outage", "eqpctl status sandbox", has_words("valid")),
    Row("Outage", "eqpctl refresh sandbox", has_token),
    Row("Outage", "eqpctl doctor", has_words("findings\n  none")),
    Row("Outage", "mkdir -p /etc/systemd/system/eqp-brokerd.service.d", has_proxy),
    Row("Alarms", "curl -sS --fail-with-body http://127.0.0.1:9377/metrics | grep '^eqp_broker_token_'",
        has_words('environment="sandbox"')),
    Row("Alarms", "journalctl -u eqp-brokerd -p err --since -1h"),
    Row("Alarms", "eqpctl ready && eqpctl live", also=("eqpctl ready", "eqpctl live")),
    Row("Settings", "install -D -m 0644 /dev/stdin /etc/eqp-broker/eqp-brokerd.conf.d/callers.conf <<'EOF'", bob_and_alice,
        also=("systemctl reload", "systemctl start eqp-brokerd")),
    Row("Settings", "mkdir -p /etc/systemd/system/eqp-brokerd.socket.d", listens_there),
    Row("Settings", "[Service]", closes_the_network, also=("systemctl cat eqp-brokerd",)),
    Row("Settings", "systemd-analyze security --no-pager eqp-brokerd", has_words("eqp-brokerd.service")),
    Row("Local keys", "install -D -m 0644 /dev/stdin /etc/eqp-broker/eqp-brokerd.conf.d/gateway.conf <<'EOF'"),
    Row("Local keys", "eqpctl local add nightly --environment sandbox --caller user:alice --expires 2099-12-31 \\",
        program_works),
    Row("Local keys", "eqp-brokerd --check", has_words("allowed: /etc/eqp-broker/eqp-brokerd.conf.d/local-nightly.conf:")),
    Row("Local keys", "journalctl -u eqp-brokerd -g 'local key nightly'", has_words("local key nightly")),
    Row("Local keys", "eqpctl local rotate nightly", both_secrets_work),
    Row("Local keys", "eqpctl local remove nightly", is_over),
    Row("Many hosts", "install -d -m 0755 /etc/eqp-broker/share", password_is_for_the_broker),
    Row("Many hosts", "ACL SETUSER eqp-broker on #SHA256 ~eqp1:* +auth +multi +exec +time +get +set +del +pttl +pexpire +pexpireat"),
    Row("Many hosts", "install -D -m 0644 /dev/stdin /etc/eqp-broker/eqp-brokerd.conf.d/share.conf <<'EOF'",
        works_without_the_store, codes={1: 69}, also=("eqpctl refresh sandbox",)),
    Row("Many hosts", "head -c 32 /dev/urandom | base64 | install -m 0600 -o eqp-broker -g eqp-broker /dev/stdin "
        "/etc/eqp-broker/share/password.new", password_is_another),
    Row("Many hosts", "ACL SETUSER eqp-broker #NEW"),
    Row("Many hosts", "mv /etc/eqp-broker/share/password.new /etc/eqp-broker/share/password", password_is_replaced),
    Row("Many hosts", "ACL SETUSER eqp-broker !OLD"),
    Row("Many hosts", "rm /etc/eqp-broker/eqp-brokerd.conf.d/share.conf", shares_no_more),
    Row("Upgrade", "apt-get install -y ./libeqp-broker0_*.deb ./eqp-broker_*.deb", version_is(newer=True),
        before=to(NEWER), also=("systemctl restart eqp-brokerd",)),
    Row("Upgrade", "apt-get install -y --allow-downgrades ./libeqp-broker0_*.deb ./eqp-broker_*.deb",
        version_is(newer=False), before=to(packages.INSIDE)),
    Row("Removal", "apt-get remove -y eqp-broker", is_removed),
    Row("Removal", "apt-get purge -y eqp-broker", is_purged),
]
# The full form of a command that is quoted in part.
WHOLE = {
    "curl --cacert /etc/eqp-broker/ca/simulator.pem":
        "curl --cacert /etc/eqp-broker/ca/simulator.pem -sS -o /dev/null https://127.0.0.1:9443/rest/v1/",
    "journalctl -x": "journalctl -x -u eqp-brokerd -n 5",
    "eqpctl key set": None,  # it asks; it is typed in the blocks
    "systemctl reload": "systemctl reload eqp-brokerd",
}


def in_his_order(has_account):
    """A reader without an account follows the page's link first, and ends the trial last."""
    rows = list(PAGE)
    if not has_account:
        for row, before in ((WITHOUT_ACCOUNT, "eqpctl key set sandbox"), (ENDS_TRIAL, "apt-get remove -y eqp-broker")):
            rows.remove(row)
            rows.insert(next(i for i, other in enumerate(rows) if other.first == before), row)
        rows.remove(next(row for row in rows if row.first == "apt-get remove -y eqp-broker"))  # there is no key to stay
    return rows


STORY = [(has_account, row) for has_account in (True, False) for row in in_his_order(has_account)]


def name(value):
    return {True: "account", False: "simulator"}[value] if isinstance(value, bool) else \
        f"{value.section}: {value.first[:40]}".replace("/", "|")


@pytest.fixture(scope="module")
def readers(bench):
    """readers(has_account): the one or the other."""
    with contextlib.ExitStack() as stack:
        yield functools.cache(lambda has_account: stack.enter_context(Reader(has_account)))


def test_every_command_of_the_page_is_typed(figure):
    assert [(row.section, row.first) for row in PAGE] == [(block.section, block.first) for block in BLOCKS]
    typed = {command for row in PAGE for command in row.also}
    assert sorted(typed | set(NOT_TYPED)) == quoted_commands(DOC)
    in_blocks = sum(len(block.commands) for block in BLOCKS)
    assert in_blocks > 60
    amid = [command for command in typed if WHOLE.get(command, command)]
    figure("commands of operating.md that are typed",
           f"{in_blocks} in blocks, {len(amid)} amid the text, by two readers; {len(NOT_TYPED)} not")


@pytest.mark.parametrize("has_account, row", STORY, ids=name)
def test_the_page_as_it_is_typed(readers, has_account, row):
    reader, block = readers(has_account), BLOCKS[PAGE.index(row)]
    if row.before:
        row.before(reader)
    if not block.commands and row.after:
        row.after(reader, block)
    shown = "".join(reader.typist.type(command, reader.key() if number in row.asks else (), row.codes.get(number, 0))
                    for number, command in enumerate(block.commands))
    for command in row.also:
        if whole := WHOLE.get(command, command):
            shown += reader.typist.type(whole)
    if block.commands and row.after:
        row.after(reader, shown)

