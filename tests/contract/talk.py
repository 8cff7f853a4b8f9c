"""Talk: asks a daemon, and has each answer judged by the document.

    talk = Talk(broker, document)
    answer = talk("GET", "/v1/sandbox/token", {"Accept": "text/plain"}, via="tcp")
    talk.expect(404, "unknown_environment", "GET", "/v1/nowhere/token")
"""

import contextlib
import http.client
import os

from broker import Answer

NOBODY = 65534  # nobody is never known as a caller
JSON = {"Content-Type": "application/json"}


@contextlib.contextmanager
def as_user(uid):
    """Connections that are made meanwhile are that user's."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


class Talk:
    def __init__(self, broker, document):
        self.broker, self.document = broker, document

    def __call__(self, method, target, headers=(), body=None, *, via="unix", stream=None, operation=None, timeout=60):
        """headers: pairs, or a mapping."""
        stream = stream or self.broker.connect(via, timeout)
        with stream:
            self.send(stream, method, target, headers, body, via)
            return self.receive(stream, method, target, headers, body, operation)

    def send(self, stream, method, target, headers=(), body=None, via="unix"):
        pairs = list(headers.items() if isinstance(headers, dict) else headers)
        names = {name.lower() for name, _ in pairs}
        lines = [] if "host" in names else [("Host", "localhost" if via == "unix" else f"127.0.0.1:{self.broker.port}")]
        if body is not None and "content-length" not in names:
            lines.append(("Content-Length", str(len(body))))
        lines += pairs
        stream.sendall("".join([f"{method} {target} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in lines), "\r\n",
                                body or ""]).encode())

    def receive(self, stream, method, target, headers=(), body=None, operation=None):
        response = http.client.HTTPResponse(stream, method=method)
        response.begin()
        answer = Answer(response.status, response.headers, response.read())
        self.broker._remember(answer)
        if operation is None and self.document.find(method, target) is None:
            operation = self.document.operations["passGet"]  # below rest/, but no path of version 1
        self.document.judge(method, target, answer, headers=headers, body=body, operation=operation)
        return answer

    def expect(self, status, word, method, target, *arguments, **more):
        answer = self(method, target, *arguments, **more)
        found = self.document.word_of(answer)
        assert answer.status == status and (found == word or method == "HEAD" and found is None), (word, answer)
        return answer
