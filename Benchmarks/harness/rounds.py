"""Runs the servers beside each other, in rounds."""

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass

from harness import machine
from harness.servers import REPOSITORY, Server, ServerFailed, pin

LOAD = "Benchmarks/.build/bin/load"
ATTEMPTS = 3
DISTURBED = 0.05
"""A run is disturbed when other processes took more than this share of the two cores."""


class LoadFailed(Exception):
    """The load generator saw a failure; `wrong_bytes` when what came back was not what was sent."""

    def __init__(self, reason, wrong_bytes=False):
        super().__init__(reason)
        self.wrong_bytes = wrong_bytes


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


def run(scenarios, peers, settings):
    """Measures every peer in every scenario, once a round; returns the runs and the failures.

    The peers follow each other closely and every round starts with another one, so that whatever
    drifts on the machine drifts for all of them.
    """
    runs, failures = [], []
    for round_number in range(settings.rounds):
        for scenario in scenarios:
            entrants = [peer for peer in peers if scenario.protocol in peer.commands]
            first = round_number % max(1, len(entrants))
            say(f"round {round_number + 1} of {settings.rounds}, {scenario.title}")
            for peer in entrants[first:] + entrants[:first]:
                identity = {"round": round_number, "scenario": scenario.name, "peer": peer.name}
                try:
                    result = _measure_patiently(scenario, peer, settings)
                    runs.append(identity | result)
                    say(f"  {peer.title:28} {_headline(result)}")
                except (ServerFailed, LoadFailed) as failure:
                    failures.append(identity | {"reason": str(failure)})
                    say(f"  {peer.title:28} failed: {failure}")
    return runs, failures


def raise_descriptor_limit():
    """Gives the servers as many descriptors as the system allows; returns how many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def say(line):
    print(line, file=sys.stderr, flush=True)


def _measure_patiently(scenario, peer, settings):
    """Tries again what the machine may have spoilt, and says so; never wrong bytes."""
    accidents = []
    while True:
        try:
            result = _measure(scenario, peer, settings)
        except (ServerFailed, LoadFailed) as failure:
            accidents.append(str(failure))
            if getattr(failure, "wrong_bytes", False) or len(accidents) == ATTEMPTS:
                raise
            continue
        others = result.get("others_share", 0)
        if others <= DISTURBED or len(accidents) == ATTEMPTS - 1:
            return result | {"accidents": accidents}
        accidents.append(f"other processes used {others:.0%} of the two cores")


def _measure(scenario, peer, settings):
    server_cores, _ = settings.cores(scenario)
    with Server(peer.commands[scenario.protocol], server_cores) as server:
        measure = _measure_memory if scenario.measures_memory else _measure_speed
        try:
            return measure(scenario, server, settings)
        except LoadFailed as failure:
            complaint = server.last_complaint()
            if not complaint:
                raise
            reason = f"{failure}; the server said: {complaint}"
            raise LoadFailed(reason, failure.wrong_bytes) from None


def _measure_speed(scenario, server, settings):
    cores = {settings.server_core, settings.load_core}
    busy, cpu = machine.busy_seconds(cores), _cpu_of(server)
    resent, start = machine.retransmitted_segments(), time.monotonic()
    load = _start_load(scenario, server, settings)
    result = _finish_load(load, settings.seconds + 60)
    elapsed = time.monotonic() - start
    ours = _cpu_of(server) - cpu
    return {
        "messages": result["messages"],
        "cpu_us": result["server_cpu_seconds"] / result["messages"] * 1e6,
        "server_share": result["server_cpu_seconds"] / result["seconds"],
        "load_share": result["load_cpu_seconds"] / result["seconds"],
        "rate": result["messages_per_second"],
        "latency_us": result["latency_us"],
        "saturated": result["saturated"],
        "connect_retries": result["retries"],
        "retransmitted": machine.retransmitted_segments() - resent,
        "others_share": max(0, (machine.busy_seconds(cores) - busy - ours) / elapsed / len(cores)),
    }


def _measure_memory(scenario, server, settings):
    before = server.memory_kib()
    load = _start_load(scenario, server, settings, "--seconds", "600")
    line = load.stdout.readline()
    after = server.memory_kib()
    _finish_load(load, 60, line)
    return {"kib": (after - before) / scenario.connections, "process_kib": before}


def _cpu_of(server):
    """CPU time of the server and of all the load generators that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return server.cpu_seconds() + children.ru_utime + children.ru_stime


def _start_load(scenario, server, settings, *options):
    command = [LOAD, "--port", str(server.port), "--server", str(server.pid),
               "--seconds", str(settings.seconds), *scenario.load_options(), *options]
    try:
        return subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=pin(settings.cores(scenario)[1]))
    except OSError as error:
        raise SystemExit(f"bench: {LOAD}: {error.strerror}; `make build` makes it") from None


def _finish_load(load, patience, first_line=""):
    """The result of a load generator, which a closed input tells to let go of idle connections."""
    try:
        output, complaint = load.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        load.kill()
        load.communicate()
        raise LoadFailed("the load generator did not end") from None
    complaint = complaint.strip().rpartition("\n")[2]
    try:
        result = json.loads(first_line + output)
    except ValueError:
        raise LoadFailed(complaint or "the load generator printed no result") from None
    if load.returncode != 0 or result["errors"] > 0:
        reason = complaint or f"{result['errors']} connections were not answered"
        raise LoadFailed(reason, wrong_bytes=result["wrong_bytes"] > 0)
    if result["messages"] == 0 and result["mode"] != "idle":
        raise LoadFailed("not one message came back in the time measured")
    return result


def _headline(result):
    if "kib" in result:
        return f"{result['kib']:8.2f} KiB a connection"
    saturated = "  load saturated" if result["saturated"] else ""
    disturbed = result["others_share"] > DISTURBED
    others = f"  others used {result['others_share']:.0%}" if disturbed else ""
    return f"{result['cpu_us']:8.2f} µs CPU  {result['rate']:10,.0f} a second{saturated}{others}"
