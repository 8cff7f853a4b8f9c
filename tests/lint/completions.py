"""The shells offer exactly the verbs and options that --help lists, with all that it says of them, and values that the
programs take.

    completions.py BUILD

Each shell that is here completes command lines with the files of the build; bash, zsh and fish are asked in
their own ways. zsh's part runs outside its line editor, with compadd replaced by one that prints.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(sys.argv[1]).resolve()
PROGRAMS = {"eqpctl": "ctl", "eqp-brokerd": "daemon", "eqp-simulator": "simulator"}
PATH = [*(str(BUILD / folder) for folder in PROGRAMS.values()), os.environ["PATH"]]
ENVIRONMENT = {**os.environ, "EQP_BROKER_ADDRESS": "unix:/nonexistent", "HOME": "/nonexistent",
               "PATH": os.pathsep.join(PATH)}

BASH = r"""
source "$1"; name=$2; shift 2
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_${name//-/_}; printf '%s\n' "${COMPREPLY[@]}"
"""

ZSH = r"""
compset() { [[ $PREFIX == $~2* ]] || return 1; PREFIX=${PREFIX#$~2} }
_files() { print FILES $@ }
_command_names() { print COMMANDS }
_alternative() { local each; for each in "$@"; do eval "${each##*:}"; done }
compadd() {
        local suffix
        while [[ $1 == -* ]]; do
                case $1 in
                -S) shift 2 ;;
                -a) print -l -- ${(P)2}; return ;;
                --) shift; break ;;
                esac
        done
        print -l -- "$@"
}
file=$1 name=$2; shift 2
words=("$@"); CURRENT=$#; PREFIX=$words[-1]
source $file
_${name//-/_}
"""


def completion(program, shell):
    return str(BUILD / f"config/completions/{program}.{shell}")


def bash(program, words, typed=None):
    split = [part for word in words for part in re.split("(=)", word)] if "=" in words[-1] else words
    return run(["bash", "-c", BASH, "bash", completion(program, "bash"), program, typed or program, *split])


def zsh(program, words, typed=None):
    return run(["zsh", "-f", "-c", ZSH, "zsh", completion(program, "zsh"), program, typed or program, *words])


def fish(program, words, typed=None):
    return [re.sub(r"^--?[a-z-]+=(?=.)", "", line.split("\t")[0]) for line in fish_lines(program, words, typed)]


def fish_lines(program, words, typed=None):
    """Its offers, as "WORD\tDESCRIPTION"."""
    line = " ".join([typed or program, *(shlex.quote(word) if " " in word else word for word in words)])
    return run(["fish", "-N", "-c", "source $argv[1]; complete -C $argv[2]", completion(program, "fish"), line])


def run(command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=20, env=ENVIRONMENT,
                            stdin=subprocess.DEVNULL)
    if result.returncode not in (0, 1) or result.stderr:
        raise SystemExit(f"{command[0]} {command[-3:]}: {result.stderr.strip() or result.returncode}")
    return [line for line in result.stdout.splitlines() if line]


def help_of(*command):
    return subprocess.run([*command, "--help"], capture_output=True, text=True, check=True, timeout=20,
                          env=ENVIRONMENT).stdout


def options_of(*command):
    return {name + ("=" if value else "")
            for name, value in re.findall(r"^ +(?:-., )?(--[a-z][a-z-]*)(=\S+)?", help_of(*command), re.M)}


def descriptions_of(*command):
    """{option: all that --help says of it}"""
    options, last = {}, None
    for line in help_of(*command).splitlines():
        begins = re.match(r" +(?:-., )?(--[a-z][a-z-]*)(=\S+)?\s*(.*)$", line)
        if begins:
            last = begins[1] + ("=" if begins[2] else "")
            options[last] = begins[3]
        elif not line.strip():
            last = None
        elif last:
            options[last] += " " + line.strip()
    return {name: text.strip() for name, text in options.items()}


def cut_off_of(program):
    """fish shows descriptions, and they are whole."""
    verbs = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  +[a-z]", help_of(program), re.M)
    for verb in ([], *map(str.split, verbs)):
        shown = dict(line.split("\t") for line in fish_lines(program, [*verb, "-"]) if "\t" in line)
        for option, text in descriptions_of(program, *verb).items():
            if shown.get(option) != text:
                yield f"fish: {' '.join([program, *verb, option])!r}: {shown.get(option)!r} is said, and not {text!r}"


def expectations(program):
    """(words typed, what is to be offered, exactly) for all there is."""
    verbs = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  +[a-z]", help_of(program), re.M)
    yield ["-"], options_of(program)
    if verbs:
        yield [""], {verb.split()[0] for verb in verbs}
    for verb in verbs:
        yield [*verb.split(), "-"], options_of(program, *verb.split())
        if " " in verb:
            first = verb.split()[0]
            yield [first, ""], {other.split()[1] for other in verbs if other.startswith(first + " ")}
    if program == "eqpctl":
        for verb in ("token", "status", "refresh"):
            yield [verb, ""], {"sandbox", "production"}
        yield ["token", "--format="], {"raw", "json", "header", "env"}
        yield ["token", "--format", ""], {"raw", "json", "header", "env"}
        yield ["--address", "x", "token", "--wait", "5", "s"], {"sandbox"}
        yield ["watch", "--format="], {"raw", "json", "header", "env"}
        yield ["ready", ""], set()
        yield ["gateway", "explain", ""], {"sandbox", "production"}
        yield ["gateway", "explain", "--address", "x", "s"], {"sandbox"}
        yield ["gateway", "explain", "sandbox", ""], set()
        yield ["token", "--wait", "5", "sandbox", "--format", "raw", ""], set()
    if program == "eqp-brokerd":
        yield ["--format="], {"raw", "json", "header", "env"}
        yield ["--try-key", ""], {"sandbox", "production"}


def troubles_of(shell, program):
    for words, expected in expectations(program):
        offered = shell(program, words)
        # zsh's own matching would leave these out.
        offered = {word for word in offered if word.startswith(words[-1].rpartition("=")[2])}
        if offered != expected:
            yield (f"{shell.__name__}: {' '.join([program, *words])!r}: missing {sorted(expected - offered)}"
                   f", too much {sorted(offered - expected)}")


def runs_of(shell, program):
    """A typed line is not run before it is entered, and its name offers what the installed program does."""
    with tempfile.TemporaryDirectory() as directory:
        typed, trace = pathlib.Path(directory) / program, pathlib.Path(directory) / "trace"
        typed.write_text(f"#!/bin/sh\necho ran >>{trace}\n")
        typed.chmod(0o755)
        offered = {word for word in shell(program, ["-"], str(typed)) if word.startswith("-")}
        shell(program, [""], str(typed))
        # As a part of a script of sed's, this would be a command.
        shell(program, [f"-x//;1e echo ran >>{trace} #", "s"])
        shell(program, [f"-x//;1e echo ran >>{trace} #", ""])
        if trace.exists():
            yield f"{shell.__name__}: to complete {typed.name} runs what was typed"
        if offered != options_of(program):
            yield f"{shell.__name__}: a path to {program} is completed as {sorted(offered)}"


def main():
    shells = [shell for shell in (bash, zsh, fish) if shutil.which(shell.__name__)]
    assert bash in shells, "there is no bash"
    programs = [program for program, folder in PROGRAMS.items() if (BUILD / folder / program).exists()]
    troubles = [trouble for shell in shells for program in programs
                for trouble in (*troubles_of(shell, program), *runs_of(shell, program))]
    if fish in shells:
        troubles += [trouble for program in programs for trouble in cut_off_of(program)]
    print("\n".join(troubles), end="\n" if troubles else "")
    missing = {"zsh", "fish"} - {shell.__name__ for shell in shells}
    if missing:
        print("not asked, as they are not here:", ", ".join(sorted(missing)))
    sys.exit(1 if troubles else 0)


main()
