"""eqpctl doctor: faults are found, sound parts are not, and private facts are not shown."""

import errno
import json
import os
import pathlib
import shutil
import socket
import subprocess

import pytest

from broker import BARE_ENVIRONMENT, Broker, binary, free_port, run_daemon, silent_users
from fake_broker import Answer, FakeBroker
from simulator import EXAMPLE_KEY

EQPCTL = binary("ctl/eqpctl")
SECOND = "SECONDKEY2:canary98765432100"
BAD = "WRONGKEY99:canary0123456789a"


def doctor(broker, *arguments, json_too=True, command=(), program=EQPCTL, env=None, **more):
    """The findings by their ids, and the whole report as text."""
    env = BARE_ENVIRONMENT | {"EQP_BROKERD": binary(), "EQP_BROKER_CONFIG": str(broker.config_path),
                              "EQP_BROKER_ADDRESS": f"unix:{broker.socket_path}"} | (env or {})
    env = {name: value for name, value in env.items() if value is not None}
    call = [*command, program, "doctor", *arguments]
    text = subprocess.run(call, env=env, capture_output=True, text=True, timeout=60, **more)
    report = subprocess.run([*call, "--json"], env=env, capture_output=True, text=True, timeout=60, **more)
    for result in (text, report):
        assert result.stderr == ""
        broker.check_text(result.stdout, "the report")
        assert "MAG123456789" not in result.stdout, "the account is nobody's business"
    found = {finding["id"]: finding for finding in json.loads(report.stdout)["findings"]}
    assert report.returncode == text.returncode == (1 if found else 0)
    for finding in found.values():
        assert all(len(finding[part]) > 10 for part in ("what", "why", "cure")), finding
        assert " ".join(finding["cure"].split()) in " ".join(text.stdout.split())
    return found, text.stdout


def test_all_is_well(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox.1-main": EXAMPLE_KEY}).wait_valid()
    found, text = doctor(broker)
    assert (found, text.endswith("findings\n  none\n")) == ({}, True), found
    for words in ("eqp-brokerd running      0.1.0", "state                    valid", "key 1-main               good, seen ",
                  "sandbox.1-main", "fit for use", "base URL                 this machine: https://localhost:"):
        assert words in text, words


def test_names_of_others_are_not_told(upstream, make_broker):
    proxy = "http://somebody:canarypassword@proxy.somebody.example:3128/"
    broker = make_broker(upstream, keys={"agency": EXAMPLE_KEY}, environments={
        "agency": "base_url = https://eqp.somebody.invalid:8443/api\nca_file = /home/somebody/ca.pem"})
    broker.wait_status("agency", lambda status: status["last_trouble"])
    found, text = doctor(broker, env={"https_proxy": proxy, "http_proxy": proxy, "HOME": "/home/somebody"})
    assert {"no_token", "proxy_for_localhost", "ca_file_unreadable"} <= set(found)
    assert "https://HOST-OF-agency:8443/api" in text and "http_proxy, https_proxy" in text
    for word in ("somebody", "canarypassword", "3128"):
        assert word not in text, word
    if len(socket.gethostname()) > 2:
        assert socket.gethostname() not in text


# the daemon


def test_no_daemon():
    with Broker(start=False, keys={"sandbox": EXAMPLE_KEY}) as broker:
        found, _ = doctor(broker)
        assert set(found) == {"no_daemon"}
        assert str(broker.socket_path) in found["no_daemon"]["what"]
        found, _ = doctor(broker, env={"EQP_BROKER_ADDRESS": f"http://127.0.0.1:{free_port()}"})
        assert f"EQP_BROKER_ADDRESS=unix:{broker.socket_path}" in found["no_daemon"]["cure"]
        found, _ = doctor(broker, "--address=ftp://x")
        assert set(found) == {"address_bad"}


def test_not_allowed(broker, stranger):
    broker.keys_directory.parent.chmod(0o755)
    found, text = doctor(broker, user=stranger, group=stranger, extra_groups=[])
    assert set(found) == {"not_allowed"}
    assert "not looked at: Permission denied (root may)" in text and "no group eqp-broker" in text
    assert "eqp-brokerd running      not shown to this user" in text


def test_another_version_runs():
    with Broker(start=False, keys={"sandbox": EXAMPLE_KEY}) as broker, FakeBroker(broker.socket_path) as fake:
        fake.answers["GET /v1/status"] = Answer(body={"version": "9.9.9", "environments": []})
        found, _ = doctor(broker)
        assert set(found) == {"version_mismatch"} and "9.9.9" in found["version_mismatch"]["what"]
        fake.answers["GET /v1/status"] = Answer(body="nonsense")
        found, _ = doctor(broker)
        assert set(found) == {"no_answer"}


def test_the_socket_is_gone(broker):
    broker.socket_path.unlink()
    found, _ = doctor(broker, env={"EQP_BROKER_ADDRESS": f"http://127.0.0.1:{broker.port}"})
    assert set(found) == {"socket_missing"} and str(broker.socket_path) in found["socket_missing"]["what"]


# keys that come from the service manager


def test_keys_as_credentials(upstream, make_broker, tmp_path):
    broker = make_broker(upstream, start=False, env={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    usual = f"keys_directory = {broker.keys_directory}\n"
    config = broker.config()
    broker.write_config(config.replace(usual, ""))
    broker.write_key("sandbox.1-main", EXAMPLE_KEY, 0o400, to=tmp_path)
    (tmp_path / "a-certificate").write_text("x")
    broker.start().wait_valid()
    broker.write_config(config)  # eqpctl knows no directory for credentials: it has to ask the daemon
    found, text = doctor(broker)
    assert found == {}, found
    for words in (f"directory                {tmp_path}", f"directory configured     {broker.keys_directory}",
                  "credentials of the daemon's unit", "key 1-main               good, seen "):
        assert words in text, (words, text)
    assert "a-certificate" not in text

    broker.write_key("sandbox.2-spare", SECOND)
    found, _ = doctor(broker)
    assert set(found) == {"keys_unused"} and str(broker.keys_directory) in found["keys_unused"]["what"]


def test_the_directory_that_the_daemon_reads_is_looked_at(upstream, make_broker, tmp_path):
    """And not that of a configuration which it has not read yet."""
    broker = make_broker(upstream, keys={"sandbox.1-main": EXAMPLE_KEY}).wait_valid()
    broker.write_config(broker.config().replace(str(broker.keys_directory), str(tmp_path / "none")))
    found, text = doctor(broker)
    assert found == {} and f"directory                {broker.keys_directory}" in text and "fit for use" in text


# the configuration


@pytest.mark.parametrize(["url", "words"], [
    ("https://commercedeveloper.adobe.com", "the portal where keys are made: write https://commercedeveloper-api"),
    ("https://developer-stg-api.magento.com", "an old host of the API: write https://commercedeveloper-sandbox-api"),
    ("http://commercedeveloper-api.adobe.com", "http would send the key in clear"),
])
def test_hosts_that_are_mixed_up(url, words):
    with Broker(start=False, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": f"base_url = {url}"}) as broker:
        found, _ = doctor(broker)
        assert words in found["configuration_bad"]["what"]
        assert "eqp-brokerd.conf:" in found["configuration_bad"]["what"]


def test_a_rule_for_a_user_that_is_gone(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox.1-main": EXAMPLE_KEY}).wait_valid()
    broker.config_path.write_text(broker.config().replace("[broker]\n", "[broker]\nallow = user:was-here-once\n", 1))
    found, text = doctor(broker)
    assert set(found) == {"rule_name_absent"} and found["rule_name_absent"]["what"] == "[broker] allow names a user that is not there."
    assert "was-here-once" not in text, "a user's name"
    assert found["rule_name_absent"]["why"] == "The rule gives nothing until there is one."
    assert "names in rules, see the findings" in text


def test_a_deny_for_a_user_that_is_gone():
    with Broker(start=False, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": "gateway = yes"}) as broker:
        broker.config_path.write_text(broker.config() + "[gateway sandbox]\nallow = any GET /rest/v1/**\n"
                                      "deny = user:was-here-once GET /rest/v1/reports/**\n")
        found, text = doctor(broker)
        assert found["rule_name_absent"]["why"] == "The rule denies nobody until there is one." and "was-here-once" not in text


@pytest.mark.parametrize("kind, line, why", [
    ("user", "[broker]\nallow = user:silent-one\n", "the rule gives nothing until it answers."),
    ("group", "[gateway sandbox]\ndeny = group:silent-ones GET /rest/v1/reports/**\n", "the rule denies everybody until it answers.")])
def test_a_name_that_the_user_database_is_silent_about(plain_build, kind, line, why):
    with Broker(start=False, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": "gateway = yes"}) as broker:
        broker.config_path.write_text(broker.config() + line)
        found, text = doctor(broker, env=silent_users(errno.ENOENT))
        finding = found["rule_name_absent"]
        assert f"names a {kind} that the user database does not tell of" in finding["what"] and finding["why"].endswith(why)
        assert "silent-one" not in text


def test_a_fault_of_the_store_is_none_of_a_name(tmp_path):
    password = tmp_path / "password"
    password.write_text("canary-password\n")
    password.chmod(0o644)
    with Broker(start=False, keys={"sandbox": EXAMPLE_KEY}) as broker:
        broker.config_path.write_text(broker.config() + f"[share]\nstore = redis://127.0.0.1:6379\npassword_file = {password}\n")
        found, _ = doctor(broker)
        assert "configuration_bad" in found and "rule_name_absent" not in found


def test_an_ordinary_user_who_may_not_read_all_of_it(upstream, make_broker, stranger):
    """As eqpctl writes the files of local keys, for root and the daemon alone: that is no fault."""
    broker = make_broker(upstream, keys={"sandbox.1-main": EXAMPLE_KEY}, environments={"sandbox": "allow = any"}).wait_valid()
    folder = broker.config_path.parent / "eqp-brokerd.conf.d"
    folder.mkdir(exist_ok=True)
    (folder / "local.conf").write_text("# of root alone\n")
    (folder / "local.conf").chmod(0o640)
    found, text = doctor(broker, user=stranger, group=stranger, extra_groups=[], cwd="/")
    assert "configuration_bad" not in found and "this user may not read all of it; see: sudo eqpctl doctor" in " ".join(text.split())


def test_sandbox_and_production_are_swapped():
    with Broker(start=False, keys={"sandbox": EXAMPLE_KEY}, environments={
            "sandbox": "base_url = https://commercedeveloper-api.adobe.com",
            "production-eu": "base_url = https://commercedeveloper-sandbox-api.adobe.com"}) as broker:
        found, text = doctor(broker)
        assert set(found) == {"no_daemon", "api_swapped"}
        assert "[environment sandbox], set base_url = https://commercedeveloper-sandbox-api.adobe.com" in " ".join(text.split())
        assert "[environment production-eu]" in text


def test_an_authority_that_is_not_there(upstream, broker):
    (broker.directory / "ca.pem").rename(broker.directory / "elsewhere.pem")
    found, _ = doctor(broker)
    assert set(found) == {"ca_file_unreadable"}


def test_to_go_on_trying_does_not_help(upstream, make_broker, tmp_path):
    """The daemon does not see the authority, whatever is seen here."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={
        "sandbox": f"base_url = {upstream.urls['sandbox']}\nca_file = {tmp_path}/none.pem"})
    broker.wait_status("sandbox", lambda status: status["last_trouble"])
    assert "/etc/eqp-broker/ca" in doctor(broker)[0]["no_token"]["cure"]


def test_without_the_program(broker):
    found, text = doctor(broker, env={"EQP_BROKERD": "/nonexistent/eqp-brokerd"})
    assert "cannot be run: No such file" in text
    assert set(found) <= {"no_keys_directory", "no_key"}, "a client needs no daemon's program"


# the keys


@pytest.mark.parametrize(["mode", "ids"], [(0o755, {"keys_directory_open"}), (0o770, {"keys_directory_open"}),
                                           (0o750, set()), (0o700, set())])
def test_access_to_the_directory(broker, mode, ids):
    broker.keys_directory.chmod(mode)
    found, _ = doctor(broker)
    assert set(found) == ids


def test_files_that_are_not_fit(broker):
    broker.write_key("sandbox.2", EXAMPLE_KEY)
    broker.write_key("production", SECOND, mode=0o644)
    broker.wait_log("key file .*production is not used")
    found, text = doctor(broker)
    assert set(found) == {"key_file_unfit"}
    assert "the same key as sandbox" in text and "everybody may read it (mode 0644)" in text


def test_a_key_file_that_is_a_link(broker, tmp_path):
    """Out of the directory: the daemon follows it, so it is for the daemon to say whether it is of use."""
    target = tmp_path / "target"
    target.write_text(SECOND)
    target.chmod(0o600)
    broker.keep_secret(*SECOND.split(":"))
    (broker.keys_directory / "sandbox.2").symlink_to(target)
    # The upstream does not know it: until it has said so, two reports in a row may differ.
    broker.wait_status("sandbox", lambda status: [key["state"] for key in status["keys"]] == ["good", "refused"])
    assert "key_file_unfit" not in doctor(broker)[0]
    target.chmod(0o644)
    broker.wait_log("key file .*sandbox.2 is not used")
    found, text = doctor(broker)
    assert "key_file_unfit" in found and "everybody may read it (mode 0644)" in text


def test_a_key_in_two_environments(broker):
    broker.write_key("production", EXAMPLE_KEY)
    broker.wait_status("production", lambda status: status["keys"])
    found, _ = doctor(broker)
    assert "production and sandbox hold the same key" in found["key_in_two_environments"]["what"]


def test_no_key_at_all(upstream, make_broker):
    found, _ = doctor(make_broker(upstream))
    assert set(found) == {"no_key"} and "eqpctl key set" in found["no_key"]["cure"]


# Not mounted on the files themselves: such a mount goes when somebody replaces the file.
IN_THE_GROUP = """
mkdir -p "$1"/etc
cp /etc/passwd /etc/group "$1"/etc
echo 'eqp-broker:x:54399:54398::/:/usr/sbin/nologin' >>"$1"/etc/passwd
echo 'eqp-broker:x:54398:' >>"$1"/etc/group
mount -t overlay -o lowerdir="$1"/etc:/etc overlay /etc
shift
exec "$@"
"""


def test_with_the_daemon_s_user(broker, stranger):
    """Files of root, mode 0600, and files for the group: the one cannot be used, the other too well."""
    def found():
        spaces = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", IN_THE_GROUP, "sh", str(broker.directory)]
        return set(doctor(broker, command=spaces)[0])

    assert found() == {"keys_directory_closed", "key_file_closed"}
    for path in (broker.keys_directory, broker.keys_directory / "sandbox"):
        os.chown(path, 0, 54398)
    broker.keys_directory.chmod(0o750)
    (broker.keys_directory / "sandbox").chmod(0o640)
    assert found() == {"keys_directory_open", "key_file_open"}
    broker.keys_directory.chmod(0o700)
    (broker.keys_directory / "sandbox").chmod(0o600)
    for path in (broker.keys_directory, broker.keys_directory / "sandbox"):
        os.chown(path, 54399, 54398)
    assert found() == set()


# the environments


def test_a_key_that_is_refused(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox.1": BAD, "sandbox.2": EXAMPLE_KEY}).wait_valid()
    found, text = doctor(broker)
    assert set(found) == {"key_refused"} and "the key 1 of sandbox" in found["key_refused"]["what"]
    assert "key 1                    refused " in text and "answered 401" in text
    assert "eqpctl key set sandbox.1. " in found["key_refused"]["cure"]
    assert found["key_refused"]["cure"].endswith("eqpctl key remove sandbox.1")


def told_of(**changes):
    """A status with a token, by the key 1, and a spare 2 of which that is known."""
    spare = {"label": "2", "serial": 2, "state": "good", "trial_in_sec": None, "seen_ago_sec": None} | changes.pop("spare", {})
    row = {"name": "sandbox", "base_url": "https://localhost:1", "configured": True, "state": "valid", "why": "",
           "account": "MAG123456789", "token": {"key": "1", "mage_id": "MAG123456789"},
           "keys": [{"label": "1", "serial": 1, "state": "good", "seen_ago_sec": 5, "trial_in_sec": None}, spare],
           "key_files_refused": [], "exchanges": {"last_hour": 1, "hourly_budget": 60, "trial_last_hour": 0}}
    return Answer(body={"version": "0.1.0", "uptime_sec": 4000, "keys_are_credentials": True,
                        "environments": [row | changes.pop("row", {})]} | changes)


@pytest.fixture
def faked():
    """The findings on that status, and the report."""
    with Broker(start=False) as broker, FakeBroker(broker.socket_path) as fake:
        def examine(**status):
            fake.answers["GET /v1/status"] = told_of(**status)
            return doctor(broker)
        yield examine


def test_a_spare_that_works(faked):
    found, text = faked(spare={"state": "good", "seen_ago_sec": 7200})
    assert found == {} and "key 2                    good, seen 2h ago" in text


def test_a_key_that_another_one_outdid(faked):
    found, _ = faked(spare={"state": "refused", "cause": "outdone", "seen_ago_sec": 60},
                     row={"last_trouble": {"key": "2", "outcome": "request_refused", "message": "HTTP 403: no"}})
    assert set(found) == {"key_refused"}
    assert "gave no token for the key 2 of sandbox (HTTP 403: no), and gave one for another" in found["key_refused"]["what"]
    assert "key set sandbox.2. " in found["key_refused"]["cure"] and found["key_refused"]["cure"].endswith("refresh sandbox")


def test_a_key_of_another_account(faked):
    """The report names both, and neither: the accounts are nobody's business."""
    found, text = faked(spare={"state": "refused", "cause": "other_account", "seen_ago_sec": 60},
                        row={"last_trouble": {"key": "2", "outcome": "other_account", "account": "MAG987654321",
                                              "message": "it is of MAG987654321, and not of MAG123456789"}})
    assert set(found) == {"key_refused"} and "MAG9" not in text
    assert found["key_refused"]["what"] == ("The EQP API says that the key 2 of sandbox is of another account, ANOTHER-ACCOUNT, "
                                            "and sandbox is of ACCOUNT-OF-sandbox.")
    for cure in ("key remove sandbox.2. ", "key set --new-account sandbox.2, ", "account = in [environment sandbox]"):
        assert cure in found["key_refused"]["cure"]


@pytest.mark.parametrize(["spare", "status", "words"], [
    ({}, {}, "It has not been tried yet"),
    ({"trial_in_sec": 1800}, {"row": {"exchanges": {"trial_last_hour": 4}}}, "as often within the hour as is allowed"),
    ({"trial_in_sec": 1800}, {"row": {"last_trouble": {"key": "2", "message": "HTTP 503"}}},
     "Its trial was inconclusive (HTTP 503)"),
    ({"trial_in_sec": 29}, {}, None), ({}, {"uptime_sec": 50}, None), ({}, {"row": {"token": None}}, None)])
def test_a_spare_that_nobody_tried(faked, spare, status, words):
    found, text = faked(spare={"state": "untried"} | spare, **status)
    assert "key 2                    untried" in text
    assert set(found) == ({"key_untried"} if words else set())
    if words:
        assert words in found["key_untried"]["why"]
        cure = found["key_untried"]["cure"]
        assert cure.startswith("It is tried " + ("in 30min." if "trial_in_sec" in spare else "at the next token."))
        assert cure.endswith("eqpctl key set sandbox.2") == ("as often" not in words)


def test_how_long_nobody_has_tried_it(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox.1": EXAMPLE_KEY}).wait_valid()
    broker.write_key("sandbox.2", SECOND)
    status = broker.status()
    broker.stop()
    with FakeBroker(broker.socket_path) as fake:
        fake.answers["GET /v1/status"] = told_of(
            spare={"state": "untried"}, keys_directory=status["keys_directory"], keys_are_credentials=False)
        found, _ = doctor(broker)
    assert "though its file has been there for" in found["key_untried"]["what"]


def test_exchanges_that_were_put_off(faked):
    """No program can cause it, so none is blamed."""
    found, text = faked(row={"exchanges": {"last_hour": 44, "hourly_budget": 60, "put_off": 2}})
    assert set(found) == {"exchanges_put_off"} and "2 put off" in text
    assert "for sandbox were put off since the daemon started" in found["exchanges_put_off"]["what"]
    assert "Retry-After" in found["exchanges_put_off"]["why"] and "44 exchanges an hour" in found["exchanges_put_off"]["why"]
    assert "EQP_ENVIRONMENT=sandbox." in found["exchanges_put_off"]["cure"]


@pytest.mark.parametrize("lifetime, asked, short", [(30, "2h", True), (116, "2h", True), (117, "2h", False), (90, "90s", False)])
def test_a_granted_lifetime_that_the_budget_cannot_bear(lifetime, asked, short):
    """Not if that is what was asked for."""
    found = doctor_on_short(asked, {"token": {"key": "1", "mage_id": "MAG123456789", "lifetime_sec": lifetime}})
    assert set(found) - {"lifetime_too_short"} == ({"lifetime_granted_short"} if short else set())
    if short:
        assert "grants tokens for sandbox that live for less than 117 s" in found["lifetime_granted_short"]["what"]
        assert found["lifetime_granted_short"]["cure"].startswith("Check base_url in [environment sandbox]")


def test_a_token_that_was_over_too_early():
    """The other finding is the cause of that one."""
    found = doctor_on_short("2h", {"token": None, "state": "no_token",
                                   "why": "the latest token lived for less than the hourly budget can bear; next attempt in 40s"})
    assert set(found) == {"no_token", "lifetime_granted_short"}
    assert "For the cause see the finding lifetime_granted_short" in found["no_token"]["cure"]


def doctor_on_short(asked, row):
    with Broker(start=False, environments={"sandbox": f"lifetime = {asked}"}) as broker, FakeBroker(broker.socket_path) as fake:
        fake.answers["GET /v1/status"] = told_of(row=row)
        return doctor(broker)[0]


def test_a_lifetime_that_the_budget_cannot_bear(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": "lifetime = 90s"}).wait_valid()
    found, _ = doctor(broker)
    assert set(found) == {"lifetime_too_short"}
    assert "lifetime = 1min 30s is shorter than the hourly budget can bear" in found["lifetime_too_short"]["what"]


def test_an_answer_that_nobody_understands(upstream, make_broker):
    upstream.fault("sandbox", "status", status=418, body="")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY})
    broker.wait_status("sandbox", lambda status: status["last_unknown_answer"])
    found, text = doctor(broker)
    assert set(found) == {"no_token", "answer_not_understood"}
    assert "status 418" in text


PAGE = {"content_type": "text/html", "body": "<html>"}


@pytest.mark.parametrize("fault, ids, what, cure", [
    ({"status": 403, **PAGE}, {"no_token", "block_page"}, "HTTP 403: a block page", "Do not regenerate the key."),
    ({"status": 429, **PAGE}, {"no_token", "block_page"}, "HTTP 429: a block page", "at most 2 min apart"),
    ({"status": 200, **PAGE}, {"no_token", "maintenance_page"}, "HTTP 200: a maintenance page", "Wait"),
    ({"status": 503, **PAGE}, {"no_token", "maintenance_page"}, "HTTP 503: a maintenance page", "Wait"),
    ({"status": 302, "headers": {"Location": "https://sso.corp.example/x"}}, {"no_token", "redirected"},
     "HTTP 302: a redirect to HOST-OF-A-REDIRECT is not followed", "base_url"),
    ({"status": 403, "code": 1208, "message": "No such application."}, {"no_token", "request_refused"},
     'sandbox: status 403, code 1208, "No such application."', "the key in the portal"),
    ({"status": 403, "body": ""}, {"no_token", "answer_not_understood"}, "does not know", "report"),
    ({"status": 500}, {"no_token"}, None, None),
], ids=["blocked", "blocked-429", "maintenance", "maintenance-503", "redirect", "refused", "unknown", "trouble"])
def test_each_kind_of_answer_has_a_cure(upstream, make_broker, fault, ids, what, cure):
    upstream.fault("sandbox", "status", **fault)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY})
    broker.wait_status("sandbox", lambda status: status["last_unknown_answer"])
    found, text = doctor(broker)
    assert set(found) == ids and "sso.corp" not in text
    finding = next((finding for id, finding in found.items() if id != "no_token"), None)
    assert not finding or what in finding["what"] and cure in finding["cure"]


def test_a_page_that_is_over(upstream, make_broker):
    upstream.fault("sandbox", "status", status=503, count=1, **PAGE)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    found, text = doctor(broker)
    assert not found and "maintenance_page, status 503" in text


# the machine


@pytest.mark.parametrize(["env", "ids"], [
    ({"http_proxy": "http://p.example:1"}, {"proxy_for_localhost"}),
    ({"ALL_PROXY": "http://p.example:1", "no_proxy": "example.com"}, {"proxy_for_localhost"}),
    ({"http_proxy": "http://p.example:1", "no_proxy": "localhost,127.0.0.1"}, set()),
    ({"http_proxy": "http://p.example:1", "NO_PROXY": "*"}, set()),
    ({"https_proxy": "http://p.example:1"}, set()),
])
def test_proxies(broker, env, ids):
    assert set(doctor(broker, env=env)[0]) == ids


def test_a_name_localhost_that_leads_elsewhere(broker, stranger):
    hosts = broker.directory / "hosts"
    hosts.write_text("192.0.2.1 localhost\n")
    spaces = ["unshare", "--mount", "--propagation", "private", "sh", "-ec",
              f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
    assert set(doctor(broker, command=spaces)[0]) == {"no_localhost"}


@pytest.mark.parametrize(["built", "ids"], [(2_000_000_000, {"clock_wrong"}), (0, set()), (1, set())])
def test_a_clock_of_long_ago(broker, built, ids):
    """As seen by a program that was built later than now. That of an image may say that it was built in 1970."""
    program = shutil.copy(EQPCTL, broker.directory)
    os.utime(program, (built, built))
    library = pathlib.Path(EQPCTL).parent.parent / "client"
    assert set(doctor(broker, program=program, env={"LD_LIBRARY_PATH": str(library)})[0]) == ids


def test_the_daemon_takes_its_own_check_for_right(broker):
    """The doctor reads the output of --check; if that changes, it is to be seen here."""
    assert run_daemon("--config", str(broker.config_path), "--check").returncode == 0
    assert "check                    fine" in doctor(broker)[1]
