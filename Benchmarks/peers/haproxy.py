"""haproxy in TCP mode: `haproxy.py ENDPOINT BACKEND`, each as 127.0.0.1:PORT or unix:PATH.

Listens, says where, and becomes haproxy, which inherits the listening socket.
"""

import os
import socket
import sys

SETTINGS = """\
global
    nbthread 1
    maxconn 7000
defaults
    mode tcp
    timeout connect 10s
    timeout client 300s
    timeout server 300s
listen proxy
    bind fd@{descriptor}
    server backend {backend}
"""


def main(endpoint, backend):
    listener = listen(endpoint)
    listener.set_inheritable(True)
    settings = os.memfd_create("haproxy.cfg", 0)
    text = SETTINGS.format(descriptor=listener.fileno(), backend=backend.replace("unix:", "unix@"))
    os.write(settings, text.encode())
    print("listening on", endpoint if endpoint.startswith("unix:")
          else f"127.0.0.1:{listener.getsockname()[1]}", flush=True)
    os.execvp("haproxy", ["haproxy", "-db", "-q", "-f", f"/proc/self/fd/{settings}"])


def listen(endpoint):
    if endpoint.startswith("unix:"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(endpoint.removeprefix("unix:"))
        listener.listen(4096)
        return listener
    host, port = endpoint.split(":")
    return socket.create_server((host, int(port)), backlog=4096)


main(*sys.argv[1:])
