"""A SignalR hub with the package aiosignalr: `echo` returns its argument, `shout` sends it to all clients."""

import asyncio
import sys

from aiosignalr.server import Hub, ServerOptions, SignalRServer


class Echo(Hub):
    async def echo(self, text: str) -> str:
        return text

    async def shout(self, text: str) -> None:
        await self.clients.all_.send("shout", text)


async def main():
    server = SignalRServer(Echo, options=ServerOptions())
    await server.serve("127.0.0.1", int(sys.argv[1]), path="/hub")
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
