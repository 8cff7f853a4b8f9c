"""Recorder: questions and answers, against the simulator's knowledge. It judges; it does nothing itself.

A token has a `Truth`: when it ends. A `window` is a span in which something is allowed that else is not.
"""

import calendar
import collections
import email.utils
import statistics
import threading
import time

import broker as broker_module
from clock import Clock

LATE = 5  # s beyond the wait: threads, a sanitizer, two processors
EXCHANGE_TIMEOUT = 4
SETTLE = 3  # s for which the end of a window still excuses
BRIEF = 1  # s: no token comes and goes in so short a time; the shortest lives 4 s, and the slowest takes 1.5 s to come

# Allowed answers to each question: (status, slug); 200 has none.
NO_TOKEN = {(200, None), (503, "no_token")}
LIMITED = {(422, "min_ttl_unattainable"), (429, "refresh_limited")}
ANSWERS = {
    "token": NO_TOKEN, "text": NO_TOKEN, "head": {(200, None), (503, None)}, "min_ttl": NO_TOKEN | LIMITED,
    "rejected": NO_TOKEN, "unchanged": {(200, None), (503, None)}, "status": {(200, None)},
    "metrics": {(200, None)}, "livez": {(200, None)}, "readyz": {(200, None), (503, "not_ready")},
    "nowhere": {(404, "unknown_environment")}, "bad_query": {(400, "bad_request")},
}
WITH_TOKEN = ("token", "text", "min_ttl", "rejected", "unchanged")

Ask = collections.namedtuple("Ask", "kind environment min_ttl wait ust", defaults=(None, 0, 2, None))
Truth = collections.namedtuple("Truth", "upstream ends_ours seen granted")
Arrival = collections.namedtuple("Arrival", "real ours fault until_ours", defaults=(None, 0))


class Recorder:
    def __init__(self, simulator, urls):
        """urls: {environment: (upstream names that may be its base URL)}"""
        self.simulator, self.urls, self.clock = simulator, urls, Clock()
        self.lock = threading.Lock()
        self.events, self.wrong, self.windows = collections.deque(maxlen=60), [], []
        self.counts = collections.Counter()
        self.truths, self.latest, self.forgotten, self.reported = {}, {}, {}, {}
        self.to_survive, self.survived = {}, collections.Counter()
        self.revoked = collections.defaultdict(float)
        self.arrivals = collections.defaultdict(list)
        self.totals, self.at, self.losses = {}, None, {}
        self.ready = collections.deque(maxlen=20)
        self.idle = collections.deque([[0, 0]], maxlen=4096)
        self.slowest = (0, 0, 0)
        self.without = collections.defaultdict(lambda: collections.deque(maxlen=20))
        self.gateway = None

    # the story

    def say(self, text):
        with self.lock:
            self.events.append(f"{self.clock.now().real:.3f} {text}")

    def fail(self, rule, text):
        with self.lock:
            self.wrong.append((rule, text))
            if len(self.wrong) <= 5:  # the cause of the first counts
                self.events.append(f"{self.clock.now().real:.3f} WRONG {rule}: {text}")

    def open(self, name):
        window = [name, self.clock.now().real, None]
        self.windows.append(window)
        return window

    def close(self, window):
        window[2] = self.clock.now().real

    def during(self, names, begin, end, settle=SETTLE):
        return any(name in names and since <= end and (until is None or until + settle >= begin)
                   for name, since, until in self.windows)

    def time_in(self, names, begin, end, settle=0):
        return sum(max(0, min(end, until + settle if until else end) - max(begin, since))
                   for name, since, until in self.windows if name in names)

    # the callers' own time

    def idle_turn(self, begin):
        """A turn of the Idler begins; call what is returned at its end."""
        turn = [begin, None]
        self.idle.append(turn)
        return lambda end: turn.__setitem__(1, end)

    def held_up(self, begin, end):
        """s that a caller who asks nobody took meanwhile."""
        return max((min(until or end, end) - since for since, until in tuple(self.idle)
                    if since <= end and (until is None or until >= begin)), default=0)

    # answers

    def no_answer(self, ask, t0, t1, error):
        self.counts["no answer"] += 1
        self._late(ask, t0, t1)
        # Answers under way end with a frontend; not those that came later, not even a moment.
        if self.during(("lost",), t0.real, t1.real, settle=0):
            self.counts["lost with a frontend"] += 1
            return
        # A suspend ends the time that a request may take to arrive.
        if not self.during(("impaired", "down", "narrow"), t0.real, t1.real) and \
                not self.during(("jump",), t0.real, t1.real, settle=0.2):
            self.fail("no-answer", f"{ask}: {error!r} after {t1.real - t0.real:.1f} s")

    def answer(self, ask, answer, t0, t1):
        impaired = self.during(("impaired",), t0.real, t1.real)
        self._late(ask, t0, t1, self._made(answer, t0))
        status, slug = self._form(ask, answer, impaired)
        self.counts[f"{ask.kind} {status}{' ' + slug if slug else ''}"] += 1
        if not self._allowed(ask, status, slug, t0, t1, impaired):
            self.fail("slug", f"{ask}: {status} {slug}: {answer.body[:300]}")
        if status == 200 and ask.kind in WITH_TOKEN:
            self._token(ask, answer, t0, t1)
        if status == 503 and ask.kind in WITH_TOKEN + ("head",) and slug in ("no_token", None):
            self._no_token(ask, answer, t0, t1)
        if status == 200 and ask.kind == "readyz":
            self.ready.append((t0.real, t1.real, {row["name"] for row in answer.json()["environments"]}))
        if slug == "no_token" and ask.kind in ("token", "text"):
            self._not_ready(ask, t0, t1)
        if ask.kind in ("status", "metrics"):
            self._no_secret(ask, answer)

    @staticmethod
    def _made(answer, t0):
        """s from the question to when the answer was made, at most: its Date is in whole seconds."""
        date = email.utils.parsedate(answer.headers["Date"])
        return calendar.timegm(date) + 1 - t0.wall if date else None

    def _late(self, ask, t0, t1, made=None):
        """Windows stop the watch, and the machine may be slow after them. More is not excused: a wait that never
        ends comes by a window in any case. The callers' own time is not the daemon's: until they asked, as
        far as the Idler knows it, and after the answer was made."""
        allowed = (40 if ask.kind == "rejected" else ask.wait) + LATE
        if self.during(("impaired", "down"), t0.real, t1.real):
            allowed += 2 * LATE
        total = t1.real - t0.real
        took = total - self.time_in(("stopped",), t0.real, t1.real) - \
            self.time_in(("impaired", "down"), t0.real, t1.real, SETTLE)
        read = took
        if made is not None:
            took -= max(0, total - max(made, 0))
        held_up = self.held_up(t0.real, t1.real)
        self.slowest = max(self.slowest, (took - allowed + LATE, read - allowed + LATE, held_up))
        if took > allowed + held_up:
            self.fail("late", f"{ask}: {took:.1f} s of {total:.1f} until the answer was made, {held_up:.1f} for who asks nobody")

    def _not_ready(self, ask, t0, t1):
        """`/readyz` said 200 between two answers, shortly after each other, that there is no token."""
        with self.lock:
            without = self.without[ask.environment]
            wrong = any(ask.environment in names and without_end < begin and end < t0.real
                        for without_begin, without_end in without if t1.real - without_begin < BRIEF
                        for begin, end, names in tuple(self.ready))
            without.append((t0.real, t1.real))
        if wrong and not self.during(("impaired", "move", "down", "jump"), t0.real - BRIEF, t1.real):
            self.fail("ready", f"{ask}: /readyz said 200, and there was no token before and after")

    def _form(self, ask, answer, impaired):
        """(status, slug), whose form is checked."""
        try:
            broker_module.check_headers(answer)
            if answer.status == 200 or ask.kind == "head":
                return answer.status, None
            if ask.kind == "unchanged" and answer.json().get("error") != "too_many_connections":  # said before it was read
                assert set(answer.json()) == {"code", "message"} and answer.json()["code"] == answer.status
                return answer.status, None
            if answer.error()[1] in ("no_token", "refresh_limited", "stopping"):
                told = answer.retry_after  # without memory for it, the rest of the answer is still of use
                assert impaired if told is None else 0 <= told <= 6 * 3600 * 1.3, "Retry-After"
            return answer.error()
        except (AssertionError, KeyError, ValueError, TypeError) as error:
            self.fail("form", f"{ask}: {error!r}: {answer}")
            return answer.status, None

    def _allowed(self, ask, status, slug, t0, t1, impaired):
        if (status, slug) in ANSWERS[ask.kind]:
            return True
        plain = slug if ask.kind not in ("head", "unchanged") else None
        if (status, plain) in ((503, "stopping"), (503, None)):
            return self.during(("down",), t0.real, t1.real)
        if (status, plain) in ((429, "too_many_connections"), (429, None)):
            return self.during(("narrow", "impaired"), t0.real, t1.real)
        return impaired and status in (403, 500, 503)

    def _no_secret(self, ask, answer):
        text = answer.body.decode()
        for ust in tuple(self.truths):
            if ust in text:
                self.fail("secret", f"{ask}: a token is in the answer")

    # tokens

    def truth(self, ask, ust, names):
        """The simulator's knowledge of it; asked once for each token."""
        truth = self.truths.get(ust)
        if truth is None:
            for name in names:
                with self.clock.lock:
                    left, now = self.simulator.token_truth(name, ust), self.clock.now()
                if left is not None:
                    granted = self.simulator.state(name)["requests"]["granted"]
                    truth = self.truths.setdefault(ust, Truth(name, now.ours + left, now, granted))
        return truth

    def _token(self, ask, answer, t0, t1):
        if ask.kind == "text":
            body = {"ust": answer.body.decode().rstrip("\n")}
        else:
            body = answer.json()
        names = [name for name in self.urls[ask.environment]
                 if body.get("base_url", self.simulator.urls[name]) == self.simulator.urls[name]]
        if ask.environment == "agency" and self.at and not self._before_move(ask.environment, t0) and \
                not self.during(("move",), t0.real, t1.real, settle=0):
            names = [name for name in names if name == self.at[0]]
        truth = self.truth(ask, body["ust"], names)
        if body.get("environment", ask.environment) != ask.environment or not names:
            self.fail("environment", f"{ask}: {body.get('environment')}, {body.get('base_url')}")
        if truth is None:
            if not any(self.revoked[name] > t0.real - 60 for name in names):
                self.fail("unknown", f"{ask}: not a token of {names}")
            return
        if truth.upstream not in names:
            self.fail("environment", f"{ask}: a token of {truth.upstream}, not of {names}")
        if truth.ends_ours <= t0.ours:
            self.fail("expired", f"{ask}: ended {t0.ours - truth.ends_ours:.3f} s before it was asked for")
        reported = self.reported.get(body["ust"])
        # A kill in the moment in which another token comes may leave the one before to the next process.
        if reported is not None and reported < t0.real and \
                not self.during(("down",), reported - BRIEF, reported + BRIEF, settle=0):
            self.fail("reported", f"{ask}: the token was reported, and replaced, {t0.real - reported:.3f} s ago")
        if ask.kind == "rejected" and body["refreshed"]:
            if body["ust"] == ask.ust:
                self.fail("refreshed", f"{ask}: the new token is the one that was reported")
            else:
                self.reported[ask.ust] = t1.real
        if "expires_in" in body:
            self._life(ask, body, truth, t0, t1)

    def _life(self, ask, body, truth, t0, t1):
        left = body["expires_in"]
        most, least = truth.ends_ours - t0.ours, truth.ends_ours - t1.ours
        # The broker counts from when it began to ask, so what held it up meanwhile is lost. A busy machine may
        # take most of an exchange's time for TLS; finish() looks at what is usual.
        lost = self.time_in(("stopped",), truth.seen.real - 30, t1.real) + \
            (10 if self.during(("jump", "impaired"), truth.seen.real - 15, truth.seen.real) else 0)
        if not isinstance(left, int) or left < 0 or left > most + 0.05 or \
                left < least - EXCHANGE_TIMEOUT - 1 - lost:
            if not self.during(("jump",), t0.real, t1.real):
                self.fail("life", f"{ask}: expires_in {left}, and it is {least:.3f} to {most:.3f}")
        elif not lost:
            self.losses.setdefault(body["ust"], least - left)
        if left < ask.min_ttl:
            self.fail("min_ttl", f"{ask}: {left} s left")
        if "expires_at" in body and not self.during(("jump",), t0.real, t1.real):
            at = calendar.timegm(time.strptime(body["expires_at"], "%Y-%m-%dT%H:%M:%SZ"))
            if not t0.wall + left - 1.5 <= at <= t1.wall + left + 1.5:
                self.fail("expires_at", f"{ask}: {body['expires_at']} with {left} s left at {t1.wall:.1f}")
        with self.lock:
            self._survival(ask, body["ust"], t0)
            old = self.latest.get(ask.environment)
            if (old is None or old[3] <= t1.real) and t0.real > self.forgotten.get(ask.environment, 0):
                self.latest[ask.environment] = (body["ust"], t0.ours + left, body.get("base_url"), t1.real)

    def forget(self, environment, old_too=True):
        """Tokens that were handed out up to now are none that the daemon still must have; callers' threads may take their
        time to tell of it."""
        with self.lock:
            self.forgotten[environment] = time.monotonic()
            if old_too:
                self.latest.pop(environment, None)

    def forget_young(self, environment, changed_real):
        """A restart: tokens that were handed out a moment ago, or before the keys changed, need not be there again."""
        latest = self.latest.get(environment)
        seen = self.truths[latest[0]].seen.real if latest else 0
        self.forget(environment, seen < changed_real + SETTLE or seen > time.monotonic() - 1)

    def restarted(self):
        """The daemon is away: tokens that must be handed out again. While the clock leaps, a refresh may be due just now."""
        now = self.clock.now()
        leaps = self.during(("jump",), now.real, now.real)
        with self.lock:
            self.to_survive = {name: (latest[0], now.real) for name, latest in self.latest.items()
                               if latest[1] > now.ours + BRIEF and not leaps}

    def _survival(self, ask, ust, t0):
        if ask.kind in ("token", "unchanged"):
            before, since = self.to_survive.get(ask.environment, (None, 0))
            if before is not None and t0.real > since:
                del self.to_survive[ask.environment]
                self.survived[ust == before] += 1

    def _no_token(self, ask, answer, t0, t1):
        latest = self.latest.get(ask.environment)
        if latest is None or latest[3] >= t0.real or latest[1] < t1.ours + 2 or ask.min_ttl:
            return
        if self.during(("impaired", "move", "down", "jump"), t0.real, t1.real):
            return
        truth = self.truths[latest[0]]
        if self.simulator.state(truth.upstream)["requests"]["granted"] == truth.granted and \
                self.latest.get(ask.environment) == latest:
            self.fail("no_token", f"{ask}: {latest[1] - t1.ours:.1f} s were left of a token: {answer.body[:300]}")

    def moved(self, upstream):
        """The agency's account is another one for who asks from now on."""
        self.forget("agency")
        self.at = (upstream, self.forgotten["agency"])

    def _before_move(self, environment, t0):
        return environment == "agency" and self.at is not None and t0.real <= self.at[1]

    # the upstream

    def poll(self):
        """Takes in what the simulator was asked since the last time."""
        before, states = self.clock.now(), self.simulator.state()
        now = self.clock.now()
        for name, state in states.items():
            n = state["requests"]["total"] - self.totals.get(name, 0)
            self.totals[name] = state["requests"]["total"]
            for entry in state["last"][-n:] if n else ():
                at = calendar.timegm(time.strptime(entry["at"][:19], "%Y-%m-%dT%H:%M:%S"))
                real = at + int(entry["at"][20:23]) / 1000 - now.wall + now.real
                if entry["path"].endswith("/session/token"):
                    self.arrival(name, real, entry["fault"], self.patience(entry.get("retry_after"), at))
                elif self.gateway:
                    self.gateway.arrival(name, entry, real)
            if self.gateway:
                self.gateway.told(name, n - len(state["last"]), now)
        if self.gateway:
            self.gateway.judge(before.real)

    @staticmethod
    def patience(retry_after, at):
        """s that the upstream has asked for: a number, or a date in whole seconds."""
        if retry_after is None:
            return 0
        if retry_after.isdigit():
            return int(retry_after)
        return max(0, calendar.timegm(email.utils.parsedate(retry_after)) - at - 1)

    def arrival(self, name, real, fault, patience=0):
        arrivals, ours = self.arrivals[name], self.clock.ours(real)
        if arrivals and not self.during(("stopped", "impaired"), arrivals[-1].real - 6, real):
            self._since(name, arrivals[-1], Arrival(real, ours))
        if arrivals and ours < arrivals[-1].until_ours - 0.1 and \
                not self.during(("impaired", "down", "move"), arrivals[-1].real, real, settle=0.5):
            self.fail("retry-after", f"{name}: {arrivals[-1].until_ours - ours:.3f} s before the time that it asked for")
        arrivals.append(Arrival(real, ours, fault, ours + patience))
        if len(arrivals) > 4 and real - arrivals[-5].real < 2 and ours - arrivals[-5].ours < 2:
            self.fail("floor", f"{name}: five exchanges within {ours - arrivals[-5].ours:.3f} s")
        if len(arrivals) > 60 and ours - arrivals[-61].ours < 3590:
            self.fail("budget", f"{name}: 61 exchanges in {ours - arrivals[-61].ours:.0f} s")

    def _is_first(self, name, arrival):
        """Of its process: it may have been on its way for most of a second, and the next one is on its heels."""
        begun = max((until for what, _, until in self.windows if what == "down" and until and until <= arrival.real),
                    default=0)
        return next(other for other in self.arrivals[name] if other.real >= begun) is arrival

    def _since(self, name, last, new):
        """The floor is 1 s, but counts from when the daemon begins: a busy machine takes its time with TLS."""
        if new.ours - last.ours < 0.15 and not self._is_first(name, last):
            self.fail("floor", f"{name}: two exchanges within {new.ours - last.ours:.3f} s")
        if last.fault == "hang" and new.real - last.real < EXCHANGE_TIMEOUT - 1 and \
                not self.during(("clear", "down", "move"), last.real, new.real, settle=0.5):
            self.fail("in-flight", f"{name}: a second exchange while the first hangs")

    # the end

    def finish(self):
        """expires_in is rounded down, and counts from when the daemon began to ask: both cost less than a second. A token
        may be due for a refresh, or was reported, just as the daemon restarts; not most of them."""
        if self.survived[False] >= 2 and self.survived[False] > self.survived[True]:
            self.fail("survival", f"of {self.survived.total()} tokens only {self.survived[True]} were there after a restart")
        if self.losses and statistics.median(self.losses.values()) > 2:
            self.fail("life", f"of {len(self.losses)} tokens most live {statistics.median(self.losses.values()):.1f} s "
                              "longer than is told")

    def report(self):
        lines = [f"  {n:7} {what}" for what, n in sorted(self.counts.items())]
        lines += [f"  {len(arrivals):7} exchanges of {name}" for name, arrivals in sorted(self.arrivals.items())]
        lines += [f"  {len(self.truths):7} tokens"]
        lines += [f"  {self.survived[True]:7} of {self.survived.total()} there again after a restart"]
        lines += ["  {:7.1f} s beyond its wait for the slowest answer; {:.1f} until it was read, "
                  "{:.1f} for who asked nobody".format(*self.slowest)]
        return "\n".join(lines)

    def last(self):
        return "\n".join(self.events)

