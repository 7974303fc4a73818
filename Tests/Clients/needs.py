"""The clients that the checks need: installs those that are missing."""

import glob
import os
import shutil
import subprocess
import sys

from cookbook import FOLDER

PACKAGES = {
    "nc": "netcat-openbsd",
    "curl": "curl",
    "openssl": "openssl",
    "ii": "ii",
    "irssi": "irssi",
    "mosquitto": "mosquitto",
    "mosquitto_sub": "mosquitto-clients",
    "mosquitto_pub": "mosquitto-clients",
    "redis-server": "redis-server",
    "redis-cli": "redis-tools",
    "redis-benchmark": "redis-tools",
    "nginx": "nginx-light",
    "haproxy": "haproxy",
    "wrk": "wrk",
    "psql": "postgresql-client",
    "pgbench": "postgresql",
    "initdb": "postgresql",
    "postgres": "postgresql",
    "logger": "bsdutils",
    "rsyslogd": "rsyslog",
    "tshark": "tshark",
    "capinfos": "wireshark-common",
    "tcpdump": "tcpdump",
    "socat": "socat",
    "promtool": "prometheus",
    "prometheus": "prometheus",
}
"""The Debian package of each program."""

PYTHON = FOLDER / "python"
MODULES = [
    "paho-mqtt==2.2.0", "redis==8.1.0", "pymodbus==3.16.1", "python-pcapng==2.1.1",
    "prometheus-client==0.26.0",
]


def install():
    _look_further()
    missing = {package for name, package in PACKAGES.items() if not shutil.which(name)}
    if missing:
        _install(sorted(missing))
        _look_further()
    installed = PYTHON / "installed"
    if not installed.exists() or installed.read_text() != str(MODULES):
        pip = [sys.executable, "-m", "pip", "install", "-q", "--upgrade", "--target", PYTHON]
        subprocess.run(pip + MODULES, check=True, env=os.environ | {"PIP_ROOT_USER_ACTION": "ignore"})
        installed.write_text(str(MODULES))
    sys.path.insert(0, str(PYTHON))
    os.environ["PYTHONPATH"] = str(PYTHON)


def _look_further():
    """Some of the programs are for the administrator, and not on everybody's path."""
    folders = ["/usr/sbin", "/sbin", *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)]
    os.environ["PATH"] = ":".join([os.environ["PATH"], *folders])


def _install(packages):
    if not shutil.which("apt-get"):
        sys.exit(f"please install the programs of Debian's {', '.join(packages)}")
    root = [] if os.geteuid() == 0 else ["sudo"]
    print("installing", *packages, flush=True)
    subprocess.run(root + ["apt-get", "update", "-q"], check=True)
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-q", "-y"]
    subprocess.run(root + command + packages, check=True)
