"""The `echo-server` under proof: its process, its output, its console and its memory."""

import fcntl
import os
import re
import select
import subprocess
import tempfile
import time
from pathlib import Path

from loop import Overdue

PROGRAM = Path(__file__).resolve().parents[2] / ".build/release/echo-server"

_GONE = re.compile(r"\[\d+\] \S+:(\d+) gone: (.*)")
_STOPPED = re.compile(r"stopped: (\d+) clients drained, (\d+) cut off, (\d+) bytes lost")
_LISTED = re.compile(
    r"\d+ \S+:(\d+) \d+ s, (\d+) bytes in, (\d+) bytes out, (\d+) bytes queued")
_COUNT = re.compile(r"(\S.*?)\s{2,}(\d+)(?: of at most \d+)?")


class Server:
    """A running server: a context, ended with it. Its output is read on the loop."""

    def __init__(self, loop, *options):
        self._loop = loop
        self._options = options

    def __enter__(self):
        self._complaints = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [PROGRAM, "--host", "127.0.0.1", "--port", "0", "--console", *self._options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, bufsize=0)
        self.pid = self._process.pid
        self.port = None
        self.log = []
        """Its output: pairs of the moment a line was read and the line."""
        self.connected = 0
        """How many clients it says have come."""
        self.gone = {}
        """Who has ended, and when and why, as it says: pairs of moment and reason by client port."""
        self.ended_at = None
        self._listed = {}
        self._waiting = []
        self._rest = b""
        self._output = self._process.stdout.fileno()
        # The most an unprivileged process may have: a busy load must not make the server drop lines.
        fcntl.fcntl(self._output, fcntl.F_SETPIPE_SZ, 1 << 20)
        os.set_blocking(self._output, False)
        self._loop.watch(self._output, select.EPOLLIN, self._read)
        try:
            self._loop.run_until(lambda: self.port or self.ended_at, 10, "the server's start")
            if not self.port:
                raise Overdue(f"the server does not start: {self._complaints_so_far()}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._loop.unwatch(self._output)
        for end in (self._process.terminate, self._process.kill):
            if self._process.poll() is None:
                end()
                try:
                    self._process.wait(2)
                except subprocess.TimeoutExpired:
                    continue
        self._process.stdin.close()
        self._process.stdout.close()
        self._complaints.close()

    # What it says

    def _read(self, _events):
        now = time.monotonic()
        chunk = os.read(self._output, 1 << 20)
        if not chunk:
            self.ended_at = now
            return self._loop.unwatch(self._output)
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            text = line.decode(errors="replace")
            self.log.append((now, text))
            self._note(now, text)

    def _note(self, now, line):
        if match := _GONE.fullmatch(line):
            self.gone[int(match[1])] = (now, match[2])
        elif line.endswith(" connected"):
            self.connected += 1
        elif match := _LISTED.fullmatch(line):
            self._listed[int(match[1])] = tuple(map(int, match.groups()[1:]))
        elif line == "there is no client 0":
            self._waiting.pop(0)(self._listed)
        elif line.startswith("listening on "):
            self.port = int(line.rpartition(":")[2])

    def _complaints_so_far(self):
        self._complaints.seek(0)
        return self._complaints.read().decode(errors="replace").strip()

    def messages(self):
        """The messages it says it has handled, in order, by client port."""
        handled = {}
        for _, line in self.log:
            head, mark, message = line.partition(": ")
            port = head.rpartition(":")[2]
            if mark and head.startswith("[") and port.isdigit():
                handled.setdefault(int(port), []).append(message)
        return handled

    def report(self):
        """What it says at its end: clients drained, clients cut off, bytes lost."""
        found = filter(None, (_STOPPED.fullmatch(line) for _, line in reversed(self.log)))
        match = next(found, None)
        return match and tuple(map(int, match.groups()))

    # What its operator asks

    def ask_stats(self):
        """Asks for its counts; the answer comes into the log."""
        self._process.stdin.write(b"stats\n")

    def stats(self):
        """Its counts by name, as they are now."""
        start = len(self.log)
        self.ask_stats()
        self._loop.run_until(
            lambda: any(line.startswith("messages in ") for _, line in self.log[start:]),
            5, "the answer to stats")
        # The rest of the answer came in the same write.
        return counts(line for _, line in self.log[start:])

    def ask_clients(self, answer):
        """Asks for its clients; calls `answer` with bytes in, out and queued, by client port."""
        self._waiting.append(answer)
        self._listed = {}
        # The answer to the second tells that the first is answered.
        self._process.stdin.write(b"list\nkick 0\n")

    # What the system knows of it

    def cpu_seconds(self):
        """CPU time of all its threads, ended ones too."""
        # MAKE_PROCESS_CPUCLOCK of Linux, which clock_getcpuclockid(3) returns for another process.
        return time.clock_gettime((~self.pid << 3) | 2)

    def memory(self):
        """Bytes of it in memory now (VmRSS)."""
        return self._status("VmRSS")

    def peak_memory(self):
        """The most bytes of it in memory since `forget_peak_memory` (VmHWM)."""
        return self._status("VmHWM")

    def forget_peak_memory(self):
        """Begins a new peak: proc(5), clear_refs."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _status(self, name):
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise Overdue(f"the server has no {name}: it has ended")

    # Its end

    def terminate(self):
        """Sends SIGTERM; returns when."""
        self._process.terminate()
        return time.monotonic()

    def wait(self, seconds):
        """Waits for its end, with the loop going on; its exit code."""
        self._loop.run_until(lambda: self.ended_at, seconds, "the server's end")
        return self._process.wait(5)


def counts(lines):
    """The counts of an answer to `stats`, by name."""
    found = filter(None, (_COUNT.fullmatch(line.strip()) for line in lines))
    return {match[1]: int(match[2]) for match in found}
