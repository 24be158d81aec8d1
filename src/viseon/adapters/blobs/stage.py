"""Files hashed and copied into a store; also a program, so that several processors can do it.

Threads of one Python cannot: a file of some kilobytes is a handful of system calls, and between
any two of them Python's lock changes hands. As a program it imports nothing of viseon's and starts
within milliseconds: paths come in and answers go out, each ended by a zero byte. An empty path ends
a share of the work, and asks for the answers of the share before that.
"""

import _thread
import ctypes
import errno
import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterable

CHUNK = 1 << 20
FAILED = 100
"""Exit codes above it: the disk failed with an error of the number that is left. The system says so
once, to whoever asks first, about the files of all: so that is nothing to try again."""
RENEW_AFTER_S = 1800
"""A younger date need not be renewed: collections allow for twice as much (`RENEWED_S`)."""


class Stage:
    """Copies files that a store lacks into its temporary folder. Not thread-safe."""

    def __init__(self, root: str, prefix: str) -> None:
        self._root = root
        self._incoming = os.path.join(root, "tmp", prefix)
        self._buffer = bytearray(CHUNK)
        self._view = memoryview(self._buffer)
        self._shards: set[str] = set()

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

    def name(self, staged: Iterable[tuple[str, str]]) -> None:
        """Give copies that are on the disk their places; of equal files the last one stays."""
        for digest, copy in staged:
            if copy:
                shard = f"{self._root}/{digest[:2]}"
                if shard not in self._shards:
                    os.makedirs(shard, exist_ok=True)
                    self._shards.add(shard)
                os.replace(copy, f"{shard}/{digest[2:]}")


def can_sync_everything() -> bool:
    """Whether `sync_everything` is there: on Linux."""
    return _syncfs() is not None


def sync_everything(folder: os.PathLike[str] | str) -> None:
    """Everything written to the file system of `folder` reaches the disk, in one go.

    For many small files this is far cheaper than syncing each (syncfs(2)).
    """
    call = _syncfs()
    handle = os.open(folder, os.O_RDONLY)
    try:
        if call is None or call(handle) != 0:
            raise OSError(ctypes.get_errno(), "syncfs failed", str(folder))
    finally:
        os.close(handle)


def _syncfs() -> Callable[[int], int] | None:
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    return found


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


class _Server:
    """Stages one share while what was copied for the share before is brought to the disk."""

    def __init__(self, root: str, prefix: str) -> None:
        self._root = root
        self._stage = Stage(root, prefix)
        self._staged: list[tuple[str, str]] = []
        self._before: list[tuple[str, str]] = []
        self._syncing = _thread.allocate_lock()
        self._failed = 0

    def take(self, path: str) -> None:
        try:
            self._staged.append(self._stage.take(path))
        except OSError:
            self._staged.append(("", ""))  # whoever asked tries it again, and sees the error

    def turn(self) -> bytes:
        """The digests of the share before, now that it is stored; and this one is on its way."""
        with self._syncing:  # contents before names; and the names given before
            pass
        if self._failed:
            sys.exit(FAILED + self._failed)
        self._stage.name(self._before)
        answer = b"".join(f"{digest}\0".encode() for digest, _ in self._before)
        self._before, self._staged = self._staged, []
        if self._before:
            self._syncing.acquire()
            _thread.start_new_thread(self._sync, ())
        return answer

    def _sync(self) -> None:
        try:
            sync_everything(self._root)
        except OSError as error:
            self._failed = error.errno or errno.EIO
        finally:
            self._syncing.release()


def _serve(root: str, prefix: str) -> None:
    """Answers `digest`, or nothing for a file that could not be stored."""
    server = _Server(root, prefix)
    left = b""
    while chunk := os.read(0, CHUNK):
        *asked, left = (left + chunk).split(b"\0")
        for path in asked:
            if path:
                server.take(os.fsdecode(path))
                continue
            answer = server.turn()
            while answer:
                answer = answer[os.write(1, answer) :]


if __name__ == "__main__":
    try:
        _serve(sys.argv[1], sys.argv[2])
    except OSError:
        sys.exit(1)  # whoever asked does what was not answered, and sees why
