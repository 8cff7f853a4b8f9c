"""The web as the tests need it: a hostile site, a server that is as naive as ours must not be, and a real browser.
"""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

ATTACK = (pathlib.Path(__file__).parent / "attack.js").read_text()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # browsers cut connections


class Naive:
    """Serves a "token" to every client, lets every page read it, and acts on every POST: the control."""

    TOKEN = "naive-token-everybody-gets"

    def __init__(self):
        self.posts = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = json.dumps({"ust": outer.TOKEN, "error": None}).encode()
                self.send_response(200)
                for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body))),
                                    ("Access-Control-Allow-Origin", self.headers.get("Origin", "*")),
                                    ("Access-Control-Allow-Credentials", "true"),
                                    ("Access-Control-Allow-Headers", "EQP-Client, Authorization, Content-Type"),
                                    ("Access-Control-Allow-Methods", "GET, POST, PUT"),
                                    ("Access-Control-Allow-Private-Network", "true")):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_OPTIONS = do_PUT = answer

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.posts.append(self.path)
                self.answer()

            def log_message(self, *_):
                pass

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Site:
    """A hostile site: /page attacks the plan's target, /report takes the result and tells the next page. With pipe_to, every
    other path goes to that port unchanged, which is what a browser sees once the site's name was rebound."""

    def __init__(self, plan, address="127.0.0.1", port=0, pipe_to=None):
        outer = self
        self.plan = plan

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if not self.path.startswith("/page"):
                    self.send_error(404)
                    return
                name = self.path.partition("?")[2]
                body = f"""<!doctype html><title>attack</title><body><script>{ATTACK}
                        attack({json.dumps(outer.plan.target(name))}).then(async (report) => {{
                                const answer = await fetch("{outer.plan.report_url}?{name}", {{method: "POST", body: JSON.stringify(report)}});
                                const next = await answer.text();
                                if (next) location.href = next;
                        }});</script>""".encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                report = self.rfile.read(int(self.headers["Content-Length"]))
                body = outer.plan.take(self.path.partition("?")[2], json.loads(report)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Access-Control-Allow-Origin", "*")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(_Server):
            def finish_request(self, request, client_address):
                start = b""
                if pipe_to:
                    start = request.recv(16, socket.MSG_PEEK | socket.MSG_WAITALL)
                if pipe_to and not start.startswith(b"GET /page"):
                    pipe(request, pipe_to)
                else:
                    super().finish_request(request, client_address)

        self.server = Server((address, port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def pipe(near, port):
    """Passes bytes both ways until one side ends."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as far:
        def pass_on(source, sink):
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    sink.sendall(data)
            for one in (source, sink):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        back = threading.Thread(target=pass_on, args=(far, near), daemon=True)
        back.start()
        pass_on(near, far)
        back.join(10)


class Plan:
    """Which pages the browser is to visit, one after another, and what each reported."""

    def __init__(self):
        self.pages = []  # (name, URL, target)
        self.reports = {}
        self.report_url = None  # of a site that takes them; not of one that pipes, on whose connections others sit
        self.done = threading.Event()

    def add(self, name, url, target):
        self.pages.append((name, f"{url}/page?{name}", target))

    def target(self, name):
        return next(target for page, _, target in self.pages if page == name)

    def take(self, name, report):
        self.reports[name] = report
        names = [page for page, _, _ in self.pages]
        i = names.index(name) + 1
        if i < len(names):
            return self.pages[i][1]
        self.done.set()
        return ""

    def run(self, hosts, timeout=240):
        """Lets the browser go through it. hosts: {name: address} for its resolver."""
        rules = ", ".join(f"MAP {name} {address}" for name, address in hosts.items())
        with tempfile.TemporaryDirectory(prefix="eqp-browser-", ignore_cleanup_errors=True) as profile:
            process = subprocess.Popen(
                [browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
                 f"--user-data-dir={profile}", "--remote-debugging-port=0", f"--host-resolver-rules={rules}",
                 self.pages[0][1]],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(f"{profile}/stderr", "wb"),
                start_new_session=True)
            try:
                finished = self.done.wait(timeout)
                assert finished, (f"the browser got as far as {list(self.reports)} and wrote: " +
                                  pathlib.Path(f"{profile}/stderr").read_text(errors="replace")[-2000:])
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return self.reports


def browser():
    """The browser's path, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
