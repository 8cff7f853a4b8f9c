"""doc/internals/coverage.md says which lines of lib/ no test reaches, and why; this looks whether it is so.

    coverage.py                 its tables name lines that are there, as the tree is now
    coverage.py COVERAGE.json   they are also just the lines that a measurement found (gcovr --json)

A row of a table there: | `file` | lines, as in 7, 12-14 | `text of the first line` | why |
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DOCUMENT = "doc/internals/coverage.md"
ROW = re.compile(r"\| `((?:lib|client)/[^`]+)` \| ([0-9, -]+) \| `(.+?)` \| (.+) \|$")


def numbers(text):
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        yield from range(int(first), int(last or first) + 1)


def read_document():
    """The lines that are argued, {(file, number)}, and what is wrong with the rows themselves."""
    argued, wrong = set(), []
    for i, row in enumerate((ROOT / DOCUMENT).read_text().splitlines(), 1):
        if not row.startswith(("| `lib/", "| `client/")):
            continue
        match = ROW.match(row)
        if not match:
            wrong.append(f"{DOCUMENT}:{i}: not `file`, lines, `text`, why")
            continue
        file, lines, text = match[1], sorted(numbers(match[2])), match[3]
        source = (ROOT / file).read_text().splitlines() if (ROOT / file).exists() else []
        there = source[lines[0] - 1].strip() if lines[-1] <= len(source) else "nothing"
        if there != text:
            wrong.append(f"{DOCUMENT}:{i}: line {lines[0]} of {file} is not `{text}` but `{there}`")
        argued |= {(file, line) for line in lines}
    return argued, wrong


def read_measurement(path):
    """The lines that were not reached."""
    files = [file for file in json.loads(pathlib.Path(path).read_text())["files"] if file["file"].startswith(("lib/", "client/"))]
    if not files:
        raise SystemExit(f"{path} holds nothing of lib/")
    return {(file["file"], line["line_number"]) for file in files for line in file["lines"]
            if line["count"] == 0 and not line.get("gcovr/noncode")}


def main(paths):
    argued, wrong = read_document()
    if not argued:
        wrong.append(f"{DOCUMENT} has no rows")
    for path in paths:
        missed = read_measurement(path)
        wrong += [f"{file}:{line} is reached by no test, and {DOCUMENT} does not say why"
                  for file, line in sorted(missed - argued)]
        wrong += [f"{file}:{line} is reached, but {DOCUMENT} says that it is not"
                  for file, line in sorted(argued - missed)]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


sys.exit(main(sys.argv[1:]))
