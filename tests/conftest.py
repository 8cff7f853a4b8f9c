"""For all folders of tests: marks, and leaving out what is slow."""

import os

import pytest


def pytest_addoption(parser):
    parser.addoption("--no-slow", action="store_true", help="leave out the tests that are marked slow")
    parser.addoption("--only-slow", action="store_true", help="leave out all others")


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: it measures what other tests beside it would change")
    config.addinivalue_line("markers", "slow(why): it waits long by nature, and ./dev test without --all leaves it out")


@pytest.hookimpl(trylast=True)  # of those that -k and -m have left
def pytest_collection_modifyitems(config, items):
    left_out = [item for item in items if item.get_closest_marker("slow")]
    if config.getoption("--only-slow"):
        config.hook.pytest_deselected(items=[item for item in items if item not in left_out])
        items[:] = left_out
        return
    if not config.getoption("--no-slow") or not left_out:
        return
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
    # One of several processes tells it; pytest itself does not count what they leave out.
    if "EQP_LEFT_OUT" in os.environ and os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        with open(os.environ["EQP_LEFT_OUT"], "a", encoding="utf-8") as file:
            for item in left_out:
                why, = item.get_closest_marker("slow").args
                print(item.nodeid, why, sep="\t", file=file)
