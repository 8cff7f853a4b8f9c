"""The few threads there are: look-ups of groups, and libcurl's resolver. ThreadSanitizer watches.

Each story has them run while the loop does something with what they are about to report to. Broker.stop()
fails at a report.
"""

import concurrent.futures
import signal
import subprocess
import threading

from broker import BARE_ENVIRONMENT, Broker, binary, wait_until
from simulator import EXAMPLE_KEY

RULES = "allow = group:daemon\nallow = user:root"


def ask_as(uid, broker):
    """The status of a token request on TCP by a process of that user."""
    result = subprocess.run(
        ["curl", "-s", "--noproxy", "*", "-o", "/dev/null", "-H", "EQP-Client: threads", "-w", "%{http_code}",
         "--max-time", "60", f"http://127.0.0.1:{broker.port}/v1/sandbox/token"], user=uid, group=uid,
        extra_groups=[], env=BARE_ENVIRONMENT, capture_output=True, text=True, cwd="/")
    return int(result.stdout)


def test_many_users_while_settings_are_reloaded(upstream, callers):
    """A group rule has every caller on TCP looked up, four at a time; rules change meanwhile."""
    upstream.reset()
    with Broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=RULES) as broker:
        broker.wait_valid()
        asked = threading.Event()

        def reload_on():
            while not asked.is_set():
                broker.reload()

        reloads = threading.Thread(target=reload_on)
        reloads.start()
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            statuses = list(pool.map(lambda uid: ask_as(uid, broker), callers * 3))
        asked.set()
        reloads.join()
        assert set(statuses) == {200, 403}, "the user daemon is in the group, the others are not"
        assert statuses.count(200) == 3


def test_the_end_while_users_are_looked_up(upstream, callers):
    upstream.reset()
    for _ in range(3):
        broker = Broker(upstream, keys={"sandbox": EXAMPLE_KEY}, broker=RULES)
        with broker, concurrent.futures.ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(ask_as, uid, broker) for uid in callers[:12]]
            wait_until(lambda: any(request.done() for request in asked), "the first answer")
            assert broker.stop() == 0, broker.text()


def test_names_that_are_resolved_while_the_daemon_ends(upstream):
    """Exchanges with hosts that do not exist, ten at a time, and no wait for their end."""
    names = {f"away-{i}": f"base_url = https://away-{i}.invalid" for i in range(10)}
    for _ in range(3):
        with Broker(environments=names, keys=dict.fromkeys(names, EXAMPLE_KEY)) as broker:
            broker.send(signal.SIGHUP)
            assert broker.stop() == 0, broker.text()


def test_a_report_would_be_seen():
    """The daemon at hand is one with ThreadSanitizer, which lists its options if asked to."""
    result = subprocess.run([binary(), "--version"], env=BARE_ENVIRONMENT | {"TSAN_OPTIONS": "help=1"},
                            capture_output=True, text=True, timeout=60)
    assert "ThreadSanitizer" in result.stdout + result.stderr
