"""The job for GitHub of doc/sidecar.md: its step that uses a token, without a token and after retries.

With a server in the broker's place and no containers; the whole job is run by container/test_sidecar_doc.py.
"""

import contextlib
import http.server
import pathlib
import re
import subprocess
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MESSAGE = "access key refused (key 1-main): HTTP 401"
ERROR = (503, '{"code":503,"error":"no_token","message":"%s"}\n' % MESSAGE)
FORBIDDEN = (403, '{"code":403,"error":"caller_refused","message":"%s"}\n' % MESSAGE)
TOKEN = (200, "canary-of-a-token\n")
SHELLS = pytest.mark.parametrize("shell", [["bash", "-e"], ["bash", "-eo", "pipefail"]], ids=["plain", "pipefail"])


@contextlib.contextmanager
def broker(*answers):
    """The port of a server that gives these, one after the other, and the last for ever."""
    left = list(answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            assert (self.path, self.headers["EQP-Client"]) == ("/v1/sandbox/token?wait=30", "ci")
            status, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_address[1]
        server.shutdown()


def use(directory, port, shell):
    """Runs the step."""
    yaml = pytest.importorskip("yaml")
    block, = (text for text in re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "doc/sidecar.md").read_text(), re.S | re.M)
              if "runs-on" in text)
    script, = (step["run"] for step in yaml.safe_load(block)["jobs"]["submit"]["steps"] if "EQP_TOKEN" in step["run"])
    assert "127.0.0.1:9377" in script
    for name, text in ("docker", "echo its log"), ("submit", 'printf %s "$EQP_TOKEN" >submitted'):
        (directory / name).write_text(f"#!/bin/sh\n{text}\n")
        (directory / name).chmod(0o755)
    return subprocess.run([*shell, "-c", script.replace("127.0.0.1:9377", f"127.0.0.1:{port}")], cwd=directory, text=True,
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
                          env={"PATH": f"{directory}:/usr/bin:/bin", "no_proxy": "*"})


@SHELLS
def test_the_brokers_own_message_is_shown(tmp_path, shell):
    with broker(FORBIDDEN) as port:
        result = use(tmp_path, port, shell)
    assert result.returncode == 1 and not (tmp_path / "submitted").exists()
    assert MESSAGE in result.stderr and "its log" in result.stderr, result.stderr


@SHELLS
def test_a_token_after_errors_is_the_token_alone(tmp_path, shell):
    with broker(ERROR, TOKEN) as port:
        result = use(tmp_path, port, shell)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "submitted").read_text() == "canary-of-a-token"
    assert "canary" not in result.stderr and result.stdout == "::add-mask::canary-of-a-token\n"
