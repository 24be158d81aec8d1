"""YOLO: one text file per picture, a line per object; detect, segment, pose, obb and classify.

Layouts: `data.yaml` (https://docs.ultralytics.com/datasets/) and darknet's `obj.data`,
`obj.names` (https://github.com/AlexeyAB/darknet#how-to-train-to-detect-your-custom-objects).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field

from viseon.adapters.formats.classes import ClassesFormat
from viseon.adapters.formats.losses import Drops, Says
from viseon.adapters.formats.pictures import filename, measured, pictures, place
from viseon.adapters.formats.reading import text_of
from viseon.adapters.formats.yolo_layout import (
    Key,
    Layout,
    check_pictures,
    described,
    key_of,
    labels_of,
    layout_of,
)
from viseon.adapters.formats.yolo_lines import Lines, expressed
from viseon.plugins import Plugin
from viseon.ports import Contents, LabelledFile
from viseon.schema import SPLITS, Annotation, Invalid, Object, Split, Task

_QUAD_WORDS = 9
_SAYS: dict[Task, tuple[str, ...]] = {
    Task.DETECT: (),
    Task.SEGMENT: ("polygons", "mask"),
    Task.POSE: ("keypoints",),
    Task.OBB: ("rotated", "polygons"),
}


class YoloConfig(Drops):
    """Which task the labels are for, where neither they nor `data.yaml` say it."""

    task: Annotated[Task | None, Field(description="Found out by default.")] = None


class YoloFormat:
    """Reads `data.yaml` and darknet layouts; writes `data.yaml` with a list of files per split."""

    def __init__(self, config: YoloConfig) -> None:
        self._task = config.task
        self._drop = config.drop

    def recognises(self, root: Path) -> bool:
        if self._task is Task.CLASSIFY:
            return ClassesFormat().recognises(root)
        return described(root)

    def read(self, root: Path) -> Contents:
        if self._task is Task.CLASSIFY or (
            not described(root) and ClassesFormat().recognises(root)
        ):
            return ClassesFormat().read(root)
        layout = layout_of(root)
        labels = labels_of(root)
        images = pictures(root)
        check_pictures(root, labels, {key_of(path, root) for path in images})
        task = self._task or layout.task or _guessed(root, labels, layout)
        if task is Task.POSE and layout.keypoints is None:
            raise Invalid("data.yaml: pose needs kpt_shape", fix="kpt_shape: [17, 3]")
        lines = Lines(task, layout.classes, layout.keypoints if task is Task.POSE else None)
        files = (
            _file(root, path, size, labels.get(key_of(path, root)), lines, layout)
            for path, size in measured(images)
        )
        return Contents(classes=layout.classes, files=files, task=task)

    def write(self, root: Path, files: Iterator[LabelledFile], classes: tuple[str, ...]) -> None:
        known = list(files)
        task = self._task or _task_of(known)
        if task is Task.CLASSIFY:
            ClassesFormat().write(root, iter(known), classes)
            return
        says = Says(f"YOLO {task.value}", _SAYS[task], hint=_others(task))
        count = max((len(o.keypoints) for o in _objects(known)), default=0) or 1
        lines = Lines(task, classes, (count, 3) if task is Task.POSE else None)
        lists: dict[Split | None, list[str]] = {}
        for file in known:
            place(file.path, root / "images" / file.filename)
            lists.setdefault(file.split, []).append(f"./images/{file.filename}\n")
            found = says.fitted(file, drop=self._drop)
            if found is not None:
                _same_keypoints(says, file, count, drop=self._drop)
                path = (root / "labels" / file.filename).with_suffix(".txt")
                path.parent.mkdir(parents=True, exist_ok=True)
                told = (expressed(says, file, o, self._drop) for o in found.objects)
                text = "".join(lines.line(o, file) for o in told if o is not None)
                _once(path, text, file)
        _describe(root, lists, lines)


def _same_keypoints(says: Says, file: LabelledFile, count: int, *, drop: bool) -> None:
    """Raises Invalid where an object has some keypoints, but fewer than others."""
    for number, thing in enumerate(_objects([file]), 1):
        if says.fields == _SAYS[Task.POSE] and 0 < len(thing.keypoints) < count and not drop:
            few = f"object {number} has {len(thing.keypoints)} keypoints where others have {count}"
            raise says.refused(file, few)
        unlabelled = thing.keypoints and not any(n for point in thing.keypoints for n in point)
        if says.fields == _SAYS[Task.POSE] and unlabelled and not drop:
            raise says.refused(file, f"object {number} has keypoints, and none is labelled")


def _describe(root: Path, lists: dict[Split | None, list[str]], lines: Lines) -> None:
    document: dict[str, Any] = {"path": "."}
    for split in SPLITS:
        if split in lists:
            document[split] = f"{split}.txt"
            (root / f"{split}.txt").write_text("".join(lists[split]), encoding="utf-8")
    if lines.task is not Task.DETECT:
        document["task"] = lines.task.value
    if lines.keypoints is not None:
        document["kpt_shape"] = list(lines.keypoints)
    document |= {"nc": len(lines.classes), "names": dict(enumerate(lines.classes))}
    root.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    (root / "data.yaml").write_text(text, encoding="utf-8")


def _once(path: Path, text: str, file: LabelledFile) -> None:
    if path.exists():
        raise Invalid(
            f"{file.filename}: another picture differs only in its suffix, so both would have the"
            f" labels {path.name}",
            fix="rename one of them, or choose another format",
        )
    path.write_text(text, encoding="utf-8")


def _guessed(root: Path, labels: dict[Key, Path], layout: Layout) -> Task:
    """By how many words a line has. Raises Invalid where they could mean two things."""
    quad = ""
    for path in labels.values():
        for number, line in enumerate(text_of(path, root).splitlines(), 1):
            words = len(line.split())
            if words == _QUAD_WORDS:
                quad = quad or f"{path.relative_to(root)}, line {number}"
            elif words > _QUAD_WORDS - 3 and words % 2:
                return Task.SEGMENT
    if not quad:
        return Task.DETECT
    if layout.hint is not None:
        return layout.hint
    raise Invalid(
        f"{quad}: eight numbers are a rotated box or a polygon of four points, and nothing"
        " says which",
        fix="--format yolo-obb or --format yolo-segment, or write `task: obb` in data.yaml",
    )


def _task_of(files: list[LabelledFile]) -> Task:
    """What the content is for: the richest shape that any object has."""
    objects = list(_objects(files))
    if any(o.keypoints for o in objects):
        return Task.POSE
    if any(o.rotated for o in objects):
        return Task.OBB
    if any(o.polygons or o.mask for o in objects):
        return Task.SEGMENT
    shown = [f.annotation for f in files if f.annotation and f.annotation.classes]
    return Task.CLASSIFY if shown and not objects else Task.DETECT


def _objects(files: list[LabelledFile]) -> Iterable[Object]:
    return (thing for f in files if f.annotation for thing in f.annotation.objects)


def _others(task: Task) -> str:
    others = ", ".join(f"yolo-{t.value}" for t in _SAYS if t is not task)
    return f"{others} and coco keep other things"


def _file(
    root: Path, path: Path, size: tuple[int, int], labels: Path | None, lines: Lines,
    layout: Layout,
) -> LabelledFile:  # fmt: skip
    annotation = None if labels is None else _annotation(labels, root, lines, size)
    split = layout.split(root, path)
    return LabelledFile(path, filename(path, root), annotation, split, *size)


def _annotation(path: Path, root: Path, lines: Lines, size: tuple[int, int]) -> Annotation:
    objects: list[Object] = []
    for number, line in enumerate(text_of(path, root).splitlines(), 1):
        if line.strip():
            where = f"{path.relative_to(root)}, line {number}"
            objects.append(lines.object(str(len(objects) + 1), line.split(), size, where))
    return Annotation(objects=tuple(objects))


def _for(task: Task) -> "Plugin[Drops, YoloFormat]":
    """YOLO that is told its task, so that nothing is left to guess."""
    return Plugin(
        "format", f"yolo-{task.value}", Drops,
        lambda config: YoloFormat(YoloConfig(task=task, drop=config.drop)),
    )  # fmt: skip


plugin = Plugin("format", "yolo", YoloConfig, YoloFormat)
detect, segment, pose, obb, classify = map(_for, Task)
