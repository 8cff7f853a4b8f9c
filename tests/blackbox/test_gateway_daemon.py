"""The gateway in the real daemon, with all that it has taken away from itself: tests that need hardly any upstream."""

import errno
import os

import pytest

from broker import silent_users
from simulator import EXAMPLE_KEY
from test_daemon_callers import as_user

GATEWAY = """gateway = yes
[gateway sandbox]
allow = any GET,POST /rest/v1/**
body_max = 100K
"""


@pytest.fixture
def broker(upstream, make_broker):
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": GATEWAY}).wait_valid()


@pytest.mark.parametrize("method, path, status, slug", [
    ("DELETE", "/sandbox/rest/v1/users", 403, "rule_refused"),
    ("GET", "/sandbox/rest/v1/a//b", 400, "path_ambiguous"),
    ("GET", "/sandbox/rest/v1/a?_method=PUT", 400, "method_override_refused"),
    ("POST", "/sandbox/rest/v1/app/session", 403, "rule_refused"),
    ("GET", "/production/rest/v1/users", 404, "gateway_off"),
])
def test_refusals(broker, method, path, status, slug):
    answer = broker.request(method, path)
    assert (answer.status, answer.headers["EQP-Error"]) == (status, slug), answer


def test_a_gateway_that_is_off_is_asked_in_vain_and_that_is_logged(broker):
    assert broker.request("GET", "/production/rest/v1/users").status == 404
    broker.wait_log(r"refused uid \d+.*: gateway_off")


def test_a_body_that_is_too_large(broker):
    answer = broker.request("POST", "/sandbox/rest/v1/files/uploads", body="x" * 200_000)
    assert (answer.status, answer.headers["EQP-Error"]) == (413, "body_too_large"), answer


@pytest.mark.parametrize("reason", [errno.EIO, errno.ENOENT], ids=os.strerror)
def test_a_deny_for_a_group_counts_where_the_user_database_is_silent(plain_build, upstream, make_broker, stranger, reason):
    """Over TCP the groups are its word: a caller of whom it says nothing may be in any. On the unix socket they are the
    kernel's."""
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker="allow = any", env=silent_users(reason),
                         environments={"sandbox": GATEWAY + "deny = gid:5000 * /rest/v1/users/*/keys/**\n"}).wait_valid()
    account = "/sandbox/rest/v1/users/MAG123456789"
    for _ in range(2):
        status, body = as_user(stranger, broker, "tcp", account + "/keys")
        assert status == 403 and b"deny" in body, body
        assert as_user(stranger, broker, "tcp", account)[0] == 200
        assert as_user(stranger, broker, "unix", account + "/keys")[0] == 200
        assert as_user(stranger + 1000, broker, "tcp", account + "/keys")[0] == 200, "of this one it says that there is none"
    assert broker.log(f"the user database does not give the groups of uid {stranger}: {os.strerror(reason)}")
