"""A process that sends a packet again and again, as fast as it can, until nobody is there to receive it.

    with flood(end, packet) as process:
        process.poll()      # None: it still sends
"""

import contextlib
import subprocess
import sys

SENDER = """
import contextlib, socket, sys
end, packet = socket.socket(fileno=int(sys.argv[1])), sys.stdin.buffer.read()
with contextlib.suppress(BrokenPipeError, ConnectionResetError):
    while True:
        with contextlib.suppress(BlockingIOError):  # one that waited for room would find the other end waiting for it
            end.send(packet, socket.MSG_DONTWAIT)
"""


@contextlib.contextmanager
def flood(end, packet):
    process = subprocess.Popen([sys.executable, "-c", SENDER, str(end.fileno())], pass_fds=[end.fileno()], stdin=subprocess.PIPE)
    try:
        process.stdin.write(packet)
        process.stdin.close()
        yield process
    finally:
        process.kill()
        process.wait()
