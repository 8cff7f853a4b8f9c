"""Every event of daemon/base/events.h is said somewhere and has one entry in the message catalog, and every entry
an event; the fields that an entry uses are those that each record of its event has; journalctl takes the file.

    catalog.py
"""

import collections
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CATALOG = ROOT / "systemd" / "eqp-broker.catalog"
HEADERS = {"Subject", "Defined-By", "Documentation"}
SOURCES = "".join(path.read_text() for path in (ROOT / "daemon").rglob("*.c"))
RECORDS = re.findall(r"\bjournal_record\b[^;{]*\{([^{}]*)\}", SOURCES)


def events():
    """The name of each ID."""
    text = (ROOT / "daemon" / "base" / "events.h").read_text()
    return {identity: name for name, identity in re.findall(r'#define (EVENT_\w+)\s+"([0-9a-f]{32})"', text)}


def entries():
    """(ID, headers, text) of each entry."""
    for entry in re.split(r"^-- ", CATALOG.read_text(), flags=re.M)[1:]:
        head, _, text = entry.partition("\n\n")
        identity, *headers = head.splitlines()
        yield identity, dict(line.split(": ", 1) for line in headers), text


def sure_fields(name):
    """The fields that no record of this event lacks, as far as can be seen: those that each journal_record with its name sets.
    None, if the name is handed to a function, which may leave fields out. A key may have no label."""
    records = [record for record in RECORDS if re.search(rf"\b{name}\b", record)]
    if not records or len(records) != len(re.findall(rf"\b{name}\b", SOURCES)):
        return set()
    return set.intersection(*({f"EQP_{field.upper()}" for field, value in re.findall(r"\.(\w+) = ([^,}]*)", record)
                               if "NULL" not in value} for record in records)) - {"EQP_KEY"}


def troubles_of(name, headers, text):
    fields = set(re.findall(r"\bEQP_\w+", (ROOT / "daemon" / "base" / "journal_entry.c").read_text()))
    if set(headers) != HEADERS:
        yield f"{name}: its headers are {', '.join(headers)}; they should be {', '.join(sorted(HEADERS))}"
    if len(re.findall(r"\n\n", text.strip())) < 1:
        yield f"{name}: it says what happened, or what to do, but not both: no second paragraph"
    for field in re.findall(r"@(\w+)@", headers.get("Subject", "") + text):
        if field not in fields:
            yield f"{name}: @{field}@ is no field of daemon/base/journal_entry.c"
        elif field not in sure_fields(name):
            yield f"{name}: a record may lack @{field}@, or have nothing in it: the text has to do without"


def taken_by_journalctl():
    """journalctl says nothing where it is content, and the database then holds all of it."""
    with tempfile.TemporaryDirectory() as root:
        folder = pathlib.Path(root) / "usr/lib/systemd/catalog"
        folder.mkdir(parents=True)
        shutil.copy(CATALOG, folder)
        (pathlib.Path(root) / "var/lib/systemd/catalog").mkdir(parents=True)
        update = subprocess.run(["journalctl", f"--root={root}", "--update-catalog"], capture_output=True,
                                text=True, timeout=20)
        if update.returncode != 0 or update.stderr:
            yield f"journalctl --update-catalog: {update.stderr.strip() or update.returncode}"
            return
        listed = subprocess.run(["journalctl", f"--root={root}", "--list-catalog"], capture_output=True,
                                text=True, check=True, timeout=20).stdout
        for identity, name in events().items():
            if identity not in listed:
                yield f"{name}: not in journalctl's list"


def main():
    known = events()
    assert known, "daemon/base/events.h has no event"
    found = collections.Counter(identity for identity, _, _ in entries())
    troubles = [f"{name}: no entry in {CATALOG.name}" for identity, name in known.items()
                if identity not in found]
    troubles += [f"{identity}: an entry without an event" for identity in found if identity not in known]
    troubles += [f"{known.get(identity, identity)}: {number} entries"
                 for identity, number in found.items() if number > 1]
    for identity, headers, text in entries():
        troubles += troubles_of(known.get(identity, identity), headers, text)
    troubles += [f"{name}: the daemon never says it" for name in known.values()
                 if not re.search(rf"\b{name}\b", SOURCES)]
    troubles += taken_by_journalctl() if shutil.which("journalctl") else []
    print("\n".join(troubles), end="\n" if troubles else "")
    sys.exit(1 if troubles else 0)


main()
