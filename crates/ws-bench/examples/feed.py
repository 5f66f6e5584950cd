"""A feed without dependencies: 100 numbers a second to each client, every tenth left out. Usage: feed.py PORT"""

import asyncio
import base64
import hashlib
import sys
import time

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
INTERVAL_S = 0.01


async def serve(reader, writer):
    request = (await reader.readuntil(b"\r\n\r\n")).decode()
    headers = dict(line.split(": ", 1) for line in request.split("\r\n")[1:] if ": " in line)
    key = next(value for name, value in headers.items() if name.lower() == "sec-websocket-key")
    accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
    writer.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )
    try:
        while not writer.is_closing():
            # One numbering for all clients, by the clock.
            number = int(time.time() / INTERVAL_S) + 1
            await asyncio.sleep(number * INTERVAL_S - time.time())
            if number % 10 == 0:
                continue
            text = str(number).encode()
            writer.write(bytes([0x81, len(text)]) + text)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    host, port = server.sockets[0].getsockname()
    print(f"listening on ws://{host}:{port}", flush=True)
    await server.serve_forever()


asyncio.run(main())
