"""The servers that are measured: what they are called, how they start, what they use."""

import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent.parent
REPOSITORY = BENCHMARKS.parent

START_SECONDS = 10
STOP_SECONDS = 10

PATH = "{path}"
"""In a command, what stands for the path of a Unix socket; every server is given a new one."""
BACKEND = "{backend}"
"""In a command, what stands for the server behind a proxy, as 127.0.0.1:PORT or unix:PATH."""

_OUR_SERVER = [".build/release/echo-server", "--quiet", "--max-connections", "15000"]
_OURS = [*_OUR_SERVER, "--port", "0"]
OURS = ("uvsockets", "uvsockets-borrowed", "uvsockets-async", "uvsockets-two", "uvsockets-proxy")
_PROXY = ".build/release/uvsockets-proxy"
_POSTING = [".build/release/uvsockets-posting", "127.0.0.1:0", "64"]
_HAPROXY = ["python3", "Benchmarks/peers/haproxy.py"]
_C = "Benchmarks/.build/bin"
_SWIFT = "Benchmarks/.build/release"
_PYTHON_PATH = "Benchmarks/.build/python"


@dataclass(frozen=True)
class Peer:
    """A server that takes part, with its command for every protocol that it speaks."""

    name: str
    title: str
    commands: dict = field(compare=False)
    module: str = ""
    program: str = ""
    """What else must be installed: a module of Python, a program."""

    def absence(self):
        """Why this peer cannot be measured here; None when it can."""
        for command in self.commands.values():
            program = command[0] if shutil.which(command[0]) else REPOSITORY / command[0]
            if not shutil.which(program):
                return f"{command[0]} is not there"
        if self.module and not _imports(self.module):
            return f"the Python module {self.module} is not there"
        if self.program and not shutil.which(self.program):
            return f"{self.program} is not there"
        return None


def _ours(api):
    """Our server's commands, told of messages in one of the library's ways."""
    told = [] if api == "callback" else ["--api", api]
    command = [*_OURS, *told]
    return {
        "echo": command,
        "unix": [*_OUR_SERVER, "--listen", f"unix:{PATH}", *told],
        "broadcast": [*command, "--mode", "broadcast"],
        "lines": [*command, "--framing", "lines"],
    }


BACKENDS = {
    "proxy": [f"{_C}/epoll-echo", "--port", "0"],
    "unix-proxy": [f"{_C}/epoll-echo", "--path", PATH],
}
"""The command of the server behind the proxies, for each protocol of theirs."""

PEERS = [
    Peer("uvsockets", "UVSockets", {
        **_ours("callback"),
        "cores": [*_OURS, "--framing", "lines"],
    }),
    Peer("uvsockets-unrecorded", "UVSockets, without its flight recorder", {
        "echo": [*_OURS, "--recorded-events", "0"],
    }),
    Peer("uvsockets-borrowed", "UVSockets, borrowing tasks", _ours("borrowed")),
    Peer("uvsockets-async", "UVSockets, owning tasks", _ours("async")),
    Peer("uvsockets-two", "UVSockets, two loops", {
        "cores": [*_OURS, "--framing", "lines", "--loops", "2"],
    }),
    Peer("uvsockets-proxy", "UVSockets, relay", {
        "proxy": [_PROXY, "127.0.0.1:0", BACKEND],
        "unix-proxy": [_PROXY, f"unix:{PATH}", BACKEND],
    }),
    Peer("haproxy", "haproxy, TCP mode", {
        "proxy": [*_HAPROXY, "127.0.0.1:0", BACKEND],
        "unix-proxy": [*_HAPROXY, f"unix:{PATH}", BACKEND],
    }, program="haproxy"),
    Peer("uvsockets-here", "UVSockets, sent on the loop", {"posted": [*_POSTING, "here"]}),
    Peer("uvsockets-posting", "UVSockets, posted to a connection", {
        "posted": [*_POSTING, "by-client"],
    }),
    Peer("uvsockets-by-id", "UVSockets, posted by an id", {"posted": [*_POSTING, "by-server"]}),
    Peer("epoll", "C, raw epoll", {
        "echo": [f"{_C}/epoll-echo", "--port", "0"],
        "unix": [f"{_C}/epoll-echo", "--path", PATH],
        "lines": [f"{_C}/epoll-lines", "--port", "0"],
    }),
    Peer("libuv", "C, libuv", {
        "echo": [f"{_C}/libuv-echo", "--port", "0"],
        "unix": [f"{_C}/libuv-echo", "--path", PATH],
        "broadcast": [f"{_C}/libuv-broadcast", "--port", "0"],
    }),
    Peer("nio-channel", "SwiftNIO, channel handler", {
        "echo": [f"{_SWIFT}/nio-channel-echo", "--port", "0"],
    }),
    Peer("nio-async", "SwiftNIO, NIOAsyncChannel", {
        "echo": [f"{_SWIFT}/nio-async-echo", "--port", "0"],
    }),
    Peer("uvloop", "Python, uvloop", {
        "echo": ["python3", "Benchmarks/peers/uvloop-echo.py", "--port", "0"],
        "unix": ["python3", "Benchmarks/peers/uvloop-echo.py", "--path", PATH],
    }, module="uvloop"),
    Peer("node", "Node, net", {
        "echo": ["node", "Benchmarks/peers/node-echo.js", "--port", "0"],
        "unix": ["node", "Benchmarks/peers/node-echo.js", "--path", PATH],
    }),
]


class ServerFailed(Exception):
    """A server did not start, or ended when it should not have."""


class Server:
    """A running server: a context, pinned to cores if some are given, gone when the context ends.

    A proxy is also given the server behind it, which must run.
    """

    def __init__(self, command, cores=None, start_seconds=START_SECONDS, backend=None):
        self._command = command
        if backend:
            self._command = [part.replace(BACKEND, backend.endpoint) for part in command]
        self._cores = cores
        self._start_seconds = start_seconds

    def __enter__(self):
        self._complaints = tempfile.TemporaryFile()
        self._folder = tempfile.TemporaryDirectory(prefix="uvsockets-")
        path = f"{self._folder.name}/socket"
        try:
            self._process = subprocess.Popen(
                [argument.replace(PATH, path) for argument in _runnable(self._command)],
                cwd=REPOSITORY,
                env=python_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                preexec_fn=pin(self._cores),
            )
        except OSError as error:
            self._folder.cleanup()
            raise ServerFailed(f"{self._command[0]}: {error.strerror}") from None
        self.pid = self._process.pid
        try:
            self.where = self._read_where()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._complaints.close()
        self._folder.cleanup()

    @property
    def endpoint(self):
        option, value = self.where
        return f"unix:{value}" if option == "--path" else f"127.0.0.1:{value}"

    def cpu_seconds(self):
        """CPU time of all its threads, ended ones too."""
        # MAKE_PROCESS_CPUCLOCK of Linux, which clock_getcpuclockid(3) returns for another process.
        return time.clock_gettime((~self.pid << 3) | 2)

    def memory_kib(self):
        """Memory that it has written to: heap, stacks and data, without any program's text."""
        try:
            lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            lines = []
        for line in lines:
            if line.startswith("Anonymous:"):
                return int(line.split()[1])
        raise ServerFailed("its /proc/PID/smaps_rollup cannot be read; it may have ended")

    def last_complaint(self):
        """The last line on its standard error, or an empty string."""
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _read_where(self):
        """The option of the load generator that says where this server listens."""
        ready, _, _ = select.select([self._process.stdout], [], [], self._start_seconds)
        line = self._process.stdout.readline().decode(errors="replace") if ready else ""
        said = re.fullmatch(r"listening on (?:unix:(?P<path>.+)|.*:(?P<port>\d+))", line.strip())
        if said:
            return ["--path", said["path"]] if said["path"] else ["--port", said["port"]]
        complaint = self.last_complaint() or f"it printed {line.strip()!r}"
        raise ServerFailed(f"{self._command[0]} did not say where it listens: {complaint}")


def pin(cores):
    """What a new process calls to stay on some cores."""
    return None if cores is None else lambda: os.sched_setaffinity(0, cores)


def python_environment():
    """The environment in which Python finds what `make build` installed for it."""
    paths = [str(REPOSITORY / _PYTHON_PATH), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _runnable(command):
    return [sys.executable, *command[1:]] if command[0] == "python3" else command


def _imports(module):
    command = [sys.executable, "-c", f"import {module}"]
    return subprocess.run(command, env=python_environment(), capture_output=True).returncode == 0
