"""The memory of another process, as root reads it: where a text lies, and what kind of memory that is. Of a daemon both
processes are searched."""

import re

from broker import frontend_of


def mappings(pid):
    """(start, end, permissions, name, VmFlags) of each."""
    found = []
    with open(f"/proc/{pid}/smaps") as smaps:
        for line in smaps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$", line)
            if match:
                found.append([int(match[1], 16), int(match[2], 16), match[3], match[4], set()])
            elif line.startswith("VmFlags:"):
                found[-1][4] = set(line.split()[1:])
    return [tuple(one) for one in found]


def processes(pid):
    """The process, and its frontend if it has one."""
    return [found for found in (pid, frontend_of(pid)) if found]


def search(pid, *texts):
    """{text: [(address, mapping)]} for each of the texts (bytes), wherever it lies."""
    found = {text: [] for text in texts}
    for process in processes(pid):
        search_one(process, found)
    return found


def search_one(pid, found):
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for mapping in mappings(pid):
            start, end, permissions, name, _ = mapping
            if "r" not in permissions or name in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                continue
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except OSError:
                continue
            for text, places in found.items():
                at = data.find(text)
                while at >= 0:
                    places.append((start + at, mapping))
                    at = data.find(text, at + 1)
