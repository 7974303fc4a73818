"""Programs that run beside the checks, and the sockets to talk to them."""

import contextlib
import os
import pwd
import random
import socket
import subprocess
import tempfile
import time
from pathlib import Path

SECONDS = 15
"""How long anything may take that a check waits for."""

_ports = iter(random.sample(range(10_000, 30_000), 2_000))


def free_port():
    """A port that nobody has. The kernel gives none of these to a client that connects."""
    for port in _ports:
        with contextlib.suppress(OSError), socket.create_server(
                ("::", port), family=socket.AF_INET6, dualstack_ipv6=True):
            return port
    raise RuntimeError("no port is free")


def until(happened, what):
    """Waits until something has happened, and returns what it is."""
    deadline = time.monotonic() + SECONDS
    while not (value := happened()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {SECONDS} s")
        time.sleep(0.02)
    return value


def output(*command, input="", check=True, user=None):
    """What a client prints that ends by itself."""
    done = subprocess.run(
        list(map(str, command)), input=input.encode(), capture_output=True, timeout=SECONDS * 2,
        **_as_user(user))
    if check and done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode()


def _as_user(user):
    """The options of a process that another user runs."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def ordinary_user():
    """Whoever runs a program that refuses to be run by root. None is this user."""
    return "nobody" if os.geteuid() == 0 else None


def exactly(client, count):
    """So many bytes of a socket, or fewer at its end."""
    received = b""
    while len(received) < count and (more := client.recv(count - len(received))):
        received += more
    return received


def dribble(client, message):
    """Sends a byte at a time, with time to read each, so that frames come in parts."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in message:
        client.sendall(bytes([byte]))
        time.sleep(0.001)


class Program:
    """A program that runs until `end`. Its output goes to a file."""

    def __init__(self, command, file, user=None):
        self.file = file
        with open(file, "w") as sink:
            # What is printed into a file would come late.
            self.process = subprocess.Popen(
                ["stdbuf", "-oL", *map(str, command)], stdin=subprocess.DEVNULL, stdout=sink,
                stderr=subprocess.STDOUT, start_new_session=True, **_as_user(user))

    def lines(self):
        return self.file.read_text(errors="replace").splitlines()

    def line_with(self, text):
        """Waits until it prints a line with this text."""
        return until(
            lambda: next((line for line in self.lines() if text in line), None), f"'{text}'")

    def cpu_seconds(self):
        """The CPU time of all its threads."""
        # MAKE_PROCESS_CPUCLOCK of Linux, which clock_getcpuclockid(3) returns for another process.
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def end(self):
        """Ends it; its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


class Stage(contextlib.ExitStack):
    """A folder, and programs that end with it."""

    def __init__(self):
        super().__init__()
        self.folder = Path(self.enter_context(tempfile.TemporaryDirectory()))
        self.count = 0

    def start(self, *command, port=None, user=None):
        """Starts a program, and waits until it accepts clients on a port."""
        self.count += 1
        program = Program(command, self.folder / f"output-{self.count}", user)
        self.callback(program.end)
        if port:
            def answers():
                if program.process.poll() is not None:
                    raise RuntimeError(f"{command[0]} ended: {program.file.read_text()}")
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    return True
            until(answers, f"{command[0]} on port {port}")
        return program

    def talk(self, port):
        talker = Talker(port)
        self.callback(talker.socket.close)
        return talker


class Talker:
    """A client of a protocol of lines."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.input = self.socket.makefile("rb")

    def say(self, text, end="\n"):
        self.socket.sendall((text + end).encode())

    def hear(self):
        """The next line with its end; empty at the end."""
        return self.input.readline().decode()
