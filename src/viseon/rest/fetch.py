"""Fetching a picture from an address somebody sent, without becoming their way inside (SSRF)."""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

import httpcore
import httpx

from viseon.schema import Forbidden, Invalid, TooLarge, Unavailable

Resolve = Callable[[str, int], Sequence[str]]


class Fetcher:
    """Gets pictures from hosts on a list, and from no private address whatever their name says.

    The name is resolved once and the connection goes to the address that was checked, so a name
    that changes its mind in between (DNS rebinding) gains nothing. Redirects are not followed.
    The timeout is for the whole picture, so that a host that drips bytes holds nobody.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        *,
        max_mb: int = 32,
        timeout_s: float = 5.0,
        private: bool = False,
        resolve: Resolve | None = None,
    ) -> None:
        """`hosts` are names, or `*.example.com` for all below; `private` allows inner networks."""
        self._hosts = tuple(host.lower() for host in hosts)
        self._max_bytes = max_mb << 20
        self._timeout_s = timeout_s
        self._private = private
        self._resolve = resolve or _resolved

    def get(self, url: str) -> bytes:
        """The bytes. Raises Forbidden, Invalid, TooLarge, Unavailable."""
        host, port, target = self._checked(url)
        deadline = time.monotonic() + self._timeout_s
        address = self._address(host, port)
        try:
            return self._read(target, host, (address, port), deadline)
        except httpcore.TimeoutException as error:
            raise Unavailable(
                f"{host} did not give the picture within {self._timeout_s:g} s"
            ) from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise Unavailable(f"{host} did not give the picture: {error}") from error

    def _checked(self, url: str) -> tuple[str, int, httpx.URL]:
        try:
            parts = urlsplit(url)
            port = parts.port
            target = httpx.URL(url)
        except (ValueError, httpx.InvalidURL) as error:
            raise Invalid(
                f"url: {error}", fix="give an address such as https://host/a.jpg"
            ) from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise Invalid("url: only plain http and https addresses are fetched")
        host = parts.hostname.lower()
        if not any(_fits(host, allowed) for allowed in self._hosts):
            raise Forbidden(
                f"url: {host} is not on the list of hosts", fix="send the bytes instead"
            )
        return host, port or (443 if parts.scheme == "https" else 80), target

    def _address(self, host: str, port: int) -> str:
        try:
            found = list(self._resolve(host, port))
        except OSError as error:
            raise Unavailable(f"url: {host} cannot be resolved") from error
        for address in found:
            place = ipaddress.ip_address(address.partition("%")[0])
            if not self._private and not _is_public(place):
                raise Forbidden(f"url: {host} lies inside the network")
        if not found:
            raise Unavailable(f"url: {host} has no address")
        return found[0]

    def _read(self, target: httpx.URL, host: str, place: tuple[str, int], deadline: float) -> bytes:
        pinned = httpcore.URL(
            scheme=target.raw_scheme,
            host=place[0].encode(),
            port=place[1],
            target=target.raw_path,
        )
        headers: dict[bytes | str, bytes | str] = {
            "Host": target.netloc.decode().rpartition("@")[2],
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": "viseon",
        }
        with (
            httpcore.ConnectionPool(network_backend=_Hurried(deadline)) as http,
            http.stream(
                "GET", pinned, headers=headers, extensions={"sni_hostname": host}
            ) as answer,
        ):
            if answer.status != httpx.codes.OK:
                raise Unavailable(
                    f"{host} answered {answer.status}", fix="redirects are not followed"
                )
            parts, size = [], 0
            for chunk in answer.iter_stream():
                size += len(chunk)
                if size > self._max_bytes:
                    raise TooLarge(f"the picture at {host} has more than {self._max_bytes} bytes")
                parts.append(chunk)
        return b"".join(parts)


class _Hurried(httpcore.NetworkBackend):
    """Connections whose every wait, from the first packet on, ends at one deadline."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._real = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  # the deadline knows better
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, httpcore.ConnectTimeout)
        stream = self._real.connect_tcp(host, port, left, local_address, socket_options)
        return _HurriedStream(stream, self._deadline)


class _HurriedStream(httpcore.NetworkStream):
    def __init__(self, real: httpcore.NetworkStream, deadline: float) -> None:
        self._real = real
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._real.read(max_bytes, _left(self._deadline, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._real.write(buffer, _left(self._deadline, httpcore.WriteTimeout))

    def close(self) -> None:
        self._real.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, httpcore.ConnectTimeout)
        return _HurriedStream(
            self._real.start_tls(ssl_context, server_hostname, left), self._deadline
        )

    def get_extra_info(self, info: str) -> object:
        return self._real.get_extra_info(info)


def _left(deadline: float, late: type[httpcore.TimeoutException]) -> float:
    """Seconds to the deadline; raises `late` behind it."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise late("the time for the whole picture is over")
    return left


def _resolved(host: str, port: int) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _fits(host: str, allowed: str) -> bool:
    if allowed.startswith("*."):
        return host.endswith(allowed[1:])
    return host == allowed


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 inside IPv6 (RFC 6052)."""


def _is_public(place: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    inner = getattr(place, "ipv4_mapped", None) or getattr(place, "sixtofour", None)
    if place in _NAT64:
        inner = ipaddress.IPv4Address(int(place) & 0xFFFFFFFF)
    if inner is not None and not inner.is_global:
        return False
    return place.is_global and not place.is_multicast
