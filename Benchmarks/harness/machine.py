"""The machine that measures: what it is, and how busy others keep it."""

import json
import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

from harness.servers import BENCHMARKS, REPOSITORY, python_environment


def describe():
    """All that a reader must know to compare with figures of his own."""
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": _system_name(),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "tcp_congestion_control": _read("/proc/sys/net/ipv4/tcp_congestion_control"),
        "versions": _versions(),
    }


def busy_seconds(cores):
    """Time that the cores were not idle, for whatever reason, other virtual machines included."""
    seconds = 0
    for line in Path("/proc/stat").read_text().splitlines():
        fields = line.split()
        if fields[0] in {f"cpu{core}" for core in cores}:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[1:9])
            seconds += (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return seconds


def retransmitted_segments():
    """TCP segments that this machine has sent again, on any connection."""
    lines = _read("/proc/net/snmp").splitlines()
    names, values = [line.split() for line in lines if line.startswith("Tcp:")]
    return int(dict(zip(names, values))["RetransSegs"])


def _cpu_model():
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _system_name():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _versions():
    revision = _first_line("git", "describe", "--always", "--dirty=, with changes")
    versions = {
        "UVSockets": revision,
        "Swift": _first_line("swift", "--version").replace("Swift version ", ""),
        "C compiler": _first_line("cc", "--version"),
        "libuv": _first_line("pkg-config", "--modversion", "libuv"),
        "SwiftNIO": _resolved_version("swift-nio"),
        "Node": _first_line("node", "--version").lstrip("v"),
        "Python": platform.python_version(),
        "uvloop": _first_line(sys.executable, "-c", "import uvloop; print(uvloop.__version__)"),
    }
    return {name: version for name, version in versions.items() if version}


def _first_line(*command):
    try:
        result = subprocess.run(
            command, cwd=REPOSITORY, env=python_environment(), capture_output=True, text=True)
    except OSError:
        return ""
    return result.stdout.partition("\n")[0].strip() if result.returncode == 0 else ""


def _resolved_version(package):
    try:
        pins = json.loads((BENCHMARKS / "Package.resolved").read_text())["pins"]
    except (OSError, ValueError, KeyError):
        return ""
    return next((pin["state"]["version"] for pin in pins if pin["identity"] == package), "")


def _read(path):
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
