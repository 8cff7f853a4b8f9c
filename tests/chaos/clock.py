"""Clock: `real` is the monotonic clock; `ours` is real plus all jumps, the clock that daemon and simulator live by."""

import collections
import threading
import time

Moment = collections.namedtuple("Moment", "real ours wall")


class Clock:
    def __init__(self):
        self.lock, self.jumps = threading.RLock(), [(0, 0)]

    def now(self):
        real = time.monotonic()
        return Moment(real, real + self.jumps[-1][1], time.time())

    def ours(self, real):
        return real + next(forward for since, forward in reversed(self.jumps) if since <= real)
