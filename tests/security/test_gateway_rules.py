"""Ways round the gateway's rules by spelling. The upstream is the most generous one that there can be: whatever a framework
somewhere takes for the path or the method that was denied, it takes for it."""

import concurrent.futures
import itertools
import os
import random
import re
import unicodedata
import urllib.parse

import pytest

from authorities import Authority
from recorder import Recorder
from simulator import EXAMPLE_KEY
from wire import get

SEED = int(os.environ.get("EQP_SEED", "20261128"))
N_CASES = int(os.environ.get("EQP_CASES", "3000"))
RULES = ("encoded_slash = yes", "deny = any * /rest/v1/users/*/keys/**", "deny = any DELETE /rest/v1/**",
         "allow = any * /rest/v1/users/**", "allow = any * /rest/v1/app/**", "allow = any GET /rest/v1/exact/*/end")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authorities"), "company")


@pytest.fixture
def upstream(authority):
    with Recorder(authority) as upstream:
        yield upstream


@pytest.fixture
def broker(upstream, make_broker):
    return make_broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker="allow = any",
                       environments={"sandbox": upstream.gateway(*RULES)}).wait_valid()


def readings(target):
    """All that somebody could take its path for: decoded once or often, in any case, cut at what is decoded to ? or #, with
    its segments cut at dots, semicolons and blanks, dots and slashes tidied up."""
    texts = [target.partition("?")[0]]
    for _ in range(3):
        texts.append(urllib.parse.unquote(texts[-1].replace("\\", "/"), errors="replace"))
    for text in texts:
        text = unicodedata.normalize("NFKC", text).casefold()
        for path in {text, re.sub(r"[?#].*", "", text, flags=re.S)}:
            segments = []
            for segment in path.replace("\\", "/").split("/"):
                segment = re.sub(r"(?<=.)[;.\s\x00].*", "", segment.strip(), flags=re.S)
                if segment == "..":
                    segments[-1:] = []
                elif segment not in ("", "."):
                    segments.append(segment)
            yield segments


def is_denied(target):
    return any(path[:3] == ["rest", "v1", "users"] and path[4:5] == ["keys"] or path[:4] == ["rest", "v1", "app", "session"]
               for path in readings(target))


def spell(rng, path):
    """Another spelling of it, or nearly."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.randrange(len("/rest/v1/"), len(path))
        c = path[at]
        path = rng.choice([
            lambda: path[:at] + c.swapcase() + path[at + 1:],
            lambda: path[:at] + f"%{ord(c):02x}" + path[at + 1:],
            lambda: path[:at] + f"%{ord(c):02X}" + path[at + 1:],
            lambda: path[:at] + f"%25{ord(c):02x}" + path[at + 1:],
            lambda: path[:at] + f"%u00{ord(c):02x}" + path[at + 1:],
            lambda: path[:at] + f"%c0%{0x80 | ord(c) & 0x3f:02x}" + path[at + 1:],
            lambda: path[:at] + rng.choice(["/", "//", "/./", "/x/../", "/%2e/", "/..;/", "%2f", "%2F", "%5c", "\\", ";x", ";x/", "%3b",
                                            "%00", "%0a", "%20", "+", "%09", ".", "%ef%bc%8f", "%e2%81%84", "?", "%3f", "#", "%23", "&"]) + path[at:],
            lambda: path + rng.choice(["/", "//", ".", "..", "%20", ";", ".json", "%3f", "%23", "?", "?a=b", ".%20", "%2f", "/.", ":", "::$DATA", "%e2%80%8b"]),
            lambda: path.replace("s", rng.choice(["%c5%bf", "%ef%bd%93", "S", "%73"]), 1).replace("k", rng.choice(["%e2%84%aa", "K", "k"]), 1),
            lambda: path.replace("/rest/v1/", rng.choice(["/rest/v1//", "//rest/v1/", "/REST/v1/", "/rest/V1/", "/rest//v1/", "/rest/v1/./",
                                                         "/rest/v1/x/../", "/rest%2Fv1/", "/rest/v2/../v1/"]), 1),
        ])()
        if not path.startswith("/rest/v1/") or len(path) < 12:
            return path
    return path


def test_no_spelling_of_a_path_gets_round_a_deny(broker, upstream):
    rng = random.Random(SEED)
    denied = ["/rest/v1/users/MAG1/keys", "/rest/v1/users/MAG1/keys/new", "/rest/v1/users/x/keys/a/b", "/rest/v1/app/session/token",
              "/rest/v1/app/session"]
    targets = [spell(rng, rng.choice(denied)) for _ in range(N_CASES)]
    place = str(broker.socket_path)

    def ask(target):
        return get(place, "/sandbox" + target)[0] if re.fullmatch("[!-~]+", target) else None

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(ask, targets))
    assert not [status for status in statuses if status not in (None, 200, 400, 403, 404, 405, 414)], set(statuses)
    asked = [one.target for one in upstream.heard]
    assert not [target for target in asked if is_denied(target)]
    assert set(asked) <= set(targets) | {target.replace("//rest", "/rest", 1) for target in targets}, "as it was spelt"
    assert {400, 403} <= set(statuses)
    print(f"{len(targets)} spellings, {len(asked)} passed on:", sorted(set(asked))[:40])


def test_the_control(broker, upstream):
    for target in ("/rest/v1/users/MAG1", "/rest/v1/users/MAG1/keysets", "/rest/v1/app/sets", "/rest/v1/exact/a/end", "/rest/v1/exact/%20/end"):
        assert get(str(broker.socket_path), "/sandbox" + target)[0] == 200, target
        assert not is_denied(target) and upstream.heard[-1].target == target


def test_an_allowed_path_is_allowed_in_one_spelling(broker, upstream):
    for target in ("/rest/v1/Exact/a/end", "/rest/v1/exact/a/END", "/rest/v1/exact/a/end/", "/rest/v1/exact/a/b/end", "/rest/v1/exact//end",
                   "/rest/v1/exact/a/end.json", "/rest/v1/exact/a/end%20", "/rest/v1/exact/end", "/rest/v1/exact/../users", "/rest/v1/exact/a",
                   "/rest/v1/exact/a/end%3f", "/rest/v1/exact/a/e%6ed", "/rest/v1/exact/a/end;x", "/rest/v1/exact/%2e%2e/end",
                   "/rest/v1/exact/..%2fx/end", "/rest/v1/exact/a%2f..%2fb/end", "/rest/v1/exact/./end", "/rest/v1/exact/a\\b/end"):
        assert get(str(broker.socket_path), "/sandbox" + target)[0] in (400, 403), target
    assert not upstream.heard


def methods():
    for words in itertools.product(["X"], ["HTTP-Method", "HTTP-Method-Override", "Method-Override", "Original-URL", "Rewrite-URL"]):
        name = "-".join(words)
        for spelling in (name, name.lower(), name.upper(), name.replace("-", "_"), name.replace("-", "."), name.replace("-", "~"),
                         name.replace("-", "_", 1), name.swapcase()):
            yield {spelling: "DELETE"}
            yield {spelling: ""}
            yield {"Connection": spelling, spelling: "DELETE"}


@pytest.mark.slow("thousands of requests")
def test_no_header_makes_another_method_or_path_of_it(broker, upstream):
    for headers in methods():
        status, _, body = get(str(broker.socket_path), "/sandbox/rest/v1/users/a", {"Connection": "close"} | headers)
        assert status == 400 and b"another method or path" in body, (headers, body)
    assert not upstream.heard


@pytest.mark.parametrize("query", ["_method=DELETE", "_METHOD=x", "%5fmethod=x", "%5Fm%65thod=x", "a=b&_method=x", "a=b;_method=x", "_method",
                                   "_method[]=x", "%255fmethod=x", "+_method=x", "%20_method=x", ".method=x", "[method=x", "_method%00=x",
                                   "&&_method=x", "a&_method=", "_method+=x", "%25255fmethod=x", "_method%5b%5d=x"])
def test_no_query_makes_another_method_of_it(broker, upstream, query):
    assert get(str(broker.socket_path), "/sandbox/rest/v1/users/a?" + query)[0] == 400
    assert not upstream.heard


@pytest.mark.parametrize("method", ["DELETE", "delete", "Delete", "DELETE-", "DELETE.", "TRACE", "trace", "CONNECT", "connect", "DELETE" + "X" * 11,
                                    "DELETE\t", "DELETE\0", "\x0bDELETE", "D\xc9LETE"])
def test_a_method_that_is_denied_however_it_is_spelt(broker, upstream, method):
    get(str(broker.socket_path), "/sandbox/rest/v1/users/a", method=method)
    assert not [asked for asked in upstream.heard if asked.method.upper() in ("DELETE", "TRACE", "CONNECT")]
    assert all(asked.method == method for asked in upstream.heard)


@pytest.mark.parametrize("target", ["http://127.0.0.1:9377/sandbox/rest/v1/users/a", "//sandbox/rest/v1/users/a", "/Sandbox/rest/v1/users/a",
                                    "/sandbox%2Frest/v1/users/a", "/%73andbox/rest/v1/users/a", "*", "/sandbox/../sandbox/rest/v1/users/a",
                                    "/./sandbox/rest/v1/users/a", "/sandbox;x/rest/v1/users/a", "/sandbox/rest/v1", "/sandbox/rest/v1/",
                                    "/sandbox///rest/v1/users/a", "/sandbox\\rest/v1/users/a", "/rest/v1/users/a", "sandbox/rest/v1/users/a",
                                    "/sandbox/rest/v1/users/a#x", "/sandbox/rest/V1/users/a", "@evil.test/sandbox/rest/v1/users/a"])
def test_targets_that_do_not_begin_as_they_should(broker, upstream, target):
    assert get(str(broker.socket_path), target)[0] not in (200, None)
    assert not upstream.heard
