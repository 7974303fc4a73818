"""SIGTERM while clients are busy, while some of them read nothing, and while all read slowly."""

import time

from echoing import Busy, Deaf, Slow
from figures import moments
from loop import Loop
from server import Server

CLIENTS = 1000
BUSY_SECONDS = 3
DRAIN_SECONDS = 5
EXIT_SECONDS = 0.5
"""How long the server may take to end when all clients are gone."""

DEAF = 50
DEAF_LINES = 64
"""Of 16 KiB each: more than the kernel takes, so that the server holds them back."""

SLOW = 100
SLOW_LINES = 32
SLOW_DRAIN_SECONDS = 20


def busy(verdicts):
    """What was echoed to busy clients arrives."""
    with _Drain(verdicts, DRAIN_SECONDS) as drain:
        clients = [Busy(drain.loop, drain.server.port) for _ in range(CLIENTS)]
        drain.add(clients)
        drain.loop.run_for(BUSY_SECONDS)
        took = drain.stop()
        drain.claim_streams(clients)
        drain.claim_report(drained=CLIENTS, cut_off=0, lost=0)
        drain.claim_exit(took, "at once", took < EXIT_SECONDS)


def beside_deaf(verdicts):
    """Those who read nothing are cut off when the time is over, and what was queued is counted."""
    with _Drain(verdicts, DRAIN_SECONDS) as drain:
        deaf = [Deaf(drain.loop, drain.server.port) for _ in range(DEAF)]
        clients = [Busy(drain.loop, drain.server.port) for _ in range(CLIENTS - DEAF)]
        drain.add(deaf + clients)
        drain.loop.every(0.05, DEAF_LINES, lambda _: [client.send_line() for client in deaf])
        drain.loop.run_for(BUSY_SECONDS + 1)
        queued = []

        def look():
            drain.server.ask_clients(queued.append)

        took = drain.stop(then=lambda at: drain.loop.at(at + DRAIN_SECONDS - 0.3, look))
        listed = queued[0] if queued else {}
        drain.claim_streams(clients)
        drain.claim_report(
            drained=CLIENTS - DEAF, cut_off=DEAF, lost=sum(client[2] for client in listed.values()))
        drain.claim_reset(deaf, listed)
        drain.claim_exit(
            took, f"after {DRAIN_SECONDS} s", 0 <= took - DRAIN_SECONDS < EXIT_SECONDS)


def slow(verdicts):
    """Those who read on slowly get all, also where that takes longer than the server lingers."""
    with _Drain(verdicts, SLOW_DRAIN_SECONDS) as drain:
        clients = [Slow(drain.loop, drain.server.port) for _ in range(SLOW)]
        drain.add(clients)
        drain.loop.every(0.1, SLOW_LINES, lambda _: [client.send_line() for client in clients])
        drain.loop.run_for(0.1 * SLOW_LINES + 0.5)
        took = drain.stop(then=lambda _: [client.read_on() for client in clients])
        ended = [client.ended_at - drain.stopped_at for client in clients if client.ended_at]
        drain.verdicts.figure(f"they were at their ends after {moments(ended)}")
        drain.claim_streams(clients)
        drain.claim_report(drained=SLOW, cut_off=0, lost=0)
        drain.claim_exit(
            took, f"within {SLOW_DRAIN_SECONDS} s", took < SLOW_DRAIN_SECONDS + EXIT_SECONDS)


class _Drain:
    """A server that is stopped, and what becomes of its clients: a context."""

    def __init__(self, verdicts, seconds):
        self.verdicts = verdicts
        self._seconds = seconds
        self._clients = []

    def __enter__(self):
        self.loop = Loop()
        self.server = Server(
            self.loop, "--framing", "lines", "--drain-time", str(self._seconds)).__enter__()
        return self

    def __exit__(self, *_):
        for client in self._clients:
            client.close()
        self.server.__exit__()
        self.loop.__exit__()

    def add(self, clients):
        """Waits until the server has all of these clients."""
        self._clients = clients
        self.loop.run_until(
            lambda: self.server.connected == len(clients), 20, f"connecting {len(clients)} clients")

    def stop(self, then=lambda at: None):
        """Sends SIGTERM, calls `then(moment)`, and waits; how long it took the server to end."""
        self.stopped_at = self.server.terminate()
        then(self.stopped_at)
        self._code = self.server.wait(self._seconds + 10)
        took = self.server.ended_at - self.stopped_at
        # What the kernel still holds for them.
        end = time.monotonic() + 5
        self.loop.run_until(
            lambda: time.monotonic() > end or all(client.ended_at for client in self._clients),
            6, "the ends of the clients")
        return took

    def claim_streams(self, clients):
        """Each of them got just what the server says it handled, and a FIN behind it."""
        handled = self.server.messages()
        faults = [fault for client in clients
                  if (fault := client.fault_beside(handled.get(client.port, [])))]
        lines, count = sum(client.lines() for client in clients), sum(c.offset for c in clients)
        self.verdicts.claim(
            not faults,
            f"each of {len(clients)} clients got all that the server echoed to it, then a FIN",
            f"{faults[0]}; so for {len(faults)}" if faults
            else f"{lines:,} lines, {count:,} bytes")

    def claim_report(self, drained, cut_off, lost):
        """The report adds up to the clients there were."""
        report = self.server.report()
        self.verdicts.claim(
            report == (drained, cut_off, lost),
            f"it reports {drained} drained, {cut_off} cut off, {lost:,} bytes lost",
            "nothing" if report is None else "{} drained, {} cut off, {:,} lost".format(*report))

    def claim_reset(self, clients, listed):
        """These clients were the ones cut off."""
        mine = {client.port for client in clients}
        reasons = {self.server.gone.get(port, (0, "nothing"))[1] for port in mine}
        resets = sum(client.end == "ECONNRESET" for client in clients)
        self.verdicts.claim(
            set(listed) == mine and reasons == {"the listener stopped"} and resets == len(clients),
            "those who read nothing were the only ones left before the end, and were reset",
            f"{len(listed)} left, {resets} reset")

    def claim_exit(self, took, when, is_right):
        """It ended, and well."""
        self.verdicts.claim(
            is_right and self._code == 0, f"it ends {when}, with 0", f"{took:.3f} s, {self._code}")
