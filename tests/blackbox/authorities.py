"""Certificate authorities of the test's own, an upstream with a certificate of one of them, and a machine that
trusts one of them.

    company, other = Authority(directory, "company"), Authority(directory, "other")
    with Upstream(company) as upstream:
        upstream.url, upstream.received         # what came through TLS, as bytes
    trusting(directory / "build", company)      # an EQP_BUILD_DIR whose eqp-brokerd sees it as /etc/ssl/certs
"""

import contextlib
import json
import os
import pathlib
import select
import shutil
import socket
import ssl
import subprocess
import threading

# Becomes the daemon; the pid stays. The store is laid over as a whole: the bundle, and the links that are named
# after hashes.
IN_A_MACHINE_THAT_TRUSTS = """#!/bin/sh
exec unshare --mount --propagation private sh -ec '
mount --bind {store} /etc/ssl/certs
{more}
exec "$@"' sh {before} {daemon} "$@"
"""
# For `openssl ca`, which alone takes the days of a certificate from its command line.
ISSUING = """[ca]
default_ca = it
[it]
database = {base}.index
new_certs_dir = {directory}
rand_serial = yes
default_md = sha256
unique_subject = no
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""
GRANT = {"ust": "aTokenOfTheUpstreamOfTheAuthorities", "mage_id": "MAG123456789", "expires_in": 7200}


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL, capture_output=True)


def _new(path, name, *arguments):
    """path.pem and path.key."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", f"{path}.key", "-out", f"{path}.pem", *arguments)


class Authority:
    """path: its certificate. store: a directory as /etc/ssl/certs is, with this authority alone."""

    def __init__(self, directory, name):
        self.name, self.base = name, directory / name
        self.path = directory / f"{name}.pem"
        _new(self.base, f"Authority {name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.store = directory / f"{name}-store"
        self.store.mkdir()
        for file in ("ca-certificates.crt", f"{name}.pem"):
            shutil.copyfile(self.path, self.store / file)
        openssl("rehash", self.store)
        self.server = directory / f"{name}-server"
        _new(self.server, "localhost", "-CA", self.path, "-CAkey", f"{self.base}.key",
             "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=DNS:localhost")

    def issue(self, name, *, host="localhost", first="20200101", last="20991231"):
        """One more certificate, for this host and from one day to another. Returns its path without .pem."""
        path, config = self.base.parent / name, self.base.parent / f"{self.name}.cnf"
        config.write_text(ISSUING.format(base=self.base, directory=self.base.parent))
        (self.base.parent / f"{self.name}.index").touch()
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}",
                "-keyout", f"{path}.key", "-out", f"{path}.csr")
        openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.path, "-keyfile", f"{self.base}.key",
                "-in", f"{path}.csr", "-out", f"{path}.pem",
                "-startdate", f"{first}000000Z", "-enddate", f"{last}000000Z")
        return path


class Listener(threading.Thread):
    """Speaks TLS with a certificate of the authority, its own or another. asked: how many connections there were;
    resumed: how many took up a session of before; received: the bytes that came out of them."""

    def __init__(self, authority, certificate=None, listener=None):
        super().__init__(daemon=True)
        certificate = certificate or authority.server
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(f"{certificate}.pem", f"{certificate}.key")
        self.listener = listener or socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self.listener.getsockname()[1]}"
        self.received, self.asked, self.resumed = b"", 0, 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.asked += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), self.context.wrap_socket(client, server_side=True) as stream:
            self.resumed += stream.session_reused
            self.converse(stream)

    def read_head(self, stream):
        head = b""
        while b"\r\n\r\n" not in head and (more := stream.recv(65536)):
            head += more
            self.received += more
        return head


class Upstream(Listener):
    """Grants whatever is asked for."""

    def converse(self, stream):
        if self.read_head(stream):
            body = json.dumps(GRANT).encode()
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                           % (len(body), body))
            stream.recv(65536)


class Proxy(Listener):
    """An https proxy; its requests are in `received`."""

    def converse(self, stream):
        if not (head := self.read_head(stream)):
            return
        host, port = head.split()[1].decode().rsplit(":", 1)
        with socket.create_connection((host, int(port))) as server:
            stream.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            ends = {stream: server, server: stream}
            while True:
                for source in [stream] if stream.pending() else select.select(list(ends), [], [])[0]:
                    if not (data := source.recv(65536)):
                        return
                    ends[source].sendall(data)


def trusting(build, authority, *, before="", more="", program=None):
    """Makes an EQP_BUILD_DIR of the one that there is: its daemon runs where /etc/ssl/certs is that authority's.
    before: a command to run it by; more: commands for the shell to run first; program: that one in place of the daemon.
    Returns the path of the daemon."""
    here = pathlib.Path(os.environ["EQP_BUILD_DIR"]).resolve()
    build.mkdir()
    for path in here.iterdir():
        if path.name != "daemon":
            (build / path.name).symlink_to(path)
    (build / "daemon").mkdir()
    wrapper = build / "daemon" / "eqp-brokerd"
    wrapper.write_text(IN_A_MACHINE_THAT_TRUSTS.format(store=authority.store, before=before, more=more,
                                                       daemon=program or here / "daemon" / "eqp-brokerd"))
    wrapper.chmod(0o755)
    return str(wrapper)
