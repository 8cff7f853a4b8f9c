"""eqp-brokerd: an upstream that sends the key back, in any form and any place. Nothing of that is shown to anybody."""

import base64
import json
import re
import subprocess
import urllib.parse

import pytest

from authorities import Authority
from broker import BARE_ENVIRONMENT, Broker, binary
from test_daemon_large_answers import Talker
from test_eqpctl_doctor import doctor

ID, SECRET = "AQ17NZ49WC", "Sw0&d+f/sh"  # too short, and too odd, to be taken for a token
KEY = f"{ID}:{SECRET}"
BASIC = base64.b64encode(KEY.encode()).decode()
FORMS = {
    "plain": (ID, SECRET),
    "both": (KEY,),
    "basic": (BASIC, "Basic " + BASIC),
    "url": (urllib.parse.quote(SECRET, safe=""), urllib.parse.quote(KEY, safe="").lower()),
    "json": (SECRET.replace("/", "\\/"), "".join(c if c.isalnum() else f"\\u{ord(c):04x}" for c in SECRET)),
    "xml": ("".join(c if c.isalnum() else f"&#{ord(c)};" for c in SECRET), "".join(f"&#x{ord(c):x};" for c in KEY)),
    "case": (SECRET.swapcase(), ID.lower(), BASIC.swapcase()),
    "split": (SECRET[:4] + "'" + SECRET[4:], ID[:5] + '"' + ID[5:], "-".join(ID), "'".join(re.findall("..?.?", BASIC))),
}
# Forms from which a reader could make the key, were they shown.
TRACES = re.compile(r"sw0\W{0,12}(%?26|u?0*26|&?#?38;?)?\W*d|aq17\W*nz4|a\W?q\W?1\W?7|"
                    + r"\W?".join(re.escape(c) for c in BASIC[:12].lower()), re.I)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"), "company")


def answer(status, text, body):
    head = [f"HTTP/1.1 {status} {text}", f"Content-Type: application/{text}; x={text}", f"Server: {text}",
            f"X-{re.sub('[^!-9;-~]', '', text)}: {text}", f"Location: https://{text}.example/{text}",
            f"Retry-After: {text}", f"Date: {text}", f"WWW-Authenticate: Basic realm=\"{text}\""]
    return ("\r\n".join([*head, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body).encode()


def answers(text):
    """One of each kind."""
    yield answer(401, text, json.dumps({"code": 401, "message": f"no {text} here", "error": text}))
    yield answer(400, text, json.dumps({"code": text, "message": f"{text}{text} {text}"}))
    yield answer(302, text, text)
    yield answer(200, text, f"<html>{text}</html>")
    yield f"HTTP/1.1 999{text}\r\n\r\n".encode()
    yield f"{text}\r\n\r\n".encode()
    for field in ("mage_id", "ust"):
        grant = {"mage_id": "MAG123456789", "ust": "made-up-token", "expires_in": 7200} | {field: f"x{text}x"}
        yield answer(200, "OK", json.dumps(grant))


def check(text, where):
    assert not (found := TRACES.search(text)), f"{found[0]!r} in {where}: {text}"


class Echo(Talker):
    """Each request gets the next answer."""

    def __init__(self, authority, text):
        super().__init__(authority, b"")
        self.answers, self.n = list(answers(text)), 0

    def converse(self, stream):
        self.answer = self.answers[self.n % len(self.answers)]
        self.n += 1
        super().converse(stream)


def commands(broker):
    daemon, eqpctl = [binary(), "--config", broker.config_path, "--verbose"], [binary("ctl/eqpctl")]
    return [[*daemon, "--once", "sandbox", "--deadline", "1s"], [*eqpctl, "status"],
            [*eqpctl, "status", "sandbox", "--json"], [*eqpctl, "key", "list"], [*eqpctl, "key", "check"]]


def run(broker, command):
    environment = BARE_ENVIRONMENT | {"EQP_BROKERD": binary(), "EQP_BROKER_CONFIG": str(broker.config_path),
                                      "EQP_BROKER_ADDRESS": f"unix:{broker.socket_path}"}
    result = subprocess.run([*map(str, command)], env=environment, capture_output=True, text=True, timeout=60,
                            input=KEY + "\n", check=False)
    check(result.stdout + result.stderr, " ".join(map(str, command[1:])))
    return result


def serve(upstream, authority, **more):
    return Broker(keys={"sandbox": KEY}, tcp=False, environments={
        "sandbox": f"base_url = {upstream.url}\nca_file = {authority.path}\nexchange_timeout = 1s"}, **more)


@pytest.mark.parametrize("form", FORMS)
def test_no_echo_of_the_key_is_shown_anywhere(authority, form):
    """By a daemon that has seen all these answers, and by all that asks it or the upstream."""
    with Echo(authority, FORMS[form][-1]) as upstream, serve(upstream, authority) as broker:
        for n in range(4):
            broker.wait_status("sandbox", lambda status: sum(status["exchanges"].values()) > n)
            check(broker.post("/v1/sandbox/refresh").body.decode(), "an outcome")
            for path in ("/v1/status", "/metrics", "/readyz", "/v1/sandbox/token?wait=0"):
                check(broker.get(path).body.decode(), path)
        for command in commands(broker):
            run(broker, command)
        check(doctor(broker)[1], "the doctor's report")
        check(broker.text(), "the log")
    assert upstream.n >= 6


@pytest.mark.parametrize("form", FORMS)
def test_no_echo_is_shown_when_a_key_is_tried(authority, form):
    """Each of these answers, and each of these forms."""
    for text in FORMS[form]:
        with Echo(authority, text) as upstream, serve(upstream, authority, start=False) as broker:
            for number in range(len(upstream.answers)):
                result = run(broker, [binary(), "--config", broker.config_path, "--try-key", "sandbox"])
                if SECRET in text or BASIC in text:
                    assert result.returncode != 0, f"no caller gets a key: {upstream.answers[number]}"
            assert upstream.n >= number
