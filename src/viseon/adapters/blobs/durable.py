"""Making sure that bytes are on the disk, and not only on their way."""

import ctypes
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """The names in a folder reach the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def can_sync_everything() -> bool:
    """Whether `sync_everything` is there: on Linux."""
    return _syncfs() is not None


def sync_everything(folder: Path) -> None:
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


@cache
def _syncfs() -> Callable[[int], int] | None:
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    return found
