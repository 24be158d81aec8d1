"""Archives that tools export, unpacked where nothing in them can do harm."""

import errno
import lzma
import os
import re
import stat
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from viseon.datasets.disks import room
from viseon.schema import Invalid, ViseonError

MOST_ENTRIES = 2_000_000
MOST_TIMES = 200
"""An archive may unpack to so many times its size; more is taken for a bomb."""
SLACK = 256 << 20
"""So many bytes are always allowed: small label files shrink well."""
CHUNK = 1 << 20
MOST_NAME = 1024

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError,
    NotImplementedError, RuntimeError, ValueError,
)  # fmt: skip
_DRIVE = re.compile(r"^[A-Za-z]:")
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    kind: str
    """`file`, `folder`, or what it is instead."""
    size: int


def is_archive(path: Path) -> bool:
    """Whether the name says so."""
    return path.name.lower().endswith(SUFFIXES)


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A folder with what is in an archive, gone at the end; a lone folder in it is that folder.

    Raises Invalid that names the entry: for names that lead outside, links and devices, names that
    are there twice, passwords, damage, and archives that unpack to far more than their size.
    """
    suffix = next(s for s in SUFFIXES if path.name.lower().endswith(s))
    with tempfile.TemporaryDirectory(prefix="viseon-import-") as scratch:
        root = Path(scratch) / (path.name[: -len(suffix)].strip(". ") or "archive")
        root.mkdir()
        _unpack(path, root)
        root = _lone(root)
        try:
            yield root
        except ViseonError as error:
            shown = error.message.replace(str(root), path.name)
            raise type(error)(shown, fix=error.fix) from error


def _unpack(path: Path, root: Path) -> None:
    with room(root.parent, "free some space, or set TMPDIR to a folder on a larger disk"):
        _unpack_whole(path, root)


def _unpack_whole(path: Path, root: Path) -> None:
    try:
        if path.name.lower().endswith(".zip"):
            with zipfile.ZipFile(path) as file:
                _Unpacking(path, root).zip(file)
        else:
            with tarfile.open(path) as tar:
                _Unpacking(path, root).tar(tar)
    except _BROKEN as error:
        _no_room(error)
        raise Invalid(f"{path.name}: it cannot be unpacked: {error}", fix="get it again") from error


class _Unpacking:
    """One archive on its way to a folder."""

    def __init__(self, path: Path, root: Path) -> None:
        self._archive = path.name
        self._root = root
        self._left = MOST_TIMES * path.stat().st_size + SLACK
        self._entries = 0

    def zip(self, file: zipfile.ZipFile) -> None:
        for info in file.infolist():
            mode = info.external_attr >> 16
            kind = "folder" if info.is_dir() else "file"
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                kind = "link" if stat.S_ISLNK(mode) else "device"
            if info.flag_bits & 1:
                raise self._wrong(info.filename, "it has a password", "unpack it yourself")
            target = self._target(_Entry(info.filename, kind, info.file_size))
            if target is not None:
                with self._named(info.filename), file.open(info) as source:
                    self._copy(source, target, info.filename)

    def tar(self, file: tarfile.TarFile) -> None:
        for info in file:
            kind = "folder" if info.isdir() else "file" if info.isfile() else "device"
            if info.issym() or info.islnk():
                kind = "link"
            target = self._target(_Entry(info.name, kind, info.size))
            if target is None:
                continue
            source = file.extractfile(info)
            if source is not None:
                with self._named(info.name), source:
                    self._copy(source, target, info.name)

    def _target(self, entry: _Entry) -> Path | None:
        """Where an entry goes; None for folders and what systems leave behind."""
        self._entries += 1
        if self._entries > MOST_ENTRIES:
            raise self._wrong(entry.name, f"there are more than {MOST_ENTRIES} entries", _SPLIT)
        if entry.size > self._left:
            raise self._bomb(entry.name)
        name = entry.name.replace("\\", "/")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or _DRIVE.match(name) or ".." in parts:
            raise self._wrong(entry.name, "it leads out of the archive", _REMAKE)
        if _UNSPEAKABLE.search(name) or len(name.encode(errors="replace")) > MOST_NAME:
            raise self._wrong(entry.name, "nothing can have such a name", _REMAKE)
        if entry.kind not in ("file", "folder"):
            raise self._wrong(entry.name, f"it is a {entry.kind}, not a file", _REMAKE)
        left_behind = "__MACOSX" in parts or (parts and parts[-1] == ".DS_Store")
        if entry.kind == "folder" or left_behind or not parts:
            return None
        return self._root.joinpath(*parts)

    def _copy(self, source: IO[bytes], target: Path, name: str) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            out = target.open("xb")
        except FileExistsError:
            raise self._wrong(
                name, "it is there twice, or differs only in upper and lower case", _REMAKE
            ) from None
        with out:
            while chunk := source.read(CHUNK):
                self._left -= len(chunk)
                if self._left < 0:
                    raise self._bomb(name)
                out.write(chunk)

    @contextmanager
    def _named(self, name: str) -> Iterator[None]:
        try:
            yield
        except _BROKEN as error:
            _no_room(error)
            raise self._wrong(name, f"it cannot be unpacked: {error}", "get it again") from error

    def _bomb(self, name: str) -> Invalid:
        return self._wrong(
            name, f"it unpacks to more than {MOST_TIMES} times the archive's size", _SPLIT
        )

    def _wrong(self, name: str, what: str, fix: str) -> Invalid:
        shown = unicodedata.normalize("NFC", name).encode("unicode_escape").decode()
        shown = name if _UNSPEAKABLE.search(name) is None else shown
        return Invalid(f"{self._archive}: {shown[:200]}: {what}", fix=fix)


def _no_room(error: Exception) -> None:
    """A full disk is not the archive's fault."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise error


_REMAKE = "pack the folder again, with plain files only"
_SPLIT = "unpack it yourself and import the folder, if you trust it"


def _lone(root: Path) -> Path:
    """The folder, or the only one in it, for exporters that wrap everything in one."""
    while True:
        found = [e for e in os.scandir(root) if not e.name.startswith(".")]
        if len(found) != 1 or not found[0].is_dir():
            return root
        root = Path(found[0].path)
