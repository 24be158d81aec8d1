"""LabelMe (https://github.com/wkentaro/labelme): one JSON file per picture, beside it.

The web tool that LabelMe is named after (MIT) wrote XML; see `labelme_xml`.
"""

import base64
import binascii
import json
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from viseon.adapters.formats.labelme_shapes import (
    read_shapes,
    unsayable,
    write_shapes,
)
from viseon.adapters.formats.labelme_xml import read_webtool, webtool_files
from viseon.adapters.formats.losses import Drops, Says
from viseon.adapters.formats.pictures import (
    filename,
    inside,
    is_picture,
    measure,
    pictures,
    place,
    split_of,
    walk,
)
from viseon.adapters.formats.reading import described, json_of
from viseon.plugins import Plugin
from viseon.ports import Contents, LabelledFile
from viseon.schema import Annotation, Invalid

PEEK = 1 << 16
_CLASSES = "labels.txt"
_FIX = "correct it in LabelMe"
_SAYS = Says("LabelMe", ("polygons", "mask", "keypoints", "attributes"), classes=True)


class LabelmeConfig(Drops):
    """Only writing has options."""


class LabelmeFormat:
    """Shapes with labels; flags of the picture are its classes; `labels.txt` orders the classes."""

    def __init__(self, config: LabelmeConfig) -> None:
        self._drop = config.drop

    def recognises(self, root: Path) -> bool:
        return any(True for _ in _documents(root)) or bool(webtool_files(root))

    def read(self, root: Path) -> Contents:
        if found := webtool_files(root):
            return read_webtool(root, found)
        folder = _Folder(root)
        documents = list(_documents(root))
        if not documents:
            raise Invalid(f"{root}: there is no LabelMe file here", fix="a .json beside a picture")
        for path in documents:
            folder.read(path)
        folder.add_unlabelled()
        return Contents(tuple(folder.classes), folder)

    def write(self, root: Path, files: Iterator[LabelledFile], classes: tuple[str, ...]) -> None:
        root.mkdir(parents=True, exist_ok=True)
        for file in files:
            home = _home(file)
            place(file.path, root / home)
            found = _SAYS.fitted(file, drop=self._drop)
            if found is None:
                continue
            for number, thing in enumerate(found.objects, 1):
                if (why := unsayable(thing)) and not self._drop:
                    raise _SAYS.refused(file, f"object {number} ({thing.class_name!r}) has {why}")
            path = (root / home).with_suffix(".json")
            if path.exists():
                raise Invalid(
                    f"{home}: another picture differs only in its suffix, so both would have the"
                    f" labels {path.name}",
                    fix="rename one of them, or choose another format",
                )
            document = _document(file, found, classes)
            path.write_text(json.dumps(document, ensure_ascii=False, indent=2), encoding="utf-8")
        text = "".join(f"{name}\n" for name in classes)
        (root / _CLASSES).write_text(text, encoding="utf-8")


class _Folder:
    """The files of a dataset; pictures that were embedded live as long as it does."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, LabelledFile] = {}
        self._scratch: Path | None = None
        self.classes: dict[str, None] = {}
        named = root / _CLASSES
        if named.is_file():
            lines = named.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            skipped = ("__ignore__", "_background_")
            self.classes = dict.fromkeys(s for line in lines if (s := line.strip())
                                         and s not in skipped)  # fmt: skip

    def __iter__(self) -> Iterator[LabelledFile]:
        return (file for _, file in sorted(self._files.items()))

    def read(self, path: Path) -> None:
        """One JSON file."""
        where = path.relative_to(self._root).as_posix()
        document = json_of(path, self._root)
        picture, name = self._picture(path, document, where)
        size = measure(picture)
        self._check_size(document, size, where)
        with described(where, _FIX):
            flags = document.get("flags") or {}
            shown = tuple(str(name) for name, on in flags.items() if on)
            shapes = list(document["shapes"])
        objects = read_shapes(shapes, size, where)
        self.classes |= dict.fromkeys([*(o.class_name for o in objects), *map(str, flags)])
        if name in self._files:
            raise Invalid(f"{where}: another file labels {name} too", fix="keep one of them")
        split = split_of(*name.split("/")[:-1])
        label = Annotation(objects=objects, classes=shown)
        self._files[name] = LabelledFile(picture, name, label, split, *size)

    def add_unlabelled(self) -> None:
        """The pictures that no file speaks about."""
        for path in pictures(self._root):
            name = filename(path, self._root)
            if name not in self._files:
                split = split_of(*name.split("/")[:-1])
                self._files[name] = LabelledFile(path, name, None, split, *measure(path))

    def _picture(self, path: Path, document: Any, where: str) -> tuple[Path, str]:
        with described(where, _FIX):
            given = str(document["imagePath"] or "").replace("\\", "/")
            data = document.get("imageData")
        folder = path.parent.relative_to(self._root)
        beside = inside(self._root, (folder / given).as_posix()) if given else path.parent
        for candidate in (beside, path.parent / Path(given).name):
            if given and candidate.is_file():
                found = Path(*candidate.relative_to(self._root).parts)
                real = inside(self._root, _straight(found))
                return real, filename(real, self._root)
        if not data:
            raise Invalid(
                f"{where}: there is no picture {given!r} beside it, and none in it",
                fix="put the picture there, or save with image data",
            )
        return self._embedded(path, given, str(data), where)

    def _embedded(self, path: Path, given: str, data: str, where: str) -> tuple[Path, str]:
        """The picture that the file itself holds."""
        with described(f"{where}: imageData", "save it again in LabelMe"):
            try:
                bytes_ = base64.b64decode(data, validate=True)
            except binascii.Error as error:
                raise ValueError(f"this is not base64: {error}") from error
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="viseon-labelme-"))
            weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
        suffix = Path(given).suffix.lower()
        suffix = suffix if is_picture(Path(f"a{suffix}")) else ".png"
        name = path.relative_to(self._root).with_suffix(suffix)
        target = self._scratch / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(bytes_)
        return target, filename(target, self._scratch)

    def _check_size(self, document: Any, size: tuple[int, int], where: str) -> None:
        claimed = (document.get("imageWidth"), document.get("imageHeight"))
        if None not in claimed and claimed != size:
            raise Invalid(
                f"{where}: the picture was {claimed[0]}x{claimed[1]} pixels when it was labelled,"
                f" the file has {size[0]}x{size[1]}",
                fix="put the picture there that was labelled",
            )


def _home(file: LabelledFile) -> str:
    """Where a picture goes: where it is, when a folder of its name already says its split."""
    told = split_of(*file.filename.split("/")[:-1]) == file.split
    return file.filename if told or file.split is None else f"{file.split}/{file.filename}"


def _straight(path: Path) -> str:
    """A path without `..`."""
    parts: list[str] = []
    for part in path.parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def _documents(root: Path) -> Iterator[Path]:
    for path in walk(root, ".json") if root.is_dir() else ():
        if path.is_file() and _is_labelme(path):
            yield path


def _is_labelme(path: Path) -> bool:
    """The keys say so, wherever they are; imageData may come first and be long."""
    with path.open("rb") as file:
        head = file.read(PEEK)
        if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
            return False
        if b'"shapes"' not in head and b'"imageData"' in head:
            head += file.read()
    more = (b'"imagePath"', b'"version"', b'"flags"')
    return b'"shapes"' in head and any(key in head for key in more)


def _document(file: LabelledFile, found: Annotation, classes: tuple[str, ...]) -> dict[str, Any]:
    named = dict.fromkeys([*found.classes, *(classes if found.classes else ())])
    return {
        "version": "5.5.0",
        "flags": {name: name in found.classes for name in named},
        "shapes": write_shapes(found.objects),
        "imagePath": file.filename.rpartition("/")[2],
        "imageData": None,
        "imageHeight": file.height,
        "imageWidth": file.width,
    }


plugin = Plugin("format", "labelme", LabelmeConfig, LabelmeFormat)
