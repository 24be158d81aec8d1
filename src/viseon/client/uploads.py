"""Sending large bytes: past the server where that works, else resumed where it broke."""

import time
from collections.abc import Iterator
from typing import Any, BinaryIO

import httpx

from viseon.client.errors import checked
from viseon.schema import Busy, Conflict, Digest, Unavailable

STEP = 8 << 20
"""Bytes in one request: what a broken connection may cost."""
CHUNK = 1 << 20
TRIES = 8
"""Attempts in a row without a byte of progress before giving up: about half a minute."""
_AWAY = (502, 503, 504)


class Sender:
    """Sends files to one server; remembers when its store cannot be reached from here."""

    def __init__(self, http: httpx.Client, base: str, *, pause_s: float = 0.2) -> None:
        self._http = http
        self._uploads = f"{base}/uploads"
        self._pause_s = pause_s
        self.direct = True
        """Whether the store itself has answered so far."""

    def send(self, file: BinaryIO, digest: Digest, size: int) -> None:
        """All bytes of `file`. Raises Unavailable when the server stays away."""
        offset, tries = -1, 0
        while True:
            try:
                state = self._begin(digest, size)
                if state["stored"] or (state["url"] and self._past(state["url"], file, size)):
                    self._accept(digest, stored=state["stored"])
                    return
                tries = 0 if state["offset"] > offset else tries
                offset = state["offset"]
                while not state["stored"]:
                    state = self._more(file, digest, offset, size)
                    offset, tries = state["offset"], 0
                return
            except (httpx.TransportError, Busy, Conflict) as error:
                tries += 1
                if tries == TRIES:
                    raise Unavailable(
                        f"{self._http.base_url} broke off {TRIES} times: {error}",
                        fix="send it again: it goes on where it stopped",
                    ) from error
                time.sleep(min(self._pause_s * 2**tries, 10.0))

    def _begin(self, digest: Digest, size: int) -> dict[str, Any]:
        sent = {"digest": digest, "size": size, "direct": self.direct}
        return self._answer(self._http.post(self._uploads, json=sent))

    def _more(self, file: BinaryIO, digest: Digest, offset: int, size: int) -> dict[str, Any]:
        file.seek(offset)
        length = min(STEP, size - offset)
        return self._answer(
            self._http.patch(
                f"{self._uploads}/{digest}",
                params={"offset": offset, "size": size},
                content=_pieces(file, length),
                headers={"Content-Length": str(length)},
            )
        )

    def _past(self, url: str, file: BinaryIO, size: int) -> bool:
        """PUT to the store itself; False where that does not work, now and from then on."""
        file.seek(0)
        try:
            answer = httpx.put(
                url,
                content=_pieces(file, size),
                headers={"Content-Length": str(size)},
                timeout=300,
                trust_env=False,
            )
            self.direct = answer.is_success
        except httpx.TransportError:
            self.direct = False
        return self.direct

    def _accept(self, digest: Digest, *, stored: bool) -> None:
        if not stored:
            checked(self._http.post(f"{self._uploads}/{digest}/accept"))

    def _answer(self, response: httpx.Response) -> dict[str, Any]:
        if response.status_code in _AWAY:
            raise Busy(f"the server answered {response.status_code}")
        found: dict[str, Any] = checked(response).json()
        return found


def _pieces(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0 and (chunk := file.read(min(CHUNK, length))):
        length -= len(chunk)
        yield chunk
