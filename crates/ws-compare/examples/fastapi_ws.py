"""Echoes at /ws: FastAPI under uvicorn, on uvloop, httptools and websockets. fastapi_ws.py PORT"""

import signal
import sys

import uvicorn
from fastapi import FastAPI, WebSocket

app = FastAPI()


@app.websocket("/ws")
async def echo(socket: WebSocket):
    await socket.accept()
    while (message := await socket.receive())["type"] == "websocket.receive":
        if (text := message.get("text")) is not None:
            await socket.send_text(text)
        else:
            await socket.send_bytes(message["bytes"])


# uvicorn stops in order on SIGTERM and then raises it again.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
uvicorn.run(
    app,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    loop="uvloop",
    http="httptools",
    ws="websockets-sansio",
    ws_per_message_deflate=False,
    ws_max_size=16 << 20,
    log_level="error",
    timeout_graceful_shutdown=1,
)
