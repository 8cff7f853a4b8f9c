"""The options that --help lists are those of the man page, with the same short forms and arguments; and the
words for errors that eqp-brokerd(8) lists are those of the sources.

    help_vs_man.py BUILD
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1])

# "  -c, --config=FILE   Read …", "      --usage   Give …"
IN_HELP = re.compile(r"^  (?:    |-(.), )(?:--([a-z][a-z-]*)(?:=(\S+))?)", re.M)
# "*-c*, *--config*=_FILE_"; underscores are escaped in scdoc
IN_MAN = re.compile(r"^(?:\*-(.)\*, )?\*--([a-z][a-z-]*)\*(?:=(\S+))?$", re.M)


def help_text(*command):
    return subprocess.run([*command, "--help"], capture_output=True, text=True, check=True, timeout=20).stdout


def help_options(*command):
    text = help_text(*command)
    options = {(short, long, argument) for short, long, argument in IN_HELP.findall(text)}
    assert options, f"{command} --help lists no option"
    return options


def man_options(text):
    return {(short, long, re.sub(r"[_*\\]", "", argument)) for short, long, argument in IN_MAN.findall(text)}


def say(option):
    short, long, argument = option
    return (f"-{short}, " if short else "") + f"--{long}" + (f"={argument}" if argument else "")


def compare(what, from_help, from_man):
    for option in sorted(from_help - from_man):
        yield f"{what}: --help has {say(option)}, the man page has not"
    for option in sorted(from_man - from_help):
        yield f"{what}: the man page has {say(option)}, --help has not"


def verbs_of(program):
    """The verbs in the help of a program that has some: the rows between the summary and the options."""
    text = help_text(program)
    return set(re.findall(r"^  ([a-z]+(?: [a-z]+)?)  +\S", text, re.M))


def check_eqpctl():
    program = BUILD / "ctl" / "eqpctl"
    text = (ROOT / "doc" / "eqpctl.1.scd").read_text()
    general = text[text.index("# OPTIONS FOR ALL VERBS"):text.index("# VERBS")]
    sections = re.split(r"^## ", text[text.index("# VERBS"):text.index("# EXIT CODES")], flags=re.M)[1:]
    in_man = {section.split("\n", 1)[0].strip(): section for section in sections}
    common = man_options(general)

    yield from compare("eqpctl", help_options(program), common)
    verbs = verbs_of(program)
    if verbs != set(in_man):
        yield f"eqpctl: the verbs are {sorted(verbs)}, in the man page {sorted(in_man)}"
    for verb in sorted(verbs & set(in_man)):
        from_help = help_options(program, *verb.split())
        yield from compare(f"eqpctl {verb}", from_help - common, man_options(in_man[verb]))


def check_program(path, page):
    yield from compare(path.name, help_options(path), man_options((ROOT / "doc" / page).read_text()))


def check_errors():
    sources = "".join(path.read_text() for path in sorted((ROOT / "daemon").rglob("*.c")))
    in_sources = set(re.findall(r'\b([45]\d\d),\s*(?:\.slug = )?"([a-z_]+)"', sources))
    in_sources |= {("503", word) for word in re.findall(r'"error", "([a-z_]+)"', sources)}
    text = (ROOT / "doc" / "eqp-brokerd.8.scd").read_text()
    lines = re.findall(r"^\*(\d\d\d)\* (.*?)(?:\+\+)?$", text[text.index("## Errors"):], re.M)
    in_man = {(status, word) for status, words in lines for word in words.split(", ")}
    for status, word in sorted(in_sources ^ in_man):
        place = "the sources" if (status, word) in in_sources else "the man page"
        yield f"eqp-brokerd: the error {status} {word} is only in {place}"


def main():
    troubles = [*check_program(BUILD / "daemon" / "eqp-brokerd", "eqp-brokerd.8.scd"),
                *check_program(BUILD / "simulator" / "eqp-simulator", "eqp-simulator.1.scd"),
                *check_eqpctl(), *check_errors()]
    print("\n".join(troubles), end="\n" if troubles else "")
    sys.exit(1 if troubles else 0)


main()
