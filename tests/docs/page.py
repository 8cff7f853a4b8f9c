"""A page of the documentation, as who types it sees it: fenced blocks in order, and the commands in each.

    for block in blocks(ROOT / "doc/operating.md"):
        block.section, block.text, block.first      # "Day one", "eqpctl key set sandbox\\n…", its first line
        block.commands                              # [] where the block is something to read or to write
    quoted_commands(path)                           # those in `back quotes` amid the text
"""

import re
from dataclasses import dataclass

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
TITLE = re.compile(r"^#+ (.*)$", re.M)
HERE_DOCUMENT = re.compile(r"<<'?(\w+)'?")
# The beginning of a quotation that is a command, and something behind it.
PROGRAMS = r"(?:\./dev|apt-get|curl|docker|eqp-brokerd|eqpctl|eval|helm|journalctl|kubectl|podman|sh|systemctl|systemd-\w+)"
QUOTED_COMMAND = re.compile(rf"`({PROGRAMS}\s[^`]*)`")


@dataclass(frozen=True)
class Block:
    section: str
    language: str
    text: str

    @property
    def first(self):
        return self.text.splitlines()[0].strip()

    @property
    def commands(self):
        return split(self.text) if self.language == "sh" else []


def split(script):
    """The commands of a shell script, each as it is typed: with the lines that continue it."""
    commands, open_until = [], None
    for line in script.splitlines():
        goes_on = bool(commands) and (open_until is not None or commands[-1].endswith(("\\", "|")))
        if goes_on:
            commands[-1] += "\n" + line
        elif line.strip():
            commands.append(line)
        if open_until is not None:
            open_until = None if line == open_until else open_until
        elif match := HERE_DOCUMENT.search(line):
            open_until = match[1]
    return commands


def blocks(path):
    text = path.read_text(encoding="utf-8")
    found = []
    for match in FENCED.finditer(text):
        before = FENCED.sub("", text[:match.start()])
        found.append(Block(TITLE.findall(before)[-1], match[1], match[2]))
    return found


def quoted_commands(path):
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    return sorted({" ".join(quote.split()) for quote in QUOTED_COMMAND.findall(text)})
