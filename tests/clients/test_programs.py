"""Replays: programs as they are found in the field, in our own words, each from its first token to its last report.

The settings of a program are a base URL, an ID and a secret (doors.py says which). It prints what it has
seen as JSON on its last line; the rest is asked of the simulator.
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess

import pytest

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
MIB = 1 << 20


@pytest.fixture(scope="session")
def payload(tmp_path_factory):
    """payload(size): the path and the MD5 of a package that is so large, with line ends and dashes in it."""
    made = {}

    def make(size):
        if size not in made:
            path = tmp_path_factory.mktemp("payload") / "acme_one-click-checkout.zip"
            content = (b"PK\x03\x04\r\n--\n--eqp-boundar\r\n" + os.urandom(MIB)) * (size // MIB)
            path.write_bytes(content[:size - 1] + b"\r")
            made[size] = path, hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        return made[size]

    return make


def run(door, command, tmp_path, **more):
    """Runs a program and returns what it has printed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} NOT TESTED: it is not installed")
    environment = door.environment | {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"} | more
    ended = subprocess.run(command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
    return ended.stdout


def said(door, command, tmp_path, package=None, **more):
    if package:
        more["PACKAGE"] = str(package)
    return json.loads(run(door, command, tmp_path, **more).splitlines()[-1])


def php(door):
    """PHP with the curl extension, which trusts what its settings say."""
    if shutil.which("php") is None or "curl" not in subprocess.run(["php", "-m"], capture_output=True, text=True).stdout.split():
        pytest.skip("PHP NOT TESTED: install php-cli and php-curl")
    return ["php", "-d", f"curl.cainfo={door.simulator.ca_file}"]


def check(door, answer, digest, technical="in_automation"):
    """The upstream has the file byte for byte, the package in review, and no key too many; nothing went wrong on the way."""
    files = {file["file_upload_id"]: file for file in door.simulator.uploads("sandbox")}
    assert len(files) == 3 and files[answer["file"]]["file_hash"] == digest and files[answer["file"]]["filename"].endswith(".zip")
    package, = door.simulator.packages("sandbox")
    assert package["submission_id"] == answer["submission"] and package["eqp_status"]["technical"] == technical
    assert answer["account"] == "MAG123456789" and int(answer["total"]) == 1
    statuses = {entry["status"] for entry in door.simulator.state("sandbox")["last"]}
    assert statuses <= {200, 204}, statuses


def test_fetch(door, payload, tmp_path):
    """A token for every call."""
    package, digest = payload(MIB)
    answer = said(door, ["node", PROGRAMS / "fetch.mjs"], tmp_path, package)
    check(door, answer, digest)
    assert (answer["hash"], answer["removed"], answer["bio"], answer["description"]) == (digest, 204, "By fetch.", "Ünïcödé — 🎉")
    assert (answer["versions"], answer["results"], answer["sales"]) == (1, 0, 2)


def test_fetch_at_once(door, tmp_path):
    """150 submissions at once, each with a token of its own."""
    assert said(door, ["node", PROGRAMS / "fetch_at_once.mjs"], tmp_path) == {"submissions": 150}
    packages = door.simulator.packages("sandbox")
    assert {package["name"] for package in packages} == {f"Extension {i}" for i in range(150)}
    assert len(packages) == 150


def test_axios(door, payload, tmp_path, node_modules):
    """A timer for each token, which goes off a little before the token ends."""
    package, digest = payload(4 * MIB)
    answer = said(door, ["node", PROGRAMS / "axios_timer.cjs"], tmp_path, package, NODE_PATH=str(node_modules))
    check(door, answer, digest)
    assert answer["hash"] == digest and answer["removed"] == 204 and answer["keys"] == 1 and answer["tokens"] >= 3
    assert answer["callback"] == "https://developer.example.com/callback" and answer["metrics"] == 3
    events = [entry["body"]["callback_event"] for entry in door.simulator.callbacks("sandbox")]
    assert events.count("malware_scan_complete") == 3 and events.count("eqp_status_update") == 2


def test_newman(door, payload, tmp_path, node_modules):
    """A collection of Postman's."""
    package, digest = payload(MIB)
    shutil.copy(package, tmp_path / "package.zip")
    (tmp_path / "user.pdf").write_bytes(b"%PDF-1.7")
    (tmp_path / "icon.png").write_bytes(b"PNG")
    variables = {"base_url": door.base_url, "application_id": door.application_id, "application_secret": door.application_secret}
    run(door, [node_modules / ".bin" / "newman", "run", PROGRAMS / "collection.json", "--working-dir", tmp_path, "--delay-request", "50",
               "--timeout-request", "60000", "--export-environment", tmp_path / "after.json",
               "--ssl-extra-ca-certs", door.simulator.ca_file,
               *(option for name, value in variables.items() for option in ("--env-var", f"{name}={value}"))], tmp_path)
    after = {value["key"]: value["value"] for value in json.loads((tmp_path / "after.json").read_text())["values"]}
    check(door, after, digest)
    assert (after["hash"], after["email"], after["sales"]) == (digest, "vendor@example.com", "2")


def test_guzzle(door, payload, tmp_path):
    """30 MiB, asked for first."""
    package, digest = payload(30 * MIB)
    program = php(door)
    found = subprocess.run([*program, "-r", "exit((int) !stream_resolve_include_path('GuzzleHttp/autoload.php'));"]).returncode
    if found != 0:
        pytest.skip("Guzzle NOT TESTED: install php-guzzlehttp-guzzle")
    answer = said(door, [*program, PROGRAMS / "guzzle.php"], tmp_path, package)
    check(door, answer, digest)
    assert (answer["size"], answer["hash"], answer["removed"], answer["bio"]) == (30 * MIB, digest, 204, "By Guzzle.")


def test_php_curl(door, payload, tmp_path):
    """30 MiB, asked for first, by the extension alone."""
    package, digest = payload(30 * MIB)
    answer = said(door, [*php(door), PROGRAMS / "curl.php"], tmp_path, package)
    check(door, answer, digest)
    assert (answer["code"], answer["size"], answer["hash"], answer["removed"], answer["pageviews"]) == (200, 30 * MIB, digest, 204, 3)


def test_requests(door, payload, tmp_path):
    """One session, the file read as it is sent."""
    if subprocess.run(["/usr/bin/python3", "-c", "import requests"], capture_output=True).returncode != 0:
        pytest.skip("requests NOT TESTED: install python3-requests")
    package, digest = payload(8 * MIB)
    answer = said(door, ["/usr/bin/python3", PROGRAMS / "requests_session.py"], tmp_path, package)
    check(door, answer, digest)
    assert (answer["code"], answer["hash"], answer["removed"], answer["keys"], answer["bio"]) == (200, digest, 204, ["büro/1"], "By requests.")


def test_bash(door, payload, tmp_path):
    """Multipart by hand, with bare line feeds."""
    package, digest = payload(2 * MIB)
    answer = said(door, ["bash", PROGRAMS / "upload.sh"], tmp_path, package)
    check(door, answer, digest)
    assert (answer["code"], answer["malware_status"], answer["removed"], answer["sales"]) == (200, "pass", 204, 3)


def test_https(door, payload, tmp_path):
    """Node's own https, with a host that is fixed."""
    package, digest = payload(2 * MIB)
    answer = said(door, ["node", PROGRAMS / "https_fixed.cjs"], tmp_path, package)
    check(door, answer, digest)
    assert (answer["code"], answer["hash"], answer["removed"], answer["totals"]) == (200, digest, 204, 2)
