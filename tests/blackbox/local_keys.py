"""Local keys for tests: a section of the configuration, and what a client sends.

    key = LocalKey("reports", allow=["GET /rest/v1/reports/**"])
    make_broker(upstream, keys=..., local=[key])
    broker.request("POST", "/sandbox/rest/v1/app/session/token", key.basic, BODY, via="tcp")
"""

import base64
import hashlib

BODY = '{"grant_type":"session","expires_in":7200}'


def session_path(environment="sandbox"):
    return f"/{environment}/rest/v1/app/session/token"


def basic(application_id, secret):
    return {"Authorization": "Basic " + base64.b64encode(f"{application_id}:{secret}".encode()).decode()}


class LocalKey:
    def __init__(self, name, environment="sandbox", secret=None, allow=(), caller=(), **more):
        self.name, self.environment, self.id = name, environment, more.pop("id", f"lk-{name}-7f3c2a")
        self.secret = secret or hashlib.sha256(name.encode()).hexdigest()
        self.lines = [f"allow = {rule}" for rule in allow] + [f"caller = {who}" for who in caller]
        self.lines += [f"{key} = {value}" for key, value in more.items()]

    @property
    def hash(self):
        return hashlib.sha256(self.secret.encode()).hexdigest()

    @property
    def section(self):
        return "\n".join([f"[local {self.name}]", f"environment = {self.environment}", f"id = {self.id}",
                          f"secret_sha256 = {self.hash}", *self.lines]) + "\n"

    @property
    def basic(self):
        return basic(self.id, self.secret)

    def token(self, broker, via="tcp", body=BODY, headers=None, environment=None):
        """The token that a client of the EQP API gets for it."""
        return broker.request("POST", session_path(environment or self.environment),
                              {"EQP-Client": None} | self.basic | (headers or {}), body, via=via)
