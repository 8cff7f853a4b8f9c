"""The OpenAPI documents in themselves, and against the sources: neither knows a path, a word, a header or a fault that the
other does not."""

import json
import re
import subprocess

import jsonschema
import pytest

import sources
from document import consts, parts_of, resolve
from sources import ROOT

DOCUMENTS = ["eqp-broker", "eqp-simulator-admin"]
# Of every kind of secret that the programs know: access keys, tokens, local keys.
SECRETS = re.compile(r"[0-9a-f]{40,}|[A-Za-z0-9]{32}\.[A-Za-z0-9]{8,}|eqpl1\.[\w.-]+\.[\w-]{40,}")
PUBLIC_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # of "test"


@pytest.fixture(params=DOCUMENTS)
def any_document(request):
    return request.getfixturevalue({"eqp-broker": "broker_document", "eqp-simulator-admin": "admin_document"}[request.param])


def places(node, where="#"):
    """(JSON pointer, node) of everything."""
    yield where, node
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, under in items:
        yield from places(under, f"{where}/{str(name).replace('~', '~0').replace('/', '~1')}")


# ---- in themselves ----

def test_references_lead_somewhere_and_all_components_are_used(any_document):
    used = {node["$ref"] for _, node in places(any_document.raw) if isinstance(node, dict) and "$ref" in node}
    there = {f"#/components/{kind}/{name}" for kind, components in any_document.raw["components"].items() for name in components}
    schemes = {f"#/components/securitySchemes/{name}" for operation in any_document.operations.values()
               for choice in operation.security for name in choice}
    assert used | schemes == there


def test_operations_are_described(any_document):
    tags = {tag["name"] for tag in any_document.raw["tags"]}
    for path, item in any_document.tree["paths"].items():
        for method, operation in item.items():
            if method in ("parameters", "description"):
                continue
            assert operation["summary"] and set(operation["tags"]) <= tags, (path, method)
            placed = {one["name"] for one in item.get("parameters", []) if one["in"] == "path"}
            assert placed == set(re.findall(r"\{(\w+)\}", path)), path
            assert all(response["description"] for response in operation["responses"].values())
    assert len({json.dumps(one.responses, sort_keys=True, default=str) for one in any_document.operations.values()
                if one.id.startswith("pass")}) <= 1, "all methods that are passed on have the same answers"


def test_schemas_are_schemas_and_examples_fit(any_document):
    n_examples = 0
    for where, node in places(any_document.tree):
        if not isinstance(node, dict) or not isinstance(node.get("schema"), dict):
            continue
        jsonschema.Draft202012Validator.check_schema(node["schema"])
        for example in [node[name] for name in ("example",) if name in node] + [
                one["value"] for one in node.get("examples", {}).values()]:
            jsonschema.Draft202012Validator(node["schema"], format_checker=jsonschema.FormatChecker()).validate(example)
            code = example.get("code") if isinstance(example, dict) else None
            at = re.search(r"/(\d{3})/content/", where)
            assert not code or not at or str(code) == at[1], where
            n_examples += 1
    assert n_examples > 20


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_secrets(name):
    text = (ROOT / "doc" / "openapi" / f"{name}.yaml").read_text(encoding="utf-8").replace(PUBLIC_DIGEST, "")
    assert not SECRETS.search(text)


@pytest.mark.slow("it needs npm, and Node")
@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_meta_schema_of_openapi(name, linter):
    """OpenAPI's own, which the linter from npm brings along."""
    result = subprocess.run(["node", linter, ROOT / "doc" / "openapi" / f"{name}.yaml"], capture_output=True, text=True,
                            timeout=120)
    assert json.loads(result.stdout) == {"valid": True}, result.stdout + result.stderr


@pytest.mark.slow("it needs npm, and Node")
def test_the_linter_finds_a_mistake(tmp_path, linter):
    text = (ROOT / "doc" / "openapi" / "eqp-broker.yaml").read_text(encoding="utf-8")
    bad = tmp_path / "bad.yaml"
    bad.write_text(text.replace("      operationId: getToken\n", "      operationid: getToken\n"))
    result = subprocess.run(["node", linter, bad], capture_output=True, text=True, timeout=120)
    assert json.loads(result.stdout)["valid"] is False


# ---- against the sources: the broker ----

def words_of_document(document, meant=lambda operation: True):
    return {(int(status), word) for operation in document.operations.values() if meant(operation)
            for status, words in operation.words.items() if status.isdigit() for word in words}


def test_paths_of_the_broker(broker_document):
    known = {(operation.path, operation.method) for operation in broker_document.operations.values()}
    passed_on = {one for one in known if one[0].endswith("/rest/v1/{path}")}
    assert known - passed_on | {("/{environment}/rest/…", None)} == sources.routes()
    assert len(passed_on) == 7, "all methods that OpenAPI has, but for TRACE"


def test_words_of_the_broker(broker_document):
    assert words_of_document(broker_document) == sources.words()


def test_words_of_the_manual_page(broker_document):
    gateway = sources.words_of_manual("*Errors* of the gateway")
    assert sources.words_of_manual("## Errors") | gateway == sources.words()
    assert gateway <= words_of_document(broker_document, lambda operation: operation.id.startswith("pass"))


def test_headers_of_the_broker(broker_document):
    described = {name.lower() for operation in broker_document.operations.values()
                 for response in operation.responses.values() for name in response.get("headers", {})}
    assert described == sources.answer_headers()
    schemes = broker_document.tree["components"]["securitySchemes"].values()
    asked = {scheme["name"].lower() for scheme in schemes if scheme["type"] == "apiKey"}
    asked |= {one["name"].lower() for operation in broker_document.operations.values() for one in operation.parameters
              if one["in"] == "header"}
    assert asked == sources.request_headers()


def test_queries_of_the_broker(broker_document):
    assert {one["name"] for operation in broker_document.operations.values() for one in operation.parameters
            if one["in"] == "query"} == sources.query_names()


# ---- against the sources: the simulator ----

def test_paths_of_the_admin_listener(admin_document):
    assert {(operation.method, operation.path) for operation in admin_document.operations.values()} == sources.admin_routes()


def test_faults_of_the_simulator(admin_document):
    """Names and parameters, and which of these a fault needs."""
    described = {}
    for part in parts_of(admin_document.tree["components"]["schemas"]["Fault"]):
        for name in consts(part.get("properties", {}).get("fault", {})):
            described[name] = {field: field in part["required"] for field in part["properties"] if field != "fault"}
    assert described == sources.fault_parameters()


# ---- the instruments ----

def test_references_are_resolved():
    root = {"a": {"$ref": "#/b/x"}, "b": {"x": {"type": "string", "description": "one"}}}
    assert resolve(root, root)["a"] == {"type": "string", "description": "one"}


@pytest.mark.parametrize("text", [
    'refuse(request, 418, "teapot");', '{ "x", 418, "teapot", "message" }', '.status = 418, .slug = "teapot"',
    'x ? 418 : 400, x ? "teapot" : "bad_request"', r'"{\"code\":418,\"error\":\"teapot\"}"',
    '"418 I am one", "EQP-Error: teapot"', 'json_object_new_int(418));\n add_text(json, "error", "teapot");'])
def test_each_way_to_say_an_error_is_read(text):
    assert (418, "teapot") in sources.words_in(text)


def test_an_error_that_cannot_be_read_is_noticed():
    with pytest.raises(AssertionError):
        sources.words_in('answer_error(418, teapot, "message")')
