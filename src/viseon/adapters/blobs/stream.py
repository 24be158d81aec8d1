"""Bytes that arrive in pieces, as a file."""

import hashlib
import io
from collections.abc import Callable, Iterator

from viseon.schema import Digest, Failed


class Stream(io.RawIOBase):
    """A seekable file over `start(offset)`, which yields the bytes from there on.

    Read from start to end, it refuses to end on bytes with another digest than promised.
    """

    def __init__(
        self, start: Callable[[int], Iterator[bytes]], size: int, digest: Digest | None
    ) -> None:
        self._start = start
        self._size = size
        self._digest = digest
        self._hasher = hashlib.sha256() if digest else None
        self._at = 0
        self._pieces: Iterator[bytes] | None = None
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere; what is read out of order is not compared with the digest."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        target = base + offset
        if target < 0:
            raise ValueError(f"cannot seek to {target}")
        if target != self._at:
            self._at, self._hasher = target, None
            self._pieces, self._piece = None, memoryview(b"")
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """At least one byte, or none at the end. Raises Failed there for a wrong digest."""
        while not len(self._piece):
            if self._pieces is None:
                self._pieces = self._start(self._at) if self._at < self._size else iter(())
            piece = next(self._pieces, None)
            if piece is None:
                self._end()
                return 0
            self._piece = memoryview(piece)
        n = min(len(buffer), len(self._piece))
        buffer[:n] = self._piece[:n]
        if self._hasher is not None:
            self._hasher.update(self._piece[:n])
        self._piece = self._piece[n:]
        self._at += n
        return n

    def _end(self) -> None:
        if self._hasher is not None and self._hasher.hexdigest() != self._digest:
            raise damaged(self._digest or "")


def damaged(digest: Digest) -> Failed:
    """The bytes found are not those promised."""
    return Failed(
        f"blob {digest[:12]}… is damaged in the store",
        fix="restore it from a backup, or delete it and import the file again",
    )
