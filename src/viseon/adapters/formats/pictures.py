"""The picture files of a layout: found, checked, named and copied."""

import io
import os
import re
import shutil
import struct
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

import imagesize

from viseon.overlap import overlapped
from viseon.schema import Invalid, NotFound, Split

SUFFIXES = {".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"}

CHUNK = 1 << 16
LITTLE = 1 << 12
"""So much of most JPEGs tells their size and where their pixels begin."""
MOST_BYTES = 64 << 20
"""So far the end of a picture is looked for, when it is not at the end of its file."""
THREADS = 4
_SCAN = 0xDA
"""The marker before a JPEG's pixels (ITU-T T.81, B.1.1.3)."""

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The markers before a JPEG's size (B.2.2)."""
_ASIDE = frozenset({0xC4, 0xCC, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)})
"""Those before its tables, comments and what programs add (B.2.4)."""

MOST_NAME = 255
"""Bytes of a file's name, without its folders."""
MOST_PATH = 1024
"""Bytes of a file's name, with them."""

MOST_PIXELS = 100_000_000
"""A picture that claims more is taken for a decompression bomb."""

_ENDING = re.compile(r"\*\.\w+")

_COMPOSED: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")

_SPLITS: dict[str, Split] = {
    "train": "train", "training": "train", "trainval": "train",
    "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


def is_picture(path: Path | str) -> bool:
    """Whether the name says so."""
    return _suffix(os.fspath(path)) in SUFFIXES


def walk(root: Path, suffix: str = "") -> Iterator[Path]:
    """Every visible file below `root` in name order, or those whose names end so.

    Links to folders are not followed.
    """
    return (folder / name for folder, names in _folders(root, suffix) for name in names)


def those(root: Path, *patterns: str) -> list[Path]:
    """The visible files that any of the patterns finds, in name order."""
    endings = tuple(p[1:] for p in patterns if _ENDING.fullmatch(p))
    found = {root / name for name in _names(root) if name.endswith(endings)} if endings else set()
    for pattern in patterns:
        if not _ENDING.fullmatch(pattern):
            found.update(root.glob(pattern))
    return sorted(p for p in found if not p.name.startswith(".") and p.is_file())


def _names(folder: Path) -> list[str]:
    """What is in a folder that can be read; listing it costs far less than matching patterns."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def pictures(root: Path) -> list[Path]:
    """Every picture below `root`."""
    return list(each_picture(root))


def each_picture(root: Path) -> Iterator[Path]:
    """Every picture below `root`, folder by folder."""
    for folder, names in _folders(root):
        yield from (folder / name for name in names if _suffix(name) in SUFFIXES)


def beside(root: Path, wanted: Callable[[str], bool]) -> bool:
    """Whether there is such a visible file in `root` itself: looks no further than needed."""
    with os.scandir(root) as entries:
        return any(wanted(e.name) and e.name[0] != "." and not _is_folder(e) for e in entries)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Or a link to one; a link that leads nowhere is none."""
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def _folders(root: Path, suffix: str = "") -> Iterator[tuple[Path, list[str]]]:
    """Each visible folder and the visible files in it whose names end so."""
    if not root.is_dir():
        raise NotFound(f"there is no folder {root}", fix="check the path")
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        yield Path(folder), sorted(f for f in files if f.endswith(suffix) and f[0] != ".")


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def measure(path: Path) -> tuple[int, int]:
    """(width, height), upright. Raises Invalid for what cannot be a whole picture."""
    try:
        handle = os.open(path, os.O_RDONLY)
        try:
            length = os.fstat(handle).st_size
            head = os.pread(handle, LITTLE, 0)
            width, height = _everyday_jpeg(handle, head, length)
            cut = False
            if not width:
                head = os.pread(handle, CHUNK, 0)
                width, height = _size(head, path)
                cut = _cut_short(handle, head, length)
        finally:
            os.close(handle)
    except (OSError, ValueError, OverflowError, IndexError, struct.error) as error:
        raise Invalid(f"{path}: the picture cannot be read: {error}", fix=_FIX) from None
    if not head:
        raise Invalid(f"{path}: the picture is empty: 0 bytes", fix=_FIX)
    if width <= 0 or height <= 0:
        raise Invalid(f"{path}: this is not a picture that can be read", fix=_FIX)
    if width * height > MOST_PIXELS:
        raise Invalid(
            f"{path}: the picture claims {width}x{height} pixels, more than {MOST_PIXELS}",
            fix="scale it down, or remove it",
        )
    if cut:
        raise Invalid(f"{path}: the picture is cut short after {length} bytes", fix=_FIX)
    return width, height


def measured(paths: Iterable[Path]) -> Iterator[tuple[Path, tuple[int, int]]]:
    """Each picture with its size, in the order given; several at the same time where that helps."""
    yield from overlapped(lambda path: (path, measure(path)), paths, threads=THREADS)


_FIX = "replace the file by a whole JPEG, PNG, WebP, GIF, BMP or TIFF, or remove it"


def _size(head: bytes, path: Path) -> tuple[int, int]:
    if head[:2] == b"\xff\xd8":
        size, _ = _jpeg(head)
        if size:
            return size
    width, height = imagesize.get(path if len(head) == CHUNK else io.BytesIO(head))
    return int(width), int(height)


def _everyday_jpeg(handle: int, head: bytes, length: int) -> tuple[int, int]:
    """The size of a whole JPEG without surprises, from its first and last bytes; else (0, 0).

    Everything that this does not understand is for those who read all of the file.
    """
    size, begun = _jpeg(head)
    if size and begun and os.pread(handle, 2, max(begun + 2, length - 2)) == b"\xff\xd9":
        return size
    return 0, 0


def _jpeg(data: bytes) -> tuple[tuple[int, int] | None, int]:
    """The size that a JPEG's frame header tells (ITU-T T.81, B.2.2), and where its pixels begin.

    None for those that EXIF could turn; 0 where what lies before the pixels is out of the ordinary.
    """
    at, size, ordinary = 2, None, data.startswith(b"\xff\xd8\xff")
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == _SCAN and size:
            return size, at if ordinary else 0
        if marker in _FRAMES and size is None:
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = width, height
        elif marker == 0xE1 and data.startswith(b"Exif", at + 4):
            break
        elif marker not in _ASIDE:
            ordinary = False
        at += 2 + (data[at + 2] << 8 | data[at + 3])
    return size, 0


def _scan_begins(handle: int, head: bytes) -> int:
    """Where a JPEG's pixels begin: before them its thumbnail may end, and look like the end."""
    at = 2
    while True:
        if at + 4 > len(head) == CHUNK:  # its profiles are longer than what was read
            head = os.pread(handle, MOST_BYTES, 0)
        if at + 4 > len(head) or head[at] != 0xFF or head[at + 1] == _SCAN:
            return at
        at += 1 if head[at + 1] == 0xFF else 2 + int.from_bytes(head[at + 2 : at + 4], "big")


def _cut_short(handle: int, head: bytes, length: int) -> bool:
    """Whether the end that its format gives a picture is missing."""
    tail = head if length <= CHUNK else os.pread(handle, CHUNK, length - CHUNK)
    if head.startswith(b"\xff\xd8"):  # cameras put whole videos behind the picture's end
        end = tail.rfind(b"\xff\xd9")
        begun = _scan_begins(handle, head)
        if end >= 0 and max(0, length - CHUNK) + end > begun:
            return False
        return os.pread(handle, MOST_BYTES, begun).find(b"\xff\xd9") < 0
    if head.startswith(b"\x89PNG"):
        return b"IEND" not in tail
    if head.startswith(b"RIFF"):
        return length < int.from_bytes(head[4:8], "little") + 8
    return False


def filename(path: Path, root: Path) -> str:
    """The name a picture gets in the dataset: its path below `root`, without a folder `images`."""
    text, above = str(path), f"{root}{os.sep}"
    if text.startswith(above) and ".." not in text:
        name = text[len(above) :]  # this is quicker
    else:
        name = os.path.relpath(path, root)
    name = name.replace(os.sep, "/").lstrip("/")
    if name[:7].lower() == "images/":
        name = name[7:]
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def split_of(*words: str) -> Split | None:
    """The split that the first telling word names: `train`, `valid`, …"""
    return next((_SPLITS[w.lower()] for w in words if w.lower() in _SPLITS), None)


def inside(root: Path, name: str) -> Path:
    """`root/name`, however its Unicode is composed. Raises Invalid when that is outside `root`."""
    path = Path(os.path.normpath(root / name))
    spelled = name.encode(errors="replace")
    if len(spelled) > MOST_PATH or max(map(len, spelled.split(b"/"))) > MOST_NAME:
        raise Invalid(f"{name[:80]!r}… is too long for a file's name", fix="correct the name")
    if path.is_relative_to(os.path.normpath(root)) and name and "\0" not in name:
        return path if name.isascii() or path.exists() else _composed(root, name) or path
    raise Invalid(f"{name!r} leads out of the folder {root}", fix="use names below the folder")


def _composed(root: Path, name: str) -> Path | None:
    """The name as another system wrote it: macOS takes letters and their accents apart."""
    spelled = (Path(os.path.normpath(root / unicodedata.normalize(c, name))) for c in _COMPOSED)
    return next((path for path in spelled if path.exists()), None)


def place(source: Path, target: Path) -> None:
    """Copy a file, with its folders. Raises Invalid when something else lies there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise Invalid(
            f"{target}: two files would lie here", fix="on this disk names must differ in more"
            " than upper and lower case"
        )  # fmt: skip
    shutil.copyfile(source, target)
