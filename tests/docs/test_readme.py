"""The README's examples, as they are printed there, against a real daemon and a simulated upstream.

Only the two addresses in them are replaced: the broker's port and the API's host, which are others here.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "blackbox"))

from broker import Broker  # noqa: E402
from simulator import EXAMPLE_KEY, Simulator  # noqa: E402

README = (ROOT / "README.md").read_text(encoding="utf-8")
ALL = re.findall(r"^```(sh|php|python|javascript)\n(.*?)^```$", README, re.S | re.M)
# Those of an unchanged program, which has a base URL here: tests/docs/test_readme_gateway.py.
UNCHANGED = [text for _, text in ALL if "gateway = yes" in text or ":9377/sandbox/rest" in text]
EXAMPLES = [(language, text) for language, text in ALL if text not in UNCHANGED]
RUN = {"sh": ["sh"], "php": ["php"], "python": ["/usr/bin/python3"], "javascript": ["node"]}
INSTALL = {"php": "php-cli and php-curl", "javascript": "nodejs", "sh": "curl"}

# Those that report a refused token; a shell script would be the longer for it.
THAT_REPORT = [(language, text) for language, text in EXAMPLES if "rejected" in text]


def names(examples):
    return [f"{language}-{number}" for number, (language, _) in enumerate(examples)]


@pytest.fixture(scope="module")
def upstream():
    with Simulator(("sandbox",)) as simulator:
        yield simulator


@pytest.fixture
def broker(upstream):
    upstream.reset()
    with Broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                environments={"sandbox": f"base_url = {api(upstream)}"}) as broker:
        yield broker.wait_valid()


def api(upstream):
    """The simulated API by number: for "localhost", Node 18 would try ::1 alone."""
    return upstream.urls["sandbox"].replace("localhost", "127.0.0.1")


def adapted(text, broker):
    """The example with this test's addresses."""
    for printed, here in (("http://127.0.0.1:9377", f"http://127.0.0.1:{broker.port}"),
                          ("https://commercedeveloper-sandbox-api.adobe.com", api(broker.simulator))):
        text = text.replace(printed, here)
    return text


def run(language, text, broker, tmp_path):
    """Runs an example as its reader would, with the simulator's authority as one that the machine trusts."""
    program = RUN[language][0]
    if shutil.which(program) is None:
        pytest.skip(f"README EXAMPLE NOT TESTED: there is no {program}; install {INSTALL[language]}")
    if language == "php" and "curl" not in subprocess.run(["php", "-m"], capture_output=True).stdout.decode():
        pytest.skip(f"README EXAMPLE NOT TESTED: php lacks curl; install {INSTALL[language]}")
    script = tmp_path / "example"
    script.write_text(adapted(text, broker), encoding="utf-8")
    options = ["-d", f"curl.cainfo={broker.simulator.ca_file}"] if language == "php" else []
    environment = {
        "PATH": f"{os.environ['EQP_BUILD_DIR']}/ctl:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "CURL_CA_BUNDLE": broker.simulator.ca_file,
        "SSL_CERT_FILE": broker.simulator.ca_file,
        "NODE_EXTRA_CA_CERTS": broker.simulator.ca_file,
        "EQP_BROKER_ADDRESS": f"unix:{broker.socket_path}",
    } | {name: value for name, value in os.environ.items() if name.startswith(("ASAN_", "UBSAN_", "LSAN_"))}
    return subprocess.run([*RUN[language], *options, script], env=environment, capture_output=True,
                          text=True, timeout=60, stdin=subprocess.DEVNULL)


def test_every_language_has_an_example():
    assert sorted({language for language, _ in EXAMPLES}) == ["javascript", "php", "python", "sh"]
    assert len(THAT_REPORT) == 3


@pytest.mark.parametrize("language, text", EXAMPLES, ids=names(EXAMPLES))
def test_it_reaches_the_api(language, text, broker, tmp_path):
    result = run(language, text, broker, tmp_path)
    assert result.returncode == 0, result.stderr
    assert "vendor@example.com" in result.stdout, result.stdout
    requests = broker.simulator.state("sandbox")["requests"]
    assert (requests["api"], requests["granted"]) == (1, 1)


@pytest.mark.parametrize("language, text", THAT_REPORT, ids=names(THAT_REPORT))
def test_it_goes_on_when_the_token_is_refused(language, text, broker, tmp_path):
    assert broker.simulator.revoke("sandbox") == 1
    result = run(language, text, broker, tmp_path)
    assert result.returncode == 0, result.stderr
    assert "vendor@example.com" in result.stdout, result.stdout
    requests = broker.simulator.state("sandbox")["requests"]
    assert (requests["api"], requests["granted"]) == (2, 2)


@pytest.mark.parametrize("language, text", EXAMPLES, ids=names(EXAMPLES))
def test_it_fails_aloud_without_a_token(language, text, broker, tmp_path):
    (broker.keys_directory / "sandbox").unlink()
    broker.simulator.fault("sandbox", "refuse")
    broker.stop()
    broker.start()
    broker.wait_log("eqp-brokerd .* started", 2)  # the first time was before
    result = run(language, text, broker, tmp_path)
    assert result.returncode != 0
    assert "no access key" in result.stderr, result
    assert "vendor@example.com" not in result.stdout


# The README's table for each language, and a program around it.
SOCKET = "/run/eqp-broker/eqp-broker.sock"
AROUND = {
    "curl": ("sh", "curl -sS --fail-with-body {} http://localhost/v1/sandbox/token"),
    "PHP": ("php", "<?php $c = curl_init('http://localhost/v1/sandbox/token');"
                   "curl_setopt_array($c, [CURLOPT_RETURNTRANSFER => true, {}]); echo curl_exec($c);"),
    "Python": ("python", "import http.client, socket\nconnection = http.client.HTTPConnection('localhost')\n{}\n"
                         "connection.request('GET', '/v1/sandbox/token')\n"
                         "print(connection.getresponse().read().decode())"),
    "Node": ("javascript", "const http = require('node:http'); {}"),
}


@pytest.mark.parametrize("name", AROUND)
def test_the_socket_is_asked(name, broker, tmp_path):
    language, around = AROUND[name]
    code = re.search(rf"^\| {name} \| `([^`]*{SOCKET}[^`]*)`", README, re.M)[1]
    text = around.replace("{}", code.replace(SOCKET, str(broker.socket_path)))
    result = run(language, text.replace("…", "answer => answer.pipe(process.stdout)"), broker, tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["environment"] == "sandbox"
