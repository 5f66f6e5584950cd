"""Echoes at /ws: Python's websockets, on uvloop. websockets_ws.py PORT"""

import asyncio
import signal
import sys

import uvloop
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


async def echo(connection):
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass


def route(connection, request):
    if request.path != "/ws":
        return connection.respond(404, "The echo is at /ws.\n")


async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    limits = {"max_size": 16 << 20, "backlog": 1024}
    async with serve(echo, "127.0.0.1", int(sys.argv[1]), process_request=route, compression=None, **limits):
        await stop.wait()


uvloop.run(main())
