"""What the kernel holds of a connection of this machine, asked of it by sock_diag(7)."""

import socket
import struct

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_ESTABLISHED_TO_CLOSING = 0xFFF
_NO_COOKIE = 0xFFFFFFFF
_LOCALHOST = socket.inet_aton("127.0.0.1")

_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI")
# Of inet_diag_msg up to the queues: four bytes, the socket's id of 48, when its timer expires.
_QUEUES = struct.Struct("=4x48x4xII")


class Witness:
    """Tells how many bytes of a connection from 127.0.0.1 to 127.0.0.1 are under way."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG)

    def close(self):
        """Asks nothing any more."""
        self._socket.close()

    def bytes_held(self, sender_port, receiver_port):
        """Bytes that the kernel took from the sender and the receiver did not read; None where
        there is no such connection."""
        sender = self._queues(sender_port, receiver_port)
        receiver = self._queues(receiver_port, sender_port)
        return sender and receiver and sender[1] + receiver[0]

    def _queues(self, port, other_port):
        """Bytes that came in and are unread, and that went out and are not acknowledged."""
        address = _LOCALHOST + bytes(12)
        body = _REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ESTABLISHED_TO_CLOSING)
        body += struct.pack("!HH", port, other_port) + address + address
        body += struct.pack("=III", 0, _NO_COOKIE, _NO_COOKIE)
        size = _HEADER.size + len(body)
        self._socket.send(_HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0) + body)
        answer = self._socket.recv(4096)
        _, kind, *_ = _HEADER.unpack_from(answer)
        if kind != _SOCK_DIAG_BY_FAMILY:
            return None
        return _QUEUES.unpack_from(answer, _HEADER.size)
