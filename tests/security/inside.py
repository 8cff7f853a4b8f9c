"""Running code in another process, as an attacker does who has found a fault in it: any system call, with any
arguments.

    with Inside(pid) as inside:
        inside.call("openat", AT_FDCWD, b"/etc/passwd\\0", 0)     # what the kernel answers: -errno, or a result

Bytes among the arguments are put into the process's memory, and their address is passed. The process stands still
meanwhile, goes on as if nothing had happened, and needs to allow nothing: this is ptrace(2), as root.
"""

import contextlib
import ctypes
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long

SINGLESTEP, GETREGS, SETREGS, DETACH, GETEVENTMSG, SEIZE, INTERRUPT = 9, 12, 13, 17, 0x4201, 0x4206, 0x4207
BIRTHS = {1: "fork", 2: "vfork", 3: "clone"}
EVENT_EXEC, EVENT_STOP = 4, 128
OPTIONS = 2 | 4 | 8 | 16  # tell of fork, vfork, clone, exec
WALL = 0x40000000
MAP_PRIVATE_ANONYMOUS = 0x22
SCRATCH_SIZE = 512 * 1024
CALL, CALL_OF_I386 = b"\x0f\x05", b"\xcd\x80"
REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base "
             "ds es fs gs").split()
ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
ARGUMENTS_OF_I386 = ("rbx", "rcx", "rdx", "rsi", "rdi", "rbp")


def why_not():
    """Why nothing can be run in other processes here; None: it can."""
    if os.uname().machine != "x86_64" or struct.calcsize("P") != 8:
        return f"registers are known of x86_64 only, this is {os.uname().machine}"
    if os.geteuid() != 0:
        return "it needs root"
    with subprocess.Popen(["sleep", "9"]) as process:
        try:
            ptrace(SEIZE, process.pid)
        except OSError as error:
            return f"no process may be traced here: {error}"
        finally:
            process.kill()
    return None


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in REGISTERS]


class Ended(Exception):
    """The process has ended over a call."""

    def __init__(self, status):
        self.signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        super().__init__(f"ended by signal {self.signal}" if self.signal else f"exit code {os.WEXITSTATUS(status)}")


class Executed(Exception):
    """The process is another program now."""


def load_seccomp():
    library = ctypes.CDLL("libseccomp.so.2")  # the daemon has it, too
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    return library


def number_of(name, library=[]):
    """Of a system call; it knows all names, also those that Python's modules lack."""
    library = library or library.append(load_seccomp()) or library
    number = library[0].seccomp_syscall_resolve_name(name.encode())
    assert number >= 0, f"libseccomp does not know {name}"
    return number


def ptrace(request, pid, address=0, data=0):
    result = libc.ptrace(request, pid, address, data)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace {request}: {os.strerror(error)}")
    return result


def socket_of(pid, number):
    """A copy of a socket that another process has, by its descriptor there: pidfd_getfd(2)."""
    pidfd = os.pidfd_open(pid)
    try:
        fd = libc.syscall(number_of("pidfd_getfd"), pidfd, number, 0)
        assert fd >= 0, f"descriptor {number} of {pid}"
        return socket.socket(fileno=fd)
    finally:
        os.close(pidfd)


def find_code(pid, code):
    """The address of these bytes of code, in libc or anywhere else."""
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        lines = pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
        for line in sorted(lines, key=lambda line: "libc.so" not in line):
            first, last, permissions = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            if "x" not in permissions or "[vsyscall]" in line:
                continue
            memory.seek(int(first, 16))
            at = memory.read(int(last, 16) - int(first, 16)).find(code)
            if at >= 0:
                return int(first, 16) + at
    raise AssertionError(f"no {code.hex()} in process {pid}")


class Inside:
    """A process that stands still and calls what it is told to."""

    def __init__(self, pid):
        self.pid, self.alive = pid, True
        self.scratch = self.used = 0
        ptrace(SEIZE, pid, 0, OPTIONS)
        ptrace(INTERRUPT, pid)
        self._wait()
        self.before = self._registers()
        self.code = find_code(pid, CALL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.alive:
            return
        if self.scratch:
            self.call("munmap", self.scratch, SCRATCH_SIZE)
        self._set(self.before)
        ptrace(DETACH, self.pid)

    # registers and memory

    def _registers(self):
        registers = Registers()
        ptrace(GETREGS, self.pid, 0, ctypes.addressof(registers))
        return registers

    def _set(self, registers):
        ptrace(SETREGS, self.pid, 0, ctypes.addressof(registers))

    def write(self, address, data):
        with open(f"/proc/{self.pid}/mem", "r+b", 0) as memory:
            memory.seek(address)
            assert memory.write(data) == len(data)

    def read(self, address, length):
        with open(f"/proc/{self.pid}/mem", "rb", 0) as memory:
            memory.seek(address)
            return memory.read(length)

    def place(self, data):
        """Its address in the process. The memory is there until the process goes on."""
        if not self.scratch:
            # In the lowest 2 GiB: there a call of i386 finds it, too.
            address = self.call("mmap", 0, SCRATCH_SIZE, 3, MAP_PRIVATE_ANONYMOUS | 0x40, -1, 0)
            assert address > 0, f"no memory: {address}"
            self.scratch = address
        address = self.scratch + self.used
        self.used += (len(data) + 15) // 16 * 16
        assert self.used <= SCRATCH_SIZE
        self.write(address, data)
        return address

    # calls

    def call(self, name, *arguments):
        """A system call, by its name or number. Raises Ended or Executed."""
        number = name if isinstance(name, int) else number_of(name)
        return self._call(self.code, number, ARGUMENTS, arguments)

    def call_of_i386(self, number, *arguments):
        """By the interrupt of another architecture, whose numbers are others."""
        result = self._call(find_code(self.pid, CALL_OF_I386), number, ARGUMENTS_OF_I386, arguments)
        return ctypes.c_int32(result).value

    def _call(self, code, number, names, arguments):
        placed = [self.place(argument) if isinstance(argument, bytes) else argument for argument in arguments]
        registers = Registers.from_buffer_copy(self.before)
        registers.rip, registers.rax = code, number
        registers.orig_rax = 2**64 - 1  # an interrupted call is not begun anew now
        for name, value in zip(names, placed + [0] * (len(names) - len(placed))):
            setattr(registers, name, value % 2**64)
        self._set(registers)
        self._step()
        return ctypes.c_int64(self._registers().rax).value

    def _step(self):
        while True:
            ptrace(SINGLESTEP, self.pid)
            status = self._wait()
            number, event = os.WSTOPSIG(status), status >> 16
            if event in BIRTHS:
                self._end_child()
            elif event == EVENT_EXEC:
                self.alive = False
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, WALL)
                raise Executed
            elif event == 0 and number == signal.SIGTRAP:
                return
            else:
                # That a child has ended is not told to a process that does not know of it.
                assert event == EVENT_STOP or number == signal.SIGCHLD, f"signal {number}, event {event}"

    def _end_child(self):
        child = ctypes.c_ulong()
        ptrace(GETEVENTMSG, self.pid, 0, ctypes.addressof(child))
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.value, signal.SIGKILL)
        while True:
            _, status = os.waitpid(child.value, WALL)
            if not os.WIFSTOPPED(status):
                return

    def _wait(self):
        _, status = os.waitpid(self.pid, WALL)
        if not os.WIFSTOPPED(status):
            self.alive = False
            raise Ended(status)
        return status
