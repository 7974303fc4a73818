"""The clients' sockets."""

import errno
import os
import resource
import socket
import struct

_SMALL_BUFFER = 4096
_SMALL_SEGMENT = 1448


def connect(port, is_small=False):
    """A non-blocking socket that connects to a port of this machine.

    With `is_small` the kernel takes some 100 KB for it in place of 4 MB, before anything has to wait
    in the server: the receive buffer is small, and so are the segments, from whose size the server's
    kernel derives how much it buffers to send.
    """
    client = socket.socket()
    client.setblocking(False)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if is_small:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SMALL_SEGMENT)
    code = client.connect_ex(("127.0.0.1", port))
    if code not in (0, errno.EINPROGRESS):
        client.close()
        raise OSError(code, os.strerror(code))
    return client


def port_of(client):
    """The port by which the server knows the client."""
    return client.getsockname()[1]


def reset(client):
    """Closes a socket at once, so that it leaves no port waiting (RFC 9293, TIME-WAIT)."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def error_of(client):
    """Why a socket has ended; empty where the peer finished in order."""
    code = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return errno.errorcode.get(code, str(code)) if code else ""


def raise_descriptor_limit():
    """Lets this process open as many sockets as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
