"""A scripted stand-in for eqp-brokerd: answers what it was told to, on TCP or on a unix socket, and remembers what
it was asked. For tests of what talks to the daemon; the daemon's own tests use the real one."""

import http.server
import json
import pathlib
import socketserver
import threading
from dataclasses import dataclass, field

TOKEN = {
    "mage_id": "MAG123456789",
    "ust": "canaryStRuR9VCDFQGZNzgNqbqu5WUwlr.cAxZJ9m22Le7",
    "expires_in": 5215,
    "expires_at": "2026-11-23T05:02:11Z",
    "environment": "sandbox",
    "base_url": "https://commercedeveloper-sandbox-api.adobe.com",
}


@dataclass
class Answer:
    """One HTTP answer; raw replaces it by any bytes, hang sends nothing until the fake is stopped, and drop
    closes the connection without a word. hang_behind does so behind raw."""

    status: int = 200
    body: object = ""
    content_type: str = "application/json"
    headers: dict = field(default_factory=dict)
    raw: bytes = None
    hang: bool = False
    drop: bool = False
    hang_behind: bool = False

    def bytes(self):
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


def error(status, slug, message, retry_after=None):
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Answer(status, {"code": status, "error": slug, "message": message}, headers=headers)


@dataclass
class Request:
    method: str
    target: str
    headers: dict
    body: bytes


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "local"

    def log_message(self, format, *args):
        pass

    def setup(self):
        super().setup()
        self.server.fake.connections += 1

    def answer(self):
        fake = self.server.fake
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        answer = fake.next_answer(request)
        if answer.hang:
            fake.stopping.wait(60)
        if answer.hang or answer.drop:
            self.close_connection = True
            return
        if answer.raw is not None:
            self.close_connection = True
            self.send_bytes(answer.raw)
            if answer.hang_behind:
                fake.stopping.wait(60)
            return
        content = answer.bytes()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(content)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.send_bytes(b"" if answer.status == 304 else content)

    def send_bytes(self, content):
        try:
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # a client need not read nonsense to its end

    do_GET = do_POST = answer


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self):
        super().server_bind()
        self.server_name, self.server_port = "localhost", 0


class TcpServer(http.server.ThreadingHTTPServer):
    daemon_threads = True


class FakeBroker:
    """answers maps "METHOD /path" (without the query) to an Answer, or to a list of which the last one stays."""

    def __init__(self, unix_path: pathlib.Path = None, port: int = 0):
        self.answers = {}
        self.requests = []
        self.connections = 0
        self.stopping = threading.Event()
        if unix_path is not None:
            self.server = UnixServer(str(unix_path), Handler)
            self.address = f"unix:{unix_path}"
        else:
            self.server = TcpServer(("127.0.0.1", port), Handler)
            self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.server.fake = self
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def next_answer(self, request):
        self.requests.append(request)
        answer = self.answers.get(f"{request.method} {request.target.partition('?')[0]}")
        if answer is None:
            return error(404, "unknown_path", f"The fake was not told about {request.method} {request.target}.")
        if isinstance(answer, list):
            return answer.pop(0) if len(answer) > 1 else answer[0]
        return answer
