"""Where the server is, and whether code may go there. Opens no connection and resolves no name."""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from lsp_server.base.config import Http
from lsp_server.base.errors import EngineError

_PORTS = {"http": 80, "https": 443}


class Address(msgspec.Struct, frozen=True):
    """A server that may be asked.

    Attributes:
        host: name or literal address, without brackets.
        path: what its API's paths begin with; no slash at its end.
        local: it must be on this machine: no address that is not loopback may be connected to.
    """

    scheme: str
    host: str
    port: int
    path: str
    local: bool

    @property
    def authority(self) -> str:
        """Host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def address(settings: Http) -> Address:
    """Read the settings' ``url`` and judge it.

    Raises:
        EngineError: it is no address, or code may not go there.
    """
    url = settings.url
    if not url:
        raise EngineError(
            "The engine 'http' needs a server: name one in your settings file, as url in the table [http], "
            "or choose another engine."
        )
    parsed = _split(url)
    scheme, host = parsed.scheme, parsed.hostname or ""
    # A user who pastes the base address of an OpenAI client has "/v1" at its end.
    path = parsed.path.rstrip("/").removesuffix("/v1")
    found = Address(scheme, host, parsed.port or _PORTS[scheme], path, not settings.allow_remote)
    if is_local(host):
        return found if found.local else msgspec.structs.replace(found, local=True)
    if not settings.allow_remote:
        raise EngineError(
            f"The server {found} is not on this machine, so nothing is sent to it. If code may leave this machine, "
            "set http.allow_remote = true in your settings file."
        )
    if scheme == "http" and not settings.allow_unencrypted:
        raise EngineError(
            f"The server {found} is not on this machine and its address begins with http://, so others on the network "
            "could read your code. Use https://, forward a port with ssh, or set http.allow_unencrypted = true in your "
            "settings file."
        )
    if scheme == "http" and (settings.token_env or settings.token_file):
        raise EngineError(f"The token is not sent to {found}, where others could read it. Use https://.")
    return found


def _split(url: str) -> "_Parsed":
    wrong = EngineError(
        f"The setting 'http.url' is no server's address: '{url.partition('@')[2] or url}'. It should look like "
        "'http://127.0.0.1:8012' or 'https://host:port', without user, password or question."
    )
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise wrong
    try:
        parsed = urlsplit(url)
        port = parsed.port
    except ValueError as error:
        raise wrong from error
    if parsed.scheme not in _PORTS or not parsed.hostname or port == 0:
        raise wrong
    if "@" in parsed.netloc or parsed.query or parsed.fragment:
        raise wrong
    return _Parsed(parsed.scheme, parsed.hostname, port, parsed.path)


class _Parsed(msgspec.Struct, frozen=True):
    scheme: str
    hostname: str
    port: int | None
    path: str


def is_local(host: str) -> bool:
    """Whether a host is this machine by its very name: a literal loopback address, or ``localhost``. Other names are
    not, whatever they resolve to: who answers for them may change his mind."""
    return host.lower().rstrip(".") == "localhost" or is_loopback(host)


def is_loopback(literal: str) -> bool:
    """Whether a literal address is in 127.0.0.0/8 or ::1; anything else, names too, is not."""
    try:
        ip = ipaddress.ip_address(literal.partition("%")[0])
    except ValueError:
        return False
    return ip.is_loopback or (
        isinstance(ip, ipaddress.IPv6Address) and bool(ip.ipv4_mapped and ip.ipv4_mapped.is_loopback)
    )


def permitted(where: Address, resolved: Iterable[str]) -> list[str]:
    """The addresses that may be connected to, of those that a host resolved to, without repetitions.

    Raises:
        EngineError: one of them leads off this machine, and none may.
    """
    found = list(dict.fromkeys(resolved))
    if where.local and not all(map(is_loopback, found)):
        raise EngineError(
            f"'{where.host}' does not lead to this machine alone here, so nothing is sent to {where}. Name 127.0.0.1."
        )
    return found
