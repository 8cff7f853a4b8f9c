"""A client of the EQP API as a Python program has it, on the standard library: settings from the environment."""

import base64
import http.client
import json
import os
import ssl
import urllib.parse


class Api:
    """Keeps one connection, as sessions of HTTP libraries do."""

    def __init__(self, base_url, application_id, secret):
        self.base = urllib.parse.urlsplit(base_url)
        self.basic = base64.b64encode(f"{application_id}:{secret}".encode()).decode()
        if self.base.scheme == "https":
            self.connection = http.client.HTTPSConnection(self.base.netloc, context=ssl.create_default_context())
        else:
            self.connection = http.client.HTTPConnection(self.base.netloc)

    def call(self, method, path, authorization, body=None):
        headers = {"Authorization": authorization, "Accept": "*/*", "Accept-Encoding": "gzip, deflate",
                   "User-Agent": "eqp-tool/3.1", "Connection": "keep-alive"}
        if body is not None:
            body = json.dumps(body)
            headers["Content-Type"] = "application/json; charset=utf-8"
        self.connection.request(method, self.base.path + path, body, headers)
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        if response.status != 200:
            print("error", response.status, answer["message"])
            raise SystemExit
        return answer

    def session(self):
        return self.call("POST", "/rest/v1/app/session/token", f"Basic {self.basic}",
                         {"grant_type": "session", "expires_in": 360})


api = Api(os.environ["BASE_URL"], os.environ["APPLICATION_ID"], os.environ["APPLICATION_SECRET"])
session = api.session()
print("token", session["ust"], session["expires_in"])
print("account", api.call("GET", f"/rest/v1/users/{session['mage_id']}", f"Bearer {session['ust']}")["mage_id"])
