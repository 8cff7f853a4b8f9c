"""Judges a run of `meson test` under an emulator; prints a line for each program: result, suite, name,
reason, between tabs; on stderr, what those said that failed.

    judge.py SUITE FILE ARCHITECTURE

FILE is meson's testlog.json. Tests that fail because the emulator is no kernel are listed in foreign.list, one by one;
a program that fails in exactly these counts as skipped, with the reasons. It counts as failed if it fails in anything
else, and also if a listed test passes, or is not there.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

LIST = pathlib.Path(__file__).with_name("foreign.list")


def can_start(log):
    """Does the kernel itself start programs of this architecture?"""
    try:
        subprocess.run([pathlib.Path(log).parents[1] / "tests/unit/test_names"], capture_output=True, check=False)
    except OSError:
        return False
    return True


def read_list(architecture, can_exec):
    """{program: {test: reason}}; the test "*" is the program as a whole."""
    rows = {}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        where, program, test, reason = line.split(maxsplit=3)
        if where not in ("*", architecture) or test == "exec" and can_exec:
            continue
        rows.setdefault(program, {})["*" if test == "exec" else test] = reason
    return rows


def judge(run, listed):
    """The result of one program, and why it is no better."""
    if run["result"] in ("OK", "EXPECTEDFAIL"):
        return ("failed", f"passes, and is in {LIST.name}: {', '.join(listed)}") if listed else ("passed", "")
    if "*" in listed:
        return "skipped", listed["*"]
    failed = set(re.findall(r"^\[  FAILED  \] (\w+)$", run.get("stdout") or "", re.MULTILINE))
    reasons = "; ".join(f"{test}: {reason}" for test, reason in listed.items())
    if run["result"] == "FAIL" and failed and failed == set(listed):
        return "skipped", f"all but {reasons}"
    surplus = ", ".join(sorted(failed - set(listed)))
    passes = ", ".join(sorted(set(listed) - failed))
    return "failed", "; ".join(filter(None, (
        run["result"].lower(),
        surplus and f"fails: {surplus}",
        failed and passes and f"passes, and is in {LIST.name}: {passes}")))


def main():
    suite, path, architecture = sys.argv[1:]
    listed = read_list(architecture, can_start(path))
    lines = []
    try:
        with open(path, encoding="utf-8") as file:
            for run in map(json.loads, file):
                result, reason = judge(run, listed.pop(run["name"].split(" / ")[-1], {}))
                lines.append((result, suite, run["name"], reason))
                if result == "failed":
                    print(f"{run['name']}: {reason}", run.get("stdout"), run.get("stderr"), sep="\n", file=sys.stderr)
    except (OSError, ValueError, KeyError) as error:
        lines.append(("failed", suite, "the suite as a whole", f"no results: {error}"))
    for program in listed:
        lines.append(("failed", suite, program, f"is in {LIST.name}, and did not run"))
    counts = collections.Counter(line[0] for line in lines)
    print(", ".join(f"{n} {result}" for result, n in counts.items()), file=sys.stderr)
    for line in lines:
        print(*(" ".join(field.split()) for field in line), sep="\t")


if __name__ == "__main__":
    main()
