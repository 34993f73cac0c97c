"""A WebSocket server (RFC 6455) on this machine alone, that tells the same to all who listen."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import struct
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from ..errors import LipSyncError

HOST = "127.0.0.1"
_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_PATIENCE = 5.0
"""Seconds for a handshake."""
_LARGEST = 1 << 16
"""Bytes of a message that a client may send, and that may wait for one that reads too slowly: it then misses some."""
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


class WebSocketServer:
    """Serves on a thread of its own from the start. `greeting` is the first text that each client gets.

    origins: web pages beside local ones that may listen, such as "https://example.org"; what a voice does to a mouth
    tells what it says. Raises LipSyncError if the port is taken.
    """

    def __init__(self, port: int, greeting: str, origins: Sequence[str] = ()) -> None:
        self._greeting, self._origins = greeting, tuple(origins)
        self._clients: set[asyncio.StreamWriter] = set()
        self.someone = threading.Event()
        self._loop = asyncio.new_event_loop()
        try:
            serving = asyncio.start_server(self._client, HOST, port, limit=_LARGEST)
            self._server = self._loop.run_until_complete(serving)
        except OSError as error:
            self._loop.close()
            raise LipSyncError(f"Port {port} cannot be used ({error.strerror}). Choose another: --port.") from error
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="labial websocket")
        self._thread.start()

    def send(self, text: str) -> None:
        """Tells all clients; returns at once."""
        self._loop.call_soon_threadsafe(self._tell, _framed(_TEXT, text.encode()))

    def close(self) -> None:
        """Says goodbye to all clients and ends the thread."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _tell(self, frame: bytes) -> None:
        for writer in self._clients:
            if writer.transport.get_write_buffer_size() < _LARGEST:
                writer.write(frame)

    async def _end(self) -> None:
        self._server.close()
        self._tell(_framed(_CLOSE, struct.pack(">H", 1001)))
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for writer in tuple(self._clients):
            writer.close()
        await asyncio.wait(others, timeout=1.0) if others else None

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client from its first to its last byte; whatever it does, the others go on."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _PATIENCE)
            answer, welcome = self._answer(head.decode("latin-1"))
            writer.write(answer.encode())
            if welcome:
                writer.write(_framed(_TEXT, self._greeting.encode()))
                self._clients.add(writer)
                self.someone.set()
                await self._listen(reader, writer)
        self._clients.discard(writer)
        writer.close()

    def _answer(self, head: str) -> tuple[str, bool]:
        """What a request gets, and whether that is the end of the handshake."""
        lines = head.split("\r\n")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if not lines[0].startswith("GET ") or fields.get("upgrade", "").lower() != "websocket":
            return _refusal("426 Upgrade Required", "This is a WebSocket: open it with new WebSocket(url)."), False
        if fields.get("sec-websocket-version") != "13" or not fields.get("sec-websocket-key"):
            return _refusal("400 Bad Request", "Only version 13 of the WebSocket protocol is spoken here."), False
        origin = fields.get("origin", "")
        if origin and origin not in self._origins and urlsplit(origin).hostname not in _LOCAL:
            return _refusal("403 Forbidden", f"Start the server with --origin {origin} to let this page listen."), False
        key = base64.b64encode(hashlib.sha1((fields["sec-websocket-key"] + _MAGIC).encode()).digest()).decode()
        upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        return f"{upgrade}Sec-WebSocket-Accept: {key}\r\n\r\n", True

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers pings until the client says goodbye; what else it says is not heard."""
        while True:
            first, second = await reader.readexactly(2)
            code, size = first & 15, second & 127
            if size > 125:
                size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
            if not second & 128 or size > _LARGEST:
                writer.write(_framed(_CLOSE, struct.pack(">H", 1009 if second & 128 else 1002)))
                return
            mask = await reader.readexactly(4)
            body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(await reader.readexactly(size)))
            if code == _CLOSE:
                writer.write(_framed(_CLOSE, body[:2]))
                return
            if code == _PING:
                writer.write(_framed(_PONG, body))


def _framed(code: int, body: bytes) -> bytes:
    """A whole message in one frame."""
    size = len(body)
    if size < 126:
        return struct.pack(">BB", 128 | code, size) + body
    return (
        struct.pack(">BBH", 128 | code, 126, size) + body
        if size < 1 << 16
        else (struct.pack(">BBQ", 128 | code, 127, size) + body)
    )


def _refusal(status: str, text: str) -> str:
    length = len(text.encode())
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    )
