"""What may be read below a folder that is imported: files, not pipes, nor what is outside."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from viseon.datasets.recognise import PICTURES
from viseon.schema import Invalid


def check_links(root: Path) -> int:
    """How many pictures lie below `root`.

    Raises Invalid for a link that leads out of it, and for a pipe, socket or device.
    Such a link in a folder from elsewhere would bring in files that nobody meant to share; but
    links from pictures to pictures are how many people choose some of them. Reading a pipe waits
    for ever. Links that lead nowhere are left to whoever reads the file; hidden entries are never
    read.
    """
    real = os.path.realpath(root)
    folders = [str(root)]
    count = 0
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_symlink():
                    _check(entry.path, root, real)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    continue
                count += entry.name.lower().endswith(PICTURES)
                there = not entry.is_symlink() or os.path.exists(entry.path)
                if there and not (entry.is_file() or entry.is_dir()):
                    raise Invalid(
                        f"{os.path.relpath(entry.path, root)} is a pipe, a socket or a device",
                        fix="remove it; only files can be imported",
                    )
    return count


@contextmanager
def readable(root: Path) -> Iterator[None]:
    """What the system does not let be read becomes Invalid that names it."""
    try:
        yield
    except OSError as error:
        if error.filename is None or error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        shown = os.path.relpath(os.fsdecode(error.filename), root)
        raise Invalid(
            f"{shown}: it cannot be read: {error.strerror}",
            fix="check the file and who may read it",
        ) from error


def _is_picture(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in PICTURES and os.path.isfile(path)


def _check(path: str, root: Path, real: str) -> None:
    target = os.path.realpath(path)
    within = target == real or target.startswith(real.rstrip(os.sep) + os.sep)
    if not within and os.path.exists(target) and not (_is_picture(path) and _is_picture(target)):
        raise Invalid(
            f"{os.path.relpath(path, root)} is a link that leads out of the folder, to {target}",
            fix=f"copy the folder with what its links lead to: cp -RL {root} COPY; import COPY",
        )
