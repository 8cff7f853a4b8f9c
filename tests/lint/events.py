"""Every event of daemon/base/events.h is said by the daemon, and has a row with its level in doc/internals/events.md.

    events.py
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    events = set(re.findall(r"^#define (EVENT_\w+) ", (ROOT / "daemon" / "base" / "events.h").read_text(), re.M))
    rows = set(re.findall(r"^\| `(EVENT_\w+)` \| (?:error|warning|notice|info|debug) \|",
                          (ROOT / "doc" / "internals" / "events.md").read_text(), re.M))
    said = set(re.findall(r"\bEVENT_\w+", "".join(path.read_text() for path in (ROOT / "daemon").rglob("*.c"))))
    troubles = [f"{name}: nothing in daemon/ says it" for name in sorted(events - said)]
    troubles += [f"{name}: doc/internals/events.md has no row for it" for name in sorted(events - rows)]
    troubles += [f"doc/internals/events.md: there is no {name}" for name in sorted(rows - events)]
    print("\n".join(troubles), end="\n" if troubles else "")
    sys.exit(1 if troubles or not events else 0)


main()
