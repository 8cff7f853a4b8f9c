"""eqpctl gateway explain: whether a request would be passed on, and which line of the configuration decides; without a daemon."""

import errno
import grp
import os
import pathlib
import pwd
import subprocess

import pytest

from broker import silent_users

BUILD = pathlib.Path(os.environ["EQP_BUILD_DIR"])
DONE, FAILED, USAGE, NOT_ALLOWED = 0, 1, 2, 4
BARE_ENVIRONMENT = {k: v for k, v in os.environ.items() if k.startswith(("ASAN", "UBSAN", "LSAN"))}
GROUP = grp.getgrgid(pwd.getpwnam("daemon").pw_gid).gr_name

CONFIGURATION = f"""[environment production]
gateway = yes
[gateway production]
allow = user:root * /rest/v1/**
allow = group:{GROUP} GET /rest/v1/files/**
allow = uid:4321 GET /rest/v1/users/{{mage_id}}/reports/**
deny = any * /rest/v1/users/*/keys/**
[gateway sandbox]
allow = any GET /rest/v1/**
[local reports]
environment = production
id = lk-reports
secret_sha256 = {64 * "7"}
allow = GET /rest/v1/reports/**
[local old]
environment = production
id = lk-old
secret_sha256 = {64 * "8"}
allow = GET /rest/v1/reports/**
expires = 2025-01-01
"""


@pytest.fixture
def explain(tmp_path):
    path = tmp_path / "eqp-brokerd.conf"
    path.write_text(CONFIGURATION)

    def run(*arguments, env=None):
        environment = BARE_ENVIRONMENT | {"EQP_BROKERD": str(BUILD / "daemon/eqp-brokerd"), "EQP_BROKER_CONFIG": str(path)}
        environment |= env or {}
        return subprocess.run([BUILD / "ctl/eqpctl", "gateway", "explain", *arguments], env=environment,
                              capture_output=True, timeout=30, text=True)

    run.path = path
    return run


@pytest.mark.parametrize(["who", "method", "path", "allowed", "line", "rule"], [
    ("user:root", "DELETE", "/rest/v1/products", True, 4, "allow = user:root * /rest/v1/**"),
    ("uid:0", "GET", "/rest/v1/products?limit=-1", True, 4, "allow = user:root * /rest/v1/**"),
    ("user:daemon", "HEAD", "/rest/v1/files/1", True, 5, f"allow = group:{GROUP} GET /rest/v1/files/**"),
    (f"group:{GROUP}", "GET", "/production//rest/v1/files/1", True, 5, f"allow = group:{GROUP} GET /rest/v1/files/**"),
    ("user:root", "GET", "/rest/v1/Users/MAG1/KEYS.json", False, 7, "deny = any * /rest/v1/users/*/keys/**"),
    ("local:reports", "GET", "/rest/v1/reports", True, 14, "allow = GET /rest/v1/reports/**"),
    ("local:reports", "GET", "/rest/v1/users/1/keys", False, 7, "deny = any * /rest/v1/users/*/keys/**"),
])
def test_the_line_that_decides(explain, who, method, path, allowed, line, rule):
    result = explain("production", who, method, path)
    verdict = "allowed" if allowed else "refused"
    assert (result.stdout, result.stderr) == (f"{verdict}: {explain.path}:{line}: {rule}\n", "")
    assert result.returncode == (DONE if allowed else NOT_ALLOWED)


@pytest.mark.parametrize(["environment", "who", "method", "path", "words"], [
    ("production", "user:nobody", "GET", "/rest/v1/files/1", "refused: no rule of [gateway production] fits"),
    ("production", "local:reports", "POST", "/rest/v1/reports",
     "refused: no rule of [gateway production] or [local reports] fits"),
    ("production", "local:old", "GET", "/rest/v1/reports", "local key old has expired (expires = 2025-01-01)"),
    ("sandbox", "local:reports", "GET", "/rest/v1/reports", "local key reports is for production"),
    ("production", "any", "GET", "/rest/v1/a/../b", "refused before any rule: it has a segment . or .."),
    ("production", "any", "GET", "/rest/v1/a?_method=PUT", "refused before any rule: its query has the key _method"),
    ("production", "user:root", "POST", "/rest/v1/app/session/token", "token endpoint, which is never passed on"),
    ("production", "user:root", "TRACE", "/rest/v1/a", "the method TRACE is never passed on"),
    ("sandbox", "any", "GET", "/rest/v1/a", "refused: the gateway is off: set gateway = yes in [environment sandbox]"),
])
def test_requests_that_are_refused(explain, environment, who, method, path, words):
    result = explain(environment, who, method, path)
    assert words in result.stdout, result
    assert (result.returncode, result.stderr) == (NOT_ALLOWED, "")


def test_where_the_gateway_is_off_the_rule_is_told_all_the_same(explain):
    result = explain("sandbox", "any", "GET", "/rest/v1/a")
    assert result.stdout.splitlines()[1] == f"once it is on, allowed: {explain.path}:9: allow = any GET /rest/v1/**"


def test_the_account_is_wanted_where_it_matters(explain):
    request = "uid:4321", "GET", "/rest/v1/users/MAG1/reports/x"
    result = explain("production", *request)
    assert result.returncode == NOT_ALLOWED
    assert result.stderr == ("with the account MAG1 it would be allowed: set account in [environment production], or name "
                             "it with --account\n")
    result = explain("production", *request, "--account", "MAG1")
    assert (result.returncode, result.stderr) == (DONE, "")
    assert f"{explain.path}:6: " in result.stdout
    assert explain("production", *request, "--account", "MAG2").returncode == NOT_ALLOWED
    explain.path.write_text(CONFIGURATION.replace("gateway = yes", "gateway = yes\naccount = MAG1"))
    result = explain("production", *request)
    assert (result.returncode, result.stderr) == (DONE, "")


@pytest.mark.parametrize(["arguments", "code", "words"], [
    (["nope", "any", "GET", "/rest/v1/a"], FAILED, "there is no environment nope"),
    (["production", "user:no-such-user", "GET", "/rest/v1/a"], FAILED, "there is no such user"),
    (["production", "local:none", "GET", "/rest/v1/a"], FAILED, "there is no such local key"),
    (["production", "bob", "GET", "/rest/v1/a"], USAGE, "'bob' is not a caller"),
    (["production", "unit:a.service", "GET", "/rest/v1/a"], USAGE, "'unit:a.service' is not a caller"),
    (["production", "any", "GET", "rest/v1/a"], USAGE, "'rest/v1/a' is no path"),
    (["production", "any", "GET"], USAGE, "a caller, a method and a path are wanted"),
    (["production"], USAGE, "a caller, a method and a path are wanted"),
    ([], USAGE, "the name of an environment is missing"),
    (["production", "any", "GET", "/a", "b"], USAGE, "'b' is one argument too many"),
])
def test_questions_without_an_answer(explain, arguments, code, words):
    result = explain(*arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert words in result.stderr


@pytest.mark.parametrize("who, kind", [("user:silent-one", "user"), ("group:silent-ones", "group"), ("uid:54001", "user")])
def test_a_user_database_that_is_silent(plain_build, explain, who, kind):
    """A user without a name has no groups; one of whom nothing is told may have any."""
    result = explain("production", who, "GET", "/rest/v1/a", env=silent_users(errno.ENOENT))
    assert (result.returncode, result.stdout) == (FAILED, "")
    assert f"{who}: the user database does not say whether there is such a {kind}: No such file" in result.stderr


def test_a_mistake_in_the_configuration_is_told(explain):
    explain.path.write_text("[gateway production]\nallow = any GET /a\n")
    result = explain("production", "any", "GET", "/rest/v1/a")
    assert (result.returncode, result.stdout) == (FAILED, "")
    assert f"{explain.path}:2: allow = any GET /a: a pattern begins with /rest/v1/" in result.stderr
