"""eqp-brokerd: the configuration's files, and --check."""

import errno
import os
import pathlib

import pytest

from broker import run_daemon, silent_users
from simulator import EXAMPLE_KEY

PERMISSION, CONFIGURATION = 77, 78
SAMPLE = pathlib.Path(__file__).parents[2] / "config" / "eqp-brokerd.conf"


@pytest.fixture
def check(tmp_path):
    """Checks a text (or its drop-ins by name): the finished process."""
    path = tmp_path / "eqp-brokerd.conf"

    def run(text, **drop_ins):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        for name, more in drop_ins.items():
            (tmp_path / "eqp-brokerd.conf.d").mkdir(exist_ok=True)
            (tmp_path / "eqp-brokerd.conf.d" / f"{name}.conf").write_text(more)
        return run_daemon("--check", "--config", path)

    run.path = path
    return run


WHOLE = """
[broker]
listen = 127.0.0.1:9377
listen = 127.8.0.1:0
listen = [::1]:9377
listen = /run/somewhere/else.sock
socket_mode = 0660
socket_group = root
keys_directory = /srv/keys
key_permissions = relaxed
allow = any
allow = uid:7
operators = user:root
operators = gid:0
metrics = no
max_connections = 100
max_connections_per_user = 10
ready = listening

[environment sandbox]
account = MAG123456789
lifetime = 15min
ca_file = /etc/ca.pem
connect_timeout = 3s
exchange_timeout = 1min
allow = group:root

[environment agency-2]
base_url = HTTPS://Example.COM:8443/path/
gateway = yes

[gateway agency-2]
allow = group:root GET,POST /rest/v1/files/**
deny = any * /rest/v1/users/*/keys/**
encoded_slash = yes
body_max = 100MiB
answer_timeout = 5min

[local reports]
environment = agency-2
id = lk-reports-7f3c2a
secret_sha256 = 50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c
secret_sha256_old = 60d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c
old_until = 2090-01-01T12:00:00Z
caller = user:root
allow = GET /rest/v1/users/{mage_id}/reports/**
expires = 2090-06-30
token = real
"""


@pytest.mark.parametrize("text", ["", "[broker]\n", WHOLE, WHOLE.replace("\n", "\r\n"), "\ufeff" + WHOLE, "; a\n# b\n",
                                  SAMPLE.read_text()])
def test_check_accepts_its_own_output(check, text):
    first = check(text)
    assert first.returncode == 0, first.stderr
    second = check(first.stdout)
    assert (second.returncode, second.stdout) == (0, first.stdout), second.stderr


def test_check_warns_of_a_lifetime_that_the_budget_cannot_bear(check):
    text = "[environment sandbox]\nlifetime = 60s\n[environment production]\nlifetime = 117s\n"
    result = check(text)
    assert result.returncode == 0 and "\nlifetime = 1min\n" in result.stdout
    line, = result.stderr.splitlines()
    assert line.startswith("sandbox: lifetime = 1min is shorter than the hourly budget can bear, which has 44 exchanges")
    assert line.endswith("set lifetime to 117s or more, or leave it out")
    assert check(text.replace("60s", "117s")).stderr == ""


LOCAL = "[local {}]\nenvironment = sandbox\nid = {}\nsecret_sha256 = " + 64 * "7" + "\n"


def test_check_warns_of_what_the_gateway_never_does(check):
    text = LOCAL.format("old", "lk-1") + ("expires = 2025-06-30\nallow = GET /rest/v1/a\nallow = HEAD /rest/v1/a\n"
                                          "[gateway sandbox]\nallow = local:none GET /rest/v1/b\n")
    result = check(text)
    assert result.returncode == 0, result.stderr
    assert "\nexpires = 2025-06-30\n" in result.stdout
    lines = [line.removeprefix(f"sandbox: {check.path}:") for line in result.stderr.splitlines()]
    assert [line.split(":")[0] for line in lines] == ["9", "9", "1", "1", "7"], result.stderr
    for line, words in zip(lines, ["[gateway sandbox] has rules, and the gateway is off: set gateway = yes in",
                                   "there is no local key none", "local key old has expired (expires = 2025-06-30)",
                                   "the tokens of local key old open nothing while the gateway is off",
                                   f"nothing reaches this rule, as allow at {check.path}:6 decides before it"]):
        assert words in line
    good = "[environment sandbox]\ngateway = yes\n" + LOCAL.format("a", "lk-1") + "allow = GET /rest/v1/a\n"
    assert check(good).stderr == ""


@pytest.mark.parametrize(["text", "line", "words"], [
    (LOCAL.format("a", "lk") + LOCAL.format("b", "lk"), 5, "[local b] has the id of [local a]"),
    (LOCAL.format("a", "lk").replace("sandbox", "sandbx"), 1, "is for an environment that there is not"),
    (LOCAL.format("a", "lk") + "allow = GET /rest/v1/a*\n", 5, "* and ** stand for whole segments"),
])
def test_mistakes_in_local_keys_and_rules(check, text, line, words):
    result = check(text)
    assert (result.returncode, result.stdout) == (CONFIGURATION, "")
    assert words in result.stderr and f"{check.path}:{line}: " in result.stderr, result.stderr


def test_a_local_key_of_a_drop_in_is_taken(check):
    result = check("[environment sandbox]\ngateway = yes\n", local_b=LOCAL.format("b", "lk-b") + "token = real\n",
                   local_a=LOCAL.format("a", "lk-a") + "token = real\n")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.index("\n[local a]\n") < result.stdout.index("\n[local b]\n")


def test_a_secret_in_the_place_of_its_hash_is_not_repeated(check):
    result = check(LOCAL.format("a", "lk").replace(64 * "7", "8820c99614d65f923df7660276f20e029d73e2ca"))
    assert result.returncode == CONFIGURATION
    assert "64 hexadecimal digits, not the secret itself" in result.stderr and "8820c9" not in result.stderr


def test_check_prints_what_is_in_force(check):
    printed = check(WHOLE).stdout.splitlines()
    for line in WHOLE.split():
        assert line == "=" or line in " ".join(printed) or line.startswith("HTTPS"), line
    assert "base_url = https://example.com:8443/path" in printed
    assert "base_url = https://commercedeveloper-sandbox-api.adobe.com" in printed, "the default of what is not set"
    default = check("").stdout.splitlines()
    for line in ("listen = 127.0.0.1:9377", "listen = [::1]:9377", "listen = /run/eqp-broker/eqp-broker.sock",
                 "metrics = yes", "max_connections = 512", "max_connections_per_user = 64", "lifetime = 2h",
                 "base_url = https://commercedeveloper-api.adobe.com", "allow = group:eqp-broker"):
        assert line in default


def test_the_sample_changes_nothing(check):
    assert check(SAMPLE.read_text()).stdout == check("").stdout


def test_drop_ins_override_in_order(check):
    result = check("[broker]\nmetrics = no\nlisten = 127.0.0.1:1\nlisten = 127.0.0.1:2\n[environment sandbox]\nlifetime = 1h\n",
                   **{"20-b": "[environment sandbox]\nlifetime = 3h\n[broker]\nlisten = 127.0.0.1:3\n",
                      "10-a": "[environment sandbox]\nlifetime = 2min\nconnect_timeout = 2\n"})
    lines = result.stdout.splitlines()
    assert result.returncode == 0, result.stderr
    assert "metrics = no" in lines and "connect_timeout = 2s" in lines
    assert lines.count("lifetime = 3h") == 1
    assert [line for line in lines if line.startswith("listen")] == ["listen = 127.0.0.1:3"]


def test_only_conf_files_are_drop_ins(check, tmp_path):
    (tmp_path / "eqp-brokerd.conf.d").mkdir()
    for name in ("a.conf.dpkg-old", "a.conf~", ".hidden.conf", "README"):
        (tmp_path / "eqp-brokerd.conf.d" / name).write_text("nonsense\n")
    assert check("").returncode == 0
    assert check("", z="nonsense\n").returncode == CONFIGURATION


def test_an_error_in_a_drop_in_names_it(check):
    result = check("[broker]\n", z="\n[broker]\nmetrics = perhaps\n")
    assert result.returncode == CONFIGURATION
    assert f"{check.path}.d/z.conf:3: metrics = perhaps: write yes or no" in result.stderr


BROKER, SANDBOX = "[broker]\n", "[environment sandbox]\n"


@pytest.mark.parametrize("text, line, words", [
    ("metrics = no\n", 1, "before the first section"),
    ("[brokers]\n", 1, "unknown section"),
    ("[sandbox]\n", 1, "did you mean [environment sandbox]?"),
    ("[environment]\n", 1, "name is missing"),
    ("[environment v1]\n", 1, "no name of an environment"),
    ("[environment Sandbox]\n", 1, "no name of an environment"),
    ("[broker\n", 1, "bracket"),
    ("[broker] x\n", 1, "bracket"),
    (BROKER + "metric = no\n", 2, "metrics"),
    (BROKER + "QXJ0aHVyRGVudA = x\n", 2, "this is no key"),
    (BROKER + "\n\nnonsense\n", 4, "no setting"),
    (BROKER + "metrics: no\n", 2, "no setting"),
    (BROKER + " metrics = no\n", 2, "indented"),
    (BROKER + "= no\n", 2, "key is missing"),
    (BROKER + "metrics =\n", 2, "no value"),
    (BROKER + "metrics = \x01no\n", 2, "control character"),
    (BROKER + "metrics = no\0\n", 2, "NUL"),
    (BROKER + "metrics = no\n\nmetrics = no\n", 4, "twice"),
    (BROKER + "base_url = https://a\n", 2, "belongs into [environment NAME]"),
    (SANDBOX + "listen = 127.0.0.1:1\n", 2, "belongs into [broker]"),
    (BROKER + "metrics = true\n", 2, "write yes or no"),
    (BROKER + "key_permissions = 0640\n", 2, "relaxed or strict"),
    (BROKER + "socket_mode = 0466\n", 2, "octal"),
    (BROKER + "socket_mode = 4666\n", 2, "octal"),
    (BROKER + "socket_group = a,b\n", 2, "one group"),
    (BROKER + "ready = soon\n", 2, "listening or answered"),
    (BROKER + "max_connections = 15\n", 2, "16"),
    (BROKER + "max_connections = 1e3\n", 2, "65536"),
    (BROKER + "max_connections_per_user = 0\n", 2, "from 1"),
    (BROKER + "keys_directory = keys\n", 2, "absolute path"),
    (BROKER + "listen = 0.0.0.0:9377\n", 2, "loopback only"),
    (BROKER + "listen = 192.168.1.1:9377\n", 2, "loopback only"),
    (BROKER + "listen = [::]:9377\n", 2, "loopback only"),
    (BROKER + "listen = [::ffff:127.0.0.1]:9377\n", 2, "loopback only"),
    (BROKER + "listen = ::1:9377\n", 2, "brackets"),
    (BROKER + "listen = localhost:9377\n", 2, "localhost may be two addresses"),
    (BROKER + "listen = 127.0.0.1\n", 2, "port is missing"),
    (BROKER + "listen = 127.0.0.1:70000\n", 2, "65535"),
    (BROKER + "listen = @abstract\n", 2, "absolute path"),
    (BROKER + "listen = unix:/run/a\n", 2, "without unix:"),
    (BROKER + "listen = /run/" + "a" * 110 + "\n", 2, "107 bytes"),
    (BROKER + "listen = 127.0.0.1:1\nlisten = 127.0.0.1:1\n", 3, "listed already"),
    (BROKER + "".join(f"listen = 127.0.0.1:{n}\n" for n in range(1, 18)), 18, "16 at most"),
    (BROKER + "allow = root\n", 2, "user:"),
    (BROKER + "allow = uid:65534\n", 2, "nobody"),
    (BROKER + "allow = uid:-1\n", 2, "number"),
    (BROKER + "operators = user:0\n", 2, "uid:"),
    (BROKER + "operators = user:a,b\n", 2, "one rule per line"),
    (BROKER + "allow = uid:1\n" * 65, 66, "64 at most"),
    (SANDBOX + "base_url = http://a\n", 2, "in clear"),
    (SANDBOX + "base_url = a\n", 2, "https"),
    (SANDBOX + "base_url = https://commercedeveloper-sandbox.adobe.com\n", 2, "portal"),
    (SANDBOX + "base_url = https://user:pass@a\n", 2, "user information"),
    (SANDBOX + "base_url = https://a?b\n", 2, "query"),
    (SANDBOX + "base_url = https://a/rest/v1\n", 2, "/rest/v1"),
    (SANDBOX + "base_url = https://a b\n", 2, "host"),
    (SANDBOX + "lifetime = 0\n", 2, "1s"),
    (SANDBOX + "lifetime = 31d\n", 2, "30d"),
    (SANDBOX + "lifetime = 2 hours\n", 2, "duration"),
    (SANDBOX + "connect_timeout = 61\n", 2, "1min"),
    (SANDBOX + "exchange_timeout = 1h\n", 2, "2min"),
    (SANDBOX + "ca_file = ca.pem\n", 2, "absolute"),
    ("\n[environment agency]\nlifetime = 1h\n", 2, "no base_url"),
    (BROKER + "a" * 5000 + " = b\n", 2, "too long"),
    (BROKER + "keys_directory = /" + "a" * 170 + "\n", 2, "160 characters"),
    ("".join(f"[environment e{n}]\nbase_url = https://a\n" for n in range(31)), 61, "too many environments"),
], ids=lambda value: repr(value)[:50])
def test_errors_name_the_place_and_the_cure(check, text, line, words):
    result = check(text)
    assert result.returncode == CONFIGURATION and result.stdout == ""
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert result.stderr.startswith(f"{check.path}:{line}: "), result.stderr
    assert words in result.stderr
    # The daemon itself says the same, to readers of priorities; a check is run by people.
    assert run_daemon("--config", check.path).stderr == "<3>" + result.stderr


@pytest.mark.parametrize("text, words", [
    (BROKER + "max_connections = 20\nmax_connections_per_user = 30\n", "more than max_connections"),
    (BROKER + "socket_group = no-such-group\n", "socket_group = no-such-group: there is no such group"),
    (BROKER + "allow = user:no-such-user\n", "there is no such user"),
    ("[gateway sandbox]\nallow = user:no-such-user GET /rest/v1/a\n", "[gateway sandbox] allow = user:no-such-user"),
    (SANDBOX + "operators = group:no-such-group\n", "there is no such group")])
def test_errors_that_only_the_whole_shows(check, text, words):
    result = check(text)
    assert result.returncode == CONFIGURATION and words in result.stderr, result.stderr


def test_all_names_that_are_not_there_are_named_and_the_settings_shown(check):
    result = check(BROKER + "allow = user:no-such-user\n" + SANDBOX + "operators = group:no-such-group\nlifetime = 1h\n")
    assert result.returncode == CONFIGURATION and len(result.stderr.splitlines()) == 2, result.stderr
    assert "user:no-such-user: there is no such user" in result.stderr and "no such group" in result.stderr
    assert "allow = user:no-such-user\n" in result.stdout and "lifetime = 1h\n" in result.stdout


def test_a_user_database_that_is_silent_does_not_say_that_a_name_is_not_there(plain_build, check):
    check(BROKER + "allow = user:silent-one\n[gateway sandbox]\ndeny = group:silent-ones GET /rest/v1/a\n")
    for reason in (errno.ENOENT, errno.ECONNREFUSED):
        result = run_daemon("--check", "--config", check.path, env=silent_users(reason))
        assert result.returncode == CONFIGURATION and "there is no such" not in result.stderr, result.stderr
        for kind in ("user", "group"):
            assert f"the user database does not say whether there is such a {kind}: {os.strerror(reason)}" in result.stderr


def test_a_key_pasted_into_the_configuration_is_not_shown(check):
    for text in (EXAMPLE_KEY, BROKER + EXAMPLE_KEY, BROKER + EXAMPLE_KEY.replace(":", " = "), f"[{EXAMPLE_KEY}]",
                 f"[environment {EXAMPLE_KEY}]"):
        result = check(text + "\n")
        assert result.returncode == CONFIGURATION
        assert not any(part in result.stderr for part in EXAMPLE_KEY.split(":")), result.stderr


def test_files_that_cannot_be_read(tmp_path):
    for path, words in ((tmp_path / "missing", "No such file"), (tmp_path, "directory"), ("/dev/zero", "cannot be read")):
        result = run_daemon("--check", "--config", path)
        assert result.returncode == CONFIGURATION
        assert f"{path}: cannot be read" in result.stderr and words in result.stderr
    os.mkfifo(tmp_path / "fifo")
    assert run_daemon("--config", tmp_path / "fifo").returncode == CONFIGURATION
    (tmp_path / "huge").write_bytes(b"#\n" * 600000)
    assert "too large" in run_daemon("--check", "--config", tmp_path / "huge").stderr


def test_a_file_that_may_not_be_read(stranger, make_broker):
    broker = make_broker(start=False)
    broker.config_path.chmod(0o600)
    result = run_daemon("--check", "--config", broker.config_path, user=stranger, group=stranger, extra_groups=[])
    assert result.returncode == PERMISSION and "Permission denied" in result.stderr
    assert f"chmod go+r {broker.config_path}\n" in result.stderr
    broker.config_path.chmod(0o644)
    drop_ins = broker.config_path.with_name(broker.config_path.name + ".d")
    drop_ins.mkdir(mode=0o700)
    (drop_ins / "a.conf").symlink_to(broker.config_path)
    result = run_daemon("--check", "--config", broker.config_path, user=stranger, group=stranger, extra_groups=[])
    assert result.returncode == PERMISSION and f"chmod go+rx {drop_ins}\n" in result.stderr
    drop_ins.chmod(0o744)
    result = run_daemon("--check", "--config", broker.config_path, user=stranger, group=stranger, extra_groups=[])
    assert result.returncode == PERMISSION and f"chmod go+x {drop_ins}\n" in result.stderr


def test_the_environment_names_a_file(tmp_path):
    path, other = tmp_path / "one.conf", tmp_path / "other.conf"
    path.write_text("[broker]\nmetrics = no\n")
    other.write_text("[broker]\nmax_connections = 99\n")
    result = run_daemon("--check", env={"EQP_BROKER_CONFIG": str(path)})
    assert "metrics = no" in result.stdout.splitlines()
    result = run_daemon("--check", "--config", other, env={"EQP_BROKER_CONFIG": str(path)})
    assert "metrics = yes" in result.stdout.splitlines(), "the option goes first"
    assert "max_connections = 99" in result.stdout.splitlines()
    assert run_daemon("--check", env={"EQP_BROKER_CONFIG": "/nonexistent"}).returncode == CONFIGURATION


def test_without_any_file(check):
    if os.path.exists("/etc/eqp-broker/eqp-brokerd.conf"):
        pytest.skip("there is a configuration on this host")
    result = run_daemon("--check")
    assert (result.returncode, result.stdout) == (0, check("").stdout)


@pytest.mark.parametrize("arguments", [["--nonsense"], ["argument"], ["--config"]])
def test_wrong_options(arguments):
    result = run_daemon(*arguments)
    assert result.returncode == CONFIGURATION and result.stderr and result.stdout == ""


def test_help_and_version():
    assert "--check" in run_daemon("--help").stdout
    assert run_daemon("--version").stdout.startswith("eqp-brokerd ")
