"""No word of a man page is broken: a path or a word for programs could not be searched for, nor copied.

    man_words.py BUILD

Where there is no groff, it is only looked up whether the pages say so.
"""

import pathlib
import re
import shutil
import subprocess
import sys

BUILD = pathlib.Path(sys.argv[1])
COLUMNS = (50, 65, 78)


def text_of(page, columns):
    # Without escapes for bold and underlined.
    command = ["groff", "-man", "-Tutf8", "-P-c", "-P-b", "-P-o", "-P-u", f"-rLL={columns}n", page]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def broken(page):
    """Words that go on in the next line."""
    for columns in COLUMNS:
        for before, after in re.findall(r"(\S*\w)[\u2010-]\n *(\w\S*)", text_of(page, columns)):
            yield f"{before}-|{after}, on {columns} columns"


def troubles_of(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    title = next(number for number, line in enumerate(lines) if line.startswith(".TH "))
    if ".nh" not in lines[title:title + 3]:
        yield "no .nh behind .TH"
    if shutil.which("groff"):
        yield from broken(page)


def main():
    pages = sorted(BUILD.glob("doc/*.[0-9]"))
    troubles = [f"{page.name}: {trouble}" for page in pages for trouble in troubles_of(page)]
    if not pages:
        troubles.append(f"there is no man page in {BUILD}/doc")
    print("\n".join(troubles), end="\n" if troubles else "")
    sys.exit(1 if troubles else 0)


main()
