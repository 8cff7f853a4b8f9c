"""eqp-simulator: uploads as libraries and people write them, and the scans behind them."""

import concurrent.futures
import os
import re
import socket
import ssl
import urllib.parse

import pytest

from portal import BOUNDARY, Portal, md5, multipart, package
from simulator import Simulator

UPLOADS = "/files/uploads"


@pytest.fixture(scope="module")
def running():
    with Simulator() as simulator:
        yield simulator
        assert simulator.process.poll() is None, simulator.stderr()
    assert simulator.process.returncode == 0 and simulator.stderr() == ""


@pytest.fixture
def sim(running):
    running.reset()
    return running


@pytest.fixture
def portal(sim):
    return Portal(sim)


ZIP = ("acme_one-click-checkout.zip", "application/zip", b"PK\x03\x04\r\n--\r\n\n" + bytes(range(256)))
PDF = ("user manual.pdf", "application/pdf", b"%PDF-1.7\r")


@pytest.mark.parametrize("path", [UPLOADS, UPLOADS + "/"])
@pytest.mark.parametrize("line", ["\r\n", "\n"], ids=["crlf", "lf"])
def test_the_answer_is_a_list_in_order(sim, portal, path, line):
    status, answer = portal.upload(ZIP, PDF, path=path, line=line)
    assert status == 200
    assert [(file["filename"], file["content_type"], file["size"]) for file in answer] == [
        (name, kind, len(content)) for name, kind, content in (ZIP, PDF)]
    assert all(set(file) == {"filename", "content_type", "size", "file_upload_id"} for file in answer)
    assert all(re.fullmatch(r"[0-9a-f]{14}\.[0-9]{8}\.[0-9]", file["file_upload_id"]) for file in answer)
    assert [file["file_hash"] for file in sim.uploads("sandbox")] == [md5(ZIP[2]), md5(PDF[2])]


def test_a_scan_takes_its_time(sim, portal):
    sim.settings("sandbox", scan_queued_ms=60_000, scan_ms=120_000)
    file = f"{UPLOADS}/{portal.upload_one(content=b'PK1')}"
    before = portal.get(file)
    assert before["malware_status"] == "queued" and before["file_hash"] == "" and before["submission_ids"] == []
    sim.forward(61)
    assert portal.get(file)["malware_status"] == "in-progress"
    sim.forward(121)
    assert portal.get(file) == before | {"malware_status": "pass", "file_hash": md5(b"PK1")}
    assert portal.ask("HEAD", file) == (200, None)


@pytest.mark.parametrize("result", ["pass", "passed", "fail", "in-progress"])
def test_how_a_scan_ends(sim, portal, result):
    sim.settings("sandbox", scan_queued_ms=0, scan_ms=0, scan_result=result)
    file = portal.upload_one()
    sim.settings("sandbox", scan_result="pass")
    assert portal.scan(file) == result, "what counts is how it was at the upload"
    for told in ("queued", "in-progress", "passed", "fail", "pass"):
        sim.tell_scan("sandbox", file, told)
        assert portal.scan(file) == told


def test_scan_settings_and_mistakes(sim, portal):
    assert sim.settings("sandbox", scan_ms=5)["scan_ms"] == sim.state("sandbox")["scan_ms"] == 5
    for wrong in ({"scan_ms": -1}, {"scan_ms": 86_400_001}, {"scan_queued_ms": "1"}, {"scan_result": "queued"}, {"scan_result": 1}):
        assert sim.call("PUT", "/sandbox/settings", wrong)[0] == 400
    file = portal.upload_one()
    for wrong in ({"malware_status": "x"}, {}, {"malware_status": "pass", "x": 1}, None):
        assert sim.call("PUT", f"/sandbox/uploads/{file}", wrong)[0] == 400
    assert sim.call("PUT", "/sandbox/uploads/nothing", {"malware_status": "pass"})[0] == 404


def test_files_are_listed_and_removed(portal):
    assert portal.get(UPLOADS) == []
    files = [portal.upload_one(f"{i}.png", b"x", "image/png") for i in range(25)]
    assert [file["file_upload_id"] for file in portal.get(UPLOADS)] == files[:20] and portal.response_headers["X-Total-Count"] == "25"
    assert [file["file_upload_id"] for file in portal.get(UPLOADS + "/?offset=20&limit=3")] == files[20:23]
    assert len(portal.get(UPLOADS + "?limit=-1")) == 25
    assert portal.ask("DELETE", f"{UPLOADS}/{files[0]}") == (200, [])
    assert portal.ask("DELETE", f"{UPLOADS}/{files[0]}")[0] == portal.ask("GET", f"{UPLOADS}/{files[0]}")[0] == 404
    assert portal.ask("PUT", f"{UPLOADS}/{files[1]}", "{}")[0] == portal.ask("DELETE", UPLOADS)[0] == 405


def test_a_file_belongs_to_packages(sim, portal):
    sim.settings("sandbox", scan_queued_ms=0, scan_ms=0)
    file = portal.upload_one()
    first, second = (answer["submission_id"] for answer in portal.submit(
        package(file, file, file), {"name": "Draft", "artifact": {"file_upload_id": file}}))
    assert portal.get(f"{UPLOADS}/{file}")["submission_ids"] == [first, second]
    sim.tell_review("sandbox", first, overall="released_to_store")
    status, answer = portal.ask("DELETE", f"{UPLOADS}/{file}")
    assert status == 200 and answer == [{"submission_id": first, "code": 1500, "message": "Package live in store"},
                                        {"submission_id": second, "code": 200, "message": "Success"}]
    assert portal.scan(file) == "pass", "what is live stays"
    sim.tell_review("sandbox", first, overall="developer_removed_from_store")
    assert [item["code"] for item in portal.ask("DELETE", f"{UPLOADS}/{file}")[1]] == [200, 200]
    assert portal.ask("GET", f"{UPLOADS}/{file}")[0] == 404


FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


@pytest.mark.parametrize("body, headers, says", [
    (b"PK", {}, "multipart"), (b"PK", {"Content-Type": "application/zip"}, "multipart"),
    (b"PK", {"Content-Type": "multipart/form-data"}, "boundary"), (b"PK", {"Content-Type": "multipart/form-data; boundary="}, "boundary"),
    (b"PK", {"Content-Type": "multipart/form-data; boundary=" + "x" * 201}, "boundary"),
    (b"", FORM, "ends"), (b"PK", FORM, "ends"), (multipart([ZIP], end=False), FORM, "ends"), (multipart([]), FORM, "no file"),
    (multipart([ZIP], name="file"), FORM, "file[]"), (multipart([ZIP] * 101), FORM, "100 files"),
    (multipart([("x" * 256, "a/b", b"")]), FORM, "too long"), (f"--{BOUNDARY}\nnonsense\n\n".encode(), FORM, "malformed")],
    ids=lambda value: repr(value)[:30])
def test_bodies_that_are_no_upload(sim, portal, body, headers, says):
    status, answer = portal.ask("POST", UPLOADS, body, headers)
    assert status == 400 and says in answer["message"], answer
    assert sim.uploads("sandbox") == []


def pieces(content, size):
    """An upload that is sent in pieces of a megabyte."""
    head, tail = multipart([("big.zip", "application/zip", b"|")]).split(b"|")
    yield head
    for begin in range(0, size, 1 << 20):
        yield content[:min(1 << 20, size - begin)]
    yield tail


def memory(sim):
    """Its size, and the most that it has ever had in memory, in KiB."""
    with open(f"/proc/{sim.process.pid}/status", encoding="ascii") as status:
        fields = dict(line.split(":") for line in status)
    return [int(fields[name].split()[0]) for name in ("VmSize", "VmHWM")]


def test_large_files_are_counted_not_kept(sim, portal):
    content = os.urandom(1 << 20)
    size, before = memory(sim)
    status, answer = portal.ask("POST", UPLOADS, pieces(content, 64 << 20), FORM)
    assert status == 200 and answer[0]["size"] == 64 << 20
    assert sim.uploads("sandbox")[0]["file_hash"] == md5(content * 64)
    status, answer = portal.ask("POST", UPLOADS, pieces(content, (64 << 20) + 1), FORM)
    assert status == 413 and "64 MiB" in answer["message"] and len(sim.uploads("sandbox")) == 1
    # The address sanitizer maps terabytes and keeps what is freed: nothing can be told from its numbers.
    assert size > 1 << 30 or memory(sim)[1] - before < 8 << 10


def test_uploads_at_once(portal):
    def upload(i):
        return portal.upload((f"{i}.zip", "application/zip", bytes([i]) * 300_000))[1][0]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(upload, range(48)))
    assert len({answer["file_upload_id"] for answer in answers}) == 48
    assert [answer["filename"] for answer in answers] == [f"{i}.zip" for i in range(48)]
    sizes = {file["filename"]: file["size"] for file in portal.get(UPLOADS + "?limit=-1")}
    assert set(sizes.values()) == {300_000}


def test_only_the_latest_thousand_are_remembered(sim, portal):
    for _ in range(11):
        assert portal.upload(*[("x.png", "image/png", b"")] * 100)[0] == 200
    assert len(sim.uploads("sandbox")) == 1000


# asking first


def open_stream(sim):
    address = urllib.parse.urlsplit(sim.urls["sandbox"])
    plain = socket.create_connection((address.hostname, address.port), timeout=60)
    return ssl.create_default_context(cafile=sim.ca_file).wrap_socket(plain, server_hostname=address.hostname)


def head(authorization, length, *more):
    return "\r\n".join([f"POST /rest/v1{UPLOADS} HTTP/1.1", "Host: localhost", f"Authorization: {authorization}",
                        f"Content-Type: {FORM['Content-Type']}", f"Content-Length: {length}", *more, "", ""]).encode()


def test_a_client_that_asks_first_and_is_refused_sends_nothing(sim):
    with open_stream(sim) as stream:
        stream.sendall(head("Bearer stale", 50_000_000, "Expect: 100-continue"))
        assert stream.recv(65536).startswith(b"HTTP/1.1 401 ")
    assert sim.state("sandbox")["last"][-1]["body_bytes"] == 0


def test_a_client_that_asks_first_is_told_to_go_on(portal, sim):
    body = multipart([ZIP])
    with open_stream(sim) as stream:
        stream.sendall(head(portal.headers["Authorization"], len(body), "Expect: 100-continue"))
        assert stream.recv(65536).startswith(b"HTTP/1.1 100 ")
        stream.sendall(body)
        assert stream.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_token_that_ends_while_the_file_comes(sim, portal):
    body = multipart([ZIP])
    with open_stream(sim) as stream:
        stream.sendall(head(portal.headers["Authorization"], len(body), "Expect: 100-continue"))
        assert stream.recv(65536).startswith(b"HTTP/1.1 100 ")
        sim.revoke("sandbox")
        stream.sendall(body)
        assert stream.recv(65536).startswith(b"HTTP/1.1 401 ")
    assert sim.uploads("sandbox") == []
