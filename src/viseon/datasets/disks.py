"""What a disk cannot do: hold more, or tell two names apart."""

import errno
import os
import secrets
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from viseon.schema import Busy, Conflict


@contextmanager
def room(folder: Path, fix: str = "free some space, then do it again") -> Iterator[None]:
    """A full disk below `folder`, or a used-up quota, becomes Busy that names it."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Busy(f"the disk of {folder} is full", fix=fix) from error


def check_case(folder: Path, names: Iterable[str]) -> None:
    """Raises Conflict when two names would be one file on the disk of `folder`.

    So are `A.jpg` and `a.jpg`, or two compositions of `ü`, on most disks of macOS and Windows.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(folded(name), name)
        if other != name and tells_not_apart(folder):
            raise Conflict(
                f"{other!r} and {name!r} are one file on the disk of {folder}, which does not tell"
                " upper from lower case",
                fix="name a folder on another disk, or rename one of them and commit",
            )


def folded(name: str) -> str:
    """The same for all names that some disk takes for one."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def tells_not_apart(folder: Path) -> bool:
    """Whether a name in other case leads to the same file; asks the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".viseon-{secrets.token_hex(8)}"
    probe.touch()
    try:
        return os.path.lexists(folder / probe.name.upper())
    finally:
        probe.unlink()
