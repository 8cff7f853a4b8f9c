"""The gateway in the real daemon, with all that it has taken away from itself: tests that need no upstream."""

import pytest
from simulator import EXAMPLE_KEY

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
