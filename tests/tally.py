"""Reads what a test runner wrote; prints a line for each test: result, suite, name, reason, between tabs.

    tally.py SUITE FILE

FILE is meson's testlog.json or pytest's JUnit XML. The reason of a failure is the last line that the program printed, or
the exception. A file that is missing, empty or broken counts as one failure: a suite that did not run must not look like
one that passed.
"""

import json
import sys
import xml.etree.ElementTree

REASON_MAX = 200
MESON_RESULTS = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}


def read_meson(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            test = json.loads(line)
            result = MESON_RESULTS.get(test["result"], "failed")
            said = (test.get("stdout") or "").strip().splitlines()[-1:]
            reason = said if result == "skipped" and said else [test["result"].lower(), *said]
            yield result, test["name"], "" if result == "passed" else ": ".join(reason)[:REASON_MAX]


def read_junit(path):
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        failure = case.find("failure") if case.find("failure") is not None else case.find("error")
        if failure is not None:
            yield "failed", name, failure.get("message", "")[:REASON_MAX]
        elif case.find("skipped") is not None:
            yield "skipped", name, case.find("skipped").get("message", "")
        else:
            yield "passed", name, ""


def main():
    suite, path = sys.argv[1:]
    try:
        rows = list(read_meson(path) if path.endswith(".json") else read_junit(path))
    except (OSError, ValueError, KeyError, xml.etree.ElementTree.ParseError) as error:
        rows = [("failed", "the suite as a whole", f"no results: {error}")]
    if not rows:
        rows = [("failed", "the suite as a whole", "no test ran")]
    for result, name, reason in rows:
        print(result, suite, " ".join(name.split()), " ".join(reason.split()), sep="\t")


main()
