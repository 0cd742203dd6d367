"""A server on loopback that gives replies from a script, broken ones too, and remembers what it was asked."""

import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

import msgspec

TLS = Path(__file__).parent / "fixtures" / "tls"


class Reply(msgspec.Struct, frozen=True):
    """One reply.

    Attributes:
        fault: what goes wrong behind ``body``: ``hang``, ``break``, ``endless`` (it is repeated), ``reset`` (instead).
            A case may say ``line`` for an endless one without line ends.
    """

    status: int = 200
    content: str = "application/json"
    body: bytes = b""
    fault: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def reply(text: str) -> Reply:
    """From a case: the first line has the status, the content type and the fault, the rest is the body."""
    head, _, body = text.partition("\n")
    status, *rest = head.split()
    content, fault = (*rest, "", "")[:2]
    if content == "text/event-stream" and fault != "line":
        body += "\n"
    if content == "application/x-ndjson":
        body += "\n"
    if fault in ("endless", "line"):
        body, fault = body * 500, "endless"
    # What is written as \xff stands for that byte, which a text cannot hold.
    data = body.encode().replace(b"\\xff", b"\xff")
    return Reply(int(status), content, data, fault)


class Asked(msgspec.Struct, frozen=True):
    """A request: its headers by their names in lower case, its body if that is JSON."""

    path: str
    headers: dict[str, str]
    body: Any = None


class WebServer(ThreadingHTTPServer):
    """Replies by path, the first one first; the last one stays.

    Attributes:
        asked: what it was asked, in order.
        connections: that were opened.
        gone: set when a client has left a reply that hangs or has no end.
    """

    daemon_threads = True

    def __init__(self, replies: Mapping[str, Sequence[Reply]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies = {path: list(some) for path, some in replies.items()}
        self.asked: list[Asked] = []
        self.connections = 0
        self.gone = threading.Event()
        self.ending = threading.Event()

    def server_bind(self) -> None:
        """Without asking for the machine's name, which may take long."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def next(self, path: str) -> Reply:
        some = self.replies.get(path, [Reply(404, body=b"{}")])
        return some.pop(0) if len(some) > 1 else some[0]

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave are no matter."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: WebServer

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self._answer(msgspec.json.decode(body))

    def _answer(self, body: Any) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append(Asked(self.path, headers, body))
        found = self.server.next(self.path)
        if found.fault == "reset":
            self.close_connection = True
            return
        self.send_response(found.status)
        self.send_header("Content-Type", found.content)
        for name, value in found.headers:
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self._chunk(found.body)
            while found.fault == "endless" and not self.server.ending.is_set():
                self._chunk(found.body)
            if found.fault == "hang":
                self.connection.settimeout(20)
                if not self.connection.recv(1):
                    self.server.gone.set()
                self.close_connection = True
                return
        except OSError:
            self.server.gone.set()
            self.close_connection = True
            return
        if found.fault == "break":
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, data: bytes) -> None:
        if data:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(replies: Mapping[str, Sequence[Reply]], *, tls: bool = False) -> Iterator[WebServer]:
    """A server while the context lasts."""
    server = WebServer(replies)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "server.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.shutdown()
        server.server_close()
        thread.join()
