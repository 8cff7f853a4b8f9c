"""Portal: a client of what a session token opens, for tests: JSON in, JSON out."""

import hashlib
import json
import urllib.parse

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"


def multipart(files, *, line="\r\n", boundary=BOUNDARY, name="file[]", end=True):
    """The body of an upload; `files` are (name, content type, bytes)."""
    body = b""
    for filename, content_type, content in files:
        body += (f"--{boundary}{line}Content-Disposition: form-data; name=\"{name}\"; filename=\"{filename}\"{line}"
                 f"Content-Type: {content_type}{line}{line}").encode() + content + line.encode()
    return body + (f"--{boundary}--{line}".encode() if end else b"")


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Portal:
    """Of one environment of a simulator, with a token of its own."""

    def __init__(self, simulator, environment="sandbox"):
        self.simulator = simulator
        self.environment = environment
        status, grant = simulator.token(environment)
        assert status == 200, grant
        self.user = "/users/" + grant["mage_id"]
        self.headers = {"Authorization": "Bearer " + grant["ust"]}
        self.response_headers = None

    def ask(self, method, path, body=None, headers=None):
        """Returns (status, JSON or None)."""
        more = {}
        if body is not None and not isinstance(body, (bytes, str)) and not hasattr(body, "__next__"):
            body, more = json.dumps(body), {"Content-Type": "application/json"}
        status, self.response_headers, text = self.simulator.request(
            self.environment, method, "/rest/v1" + path, body, self.headers | more | (headers or {}))
        return status, json.loads(text) if text else None

    def get(self, path):
        """Members that must be there."""
        status, answer = self.ask("GET", path)
        assert status == 200, (path, status, answer)
        return answer

    def upload(self, *files, path="/files/uploads", **how):
        """(status, answer); `files` as in multipart()."""
        boundary = how.get("boundary", BOUNDARY)
        return self.ask("POST", path, multipart(files, **how), {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def upload_one(self, filename="acme_one-click-checkout.zip", content=b"PK", content_type="application/zip"):
        """Returns the file_upload_id."""
        status, answer = self.upload((filename, content_type, content))
        assert status == 200, answer
        return answer[0]["file_upload_id"]

    def scan(self, file_upload_id):
        return self.get(f"/files/uploads/{file_upload_id}")["malware_status"]

    def submit(self, *items, method="POST"):
        """The batch's answer."""
        status, answer = self.ask(method, "/products/packages", list(items))
        assert status == 200 and len(answer) == len(items), answer
        return answer


def quote(text):
    return urllib.parse.quote(text, safe="")


def package(code, manual, image, **more):
    """All that both reviews need."""
    return {
        "action": {"technical": "submit", "marketing": "submit"}, "type": "extension", "platform": "M2",
        "version_compatibility": [{"edition": "CE", "versions": ["2.4"]}], "name": "One Click Checkout",
        "long_description": "Buys with one click.", "release_notes": "First.", "version": "1.0.0",
        "artifact": {"file_upload_id": code}, "documentation_artifacts": {"user": {"file_upload_id": manual}},
        "media_artifacts": {"icon_image": {"file_upload_id": image}, "gallery_images": [{"file_upload_id": image}]},
        "categories": ["//Extensions//Payments & Security//Checkout Enhancements"], "license_type": "bsd",
        "prices": [{"edition": "CE", "currency_code": "USD", "price": 15.5}]} | more
