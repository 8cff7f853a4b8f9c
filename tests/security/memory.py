"""The memory of another process, as root reads it: where a text lies, and what kind of memory that is."""

import re


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


def search(pid, *texts):
    """{text: [(address, mapping)]} for each of the texts (bytes), wherever it lies."""
    found = {text: [] for text in texts}
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
            for text in texts:
                at = data.find(text)
                while at >= 0:
                    found[text].append((start + at, mapping))
                    at = data.find(text, at + 1)
    return found
