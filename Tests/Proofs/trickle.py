"""Clients that send a byte now and then, and never a whole message."""

import select
import time
from array import array

from figures import histogram, latencies, moments, percentile
from loop import Loop
from server import Server
from sockets import connect, reset
from talking import Conversation

TRICKLING = 2000
BYTE_SECONDS = 10
DEADLINE_SECONDS = 5
NOTICE_SECONDS = 0.5
"""How much later they may be closed: the server's clock ticks every 0.2 s; the rest is the load's."""

NORMAL = 100
QUIET_SECONDS = 5

LEAST_NOTICED = 0.001
"""A latency that nobody minds, in seconds: twice some 0.1 ms is within what a busy core adds."""

CONNECTS_PER_SECOND = 500
REASON = "no message came in time"


class Trickler:
    """A client that sends a byte every ten seconds, the first one in its own tenth of them.

    It does not close when the server does: it has to be got rid of.
    """

    def __init__(self, loop, port, first_byte):
        self._loop = loop
        self.socket = connect(port)
        self.connected_at = None
        self.closed_at = None
        self.bytes = 0
        self.fault = None
        loop.watch(self.socket.fileno(), select.EPOLLOUT, self._ready)
        loop.at(time.monotonic() + first_byte, self._send)

    def _send(self):
        if self.closed_at:
            return
        try:
            self.bytes += self.socket.send(b"x")
        except OSError as error:
            self.fault = str(error)
        self._loop.at(time.monotonic() + BYTE_SECONDS, self._send)

    def _ready(self, _events):
        if not self.connected_at:
            self.connected_at = time.monotonic()
            return self._loop.rewatch(self.socket.fileno(), select.EPOLLIN)
        self.closed_at = time.monotonic()
        self._loop.unwatch(self.socket.fileno())
        try:
            data = self.socket.recv(4096)
            if data:
                self.fault = "it was sent something"
        except OSError as error:
            self.fault = str(error)


def trickling(verdicts):
    """They are closed when the first message should have come; the others notice nothing."""
    options = ("--framing", "lines", "--first-message-timeout", str(DEADLINE_SECONDS))
    with Loop() as loop, Server(loop, *options) as server:
        conversation = Conversation(loop, server.port, NORMAL)
        tricklers = []
        try:
            _run(verdicts, loop, server, conversation, tricklers)
        finally:
            conversation.close()
            for trickler in tricklers:
                reset(trickler.socket)


def _run(verdicts, loop, server, conversation, tricklers):
    quiet, beside = array("d"), array("d")
    conversation.keep(quiet)
    loop.run_for(QUIET_SECONDS)
    busy, own, began = server.cpu_seconds(), time.process_time(), time.monotonic()
    loop.lateness = 0.0
    conversation.keep(beside)
    loop.every(1 / CONNECTS_PER_SECOND, TRICKLING, lambda number: tricklers.append(
        Trickler(loop, server.port, BYTE_SECONDS * number / TRICKLING)))
    longest = TRICKLING / CONNECTS_PER_SECOND + DEADLINE_SECONDS + 10
    loop.run_until(
        lambda: len(tricklers) == TRICKLING and tricklers[-1].closed_at
        and all(trickler.closed_at for trickler in tricklers),
        longest, "closing those who trickle")
    # Before anything is counted: that would keep answers waiting.
    conversation.end()
    lasted = time.monotonic() - began
    verdicts.figure(
        f"the server was busy for {(server.cpu_seconds() - busy) / lasted:.0%} of the time, "
        f"the load for {(time.process_time() - own) / lasted:.0%}, "
        f"at most {loop.lateness * 1e3:.1f} ms late")
    stayed = [trickler.closed_at - trickler.connected_at for trickler in tricklers]
    for line in histogram(stayed, 0.05):
        verdicts.figure(line)
    faults = [trickler.fault for trickler in tricklers if trickler.fault]
    verdicts.claim(
        not faults and DEADLINE_SECONDS - 0.01 <= min(stayed)
        and max(stayed) <= DEADLINE_SECONDS + NOTICE_SECONDS,
        f"{TRICKLING:,} clients of a byte every {BYTE_SECONDS} s, "
        f"{sum(t.bytes for t in tricklers):,} bytes in all, are closed after {DEADLINE_SECONDS} s",
        faults[0] if faults else moments(stayed))
    _claim_gone(verdicts, loop, server)
    verdicts.figure(f"latency of {NORMAL} others before: {latencies(quiet)}")
    verdicts.figure(f"latency of {NORMAL} others beside: {latencies(beside)}")
    before, after = percentile(quiet, 99), percentile(beside, 99)
    faults = conversation.faults()
    verdicts.claim(
        not faults, f"{NORMAL} others got an answer to each of {conversation.answered():,} lines",
        faults[0] if faults else "")
    verdicts.claim(
        after <= max(2 * before, LEAST_NOTICED),
        f"their p99 latency is at most twice that before, or {LEAST_NOTICED * 1e3:g} ms",
        f"{after / before:.2f} times", is_latency=True)


def _claim_gone(verdicts, loop, server):
    # They do not close in turn, and the server waits for 2 s that they do.
    loop.run_until(lambda: len(server.gone) >= TRICKLING, 5, "the server's word of their ends")
    reasons = [reason for _, reason in server.gone.values()]
    verdicts.claim(
        reasons.count(REASON) == TRICKLING == len(reasons),
        f"the server ended all of them, as '{REASON}', and nobody else",
        f"{reasons.count(REASON):,} of {len(reasons):,}")
    clients = server.stats()["clients"]
    verdicts.claim(clients == NORMAL, "it has only the others left", f"{clients}")
