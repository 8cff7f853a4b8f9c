"""Document: an OpenAPI file, and what was seen of it.

    document = Document(ROOT / "doc/openapi/eqp-broker.yaml")
    document.operations["getToken"].responses["200"]       # references are resolved
    seen = document.judge("GET", "/v1/sandbox/token", answer)    # raises if the file does not say so
    document.seen, document.left()                         # (operation, status, word): seen, and not seen

An answer is judged by its status, its headers, its word (the slug of an error) and its body, in which nothing may be that
the file does not have. It must have `status`, `headers` (as of http.client) and `body`.
"""

import json
import re
from dataclasses import dataclass, field

import jsonschema
import yaml

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
WORD_HEADER = "EQP-Error"
# Of HTTP itself, and of the media type: OpenAPI describes them elsewhere, or not at all.
FRAMING = {"connection", "content-length", "content-type", "date", "transfer-encoding"}


@dataclass
class Operation:
    id: str
    method: str
    path: str
    parameters: list
    body: dict
    security: list
    responses: dict
    words: dict = field(default_factory=dict)  # {status: words that its answer may have}


def resolve(node, root):
    """Without references; a value beside one takes precedence."""
    if isinstance(node, list):
        return [resolve(item, root) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = root
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        # The name tells fields of one schema from those of another.
        node = target | {name: value for name, value in node.items() if name != "$ref"} | (
            {"x-name": node["$ref"].rpartition("/")[2]} if "/schemas/" in node["$ref"] else {})
    return {name: resolve(value, root) for name, value in node.items()}


def parts_of(schema):
    """The schema, and all that are said of the same value."""
    yield schema
    for name in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(name, ()):
            yield from parts_of(part)


def consts(schema):
    return [schema["const"]] if "const" in schema else schema.get("enum", [])


def words_of(response):
    """The words that an answer may have, in its header or its body."""
    found = consts(response.get("headers", {}).get(WORD_HEADER, {}).get("schema", {}))
    for part in parts_of(response.get("content", {}).get("application/json", {}).get("schema", {})):
        found = found + consts(part.get("properties", {}).get("error", {}))
    return set(found)


class Document:
    def __init__(self, path):
        self.raw = yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self.tree = resolve(self.raw, self.raw)
        self.operations, self.seen, self.fields = {}, set(), set()
        for where, item in self.tree["paths"].items():
            for method in METHODS:
                if method in item:
                    self._add(where, method, item)
        self.templates = sorted({operation.path for operation in self.operations.values()},
                                key=lambda template: (template.count("{"), -len(template)))

    def _add(self, path, method, item):
        description = item[method]
        operation = Operation(description["operationId"], method.upper(), path,
                              item.get("parameters", []) + description.get("parameters", []),
                              description.get("requestBody"), description.get("security", self.tree.get("security", [])),
                              {str(status): response for status, response in description["responses"].items()})
        operation.words = {status: words_of(response) for status, response in operation.responses.items()}
        assert operation.id not in self.operations, operation.id
        self.operations[operation.id] = operation

    # finding

    def find(self, method, target):
        """The operation of a request; of another method on a path, any of the path's."""
        path = target.partition("?")[0]
        for template in self.templates:
            pattern = re.sub(r"\\{(\w+)\\}", lambda name: ".*" if name[1] == "path" else "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path):
                known = [one for one in self.operations.values() if one.path == template]
                return next((one for one in known if one.method == method), known[0])
        return None

    # requests

    def request(self, operation_id):
        """(method, target, body) by the examples; a parameter that need not be there is left out."""
        operation = self.operations[operation_id]
        target = operation.path
        for parameter in operation.parameters:
            if parameter["in"] == "path":
                target = target.replace("{%s}" % parameter["name"], str(parameter["example"]))
        body = (operation.body or {}).get("content", {}).get("application/json", {}).get("example")
        return operation.method, target, None if body is None else json.dumps(body)

    def check_request(self, operation, target, headers, body):
        """A request that was answered well is one that the file allows."""
        names = {parameter["name"]: parameter for parameter in operation.parameters if parameter["in"] == "query"}
        for pair in filter(None, target.partition("?")[2].split("&")):
            name, _, value = pair.partition("=")
            assert name in names, f"{operation.id}: the query may have {name}, which the file does not say"
            schema = names[name]["schema"]
            validate(int(value) if schema.get("type") == "integer" else value, schema, f"{operation.id}: {name}")
        wanted = (operation.body or {}).get("content", {}).get("application/json")
        if wanted and body is not None:
            validate(json.loads(body), wanted["schema"], f"{operation.id}: the request's body")
        assert wanted is None or not operation.body.get("required") or body is not None, f"{operation.id}: it goes without a body"

    # answers

    def response_of(self, operation, status):
        for name in (str(status), f"{status // 100}XX", "default"):
            if name in operation.responses:
                return name, operation.responses[name]
        raise AssertionError(f"{operation.id}: the file does not know {status}")

    def judge(self, method, target, answer, *, operation=None, headers=(), body=None):
        operation = operation or self.find(method, target)
        assert operation, f"the file does not know {target}"
        name, response = self.response_of(operation, answer.status)
        text = f"{operation.id}: {answer.status} {dict(answer.headers)} {answer.body[:400]!r}"
        word = self.word_of(answer)
        if word is None and "default" in operation.responses:
            name = "default"  # it is the upstream's own
        else:
            self._check_headers(response, answer, text)
        assert word is None or name.endswith("XX") or word in operation.words[name], f"the file does not know the word of {text}"
        assert WORD_HEADER in answer.headers or word not in consts(
            response.get("headers", {}).get(WORD_HEADER, {}).get("schema", {})), f"the word of {text} is not in its header"
        assert word or not operation.words[name] or answer.status < 400, f"there is no word in {text}"
        self._check_body(operation, response, answer, text)
        if answer.status < 300 and name != "default":
            self.check_request(operation, target, dict(headers), body)
        self.seen.add((operation.id, name, word))
        return operation.id, name, word

    @staticmethod
    def word_of(answer):
        if WORD_HEADER in answer.headers:
            return answer.headers[WORD_HEADER]
        if answer.status >= 400 and answer.headers.get_content_type() == "application/json" and answer.body:
            return json.loads(answer.body).get("error")
        return None

    @staticmethod
    def _check_headers(response, answer, text):
        described = {name.lower(): header for name, header in response.get("headers", {}).items()}
        there = {name.lower(): value for name, value in answer.headers.items()}
        more = set(there) - set(described) - FRAMING
        assert not more, f"the file does not know {more} of {text}"
        for name, header in described.items():
            assert name in there or not header.get("required"), f"{name} is missing in {text}"
            if name in there:
                value = there[name]
                validate(int(value) if header["schema"].get("type") == "integer" else value, header["schema"], f"{name} of {text}")

    def _check_body(self, operation, response, answer, text):
        content = response.get("content", {})
        if not answer.body and operation.method == "HEAD":
            return
        if not content:
            assert not answer.body, f"there is a body in {text}"
            return
        kind = answer.headers.get_content_type()
        assert kind in content or "*/*" in content, f"the file does not know the media type of {text}"
        schema = content.get(kind, content.get("*/*")).get("schema", {})
        if kind == "application/json" and schema:
            value = json.loads(answer.body)
            validate(value, schema, text)
            self._look(value, schema, text)
            if answer.status >= 400 and "error" in value:
                assert value["code"] == answer.status, text
                assert answer.headers.get(WORD_HEADER, value["error"]) == value["error"], text
        elif schema:
            validate(answer.body.decode(), schema, text)

    def _look(self, value, schema, text):
        """Notes the fields; there may be none that the file does not have."""
        parts = list(parts_of(schema))
        if all(set(part) <= {"description"} for part in parts):
            return  # anything
        if isinstance(value, list):
            for item in value:
                for part in parts:
                    if "items" in part:
                        self._look(item, part["items"], text)
        if isinstance(value, dict):
            for name, under in value.items():
                known = [(part.get("x-name"), part["properties"][name]) for part in parts if name in part.get("properties", {})]
                known = known or [(None, part["additionalProperties"]) for part in parts if part.get("additionalProperties")]
                assert known, f"the file does not know the field {name} of {text}"
                for owner, part in known:
                    self.fields.add((owner, name))
                    self._look(under, part if isinstance(part, dict) else {}, text)

    # the rest

    def known(self):
        """All of (operation, status, word)."""
        found = set()
        for operation in self.operations.values():
            for status in operation.responses:
                words = operation.words[status] or {None}
                found |= {(operation.id, status, word) for word in words}
        return found

    def left(self):
        return self.known() - self.seen

    def known_fields(self):
        """(schema, field) of the schemas of answers that have a name."""
        return {(name, field) for name, schema in self.tree["components"]["schemas"].items()
                for field in schema.get("properties", {})}


def validate(value, schema, text):
    checker = jsonschema.FormatChecker()
    try:
        jsonschema.Draft202012Validator(schema, format_checker=checker).validate(value)
    except jsonschema.ValidationError as error:
        raise AssertionError(f"{error.json_path}: {error.message}: {text}") from None
