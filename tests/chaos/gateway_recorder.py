"""Gateway recorder: requests that were passed on, and their answers, against the simulator's records. It judges; it does
nothing itself.

A `Call` is a request to the gateway. Its number is the last segment of its path, by which it is found among what the
simulator was asked: its *arrivals*. Answers are judged a moment later, when the arrivals are known. The simulator
tells its latest 50 requests only; where there were more since it was asked the last time is a *gap*, and what may have
come in it is not missed.
"""

import collections
import hashlib
import json
import math

from downloads import BASE, LONG, PIECES, TEXT
from recorder import EXCHANGE_TIMEOUT, SETTLE, Ask

CONNECT_TIMEOUT = 2
ANSWER_TIMEOUT = 8
LONGEST = 60 + EXCHANGE_TIMEOUT + 4 + 2 * ANSWER_TIMEOUT + 10  # s: a turn, a token, another one, two answers, a body
KEPT = 30  # s for which a call that is over is looked after: something might still arrive of it
IDEMPOTENT = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")
HEADER = ("X-Chaos", "a+b%2F c;d")
FILLER = b"a" * 100
BROKEN = ("hang", "reset", "garbage", "truncate", "cut")  # faults that leave no whole answer
SLOW = ("hang", "delay", "drip", "slow_upload")
GUESSED = 120  # s after which wrong secrets are forgotten
REMOVED = {(401, "local_key_refused"), (401, "bearer_unknown")}
NEVER_PASSED = ("set-cookie", "access-control-allow-origin", "strict-transport-security", "alt-svc")

Call = collections.namedtuple("Call", "number kind environment method path query size sha256 key issue token",
                              defaults=("GET", "", "", 0, hashlib.sha256().hexdigest(), None, 0, None))
Entry = collections.namedtuple("Entry", "upstream real method path status size fault authorization")


class Key:
    """A local key: which issue of its secret it is at, and from when to when one certainly opened nothing."""

    def __init__(self):
        self.issue, self.gone = 0, []

    def removed(self, now):
        """The reload that takes it away has been answered."""
        self.gone.append([self.issue, now, math.inf])

    def comes_back(self, now, anew):
        """Before the reload that brings it. With another secret, the old one is gone for good."""
        if anew:
            self.issue += 1
        else:
            self.gone[-1][2] = now

    def is_gone(self, issue, begin, end):
        return any(issue == at and since < begin and end < until for at, since, until in self.gone)


class GatewayRecorder:
    def __init__(self, recorder):
        self.recorder, self.simulator = recorder, recorder.simulator
        self.calls, self.begun, self.answers = {}, {}, collections.deque()
        self.arrivals = collections.defaultdict(list)
        self.gaps, self.polled, self.over = [], {}, collections.deque()
        self.keys = collections.defaultdict(Key)
        self.digests, self.tokens = {}, {}  # of real tokens: how they are sent; of opaque ones: when they came

    def fail(self, rule, text):
        self.recorder.fail(f"gateway-{rule}", text)

    # reports of callers

    def begin(self, call, t0):
        self.begun[call.number] = t0
        self.calls[call.number] = call

    def answer(self, call, answer, t0, t1):
        self.answers.append((call, answer, t0, t1))

    def no_answer(self, call, t0, t1, error):
        self.answers.append((call, error, t0, t1))

    def forget(self, call, t1):
        """Nothing is to be judged of its answer; it may still arrive twice."""
        self.over.append((t1.real, call.number))

    def opaque(self, ask, answer, t0, t1):
        """The token endpoint's answer to a local key."""
        call, slug = ask, answer.headers["EQP-Error"]
        self.recorder.counts[f"opaque {answer.status}{' ' + slug if slug else ''}"] += 1
        if answer.status != 200:
            self._refused(call, answer, slug, t0, t1, None)
            return None
        body = answer.json()
        if set(body) != {"mage_id", "ust", "expires_in"} or not body["ust"].startswith("eqpl1."):
            self.fail("opaque", f"{call}: {answer.body[:200]}")
        elif self.keys[call.key].is_gone(call.issue, t0.real, t1.real):
            self.fail("revived", f"{call}: a token for a key that was removed")
        self._no_token(call, answer, ())
        self.tokens[body["ust"]] = t1
        return body["ust"]

    # reports of the simulator

    def told(self, upstream, n_missed, now):
        """All that arrived until now, but for so many."""
        since, self.polled[upstream] = self.polled.get(upstream, 0), now.real
        if n_missed > 0:
            self.recorder.counts["arrived unseen"] += n_missed
            self.gaps.append((upstream, since, now.real))

    def arrival(self, upstream, entry, real):
        found = Entry(upstream, real, entry["method"], entry["path"], entry["status"], entry["body_bytes"],
                      entry["fault"], entry.get("authorization_sha256"))
        call = self.calls.get(found.path.rpartition("/")[2])
        if call is None:
            if found.path.startswith(BASE):
                self.fail("invented", f"nobody asked for {found}")
            return
        arrivals = self.arrivals[call.number]
        arrivals.append(found)
        self.recorder.counts["passed on"] += 1
        if call.kind == "refused":
            self.fail("passed", f"{call}: {found}")
        if (found.method, found.path) != (call.method, call.path) or found.size > call.size or \
                (200 <= found.status < 300 and found.size != call.size):
            self.fail("changed", f"{call}: {found}")
        if upstream not in self.recorder.urls[call.environment]:
            self.fail("environment", f"{call}: {found}")
        if call.key and self.keys[call.key].is_gone(call.issue, self.begun[call.number].real, real):
            self.fail("revived", f"{call}: passed on for a key that was removed: {found}")
        self._twice(call, arrivals)
        self._authorization(call, found)

    def _twice(self, call, arrivals):
        """A 401 is no answer yet; one that is idempotent may be asked again where nothing was answered."""
        n_refused = sum(entry.status == 401 for entry in arrivals)
        n_answered = sum(entry.status not in (0, 401) for entry in arrivals)
        n_others = len(arrivals) - n_refused
        if n_answered > 1 or n_refused > 2 or n_others > (2 if call.method in IDEMPOTENT else 1):
            self.fail("twice", f"{call}: {arrivals}")

    def _authorization(self, call, entry):
        for ust in tuple(self.recorder.truths):
            if ust not in self.digests.values():
                self.digests[self._sent(ust)] = ust
        ust = self.digests.get(entry.authorization)
        if call.token and entry.authorization == self._sent(call.token):
            self.fail("authorization", f"{call}: went on with the caller's own token")
        truth = self.recorder.truths.get(ust)
        if truth is None:
            return
        t0 = self.begun[call.number]
        if truth.upstream != entry.upstream:
            self.fail("environment", f"{call}: with a token of {truth.upstream}: {entry}")
        if truth.ends_ours <= t0.ours:
            self.fail("expired", f"{call}: its token ended {t0.ours - truth.ends_ours:.3f} s before it was asked: {entry}")

    @staticmethod
    def _sent(ust):
        return hashlib.sha256(f"Bearer {ust}".encode()).hexdigest()

    # judging

    def judge(self, polled_from, all_of_it=False):
        """polled_from: when the simulator was asked the last time. Requests that ended well before are judged."""
        while self.answers and (all_of_it or self.answers[0][3].real < polled_from - 1):
            call, answer, t0, t1 = self.answers.popleft()
            if isinstance(answer, Exception):
                self._judge_none(call, answer, t0, t1)
            else:
                self._judge(call, answer, t0, t1)
            self.over.append((t1.real, call.number))
        while self.over and self.over[0][0] < polled_from - KEPT:
            _, number = self.over.popleft()
            for known in (self.calls, self.begun, self.arrivals):
                known.pop(number, None)
            self.calls[number] = None  # it was asked once

    def _during(self, names, t0, t1, settle=SETTLE):
        return self.recorder.during(names, t0.real, t1.real, settle)

    def _trouble(self, call, t0, t1):
        """Something befell the daemon that excuses most."""
        if self._during(("impaired", "down", "stopped", "lost forwarder", "jump"), t0, t1):
            return True
        if call.environment == "agency" and self._during(("move",), t0, t1):
            return True
        return self._during(tuple(f"connections {name}" for name in self.recorder.urls[call.environment]), t0, t1)

    def _missed(self, call, t0, t1):
        return any(name in self.recorder.urls[call.environment] and since <= t1.real and t0.real <= until
                   for name, since, until in self.gaps)

    def _late(self, call, t0, t1):
        allowed = LONGEST + self.recorder.time_in(("stopped",), t0.real, t1.real) + \
            self.recorder.held_up(t0.real, t1.real)
        if t1.real - t0.real > allowed:
            self.fail("late", f"{call}: {t1.real - t0.real:.1f} s")

    def _judge_none(self, call, error, t0, t1):
        counts, arrivals = self.recorder.counts, self.arrivals[call.number]
        counts["gateway: no answer"] += 1
        self._late(call, t0, t1)
        if self._trouble(call, t0, t1) or self._during(("lost", "narrow"), t0, t1):
            return
        if call.key and self._during((f"key {call.key}",), t0, t1):
            return
        if any(entry.fault in BROKEN for entry in arrivals) or self._during(("clear",), t0, t1):
            return
        self.fail("no-answer", f"{call}: {error!r} after {t1.real - t0.real:.1f} s; {arrivals}")

    def _judge(self, call, answer, t0, t1):
        slug = answer.headers["EQP-Error"]
        self.recorder.counts[f"gateway: {call.kind} {answer.status}{' ' + slug if slug else ''}"] += 1
        self._late(call, t0, t1)
        self._no_token(call, answer, self.arrivals[call.number])
        if answer.headers.get_all("X-Content-Type-Options") != ["nosniff"] or \
                any(name.lower() in NEVER_PASSED for name in answer.headers):
            self.fail("form", f"{call}: {answer.headers.items()}")
        if call.key and self.keys[call.key].is_gone(call.issue, t0.real, t1.real):
            if not self._removed_said(answer, slug):
                self.fail("revived", f"{call}: {answer.status} {slug} for a key that was removed")
        elif slug is not None:
            self._refused(call, answer, slug, t0, t1, self.arrivals[call.number])
        else:
            self._passed_back(call, answer, t0, t1)

    @staticmethod
    def _removed_said(answer, slug):
        return (answer.status, slug) in REMOVED or (answer.status in (429, 503) and slug != "no_token")

    @staticmethod
    def _is_unread(answer):
        """Sent before the request was read: the word is in the body as well."""
        return answer.status in (429, 503) and any(word in answer.body for word in (b'"too_many_connections"', b'"stopping"'))

    def _refused(self, call, answer, slug, t0, t1, arrivals):
        """The broker's own answer; arrivals is None where nothing is passed on."""
        if self._is_unread(answer):
            if not self._during(("narrow", "impaired", "down"), t0, t1):
                self.fail("slug", f"{call}: {answer.status} {answer.body[:200]}")
            return
        if call.method != "HEAD":
            try:
                assert set(answer.json()) == {"code", "message"} and answer.json()["code"] == answer.status
            except (AssertionError, ValueError, TypeError) as error:
                self.fail("form", f"{call}: {error!r}: {answer}")
        if not self._allowed(call, answer, slug, t0, t1, arrivals or []):
            self.fail("slug", f"{call}: {answer.status} {slug} {answer.body[:200]}; {arrivals}")
        elif slug == "no_token" and answer.status == 503:
            self.recorder._no_token(Ask("gateway", call.environment), answer, t0, t1)

    def _allowed(self, call, answer, slug, t0, t1, arrivals):
        said = (answer.status, slug)
        if said == (503, "no_token"):
            return not any(entry.status not in (0, 401) for entry in arrivals) or self._during(("jump",), t0, t1)
        if call.kind == "refused" and said in ((403, "rule_refused"), (400, "path_ambiguous")):
            return True
        if self._during(("impaired",), t0, t1):
            return answer.status in (401, 403, 404, 408, 429, 500, 502, 503, 504)
        if said in REMOVED and call.key:
            return self._unknown(call, t0, t1)
        if said == (429, "too_many_requests"):  # all callers are one user, and did not know of the new secret
            return call.kind == "session" and self._during(tuple(f"key {name}" for name in self.keys), t0, t1, GUESSED)
        if said == (503, "stopping"):
            return self._during(("down",), t0, t1)
        if said == (408, "upload_stalled"):
            return self._during(("jump", "stopped"), t0, t1)
        if said == (503, "gateway_busy"):
            return t1.real - t0.real > 55 or self._during(("jump", "lost forwarder", "stopped", "down"), t0, t1)
        if said == (502, "upstream_unreachable") and t1.real - t0.real > CONNECT_TIMEOUT:
            return True  # a busy machine may take so long for TLS, when a new forwarder begins with 16 connections at once
        if said in ((502, "upstream_unreachable"), (502, "upstream_lost"), (502, "upstream_malformed")):
            return self._trouble(call, t0, t1) or self._during(("clear",), t0, t1) or \
                any(entry.fault in BROKEN for entry in arrivals)
        if said == (504, "upstream_slow"):
            return self._trouble(call, t0, t1) or any(entry.fault in SLOW for entry in arrivals) or \
                t1.real - t0.real > ANSWER_TIMEOUT - 1
        return False

    def _unknown(self, call, t0, t1):
        """The key was away, or is another one now; or the token is old, or is of a daemon that did not keep it."""
        if self._during((f"key {call.key}",), t0, t1) or call.issue != self.keys[call.key].issue:
            return True
        came = self.tokens.get(call.token)
        return came is not None and self.recorder.during(("down", "jump", "impaired", "no key"), came.real, t1.real)

    def _passed_back(self, call, answer, t0, t1):
        """The upstream's own answer."""
        arrivals = self.arrivals[call.number]
        found = [entry for entry in arrivals if entry.status == answer.status]
        if call.kind == "refused" and 200 <= answer.status < 300:
            self.fail("passed", f"{call}: {answer.status}")
        elif not found:
            if not self._missed(call, t0, t1):
                self.fail("invented", f"{call}: {answer.status} {answer.body[:200]}; {arrivals}")
        elif call.method == "HEAD":
            if answer.body:
                self.fail("bytes", f"{call}: a body: {answer.body[:200]}")
        elif answer.status == 200:
            self._bytes(call, answer, found[-1].fault)

    def _bytes(self, call, answer, fault):
        body = answer.body
        if fault in BROKEN:
            self.fail("bytes", f"{call}: a whole answer of {len(body)} bytes after {fault}")
        elif fault == "giant":
            size = PIECES if answer.headers["Content-Length"] is None else LONG
            if len(body) != size or not body.endswith(FILLER) or body.count(b"a") < size - 100:
                self.fail("bytes", f"{call}: {len(body)} bytes of {size}")
        elif fault == "status":
            if body != TEXT.encode():
                self.fail("bytes", f"{call}: {len(body)} bytes of {len(TEXT)}")
        elif fault != "not_json":
            self._echo(call, body)

    def _echo(self, call, body):
        try:
            echo = json.loads(body.decode(errors="replace"))
            headers = echo["headers"]
            seen = (echo["method"], echo["path"], echo["query"] or "", echo["body_bytes"], echo["body_sha256"],
                    headers[HEADER[0].lower()])
        except (ValueError, KeyError, TypeError) as error:
            self.fail("bytes", f"{call}: {error!r}: {body[:300]}")
            return
        if seen != (call.method, call.path, call.query, call.size, call.sha256, HEADER[1]):
            self.fail("bytes", f"{call}: the upstream saw {seen}")
        if {"cookie", "eqp-client", "via"} & set(headers):
            self.fail("headers", f"{call}: {headers}")

    def _no_token(self, call, answer, arrivals):
        """Neither the body nor a header has a real token, for callers that must not have one. The token that the simulator is
        told to send back may be an older one, of which the gateway knows nothing: the one that came with the request counts."""
        told_to = any(entry.fault == "status" for entry in arrivals)
        if not call.key:
            return
        text = answer.body[:65536].decode(errors="replace") + " ".join(answer.headers.values())
        for ust in tuple(self.recorder.truths):
            if ust in text and (not told_to or any(entry.authorization == self._sent(ust) for entry in arrivals[-1:])):
                self.fail("secret", f"{call}: a real token is in the answer; {arrivals}")
