"""Gateway world: settings, local keys and the forwarder of a daemon that passes requests on."""

import signal
import time

from broker import forwarder_of, wait_forwarder, wait_until
from downloads import serve_downloads
from gateway_recorder import ANSWER_TIMEOUT
from local_keys import LocalKey
from processes import signal_to, state_of

ALLOWED = "GET,POST,PUT,DELETE /rest/v1/chaos/**"
GATEWAY = f"allow = any {ALLOWED}\ndeny = any * /rest/v1/chaos/denied/**\nanswer_timeout = {ANSWER_TIMEOUT}s\n"


class GatewayWorld:
    """A part of World."""

    def begin_gateway(self, environments, upstreams):
        if self.gateway:
            self.daemon.gateway = "".join(f"[gateway {name}]\n{GATEWAY}" for name in environments)
            for name in environments:
                self.add_local_key(name, anew=True)
            for name in upstreams:
                serve_downloads(self.simulator, name)
            self.daemon.write_config()

    def add_local_key(self, environment, anew):
        """At the next reload. issue: of its secret, as the recorder counts them."""
        if anew:
            key = LocalKey(f"chaos-{environment}", environment, f"{self.random.getrandbits(256):064x}", allow=[ALLOWED])
            self.local[environment] = (key, self.recorder.gateway.keys[environment].issue)
        self.daemon.local.append(self.local[environment][0])

    def remove_local_key(self, environment):
        self.daemon.local.remove(self.local[environment][0])

    def local_key(self, environment):
        """(the key, the issue of its secret)"""
        return self.local[environment]

    def forwarder(self):
        return forwarder_of(self.keeper())

    def lose_forwarder(self, number):
        """As lose_frontend; one that hangs is found as long as requests are passed on."""
        pid = self.forwarder()
        if not pid:
            return
        window = self.recorder.open("lost forwarder")
        if signal_to(pid, number):
            wait_until(lambda: state_of(pid) in ("Z", None), "the forwarder has ended", 30, 0.005)
        wait_forwarder(self.keeper(), but=pid)
        self.recorder.close(window)

    def stop_forwarder(self, seconds):
        """It stands still for a while that is too short to be taken for a hang."""
        pid = self.forwarder()
        window = self.recorder.open("lost forwarder")
        if pid and signal_to(pid, signal.SIGSTOP):
            time.sleep(seconds)
            signal_to(pid, signal.SIGCONT)
        self.recorder.close(window)
