"""A central system for OCPP 1.6-J, with the package ocpp. Charge points log in as cp:secret."""

import asyncio
import logging
import sys
from datetime import datetime, timezone

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from websockets.asyncio.server import basic_auth, serve


def now():
    return datetime.now(timezone.utc).isoformat()


class Connected(ChargePoint):
    @on("BootNotification")
    async def boot(self, **_):
        return call_result.BootNotification(current_time=now(), interval=10, status="Accepted")

    @on("Heartbeat")
    async def heartbeat(self):
        return call_result.Heartbeat(current_time=now())

    @on("MeterValues")
    async def meter_values(self, **_):
        return call_result.MeterValues()


async def connected(socket):
    try:
        await Connected(socket.request.path, socket).start()
    except websockets.ConnectionClosed:
        pass


async def main():
    login = basic_auth(realm="central system", credentials=("cp", "secret"))
    async with serve(connected, "127.0.0.1", int(sys.argv[1]), subprotocols=["ocpp1.6"], process_request=login):
        await asyncio.get_running_loop().create_future()


logging.getLogger("ocpp").setLevel(logging.ERROR)
asyncio.run(main())
