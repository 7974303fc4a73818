"""Runs the servers beside each other, in rounds."""

import resource
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from harness import machine
from harness.load import Load, LoadFailed
from harness.servers import BACKENDS, Server, ServerFailed

ATTEMPTS = 3
DISTURBED = 0.05
"""A scenario is disturbed when other processes took more than this share of the two cores."""
PATIENCE_SECONDS = 60
SLICE_SECONDS = 0.1
CONNECTIONS_A_SECOND = 10_000
"""Slices take longer where there are many connections: each slice opens them anew."""
WARM_UP_SECONDS = 0.2
WARM_UP_SECONDS_AGAIN = 0.03


@dataclass(frozen=True)
class Settings:
    rounds: int
    seconds: float
    server_core: int
    load_core: int

    def cores(self, scenario):
        """The server's cores and the load generator's."""
        both = {self.server_core, self.load_core}
        return (both, both) if scenario.has_both_cores else ({self.server_core}, {self.load_core})

    def slices(self, scenario):
        """Into how many slices the seconds are divided."""
        shortest = max(SLICE_SECONDS, scenario.connections / CONNECTIONS_A_SECOND)
        return max(1, round(self.seconds / shortest))


def run(scenarios, peers, settings):
    """Measures every peer in every scenario, once a round; returns the runs and the failures.

    The peers take turns, and every round starts with another one, so that whatever drifts on the
    machine drifts for all of them.
    """
    runs, failures = [], []
    for round_number in range(settings.rounds):
        for scenario in scenarios:
            say(f"round {round_number + 1} of {settings.rounds}, {scenario.title}")
            entrants = [peer for peer in peers if scenario.protocol in peer.commands]
            for entrant in _measure(scenario, _turned(entrants, round_number), settings):
                peer = entrant.peer
                identity = {"round": round_number, "scenario": scenario.name, "peer": peer.name}
                if entrant.failure:
                    failures.append(identity | {"reason": entrant.failure})
                    say(f"  {peer.title:28} failed: {entrant.failure}")
                else:
                    runs.append(identity | entrant.result | {"accidents": entrant.accidents})
                    say(f"  {peer.title:28} {_headline(entrant.result)}")
    return runs, failures


def raise_descriptor_limit():
    """Gives the servers as many descriptors as the system allows; returns how many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def say(line):
    print(line, file=sys.stderr, flush=True)


class Entrant:
    """A peer in one scenario of one round, and what comes of it."""

    def __init__(self, peer):
        self.peer = peer
        self.server = None
        self.slices = []
        self.result = None
        self.failure = None
        self.accidents = []

    def attempt(self, action):
        """Tries again what the machine may have spoilt, and notes it; never wrong bytes.

        Returns what the action returns; None where the entrant has failed, be it before.
        """
        attempts = 0
        while not self.failure:
            try:
                return action()
            except (ServerFailed, LoadFailed) as failure:
                attempts += 1
                if getattr(failure, "wrong_bytes", False) or attempts == ATTEMPTS:
                    self.failure = str(failure)
                else:
                    self.accidents.append(str(failure))
        return None


def _turned(entrants, number):
    first = number % max(1, len(entrants))
    return entrants[first:] + entrants[:first]


def _measure(scenario, peers, settings):
    """Measures again what other processes have disturbed, and notes it."""
    if scenario.measures_memory:
        return _measure_memory(scenario, peers, settings)
    disturbances = []
    while True:
        entrants, others = _measure_speed(scenario, peers, settings)
        if others <= DISTURBED or len(disturbances) == ATTEMPTS - 1:
            break
        disturbances.append(f"other processes used {others:.0%} of the two cores")
    for entrant in entrants:
        entrant.accidents = disturbances + entrant.accidents
    return entrants


def _measure_speed(scenario, peers, settings):
    """Loads the servers, which all run, a slice at a time in turn.

    Returns the entrants, and what share of the two cores other processes have used.
    """
    entrants = [Entrant(peer) for peer in peers]
    with ExitStack() as stack:
        backend = _backend(stack, scenario, settings)
        for entrant in entrants:
            entrant.server = entrant.attempt(lambda: stack.enter_context(
                _server(entrant.peer, scenario, settings, backend)))
        servers = [entrant.server for entrant in entrants] + [backend]
        shares = _Shares(settings, list(filter(None, servers)))
        for number in range(settings.slices(scenario)):
            for entrant in _turned(entrants, number):
                entrant.slices.append(
                    entrant.attempt(lambda: _slice(number, entrant.server, scenario, settings)))
        others = shares.of_others()
    for entrant in entrants:
        if not entrant.failure:
            entrant.result = _sum(entrant.slices) | {"others_share": others}
    return entrants, others


def _server(peer, scenario, settings, backend=None):
    cores, _ = settings.cores(scenario)
    return Server(peer.commands[scenario.protocol], cores, backend=backend)


def _backend(stack, scenario, settings):
    """The server behind the proxies, on the load generator's core; None where there are none."""
    command = BACKENDS.get(scenario.protocol)
    return stack.enter_context(Server(command, settings.cores(scenario)[1])) if command else None


def _slice(number, server, scenario, settings):
    seconds = settings.seconds / settings.slices(scenario)
    warm_up = WARM_UP_SECONDS_AGAIN if number > 0 else WARM_UP_SECONDS
    options = ["--seconds", str(seconds), "--warm-up", str(warm_up), *scenario.load_options()]
    resent = machine.retransmitted_segments()
    result = Load(server, settings.cores(scenario)[1], options).result(seconds + PATIENCE_SECONDS)
    return result | {"retransmitted": machine.retransmitted_segments() - resent}


def _sum(slices):
    def total(figure):
        return sum(part[figure] for part in slices)

    messages, seconds = total("messages"), total("seconds")
    return {
        "messages": messages,
        "cpu_us": total("server_cpu_seconds") / messages * 1e6,
        "server_share": total("server_cpu_seconds") / seconds,
        "load_share": total("load_cpu_seconds") / seconds,
        "rate": messages / seconds,
        "latency_us": {
            share: median(part["latency_us"][share] for part in slices)
            for share in slices[0]["latency_us"]
        },
        "saturated": 2 * total("saturated") > len(slices),
        "connect_retries": total("retries"),
        "retransmitted": total("retransmitted"),
    }


class _Shares:
    """Who has used how much of the two cores since this was made."""

    def __init__(self, settings, servers):
        self._cores = {settings.server_core, settings.load_core}
        self._servers = servers
        self._start = time.monotonic()
        self._busy, self._ours = self._read()

    def of_others(self):
        """Other processes than the servers, the load generators that have ended, and this one."""
        busy, ours = self._read()
        elapsed = time.monotonic() - self._start
        others = (busy - self._busy) - (ours - self._ours)
        return max(0, others / elapsed / len(self._cores))

    def _read(self):
        ours = sum(server.cpu_seconds() for server in self._servers)
        for whose in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF):
            usage = resource.getrusage(whose)
            ours += usage.ru_utime + usage.ru_stime
        return machine.busy_seconds(self._cores), ours


def _measure_memory(scenario, peers, settings):
    """One after the other: together they would have more connections than there are descriptors."""
    entrants = [Entrant(peer) for peer in peers]
    for entrant in entrants:
        entrant.result = entrant.attempt(lambda: _memory(entrant.peer, scenario, settings))
    return entrants


def _memory(peer, scenario, settings):
    with _server(peer, scenario, settings) as server:
        before = server.memory_kib()
        load = Load(server, settings.cores(scenario)[1],
                    ["--seconds", "600", *scenario.load_options()])
        load.wait_for_report()
        try:
            after = server.memory_kib()
        finally:
            load.result(PATIENCE_SECONDS)
        return {"kib": (after - before) / scenario.connections, "process_kib": before}


def _headline(result):
    if "kib" in result:
        return f"{result['kib']:8.2f} KiB a connection"
    saturated = "  load saturated" if result["saturated"] else ""
    disturbed = result["others_share"] > DISTURBED
    others = f"  others used {result['others_share']:.0%}" if disturbed else ""
    return f"{result['cpu_us']:8.2f} µs CPU  {result['rate']:10,.0f} a second{saturated}{others}"
