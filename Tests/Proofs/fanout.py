"""Broadcasts to thousands of clients, some of which stop reading."""

import time

from figures import MIB, latencies, mib, moments, percentile
from gathering import MESSAGE_BYTES, Gathering
from kernel import Witness
from loop import Loop
from server import Server
from sockets import port_of

CLIENTS = 5000
STOPPING = 50
MEMORY_SLACK = 16 * MIB
INTERVAL = 0.1
QUIET_SECONDS = 8
LONGEST_SECONDS = 60

STALL_SECONDS = 3
NOTICE_SECONDS = 0.5
"""How late a stall may be ended: the server's clock ticks every 0.2 s, and the witness is asked every
0.1 s."""


def stalling(verdicts):
    """Those that stopped are gone when they have stalled for as long as they may."""
    options = ("--send-limit", "1m", "--write-stall-timeout", str(STALL_SECONDS))
    fanout = _Fanout(verdicts, messages=4, send_limit=MIB, reason="the peer reads nothing")
    with Loop() as loop:
        progress = fanout.run(loop, options)
    waited = [receiver.ended_at - progress.last[receiver] for receiver in fanout.stopped]
    # The server looks at a write in flight only when its time is over: the bytes that left in the
    # meantime give it that time again.
    most = 2 * STALL_SECONDS + NOTICE_SECONDS
    verdicts.claim(
        STALL_SECONDS - NOTICE_SECONDS < min(waited) and max(waited) < most,
        f"they are gone when the kernel has taken no byte of theirs for {STALL_SECONDS} s, at the "
        f"latest for {2 * STALL_SECONDS} s", moments(waited))


def flooding(verdicts):
    """Those that stopped are gone when more is queued for them than may be."""
    options = ("--send-limit", "256k", "--write-stall-timeout", "60")
    fanout = _Fanout(verdicts, messages=8, send_limit=MIB // 4, reason="too slow to receive")
    with Loop() as loop:
        fanout.run(loop, options)


class _Progress:
    """Since when the kernel takes no more bytes for each of those that stopped reading."""

    def __init__(self, gathering):
        self._gathering = gathering
        self._witness = Witness()
        self._held = {}
        self.last = {}
        """The moment of the last byte by receiver."""
        self._look()

    def _look(self):
        if not self._witness:
            return
        now = time.monotonic()
        for receiver in self._gathering.stopped:
            if receiver.ended_at:
                continue
            held = self._witness.bytes_held(
                self._gathering.server.port, port_of(receiver.socket))
            if held is not None and held != self._held.get(receiver):
                self._held[receiver] = held
                self.last[receiver] = now
        self._gathering.loop.at(now + 0.1, self._look)

    def greatest(self):
        """The most bytes that the kernel held for one of them."""
        return max(self._held.values())

    def end(self):
        """Looks no more."""
        self._witness.close()
        self._witness = None


class _Fanout:
    """The comparison of a quiet time with one in which some have stopped reading."""

    def __init__(self, verdicts, messages, send_limit, reason):
        self._verdicts = verdicts
        self._messages = messages
        self._send_limit = send_limit
        self._reason = reason

    def run(self, loop, options):
        """Prints figures and claims; what the kernel took for those that stopped."""
        with Server(loop, "--mode", "broadcast", "--framing", "lines", *options) as server:
            self._server, self._loop = server, loop
            self._gathering = Gathering(loop, server, CLIENTS, STOPPING)
            self.stopped = self._gathering.stopped
            try:
                quiet = self._quiet()
                memory = server.memory()
                server.forget_peak_memory()
                beside, progress = self._beside_stopped()
                self._claim_memory(memory)
                self._claim_healthy()
                self._claim_latency(quiet, beside)
                self._claim_ends()
                return progress
            finally:
                self._gathering.close()

    def _quiet(self):
        count = round(self._messages / INTERVAL)
        self._verdicts.figure(
            f"{count} messages of {MESSAGE_BYTES:,} bytes a second to {CLIENTS:,} clients")
        self._loop.lateness = 0.0
        began, busy, own = time.monotonic(), self._server.cpu_seconds(), time.process_time()
        end = began + QUIET_SECONDS
        quiet = self._gathering.broadcast(
            self._messages, INTERVAL, lambda: time.monotonic() > end, QUIET_SECONDS + 1)
        lasted = time.monotonic() - began
        self._verdicts.figure(
            f"the server is busy for {(self._server.cpu_seconds() - busy) / lasted:.0%} of the time, "
            f"the load for {(time.process_time() - own) / lasted:.0%}, "
            f"at most {self._loop.lateness * 1e3:.1f} ms late")
        return quiet

    def _beside_stopped(self):
        for receiver in self.stopped:
            receiver.stop_reading()
        progress = _Progress(self._gathering)
        began = time.monotonic()
        beside = self._gathering.broadcast(
            self._messages, INTERVAL, lambda: all(r.ended_at for r in self.stopped),
            LONGEST_SECONDS)
        progress.end()
        self._verdicts.figure(
            f"the kernel took up to {progress.greatest() / 1024:.0f} KiB for each of the "
            f"{STOPPING} that stopped reading")
        self._verdicts.figure(
            f"they were gone after {moments([r.ended_at - began for r in self.stopped])}")
        return beside, progress

    def _claim_memory(self, before):
        grown = self._server.peak_memory() - before
        allowed = STOPPING * self._send_limit + MEMORY_SLACK
        self._verdicts.claim(
            grown <= allowed,
            f"the server's memory grew by no more than {STOPPING} send limits and 16 MiB, "
            f"{mib(allowed)}", f"by {mib(grown)} from {mib(before)}")

    def _claim_healthy(self):
        healthy, stream = self._gathering.healthy, self._gathering.stream
        faults = [receiver.fault for receiver in healthy if receiver.fault]
        missing = sum(receiver.offset != len(stream.content) for receiver in healthy)
        self._verdicts.claim(
            not faults and not missing,
            f"each of the other {len(healthy):,} got all {stream.messages:,} messages, whole and in "
            "order", faults[0] if faults else f"{missing} did not" if missing else "")

    def _claim_latency(self, quiet, beside):
        self._verdicts.figure(f"latency of all while all read: {latencies(quiet)}")
        self._verdicts.figure(f"latency of the others then: {latencies(beside)}")
        before, after = percentile(quiet, 99), percentile(beside, 99)
        self._verdicts.claim(
            after <= 2 * before, "the others' p99 latency is at most twice that while all read",
            f"{after / before:.2f} times", is_latency=True)

    def _claim_ends(self):
        gone = self._server.gone
        self._loop.run_until(lambda: len(gone) >= STOPPING, 2, "the server's word of their ends")
        reasons = [gone[port_of(receiver.socket)][1] for receiver in self.stopped]
        self._verdicts.claim(
            set(reasons) == {self._reason} and len(gone) == STOPPING,
            f"the server ended the {STOPPING} that stopped, as '{self._reason}', and nobody else",
            f"{reasons.count(self._reason)} of {len(gone)}")
