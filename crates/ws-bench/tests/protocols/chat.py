"""A chat with FastAPI: a greeting, a token in the query, rooms in which everybody gets what is said."""

import sys

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
    await socket.send_json({"type": "welcome", "room": room})
    members = rooms.setdefault(room, set())
    members.add(socket)
    try:
        while True:
            said = await socket.receive_json()
            for member in list(members):
                await member.send_json(said | {"type": "said"})
    except WebSocketDisconnect:
        members.discard(socket)


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
