"""What the servers are asked to do."""

from dataclasses import dataclass

from harness.servers import OURS


@dataclass(frozen=True)
class Scenario:
    """One way to load a server, and what is to be reached in it."""

    name: str
    title: str
    load: tuple
    """The options of the load generator."""
    connections: int
    target: float
    """At most so many times the baseline's CPU time a message; at most so many KiB when idle."""
    borrowed: float = 1.08
    """The same for tasks that borrow their messages."""
    owned: float = 1.20
    """The same for tasks that own them."""
    protocol: str = "echo"
    baseline: str = "epoll"
    unit: str = "message"
    rate_target: float = 0
    """At least so many times the baseline's messages a second; 0 where only CPU time counts."""
    has_both_cores: bool = False
    """Whether the server and the load generator both have both cores, rather than one each."""

    @property
    def measures_memory(self):
        return self.unit == "connection"

    def targets(self):
        """What each of our servers is to reach, by its name."""
        return dict(zip(
            OURS, (self.target, self.borrowed, self.owned, self.target, self.target)))

    def load_options(self):
        return [*self.load, "--connections", str(self.connections)]


SCENARIOS = [
    Scenario("64B-50", "64 B × 50 connections", ("--size", "64"), 50, 1.05),
    Scenario("1KiB-50", "1 KiB × 50 connections", ("--size", "1024"), 50, 1.05),
    Scenario("64KiB-10", "64 KiB × 10 connections", ("--size", "65536"), 10, 1.05),
    Scenario("64B-pipelined", "64 B, 16 pipelined × 50", ("--size", "64", "--depth", "16"), 50,
             1.05),
    Scenario("64B-1000", "64 B × 1,000 connections", ("--size", "64"), 1000, 1.05),
    Scenario("connect", "connect, 64 B, close", ("--mode", "connect", "--size", "64"), 50, 1.10,
             borrowed=1.25, owned=1.25, unit="cycle"),
    Scenario("unix-64B-50", "64 B × 50, Unix socket", ("--size", "64"), 50, 1.05,
             protocol="unix"),
    Scenario("unix-64KiB-10", "64 KiB × 10, Unix socket", ("--size", "65536"), 10, 1.05,
             protocol="unix"),
    Scenario("unix-connect", "connect, 64 B, close, Unix socket",
             ("--mode", "connect", "--size", "64"), 50, 1.10,
             borrowed=1.25, owned=1.25, protocol="unix", unit="cycle"),
    Scenario("proxy-connect", "proxy: connect, 64 B, close",
             ("--mode", "connect", "--size", "64"), 50, 1.00,
             protocol="proxy", baseline="haproxy", unit="cycle"),
    Scenario("unix-proxy-connect", "proxy: connect, 64 B, close, Unix socket",
             ("--mode", "connect", "--size", "64"), 50, 1.00,
             protocol="unix-proxy", baseline="haproxy", unit="cycle"),
    Scenario("broadcast-1000", "broadcast 64 B to 1,000",
             ("--mode", "broadcast", "--size", "64"), 1000, 1.10,
             borrowed=1.10, protocol="broadcast", baseline="libuv", unit="delivery"),
    Scenario("broadcast-5000", "broadcast 1 KiB to 5,000",
             ("--mode", "broadcast", "--size", "1024"), 5000, 1.10,
             borrowed=1.10, protocol="broadcast", baseline="libuv", unit="delivery"),
    Scenario("lines", "64 B lines, 16 pipelined × 50",
             ("--mode", "lines", "--size", "64", "--depth", "16"), 50, 1.25, protocol="lines",
             unit="line"),
    Scenario("posted", "64 B, 64 together × 8, sent from another loop, both cores",
             ("--size", "64", "--depth", "64"), 8, 0, protocol="posted",
             baseline="uvsockets-here", has_both_cores=True),
    Scenario("two-loops", "2 B lines, 16,384 together × 8, both cores",
             ("--mode", "lines", "--size", "2", "--depth", "16384"), 8, 1.10, protocol="cores",
             baseline="uvsockets", unit="line", rate_target=1.8,
             has_both_cores=True),
    Scenario("idle", "10,000 idle connections", ("--mode", "idle", "--size", "64"), 10000, 0.75,
             borrowed=2, owned=2, unit="connection"),
]
