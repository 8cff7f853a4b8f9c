"""eqp-brokerd: how few exchanges many callers cause."""

import calendar
import concurrent.futures
import json
import os
import re
import selectors
import socket
import threading
import time

import pytest

from broker import PATIENT, standing_still, wait_until
from simulator import EXAMPLE_KEY

REJECTED = "/v1/sandbox/token/rejected"


def exchanges(upstream):
    return upstream.state("sandbox")["requests"]["token"]


def ask_all(connect, n, data, timeout=60):
    """n clients at once, each with a connection of its own: the answers as bytes."""
    selector = selectors.DefaultSelector()
    answers = []
    for _ in range(n):
        stream = connect()
        stream.sendall(data)
        stream.setblocking(False)
        selector.register(stream, selectors.EVENT_READ, bytearray())
    deadline = time.monotonic() + timeout
    while selector.get_map() and time.monotonic() < deadline:
        for key, _ in selector.select(0.1):
            more = key.fileobj.recv(65536)
            key.data.extend(more)
            if not more:
                selector.unregister(key.fileobj)
                key.fileobj.close()
                answers.append(bytes(key.data))
    selector.close()
    assert len(answers) == n
    return answers


@pytest.mark.parametrize("via", ["unix", "tcp"])
def test_one_exchange_for_500_callers_at_a_cold_start(upstream, make_broker, via):
    upstream.settings("sandbox", latency_ms=1500)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                         broker="max_connections = 600\nmax_connections_per_user = 600")
    request = (f"GET /v1/sandbox/token?wait=20 HTTP/1.1\r\nHost: localhost:{broker.port}\r\nEQP-Client: crowd\r\n"
               "Connection: close\r\n\r\n").encode()
    answers = ask_all(lambda: broker.connect(via), 500, request)
    assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}
    assert len({re.search(rb'"ust":"([^"]+)"', answer)[1] for answer in answers}) == 1
    assert exchanges(upstream) == 1


def test_one_exchange_for_many_who_want_a_fresh_token(upstream, make_broker, manager):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, env=manager.env).wait_valid()
    manager.restart_aged(broker, 100)
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        tokens = list(pool.map(lambda _: broker.token(query="?min_ttl=7150&wait=20")["ust"], range(40)))
    assert len(set(tokens)) == 1 and exchanges(upstream) == 2


# reports


def test_a_report_of_the_current_token(broker, upstream):
    old = broker.token()["ust"]
    upstream.revoke("sandbox")
    answer = broker.post(REJECTED, {"ust": old})
    assert answer.status == 200
    report = answer.json()
    assert report["refreshed"] is True and report["ust"] != old and report["environment"] == "sandbox"
    assert set(report) == {"mage_id", "ust", "expires_in", "expires_at", "environment", "base_url", "refreshed", "reason"}
    assert broker.token()["ust"] == report["ust"] and exchanges(upstream) == 2
    assert broker.log("reports that the upstream refused the current token", priority=5)

    # The old one again, or any other: the new one is the answer already.
    for ust in (old, "x", "", "ä" * 100):
        again = broker.post(REJECTED, {"ust": ust}).json()
        assert (again["refreshed"], again["ust"]) == (False, report["ust"]) and again["reason"]
    # The new one, too soon.
    again = broker.post(REJECTED, {"ust": report["ust"]}).json()
    assert (again["refreshed"], again["ust"]) == (False, report["ust"]) and "10 s" in again["reason"]
    assert exchanges(upstream) == 2


def test_many_reports_of_one_token(broker, upstream):
    old = broker.token()["ust"]
    upstream.settings("sandbox", latency_ms=400)
    body = json.dumps({"ust": old})
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        reports = [answer.json() for answer in pool.map(lambda _: broker.post(REJECTED, body), range(40))]
    assert len({report["ust"] for report in reports}) == 1 and reports[0]["ust"] != old
    assert any(report["refreshed"] for report in reports) and exchanges(upstream) == 2


@pytest.mark.parametrize("fault", ["unavailable", "not_json"])
def test_a_report_whose_refresh_fails_once(broker, upstream, fault):
    """It is tried again as soon as any. A fault that may be the key's is only reported when it is known."""
    old = broker.token()["ust"]
    upstream.fault("sandbox", fault, count=1)
    report = broker.post(REJECTED, {"ust": old}).json()
    if fault == "unavailable":
        assert (report["refreshed"], report["ust"]) == (False, old) and "HTTP 503" in report["reason"]
        broker.wait_status("sandbox", lambda status: status["failures_in_row"] == 0, timeout=10)
    else:
        assert report["refreshed"] is True and report["ust"] == broker.token()["ust"]
    assert broker.token()["ust"] != old
    assert exchanges(upstream) == 3


@pytest.mark.parametrize("fault, words", [("unavailable", "HTTP 503"), ("not_json", "HTTP 200")])
def test_a_report_while_the_upstream_is_down(broker, upstream, fault, words):
    old = broker.token()["ust"]
    upstream.fault("sandbox", fault)
    report = broker.post(REJECTED, {"ust": old}).json()
    assert (report["refreshed"], report["ust"]) == (False, old) and words in report["reason"]
    # The same token once more: no exchange of its own, and the true reason.
    report = broker.post(REJECTED, {"ust": old}).json()
    assert report["refreshed"] is False
    assert re.search(r"the latest refresh failed, and another attempt is set: again (in \d+s|at once)|HTTP \d+|under way",
                     report["reason"]), report
    upstream.clear_faults()
    broker.wait_status("sandbox", lambda status: status["failures_in_row"] == 0)
    assert broker.token()["ust"] != old
    assert exchanges(upstream) <= 6, "1, 2, 4 s apart"


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"x"', "{}", '{"ust": 1}', '{"ust": null}', '{"UST": "x"}',
                                  '{"ust": "x", "more": 1}', '{"ust": "x"} x', '{"ust": "x"}\0', "{'ust': 'x'}",
                                  '{"ust": "\udcff"}', "[" * 100, '{"ust": "x"'])
def test_reports_that_are_none(broker, upstream, body):
    answer = broker.post(REJECTED, body.encode("utf-8", "surrogateescape"))
    assert answer.error() == (400, "bad_request") and "ust" in answer.json()["message"]
    assert exchanges(upstream) == 1


@pytest.mark.parametrize("body", ['{"ust": "x"}\n', '\r\n { "ust" : "x" } ', '{"ust":"' + "x" * 4096 + '"}',
                                  '{"ust":"' + "\\u0041" * 1000 + '"}'])
def test_reports_as_people_write_them(broker, body):
    assert broker.post(REJECTED, body).json()["refreshed"] is False


def test_a_report_without_a_token(upstream, make_broker):
    upstream.fault("sandbox", "unavailable")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY})
    broker.wait_status("sandbox", lambda status: status["state"] == "no_token")
    assert broker.post(REJECTED, {"ust": "x"}).error() == (503, "no_token")


# operators


def test_an_operators_refresh(broker, upstream):
    old = broker.token()["ust"]
    answer = broker.refresh()
    assert answer == {"environment": "sandbox", "refreshed": True, "outcome": "granted", "key": "",
                      "message": answer["message"], "mage_id": "MAG123456789", "expires_in": answer["expires_in"],
                      "expires_at": answer["expires_at"]}
    assert 7170 < answer["expires_in"] < 7200
    assert broker.token()["ust"] != old and exchanges(upstream) == 2


def test_an_operator_s_refresh_for_a_new_account(broker, upstream):
    """Where it is the same account after all, it is a refresh like any other."""
    old = broker.token()["ust"]
    answer = broker.post("/v1/sandbox/refresh?account=new")
    assert answer.status == 200 and answer.json()["outcome"] == "granted"
    assert answer.json()["mage_id"] == broker.token()["mage_id"] == "MAG123456789"
    assert broker.token()["ust"] != old and exchanges(upstream) == 2


def test_many_operators_at_once(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": PATIENT}).wait_valid()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        with standing_still(upstream.process):
            answers = [pool.submit(broker.refresh) for _ in range(20)]
            broker.wait_connections(20)
        answers = [answer.result() for answer in answers]
    assert {answer["outcome"] for answer in answers} == {"granted"}
    assert exchanges(upstream) <= 3


def test_retry_after_binds_operators_too(broker, upstream):
    upstream.fault("sandbox", "throttle", retry_after=40, count=1)
    answer = broker.refresh()
    assert answer["outcome"] == "throttled" and answer["expires_in"] > 7000
    again = broker.post("/v1/sandbox/refresh")
    assert again.error() == (429, "refresh_limited") and 30 < again.retry_after <= 50
    assert "Retry-After" in again.json()["message"]
    assert exchanges(upstream) == 2


@pytest.mark.parametrize("body", ["", "{}", "anything"])
def test_a_refresh_minds_no_body(broker, body):
    assert broker.post("/v1/sandbox/refresh", body).status == 200


# the floor


def check_floor(upstream, began):
    """By the time of the upstream's records, of a daemon that was started after `began`: the n-th exchange that
    follows its first comes after n seconds at the soonest. So it is however long a request is on its way."""
    moments = [seconds(entry["at"]) for entry in upstream.state("sandbox")["last"]]
    for n, moment in enumerate(moments):
        assert moment - began >= n - 0.002, [moment - began for moment in moments]  # records are of whole ms
    return moments


def test_a_second_lies_between_two_exchanges_for_all_callers(upstream, make_broker):
    began = time.time()
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
    upstream.settings("sandbox", latency_ms=30)
    stop = threading.Event()

    def caller(n):
        while not stop.is_set():
            if n % 4 == 0:
                broker.post("/v1/sandbox/refresh")
            elif n % 4 == 1:
                broker.post(REJECTED, {"ust": broker.token()["ust"]})
            elif n % 4 == 2:
                broker.get("/v1/sandbox/token?min_ttl=7199&wait=1")
            else:
                (broker.keys_directory / "sandbox").touch()
                stop.wait(0.05)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        callers = [pool.submit(caller, n) for n in range(8)]
        try:
            wait_until(lambda: exchanges(upstream) >= 6, "six exchanges", timeout=60)
        finally:
            stop.set()
        for future in callers:
            future.result()
    moments = check_floor(upstream, began)
    gaps = [after - before for before, after in zip(moments, moments[1:])]
    assert len(gaps) >= 5 and sorted(gaps)[2] < 4, "and the floor does not stand in the way for longer"


def seconds(moment):
    """A record's "2026-11-23T05:02:11.123Z" in seconds."""
    whole, _, fraction = moment.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + (fraction or "0"))


def test_the_floor_holds_while_keys_are_refused(upstream, make_broker):
    keys = {f"sandbox.{n}": f"WRONGKEY0{n}:0123456789abcdef{n}" for n in (1, 2, 3)}
    began = time.time()
    broker = make_broker(upstream, keys=keys)
    broker.wait_status("sandbox", lambda status: [key["state"] for key in status["keys"]] == ["refused"] * 3)
    check_floor(upstream, began)
    # Perhaps one was asked again already.
    assert len({entry["key_id"] for entry in upstream.state("sandbox")["last"][:3]}) == 3


def test_callers_that_gave_up_are_no_trouble(upstream, make_broker):
    upstream.settings("sandbox", latency_ms=800)
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY})
    request = b"GET /v1/sandbox/token?wait=30 HTTP/1.1\r\nHost: a\r\n\r\n"
    for n in range(30):
        with broker.connect() as stream:
            stream.sendall(request)
            if n % 2:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert broker.token(query="?wait=10")["ust"]
    assert exchanges(upstream) == 1


def test_the_audit_names_who_got_which_token_once(broker):
    for _ in range(3):
        broker.token(via="tcp")
        broker.token(via="tcp", headers={"EQP-Client": "second"})
        broker.token()
    pattern = rf"sandbox: token handed out to uid {os.geteuid()}( pid \d+)? client blackbox$"
    assert len(broker.log(pattern, priority=6)) == 1
    assert len(broker.log(r"sandbox: token handed out .* client second$")) == 1
    broker.refresh()
    broker.token(via="tcp")
    broker.wait_log(pattern, 2)
