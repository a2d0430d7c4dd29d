"""A TCP proxy on loopback that can lose the network: refuse, or fall silent with all connections left half open.

What was under way when it fell silent is lost, as packets are; the connections are reset when the network is back.
"""

import asyncio
import contextlib
import itertools
from typing import Final, Self

_CHUNK_BYTES: Final = 65536


class TcpProxy:
    """Passes connections on to ``targets``, one after the other. An async context manager."""

    def __init__(self, *targets: int) -> None:
        """``targets``: ports on loopback. One that refuses is passed over; none that accepts: the client is cut off."""
        self.targets = list(targets)
        self._turns = itertools.count()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._refusing = False
        self._port = 0

    @property
    def port(self) -> int:
        """Where clients connect."""
        return self._port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._open, return_exceptions=True)

    def refuse(self) -> None:
        """End every connection, and every new one at once."""
        self._refusing = True
        self.cut()

    def fall_silent(self) -> None:
        """Pass nothing on any more, either way. Connections stay open and new ones are accepted."""
        self._passing.clear()

    def restore(self) -> None:
        """The network is back; what was open while it was away is reset."""
        self._refusing = False
        if not self._passing.is_set():
            self.cut()
        self._passing.set()

    def cut(self) -> None:
        """Reset every connection that is open now."""
        for task in self._open:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._pass_on(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        await asyncio.wait({task})
        if task.cancelled() or task.exception() is not None:
            writer.transport.abort()
        else:
            writer.close()  # what the other side has sent last still goes out

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            return
        await self._passing.wait()
        opened = await self._connect()
        if opened is None:
            return
        target_reader, target_writer = opened
        ways = [
            asyncio.ensure_future(self._copy(reader, target_writer)),
            asyncio.ensure_future(self._copy(target_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            target_writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        turn = next(self._turns)
        for number in range(len(self.targets)):
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", self.targets[(turn + number) % len(self.targets)])
        return None

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            await self._passing.wait()
            writer.write(data)
            await writer.drain()
