"""An echo server on uvloop, as its documentation advises: a protocol, not streams."""

import argparse
import asyncio
import socket

import uvloop


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        connected = transport.get_extra_info("socket")
        if connected.family != socket.AF_UNIX:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.transport.write(data)

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


async def serve(place):
    loop = asyncio.get_running_loop()
    if place.path:
        server = await loop.create_unix_server(Echo, place.path, backlog=4096)
        print(f"listening on unix:{place.path}", flush=True)
    else:
        server = await loop.create_server(Echo, "127.0.0.1", place.port, backlog=4096)
        print(f"listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


parser = argparse.ArgumentParser()
places = parser.add_mutually_exclusive_group(required=True)
places.add_argument("--port", type=int)
places.add_argument("--path")
uvloop.run(serve(parser.parse_args()))
