"""For the contract of the broker: local keys, settings, and how the answers that were seen are counted."""

from local_keys import LocalKey

NOT_US = "uid:54321"  # nobody's
REPORTS = LocalKey("reports", allow=["GET /rest/v1/reports/**"])
REAL = LocalKey("real", token="real")
EXPIRED = LocalKey("expired", expires="2020-01-01", allow=["GET /rest/v1/**"])
UNKNOWN_TOKEN = {"Authorization": "Bearer eqpl1.reports." + "A" * 80}

GATEWAY = """gateway = yes
allow = any
allow = local:real
operators = any
[gateway sandbox]
deny = any * /rest/v1/denied/**
allow = any * /rest/v1/**
body_max = 100K
answer_timeout = 2s
"""

# Words that the daemon says before it has read a request.
UNREAD = ("too_many_connections", "stopping")


def is_gateway(operation):
    return operation.path == "/{environment}/rest/v1/{path}"


def is_below_rest(operation):
    return operation.path.startswith("/{environment}/rest/")


def is_health(operation):
    return not is_below_rest(operation) and not operation.path.startswith("/v1/")


def in_environment(operation):
    return "{environment}" in operation.path


def counted(seen):
    """Some errors need be seen on one operation only: those of the gateway by any method, and those that are sent before the
    request is read. A HEAD has no words: one 5XX is as good as another."""
    operation, status, word = seen
    if operation.startswith("pass"):
        operation = "passed on"
    if word in UNREAD or status == "5XX":
        operation = "any"
    return operation, status, word
