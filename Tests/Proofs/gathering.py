"""A server that broadcasts, its one sender, and the thousands that receive."""

import select
import time
from array import array

from sockets import connect, error_of, reset

MESSAGE_BYTES = 1024


class Stream:
    """All that was broadcast: what every client must receive, and since when each part is due."""

    def __init__(self):
        self.content = bytearray()
        self.parts = []
        """Of each part its end, the moment it was sent, and where its latencies are kept."""
        self.messages = 0

    def extend(self, messages, latencies_of_phase):
        """Appends a part of so many messages, sent now; its bytes."""
        lines = [b"%08d " % (self.messages + number) for number in range(messages)]
        part = b"".join(
            line + bytes([97 + (line[7] + at) % 26]) * (MESSAGE_BYTES - 10) + b"\n"
            for at, line in enumerate(lines))
        self.messages += messages
        self.content += part
        self.parts.append((len(self.content), time.monotonic(), latencies_of_phase))
        return part


class Receiver:
    """A client that compares what it gets with the stream, byte by byte."""

    __slots__ = ("_loop", "_stream", "_part", "socket", "offset", "fault", "stopped", "ended_at")

    def __init__(self, loop, stream, port, is_small):
        self._loop = loop
        self._stream = stream
        self._part = 0
        self.offset = 0
        self.fault = None
        self.stopped = False
        self.ended_at = None
        self.socket = connect(port, is_small)
        loop.watch(self.socket.fileno(), select.EPOLLIN, self._ready)

    def stop_reading(self):
        """Reads nothing from now on, and only notices its end."""
        self.stopped = True
        self._loop.rewatch(self.socket.fileno(), 0)

    def _ready(self, _events):
        if self.stopped:
            return self._end(f"ended with {error_of(self.socket) or 'a FIN'}")
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return None
        except OSError as error:
            return self._end(f"cut off: {error}")
        now = time.monotonic()
        if not data:
            return self._end("closed by the server")
        if not self._stream.content.startswith(data, self.offset):
            return self._end(f"other bytes than were sent, near byte {self.offset}")
        self.offset += len(data)
        parts = self._stream.parts
        while self._part < len(parts) and parts[self._part][0] <= self.offset:
            _, sent_at, kept = parts[self._part]
            kept.append(now - sent_at)
            self._part += 1

    def _end(self, why):
        self.ended_at = time.monotonic()
        self.fault = why
        self._loop.unwatch(self.socket.fileno())


class Broadcaster:
    """The client that sends what all others receive, at an even pace."""

    def __init__(self, loop, stream, port):
        self._loop = loop
        self._stream = stream
        self._socket = connect(port)
        self._next = None

    def begin(self, messages, interval, kept):
        """Sends so many messages together at every interval; the latencies are kept in `kept`."""
        def step():
            if self._next is None:
                return
            part = self._stream.extend(messages, kept)
            sent = self._socket.send(part)
            assert sent == len(part), "the load sends more than the server takes"
            self._next += interval
            self._loop.at(self._next, step)

        self._next = time.monotonic()
        step()

    def end(self):
        """Sends no more."""
        self._next = None

    def close(self):
        reset(self._socket)


class Gathering:
    """A server with its broadcaster and receivers."""

    def __init__(self, loop, server, clients, stopping):
        self.loop = loop
        self.server = server
        self.stream = Stream()
        # A stopped client is one of small buffers: what the kernel takes is no load on the server.
        self.receivers = [
            Receiver(loop, self.stream, server.port, is_small=number < stopping)
            for number in range(clients)]
        self.stopped = self.receivers[:stopping]
        self.healthy = self.receivers[stopping:]
        self.broadcaster = Broadcaster(loop, self.stream, server.port)
        loop.run_until(
            lambda: server.connected > clients, 20, f"connecting {clients} clients")

    def broadcast(self, messages, interval, is_over, seconds):
        """Broadcasts until it is over; the latencies of the clients that go on reading."""
        kept = array("d")
        self.broadcaster.begin(messages, interval, kept)
        try:
            self.loop.run_until(is_over, seconds, "the end of the clients that stopped reading")
        finally:
            self.broadcaster.end()
        self._settle()
        return kept

    def _settle(self):
        """Gives what was sent the time to arrive."""
        end = time.monotonic() + 5
        self.loop.run_until(
            lambda: time.monotonic() > end or all(
                receiver.ended_at or receiver.stopped or receiver.offset == len(self.stream.content)
                for receiver in self.receivers), 6, "the arrival of the last message")

    def close(self):
        for receiver in self.receivers:
            reset(receiver.socket)
        self.broadcaster.close()
