"""The simulator's admin listener and doc/openapi/eqp-simulator-admin.yaml know the same: each operation and status is asked
for, each fault with each of its parameters, and each answer judged by the document. The last test has what nobody has seen."""

import hashlib
import http.client
import json
import sys
import urllib.parse

import jsonschema
import pytest

from broker import Answer
from document import consts, parts_of
from portal import Portal, package
from simulator import EXAMPLE_ID, EXAMPLE_SECRET

BIG = 2 ** 53  # beyond it, JSON's numbers are not the same everywhere
told = set()


@pytest.fixture(autouse=True)
def note(request, upstream):
    yield
    if not getattr(request.node, "failed", False):
        told.add(request.node.originalname)


@pytest.fixture
def ask(upstream, admin_document):
    """ask(method, target, body=None, status=200): the answer's JSON; it has been judged."""
    def ask(method, target, body=None, status=200):
        address = urllib.parse.urlsplit(upstream.admin)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        connection.request(method, target, text)
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        connection.close()
        assert answer.status == status, answer
        admin_document.judge(method, target, answer, body=text)
        return json.loads(answer.body) if answer.headers.get_content_type() == "application/json" else answer.body.decode()
    return ask


def example(document, operation, key):
    """Method, target, body; of a key that there is."""
    method, target, body = document.request(operation.id)
    return method, target.replace("EXAMPLE01", key), body


def test_keys_tokens_and_settings_by_the_examples(ask, admin_document, upstream):
    document = admin_document
    for operation in document.operations.values():
        method, target, body = example(document, operation, EXAMPLE_ID)
        if operation.path in ("/{env}/uploads/{id}", "/{env}/packages/{id}") or operation.id in ("getToken", "deleteKey", "addFault"):
            continue
        ask(method, target, body)
        upstream.reset()
    ask("DELETE", f"/sandbox/keys/{EXAMPLE_ID}")


def test_tokens(ask, upstream):
    _, grant = upstream.token("sandbox")
    digest = hashlib.sha256(grant["ust"].encode()).hexdigest()
    assert ask("GET", f"/sandbox/tokens/{digest}")["active"]
    assert ask("POST", "/sandbox/tokens/revoke", {"ust_sha256": digest}) == {"revoked": 1}
    ask("GET", f"/sandbox/tokens/{digest}", status=404)
    assert ask("GET", "/state")["environments"]["sandbox"]["last"]


def test_files_packages_and_callbacks(ask, upstream):
    portal = Portal(upstream)
    portal.ask("PUT", portal.user, {"action": "api_callbacks",
                                    "api_callbacks": [{"url": "https://shop.example/", "username": "u", "password": "p"}]})
    ask("PUT", "/sandbox/settings", {"scan_queued_ms": 0, "scan_ms": 0})
    code, manual, image = (portal.upload_one(name, b"PK" + name.encode()) for name in ("a.zip", "b.pdf", "c.png"))
    sent = portal.submit(package(code, manual, image, sku="acme/one-click", item_id="acme-1"))[0]
    assert ask("GET", "/sandbox/uploads") and ask("GET", "/sandbox/packages")
    ask("PUT", f"/sandbox/uploads/{code}", {"malware_status": "fail"})
    ask("PUT", f"/sandbox/packages/{sent['submission_id']}", {"technical": "approved", "overall": "released_to_store"})
    assert {one["body"]["callback_event"] for one in ask("GET", "/sandbox/callbacks")} == {"eqp_status_update",
                                                                                          "malware_scan_complete"}


# ---- refused ----

def test_nonsense(ask, admin_document):
    for operation in admin_document.operations.values():
        method, target, _ = example(admin_document, operation, EXAMPLE_ID)
        ask(method, target, "{", status=400)
        if "{env}" in operation.path:
            ask(method, target.replace("sandbox", "nowhere"), status=400)
        if "{id}" in operation.path:
            body = (operation.body or {}).get("content", {}).get("application/json", {}).get("example")
            ask(method, target.replace(EXAMPLE_ID, "nobody"), body, status=404)


@pytest.mark.parametrize("method, target, body", [
    ("POST", "/sandbox/keys", {"id": EXAMPLE_ID, "secret": EXAMPLE_SECRET}), ("POST", "/sandbox/keys", {"id": "a:b", "secret": "c"}),
    ("POST", "/clock", {"forward": 0}), ("POST", "/reset", {"all": True}), ("PUT", "/sandbox/keys", {"id": "a"}),
    ("POST", "/sandbox/tokens/revoke", {"ust_sha256": "abc"}), ("PUT", "/sandbox/settings", {"lifetime": 1})])
def test_bodies_that_are_refused(ask, method, target, body):
    ask(method, target, body, status=400)


# ---- every number and word that the document has, and those beside them ----

def faults(document):
    for part in parts_of(document.tree["components"]["schemas"]["Fault"]):
        for name in consts(part.get("properties", {}).get("fault", {})):
            yield name, part


def values_of(schema):
    """Some that fit."""
    for part in parts_of(schema):
        if consts(part):
            yield from consts(part)
        elif part.get("type") == "integer":
            yield from {part.get("minimum", 0), min(part.get("maximum", BIG), BIG)}
        elif part.get("type") == "boolean":
            yield from (True, False)
        elif part.get("type") == "string":
            yield "text"
        elif part.get("type") == "object":
            yield {"X-Name": "text"}
        elif set(part) <= {"description"}:
            yield {"any": [1]}


def values_beside(schema):
    """Some that do not fit: none of these is tried that the schema takes."""
    for part in parts_of(schema):
        for limit, step in (("minimum", -1), ("maximum", 1)):
            if limit in part:
                yield part[limit] + step
    yield from (None, [], 1.5, "", "x" * 70_000, "\x01", -1, True, {"Content-Length": "1"})


def fits(value, schema):
    return jsonschema.Draft202012Validator(schema).is_valid(value)


def test_each_fault(ask, admin_document, upstream):
    whole = admin_document.tree["components"]["schemas"]["Fault"]
    n_refused = 0
    for name, part in faults(admin_document):
        fields = {field: schema for field, schema in part["properties"].items() if field != "fault"}
        least = {"fault": name} | {field: next(values_of(fields[field])) for field in part["required"] if field != "fault"}
        for needed in set(least) - {"fault"}:
            ask("POST", "/sandbox/faults", {field: value for field, value in least.items() if field != needed}, status=400)
        ask("POST", "/sandbox/faults", least | {"no_such_parameter": 1}, status=400)
        assert not fits(least | {"no_such_parameter": 1}, whole)
        for field, schema in fields.items():
            for value in values_of(schema):
                ask("POST", "/sandbox/faults", least | {field: value})
            for value in values_beside(schema):
                if not fits(value, schema):
                    ask("POST", "/sandbox/faults", least | {field: value}, status=400)
                    n_refused += 1
            upstream.clear_faults()
    assert n_refused > 100


def test_where_and_how_often_a_fault_acts(ask, admin_document):
    for field, schema in admin_document.tree["components"]["schemas"]["FaultPlace"]["properties"].items():
        for value in {"path": ["/rest"], "key": ["ID"], "method": ["PUT"]}.get(field, list(values_of(schema))):
            ask("POST", "/sandbox/faults", {"fault": "throttle", field: value})
        for value in values_beside(schema):
            if not fits(value, schema):
                ask("POST", "/sandbox/faults", {"fault": "throttle", field: value}, status=400)


def test_each_setting(ask, admin_document):
    for field, schema in admin_document.tree["components"]["schemas"]["Settings"]["properties"].items():
        for value in values_of(schema):
            ask("PUT", "/sandbox/settings", {field: value})
        for value in values_beside(schema):
            if not fits(value, schema):
                ask("PUT", "/sandbox/settings", {field: value}, status=400)
    ask("PUT", "/sandbox/settings", {"lifetime_fixed": None})


# ---- all of it ----

def test_nothing_is_left(admin_document):
    stories = {name for name in vars(sys.modules[__name__]) if name.startswith("test_")} - {"test_nothing_is_left"}
    if stories - told:
        pytest.skip(f"not all stories were told: {sorted(stories - told)}")
    assert not admin_document.left(), "the document has more than the simulator"
    fields = {one for one in admin_document.known_fields() if one[0] != "FaultPlace"}
    unseen = sorted(fields - admin_document.fields)
    assert not unseen, "the document has fields that the simulator does not send"
