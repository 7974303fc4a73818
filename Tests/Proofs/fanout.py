"""Broadcasts to thousands of clients, some of which stop reading."""

import select
import time
from array import array

from figures import MIB, latencies, mib, moments, percentile
from loop import Loop
from server import Server
from sockets import connect, error_of, port_of, reset

MESSAGE_BYTES = 1024
CLIENTS = 5000
STOPPED = 50
MEMORY_SLACK = 16 * MIB
QUIET_SECONDS = 8

STALL_SECONDS = 5
LATE_SECONDS = 1.0
"""How late a deadline may be met: the server's clock ticks every 0.2 s, and is asked every 0.25 s."""


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

    def __init__(self, loop, server):
        self.loop = loop
        self.server = server
        self.stream = Stream()
        # A stopped client is one of small buffers: what the kernel takes is no load on the server.
        self.receivers = [
            Receiver(loop, self.stream, server.port, is_small=number < STOPPED)
            for number in range(CLIENTS)]
        self.stopped = self.receivers[:STOPPED]
        self.healthy = self.receivers[STOPPED:]
        self.broadcaster = Broadcaster(loop, self.stream, server.port)
        loop.run_until(
            lambda: self._connected() > CLIENTS, 20, f"connecting {CLIENTS} clients")

    def _connected(self):
        return sum(line.endswith(" connected") for _, line in self.server.log)

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


class Watch:
    """Asks the server now and then how much is queued, to know since when its clients stall."""

    def __init__(self, gathering):
        self._gathering = gathering
        self._is_over = False
        self._start = len(gathering.server.log)
        self._ask()

    def _ask(self):
        if not self._is_over:
            self._gathering.server.ask_stats()
            self._gathering.loop.at(time.monotonic() + 0.25, self._ask)

    def end(self):
        """Asks no more."""
        self._is_over = True

    def queued(self):
        """Pairs of moment and bytes queued."""
        rows = ((moment, line.split()) for moment, line in self._gathering.server.log[self._start:])
        return [(moment, int(row[2])) for moment, row in rows if row[:2] == ["bytes", "queued"]]


def stalling(verdicts):
    """Stopped clients are gone when they have stalled for as long as they may."""
    limit = MIB
    options = ("--send-limit", "1m", "--write-stall-timeout", str(STALL_SECONDS))
    rates = Rates(messages=1, interval=0.1)
    found = _prove(verdicts, options, rates, limit, "it reads nothing", seconds=40)
    if not found:
        return
    filled = found.filled_at
    lasted = [receiver.ended_at - filled for receiver in found.stopped]
    verdicts.claim(
        STALL_SECONDS - LATE_SECONDS < min(lasted) and max(lasted) < STALL_SECONDS + LATE_SECONDS,
        f"a stopped client is gone {STALL_SECONDS} s after the kernel took its last byte",
        moments(lasted))


def flooding(verdicts):
    """Stopped clients are gone when more is queued for them than may be."""
    options = ("--send-limit", "256k", "--write-stall-timeout", "60")
    rates = Rates(messages=8, interval=0.1)
    found = _prove(verdicts, options, rates, 256 * 1024, "too slow to receive", seconds=40)
    if not found:
        return
    verdicts.claim(
        found.greatest_queued <= STOPPED * (256 * 1024 + 8 * MESSAGE_BYTES),
        "their queues were never above the send limit",
        f"{mib(found.greatest_queued)} at most were seen for all of them")


class Rates:
    """How much is broadcast, and how often."""

    def __init__(self, messages, interval):
        self.messages = messages
        self.interval = interval

    def __str__(self):
        count = round(self.messages / self.interval)
        return f"{count} messages of {MESSAGE_BYTES} bytes a second to {CLIENTS} clients"


class Found:
    """What a proof goes on with."""

    def __init__(self, stopped, queued):
        self.stopped = stopped
        self.greatest_queued = max(count for _, count in queued)
        empty = [moment for moment, count in queued if count == 0]
        first = next(moment for moment, count in queued if count > 0)
        # Since the last time that nothing was queued, while the clients were there.
        before = [moment for moment in empty if moment < min(r.ended_at for r in stopped)]
        self.filled_at = max(before, default=first)


def _prove(verdicts, options, rates, send_limit, reason, seconds):
    with Loop() as loop, Server(
            loop, "--mode", "broadcast", "--framing", "lines", *options) as server:
        gathering = Gathering(loop, server)
        try:
            return _compare(verdicts, gathering, rates, send_limit, reason, seconds)
        finally:
            gathering.close()


def _compare(verdicts, gathering, rates, send_limit, reason, seconds):
    server, loop, stopped = gathering.server, gathering.loop, gathering.stopped
    verdicts.figure(str(rates))
    loop.lateness = 0.0
    began, busy, own = time.monotonic(), server.cpu_seconds(), time.process_time()
    end = began + QUIET_SECONDS
    quiet = gathering.broadcast(
        rates.messages, rates.interval, lambda: time.monotonic() > end, QUIET_SECONDS + 1)
    lasted = time.monotonic() - began
    verdicts.figure(
        f"the server was busy for {(server.cpu_seconds() - busy) / lasted:.0%} of the time, the load "
        f"for {(time.process_time() - own) / lasted:.0%} and at most {loop.lateness * 1e3:.1f} ms late")

    memory = server.memory()
    server.forget_peak_memory()
    for receiver in stopped:
        receiver.stop_reading()
    watch = Watch(gathering)
    loop.lateness = 0.0
    beside = gathering.broadcast(
        rates.messages, rates.interval, lambda: all(r.ended_at for r in stopped), seconds)
    watch.end()
    verdicts.figure(f"latency of all, none stopped:      {latencies(quiet)}")
    verdicts.figure(f"latency of the others, 50 stopped: {latencies(beside)}")

    grown, allowed = server.peak_memory() - memory, STOPPED * send_limit + MEMORY_SLACK
    verdicts.claim(
        grown <= allowed, f"the server's memory grew by no more than {mib(allowed)}",
        f"from {mib(memory)} by {mib(grown)}, {mib(server.memory() - memory)} at the end")
    _claim_healthy(verdicts, gathering)
    before, after = percentile(quiet, 99), percentile(beside, 99)
    verdicts.claim(
        after <= 2 * before, "the others' p99 latency is at most twice that before",
        f"{after / before:.2f} times")
    gone = server.gone()
    reasons = [gone.get(port_of(receiver.socket), (0, "nothing"))[1] for receiver in stopped]
    verdicts.claim(
        set(reasons) == {reason} and len(gone) == STOPPED,
        f"the server ended the {STOPPED} that stopped, as '{reason}', and nobody else",
        f"{reasons.count(reason)} of {len(gone)}")
    return Found(stopped, watch.queued())


def _claim_healthy(verdicts, gathering):
    faults = [receiver.fault for receiver in gathering.healthy if receiver.fault]
    missing = [receiver for receiver in gathering.healthy
               if receiver.offset != len(gathering.stream.content)]
    verdicts.claim(
        not faults and not missing,
        f"each of the {len(gathering.healthy)} others got all {gathering.stream.messages} messages, "
        "whole and in order",
        faults[0] if faults else f"{len(missing)} did not" if missing else "")
