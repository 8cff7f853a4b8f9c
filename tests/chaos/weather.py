"""Weather: accidents of the daemon, in an order that the seed makes. Each turn is a row of TURNS: how often, and what
it takes from the dice; all dice are thrown before anything happens, so that the order does not depend on it."""

import contextlib
import random
import resource
import signal
import time

from broker import wait_until
import gateway_weather
from callers import BROKEN
from downloads import serve_downloads
from world import ENVIRONMENTS, KINDS, UPSTREAMS

FAULTS = (("refuse", {}), ("refuse", {"status": 403}), ("throttle", {}), ("throttle", {"retry_after": 3}),
          ("throttle", {"retry_after": 2, "retry_after_date": True}), ("unavailable", {}),
          ("unavailable", {"status": 502, "html": True}), ("unavailable", {"retry_after": 2}), ("status", {"status": 418}),
          ("redirect", {"location": "https://localhost:1/"}), ("hang", {}), ("drip", {"interval_ms": 20}),
          ("truncate", {}), ("reset", {}), ("garbage", {}), ("giant", {"bytes": 1000000, "chunked": True}),
          ("not_json", {}), ("bad_utf8", {}), ("wrong_types", {}), ("missing_field", {"field": "ust"}),
          ("empty_field", {"field": "mage_id"}), ("lifetime", {"expires_in": 0}), ("lifetime", {"expires_in": "many"}),
          ("lifetime", {"expires_in": 4}), ("bad_ust", {"ust": "a b"}), ("wrong_certificate", {"paths": "all"}),
          ("reset_on_accept", {"paths": "all"}), ("refuse_connect", {"paths": "all"}))
BAD_CONFIGS = ("[broker]\nno_such_key = 1\n", "[broker]\nlisten = 0.0.0.0:80\n", "[nonsense\n",
               "[environment sandbox]\nlifetime = long\n")
BAD_KEYS = (("no colon in here", 0o600), ("", 0o600), ("TWO:LINES\nOF:THEM\n", 0o600), ("OPEN:toeverybodyhere", 0o666))
RECOVERED = 20  # s in which all is well again, once it can be
EAGER = 100  # refreshes, so close together that they do not fit into an hour, not even if some cause no exchange
ALONE = 8 * 3600  # s after which every backoff and budget is over


class Weather(gateway_weather.GatewayWeather):
    def __init__(self, world, seed, seconds, sanitized):
        self.world, self.sanitized = world, sanitized
        self.recorder, self.simulator, self.daemon = world.recorder, world.simulator, world.daemon
        self.turns, self.connections, total, left = [], [], 0, 0
        dice, turns, cost = random.Random(seed), TURNS, COST
        if world.gateway:
            turns, cost = TURNS | gateway_weather.TURNS, COST | gateway_weather.COST
        while total < seconds:
            if left == 0:
                self.turns.append((1, "calm", (dice.choice(("operator", "alone")),))) if self.turns else None
                left = dice.randint(8, 14)
            wait = dice.choice((0.1, 0.5, 1, 1, 2))
            name = dice.choices(list(turns), [row[0] for row in turns.values()])[0]
            self.turns.append((wait, name, turns[name][1](dice)))
            total, left = total + wait + cost.get(name, 0), left - 1
        self.turns.append((1, "calm", (dice.choice(("operator", "alone")),)))

    def play(self, deadline):
        """Until the turns or the time are over; the last turn is always played."""
        for wait, name, dice in self.turns[:-1]:
            time.sleep(wait)
            if time.monotonic() > deadline or self.recorder.wrong:
                break
            self.turn(name, dice)
        if not self.recorder.wrong:
            self.turn(*self.turns[-1][1:])

    def turn(self, name, dice):
        self.recorder.say(f"{name} {dice}")
        try:
            if not self.has_ended():
                getattr(self, name)(*dice)
        except BROKEN as error:
            if not self.has_ended():
                self.recorder.fail(name, f"{type(error).__name__}: {str(error)[:2000]}")

    def has_ended(self):
        """Nobody asked the daemon to."""
        code = self.daemon.process.poll()
        if code is not None:
            self.recorder.fail("crash", f"ended with {code}")
        return code is not None

    @contextlib.contextmanager
    def window(self, name):
        window = self.recorder.open(name)
        try:
            yield
        finally:
            self.recorder.close(window)

    # the upstream

    def fault(self, upstream, fault, count):
        name, parameters = FAULTS[fault]
        if count and name != "refuse_connect":
            parameters = parameters | {"count": count}
        if parameters.get("paths") == "all":
            self.connections.append(self.recorder.open(f"connections {upstream}"))
        self.simulator.fault(upstream, name, **parameters)

    def clear(self, *upstreams):
        with self.window("clear"):
            for upstream in upstreams:
                self.simulator.clear_faults(upstream)
                if self.world.gateway:
                    serve_downloads(self.simulator, upstream)
                for window in [window for window in self.connections if window[0] == f"connections {upstream}"]:
                    self.recorder.close(window)
                    self.connections.remove(window)

    def latency(self, upstream, milliseconds):
        self.simulator.settings(upstream, latency_ms=milliseconds)

    def lifetime(self, upstream, seconds):
        self.simulator.settings(upstream, lifetime_fixed=seconds)

    def revoke(self, upstream):
        self.recorder.revoked[upstream] = time.monotonic()
        self.simulator.revoke(upstream)
        self.recorder.revoked[upstream] = time.monotonic()

    def eager(self, environment, restart_at):
        """An operator wants a new token, and another one, until the budget of the hour is used up, before a restart
        and after it. The floor holds the first ones up, then the upstream asks for patience; the others come after
        both."""
        for upstream in ENVIRONMENTS[environment]:
            self.clear(upstream)
            self.latency(upstream, 0)
        for i in range(EAGER):
            if i == restart_at:  # the hour's exchanges are not forgotten with it
                self.restart(signal.SIGKILL)
            if i == 4:
                self.simulator.fault(self.world.upstream_of(environment), "throttle", retry_after=3, count=1)
            if i >= 6:
                self.jump(2)
            answer = self.daemon.post(f"/v1/{environment}/refresh", timeout=60)
            if i > restart_at and answer.status == 429:
                return

    # keys

    def refuse_key(self, environment, refused):
        for upstream in ENVIRONMENTS[environment]:
            act = self.simulator.refuse_key if refused else self.simulator.accept_key
            act(upstream, self.world.good[environment][0])
        if refused:  # so that it is tried, and known to be refused
            self.daemon.post(f"/v1/{environment}/refresh", timeout=60)

    def regenerate(self, environment, later):
        self.world.regenerate(environment)
        time.sleep(later)
        self.world.put_keys({})

    def wrong_key(self, environment):
        self.daemon.keep_secret("notthesecretatall")
        self.world.put_keys({f"{environment}.1-main": f"{self.world.good[environment][0]}:notthesecretatall\n"})

    def spare_key(self, environment):
        self.daemon.keep_secret("sparesecretofnobody")
        self.world.put_keys({f"{environment}.0-spare": "SPAREKEY:sparesecretofnobody\n"})

    def bad_key(self, environment, bad):
        self.world.put_keys({f"{environment}.1-main": BAD_KEYS[bad][0]}, mode=BAD_KEYS[bad][1])

    def no_key(self, environment):
        self.world.put_keys({f"{environment}.1-main": None})

    def good_keys(self):
        self.world.put_keys({}, again=True)

    # settings

    def reload(self):
        self.world.write_good()
        answer = self.daemon.post("/v1/reload")
        assert answer.status == 200, answer

    def reload_by_signal(self):
        self.world.write_good()
        self.daemon.reload()

    def reload_bad(self, bad):
        self.daemon.write_config(BAD_CONFIGS[bad])
        answer = self.daemon.post("/v1/reload")
        assert answer.error() == (422, "reload_failed"), answer
        self.world.write_good()

    def move(self):
        """The agency's account gets another base URL."""
        with self.window("move"):
            self.world.agency_at = "west" if self.world.agency_at == "east" else "east"
            self.recorder.forget("agency")
            self.reload()
            self.recorder.moved(self.world.agency_at)

    def narrow(self, seconds):
        """Fewer connections than there are callers."""
        with self.window("narrow"):
            self.world.write_good(per_user=20)
            self.daemon.reload()
            time.sleep(seconds)
            self.world.write_good()
            self.daemon.reload()

    # time

    def stop(self, seconds):
        self.world.pause(seconds)

    def jump(self, seconds):
        self.world.jump(seconds)

    # want

    def few_descriptors(self, more, seconds):
        with self.window("impaired"):
            undo = self.world.limit(resource.RLIMIT_NOFILE, lambda pid: self.world.n_fds(pid) + more)
            time.sleep(seconds)
            undo()

    def little_memory(self, seconds):
        """Not with a sanitizer: its own memory would be what is missing."""
        if self.sanitized:
            return self.failing("memory", 20000, 1, seconds)
        with self.window("impaired"):
            undo = self.world.limit(resource.RLIMIT_AS, lambda pid: self.world.address_space(pid) + 4096)
            time.sleep(seconds)
            undo()
        return None

    def failing(self, kind, ppm, seed, seconds):
        with self.window("impaired"):
            self.world.failing(kind, ppm, seed)
            time.sleep(seconds)
            self.world.failing(None, 0)

    def full_disk(self, environment):
        """Somebody writes a key and the configuration in place, and there is no room."""
        if not self.world.has_disk:
            return
        undo = self.world.fill_disk()
        with contextlib.suppress(OSError):
            self.world.put_keys({f"{environment}.1-main": f"{self.world.good[environment][0]}:cutoff" + "x" * 5000})
        with contextlib.suppress(OSError):
            self.world.write_good()
        self.daemon.reload()
        undo()
        for path in self.daemon.keys_directory.glob(".*.new"):
            path.unlink()
        self.world.put_keys({}, again=True)

    # life

    def restart(self, number):
        self.world.restart(number)

    def lose_frontend(self, number):
        self.world.lose_frontend(number)

    def calm(self, how):
        """All faults end. Then all is well, by an operator's refresh or, after a while, by itself: also without
        a reload, whose reading of the keys would hide that a change was missed."""
        self.clear(*UPSTREAMS)
        for upstream in UPSTREAMS:
            self.simulator.settings(upstream, lifetime_fixed=30, latency_ms=0)
        for name in ENVIRONMENTS:
            self.refuse_key(name, False)
        self.world.put_keys({})
        if how == "alone":
            self.world.jump(ALONE)
        else:
            self.reload_by_signal()
            self.ask_operator()
        for name in ENVIRONMENTS:
            wait_until(lambda name=name: self.is_well(name), f"{name} is well again", RECOVERED, interval=0.2)
            if self.world.gateway:
                wait_until(lambda name=name: self.is_passed_on(name), f"requests for {name} are passed on", RECOVERED, 0.2)
        wait_until(lambda: self.daemon.get("/readyz").status == 200, "/readyz says so", 5)

    def ask_operator(self):
        """Floor, budget and Retry-After stand; the last are short, an operator's share of the budget needs its hour."""
        for name in ENVIRONMENTS:
            if self.daemon.post(f"/v1/{name}/refresh", timeout=60).status == 429:
                self.world.jump(3700)
                return

    def is_well(self, name):
        with contextlib.suppress(OSError):
            answer = self.daemon.get(f"/v1/{name}/token?wait=1")
            return answer.status == 200 and (self.simulator.token_truth(
                self.world.upstream_of(name), answer.json()["ust"]) or 0) > 0
        return False


def upstream(dice):
    return dice.choice(UPSTREAMS)


def environment(dice):
    return dice.choice(list(ENVIRONMENTS))


TURNS = {
    "fault": (30, lambda d: (upstream(d), d.randrange(len(FAULTS)), d.choice((0, 1, 2)))),
    "clear": (10, lambda d: (upstream(d),)),
    "latency": (4, lambda d: (upstream(d), d.choice((0, 50, 500, 1500)))),
    "lifetime": (4, lambda d: (upstream(d), d.choice((8, 15, 30)))),
    "eager": (2, lambda d: (environment(d), d.randrange(10, 56))),
    "revoke": (4, lambda d: (upstream(d),)),
    "refuse_key": (4, lambda d: (environment(d), d.random() < 0.8)),
    "regenerate": (4, lambda d: (environment(d), d.choice((0, 0.5, 3)))),
    "wrong_key": (3, lambda d: (environment(d),)),
    "spare_key": (2, lambda d: (environment(d),)),
    "bad_key": (3, lambda d: (environment(d), d.randrange(len(BAD_KEYS)))),
    "no_key": (2, lambda d: (environment(d),)),
    "good_keys": (5, lambda d: ()),
    "reload": (3, lambda d: ()),
    "reload_by_signal": (3, lambda d: ()),
    "reload_bad": (3, lambda d: (d.randrange(len(BAD_CONFIGS)),)),
    "move": (4, lambda d: ()),
    "narrow": (1, lambda d: (d.choice((1, 2)),)),
    "stop": (3, lambda d: (d.choice((0.5, 2, 4)),)),
    "jump": (5, lambda d: (d.choice((3, 20, 120, 3600, 100000)),)),
    "few_descriptors": (2, lambda d: (d.choice((0, 1, 5)), d.choice((1, 3)))),
    "little_memory": (2, lambda d: (d.choice((1, 3)),)),
    "failing": (4, lambda d: (d.choice(KINDS + ("all",)), d.choice((1000, 20000, 100000)), d.getrandbits(32),
                              d.choice((1, 3)))),
    "full_disk": (2, lambda d: (environment(d),)),
    "lose_frontend": (5, lambda d: (d.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP)),)),
    "restart": (4, lambda d: (d.choice((signal.SIGTERM, signal.SIGKILL, signal.SIGKILL)),)),
}
# s that turns take beside their wait, roughly: how many of them fill the time
COST = {"eager": 8, "narrow": 2, "stop": 2, "few_descriptors": 2, "little_memory": 2, "failing": 2, "restart": 1,
        "lose_frontend": 2, "regenerate": 1}
