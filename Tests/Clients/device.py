"""A Modbus device: `device.py PORT [shuffled]`. The register at an address has the address and one.

The usual one is pymodbus, which takes one request at a time. The shuffled one takes many, and answers
them in any order.
"""

import asyncio
import random
import struct
import sys

from pymodbus.server import StartTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

REGISTERS = 1_000


def usual(port):
    values = [address + 1 for address in range(REGISTERS)]
    registers = SimData(0, values=values, datatype=DataType.REGISTERS)
    StartTcpServer(SimDevice(1, [registers]), address=("127.0.0.1", port))


async def shuffled(port):
    async def answer(request, writer):
        await asyncio.sleep(random.uniform(0, 0.01))
        transaction, _, _, unit, _, address, _ = struct.unpack(">HHHBBHH", request)
        writer.write(struct.pack(">HHHBBBH", transaction, 0, 5, unit, 3, 2, address + 1))

    async def serve(reader, writer):
        async with asyncio.TaskGroup() as group:
            while request := await reader.read(12):
                request += await reader.readexactly(12 - len(request))
                group.create_task(answer(request, writer))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    await server.serve_forever()


if sys.argv[2:] == ["shuffled"]:
    asyncio.run(shuffled(int(sys.argv[1])))
else:
    usual(int(sys.argv[1]))
