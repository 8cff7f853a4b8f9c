"""eqp-brokerd: reading the configuration again while it serves."""

import signal
import socket
import threading
import time

import pytest

from broker import PATIENT, free_port, standing_still, wait_until
from local_keys import BODY, basic, session_path
from simulator import EXAMPLE_KEY, Simulator
from test_daemon_callers import as_user
from test_daemon_key_changes import SPARE, SPARE_KEY


def get(port, path="/livez"):
    """One request to a TCP port, whatever the daemon's first one is: the status."""
    with socket.create_connection(("127.0.0.1", port), 10) as stream:
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nEQP-Client: a\r\nConnection: close\r\n\r\n".encode())
        return int(stream.makefile("rb").readline().split()[1])


def test_an_unchanged_configuration_changes_nothing(broker, upstream):
    ust = broker.token()["ust"]
    with broker.connection("tcp") as connection:
        for _ in range(5):
            broker.reload()
            assert connection.ask("GET", "/v1/sandbox/token", {"EQP-Client": "a"}).status == 200
    assert broker.token()["ust"] == ust
    assert upstream.state("sandbox")["requests"]["token"] == 1
    assert len(broker.log("listening on")) == 2, "the sockets stay open"


@pytest.mark.parametrize("line, words", [
    ("metrics = perhaps", "write yes or no"), ("nonsense", "no setting"), ("allow = everybody", "no rule")])
def test_an_error_leaves_everything_as_it_was(broker, line, words):
    ust = broker.token()["ust"]
    broker.broker_lines = line + "\nlisten = 127.0.0.1:1\n"
    broker.environments["agency"] = "base_url = https://localhost:1"
    broker.write_config()
    assert words in broker.reload(good=False)
    assert broker.token()["ust"] == ust and broker.token(via="tcp")["ust"] == ust
    assert broker.get("/v1/agency/token").error() == (404, "unknown_environment")
    broker.broker_lines = ""
    broker.write_config()
    broker.reload()
    assert broker.token()["ust"] == ust
    assert broker.get("/v1/agency/token?wait=0").error() == (503, "no_token")


def test_a_missing_file_leaves_everything_as_it_was(broker):
    broker.config_path.unlink()
    assert "No such file" in broker.reload(good=False)
    assert broker.token()["ust"]


def test_listeners_come_and_go(broker):
    first, second = broker.port, free_port()
    with broker.connection("tcp") as connection:
        assert connection.ask("GET", "/livez").status == 200
        broker.port = second
        broker.write_config()
        broker.reload()
        assert get(second) == 200
        with pytest.raises(ConnectionRefusedError):
            get(first)
        assert connection.ask("GET", "/livez").status == 200, "what was accepted stays"

    broker.broker_lines = f"listen = 127.0.0.1:{first}\nlisten = {broker.directory}/second.sock"
    broker.write_config()
    broker.reload()
    assert (get(first), get(second)) == (200, 200)
    assert (broker.directory / "second.sock").is_socket()
    broker.broker_lines = ""
    broker.write_config()
    broker.reload()
    assert not (broker.directory / "second.sock").exists()


def test_a_listener_that_cannot_be_had_leaves_everything_as_it_was(broker):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        old, new = broker.port, free_port()
        broker.port = new
        broker.broker_lines = f"listen = 127.0.0.1:{taken.getsockname()[1]}"
        broker.environments["agency"] = "base_url = https://localhost:1"
        broker.write_config()
        broker.reload(good=False)
        assert broker.log("cannot listen on .* another program listens there", priority=3)
        assert get(old) == 200 and broker.token()["ust"]
        with pytest.raises(ConnectionRefusedError):
            get(new)
        assert broker.get("/v1/agency/token").error() == (404, "unknown_environment")


def test_an_environment_comes_and_goes(make_broker):
    with Simulator(["sandbox", "agency"]) as simulator:
        broker = make_broker(simulator, keys={"sandbox": EXAMPLE_KEY, "agency": EXAMPLE_KEY}, environments={"agency": None})
        broker.wait_valid("sandbox")
        ust = broker.token()["ust"]
        assert broker.get("/v1/agency/token").error() == (404, "unknown_environment")
        assert broker.log("key file .*/agency is not used: there is no environment of that name")

        broker.environments["agency"] = ""
        broker.write_config()
        broker.reload()
        broker.wait_valid("agency")  # its key was there already
        assert broker.token("agency")["base_url"] == simulator.urls["agency"]

        del broker.environments["agency"]
        broker.write_config()
        broker.reload()
        assert broker.get("/v1/agency/token").error() == (404, "unknown_environment")
        assert [row["name"] for row in broker.status()["environments"]] == ["production", "sandbox"]
        assert broker.token()["ust"] == ust and simulator.state("sandbox")["requests"]["token"] == 1


def test_an_environment_goes_while_somebody_waits_for_it(make_broker):
    with Simulator(["sandbox", "agency"]) as simulator:
        simulator.fault("agency", "hang")
        broker = make_broker(simulator, keys={"sandbox": EXAMPLE_KEY, "agency": EXAMPLE_KEY}).wait_valid("sandbox")
        answers = []

        def wait():
            answers.append(broker.get("/v1/agency/token?wait=30"))

        def refresh():
            answers.append(broker.post("/v1/agency/refresh"))

        threads = [threading.Thread(target=what) for what in (wait, wait, refresh)]
        for thread in threads:
            thread.start()
        broker.wait_connections(3)
        del broker.environments["agency"]
        broker.write_config()
        broker.reload()
        for thread in threads:
            thread.join(30)
        assert [answer.error() for answer in answers] == [(404, "unknown_environment")] * 3
        assert broker.token()["ust"]


def test_an_environment_goes_just_as_its_news_comes(make_broker):
    """Both in one turn of the loop: those who waited were told, and had no time to look yet."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        broker = make_broker(keys={"agency": EXAMPLE_KEY}, environments={"agency": f"base_url = {url}"})
        stream, _ = silent.accept()
        answers = []
        thread = threading.Thread(target=lambda: answers.append(broker.get("/v1/agency/token?wait=10")))
        thread.start()
        broker.wait_connections(1)
        with standing_still(broker.process):
            stream.close()
            del broker.environments["agency"]
            broker.write_config()
            broker.send(signal.SIGHUP)
        thread.join(30)
        assert [answer.error() for answer in answers] == [(404, "unknown_environment")]


def test_a_request_that_waits_survives_a_reload(upstream, make_broker):
    answers = []
    with standing_still(upstream.process):
        broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                             environments={"sandbox": PATIENT})
        thread = threading.Thread(target=lambda: answers.append(broker.get("/v1/sandbox/token?wait=30", timeout=60)))
        thread.start()
        broker.wait_connections(1)
        broker.reload()
    thread.join(60)
    assert answers[0].status == 200
    assert upstream.state("sandbox")["requests"]["token"] == 1


def test_reloads_do_not_make_a_wait_longer(upstream, make_broker):
    """However often they come: the wait counts from the request."""
    for environment in ("sandbox", "production"):
        upstream.fault(environment, "hang")
    # One who asks in the place of the EQP API waits as long as an exchange may take.
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY, "production": EXAMPLE_KEY},
                         environments={"sandbox": PATIENT, "production": "connect_timeout = 1s\nexchange_timeout = 2s"})
    answers, exchanges = [], []

    def ask(words):
        answers.append(broker.request(*words))
        exchanges.append(broker.status("production")["exchanges"]["total"])

    threads = [threading.Thread(target=ask, args=(words,)) for words in (
        ("GET", "/v1/sandbox/token?wait=2"), ("GET", "/v1/sandbox/token?wait=2&min_ttl=60"),
        ("POST", session_path("production"), basic("nightly", "anything"), BODY))]
    for thread in threads:
        thread.start()
    broker.wait_connections(len(threads))

    def reload():
        broker.reload()
        return not any(thread.is_alive() for thread in threads)

    wait_until(reload, "answers", interval=0.3)
    assert [answer.status for answer in answers] == [503] * 3
    assert max(exchanges) <= 2, "the third of them takes another 2 s"


def test_a_waiting_caller_is_judged_by_the_new_rules(upstream, make_broker, stranger):
    upstream.fault("sandbox", "hang")
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=f"allow = uid:{stranger}",
                         environments={"sandbox": PATIENT})
    answers = []
    thread = threading.Thread(target=lambda: answers.append(
        as_user(stranger, broker, "unix", "/v1/sandbox/token?wait=30")))
    thread.start()
    broker.wait_connections(1)
    broker.broker_lines = "allow = uid:1"
    broker.write_config()
    broker.reload()
    thread.join(20)
    assert [status for status, _ in answers] == [403]


def test_a_refresh_that_waits_is_one_wish(upstream, make_broker):
    """The first key was refused and rests, the second one's turn is next: a second wish would end that rest."""
    upstream.add_key("sandbox", *SPARE)
    broker = make_broker(upstream, keys={"sandbox.1": EXAMPLE_KEY, "sandbox.2": SPARE_KEY}).wait_valid()
    upstream.fault("sandbox", "refuse", count=1)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(broker.refresh()))
    thread.start()
    broker.wait_log(r"refused the access key \(key 1\)")
    broker.reload()
    thread.join(30)
    assert (answers[0]["refreshed"], answers[0]["key"]) == (True, "2")


def test_another_base_url_is_another_account(make_broker):
    with Simulator(["sandbox", "other"]) as simulator:
        broker = make_broker(simulator, keys={"sandbox": EXAMPLE_KEY}).wait_valid()
        old = broker.token()["ust"]
        broker.environments["sandbox"] = f"base_url = {simulator.urls['other']}"
        simulator.settings("other", latency_ms=300)
        broker.write_config()
        broker.reload()
        new = broker.token(query="?wait=10")
        assert new["ust"] != old and new["base_url"] == simulator.urls["other"]
        assert simulator.state("other")["requests"]["granted"] == 1
        bearer = {"Authorization": "Bearer " + new["ust"]}
        assert simulator.request("other", "GET", "/rest/v1/x", headers=bearer)[0] == 200


def test_another_lifetime_and_authority_count_from_the_next_exchange(broker):
    broker.environments["sandbox"] = "lifetime = 10min"
    broker.write_config()
    broker.reload()
    assert broker.token()["expires_in"] > 7000
    broker.refresh()
    assert 500 < broker.token()["expires_in"] < 600
    broker.environments["sandbox"] = "ca_file = /nonexistent"
    broker.write_config()
    broker.reload()
    answer = broker.refresh()
    assert answer["outcome"] == "unavailable" and "ca_file" in answer["message"]
    assert broker.token()["expires_in"] > 500


def test_a_lifetime_that_the_budget_cannot_bear_is_warned_of(upstream, make_broker):
    remark = "^sandbox: lifetime = .* is shorter than the hourly budget can bear"
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": "lifetime = 85s"}).wait_valid()
    line, = broker.log(remark, priority=4)
    assert "renewed late in their lives" in line
    broker.environments["sandbox"] = "lifetime = 60s"
    broker.write_config()
    broker.reload()
    assert "no token for a part of the time" in broker.log(remark, priority=4)[1]
    broker.environments["sandbox"] = "lifetime = 2min"
    broker.write_config()
    broker.reload()
    assert len(broker.log(remark)) == 2


def test_limits_and_metrics(broker):
    broker.broker_lines = "metrics = no"
    broker.write_config()
    broker.reload()
    assert broker.get("/metrics").status == 404
    with broker.connection() as first, broker.connection() as second:
        assert [connection.ask("GET", "/v1/status").status for connection in (first, second)] == [200] * 2
        broker.broker_lines = "max_connections_per_user = 1"
        broker.write_config()
        broker.reload()
        assert [connection.ask("GET", "/v1/status").status for connection in (first, second)] == [200] * 2, "who is in stays in"


def test_wider_limits_hold_for_who_is_in(broker):
    """A connection from the time of the narrow ones does not wait for what there is now."""
    broker.broker_lines = "max_connections_per_user = 1"
    broker.write_config()
    broker.reload()
    with broker.connect() as busy, broker.connection() as first, broker.connection() as second:
        busy.sendall(b"GET /livez HTTP/1.1\r\n")
        for connection in (first, second):
            assert connection.ask("GET", "/livez").status == 200, "taken in for the sake of health"
        second.request("GET", "/v1/status")
        broker.broker_lines = "max_connections_per_user = 3"
        broker.write_config()
        began = time.monotonic()
        broker.reload()
        assert second.getresponse().status == 200 and time.monotonic() - began < 8
        assert first.ask("GET", "/v1/status").status == 200


def test_drop_ins_are_read_again(broker):
    folder = broker.directory / "eqp-brokerd.conf.d"
    folder.mkdir()
    (folder / "a.conf").write_text("[broker]\nmetrics = no\n")
    broker.reload()
    assert broker.get("/metrics").status == 404
    (folder / "a.conf").unlink()
    broker.reload()
    assert broker.get("/metrics").status == 200


def test_no_request_is_lost_over_many_reloads(broker):
    stop, failures, served = threading.Event(), [], []

    def client(via):
        while not stop.is_set():
            try:
                with broker.connection(via) as connection:
                    for _ in range(5):
                        answer = connection.ask("GET", "/v1/sandbox/token", {"EQP-Client": "a"})
                        (served if answer.status == 200 else failures).append(answer)
            except OSError as error:
                failures.append(error)

    threads = [threading.Thread(target=client, args=(via,)) for via in ("unix", "tcp", "unix", "tcp")]
    for thread in threads:
        thread.start()
    n = 0

    def many():
        nonlocal n
        n += 1
        broker.environments["production"] = f"lifetime = {n % 24 + 1}h"
        broker.write_config()
        broker.reload()
        return n >= 20 and len(served) > 100

    try:
        wait_until(many, "20 reloads and 100 requests", 180, interval=0)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []


def test_signals_in_quick_succession(broker):
    for _ in range(50):
        broker.send(signal.SIGHUP)
        time.sleep(0.001)
    broker.wait_log("read again", 1)
    assert broker.token()["ust"]


def test_a_longer_lifetime_can_be_had_at_once(upstream, make_broker):
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": "lifetime = 10min"}).wait_valid()
    assert broker.get("/v1/sandbox/token?min_ttl=3000").error() == (422, "min_ttl_unattainable")
    broker.environments["sandbox"] = "lifetime = 1h"
    broker.write_config()
    broker.reload()
    assert broker.token(query="?min_ttl=3000&wait=10")["expires_in"] >= 3000


@pytest.mark.parametrize("asks", ["after the exchange", "during the exchange"])
def test_a_longer_lifetime_during_an_exchange(upstream, make_broker, asks):
    """The life that this exchange obtains is not the most there is."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(broker.get("/v1/sandbox/token?min_ttl=3000&wait=30")))
    with standing_still(upstream.process):
        broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY},
                             environments={"sandbox": PATIENT + "\nlifetime = 5min"})
        broker.wait_status("sandbox", lambda status: status["exchange_in_flight"])
        broker.environments["sandbox"] = PATIENT + "\nlifetime = 2h"
        broker.write_config()
        broker.reload()
        if asks == "during the exchange":
            thread.start()
            broker.wait_connections(1)
    if asks == "after the exchange":
        broker.wait_valid()
        thread.start()
    thread.join(60)
    assert answers[0].status == 200 and answers[0].json()["expires_in"] >= 3000
    assert upstream.state("sandbox")["requests"]["token"] == 2
