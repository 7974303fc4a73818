"""The checks of the key-value server and of the Modbus gateway."""

import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cookbook import CONFIGURATION
from processes import SECONDS, Stage, dribble, exactly, free_port, output, until

REQUESTS = 100_000


def key_value(report, program):
    import redis

    with Stage() as stage:
        port = free_port()
        server = stage.start(program, port, port=port)
        for command, wanted in [
            ("ping", "PONG"), ("set tea green", "OK"), ("get tea", "green"), ("get milk", ""),
            ("incr cups", "1"), ("incr cups", "2"), ("del tea cups milk", "2"), ("get tea", ""),
        ]:
            answer = output("redis-cli", "-p", port, *command.split())
            report.same(f"redis-cli {command}", answer, wanted + "\n")
        answer = output("redis-cli", "-p", port, "set", "word", "x")
        answer = output("redis-cli", "-p", port, "incr", "word", check=False)
        report.true("redis-cli incr of a word", "not an integer" in answer, answer.strip())
        answer = output("nc", "-N", "127.0.0.1", port, input="PING\r\nSET a b\r\nGET a\r\n")
        report.same("words in lines, by nc", answer, "+PONG\r\n+OK\r\n$1\r\nb\r\n")

        with socket.create_connection(("127.0.0.1", port), SECONDS) as raw:
            dribble(raw, b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$4\r\n\r\n\r\n\r\nGET a\n")
            answers = exactly(raw, 15)
        report.same("two commands, a byte at a time", answers, b"+OK\r\n$4\r\n\r\n\r\n\r\n")
        client = redis.Redis(port=port, protocol=2, socket_timeout=15)
        value = bytes(range(256)) * 2_000
        client.set("big", value)
        report.true("redis-py gets its 512,000 bytes", client.get("big") == value, len(value))
        with client.pipeline(transaction=False) as pipeline:
            for number in range(1_000):
                pipeline.set(f"key {number}", number).get(f"key {number}")
            answers = pipeline.execute()
        wanted = [answer for number in range(1_000) for answer in (True, b"%d" % number)]
        report.true("redis-py, a pipeline of 2,000", answers == wanted, f"{len(answers)} answers")
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(_count, [port] * 8))
        report.same("redis-py, 8 clients count to 1,000 each", client.get("count"), b"8000")
        client.close()

        other = free_port()
        stage.start("redis-server", "--port", other, "--save", "", "--dir", stage.folder, port=other)
        for depth in [1, 16]:
            ours, theirs = _rates(port, depth), _rates(other, depth)
            for test in ["SET", "GET"]:
                report.true(f"redis-benchmark -t {test.lower()} -P {depth}", ours[test] > 0,
                            f"{ours[test]:,.0f} requests a second ({CONFIGURATION} build); "
                            f"redis-server: {theirs[test]:,.0f}")
        report.same("the server's exit code", server.end(), 0)


def _count(port):
    import redis

    with redis.Redis(port=port, protocol=2) as client:
        for _ in range(1_000):
            client.incr("count")


def _rates(port, depth):
    """Requests per second by the name of the test."""
    lines = output("redis-benchmark", "-p", port, "-t", "set,get", "-n", REQUESTS, "-P", depth,
                   "--csv").splitlines()[1:]
    rows = [[field.strip('"') for field in line.split(",")] for line in lines]
    return {row[0]: float(row[1]) for row in rows}


def modbus(report, program):
    from pymodbus.client import ModbusTcpClient

    with Stage() as stage:
        port, device_port = free_port(), free_port()
        device = [sys.executable, Path(__file__).parent / "device.py"]
        running = stage.start(*device, device_port, port=device_port)
        gateway = stage.start(program, port, f"127.0.0.1:{device_port}", port=port)

        def connect(port=port):
            client = ModbusTcpClient("127.0.0.1", port=port, retries=0, timeout=5)
            client.connect()
            stage.callback(client.close)
            return client

        one, other = connect(), connect()
        answer = one.read_holding_registers(10, count=3)
        report.same("pymodbus reads three registers", answer.registers, [11, 12, 13])
        one.write_register(900, 77)
        answer = other.read_holding_registers(900, count=1)
        report.same("another client reads what the first has written", answer.registers, [77])
        answer = one.read_holding_registers(5_000, count=1)
        report.same("the device's own exception: no such address", answer.exception_code, 2)

        report.same("8 clients read 100 registers each: wrong answers", _wrong(connect), [])

        running.end()
        answer = one.read_holding_registers(10, count=1)
        report.same("without a device, exception 11", answer.exception_code, 11)
        stage.start(*device, device_port, port=device_port)
        answer = until(lambda: _registers(one), "an answer of the new device")
        report.same("the device is back", answer, [11])

        with socket.create_connection(("127.0.0.1", port), SECONDS) as raw:
            dribble(raw, b"\x12\x34\0\0\0\6\1\3\0\x0a\0\1" * 2)
            answers = exactly(raw, 22)
        report.same("two requests, a byte at a time", answers,
                    b"\x12\x34\0\0\0\5\1\3\2\0\x0b" * 2)
        report.same("the gateway's exit code", gateway.end(), 0)

        fast_port, device_port = free_port(), free_port()
        stage.start(*device, device_port, "shuffled", port=device_port)
        stage.start(program, fast_port, f"127.0.0.1:{device_port}", 16, port=fast_port)
        report.same("a device that answers in any order, 16 requests at a time: wrong answers",
                    _wrong(lambda: connect(fast_port)), [])


def _wrong(connect):
    """What 8 clients get that is wrong. All of them count their transactions from 1."""
    wrong = []

    def read(client, first):
        for address in range(first, first + 100):
            answer = client.read_holding_registers(address, count=1)
            if answer.isError() or answer.registers != [address + 1]:
                wrong.append(str(answer))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(read, [connect() for _ in range(8)], range(0, 800, 100)))
    return wrong


def _registers(client):
    answer = client.read_holding_registers(10, count=1)
    return None if answer.isError() else answer.registers
