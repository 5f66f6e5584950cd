"""Passes plain TCP on to a TLS server on the loopback, for clients that speak no TLS.

tunnel.py PORT CERTIFICATE; prints where it listens.
"""

import asyncio
import ssl
import sys


async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def main(port, certificate):
    context = ssl.create_default_context(cafile=certificate)

    async def accepted(reader, writer):
        far = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        await asyncio.gather(pump(reader, far[1]), pump(far[0], writer))

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    print(f"listening on tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
    await server.serve_forever()


asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
