"""A proxy that pools transactions: each one goes to whichever session of the server was used last and is free."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

NOBODY = 4_242_424  # the process number that the proxy shows to everyone


async def message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)


class Pooler:
    def __init__(self, socket_path: str) -> None:
        self.socket_path = socket_path
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.greeting = b""
        self.open: list[asyncio.StreamWriter] = []

    async def backend(self, startup: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.idle:
            return self.idle.pop()
        reader, writer = await asyncio.open_unix_connection(self.socket_path)
        self.open.append(writer)
        writer.write(startup)
        self.greeting = b""
        while True:
            said = await message(reader)
            if said[:1] == b"K":
                said = said[:5] + struct.pack("!I", NOBODY) + said[9:]
            self.greeting += said
            if said[:1] == b"Z":
                return reader, writer

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = await reader.readexactly(4)
                startup = length + await reader.readexactly(struct.unpack("!I", length)[0] - 4)
                if startup[4:8] == struct.pack("!I", 196608):
                    break
                writer.write(b"N")  # neither SSL nor GSS
            self.idle.append(await self.backend(startup))
            writer.write(self.greeting)
            while True:
                asked = await message(reader)
                if asked[:1] == b"X":
                    break
                session = await self.backend(startup)
                await self.transaction(asked, reader, writer, session)
                self.idle.append(session)
        writer.close()

    async def transaction(self, asked, reader, writer, session) -> None:
        """Pass messages both ways until the server says that no transaction is open."""
        while True:
            session[1].write(asked)
            if asked[:1] in (b"Q", b"S"):
                while True:
                    said = await message(session[0])
                    writer.write(said)
                    if said[:1] == b"Z":
                        break
                if said[5:6] == b"I":
                    return
            asked = await message(reader)


@asynccontextmanager
async def pooled(socket_path: str) -> AsyncIterator[int]:
    """The port of a proxy before the server at `socket_path`."""
    pooler = Pooler(socket_path)
    server = await asyncio.start_server(pooler.client, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in pooler.open:
            writer.close()
        await asyncio.sleep(0)
