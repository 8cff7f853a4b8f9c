"""tests/scenario/hunt.sh, of ./dev histories: its seeds, and the words about a history that breaks a promise."""

import pathlib
import subprocess

import pytest

HUNT = pathlib.Path(__file__).parents[1] / "scenario" / "hunt.sh"


@pytest.fixture
def hunt(tmp_path):
    """Runs it on two processors for no time at all, which is once each; histories: the body of a script."""
    program = tmp_path / "tests" / "scenario" / "histories"
    program.parent.mkdir(parents=True)

    def run(histories):
        program.write_text(f"#!/bin/sh\necho \"$*\" >>{tmp_path}/played\n{histories}\n")
        program.chmod(0o755)
        done = subprocess.run([HUNT, tmp_path, "0", "2"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False)
        return done, (tmp_path / "played").read_text().splitlines()

    return run


def test_seeds_of_their_own_with_a_store_and_without(hunt):
    done, played = hunt("echo all promises held")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "all promises held"
    assert len({words.split()[1] for words in played if "--store" in words}) == 2
    assert len({words.split()[1] for words in played if "--store" not in words}) == 2
    assert len(played) == 4


@pytest.mark.parametrize("store", ["", " --store"], ids=["without a store", "with a store"])
def test_one_that_breaks_a_promise(hunt, store):
    done, _ = hunt(f"""case "$*" in
*--store*) store=' --store' ;;
esac
[ "$store" = '{store}' ] || exit 0
echo "history 41 of seed $2 broke a promise: an expired token"
echo "the events"
exit 1""")
    assert done.returncode == 1
    story = done.stdout.splitlines()
    seed = story[0].split()[4]
    assert story[:2] == [f"history 41 of seed {seed} broke a promise: an expired token", "the events"]
    assert story[-1].split("/histories ")[1].split()[:2] == ["--seed", seed]
    assert ("--store" in story[-1]) == bool(store) and story[-1].endswith(" --first 41 --count 1 --trace")
    assert "all promises held" not in done.stdout


def test_one_that_dies_of_it(hunt):
    done, _ = hunt("echo the events; kill -SEGV $$")
    assert done.returncode == 1 and "all promises held" not in done.stdout
    assert "--first 0 --count 2000" in done.stdout, "which ones it played when it died"


def test_nothing_goes_on_after_it(hunt):
    """The other processor's are ended, and not waited for."""
    done, played = hunt("""if mkdir "${0%/*}/first" 2>/dev/null; then
echo "history 7 of seed $2 broke a promise: two at a time"
exit 1
fi
exec sleep 1000""")
    assert done.returncode == 1 and "history 7" in done.stdout
    assert len(played) <= 2
