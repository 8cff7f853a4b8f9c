"""Servers that pass requests on to one and the same TLS upstream: the broker's gateway, nginx and haproxy, each pinned to the
server core; and that upstream, on the other core."""

import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from servers import LOAD_CORE, SERVER_CORE, BenchError, Broker, Server, fetch, on_core

SMALL = 1024  # bytes of an answer
LARGE = 100_000_000
TOKEN = '{"mage_id":"MAG123456789","ust":"baGXoStRuR9VCDFQGZNzgNqbqu5WUwlr","expires_in":7200}'
SMALL_PATH, LARGE_PATH, UPLOAD_PATH = ("/rest/v1/reports/small", "/rest/v1/reports/large", "/rest/v1/files/uploads")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def wait_for(port, process):
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise BenchError("a server does not start") from None
            time.sleep(0.01)


class Sink:
    """A TLS server that takes whatever is sent to it in, and answers once all of it is there."""

    def __init__(self, certificate):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        os.sched_setaffinity(0, {LOAD_CORE})
        piece = memoryview(bytearray(1 << 18))
        try:
            with self.context.wrap_socket(connection, server_side=True) as stream:
                while True:
                    head = b""
                    while b"\r\n\r\n" not in head:
                        more = stream.recv(65536)
                        if not more:
                            return
                        head += more
                    head, _, body = head.partition(b"\r\n\r\n")
                    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                                   if line.lower().startswith(b"content-length:")), 0)
                    if b"\r\nexpect:" in head.lower() and not body:
                        stream.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                    left = length - len(body)
                    while left > 0:
                        n = stream.recv_into(piece)
                        if n == 0:
                            return
                        left -= n
                    answer = TOKEN.encode() if b"session/token" in head.split(b"\r\n")[0] else b"{}"
                    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                                   % (len(answer), answer))
        except OSError:
            return

    def stop(self):
        self.listener.close()


class Upstream(Server):
    """nginx with TLS, for what is fetched, and a sink for what is sent."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="eqp-bench-upstream-")
        folder = self.folder.name
        self.ca_file = f"{folder}/certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
                        "-keyout", f"{folder}/key.pem", "-out", self.ca_file],
                       check=True, stderr=subprocess.DEVNULL)
        both = f"{folder}/both.pem"
        with open(both, "wb") as file:
            for name in (self.ca_file, f"{folder}/key.pem"):
                with open(name, "rb") as part:
                    file.write(part.read())
        self.sink = Sink(both)
        os.makedirs(f"{folder}/rest/v1/reports")
        with open(f"{folder}{LARGE_PATH}", "wb") as file:
            file.truncate(LARGE)
        with open(f"{folder}{SMALL_PATH}", "wb") as file:
            file.write(b"x" * SMALL)
        self.port = free_port()
        with open(f"{folder}/nginx.conf", "w", encoding="ascii") as file:
            file.write(f"""
                daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log stderr error;
                events {{ worker_connections 4096; use epoll; }}
                http {{
                    access_log off; default_type application/json; open_file_cache max=10;
                    keepalive_requests 1000000000; keepalive_timeout 300s; client_max_body_size 0;
                    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
                    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
                    server {{
                        listen 127.0.0.1:{self.port} ssl backlog=4096;
                        ssl_certificate {self.ca_file}; ssl_certificate_key {folder}/key.pem;
                        root {folder};
                        location = /rest/v1/app/session/token {{ return 200 '{TOKEN}'; }}
                    }}
                }}""")
        self.process = subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf", "-e", "stderr", "-p", folder],
                                        preexec_fn=on_core(LOAD_CORE), stdin=subprocess.DEVNULL)
        wait_for(self.port, self.process)
        self.urls = {"production": f"https://127.0.0.1:{self.port}", "sandbox": f"https://127.0.0.1:{self.sink.port}"}

    def stop(self):
        super().stop()
        self.sink.stop()
        self.folder.cleanup()


class Proxy(Server):
    """path: of what it passes on, by the environment that names the upstream."""

    def url(self, environment="production", path=SMALL_PATH):
        return f"http://127.0.0.1:{self.port}/{environment}{path}"

    def request(self, close=False):
        return (f"GET /production{SMALL_PATH} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nEQP-Client: bench\r\n"
                f"{'Connection: close' + chr(13) + chr(10) if close else ''}\r\n").encode()

    def check(self):
        if len(fetch(self.port, self.request())[1]) != SMALL:
            raise BenchError(f"{type(self).__name__} does not pass on what the upstream has")
        return self


class Gateway(Broker, Proxy):
    def __init__(self, build, upstream, **more):
        rules = "".join(f"[environment {name}]\ngateway = yes\n[gateway {name}]\nallow = any * /rest/v1/**\nbody_max = 1G\n"
                        for name in upstream.urls)
        super().__init__(build, upstream, settings=rules, **more)

    url, request = Proxy.url, Proxy.request


class NginxProxy(Proxy):
    def __init__(self, upstream):
        self.folder = tempfile.TemporaryDirectory(prefix="eqp-bench-proxy-")
        folder, self.port = self.folder.name, free_port()
        places = "".join(f"""
            upstream {name} {{ server {url.removeprefix("https://")}; keepalive 64; keepalive_requests 1000000000; }}"""
                         for name, url in upstream.urls.items())
        locations = "".join(f"""
            location /{name}/ {{
                proxy_pass https://{name}/; proxy_http_version 1.1; proxy_set_header Connection "";
                proxy_set_header Authorization "Bearer x"; proxy_set_header EQP-Client "";
                proxy_ssl_verify on; proxy_ssl_trusted_certificate {upstream.ca_file}; proxy_ssl_name 127.0.0.1;
                proxy_request_buffering off; proxy_buffering on; proxy_max_temp_file_size 0;
            }}""" for name in upstream.urls)
        with open(f"{folder}/nginx.conf", "w", encoding="ascii") as file:
            file.write(f"""
                daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log stderr error;
                events {{ worker_connections 4096; use epoll; }}
                http {{
                    access_log off; keepalive_requests 1000000000; keepalive_timeout 300s; client_max_body_size 0;
                    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
                    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5; {places}
                    server {{ listen 127.0.0.1:{self.port} backlog=4096; {locations} }}
                }}""")
        self.process = subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf", "-e", "stderr", "-p", folder],
                                        preexec_fn=on_core(SERVER_CORE), stdin=subprocess.DEVNULL)
        wait_for(self.port, self.process)
        self.check()

    def stop(self):
        super().stop()
        self.folder.cleanup()


class Haproxy(Proxy):
    def __init__(self, upstream):
        self.folder = tempfile.TemporaryDirectory(prefix="eqp-bench-haproxy-")
        self.port = free_port()
        name = f"{self.folder.name}/haproxy.cfg"
        backends = "".join(f"""
backend {env}
    http-request replace-path /[a-z]+(/.*) \\1
    http-request set-header Authorization "Bearer x"
    http-request del-header EQP-Client
    http-reuse always
    server it {url.removeprefix("https://")} ssl verify required ca-file {upstream.ca_file} verifyhost 127.0.0.1
""" for env, url in upstream.urls.items())
        with open(name, "w", encoding="ascii") as file:
            file.write(f"""
global
    nbthread 1
    maxconn 2000
defaults
    mode http
    timeout connect 10s
    timeout client 300s
    timeout server 300s
frontend all
    bind 127.0.0.1:{self.port}
    use_backend sandbox if {{ path_beg /sandbox/ }}
    default_backend production
{backends}""")
        self.process = subprocess.Popen(["haproxy", "-q", "-db", "-f", name], preexec_fn=on_core(SERVER_CORE),
                                        stdin=subprocess.DEVNULL)
        wait_for(self.port, self.process)
        self.check()

    def stop(self):
        super().stop()
        self.folder.cleanup()
