"""Picture: the output of `eqpctl status` on a terminal, as an SVG file, from a real run of the daemon and a simulator.

    EQP_BUILD_DIR=build /usr/bin/python3 tests/docs/picture.py >doc/status.svg

In the run, production has a spare key, and the first key of agency was just refused, so its spare is in use. The
terminal has 92 columns; blocks that the bars consist of become rectangles, since fonts differ in them.
"""

import fcntl
import os
import pathlib
import re
import struct
import sys
import termios
import time
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "blackbox"))

from broker import Broker, wait_until  # noqa: E402
from simulator import EXAMPLE_KEY, Simulator  # noqa: E402
from terminal import Terminal  # noqa: E402

COLUMNS, ROWS = 92, 30
CELL, LINE, BASE, MARGIN = 8.4, 19, 14, 16  # in pixels; a line's text stands BASE below its top
CLASSES = {"0": "", "1": "bold", "2": "dim", "31": "bad", "32": "good", "33": "warning"}
STYLE = """
text { font: 14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #d8dee9 }
.bold { font-weight: bold } .dim { fill: #7b8794 } .good { fill: #8fce7c } .warning { fill: #e8c35c } .bad { fill: #ef7b72 }
.card { fill: #1d2430 } .empty { fill: #3a4454 }
"""
# The second key of production is written once the first works: a spare that is there at the start is tried later.
KEYS = {"sandbox": [("AQ17NZ49WC", "8820c99614d65f923df7660276f20e029d73e2ca")],
        "production": [("BR28PA50XD", "0c5b7e9d2f4a6b8c1d3e5f7a9b0c2d4e11223344"),
                       ("CS39QB61YE", "5f7a9b0c2d4e0c5b7e9d2f4a6b8c1d3e55667788")],
        "agency": [("DT40RC72ZF", "6b8c1d3e5f7a9b0c2d4e0c5b7e9d2f4a99aabbcc")]}
REGENERATED = "EU51SD83AG:9b0c2d4e0c5b7e9d2f4a6b8c1d3e5f7addeeff00"


def line_of(name, number=0):
    return ":".join(KEYS[name][number])


def shown():
    """The terminal's input."""
    with Simulator(tuple(KEYS), keys=KEYS) as simulator:
        keys = {"sandbox.1-main": EXAMPLE_KEY, "production.1-main": line_of("production"),
                "agency.1-main": REGENERATED, "agency.2-spare": line_of("agency")}
        with Broker(simulator, keys=keys) as broker:
            broker.wait_valid(*KEYS)
            broker.write_key("production.2-spare", line_of("production", 1))
            wait_until(lambda: all_known(broker), "the daemon has tried every key")
            time.sleep(float(os.environ.get("EQP_PICTURE_WAIT_SEC", "0")))  # for ages that differ
            environment = {"EQP_BROKER_ADDRESS": f"unix:{broker.socket_path}", "TERM": "xterm", "LC_ALL": "C.UTF-8"}
            program = os.path.join(os.environ["EQP_BUILD_DIR"], "ctl", "eqpctl")
            with Terminal(["/bin/sh", "-c", 'read -r _; exec "$0" status', program], env=environment) as terminal:
                fcntl.ioctl(terminal.slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
                terminal.type("\n")
                assert terminal.wait() == 0, terminal.screen
                return terminal.screen.lstrip("\n")


def all_known(broker):
    states = [key["state"] for environment in broker.status()["environments"] for key in environment["keys"]]
    return len(states) == 5 and "untried" not in states


def runs(lines):
    """For each line (class, text) of each part between changes of colour, which go on over the end of a line."""
    style = ""
    for line in lines:
        found = []
        for part in re.split(r"(\x1b\[\d*m)", line):
            if part.startswith("\x1b"):
                style = CLASSES[part[2:-1] or "0"]
            elif part:
                found.append((style, part))
        yield found


def block(character):
    """How much of a cell it fills, in eighths; None if it is no block."""
    if character == "░":
        return 0
    return 8 - "█▉▊▋▌▍▎▏".index(character) if character in "█▉▊▋▌▍▎▏" else None


def number(value):
    return f"{round(value, 1):g}"


def drawn_run(style, text, column, top):
    """One run of characters of a line: text, or rectangles."""
    x = MARGIN + column * CELL
    if block(text[0]) is None:
        kind = f' class="{style}"' if style else ""
        return f'<text{kind} x="{number(x)}" y="{top + BASE}">{escape(text)}</text>'
    width = sum((block(character) or 8) * CELL / 8 for character in text)
    kind = "empty" if text[0] == "░" else style
    return f'<rect class="{kind}" x="{number(x)}" y="{top + 4}" width="{number(width)}" height="11"/>'


def svg(text):
    lines = ["\x1b[2m$\x1b[0m \x1b[1meqpctl status\x1b[0m", *text.rstrip("\n").split("\n")]
    width, height = MARGIN * 2 + COLUMNS * CELL, MARGIN * 2 + len(lines) * LINE
    plain = "\n".join(re.sub(r"\x1b\[\d*m", "", line).rstrip() for line in lines[1:])
    body = []
    for row, parts in enumerate(runs(lines)):
        column = 0
        for style, part in parts:
            # Bars, words with single blanks between them, and wider blanks, which are not drawn.
            for piece in re.findall(r"░+|[█▉▊▋▌▍▎▏]+|[^ ░█▉▊▋▌▍▎▏]+(?: [^ ░█▉▊▋▌▍▎▏]+)*| +", part):
                if piece.strip():
                    body.append(drawn_run(style, piece, column, MARGIN + row * LINE))
                column += len(piece)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{number(width)}" height="{height}" '
            f'viewBox="0 0 {number(width)} {height}" role="img">\n<title>What eqpctl status shows</title>\n'
            f'<desc>{escape(plain)}</desc>\n<style>{STYLE}</style>\n'
            f'<rect class="card" width="100%" height="100%" rx="8"/>\n' + "\n".join(body) + "\n</svg>\n")


def form(picture):
    """The part that stays the same from run to run: line by line the classes and the words, with every span of time and every bar
    as one sign, whatever columns they need, and a paragraph as one line, wherever it is wrapped."""
    name = "{http://www.w3.org/2000/svg}"
    lines = {}
    for element in ET.fromstring(picture):
        if element.tag == f"{name}text":
            piece = (element.get("x"), element.get("class"), element.text)
            lines.setdefault(int(element.get("y")) - BASE, []).append(piece)
        elif element.tag == f"{name}rect" and element.get("y"):
            lines.setdefault(int(element.get("y")) - 4, []).append((element.get("x"), "bar", "BAR"))
    found = []
    for top in sorted(lines):
        line = lines[top]
        if found and line[0][:2] == found[-1][-1][:2]:  # it begins where the paragraph of the line before does
            x, kind, text = found[-1].pop()
            found[-1].append((x, kind, f"{text} {line[0][2]}"))
        else:
            found.append(line)
    return [merged(line) for line in found]


def merged(line):
    """The words of each class in turn."""
    parts = []
    for _, kind, text in line:
        if not parts or parts[-1][0] != kind:
            parts.append([kind, text])
        elif kind != "bar":
            parts[-1][1] += f" {text}"
    return [(kind, worded(text)) for kind, text in parts]


def worded(text):
    return " ".join(re.sub(r"\d+(d|h|min|s)\b( +\d+(h|min|s)\b)*", "TIME", text).split())


if __name__ == "__main__":
    sys.stdout.write(svg(shown()))
