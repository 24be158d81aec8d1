"""Files hashed and copied next to a store; also a program, so that several processors can do it.

Threads of one Python cannot: a file of some kilobytes is a handful of system calls, and between
any two of them Python's lock changes hands. As a program it imports nothing of viseon's and starts
within milliseconds: paths come in and answers go out, each ended by a zero byte; an empty path asks
for the answers so far.
"""

import hashlib
import os
import signal
import sys
import time

CHUNK = 1 << 20
RENEW_AFTER_S = 1800
"""A younger date need not be renewed: collections allow for twice as much (`RENEWED_S`)."""


class Stage:
    """Copies files that a store lacks into its temporary folder. Not thread-safe."""

    def __init__(self, root: str, prefix: str) -> None:
        self._root = root
        self._incoming = os.path.join(root, "tmp", prefix)
        self._buffer = bytearray(CHUNK)
        self._view = memoryview(self._buffer)

    def take(self, path: str) -> tuple[str, str]:
        """The file's digest, and where a read-only copy lies; "" when the store has the bytes.

        Nothing is on the disk for sure before the file system is synced.
        """
        source = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            n = os.readv(source, [self._buffer])
            if n < CHUNK and os.fstat(source).st_size == n:
                digest = hashlib.sha256(self._view[:n]).hexdigest()
                return digest, "" if self._has(digest) else self._copy(n, None)[1]
            digest, copy = self._copy(n, source)
        finally:
            os.close(source)
        if self._has(digest):
            os.unlink(copy)
            return digest, ""
        return digest, copy

    def _has(self, digest: str) -> bool:
        return renewed(f"{self._root}/{digest[:2]}/{digest[2:]}")

    def _copy(self, n: int, source: int | None) -> tuple[str, str]:
        """What is in the buffer, and what follows it in `source`."""
        copy = f"{self._incoming}{os.urandom(16).hex()}"
        hasher = hashlib.sha256()
        try:
            handle = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
            try:
                while n:
                    if source is not None:
                        hasher.update(self._view[:n])
                    done = 0
                    while done < n:
                        done += os.write(handle, self._view[done:n])
                    n = os.readv(source, [self._buffer]) if source is not None else 0
            finally:
                os.close(handle)
        except BaseException:
            if os.path.exists(copy):
                os.unlink(copy)
            raise
        return hasher.hexdigest(), copy


def renewed(path: os.PathLike[str] | str) -> bool:
    """Whether a blob is there; then it counts as stored now, so that no collection takes it."""
    try:
        if time.time() - os.stat(path).st_mtime > RENEW_AFTER_S:
            os.utime(path)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True  # not our file: its first date stays
    return True


def _serve(root: str, prefix: str) -> None:
    """Answers `digest copy`, or nothing for a file that could not be read or copied."""
    stage = Stage(root, prefix)
    answers: list[bytes] = []
    with sys.stdin.buffer as paths, sys.stdout.buffer as out:
        left = b""
        while chunk := os.read(paths.fileno(), CHUNK):
            *asked, left = (left + chunk).split(b"\0")
            for path in asked:
                if path:
                    answers.append(_answer(stage, os.fsdecode(path)))
                    continue
                out.write(b"".join(answers))
                out.flush()
                answers.clear()


def _answer(stage: Stage, path: str) -> bytes:
    try:
        digest, copy = stage.take(path)
    except OSError:
        return b"\0"  # whoever asked tries it again, and sees the error
    return os.fsencode(f"{digest} {copy}\0")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    _serve(sys.argv[1], sys.argv[2])
