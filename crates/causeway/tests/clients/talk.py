"""A back-end of WebSockets and a client, by the library `websockets`.

    talk.py serve PORT
    talk.py ask URL [CA]      one line for each thing that was tried; https goes to 127.0.0.1 with the name in the URL
"""

import asyncio
import http
import ssl
import sys
import urllib.parse

import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

LARGE = 5_000_000
MANY = 2000


async def handle(socket):
    """What the back-end does is in the path."""
    path = socket.request.path
    if path.startswith("/close/"):
        await socket.close(int(path.rsplit("/", 1)[1]), "as was asked")
    elif path == "/ping":
        await asyncio.wait_for(await socket.ping(b"are you there?"), 10)
        await socket.send("the client answered a ping")
    else:
        try:
            while True:
                await socket.send(await socket.recv())
        except websockets.ConnectionClosed:
            pass
        print("closed by the client:", socket.close_code, socket.close_reason, flush=True)


def refuse(connection, request):
    if request.path == "/refused":
        return connection.respond(http.HTTPStatus.FORBIDDEN, "not you")


async def back_end(port):
    async with serve(handle, "127.0.0.1", port, process_request=refuse, max_size=None):
        await asyncio.get_running_loop().create_future()


async def ask(url, authority):
    parts = urllib.parse.urlsplit(url)
    options = {"host": "127.0.0.1", "port": parts.port, "max_size": None, "proxy": None}
    if authority:
        options["ssl"] = ssl.create_default_context(cafile=authority)
        options["server_hostname"] = parts.hostname

    def to(path, **more):
        return connect(url + path, **options, **more)

    for compression in ["deflate", None]:
        async with to("/echo", compression=compression) as socket:
            names = [extension.name for extension in socket.protocol.extensions]
            print("extensions", names)
            for message in ["text: 안녕", b"\x00\xff binary", "", b""]:
                await socket.send(message)
                print("echo", await socket.recv() == message)
            large = bytes(at * 31 % 251 for at in range(LARGE))
            await socket.send(large)
            print("large", await socket.recv() == large)
            sending = asyncio.create_task(send_many(socket))
            print("many", [await socket.recv() for _ in range(MANY)] == [f"number {at}" for at in range(MANY)])
            await sending
            await socket.send(["in ", "three ", "fragments"])
            print("fragments", await socket.recv())
            await asyncio.wait_for(await socket.ping(b"there?"), 10)
            print("pong")
            await socket.close(4001, "enough")
        print("closed here", socket.close_code, socket.close_reason)
    async with to("/ping") as socket:
        print("ping", await socket.recv())
    for code in [1000, 1001, 1011, 4321]:
        async with to(f"/close/{code}") as socket:
            try:
                await socket.recv()
            except websockets.ConnectionClosed as closed:
                print("closed there", closed.rcvd.code, closed.rcvd.reason)
    try:
        async with to("/refused"):
            print("not refused")
    except websockets.InvalidStatus as refusal:
        print("refused", refusal.response.status_code, refusal.response.body.decode())


async def send_many(socket):
    for at in range(MANY):
        await socket.send(f"number {at}")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(back_end(int(sys.argv[2])))
    else:
        asyncio.run(ask(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
