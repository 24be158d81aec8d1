"""Classification folders: `<split>/<class>/<picture>`, as torchvision lays them out."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from viseon.adapters.formats.pictures import (
    beside,
    filename,
    inside,
    is_picture,
    measured,
    pictures,
    place,
    split_of,
    walk,
)
from viseon.plugins import Plugin
from viseon.ports import Contents, LabelledFile
from viseon.schema import Annotation, Invalid, Noun

_NOT_CLASSES = {"images", "labels", "img1", "masks", "jpegimages"}
"""Folders that other layouts put below a split."""


class ClassesConfig(Noun):
    """It takes no options."""


class ClassesFormat:
    """The folder below the split is the class of the whole picture; names keep both folders."""

    def recognises(self, root: Path) -> bool:
        if not root.is_dir() or beside(root, lambda _: True):
            return False
        found = False
        for path in walk(root):
            parts = path.relative_to(root).parts
            if len(parts) < 3 or not split_of(parts[0]) or parts[1].lower() in _NOT_CLASSES:
                return False
            if not is_picture(path):
                return False
            found = True
        return found

    def read(self, root: Path) -> Contents:
        found = pictures(root)
        for path in found:
            parts = path.relative_to(root).parts
            if len(parts) < 3 or split_of(parts[0]) is None:
                raise Invalid(
                    f"{path.relative_to(root)}: it lies in no class of a split",
                    fix="move it to train/<class>/, val/<class>/ or test/<class>/",
                )
        return Contents(classes=tuple(sorted(_class_names(root))), files=_files(root, found))

    def write(self, root: Path, files: Iterator[LabelledFile], classes: tuple[str, ...]) -> None:
        for name in classes:
            inside(root / "train", _folder(name)).mkdir(parents=True, exist_ok=True)
        for file in files:
            shown = file.annotation.classes if file.annotation else ()
            objects = file.annotation.objects if file.annotation else ()
            if len(shown) != 1 or objects or file.split is None:
                raise Invalid(
                    f"{file.filename}: it has {len(shown)} classes, {len(objects)} objects and the"
                    f" split {file.split}; a classification folder holds one class and one split",
                    fix="give it one class and a split, or choose another format",
                )
            if file.annotation and not file.annotation.reviewed:
                raise Invalid(
                    f"{file.filename}: nobody has reviewed its class, which a classification"
                    " folder cannot say",
                    fix="review it, or choose the format 'coco', which keeps everything",
                )
            place(file.path, root / _home(file.filename, file.split, _folder(shown[0])))


def _class_names(root: Path) -> set[str]:
    """The visible folders below the splits, empty ones too."""
    return {
        unicodedata.normalize("NFC", folder.name)
        for folder in root.glob("*/*")
        if split_of(folder.parent.name) and folder.is_dir() and not folder.name.startswith(".")
    }


def _folder(name: str) -> str:
    if not name or name.startswith(".") or "/" in name or "\\" in name:
        raise Invalid(f"the class {name!r} cannot be a folder", fix="rename it")
    if name.lower() in _NOT_CLASSES:
        raise Invalid(f"the class {name!r} is a folder of other layouts", fix="rename it")
    return name


def _home(own: str, split: str, name: str) -> str:
    """Where a picture goes: where it is, when its name already says its split and class."""
    parts = own.split("/")
    if len(parts) >= 3 and split_of(parts[0]) == split and parts[1] == name:
        return own
    return f"{split}/{name}/{own}"


def _files(root: Path, found: list[Path]) -> Iterator[LabelledFile]:
    for path, size in measured(found):
        name = filename(path, root)
        split, shown = name.split("/")[:2]
        yield LabelledFile(path, name, Annotation(classes=(shown,)), split_of(split), *size)


plugin = Plugin("format", "classes", ClassesConfig, lambda _: ClassesFormat())
