"""Clients that send lines and compare what comes back."""

import errno
import select
import socket
import time

from sockets import connect, error_of, port_of, reset

SHOWN_BYTES = 1024
"""How much of a message the server prints."""


class Client:
    """Sends lines of one length; knows what it sent, and how far the echo has come."""

    line_bytes = 128
    is_small = False

    def __init__(self, loop, port):
        self._loop = loop
        self._socket = connect(port, self.is_small)
        self.port = port_of(self._socket)
        self._sent = bytearray()
        self._unsent = b""
        self._lines = []
        self.offset = 0
        """How many bytes have come back."""
        self.end = ""
        """How it has ended: `FIN`, or the name of an error."""
        self.ended_at = None
        self._fault = ""
        self._broken = ""

    def send_line(self):
        """Sends a line more, or what the kernel did not take of the last one."""
        if self.ended_at:
            return
        if not self._unsent:
            head = b"%05d:%06d " % (self.port, len(self._lines))
            fill = b"%c" % (97 + len(self._lines) % 26) * (self.line_bytes - len(head) - 1)
            self._unsent = head + fill + b"\n"
            self._lines.append(self._unsent)
        try:
            count = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError as error:
            # The system tells it only once: to who reads on, it would look like a FIN.
            self._broken = _name(error)
            return
        self._sent += self._unsent[:count]
        self._unsent = self._unsent[count:]

    def receive(self, limit):
        """Reads what has come, at most so much; whether something had."""
        try:
            data = self._socket.recv(limit)
        except BlockingIOError:
            return False
        except OSError as error:
            return self._ended(_name(error))
        if not data:
            return self._ended(self._broken or "FIN")
        if not self._sent.startswith(data, self.offset):
            self._fault = f"other bytes than it sent, near byte {self.offset}"
        self.offset += len(data)
        return True

    def _ended(self, how):
        self.ended_at = time.monotonic()
        self.end = how
        if how == "FIN":
            self._socket.shutdown(socket.SHUT_WR)
        self._loop.unwatch(self._socket.fileno())
        return False

    def lines(self):
        """How many lines have come back."""
        return self.offset // self.line_bytes

    def fault_beside(self, handled):
        """What is wrong, where the server says that it has handled these; None if nothing is."""
        if self._fault or self.end != "FIN":
            return f"[{self.port}] {self._fault or self.end or 'it did not end'}"
        if self.offset != len(handled) * self.line_bytes:
            return f"[{self.port}] got {self.offset} bytes of {len(handled) * self.line_bytes}"
        if any(_shown(line) != text for line, text in zip(self._lines, handled)):
            return f"[{self.port}] other lines than the server says"
        return None

    def close(self):
        """Ends it."""
        self._loop.unwatch(self._socket.fileno())
        reset(self._socket)


class Busy(Client):
    """Sends the next line as soon as the last one has come back."""

    def __init__(self, loop, port):
        super().__init__(loop, port)
        loop.watch(self._socket.fileno(), select.EPOLLOUT, self._ready)

    def _ready(self, _events):
        if not self._lines:
            self._loop.rewatch(self._socket.fileno(), select.EPOLLIN)
            return self.send_line()
        if self.receive(1 << 16) and self.offset == len(self._sent):
            self.send_line()


class Deaf(Client):
    """Sends when told, and reads nothing."""

    line_bytes = 16 * 1024
    is_small = True

    def __init__(self, loop, port):
        super().__init__(loop, port)
        loop.watch(self._socket.fileno(), 0, self._ready)

    def _ready(self, _events):
        self._ended(error_of(self._socket) or "FIN")


class Slow(Client):
    """Sends when told, and reads nothing until it is told to read on, a little at a time.

    It goes on sending then: a server that closed while bytes of it are unread would reset it, and the
    reset would overtake what it has not read yet.
    """

    line_bytes = 8 * 1024
    is_small = True
    interval = 0.2

    def read_on(self):
        """Reads a little now and at every interval, until its end."""
        self.receive(self.line_bytes)
        if self.ended_at:
            return
        self.send_line()
        self._loop.at(time.monotonic() + self.interval, self.read_on)


def _name(error):
    return errno.errorcode.get(error.errno, str(error))


def _shown(line):
    text = line.rstrip(b"\n").decode()
    if len(text) <= SHOWN_BYTES:
        return text
    return f"{text[:SHOWN_BYTES]}… ({len(text)} bytes)"
