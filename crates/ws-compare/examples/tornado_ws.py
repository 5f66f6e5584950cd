"""Echoes at /ws: Tornado, on uvloop. tornado_ws.py PORT"""

import asyncio
import signal
import sys

import uvloop
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Echo(WebSocketHandler):
    def open(self):
        self.set_nodelay(True)

    async def on_message(self, message):
        await self.write_message(message, binary=isinstance(message, bytes))


async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    # Tornado compresses only where a handler says so.
    app = Application([("/ws", Echo)], websocket_max_message_size=16 << 20)
    app.listen(int(sys.argv[1]), "127.0.0.1", backlog=1024)
    await stop.wait()


uvloop.run(main())
