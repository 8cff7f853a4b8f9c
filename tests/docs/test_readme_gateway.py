"""The README's part for a program that uses the EQP API already: its commands and its request, as they are printed there,
and what such a program cannot do then. Beside the addresses, the daemon's folder and the user are others here.
"""

import getpass
import json
import os
import re
import subprocess

import pytest
from test_readme import UNCHANGED, adapted, api, broker, upstream  # noqa: F401

SETUP, REQUEST = UNCHANGED
PRINTED = "lk-shop-import-7f3c2a:0c5b7e9d2f4a6b8c1d3e5f7a9b0c2d4e"


class Reader:
    """Types at a shell where sudo asks nothing."""

    def __init__(self, broker, folder):
        self.broker, self.folder = broker, folder
        (folder / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
        (folder / "sudo").chmod(0o755)

    def type(self, text):
        text = adapted(text, self.broker).replace("/etc/eqp-broker/eqp-brokerd.conf", str(self.broker.config_path))
        text = text.replace("user:shop", f"user:{getpass.getuser()}")
        build = os.environ["EQP_BUILD_DIR"]
        environment = {"PATH": f"{self.folder}:{build}/ctl:{os.environ['PATH']}", "EQP_BROKERD": f"{build}/daemon/eqp-brokerd",
                       "EQP_BROKER_CONFIG": str(self.broker.config_path), "EQP_BROKER_ADDRESS": f"unix:{self.broker.socket_path}"}
        environment |= {name: value for name, value in os.environ.items() if name.startswith(("ASAN_", "UBSAN_", "LSAN_"))}
        return subprocess.run(["sh", "-e"], input=text, env=environment, capture_output=True, text=True, timeout=60)

    def switch(self):
        """Follows the section, and returns ID:SECRET."""
        result = self.type(SETUP)
        assert result.returncode == 0, result
        pair = ":".join(re.search(r"ID: +(\S+)\napplication secret: (\S+)\n", result.stdout).groups())
        self.broker.keep_secret(pair.split(":")[1])
        return pair


@pytest.fixture
def reader(broker, tmp_path):  # noqa: F811
    return Reader(broker, tmp_path)


def requests(broker):  # noqa: F811
    counted = broker.simulator.state("sandbox")["requests"]
    return counted["api"], counted["granted"]


def test_the_program_works_unchanged(reader):
    result = reader.type(REQUEST.replace(PRINTED, reader.switch()))
    assert result.returncode == 0, result
    assert "vendor@example.com" in json.dumps(json.loads(result.stdout))
    assert requests(reader.broker) == (1, 1)


def test_a_wrong_secret_ends_it_and_the_reason_is_seen(reader):
    reader.switch()
    result = reader.type(REQUEST)
    assert result.returncode == 1 and result.stdout == "" and "ID and secret match no local key" in result.stderr, result
    assert requests(reader.broker)[0] == 0


def token_of(reader, pair):
    token = reader.type(REQUEST[:REQUEST.index("printf 'Authorization")].replace(PRINTED, pair) + 'echo "$token"').stdout.strip()
    reader.broker.keep_secret(token)
    return token


def test_requests_that_it_cannot_make(reader):
    token = token_of(reader, reader.switch())
    assert token.startswith("eqpl1.shop-import.")
    bearer = {"EQP-Client": None, "Authorization": f"Bearer {token}"}

    def ask(method, path):
        return reader.broker.request(method, path, bearer, via="tcp")

    for method, path in (("DELETE", "/users/MAG123456789/keys"), ("GET", "/products/packages"), ("GET", "/users/MAG2"),
                         ("PUT", "/users/MAG123456789")):
        answer = ask(method, "/sandbox/rest/v1" + path)
        assert (answer.status, answer.headers["EQP-Error"]) == (403, "rule_refused"), path
    assert ask("GET", "/v1/sandbox/token").status == 403
    told = reader.type("eqpctl gateway explain --account MAG1 sandbox local:shop-import DELETE /rest/v1/users/MAG1/keys")
    assert told.returncode == 4
    # At the EQP API itself it is nobody's token.
    url = f"{api(reader.broker.simulator)}/rest/v1/users/MAG123456789"
    direct = subprocess.run(["curl", "-sS", "--cacert", reader.broker.simulator.ca_file, "-H", "@-", "-o", os.devnull,
                             "-w", "%{http_code}", url], input=f"Authorization: Bearer {token}\n", capture_output=True, text=True)
    assert direct.stdout == "401", direct
    assert reader.type("sudo eqpctl local remove shop-import").returncode == 0
    assert ask("GET", "/sandbox/rest/v1/users/MAG123456789").status == 401


def test_the_secret_is_its_caller_s_alone(reader):
    if os.geteuid() != 0:
        pytest.skip("needs root: a request must come from another user")
    pair = reader.switch()
    other = subprocess.run(["curl", "-sS", "-u", pair, "-H", "Content-Type: application/json", "-d", '{"grant_type":"session"}',
                            f"http://127.0.0.1:{reader.broker.port}/sandbox/rest/v1/app/session/token"], user=54321, group=54321,
                           extra_groups=[], capture_output=True, text=True)
    assert json.loads(other.stdout)["code"] == 401 and "caller =" in other.stdout, other
