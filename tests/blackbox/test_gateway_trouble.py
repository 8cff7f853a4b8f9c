"""The gateway in trouble; the test is the forwarder."""

import base64
import contextlib
import os
import select
import threading
import time

import gateway_host as gh
import pytest
from packet_flood import flood
from gateway_host import TOKEN, TOKEN_2, Host, eventually, local_key

VERDICTS = gh.verdicts()


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    yield host
    host.close()


def refused(client, status, slug, method="GET"):
    answer = client.answer(method)
    assert (answer.status, answer.header("EQP-Error")) == (status, slug), answer.body
    return answer


def in_background(function, *arguments):
    def run():
        try:
            function(*arguments)
        except OSError:
            pass
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


# ---- 401 ----

def test_a_stale_token_is_replaced_unseen(host):
    client = host.client().ask(method="PUT", body=b"x" * 60_000)
    lane = host.lanes[0]
    first = lane.request()
    assert first.token == TOKEN and lane.body() == b"x" * 60_000
    lane.respond(401, body=b"stale")
    assert host.news.get(timeout=20) == f"!report sandbox {TOKEN}"
    host.tell(f"token {TOKEN_2} 7200")
    second = lane.request()
    assert second.token == TOKEN_2 and second.number > first.number and lane.body() == b"x" * 60_000
    lane.respond(200, body=b"fine")
    assert client.answer().body == b"fine"
    assert host.metrics()["repeats_total"] == 1


def test_a_token_that_was_replaced_already(host):
    client = host.client().ask()
    assert host.lanes[0].request().token == TOKEN
    host.tell(f"token {TOKEN_2} 7200")
    host.lanes[0].respond(401)
    assert host.lanes[0].request().token == TOKEN_2
    host.lanes[0].respond(200, body=b"fine")
    assert client.answer().body == b"fine" and host.news.empty()


def test_a_large_upload_with_a_stale_token(host):
    client = host.client()
    in_background(lambda: client.ask(method="POST", body=b"u" * 3_000_000))
    lane = host.lanes[0]
    assert lane.request().expect
    lane.nothing()
    lane.respond(401, body=b"stale", drop_body=True)
    assert host.news.get(timeout=20).startswith("!report")
    host.tell(f"token {TOKEN_2} 7200")
    request = lane.request()
    assert request.expect and request.token == TOKEN_2
    lane.go_on()
    assert lane.body() == b"u" * 3_000_000
    lane.respond(200, body=b"fine")
    assert client.answer().body == b"fine"


def test_a_large_upload_of_unknown_length_with_a_stale_token(host):
    client = host.client()
    body = b"u" * 500_000
    in_background(lambda: client.ask(method="POST", headers=("Transfer-Encoding: chunked",),
                                     body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)))
    lane = host.lanes[0]
    assert lane.request().length == -1
    lane.respond(401, body=b"stale", drop_body=True)
    assert host.news.get(timeout=20).startswith("!report")
    host.tell(f"token {TOKEN_2} 7200")
    assert lane.request().token == TOKEN_2
    lane.go_on()
    assert lane.body() == body
    lane.respond(200, body=b"fine")
    assert client.answer().body == b"fine"


def test_a_401_that_no_token_cures_is_passed_on_and_counts_no_more(host):
    client = host.client().ask()
    host.lanes[0].request()
    host.lanes[0].respond(401, ["X-First: 1"], body=b"first")
    assert host.news.get(timeout=20).startswith("!report")
    host.tell(f"token {TOKEN_2} 7200")
    assert host.lanes[0].request().token == TOKEN_2
    host.lanes[0].respond(401, ["WWW-Authenticate: Bearer"], body=b"second")
    answer = client.answer()
    assert answer.status == 401 and answer.body == b"second" and answer.header("EQP-Error") is None
    for _ in range(3):
        client.ask()
        host.lanes[0].request()
        host.lanes[0].respond(401, body=b"third")
        assert client.answer().body == b"third"
    assert host.news.empty()


def test_a_401_after_the_body_is_passed_on_and_the_token_reported(host):
    client = host.client()
    in_background(lambda: client.ask(method="POST", body=b"u" * 100_000))
    lane = host.lanes[0]
    lane.request()
    lane.go_on()
    lane.body()
    lane.respond(401, body=b"stale")
    assert client.answer().body == b"stale"
    assert host.news.get(timeout=20) == f"!report sandbox {TOKEN}"


def test_a_report_that_is_not_acted_on(host):
    host.tell(f"report {VERDICTS['REFRESH_TOO_SOON']}")
    client = host.client().ask()
    host.lanes[0].request()
    host.lanes[0].respond(401, body=b"no")
    begun = time.monotonic()
    assert client.answer().body == b"no" and time.monotonic() - begun < 3


def test_no_other_token_comes(host):
    client = host.client().ask()
    host.lanes[0].request()
    host.lanes[0].respond(401, body=b"no")
    begun = time.monotonic()
    assert client.answer().body == b"no" and 3 < time.monotonic() - begun < 15


# ---- tokens ----

def test_a_token_is_waited_for(host):
    host.tell("no-token")
    client = host.client().ask()
    host.lanes[0].nothing()
    host.tell(f"token {TOKEN_2} 7200")
    assert host.lanes[0].request().token == TOKEN_2
    host.lanes[0].respond(200, body=b"fine")
    assert client.answer().body == b"fine"


def logged(host, text):
    return [line for line in host.log.read_text().splitlines() if text in line]


def test_no_token_comes(host):
    host.tell("no-token")
    answer = refused(host.client().ask(), 503, "no_token")
    eventually(lambda: logged(host, "503 no_token"))
    assert all(" not passed on for " in line for line in logged(host, "503 no_token"))
    assert answer.header("Retry-After")


def test_an_expired_token_is_never_sent(host):
    host.tell(f"token {TOKEN} 1")
    time.sleep(1.1)  # it has to end
    refused(host.client().ask(), 503, "no_token")
    host.lanes[0].nothing(0.1)


def one_waits_for_a_lane(host, target):
    """It could go with the first token, but two others are on their way. Returns its client, and theirs."""
    others = [host.client().ask() for _ in host.lanes]
    for lane in host.lanes:
        lane.request()
    client = host.client().ask(path=f"/sandbox{target}")
    eventually(lambda: host.metrics()["waiting"] == 1)
    return client, others


@pytest.mark.parametrize("gap", [False, True])
def test_a_request_that_waited_for_a_lane_goes_with_the_token_of_now(host, gap):
    client, _others = one_waits_for_a_lane(host, "/rest/v1/x")
    if gap:
        host.tell("account MAG999999999")
    else:
        host.tell(f"token {TOKEN_2} 7200")
    host.lanes[0].respond(200)
    if gap:
        host.lanes[0].nothing()
        host.tell(f"token {TOKEN_2} 7200")
    request = host.lanes[0].request()
    assert (request.target, request.token) == ("/rest/v1/x", TOKEN_2)
    host.lanes[0].respond(200, body=b"fine")
    assert client.answer().body == b"fine"


def test_a_request_that_waited_for_a_lane_is_judged_for_the_account_of_now(host):
    host.configure("deny = any * /rest/v1/{mage_id}/**\n" + gh.ALLOW_ALL)
    client, _others = one_waits_for_a_lane(host, "/rest/v1/MAG999999999/x")
    host.tell("account MAG999999999")
    host.lanes[0].respond(200)
    refused(client, 403, "rule_refused")
    host.lanes[0].nothing(0.1)


# ---- ends ----

@pytest.mark.parametrize("tcp", [False, True])
def test_a_client_that_goes_away_while_it_waits(tmp_path, tcp):
    with contextlib.closing(Host(tmp_path, lanes=1)) as host:
        goes_away_while_it_waits(host, tcp)


def goes_away_while_it_waits(host, tcp):
    client = host.client(tcp).ask(headers=("EQP-Client: test",))
    host.lanes[0].request()
    client.close()
    host.lanes[0].aborted(20)
    eventually(lambda: host.connections() == 0)
    assert host.metrics()['aborts_total{side="client"}'] == 1
    client = host.client().ask()  # held: one that nobody holds is closed, perhaps before its request is read
    host.lanes[0].request()  # the lane is good


def test_a_client_that_goes_away_in_its_upload(host):
    client = host.client()
    client.send(b"POST /sandbox/rest/v1/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
    host.lanes[0].request()
    host.lanes[0].go_on()
    client.send(b"x" * 100_000)
    client.close()
    host.lanes[0].aborted(20)
    eventually(lambda: host.connections() == 0)


def test_a_client_that_goes_away_in_its_answer(host):
    client = host.client().ask()
    host.lanes[0].request()
    host.lanes[0].respond(200, length=10_000_000, last=False, body=b"x" * 1000)
    client.head()
    client.close()
    host.lanes[0].aborted(20)
    eventually(lambda: host.connections() == 0)


@pytest.mark.slow("sockets are filled to the brim")
def test_a_client_that_does_not_read_stops_the_upstream(host):
    client = host.client().ask()
    host.lanes[0].request()
    host.lanes[0].respond(200, length=50_000_000, last=False)
    host.lanes[0].ours.settimeout(0.5)
    sent = 0
    with pytest.raises(TimeoutError):
        while True:
            host.lanes[0].data(b"x" * 16384)
            sent += 16384
    assert sent < 2_000_000 and host.memory() < 20_000
    host.lanes[0].ours.settimeout(20)
    in_background(lambda: [host.lanes[0].data(b"x" * min(16384, 50_000_000 - at), at + 16384 >= 50_000_000)
                           for at in range(sent, 50_000_000, 16384)])
    assert len(client.answer().body) == 50_000_000


def test_an_upstream_that_does_not_read_stops_the_client(host):
    client = host.client()
    client.send(b"POST /sandbox/rest/v1/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n")
    host.lanes[0].request()
    host.lanes[0].go_on()
    client.socket.settimeout(0.5)
    sent = 0
    with pytest.raises(TimeoutError):
        while True:
            sent += client.socket.send(b"x" * 16384)
    assert sent < 2_000_000 and host.memory() < 20_000
    client.socket.settimeout(20)
    in_background(client.send, b"x" * (50_000_000 - sent))
    assert len(host.lanes[0].body()) == 50_000_000
    host.lanes[0].respond(200, body=b"fine")
    assert client.answer().body == b"fine"


def test_a_lane_that_dies(host):
    client = host.client().ask()
    host.lanes[0].request()
    host.lanes[0].ours.close()
    refused(client, 502, "upstream_lost")
    assert host.news.get(timeout=20) == "!dead 0 1"
    client.ask()
    host.lanes[1].request()
    host.lanes[1].respond(200, body=b"fine")
    assert client.answer().body == b"fine"


def test_a_lane_that_dies_while_nobody_uses_it(host):
    host.lanes[0].ours.close()
    assert host.news.get(timeout=20) == "!dead 0 1"
    client = host.client().ask()
    host.lanes[1].request()
    host.lanes[1].respond(200, body=b"fine")
    assert client.answer().body == b"fine"


def test_a_packet_that_makes_no_sense_ends_the_lane(host):
    client = host.client().ask()
    host.lanes[0].request()
    host.lanes[0].send(b"x" * 24)
    refused(client, 502, "upstream_lost")
    assert host.news.get(timeout=20) == "!dead 0 1 broken"


@pytest.mark.parametrize("say", [
    lambda lane: lane.send(gh.HEAD.pack(gh.CONTINUE, 0, lane.number - 1)), lambda lane: [lane.go_on(), lane.go_on()],
    lambda lane: lane.data(b"x"), lambda lane: lane.last()], ids=["one that is over", "continue twice", "data first", "last first"])
def test_a_packet_out_of_turn_ends_the_lane(host, say):
    client = host.client().ask()
    host.lanes[0].request()
    host.lanes[0].respond(200, body=b"fine")
    assert client.answer().body == b"fine"
    client.ask()
    host.lanes[0].request()
    say(host.lanes[0])
    refused(client, 502, "upstream_lost")
    assert host.news.get(timeout=20) == "!dead 0 1 broken"
    host.lanes[1].nothing(0.1)


@pytest.mark.parametrize("what", ["one that is over", "one that is under way", "one that was left"])
def test_a_forwarder_that_floods_keeps_nobody_waiting(host, what):
    lane, other = host.lanes[0], host.client()
    client = host.client().ask()
    lane.request()
    lane.respond(200, body=b"fine")
    assert client.answer().body == b"fine"
    client.ask()
    lane.request()
    if what == "one that was left":
        client.close()
        while lane.packet()[0] != gh.ABORT:
            pass
    lane.number -= what == "one that is over"
    lines, until = b"a:\r\n" * 4096, time.monotonic() + 20  # they cost the frontend more than the one that sends them
    packet = gh.RESPONSE_FORM.pack(gh.RESPONSE, 0, lane.number, 200, False, False, False, -1, len(lines), 0) + lines
    with flood(lane.ours, packet) as flooding:
        while flooding.poll() is None and time.monotonic() < until:
            assert other.ask(path="/metrics").answer().status == 200
    assert host.news.get(timeout=20) == "!dead 0 1 broken"


def test_a_forwarder_that_is_slow_to_see_an_abort(host):
    """It goes on for long, and is not cut off for that."""
    lane, client = host.lanes[0], host.client().ask()
    lane.request()
    lane.respond(200, body=b"x", last=False, length=-1)
    client.head()
    client.close()
    while lane.packet()[0] != gh.ABORT:
        pass
    for size in (1, 1000, 49152):
        for _ in range(500):
            lane.data(b"x" * size)
    other = host.client()
    for _ in range(3):
        other.ask()
        host.lanes[1].request()
        host.lanes[1].respond(200, body=b"fine")
        assert other.answer().body == b"fine"
    lane.fail(gh.ABORTED)
    clients = [host.client().ask() for _ in host.lanes]
    for one in host.lanes:
        one.request()
        one.respond(200, body=b"fine")
    assert all(client.answer().body == b"fine" for client in clients) and host.news.empty()


@pytest.mark.parametrize("fail,status,slug", [
    (gh.UNREACHABLE, 502, "upstream_unreachable"), (gh.MALFORMED, 502, "upstream_malformed"),
    (gh.LOST, 502, "upstream_lost"), (gh.SLOW, 504, "upstream_slow"), (gh.BUSY, 503, "gateway_busy"),
    (gh.STALLED, 408, "upload_stalled"), (gh.UNKNOWN, 502, "upstream_unreachable"), (gh.MOVED, 502, "upstream_unreachable"), (gh.STOPPING, 503, "stopping"),
    (gh.INTERNAL, 502, "upstream_lost")])
def test_failures_of_the_forwarder(host, fail, status, slug):
    client = host.client().ask(method="POST", body=b"x")
    host.lanes[0].request()
    host.lanes[0].fail(fail, sent=True, why=b"reset by peer")
    answer = refused(client, status, slug)
    assert b"may have been carried out" in answer.body and b"reset by peer" in answer.body
    assert answer.header("Retry-After") is None
    client.ask()
    host.lanes[0].request()
    host.lanes[0].fail(fail)
    answer = refused(client, status, slug)
    assert b"carried out" not in answer.body and answer.header("Retry-After") == ("1" if status == 503 else None)


# ---- bodies ----

@pytest.mark.parametrize("drop", [True, False])
def test_an_early_answer(host, drop):
    client = host.client()
    thread = in_background(lambda: client.ask(method="POST", body=b"x" * 2_000_000))
    lane = host.lanes[0]
    lane.request()
    lane.go_on()
    lane.packet()
    lane.respond(409, body=b"enough", drop_body=drop)
    if not drop:
        assert len(lane.body()) > 1_000_000
    thread.join(20)
    assert client.answer().body == b"enough"


def test_an_early_answer_before_the_body_is_wanted(host):
    client = host.client()
    client.send(b"POST /sandbox/rest/v1/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
                b"Expect: 100-continue\r\n\r\n")
    host.lanes[0].request()
    host.lanes[0].respond(403, body=b"no", drop_body=True)
    status, headers = client.head()
    assert status == 403
    assert client.rest == b"no" or client.exactly(2) == b"no"


def test_the_client_hears_continue_when_the_upstream_wants_the_body(host):
    client = host.client()
    client.send(b"POST /sandbox/rest/v1/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
                b"Expect: 100-continue\r\n\r\n")
    host.lanes[0].request()
    client.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.more()
    client.socket.settimeout(20)
    host.lanes[0].go_on()
    assert client.head()[0] == 100
    client.send(b"x" * 100_000)
    assert host.lanes[0].body() == b"x" * 100_000
    host.lanes[0].respond(200, body=b"fine")
    assert client.answer().body == b"fine"


def test_a_body_that_is_too_large(host):
    host.configure(gh.ALLOW_ALL + "body_max = 100K\n")
    client = host.client().ask(method="POST", body=b"x" * 102_401)
    refused(client, 413, "body_too_large")
    client = host.client().ask(method="POST", headers=("Transfer-Encoding: chunked",),
                               body=b"%x\r\n%s\r\n0\r\n\r\n" % (102_401, b"x" * 102_401))
    host.lanes[0].request()
    host.lanes[0].go_on()
    host.lanes[0].aborted()
    refused(client, 413, "body_too_large")
    client.ask(method="POST", body=b"x")
    host.lanes[0].request()
    host.lanes[0].respond(200, body=b"fine")
    assert client.answer().body == b"fine"


# ---- limits ----

def test_so_many_at_a_time_and_the_others_in_turn(tmp_path):
    host = Host(tmp_path, lanes=20)
    clients = [host.client().ask(path=f"/sandbox/rest/v1/{at}") for at in range(18)]
    for lane in host.lanes[:16]:
        lane.request()
    eventually(lambda: host.metrics()["waiting"] == 2)
    assert host.metrics()["in_flight"] == 16
    host.lanes[16].nothing(0.1)
    for lane in host.lanes[:16]:
        lane.respond(200, body=b"fine")
    for _ in range(2):
        host.request()[0].respond(200, body=b"fine")
    assert all(client.answer().body == b"fine" for client in clients)
    host.close()


def test_a_lane_for_each_of_those_that_wait(host):
    clients = [host.client().ask(path=f"/sandbox/rest/v1/{at}") for at in range(4)]
    for _ in range(4):
        host.request()[0].respond(200, body=b"fine")
    assert all(client.answer().body == b"fine" for client in clients)


@pytest.mark.slow("nobody gets a lane for a minute")
def test_no_lane_for_a_minute(tmp_path):
    host = Host(tmp_path, lanes=0)
    client = host.client().ask()
    client.socket.settimeout(80)
    assert refused(client, 503, "gateway_busy").header("Retry-After")
    host.close()


@pytest.mark.slow("a body stops for a minute", first=True)
def test_a_body_that_stops(host):
    clients = [host.client(), host.client()]
    clients[0].send(b"POST /sandbox/rest/v1/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx")
    clients[1].send(b"POST /sandbox/rest/v1/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nx")
    host.lanes[0].request()
    host.lanes[0].go_on()
    for client in clients:
        client.socket.settimeout(80)
        refused(client, 408, "upload_stalled")
    host.lanes[0].aborted()
    eventually(lambda: len(logged(host, "POST /rest/v1/a ")) == 2)
    lines = sorted(logged(host, "POST /rest/v1/a "))
    assert " not passed on for " in lines[0] and ": 408 upload_stalled" in lines[0]
    assert " passed on for " in lines[1] and ": 408 upload_stalled, cut off" in lines[1]
    assert host.metrics()['requests_total{class="4xx"}'] == 2


def test_the_forwarder_is_the_first_to_lose_patience(host):
    """Its time for the answer begins once it has a connection, for which it may have to wait."""
    host.configure(gh.ALLOW_ALL + "answer_timeout = 1s\n")
    client = host.client().ask()
    host.lanes[0].request()
    host.lanes[0].nothing(4)
    host.lanes[0].respond(200, body=b"fine")
    assert client.answer().body == b"fine"


@pytest.mark.slow("two minutes of a forwarder that answers nothing, or takes nothing", first=True)
def test_a_forwarder_that_does_its_part_late_or_not_at_all(tmp_path):
    """The honest one would give all of it up itself, and sooner. An upload that goes on bit by bit is not given up, nor one
    that begins late, as there was no connection for it."""
    host = Host(tmp_path, lanes=4, settings=gh.ALLOW_ALL + "answer_timeout = 1s\n")
    silent, stuck, slow, late = clients = [host.client() for _ in range(4)]
    of_silent, of_stuck, of_slow, of_late = host.lanes
    for client in clients:
        client.socket.settimeout(200)
    silent.ask()
    of_silent.request()
    for client, lane in ((stuck, of_stuck), (slow, of_slow)):
        in_background(lambda client=client: client.ask(method="POST", body=b"x" * 2_000_000))
        lane.request()
        lane.go_on()
    in_background(lambda: late.ask(method="POST", headers=["X-A: " + "a" * 3000], body=b"x" * 60_000))
    of_late.request()
    begun = time.monotonic()
    waits = [silent, stuck]
    while waits:
        for one in select.select([client.socket for client in waits], [], [], 10)[0]:
            client, = (client for client in waits if client.socket is one)
            refused(client, 504, "upstream_slow")
            assert time.monotonic() - begun > 120
            waits.remove(client)
        assert time.monotonic() - begun < 180, "it goes on"
        if of_late and time.monotonic() - begun > 80:
            assert len(of_late.body()) == 60_000, "there was a connection at last"
            of_late.respond(200, body=b"fine")
            assert late.answer().body == b"fine"
            of_late = None
        assert of_slow.packet()[0] == gh.DATA
    assert not select.select([slow.socket], [], [], 5)[0]
    assert len(of_slow.body()) > 1_000_000
    of_slow.respond(200, body=b"fine")
    assert slow.answer().body == b"fine"
    assert host.news.get(timeout=20) == "!dead 1 2", "no room for an abort"
    of_silent.aborted()
    host.close()


# ---- the end, and other settings ----

def test_requests_on_their_way_end_before_the_daemon(host):
    client = host.client().ask()
    host.lanes[0].request()
    host.tell("drain")
    host.lanes[0].nothing(0.2)
    assert host.news.empty()
    other = host.client()
    refused(other.ask(method="POST", body=b"x" * 100_000), 503, "stopping")
    eventually(lambda: any(": 503 stopping" in line for line in logged(host, " not passed on for ")))
    late = host.client().ask()  # does not prolong it
    host.lanes[1].request()
    host.lanes[0].respond(200, body=b"fine")
    assert client.answer().body == b"fine"
    assert host.news.get(timeout=20) == "!drained"
    host.lanes[1].respond(200, body=b"fine")
    assert late.answer().body == b"fine"


def test_an_answer_that_pauses_is_cut_off_before_the_daemon_ends(host):
    client = host.client().ask()
    host.lanes[0].request()
    host.lanes[0].respond(200, length=1000, last=False, body=b"x" * 10)
    client.head()
    client.exactly(10)
    host.tell("drain-http")
    with pytest.raises((EOFError, ConnectionResetError)):
        client.exactly(1000)
    host.lanes[0].aborted()
    assert host.news.get(timeout=20) == "!drained"


def test_a_local_key_that_is_removed_ends_its_requests(tmp_path):
    keys = local_key("reports", "s3cret" * 8, "GET /rest/v1/**") + local_key("others", "t3cret" * 8, "GET /rest/v1/**")
    host = Host(tmp_path, local=keys)
    clients = []
    for name, secret in ("reports", "s3cret" * 8), ("others", "t3cret" * 8):
        basic = base64.b64encode(f"lk-{name}:{secret}".encode()).decode()
        clients.append(host.client(tcp=True).ask(headers=(f"Authorization: Basic {basic}",)))
    for lane in host.lanes:
        lane.request()
    host.configure(local=local_key("others", "t3cret" * 8, "GET /rest/v1/**"))
    ended = select.select([lane.ours for lane in host.lanes], [], [], 20)[0]
    assert len(ended) == 1
    first = next(lane for lane in host.lanes if lane.ours is ended[0])
    first.aborted()
    with pytest.raises((EOFError, ConnectionResetError)):
        clients[0].answer()
    other = next(lane for lane in host.lanes if lane is not first)
    other.respond(200, body=b"fine")
    assert clients[1].answer().body == b"fine"
    host.close()


def under_way(host, **callers):
    """A request with a local key each, of which a reload says that only these callers have it, and no name is looked up yet."""
    def sections(more):
        return "".join(local_key(name, name * 32, "GET /rest/v1/**", **more.get(name, {})) for name in callers)
    host.configure(local=sections({}))
    begun = {}
    for name in callers:
        basic = base64.b64encode(f"lk-{name}:{name * 32}".encode()).decode()
        client = host.client(tcp=True).ask(headers=(f"Authorization: Basic {basic}",))
        lane, _ = host.request()
        begun[name] = lane, client
    host.tell("names-late")
    host.configure(local=sections({name: {"caller": who} for name, who in callers.items()}))
    return begun


def test_a_key_that_a_reload_gives_to_others_by_name_ends_its_requests(host):
    begun = under_way(host, goes="user:nobody-of-that-name", stays=f"user:nobody-of-that-name\ncaller = uid:{os.getuid()}")
    for lane, _ in begun.values():
        lane.nothing()  # the names are being looked up
    host.tell("names")
    lane, client = begun["goes"]
    lane.aborted()
    with pytest.raises((EOFError, ConnectionResetError)):
        client.answer()
    lane, client = begun["stays"]
    lane.respond(200, body=b"fine")
    assert client.answer().body == b"fine"


@pytest.mark.slow("the user database is waited for")
def test_names_that_are_never_looked_up_end_requests_as_well(host):
    begun = under_way(host, goes="user:nobody-of-that-name", stays=f"user:nobody-of-that-name\ncaller = uid:{os.getuid()}")
    lane, client = begun["goes"]
    lane.nothing(5)
    lane.aborted(60)
    with pytest.raises((EOFError, ConnectionResetError)):
        client.answer()
    lane, client = begun["stays"]
    lane.respond(200, body=b"fine")
    assert client.answer().body == b"fine"


def test_a_gateway_that_is_turned_off_ends_its_requests(host):
    client = host.client().ask()
    host.lanes[0].request()
    host.configure(gateway="no")
    host.lanes[0].aborted()
    with pytest.raises((EOFError, ConnectionResetError)):
        client.answer()
    refused(host.client().ask(), 404, "gateway_off")


def test_a_gateway_that_is_turned_off_is_off_for_a_request_that_waits_for_its_place(host):
    one_at_a_time = "[broker]\nmax_connections_per_user = 1\n"
    host.configure(local=one_at_a_time)
    first = host.client().ask()
    host.lanes[0].request()
    waits = host.client().ask()
    eventually(lambda: host.connections() == 2)
    for _ in range(3):
        host.connections()  # turns of its loop, in which it comes to wait
    host.configure(gateway="no", local=one_at_a_time)
    refused(waits, 404, "gateway_off")
    host.lanes[1].nothing(0.1)
    host.lanes[0].aborted()
    with pytest.raises((EOFError, ConnectionResetError)):
        first.answer()


def test_a_request_that_is_not_sent_yet_is_judged_by_the_new_rules(host):
    clients = [host.client(), host.client()]
    for at, client in enumerate(clients):
        client.send(b"POST /sandbox/rest/v1/%d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nx" % at)
    eventually(lambda: host.connections() == 2)
    host.configure("deny = any * /rest/v1/0\n" + gh.ALLOW_ALL)
    for client in clients:
        client.send(b"y")
    refused(clients[0], 403, "rule_refused")
    eventually(lambda: logged(host, "POST /rest/v1/0 "))
    (line,) = logged(host, "POST /rest/v1/0 ")
    assert "not passed on for" in line and "403 rule_refused" in line
    assert host.metrics()["refused_total"] == 1
    lane, request = host.request()
    assert request.target == "/rest/v1/1" and request.body == b"xy"
    lane.respond(200, body=b"fine")
    assert clients[1].answer().body == b"fine"


def test_a_reload_leaves_the_others_alone(host):
    client = host.client().ask()
    host.lanes[0].request()  # whose lane is whose
    other = host.client()
    in_background(lambda: other.ask(method="POST", body=b"x" * 1_000_000))
    host.lanes[1].request()
    host.configure()
    host.lanes[1].go_on()
    assert len(host.lanes[1].body()) == 1_000_000
    host.configure()
    for lane in host.lanes:
        lane.respond(200, body=b"fine")
    assert client.answer().body == b"fine" and other.answer().body == b"fine"
