"""The check of a tap: 1,000 busy clients, read by other programs than the library."""

import asyncio
import random
import socket
import struct
import sys
from collections import defaultdict

from processes import Stage, free_port, output

CLIENTS = 1_000
EARLY = 300
"""How many of them are there when the tap begins."""
ROUNDS = 20

COMPLAINTS = [
    "_ws.malformed", "ip.checksum.status != 1", "tcp.checksum.status != 1",
    "tcp.analysis.lost_segment", "tcp.analysis.ack_lost_segment", "tcp.analysis.retransmission",
    "tcp.analysis.spurious_retransmission", "tcp.analysis.out_of_order",
    "tcp.analysis.duplicate_ack", "tcp.analysis.reused_ports", "tcp.analysis.window_full",
    "tcp.analysis.zero_window",
]
CHECKING = [
    "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
    # The payload is of no protocol, whatever the ports say.
    "-d", "tcp.port==1-65535,data",
]


def tap(report, program):
    with Stage() as stage:
        port, path, file = free_port(), stage.folder / "socket", stage.folder / "tap.pcapng"
        server = stage.start(program, port, path, file, port=port)
        sent = asyncio.run(_clients(report, port, path))
        report.same("the server's exit code", server.end(), 0)
        line = server.lines()[-1]
        report.true("nothing was dropped", " 0 dropped, there is nothing left" in line, line)
        packets = int(line.split()[0])
        for filter in COMPLAINTS:
            report.same(f"tshark: {filter}", len(_tshark(file, "-Y", filter).splitlines()), 0)
        fields = _tshark(
            file, "-Y", "tcp.len > 0", "-T", "fields", "-e", "tcp.stream", "-e", "frame.p2p_dir",
            "-e", "tcp.payload")
        streams = defaultdict(bytes)
        for line in fields.splitlines():
            number, direction, payload = line.split("\t")
            streams[number, direction] += bytes.fromhex(payload)
        # 1 is what came to the server, 0 is what it has sent.
        for direction, what, more in [("1", "received", []), ("0", "sent", [b"tap\n"])]:
            got = sorted(text for (_, way), text in streams.items() if way == direction)
            report.true(
                f"tshark: what was {what}", got == sorted(sent + more),
                f"{len(got)} streams of {sum(map(len, got))} bytes")
        for number in [0, CLIENTS // 2, CLIENTS - 1]:
            report.true(
                f"tshark: stream {number} followed is what was sent",
                _follow(file, number) in sent, f"{len(_follow(file, number))} bytes")
        counts = output("capinfos", "-c", "-M", "-T", "-r", file).split()
        report.same("capinfos: packets", int(counts[-1]), packets)
        shown = output("tcpdump", "-n", "-r", file).splitlines()
        report.same("tcpdump: packets", len(shown), packets)
        bad = [line for line in shown if "bad" in line or "truncated" in line]
        report.same("tcpdump: complaints", bad, [])
        _scan(report, file, packets)


def _tshark(file, *arguments):
    return output("tshark", "-n", "-r", file, *CHECKING, *arguments)


def _follow(file, number):
    """What the client of a stream has sent, as tshark follows it."""
    lines = output("tshark", "-q", "-r", file, "-z", f"follow,tcp,raw,{number}").splitlines()
    # What the other side has sent is indented.
    start = next(index for index, line in enumerate(lines) if line.startswith("Node 1")) + 1
    return bytes.fromhex("".join(line for line in lines[start:-1] if not line.startswith("\t")))


def _scan(report, file, packets):
    """Reads the file by python-pcapng."""
    from pcapng import FileScanner
    from pcapng.blocks import EnhancedPacket, InterfaceStatistics

    with open(file, "rb") as stream:
        blocks = list(FileScanner(stream))
    found = [block for block in blocks if isinstance(block, EnhancedPacket)]
    report.same("python-pcapng: packets", len(found), packets)
    # A tag of a packet, and the comments of its begin and its end.
    comments = [block.options["opt_comment"] for block in found if "opt_comment" in block.options]
    middle = sum("began in the middle" in comment for comment in comments)
    # One more has asked for the tap.
    report.same("python-pcapng: clients that were there before", middle, EARLY + 1)
    ends = sum(comment.startswith("ended: ") for comment in comments)
    report.same("python-pcapng: ends", ends, CLIENTS + 1)
    statistics = [block for block in blocks if isinstance(block, InterfaceStatistics)]
    report.same("python-pcapng: statistics", len(statistics), 1)
    report.same("python-pcapng: dropped", statistics[0].options["isb_ifdrop"], 0)


async def _clients(report, port, path):
    """Runs all clients; what each has sent since the tap began."""
    early = await asyncio.gather(*[_connect(number, port, path) for number in range(EARLY)])
    for client in early:
        await _echo(client, b"before\n")
    control = await asyncio.open_connection("127.0.0.1", port)
    report.same("the tap begins", await _echo(control, b"tap\n"), b"tap\n")
    later = await asyncio.gather(
        *[_connect(number, port, path) for number in range(EARLY, CLIENTS)])
    sent = await asyncio.gather(
        *[_talk(number, client) for number, client in enumerate(early + later)])
    control[1].close()
    await control[1].wait_closed()
    return sent


def _connect(number, port, path):
    if number % 10 == 0:
        return asyncio.open_unix_connection(path, limit=1 << 20)
    return asyncio.open_connection(["127.0.0.1", "::1"][number % 2], port, limit=1 << 20)


async def _echo(client, line):
    reader, writer = client
    writer.write(line)
    return await reader.readline()


async def _talk(number, client):
    """Sends lines, has them echoed, and ends in one of three ways."""
    numbers = random.Random(number)
    all = b""
    for _ in range(ROUNDS):
        line = numbers.randbytes(numbers.randrange(2_000)).hex().encode() + b"\n"
        echo = await _echo(client, line)
        if echo != line:
            sys.exit(f"client {number} heard {echo!r}")
        all += line
    reader, writer = client
    if number % 3 == 0:
        writer.write_eof()
        await reader.read()
    elif number % 3 == 1 and number % 10:
        # Its end is a reset.
        kind = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, kind)
    writer.close()
    await writer.wait_closed()
    return all
