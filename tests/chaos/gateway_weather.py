"""Gateway weather: accidents of requests that are passed on. Each turn is a row of TURNS, as in weather.py."""

import contextlib
import itertools
import signal
import time

from callers import BROKEN, Kept
from downloads import BASE, LONG, PIECES
from gateway_recorder import HEADER, Call
from world import ENVIRONMENTS, UPSTREAMS

FAULTS = (("cut", {}), ("cut", {"bytes": 0}), ("cut", {"bytes": 100000}), ("cut", {"politely": True}),
          ("delay", {"ms": 300}), ("delay", {"ms": 3000}), ("delay", {"ms": 20000}), ("drip", {"interval_ms": 20, "bytes": 100}),
          ("slow_upload", {"interval_ms": 20, "bytes": 16384}), ("truncate", {}), ("reset", {}), ("reset", {"early": True}),
          ("hang", {}), ("garbage", {}), ("giant", {"bytes": LONG}), ("giant", {"bytes": PIECES, "chunked": True}),
          ("refuse", {}), ("refuse", {"early": True}), ("refuse", {"status": 403}), ("throttle", {"early": True}),
          ("unavailable", {"html": True}), ("status", {"status": 413, "early": True}), ("not_json", {}), ("bad_utf8", {}),
          ("redirect", {"location": "https://localhost:1/"}))


class GatewayWeather:
    """A part of Weather."""

    numbers = itertools.count()

    def gateway_fault(self, upstream, fault, count):
        name, parameters = FAULTS[fault]
        self.simulator.fault(upstream, name, paths="api", count=count, **parameters)

    def echoes(self, environment, status):
        """The upstream sends the token back, in an error and in a header."""
        answer = self.daemon.get(f"/v1/{environment}/token?wait=1")
        if answer.status == 200:
            ust = answer.json()["ust"]
            self.recorder.truth(None, ust, (self.world.upstream_of(environment),))
            self.simulator.fault(self.world.upstream_of(environment), "status", paths="api", count=10, status=status,
                                 body=f"your token is {ust}", headers={"X-Token": ust})

    def lose_forwarder(self, number):
        self.world.lose_forwarder(number)

    def stop_forwarder(self, seconds):
        self.world.stop_forwarder(seconds)

    def local_key(self, environment, anew, seconds):
        """It is removed, and comes back, with the same secret or another one."""
        key = self.recorder.gateway.keys[environment]
        with self.window(f"key {environment}"):
            self.world.remove_local_key(environment)
            self.reload()
            key.removed(time.monotonic())
            time.sleep(seconds)
            key.comes_back(time.monotonic(), anew)
            self.world.add_local_key(environment, anew)
            self.reload()

    def is_passed_on(self, environment):
        gateway, now, number = self.recorder.gateway, self.recorder.clock.now, f"calm{next(self.numbers)}"
        call = Call(number, "calm", environment, path=BASE + number)
        gateway.begin(call, now())
        connection = Kept(self.daemon.connection("unix", 60))
        try:
            with contextlib.suppress(*BROKEN):
                return connection.ask("GET", f"/{environment}{call.path}", {HEADER[0]: HEADER[1]}, None).status == 200
        finally:
            connection.close()
            gateway.forget(call, now())
        return False


TURNS = {
    "gateway_fault": (40, lambda d: (d.choice(UPSTREAMS), d.randrange(len(FAULTS)), d.choice((1, 1, 3, 10)))),
    "echoes": (5, lambda d: (d.choice(list(ENVIRONMENTS)), d.choice((403, 500)))),
    "lose_forwarder": (6, lambda d: (d.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP)),)),
    "stop_forwarder": (4, lambda d: (d.choice((0.5, 1.5)),)),
    "local_key": (6, lambda d: (d.choice(list(ENVIRONMENTS)), d.random() < 0.5, d.choice((0, 1, 3)))),
}
COST = {"lose_forwarder": 3, "stop_forwarder": 1, "local_key": 2}
