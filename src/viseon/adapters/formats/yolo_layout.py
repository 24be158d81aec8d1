"""Where YOLO keeps what: class names, splits, pictures and their labels."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from viseon.adapters.formats.pictures import split_of, those, walk
from viseon.adapters.formats.reading import text_of
from viseon.schema import SPLITS, Invalid, Split, Task

_NAMES = ("obj.names", "classes.txt", "classes.names")
_ANYWHERE = {"images", "labels", "annotations", "obj_train_data", "data"}
"""Folders that say what a file is, not which picture it belongs to."""
_HINTS = {
    "obb": Task.OBB, "dota": Task.OBB, "dotav": Task.OBB,
    "seg": Task.SEGMENT, "segment": Task.SEGMENT, "segmentation": Task.SEGMENT,
}  # fmt: skip

Key = tuple[str, ...]
"""What a picture and its labels share."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the description of a dataset says."""

    classes: tuple[str, ...]
    splits: dict[Path, Split]
    """Files and folders that a split lists."""
    task: Task | None = None
    """None when nothing declares it."""
    keypoints: tuple[int, int] | None = None
    """How many, and numbers of each: 2 or 3."""
    hint: Task | None = None
    """What the names of things suggest."""

    def split(self, root: Path, path: Path) -> Split | None:
        """The split that lists the picture, or one of its folders."""
        for here in (path, *path.parents):
            if here in self.splits:
                return self.splits[here]
            if here == root:
                break
        return split_of(*(part.lower() for part in path.relative_to(root).parts[:-1]))


def described(root: Path) -> bool:
    """Whether there are class names here."""
    return root.is_dir() and (_document(root) is not None or _names_file(root) is not None)


def layout_of(root: Path) -> Layout:
    """What `data.yaml`, or darknet's files, say. Raises Invalid without class names."""
    path = _document(root)
    if path is not None:
        document = _loaded(path, root)
        base = root / str(document.get("path", "."))
        base = base if base.is_dir() and base.resolve().is_relative_to(root.resolve()) else root
        listed = {s: document.get(s) for s in SPLITS}
        listed["val"] = listed["val"] or document.get("valid")
        points = _kpt_shape(path, document)
        hint = _hint(path.stem, root.name, str(document.get("path", "")).rstrip("/"))
        return Layout(
            _yaml_names(path, document["names"]), _listed(root, base, listed),
            _declared(path, document, points), points, hint,
        )  # fmt: skip
    names = _names_file(root)
    if names is None:
        raise Invalid(
            f"{root}: the class names are missing", fix="add data.yaml, obj.names or classes.txt"
        )
    lines = (line.strip() for line in text_of(names, root).splitlines())
    listed = {s: f"{s}.txt" for s in SPLITS if (root / f"{s}.txt").is_file()}
    return Layout(
        tuple(line for line in lines if line), _listed(root, root, listed), hint=_hint(root.name)
    )


def labels_of(root: Path) -> dict[Key, Path]:
    """The label files. Raises Invalid when two speak about one picture."""
    lists = {*_NAMES, *(f"{s}.txt" for s in SPLITS)}
    found: dict[Key, Path] = {}
    for path in walk(root):
        if path.suffix != ".txt" or path.name in lists:
            continue
        other = found.setdefault(key_of(path, root), path)
        if other != path:
            raise Invalid(
                f"{path.relative_to(root)}: {other.relative_to(root)} labels the same picture",
                fix="keep one of them",
            )
    return found


def check_pictures(root: Path, labels: dict[Key, Path], there: set[Key]) -> None:
    """Raises Invalid for labels without a picture."""
    for key, path in labels.items():
        folders = {part.lower() for part in path.relative_to(root).parts[:-1]}
        if key not in there and folders & _ANYWHERE:
            raise Invalid(
                f"{path.relative_to(root)}: there is no picture for these labels",
                fix="add the picture or remove the file",
            )


def key_of(path: Path, root: Path) -> Key:
    """What a picture and its labels share, however their Unicode is composed."""
    parts = path.relative_to(root).with_suffix("").parts
    kept = tuple(p for p in parts[:-1] if p.lower() not in _ANYWHERE) + (parts[-1],)
    return tuple(unicodedata.normalize("NFC", p) for p in kept)


def _listed(root: Path, base: Path, given: dict[Split, Any]) -> dict[Path, Split]:
    found: dict[Path, Split] = {}
    for split, places in given.items():
        named = [places] if isinstance(places, str) else places or []
        if not isinstance(named, list) or not all(isinstance(n, str) for n in named):
            raise Invalid(
                f"{split} {places!r} is not a folder or file", fix=f"{split}: images/{split}"
            )
        for name in named:
            path = _resolved(root, base, name)
            if path.suffix == ".txt" and path.is_file():
                for line in text_of(path, root).splitlines():
                    if line.strip():
                        found[_resolved(root, path.parent, line.strip())] = split
            else:
                found[path] = split
    return found


def _resolved(root: Path, base: Path, name: str) -> Path:
    """A path in a list: relative to the list, or with a leading folder that is not there."""
    parts = [p for p in Path(name.replace("\\", "/")).parts if p not in (".", "/", "..")]
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


def _kpt_shape(path: Path, document: dict[str, Any]) -> tuple[int, int] | None:
    given = document.get("kpt_shape")
    if given is None:
        return None
    if (
        isinstance(given, list)
        and [type(n) for n in given] == [int, int]
        and given[0] > 0
        and given[1] in (2, 3)
    ):
        return given[0], given[1]
    raise Invalid(
        f"{path.name}: kpt_shape {given!r} is not a number of keypoints and 2 or 3 numbers of each",
        fix="kpt_shape: [17, 3]",
    )


def _declared(path: Path, document: dict[str, Any], points: tuple[int, int] | None) -> Task | None:
    given = document.get("task")
    if given is None:
        return Task.POSE if points else None
    if not isinstance(given, str) or given not in set(Task):
        raise Invalid(f"{path.name}: no task {given!r}", fix=f"task: {', '.join(Task)}")
    if given == Task.POSE and not points:
        raise Invalid(f"{path.name}: pose needs kpt_shape", fix="kpt_shape: [17, 3]")
    return Task(given)


def _hint(*names: str) -> Task | None:
    words = (word for name in names for word in re.findall("[a-z]+", name.lower()))
    return next((_HINTS[word] for word in words if word in _HINTS), None)


def _document(root: Path) -> Path | None:
    """The YAML file that has class names; one that cannot be read counts where it could have."""
    for path in those(root, "*.yaml", "*.yml"):
        data = path.read_bytes()
        try:
            document = yaml.safe_load(data.decode("utf-8-sig"))
        except (yaml.YAMLError, ValueError, RecursionError):
            if path.stem == "data" and b"names:" in data:
                return path
            continue
        if isinstance(document, dict) and "names" in document:
            return path
    return None


def _loaded(path: Path, root: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = yaml.safe_load(text_of(path, root))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Invalid(f"{path.name}: this is not YAML: {error}", fix="correct it") from error
    return document


def _names_file(root: Path) -> Path | None:
    return next((root / name for name in _NAMES if (root / name).is_file()), None)
