"""For all folders of tests: marks, leaving out what is slow, and a note of what failed."""

import os
import sys

import pytest

if os.environ.get("EQP_BYTECODE"):  # a folder of one run of ./dev; the tree stays clean, whatever the tests start
    sys.dont_write_bytecode, sys.pycache_prefix = False, os.environ["EQP_BYTECODE"]


def pytest_addoption(parser):
    parser.addoption("--no-slow", action="store_true", help="leave out the tests that are marked slow")
    parser.addoption("--only-slow", action="store_true", help="leave out all others")


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: it measures what other tests beside it would change")
    config.addinivalue_line("markers", "slow(why, first=False): it waits long by nature, and ./dev test without --all "
                            "leaves it out; first: for a minute and more, so that its file is begun before others")


def long_ones_first(items):
    """Processes that share files out are to end together; the tests of a file stay in order."""
    first = {item.path for item in items if (slow := item.get_closest_marker("slow")) and slow.kwargs.get("first")}
    items.sort(key=lambda item: item.path not in first)


@pytest.hookimpl(trylast=True)  # of those that -k and -m have left
def pytest_collection_modifyitems(config, items):
    slow = [item for item in items if item.get_closest_marker("slow")]
    others = [item for item in items if item not in slow]
    if config.getoption("--only-slow"):
        config.hook.pytest_deselected(items=others)
        items[:] = slow
    elif config.getoption("--no-slow") and slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = others
        leave_out(slow)
    if "PYTEST_XDIST_WORKER" in os.environ:
        long_ones_first(items)


def leave_out(items):
    """One of several processes tells it; pytest itself does not count what they leave out."""
    if "EQP_LEFT_OUT" in os.environ and os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        with open(os.environ["EQP_LEFT_OUT"], "a", encoding="utf-8") as file:
            for item in items:
                why, = item.get_closest_marker("slow").args
                print(item.nodeid, why, sep="\t", file=file)


# No repetition excuses a failure in these folders, of these words, or of what is looked for after a test: a secret in a
# log, a report of a sanitizer, a process that is left.
STRICT_FOLDERS = {"security", "faults", "chaos", "memcheck", "threads", "sandbox"}
STRICT_WORDS = ("Sanitizer", "runtime error:", "Assertion `", "core dumped", "base64 of")


def is_fault(report):
    text = "\n".join([report.longreprtext, *(text for _, text in report.sections)])
    return (report.when == "teardown" or not STRICT_FOLDERS.isdisjoint(report.nodeid.split("/"))
            or "secret" in report.nodeid or any(word in text for word in STRICT_WORDS))


def pytest_runtest_logreport(report):
    """For run_pytest in tests/suites.sh. Of several processes, the one that shares out the files tells it."""
    if report.failed and "EQP_FAILED" in os.environ and "PYTEST_XDIST_WORKER" not in os.environ:
        with open(os.environ["EQP_FAILED"], "a", encoding="utf-8") as file:
            print("fault" if is_fault(report) else "chance", report.nodeid, sep="\t", file=file)
