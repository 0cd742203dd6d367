"""Bytes to and from the server. Knows addresses, TLS and time; nothing of what is said.

httpcore2 does no more than it is told: it follows no redirect, reads no proxy from the environment, keeps no cookies. A
name is resolved here, judged, and the address that was judged is the one that is connected to. For TLS the name in the
certificate must be the one in the settings.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpcore2

from lsp_server.base.config import Http
from lsp_server.base.errors import EngineError
from lsp_server.engine.backends.http.address import Address, address, permitted
from lsp_server.engine.backends.http.token import token

#: How long a connection that nobody uses is kept (s).
_KEPT_S = 30.0

#: Longest answer that is no stream (bytes): Ollama's list of a large vocabulary has some 10 MB.
_LONGEST = 1 << 25

#: Stati of a server that is up but not ready: llama-server says 503 while it loads.
_NOT_NOW = frozenset((408, 425, 429, 500, 502, 503, 504))


class Unanswered(Exception):
    """The server gave no answer that can be used; the text says why, and holds nothing that the server said.

    Attributes:
        again: to ask once more may help at once.
        stranger: it answered, but as one that does not know the question.
    """

    def __init__(self, why: str, *, again: bool = False, stranger: bool = False) -> None:
        super().__init__(why)
        self.again = again
        self.stranger = stranger


class Connection:
    """The way to one server. All methods belong to one event loop."""

    def __init__(self, settings: Http) -> None:
        """Open nothing yet.

        Raises:
            EngineError: the settings cannot be used: no address, no token, no certificates.
        """
        self.address = address(settings)
        self._token = token(settings)
        self._seconds = settings.timeout_ms / 1000
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_trust(settings) if self.address.scheme == "https" else None,
            max_keepalive_connections=1,
            keepalive_expiry=_KEPT_S,
            network_backend=_Judged(self.address),
        )

    async def ask(self, path: str, body: bytes | None = None) -> bytes:
        """The whole answer to a question.

        Args:
            body: JSON; without one it is a GET.

        Raises:
            Unanswered: see there.
        """
        answer = bytearray()
        async with self.stream(path, body, "application/json") as pieces:
            async for piece in pieces:
                answer += piece
                if len(answer) > _LONGEST:
                    raise Unanswered(f"The server {self.address} sends more than makes sense.")
        return bytes(answer)

    @asynccontextmanager
    async def stream(
        self, path: str, body: bytes | None, expected: str
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """An answer as it comes. To leave the context before its end closes the connection, and the server stops.

        Args:
            expected: content type of the answer.

        Raises:
            Unanswered: here, or while the answer is read.
        """
        headers = [
            (b"Host", self.address.authority.encode()),  # httpcore2 leaves out the brackets of IPv6
            (b"Accept", expected.encode()),
            (b"User-Agent", b"offhand"),
        ]
        if body is not None:
            headers.append((b"Content-Type", b"application/json"))
        if self._token is not None:
            headers.append((b"Authorization", b"Bearer " + self._token.reveal()))
        where = httpcore2.URL(
            scheme=self.address.scheme,
            host=self.address.host,
            port=self.address.port,
            target=self.address.path + path,
        )
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), self._seconds)
        try:
            async with self._pool.stream(
                "GET" if body is None else "POST",
                where,
                headers=headers,
                content=body,
                extensions={"timeout": timeout},
            ) as response:
                self._judge(response, expected)
                yield response.aiter_stream()
        except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise self._unanswered(error) from error
        except EngineError as error:  # of the address
            raise Unanswered(str(error)) from error

    def _judge(self, response: httpcore2.Response, expected: str) -> None:
        status, where = response.status, self.address
        if status in (401, 403):
            held = "refuses its token" if self._token else "wants a token: name one with http.token_file"
            raise Unanswered(f"The server {where} {held} (status {status}).")
        if 300 <= status < 400:
            raise Unanswered(
                f"The server {where} sends on to another address (status {status}), which is not followed. "
                "Correct http.url."
            )
        if status != 200:
            raise Unanswered(
                f"The server {where} is loading or too busy (status 503)."
                if status == 503
                else f"The server {where} answers with status {status}.",
                again=status in _NOT_NOW,
                stranger=status not in _NOT_NOW,
            )
        types = [value for name, value in response.headers if name.lower() == b"content-type"]
        if not types or types[0].split(b";")[0].strip().lower() != expected.encode():
            raise Unanswered(
                f"The server {where} answers with something else than {expected}. Correct http.url or http.api.",
                stranger=True,
            )

    def _unanswered(self, error: Exception) -> Unanswered:
        where = self.address
        distrust = _distrust(error)
        if distrust:
            return Unanswered(
                f"The certificate of the server {where} is not trusted: {distrust}. Name your CA's file with "
                "http.ca_file."
            )
        if isinstance(error, httpcore2.ConnectTimeout | httpcore2.ConnectError):
            return Unanswered(f"The server {where} cannot be reached.")
        if isinstance(error, httpcore2.TimeoutException):
            return Unanswered(f"The server {where} is silent.")
        return Unanswered(f"The connection to the server {where} broke.", again=True)

    async def close(self) -> None:
        """Close what is open."""
        await self._pool.aclose()


def _trust(settings: Http) -> ssl.SSLContext:
    if not settings.ca_file:
        return httpcore2.default_ssl_context()
    path = Path(settings.ca_file).expanduser()
    try:
        return ssl.create_default_context(cafile=str(path))
    except OSError as error:  # SSLError is one
        reason = "it holds no certificates" if isinstance(error, ssl.SSLError) else error.strerror
        raise EngineError(f"The CA file {path} cannot be used: {reason}. Correct http.ca_file.") from error


def _distrust(error: BaseException | None) -> str:
    """What is wrong with a certificate, if that is what is behind an error."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return ""


class _Judged(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that were judged, and to nothing else."""

    def __init__(self, where: Address) -> None:
        self._where = where
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """See ``httpcore2``."""
        try:
            found = await asyncio.wait_for(asyncio.get_running_loop().getaddrinfo(host, port), timeout)
        except asyncio.TimeoutError as error:
            raise httpcore2.ConnectTimeout from error
        except OSError as error:
            raise httpcore2.ConnectError from error
        failure: Exception = httpcore2.ConnectError()
        for literal in permitted(self._where, (str(where[0]) for *_, where in found)):
            try:
                return await self._inner.connect_tcp(literal, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        """See ``httpcore2``."""
        await self._inner.sleep(seconds)
