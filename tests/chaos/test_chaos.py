"""The daemon in bad weather, for a minute; `run` plays longer, and with any seed."""

import pathlib
import subprocess


def test_a_minute_of_it(request):
    seconds, seed = (request.config.getoption(name) for name in ("--seconds", "--seed"))
    result = subprocess.run([pathlib.Path(__file__).parent / "run", "--seconds", str(seconds), "--seed", str(seed)],
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds * 2 + 240)
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr
