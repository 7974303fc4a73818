"""Clients that talk as most do: a line now and then, and an answer each."""

import select
import time

from sockets import connect, port_of, reset

INTERVAL = 0.001
"""Between two lines, whoever sends them."""


class Talker:
    """A client that sends a line every so often and times the answer."""

    def __init__(self, loop, port):
        self.socket = connect(port)
        self.port = port_of(self.socket)
        self.sent = 0
        self.answered = 0
        self.fault = None
        self.kept = None
        """Where the latencies go now."""
        self._expected = []
        loop.watch(self.socket.fileno(), select.EPOLLIN, self._ready)

    def send(self):
        """Sends a line; two may be under way."""
        if self.fault:
            return
        line = b"%05d says %d\n" % (self.port, self.sent)
        self._expected.append((line, time.monotonic(), self.kept))
        try:
            self.socket.send(line)
        except OSError as error:
            self.fault = str(error)
        self.sent += 1

    def _ready(self, _events):
        if self.fault:
            return
        try:
            data = self.socket.recv(4096)
        except OSError as error:
            self.fault = str(error)
            return
        now = time.monotonic()
        if not data:
            self.fault = "closed by the server"
        for line in data.splitlines(keepends=True):
            expected, sent_at, kept = self._expected.pop(0)
            if line != expected:
                self.fault = f"it got {line!r} for {expected!r}"
                return
            kept.append(now - sent_at)
            self.answered += 1


class Conversation:
    """Talkers that take turns at an even pace."""

    def __init__(self, loop, port, talkers):
        self._loop = loop
        self._talkers = [Talker(loop, port) for _ in range(talkers)]
        self._turn = 0
        self._next = time.monotonic()

    def keep(self, kept):
        """Latencies of what is sent from now on go here; the first call begins the conversation."""
        is_first = self._talkers[0].kept is None
        for talker in self._talkers:
            talker.kept = kept
        if is_first:
            self._step()

    def _step(self):
        if self._next is None:
            return
        self._talkers[self._turn % len(self._talkers)].send()
        self._turn += 1
        self._next += INTERVAL
        self._loop.at(self._next, self._step)

    def end(self):
        """Sends no more, and waits for the answers."""
        self._next = None
        end = time.monotonic() + 2
        self._loop.run_until(
            lambda: time.monotonic() > end or self.answered() == self._turn, 3, "the last answers")

    def answered(self):
        """How many lines were answered."""
        return sum(talker.answered for talker in self._talkers)

    def faults(self):
        """What went wrong."""
        found = [talker.fault for talker in self._talkers if talker.fault]
        missing = self._turn - self.answered()
        return found + ([f"{missing} lines were not answered"] if missing else [])

    def close(self):
        for talker in self._talkers:
            reset(talker.socket)
