"""The load generator must notice every way in which a server can be wrong."""

import asyncio
import json
import subprocess
import tempfile
import unittest
from pathlib import Path

LOAD = Path(__file__).resolve().parent.parent / ".build/bin/load"

RIGHT_ANSWERS = 300
"""How often a wrong server is right before it goes wrong: once all connections are open."""


class Server:
    """Echoes, or broadcasts, until its fault begins; then the fault answers instead.

    It listens at a Unix socket if a path is given.
    """

    def __init__(self, fault=None, broadcasts=False, path=None):
        self.fault = fault
        self.broadcasts = broadcasts
        self.path = path
        self.clients = []
        self.bytes_received = 0
        self.answers = 0

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        if self.path:
            self._server = await loop.create_unix_server(lambda: Client(self), self.path)
            self.where = ["--path", self.path]
        else:
            self._server = await loop.create_server(lambda: Client(self), "127.0.0.1", 0)
            self.where = ["--port", str(self._server.sockets[0].getsockname()[1])]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for client in list(self.clients):
            client.transport.abort()

    def others(self, sender):
        return [client for client in self.clients if client is not sender]

    def answer(self, sender, data):
        self.bytes_received += len(data)
        self.answers += 1
        if self.fault and self.answers > RIGHT_ANSWERS:
            self.fault(self, sender, data)
        else:
            self.answer_right(sender, data)

    def answer_right(self, sender, data):
        for receiver in self.others(sender) if self.broadcasts else [sender]:
            receiver.transport.write(data)


class Client(asyncio.Protocol):
    def __init__(self, server):
        self.server = server

    def connection_made(self, transport):
        self.transport = transport
        self.server.clients.append(self)

    def data_received(self, data):
        self.server.answer(self, data)

    def connection_lost(self, error):
        self.server.clients.remove(self)

    def eof_received(self):
        return self.server.fault is stay_open


def change_a_byte(server, sender, data):
    sender.transport.write(data[:-1] + bytes([data[-1] ^ 1]))


def lose_a_byte(server, sender, data):
    sender.transport.write(data[1:])


def lose_a_message(server, sender, data):
    sender.transport.write(data[64:])


def double_a_message(server, sender, data):
    sender.transport.write(data[:64] + data)


def swap_two_messages(server, sender, data):
    sender.transport.write(data[64:128] + data[:64] + data[128:])


def answer_another(server, sender, data):
    place = server.clients.index(sender)
    server.clients[place - 1].transport.write(data)


def close_early(server, sender, data):
    sender.transport.close()


def stay_silent(server, sender, data):
    pass


def stay_open(server, sender, data):
    server.answer_right(sender, data)


def forget_a_subscriber(server, sender, data):
    for receiver in server.others(sender)[1:]:
        receiver.transport.write(data)


def misorder_for_a_subscriber(server, sender, data):
    first, *rest = server.others(sender)
    first.transport.write(data[64:128] + data[:64] + data[128:])
    for receiver in rest:
        receiver.transport.write(data)


def answer_the_publisher_too(server, sender, data):
    for receiver in server.clients:
        receiver.transport.write(data)


class LoadTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = f"{folder.name}/socket"

    async def load(self, server, *options):
        """The exit status and the JSON object; a run is some seconds at most."""
        process = await asyncio.create_subprocess_exec(
            LOAD, *server.where, "--connections", "4", "--seconds", "1", *options,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, json.loads(output)

    async def expect(self, failure, fault, *options, broadcasts=False, path=None):
        with self.subTest(fault=fault.__name__, options=options, path=path):
            async with Server(fault, broadcasts, path) as server:
                status, result = await self.load(server, *options)
            self.assertEqual(status, 1)
            self.assertGreater(result[failure], 0, result)
            self.assertGreaterEqual(result["errors"], result[failure])

    async def test_accepts_a_right_server_and_counts_exactly(self):
        for options in (["--mode", "echo"], ["--depth", "16"], ["--size", "100000"],
                        ["--mode", "lines", "--depth", "16"]):
            with self.subTest(options=options):
                async with Server() as server:
                    status, result = await self.load(
                        server, *options, "--messages", "640", "--warm-up", "0", "--seconds", "30")
                self.assertEqual((status, result["errors"], result["messages"]), (0, 0, 640))
                opening = result["connections"]
                self.assertEqual(server.bytes_received, (opening + 640) * result["size"])

    async def test_accepts_a_right_server_that_is_connected_to_again_and_again(self):
        async with Server() as server:
            status, result = await self.load(
                server, "--mode", "connect", "--messages", "500", "--warm-up", "0")
        self.assertEqual((status, result["messages"]), (0, 500))
        self.assertEqual(server.bytes_received, 500 * 64)

    async def test_accepts_a_right_server_at_a_unix_socket(self):
        for options in (["--mode", "echo"], ["--size", "100000", "--depth", "16"],
                        ["--mode", "lines", "--depth", "16"]):
            with self.subTest(options=options):
                async with Server(path=self.path) as server:
                    status, result = await self.load(
                        server, *options, "--messages", "640", "--warm-up", "0", "--seconds", "30")
                self.assertEqual((status, result["errors"], result["messages"]), (0, 0, 640))
                opening = result["connections"]
                self.assertEqual(server.bytes_received, (opening + 640) * result["size"])
                Path(self.path).unlink(missing_ok=True)
        async with Server(path=self.path) as server:
            status, result = await self.load(
                server, "--mode", "connect", "--messages", "500", "--warm-up", "0")
        self.assertEqual((status, result["messages"]), (0, 500))

    async def test_accepts_a_right_broadcaster_and_counts_every_delivery(self):
        async with Server(broadcasts=True) as server:
            status, result = await self.load(
                server, "--mode", "broadcast", "--connections", "250", "--messages", "5000",
                "--warm-up", "0", "--seconds", "30")
        self.assertEqual((status, result["errors"], result["messages"]), (0, 0, 5000))

    async def test_holds_idle_connections_until_its_input_ends(self):
        async with Server() as server:
            process = await asyncio.create_subprocess_exec(
                LOAD, *server.where, "--mode", "idle", "--connections", "50",
                "--seconds", "60", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
            await process.stdout.readline()
            self.assertEqual(len(server.clients), 50)
            process.stdin.close()
            self.assertEqual(await asyncio.wait_for(process.wait(), 5), 0)

    async def test_notices_wrong_bytes(self):
        for fault in (change_a_byte, lose_a_byte, lose_a_message, double_a_message,
                      swap_two_messages, answer_another):
            await self.expect("wrong_bytes", fault, "--depth", "4")
            await self.expect("wrong_bytes", fault, "--depth", "4", "--mode", "lines")
        await self.expect("wrong_bytes", change_a_byte, "--mode", "connect")

    async def test_notices_wrong_broadcasts(self):
        for fault in (misorder_for_a_subscriber, answer_the_publisher_too):
            await self.expect(
                "wrong_bytes", fault, "--mode", "broadcast", "--depth", "2", broadcasts=True)

    async def test_notices_what_does_not_come(self):
        await self.expect("closed_by_peer", close_early)
        await self.expect("timed_out", stay_silent)
        await self.expect("timed_out", forget_a_subscriber, "--mode", "broadcast", broadcasts=True)

    async def test_notices_a_server_that_does_not_close(self):
        await self.expect("timed_out", stay_open, "--mode", "connect")

    async def test_notices_a_wrong_server_at_a_unix_socket(self):
        for failure, fault, *options in (("wrong_bytes", change_a_byte, "--depth", "4"),
                                         ("closed_by_peer", close_early),
                                         ("timed_out", stay_open, "--mode", "connect")):
            await self.expect(failure, fault, *options, path=self.path)
            Path(self.path).unlink(missing_ok=True)

    async def test_notices_that_nobody_listens(self):
        async with Server() as server:
            pass
        status, result = await self.load(server)
        self.assertEqual(status, 1)
        self.assertGreater(result["connect_failed"], 0)

    def test_says_that_a_unix_socket_is_not_there(self):
        self.assertIn("connect: No such file", self.complaint("--path", self.path))

    def test_needs_one_place(self):
        for options in ([], ["--port", "1", "--path", self.path]):
            self.assertIn("--port or --path: one of them", self.complaint(*options))
        self.assertIn("is not 1 to 107 bytes", self.complaint("--path", "/" + 107 * "a"))

    def complaint(self, *options):
        """What it says when nothing can be measured."""
        ended = subprocess.run([LOAD, *options], capture_output=True, text=True, timeout=60)
        self.assertEqual((ended.returncode, ended.stdout), (2, ""))
        return ended.stderr


if __name__ == "__main__":
    unittest.main()
