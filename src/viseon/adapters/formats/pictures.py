"""The picture files of a layout: found, checked, named and copied."""

import os
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import imagesize

from viseon.schema import Invalid, NotFound, Split

SUFFIXES = {".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"}

MOST_PIXELS = 100_000_000
"""A picture that claims more is taken for a decompression bomb."""

_SPLITS: dict[str, Split] = {
    "train": "train", "training": "train", "trainval": "train",
    "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


def is_picture(path: Path) -> bool:
    """Whether the name says so."""
    return path.suffix.lower() in SUFFIXES


def walk(root: Path) -> Iterator[Path]:
    """Every visible file below `root` in name order. Links to folders are not followed."""
    if not root.is_dir():
        raise NotFound(f"there is no folder {root}", fix="check the path")
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        yield from (Path(folder, f) for f in sorted(files) if not f.startswith("."))


def pictures(root: Path) -> list[Path]:
    """Every picture below `root`."""
    return [path for path in walk(root) if is_picture(path)]


def measure(path: Path) -> tuple[int, int]:
    """(width, height), upright. Raises Invalid for what cannot be a whole picture."""
    try:
        size = path.stat().st_size
        if size == 0:
            raise Invalid(f"{path}: the picture is empty: 0 bytes", fix=_FIX)
        width, height = imagesize.get(path)
    except (OSError, ValueError, OverflowError) as error:
        raise Invalid(f"{path}: the picture cannot be read: {error}", fix=_FIX) from None
    if width <= 0 or height <= 0:
        raise Invalid(f"{path}: this is not a picture that can be read", fix=_FIX)
    if width * height > MOST_PIXELS:
        raise Invalid(
            f"{path}: the picture claims {width}x{height} pixels, more than {MOST_PIXELS}",
            fix="scale it down, or remove it",
        )
    if _cut_short(path, size):
        raise Invalid(f"{path}: the picture is cut short after {size} bytes", fix=_FIX)
    return int(width), int(height)


_FIX = "replace the file by a whole JPEG, PNG, WebP, GIF, BMP or TIFF, or remove it"


def _cut_short(path: Path, size: int) -> bool:
    with path.open("rb") as file:
        start = file.read(12)
        file.seek(max(0, size - 4096))
        end = file.read()
    if start.startswith(b"\xff\xd8"):
        return b"\xff\xd9" not in end and b"\xff\xd9" not in path.read_bytes()
    if start.startswith(b"\x89PNG"):
        return b"IEND" not in end
    if start.startswith(b"RIFF"):
        return size < int.from_bytes(start[4:8], "little") + 8
    return False


def filename(path: Path, root: Path) -> str:
    """The name a picture gets in the dataset: its path below `root`, without a folder `images`."""
    parts = path.relative_to(root).parts
    if len(parts) > 1 and parts[0].lower() == "images":
        parts = parts[1:]
    return unicodedata.normalize("NFC", "/".join(parts))


def split_of(*words: str) -> Split | None:
    """The split that the first telling word names: `train`, `valid`, …"""
    return next((_SPLITS[w.lower()] for w in words if w.lower() in _SPLITS), None)


def inside(root: Path, name: str) -> Path:
    """`root/name`. Raises Invalid when that is outside `root`."""
    path = root / name
    if Path(os.path.normpath(path)).is_relative_to(os.path.normpath(root)) and name:
        return path
    raise Invalid(f"{name!r} leads out of the folder {root}", fix="use names below the folder")


def place(source: Path, target: Path) -> None:
    """Copy a file, with its folders. Raises Invalid when something else lies there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise Invalid(
            f"{target}: two files would lie here", fix="on this disk names must differ in more"
            " than upper and lower case"
        )  # fmt: skip
    shutil.copyfile(source, target)
