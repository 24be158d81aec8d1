"""COCO (https://cocodataset.org/#format-data): one JSON file per split, boxes as [x, y, w, h]."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from viseon.adapters.formats.coco_shapes import OWN, Shape, read_shape, write_shape
from viseon.adapters.formats.pictures import filename, inside, measure, place, split_of, those
from viseon.plugins import Plugin
from viseon.ports import Contents, LabelledFile
from viseon.schema import Annotation, Invalid, Noun, Object, Split

T = TypeVar("T")

PEEK = 1 << 16
"""Bytes of a JSON file that are enough to recognise it."""


class CocoConfig(Noun):
    """It takes no options."""


class CocoFormat:
    """`annotations/*.json` beside `images/`, or `<split>/_annotations.coco.json`."""

    def recognises(self, root: Path) -> bool:
        return bool(_documents(root))

    def read(self, root: Path) -> Contents:
        pictures: dict[Path, _Picture] = {}
        classes: dict[str, None] = {}
        documents = _documents(root)
        if not documents:
            raise Invalid(
                f"{root}: there is no COCO file here",
                fix="expected annotations/<name>.json with images, annotations and categories",
            )
        for path in documents:
            _Document(root, path).collect(pictures, classes)
        files = (p.file(root) for _, p in sorted(pictures.items()))
        return Contents(classes=tuple(classes), files=files)

    def write(self, root: Path, files: Iterator[LabelledFile], classes: tuple[str, ...]) -> None:
        documents: dict[Split | None, _Writer] = {}
        for file in files:
            place(file.path, root / "images" / file.filename)
            documents.setdefault(file.split, _Writer(classes)).add(file)
        folder = root / "annotations"
        folder.mkdir(parents=True, exist_ok=True)
        for split, writer in (documents or {None: _Writer(classes)}).items():
            path = folder / f"instances_{split or 'default'}.json"
            path.write_text(json.dumps(writer.document, ensure_ascii=False), encoding="utf-8")


@dataclass(slots=True)
class _Picture:
    path: Path
    size: tuple[int, int]
    split: Split | None
    objects: dict[str, Object] = field(default_factory=dict)
    """By the annotation's id in the file: files for several tasks describe the same objects."""
    classes: dict[str, None] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    annotated: bool = True
    reviewed: bool = True

    def said(self, image: dict[str, Any]) -> None:
        """What viseon writes about an image besides COCO's own fields."""
        more = image.get("metadata")
        self.metadata |= more if isinstance(more, dict) else {}
        self.annotated = image.get("annotated") is not False
        self.reviewed = image.get("reviewed") is not False

    def add(self, entry: dict[str, Any], name: str, shape: Shape) -> None:
        source = str(entry.get("id", f"#{len(self.objects)}"))
        known = self.objects.get(source)
        if known is not None and known.class_name == name:
            more = {k: v for k, v in shape.items() if v and k != "box"}
            self.objects[source] = Object.model_validate(known.model_dump() | more)
            return
        if known is not None:
            source = f"{source}#{len(self.objects)}"
        id = str(entry.get("object_id", len(self.objects) + 1))
        self.objects[source] = Object(id=id, class_name=name, **shape)

    def file(self, root: Path) -> LabelledFile:
        found: Annotation | None = Annotation(
            objects=tuple(self.objects.values()), classes=tuple(self.classes),
            reviewed=self.reviewed,
        )  # fmt: skip
        if not self.annotated and found == Annotation():
            found = None
        name = filename(self.path, root)
        return LabelledFile(self.path, name, found, self.split, *self.size, metadata=self.metadata)


class _Document:
    """One JSON file of the layout."""

    def __init__(self, root: Path, path: Path) -> None:
        self._root = root
        self._path = path
        self._name = path.relative_to(root).as_posix()
        stem = path.stem.rpartition("_")[2]
        self._subset = path.parent.name if path.name.startswith("_annotations") else stem
        self._split = split_of(self._subset)

    def collect(self, pictures: dict[Path, _Picture], classes: dict[str, None]) -> None:
        """Add what the file says to what the ones before it said."""
        document = self._load()
        names = self._categories(document)
        classes |= dict.fromkeys(names.values())
        by_id: dict[Any, _Picture] = {}
        for number, image in enumerate(document["images"], 1):
            if not isinstance(image.get("id"), int | str):
                raise self._wrong(f"image {number} has the id {image.get('id')!r}", "number it")
            path = self._find(image)
            known = pictures.get(path)
            if known is None:
                known = pictures[path] = _Picture(path, measure(path), self._split)
            known.said(image)
            by_id[image["id"]] = known
        for number, entry in enumerate(document.get("annotations", [])):
            picture = _found(by_id, entry.get("image_id"))
            if picture is None:
                raise self._wrong(
                    f"annotation {entry.get('id', number)} is for image {entry.get('image_id')!r},"
                    " which the file does not list",
                    "remove the annotation or add the image",
                )
            self._object(entry, names, picture)

    def _object(self, entry: dict[str, Any], names: dict[Any, str], picture: _Picture) -> None:
        name = _found(names, entry.get("category_id"))
        where = f"annotation {entry.get('id')} of {picture.path.name}"
        if name is None:
            raise self._wrong(
                f"{where} has category {entry.get('category_id')!r}, which the file does not list",
                "add it to categories",
            )
        try:
            shape = read_shape(entry)
            if shape is None:
                picture.classes[name] = None
            else:
                picture.add(entry, name, shape)
        except (TypeError, ValueError, KeyError, OverflowError, AttributeError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            given = f"bbox {entry['bbox']!r}: " if "bbox" in entry else ""
            raise self._wrong(
                f"{where}: {given}{why}",
                "boxes are [x, y, width, height] in pixels, wider and higher than 0; "
                "polygons are lists of x and y, masks have size and counts",
            ) from error

    def _load(self) -> dict[str, Any]:
        try:
            document = json.loads(self._path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise self._wrong(f"this is not JSON: {error}", "export it again") from error
        if not isinstance(document, dict) or not isinstance(document.get("images"), list):
            raise self._wrong("the list 'images' is missing", "export it again")
        for key in ("images", "annotations", "categories"):
            entries = document.get(key, [])
            if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
                raise self._wrong(f"{key!r} is not a list of objects", "export it again")
        return document

    def _categories(self, document: dict[str, Any]) -> dict[Any, str]:
        found = document.get("categories", [])
        try:
            return {c["id"]: str(c["name"]) for c in sorted(found, key=lambda c: c["id"])}
        except (KeyError, TypeError) as error:
            raise self._wrong("a category has no id or no name", "give it both") from error

    def _find(self, image: dict[str, Any]) -> Path:
        name = str(image.get("file_name", ""))
        here, images = self._path.parent, self._root / "images"
        folders = [here, images / self._subset, images, self._root / self._subset, self._root]
        for folder in folders:
            path = inside(folder, name)
            if path.is_file():
                return path
        fix = f"put it below {images}, or remove the image and its annotations"
        if self._root.name == "annotations" and (self._root.parent / "images").is_dir():
            fix = f"import the folder above: {self._root.parent}"
        raise self._wrong(
            f"image {image.get('id')!r} names the file {name!r}, which is not there", fix
        )

    def _wrong(self, message: str, fix: str) -> Invalid:
        return Invalid(f"{self._name}: {message}", fix=fix)


class _Writer:
    def __init__(self, classes: tuple[str, ...]) -> None:
        self._ids = {name: number for number, name in enumerate(classes, 1)}
        self.document: dict[str, list[dict[str, Any]]] = {
            "images": [],
            "annotations": [],
            "categories": [{"id": n, "name": name} for name, n in self._ids.items()],
        }

    def add(self, file: LabelledFile) -> None:
        """One image and its annotations."""
        images, annotations = self.document["images"], self.document["annotations"]
        image_id = len(images) + 1
        size = {"width": file.width, "height": file.height}
        said: dict[str, Any] = {"metadata": dict(file.metadata)} if file.metadata else {}
        if file.annotation is None:
            said["annotated"] = False
        elif not file.annotation.reviewed:
            said["reviewed"] = False
        images.append({"id": image_id, "file_name": file.filename, **size, **said})
        found = file.annotation or Annotation()
        for number, thing in enumerate(found.objects, 1):
            if taken := [name for name in OWN if name in thing.attributes]:
                raise Invalid(
                    f"{file.filename}: object {number} ({thing.class_name!r}) has an attribute"
                    f" {taken[0]!r}, which is a word of COCO's for something else",
                    fix="rename the attribute",
                )
            own = {"object_id": thing.id, "category_id": self._ids[thing.class_name]}
            annotations.append(
                {"id": len(annotations) + 1, "image_id": image_id, **own, **write_shape(thing)}
            )
        for name in found.classes:
            own = {"id": len(annotations) + 1, "image_id": image_id}
            annotations.append({**own, "category_id": self._ids[name]})


def _found(known: dict[Any, T], id: Any) -> T | None:
    """The one of that id; lists and the like are nobody's."""
    return known.get(id) if isinstance(id, int | str) else None


def _documents(root: Path) -> list[Path]:
    found = those(root, "*.json", "annotations/*.json", "*/_annot*.json")
    return [path for path in found if _is_coco(path)]


def _is_coco(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(PEEK)
    if not head.lstrip().startswith(b"{"):
        return False
    if any(word in head for word in (b'"images"', b'"annotations"', b'"categories"')):
        return True
    return path.parent.name == "annotations" and len(head) < PEEK and not _is_json(head)


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


plugin = Plugin("format", "coco", CocoConfig, lambda _: CocoFormat())
