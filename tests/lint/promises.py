"""Each promise of doc/promises.md names tests, and they exist.

A row has four columns: promise, bound, tests, figure. Tests are `file`, `file::function` or, for C, `file:test
function`; scenarios are files. A file stands below tests/; one that is named with a function must define it.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "doc/promises.md"


def trouble_of(test):
    name, _, function = test.partition("::")
    path = ROOT / "tests" / name
    if not path.exists():
        return f"there is no tests/{name}"
    if function and not re.search(rf"^(def|static void) {re.escape(function)}\(", path.read_text(), re.M):
        return f"tests/{name} has no {function}"
    return None


def main():
    troubles, n_promises = [], 0
    for number, line in enumerate(PAGE.read_text(encoding="utf-8").splitlines(), 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or cells[0] == "promise" or set(cells[0]) == {"-"}:
            continue
        n_promises += 1
        tests = re.findall(r"`([^`]+)`", cells[2]) if len(cells) == 4 else []
        if len(cells) != 4:
            troubles.append(f"line {number}: {len(cells)} columns, not four")
        elif not tests or not cells[1] or not cells[3]:
            troubles.append(f"line {number}: a promise without a bound, a test or a figure")
        troubles += [f"line {number}: {trouble}" for trouble in map(trouble_of, tests) if trouble]
    if n_promises == 0:
        troubles.append("no promises could be read")
    print("\n".join(f"{PAGE.relative_to(ROOT)}: {trouble}" for trouble in troubles), end="\n" if troubles else "")
    sys.exit(1 if troubles else 0)


main()
