"""A TCP proxy in front of a server's socket, which cuts connections at the worst moments."""

import asyncio
import random

from .live import _loop
from .ports import free_port


class Proxy:
    """Connections to `port` of the loopback are carried to the server's Unix socket `path`, or, if that is a number, to that
    port.

    `odds`: how probable it is, for each piece of data that a client sends, that its connection is cut at that moment: half
    of the time before the server gets it, half of the time when the server has got it and the client no answer yet."""

    def __init__(self, path, seed):
        self.path, self.random, self.odds = path, random.Random(seed), 0.0
        self.port = free_port()
        self.cuts = 0
        self.writers = set()
        self.server = _loop.run(asyncio.start_server(self._serve, "127.0.0.1", self.port))

    async def _serve(self, reader, writer):
        try:
            server_reader, server_writer = await self._open()
        except OSError:
            writer.transport.abort()
            return
        self.writers |= {writer, server_writer}
        try:
            await asyncio.gather(self._carry(reader, server_writer, True), self._carry(server_reader, writer, False))
        except (OSError, EOFError):
            pass
        finally:
            for one in (writer, server_writer):
                one.transport.abort()
                self.writers.discard(one)

    async def _open(self):
        if isinstance(self.path, int):
            return await asyncio.open_connection("127.0.0.1", self.path)
        return await asyncio.open_unix_connection(self.path)

    async def _carry(self, reader, writer, can_cut):
        while True:
            data = await reader.read(65536)
            cut = can_cut and self.random.random() < self.odds
            if not data or (cut and self.random.random() < 0.5):
                self.cuts += cut
                raise EOFError
            writer.write(data)
            await writer.drain()
            if cut:
                self.cuts += 1
                raise EOFError

    def cut_all(self):
        """Every connection, now."""
        async def cut():
            for writer in list(self.writers):
                writer.transport.abort()

        _loop.run(cut())

    def close(self):
        async def close():
            self.server.close()
            for writer in list(self.writers):
                writer.transport.abort()

        _loop.run(close())
