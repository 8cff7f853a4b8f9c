"""Startup, readiness and liveness probes: commands in the broker's container that tell the token's truth."""

import time

from broker import wait_until
from pod import BROKER
from simulator import EXAMPLE_KEY

READY, LIVE = ("ready",), ("live",)


def health(pod):
    """The image's own health check, run as a timer would run it."""
    return pod.podman("healthcheck", "run", pod.container("broker"), check=False).returncode == 0


def test_with_a_token_all_are_content(served):
    assert served.eqpctl(*READY).returncode == 0
    assert served.eqpctl(*LIVE).returncode == 0
    assert health(served)


def test_while_the_upstream_is_down_it_lives_but_is_not_ready(pod):
    """Down before the start, the upstream comes up: the startup probe waits for that, and no longer."""
    pod.simulator.fault("sandbox", "refuse_connect")
    pod.write_key("sandbox", EXAMPLE_KEY)
    pod.start_broker()
    wait_until(lambda: pod.eqpctl(*LIVE).returncode == 0, "the daemon")
    ready = pod.eqpctl(*READY)
    assert ready.returncode == 3
    assert "sandbox" in ready.stderr
    assert not health(pod)
    pod.simulator.clear_faults("sandbox")
    wait_until(lambda: pod.eqpctl(*READY).returncode == 0, "recovery")
    assert health(pod)


def test_it_stays_ready_through_an_outage_for_as_long_as_the_token_lives(pod):
    pod.simulator.settings("sandbox", lifetime_fixed=14)
    pod.write_key("sandbox", EXAMPLE_KEY)
    pod.start_broker().wait_ready()
    pod.simulator.fault("sandbox", "unavailable")
    # A life of 14 s is less than the budget can bear; a demand, which fails, is the beginning of the attempts.
    wait_until(lambda: pod.get("/v1/sandbox/token?min_ttl=12&wait=0").status != 200, "a demand")
    expires = time.monotonic() + pod.get("/v1/sandbox/token").json()["expires_in"]
    assert pod.eqpctl(*READY).returncode == 0
    wait_until(lambda: pod.eqpctl(*READY).returncode == 3, "the end of the token")
    assert time.monotonic() >= expires - 0.5
    assert pod.eqpctl(*LIVE).returncode == 0
    pod.simulator.settings("sandbox", lifetime_fixed=None)
    pod.simulator.clear_faults("sandbox")
    wait_until(lambda: pod.eqpctl(*READY).returncode == 0, "recovery")


def test_a_refused_key_is_not_ready(pod):
    pod.write_key("sandbox", "AQ17NZ49WC:not-the-secret")
    pod.start_broker()
    wait_until(lambda: pod.eqpctl(*LIVE).returncode == 0, "the daemon")
    wait_until(lambda: "refused" in pod.eqpctl(*READY).stderr, "the answer to the key")
    assert pod.eqpctl(*READY).returncode == 3


def test_a_daemon_that_is_stuck_fails_the_liveness_probe(served):
    served.podman("kill", "--signal=STOP", served.container("broker"))
    begin = time.monotonic()

    def live():
        return served.podman("run", "--rm", f"--network=container:{served.container('upstream')}",
                             "--entrypoint=/usr/bin/eqpctl", BROKER, *LIVE, check=False).returncode
    # The keeper's answer of the last second still counts.
    code = wait_until(lambda: live() or None, "the probe fails", 50)
    assert code not in (125, 126, 127)
    assert time.monotonic() - begin < 60
    served.podman("kill", "--signal=CONT", served.container("broker"))
    assert served.eqpctl(*LIVE).returncode == 0


def test_without_a_daemon_both_say_so(served):
    served.stop()
    for probe in (READY, LIVE):
        result = served.podman("run", "--rm", f"--network=container:{served.container('upstream')}",
                               "--entrypoint=/usr/bin/eqpctl", BROKER, *probe, check=False)
        assert result.returncode == 5
