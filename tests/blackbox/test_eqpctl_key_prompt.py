"""eqpctl key set at a terminal: typed text is not seen, and the user stays in command."""

import signal

import pytest
from key_desk import EQPCTL, ID, KEY, SECRET, answer
from terminal import Terminal


def test_the_secret_is_not_seen(desk):
    with desk.terminal("key", "set", "sandbox") as terminal:
        answer(terminal)
        assert terminal.wait() == 0
        assert ID in terminal.screen and SECRET not in terminal.screen
        assert "The key works." in terminal.screen
        assert terminal.echoes()
    assert desk.files() == {"sandbox": KEY}
    assert desk.trials[0]["line"] == KEY


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_ends_it_and_brings_the_echo_back(desk, number):
    with desk.terminal("key", "set", "sandbox") as terminal:
        terminal.expect("Application ID: ")
        terminal.type(f"{ID}\n")
        terminal.wait_echo(False)
        terminal.type(SECRET)
        terminal.process.send_signal(number)
        assert terminal.wait() == -number
        assert terminal.echoes() and SECRET not in terminal.screen
    assert (desk.files(), desk.trials) == ({}, [])


def test_control_c_at_the_prompt(desk):
    with desk.terminal("key", "set", "sandbox") as terminal:
        terminal.expect("Application ID: ")
        terminal.type(f"{ID}\n")
        terminal.wait_echo(False)
        terminal.type(f"{SECRET}\x03")
        assert terminal.wait() == -signal.SIGINT
        assert terminal.echoes() and SECRET not in terminal.screen


def test_stopped_and_continued(desk):
    with desk.terminal("key", "set", "sandbox") as terminal:
        terminal.expect("Application ID: ")
        terminal.type(f"{ID}\n")
        terminal.expect("(not shown): ")
        terminal.wait_echo(False)
        # This one cannot be noted; text that was typed meanwhile is not lost.
        terminal.process.send_signal(signal.SIGSTOP)
        terminal.wait_stopped()
        terminal.process.send_signal(signal.SIGCONT)
        terminal.type(f"{SECRET}\n")
        assert terminal.wait() == 0
        assert SECRET not in terminal.screen
    assert desk.files() == {"sandbox": KEY}


def test_stopped_by_the_keyboard_the_echo_is_back_and_the_question_is_asked_anew(desk):
    # A shell that stays: it stops and continues its job, as one does with Ctrl-Z and fg.
    shell = f'set -m; {EQPCTL} key set sandbox; echo stopped: $?; read -r line; fg >/dev/null; echo code: $?'
    with Terminal(["bash", "-c", shell], env=desk.env) as terminal:
        terminal.expect("Application ID: ")
        terminal.type(f"{ID}\n")
        terminal.expect("(not shown): ")
        terminal.wait_echo(False)
        terminal.type("half a secret\x1a")
        terminal.expect("stopped: 148")
        terminal.wait_echo(True)
        terminal.type("go on\n")
        terminal.expect("(not shown): ")
        terminal.wait_echo(False)
        terminal.type(f"{SECRET}\n")
        terminal.expect("code: 0")
        terminal.wait()
        assert SECRET not in terminal.screen
    assert desk.files() == {"sandbox": KEY}


def test_the_end_of_input_is_no_key(desk):
    with desk.terminal("key", "set", "sandbox") as terminal:
        terminal.expect("Application ID: ")
        terminal.type("\x04")
        assert terminal.wait() == 1
        assert "No key was given" in terminal.screen
    assert desk.files() == {}


def test_both_parts_pasted_into_the_first_question(desk):
    with desk.terminal("key", "set", "sandbox") as terminal:
        terminal.expect("Application ID: ")
        terminal.type(KEY)
        assert terminal.wait() == 1
        assert "it is on your screen now" in terminal.screen
    assert (desk.files(), desk.trials) == ({}, [])


@pytest.mark.parametrize(["reply", "code", "written"], [("y", 0, {"sandbox": KEY}), ("", 3, {}), ("n", 3, {}),
                                                        ("certainly not", 3, {})])
def test_when_it_cannot_be_tried_a_person_decides(desk, reply, code, written):
    desk.verdict(75, "the EQP API cannot be reached")
    with desk.terminal("key", "set", "sandbox") as terminal:
        answer(terminal)
        terminal.expect("Write the key untested? [y/N] ")
        terminal.type(f"{reply}\n")
        assert terminal.wait() == code
    assert desk.files() == written
