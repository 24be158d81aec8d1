"""YOLO: one text file per picture, a line `class cx cy w h` per object, in fractions of it.

Layouts: `data.yaml` (https://docs.ultralytics.com/datasets/detect/) and darknet's `obj.data`,
`obj.names` (https://github.com/AlexeyAB/darknet#how-to-train-to-detect-your-custom-objects).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from viseon.adapters.formats.pictures import (
    filename,
    measured,
    pictures,
    place,
    split_of,
    walk,
)
from viseon.plugins import Plugin
from viseon.ports import Contents, LabelledFile
from viseon.schema import SPLITS, Annotation, Box, Invalid, Noun, Object, Split

_NAMES = ("obj.names", "classes.txt", "classes.names")
_ANYWHERE = {"images", "labels", "annotations", "obj_train_data", "data"}
"""Folders that say what a file is, not which picture it belongs to."""


class YoloConfig(Noun):
    """It takes no options."""


class YoloFormat:
    """Reads `data.yaml` and darknet layouts; writes `data.yaml` with a list of files per split."""

    def recognises(self, root: Path) -> bool:
        return root.is_dir() and (_described(root) is not None or _names_file(root) is not None)

    def read(self, root: Path) -> Contents:
        layout = _layout(root)
        labels = _labels(root)
        images = pictures(root)
        homes = {_key(path, root) for path in images}
        for key, path in labels.items():
            folders = {part.lower() for part in path.relative_to(root).parts[:-1]}
            if key not in homes and folders & _ANYWHERE:
                raise Invalid(
                    f"{path.relative_to(root)}: there is no picture for these labels",
                    fix="add the picture or remove the file",
                )
        files = (
            _file(root, path, size, labels.get(_key(path, root)), layout)
            for path, size in measured(images)
        )
        return Contents(classes=layout.classes, files=files)

    def write(self, root: Path, files: Iterator[LabelledFile], classes: tuple[str, ...]) -> None:
        lists: dict[Split | None, list[str]] = {}
        ids = {name: number for number, name in enumerate(classes)}
        for file in files:
            place(file.path, root / "images" / file.filename)
            lists.setdefault(file.split, []).append(f"./images/{file.filename}\n")
            if file.annotation is not None:
                path = (root / "labels" / file.filename).with_suffix(".txt")
                path.parent.mkdir(parents=True, exist_ok=True)
                lines = (_line(o, ids, file) for o in file.annotation.objects)
                path.write_text("".join(lines), encoding="utf-8")
        document: dict[str, Any] = {"path": "."}
        for split in SPLITS:
            if split in lists:
                document[split] = f"{split}.txt"
                (root / f"{split}.txt").write_text("".join(lists[split]), encoding="utf-8")
        document |= {"nc": len(classes), "names": dict(enumerate(classes))}
        root.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
        (root / "data.yaml").write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Layout:
    classes: tuple[str, ...]
    splits: dict[Path, Split]
    """Files and folders that a split lists."""

    def split(self, root: Path, path: Path) -> Split | None:
        for here in (path, *path.parents):
            if here in self.splits:
                return self.splits[here]
            if here == root:
                break
        return split_of(*(part.lower() for part in path.relative_to(root).parts[:-1]))


def _layout(root: Path) -> _Layout:
    described = _described(root)
    if described is not None:
        path, document = described
        base = root / str(document.get("path", "."))
        base = base if base.is_dir() else root
        listed = {s: document.get(s) for s in SPLITS}
        return _Layout(_yaml_names(path, document["names"]), _listed(root, base, listed))
    names = _names_file(root)
    if names is None:
        raise Invalid(
            f"{root}: the class names are missing", fix="add data.yaml, obj.names or classes.txt"
        )
    lines = (line.strip() for line in names.read_text(encoding="utf-8").splitlines())
    listed = {s: f"{s}.txt" for s in SPLITS if (root / f"{s}.txt").is_file()}
    return _Layout(tuple(line for line in lines if line), _listed(root, root, listed))


def _listed(root: Path, base: Path, given: dict[Split, Any]) -> dict[Path, Split]:
    found: dict[Path, Split] = {}
    for split, places in given.items():
        for name in [places] if isinstance(places, str) else places or []:
            path = _resolved(root, base, str(name))
            if path.suffix == ".txt" and path.is_file():
                for line in path.read_text(encoding="utf-8").splitlines():
                    if line.strip():
                        found[_resolved(root, path.parent, line.strip())] = split
            else:
                found[path] = split
    return found


def _resolved(root: Path, base: Path, name: str) -> Path:
    """A path in a list: relative to the list, or with a leading folder that is not there."""
    parts = [p for p in Path(name).parts if p not in (".", "/", "..")]
    for start in range(len(parts)):
        path = base.joinpath(*parts[start:])
        if path.exists():
            return path
    return root.joinpath(*parts)


def _yaml_names(path: Path, names: Any) -> tuple[str, ...]:
    if isinstance(names, dict):
        try:
            numbers = sorted(int(n) for n in names)
        except (TypeError, ValueError):
            numbers = []
        if numbers != list(range(len(names))):
            raise Invalid(f"{path.name}: names must be numbered 0, 1, 2, …", fix="number them so")
        by_number = {int(n): str(name) for n, name in names.items()}
        return tuple(by_number[n] for n in numbers)
    if isinstance(names, list):
        return tuple(map(str, names))
    raise Invalid(f"{path.name}: 'names' must be a list or a mapping", fix="names: [person, car]")


def _described(root: Path) -> tuple[Path, dict[str, Any]] | None:
    for path in sorted([*root.glob("*.yaml"), *root.glob("*.yml")]):
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            continue
        if isinstance(document, dict) and "names" in document:
            return path, document
    return None


def _names_file(root: Path) -> Path | None:
    return next((root / name for name in _NAMES if (root / name).is_file()), None)


def _key(path: Path, root: Path) -> tuple[str, ...]:
    """What a picture and its labels share."""
    parts = path.relative_to(root).with_suffix("").parts
    return tuple(p for p in parts[:-1] if p.lower() not in _ANYWHERE) + (parts[-1],)


def _labels(root: Path) -> dict[tuple[str, ...], Path]:
    lists = {*_NAMES, *(f"{s}.txt" for s in SPLITS)}
    found = (p for p in walk(root) if p.suffix == ".txt" and p.name not in lists)
    return {_key(path, root): path for path in found}


def _file(
    root: Path, path: Path, size: tuple[int, int], labels: Path | None, layout: _Layout
) -> LabelledFile:
    annotation = None if labels is None else _annotation(labels, root, layout.classes, size)
    split = layout.split(root, path)
    return LabelledFile(path, filename(path, root), annotation, split, *size)


def _annotation(
    path: Path, root: Path, classes: tuple[str, ...], size: tuple[int, int]
) -> Annotation:
    objects: list[Object] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            where = f"{path.relative_to(root)}, line {number}"
            objects.append(_object(str(len(objects) + 1), line.split(), classes, size, where))
    return Annotation(objects=tuple(objects))


def _object(
    id: str, words: list[str], classes: tuple[str, ...], size: tuple[int, int], where: str
) -> Object:
    try:
        class_id, (cx, cy, w, h) = int(words[0]), map(float, words[1:])
    except ValueError:
        raise Invalid(
            f"{where}: {' '.join(words)!r} is not `class cx cy w h`",
            fix="a class number and four fractions of the picture",
        ) from None
    if not 0 <= class_id < len(classes):
        raise Invalid(
            f"{where}: class {class_id} has no name; there are {len(classes)}",
            fix="add it to the names, or correct the number",
        )
    if not all(-1 <= v <= 2 for v in (cx, cy, w, h)) or min(w, h) <= 0:
        raise Invalid(
            f"{where}: {' '.join(words)!r} is not within the picture",
            fix="values are fractions of width and height, from 0 to 1",
        )
    width, height = size
    box: Box = (
        (cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height,
    )  # fmt: skip
    return Object(id=id, class_name=classes[class_id], box=box)


def _line(thing: Object, ids: dict[str, int], file: LabelledFile) -> str:
    x1, y1, x2, y2 = thing.box
    numbers = (
        (x1 + x2) / 2 / file.width, (y1 + y2) / 2 / file.height,
        (x2 - x1) / file.width, (y2 - y1) / file.height,
    )  # fmt: skip
    return f"{ids[thing.class_name]} " + " ".join(f"{n:.12g}" for n in numbers) + "\n"


plugin = Plugin("format", "yolo", YoloConfig, lambda _: YoloFormat())
