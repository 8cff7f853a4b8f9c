"""The common part: may programs of another architecture be run here, and a root for them."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import emulated  # noqa: E402

ARCHITECTURE = "arm64"


def cannot(reason):
    """In CI they must."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"NOTHING WAS TRIED ON {ARCHITECTURE}, and this is CI: {reason}")
    pytest.skip(f"NOTHING WAS TRIED ON {ARCHITECTURE}: {reason}")


@pytest.fixture(scope="session", autouse=True)
def possible():
    reason = emulated.why_not(ARCHITECTURE)
    if reason is not None:
        cannot(reason)


def one(pattern, verb):
    found = sorted(emulated.TREE.glob(pattern))
    if len(found) != 1:
        pytest.fail(f"{pattern} is {len(found)} files: run {verb}")
    return found[0]
