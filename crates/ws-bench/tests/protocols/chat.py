"""FastAPI: a chat with a token in the query and rooms in which everybody gets what is said, and a feed."""

import asyncio
import itertools
import sys
import time

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
rooms: dict[str, set[WebSocket]] = {}


@app.websocket("/chat/{room}")
async def chat(socket: WebSocket, room: str, token: str):
    if token == "bad":
        await socket.close(code=4401)
        return
    await socket.accept()
    members = rooms.setdefault(room, set())
    members.add(socket)
    await socket.send_json({"type": "welcome", "room": room})
    try:
        while True:
            said = await socket.receive_json()
            await pass_on(members, said | {"type": "said"})
    except WebSocketDisconnect:
        pass
    finally:
        members.discard(socket)


async def pass_on(members, said):
    for member in list(members):
        # Members that leave are removed by their own task.
        try:
            await member.send_json(said)
        except (WebSocketDisconnect, RuntimeError):
            members.discard(member)


@app.websocket("/ticker")
async def ticker(socket: WebSocket, hz: float = 100):
    """Numbered pushes with the time of day, at a steady rate."""
    await socket.accept()
    began = time.monotonic()
    try:
        for number in itertools.count():
            await asyncio.sleep(max(0, began + number / hz - time.monotonic()))
            await socket.send_json({"seq": number, "price": 100 + number % 7, "ts": time.time_ns()})
    except (WebSocketDisconnect, RuntimeError):
        pass


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
