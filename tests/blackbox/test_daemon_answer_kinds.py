"""eqp-brokerd: answers of what stands in front of the upstream are told as what they are, and no echo is shown."""

import base64
import email.utils
import time

import pytest

from authorities import Authority
from broker import Broker
from simulator import EXAMPLE_ID, EXAMPLE_KEY, EXAMPLE_SECRET, Simulator
from test_daemon_large_answers import Talker

PAGE = {"body": "<html>no</html>", "content_type": "text/html; charset=utf-8"}
TEXT = {"body": "no", "content_type": "text/plain"}
RAY = {"headers": {"CF-Ray": "8a1b-FRA"}}
BLOCK, MAINTENANCE = "a block page of a content network", "a maintenance page"
# name: (the answer, outcome, kind, words)
KINDS = {
    "page-403": ({"status": 403, **PAGE}, "request_refused", "block_page", BLOCK),
    "page-429": ({"status": 429, **PAGE}, "throttled", "block_page", BLOCK),
    "network-403": ({"status": 403, **TEXT, **RAY}, "request_refused", "block_page", BLOCK),
    "server-403": ({"status": 403, **TEXT, "headers": {"Server": "AkamaiGHost"}}, "request_refused", "block_page", BLOCK),
    "empty-403": ({"status": 403, "body": "", **RAY}, "request_refused", "block_page", BLOCK),
    "network-503": ({"status": 503, **TEXT, **RAY}, "unavailable", "block_page", BLOCK),
    "json-403": ({"status": 403, **RAY}, "request_refused", "plain", "the request was refused"),
    "text-403": ({"status": 403, **TEXT}, "request_refused", "plain", "the request was refused"),
    "page-503": ({"status": 503, **PAGE, **RAY}, "unavailable", "maintenance_page", MAINTENANCE),
    "pause-503": ({"status": 503, **PAGE, "retry_after": 60}, "throttled", "maintenance_page", MAINTENANCE),
    "page-200": ({"status": 200, **PAGE}, "malformed", "maintenance_page", MAINTENANCE),
    "page-401": ({"status": 401, **PAGE, **RAY}, "key_refused", "plain", "compare its ID and secret"),
    "redirect": ({"status": 307, "headers": {"Location": "https://a:b@www.example.com:8443/x?y=z"}}, "malformed",
                 "redirect", "a redirect to www.example.com is not followed"),
    "nowhere": ({"status": 302, "headers": {"Location": "/login"}}, "malformed", "redirect", "a redirect is not followed"),
}


@pytest.fixture(scope="module")
def statuses():
    with Simulator(list(KINDS)) as simulator:
        for name, (fault, *_) in KINDS.items():
            simulator.fault(name, "status", **fault)
        with Broker(simulator, keys={name: EXAMPLE_KEY for name in KINDS}) as broker:
            yield {name: broker.wait_status(name, lambda status: status["last_unknown_answer"]) for name in KINDS}, broker


@pytest.mark.parametrize("name", KINDS)
def test_kind(statuses, name):
    fault, outcome, kind, words = KINDS[name]
    trouble, answer = (statuses[0][name][part] for part in ("last_trouble", "last_unknown_answer"))
    assert (trouble["outcome"], trouble["kind"], answer["kind"]) == (outcome, kind, kind)
    assert trouble["message"].startswith(f"HTTP {fault['status']}: {words}") and trouble["sent"]
    assert "a:b@" not in str(statuses[0][name]) and "y=z" not in str(statuses[0][name])
    priority = 3 if kind in ("plain", "redirect") else 4
    assert statuses[1].log(f"^{name}: .*{words}", priority=priority)


@pytest.mark.parametrize("secret", [EXAMPLE_SECRET, EXAMPLE_ID, EXAMPLE_SECRET.upper(),
                                    base64.b64encode(EXAMPLE_KEY.encode()).decode().rstrip("=")],
                         ids=["secret", "id", "upper-case", "basic"])
def test_an_echo_in_the_head_is_not_shown(upstream, make_broker, secret):
    upstream.fault("sandbox", "status", status=400, content_type=f"{40 * 'a '} application/{secret}; a={secret}",
                   message="no", headers={f"X-{secret}": secret, secret: "x", "Location": f"https://{secret}.example/",
                                          "Server": secret})
    broker = make_broker(upstream, keys={"sandbox": EXAMPLE_KEY})
    broker.keep_secret(secret, secret.lower(), secret[:20])
    answer = broker.wait_status("sandbox", lambda status: status["last_unknown_answer"])["last_unknown_answer"]
    assert "[hidden]" in answer["header_names"] or len(secret) > 64, "longer names are not kept at all"
    assert "server" in answer["header_names"] and answer["redirect_host"] == ""
    upstream.clear_faults()
    upstream.fault("sandbox", "status", status=400, content_type=f"application/{secret}", message="no")
    broker.refresh()
    answer = broker.status("sandbox")["last_unknown_answer"]
    assert "[hidden]" in answer["content_type"]
    broker.check_text(broker.text(), "the log")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"), "company")


def first_status(authority, answer, outcome):
    """Of the first answer that came in time: a second is short for a connection on a busy machine."""
    with (Talker(authority, answer) as upstream,
          Broker(keys={"sandbox": EXAMPLE_KEY}, tcp=False, environments={
              "sandbox": f"base_url = {upstream.url}\nca_file = {authority.path}\nexchange_timeout = 1s"}) as broker):
        return broker.wait_status("sandbox", lambda status: (status["last_trouble"] or {}).get("outcome") == outcome
                                  and status["last_trouble"]["sent"])


@pytest.mark.parametrize("head, outcome", [
    (b"401 Unauthorized", "key_refused"), (b"403 Forbidden\r\nContent-Type: text/html", "request_refused"),
    (b"429 Too Many Requests\r\nRetry-After: 30", "throttled"), (b"302 Found", "malformed"), (b"200 OK", "unavailable"),
], ids=["401", "403", "429", "302", "200"])
def test_an_answer_that_breaks_off_is_judged_by_its_status(authority, head, outcome):
    """Not so one that could have been a grant."""
    status = first_status(authority, b"HTTP/1.1 " + head + b"\r\nContent-Length: 99\r\n\r\n{", outcome)
    assert status["last_trouble"]["outcome"] == outcome and status["last_trouble"]["sent"]
    assert outcome == "unavailable" or status["last_trouble"]["message"].startswith(f"HTTP {head[:3].decode()}: ")
    assert outcome != "throttled" or 20 <= status["next_refresh_in_sec"] <= 40


@pytest.mark.parametrize("wrong", [-86400, 86400], ids=["behind", "ahead"])
def test_a_date_counts_by_the_upstreams_own_clock(authority, wrong):
    now = time.time() + wrong
    status = first_status(authority, b"HTTP/1.1 503 x\r\nDate: %b\r\nRetry-After: %b\r\nContent-Length: 0\r\n\r\n" % tuple(
        email.utils.formatdate(moment, usegmt=True).encode() for moment in (now, now + 30)), "throttled")
    assert status["last_trouble"]["outcome"] == "throttled" and 20 <= status["next_refresh_in_sec"] <= 40


@pytest.mark.parametrize("fault", [{"status": 403}, {"status": 403, **PAGE}], ids=["json", "page"])
def test_the_spare_is_tried_after_403(upstream, make_broker, fault):
    upstream.add_key("sandbox", "SPARE123", "spare-secret")
    upstream.fault("sandbox", "status", count=1, **fault)
    broker = make_broker(upstream, keys={"sandbox.1-main": EXAMPLE_KEY, "sandbox.2-spare": "SPARE123:spare-secret"})
    status = broker.wait_status("sandbox", lambda status: status["token"], timeout=20)
    assert status["token"]["key"] == "2-spare"
