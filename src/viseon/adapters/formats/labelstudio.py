"""Label Studio's JSON export (https://labelstud.io/guide/export#JSON): a list of tasks.

`*.json` above the pictures, wherever these lie; `label_config.xml` orders the classes.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from pydantic import Field

from viseon.adapters.formats.labelstudio_pictures import Pictures
from viseon.adapters.formats.labelstudio_regions import read_result, unsayable, write_result
from viseon.adapters.formats.losses import EVERYTHING, Drops, Says
from viseon.adapters.formats.pictures import filename, measure, place, split_of, those
from viseon.adapters.formats.reading import described, json_of, xml_of
from viseon.plugins import Plugin
from viseon.ports import Contents, LabelledFile
from viseon.schema import Annotation, Invalid

PEEK = 1 << 16
_CONFIG = "label_config.xml"
_FIX = "correct it in Label Studio and export again"
_SAYS = Says("Label Studio", EVERYTHING, classes=True, unreviewed=True)
_REGIONS = ("RectangleLabels", "PolygonLabels", "BrushLabels", "EllipseLabels", "Labels")


class LabelstudioConfig(Drops):
    """`drop` also leaves out, when reading, what a dataset cannot hold, such as relations."""

    pick: Annotated[
        Literal["only", "first", "last"],
        Field(
            description="Which of several annotations of a task to take; `only` refuses several. "
            "The ground truth is taken in any case, and what was skipped never."
        ),
    ] = "only"


class LabelstudioFormat:
    """Annotations; where there is none, predictions, as not reviewed."""

    def __init__(self, config: LabelstudioConfig) -> None:
        self._drop = config.drop
        self._pick = config.pick

    def recognises(self, root: Path) -> bool:
        return bool(_documents(root))

    def read(self, root: Path) -> Contents:
        documents = _documents(root)
        if not documents:
            raise Invalid(f"{root}: there is no Label Studio file here", fix="export it as JSON")
        known = Pictures(root)
        files: dict[Path, LabelledFile] = {}
        for path in documents:
            for number, task in enumerate(_tasks(path, root), 1):
                shown = task.get("id", number) if isinstance(task, dict) else number
                where = f"{path.relative_to(root).as_posix()}: task {shown}"
                with described(where, _FIX):
                    file = self._file(task, known, where)
                if file.path in files:
                    raise Invalid(
                        f"{where}: another task has the picture {file.filename}",
                        fix="keep one of them",
                    )
                files[file.path] = file
        for path in known.paths:
            if path not in files:
                name = filename(path, root)
                split = split_of(*name.split("/")[:-1])
                files[path] = LabelledFile(path, name, None, split, *measure(path))
        found = [file for _, file in sorted(files.items())]
        return Contents(_classes(root, found), found)

    def _file(self, task: Any, known: Pictures, where: str) -> LabelledFile:
        data = task["data"]
        key, url = _picture(data, where)
        path = known.find(url, where)
        size = measure(path)
        label, more = None, {}
        found = task.get("annotations", task.get("completions")) or []
        reviewed = bool([a for a in found if not a.get("was_cancelled")])
        kind = "annotations" if reviewed else "predictions"
        chosen = self._one(found if reviewed else task.get("predictions") or [], kind, where)
        if chosen is not None:
            read = read_result(chosen.get("result") or [], size, where, drop=self._drop)
            label = Annotation(objects=read.objects, classes=read.classes, reviewed=reviewed)
            more = read.said
        name = filename(path, known.root)
        split = split_of(str(data.get("split", ""))) or split_of(*name.split("/")[:-1])
        said = {
            str(k): v for k, v in data.items()
            if k not in (key, "split") and isinstance(v, str | int | float | bool)
        }  # fmt: skip
        return LabelledFile(path, name, label, split, *size, metadata=said | more)

    def _one(self, given: list[Any], kind: str, where: str) -> Any | None:
        """The annotation to take. Raises Invalid where nothing says which."""
        left = [a for a in given if not a.get("was_cancelled")]
        left = [a for a in left if a.get("ground_truth")] or left
        if len(left) > 1 and self._pick == "only":
            ids = ", ".join(str(a.get("id", "?")) for a in left)
            raise Invalid(
                f"{where}: it has {len(left)} {kind} ({ids}), and none is the ground truth",
                fix="--set pick=last or pick=first, or mark one in Label Studio",
            )
        if not left:
            return None
        return left[0] if self._pick == "first" else left[-1]

    def write(self, root: Path, files: Iterator[LabelledFile], classes: tuple[str, ...]) -> None:
        root.mkdir(parents=True, exist_ok=True)
        tasks = []
        joints = 0
        for number, file in enumerate(files, 1):
            place(file.path, root / "images" / file.filename)
            found = _SAYS.fitted(file, drop=self._drop)
            for n, thing in enumerate(found.objects if found else (), 1):
                joints = max(joints, len(thing.keypoints))
                if (why := unsayable(thing)) and not self._drop:
                    raise _SAYS.refused(file, f"object {n} ({thing.class_name!r}) has {why}")
            tasks.append(_task(number, file, found))
        text = json.dumps(tasks, ensure_ascii=False, indent=1)
        (root / "tasks.json").write_text(text, encoding="utf-8")
        (root / _CONFIG).write_bytes(_config(classes, joints))


def _task(number: int, file: LabelledFile, found: Annotation | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        k: v for k, v in file.metadata.items() if isinstance(v, str | int | float | bool)
    }
    data["image"] = f"/data/local-files/?d=images/{quote(file.filename)}"
    if file.split:
        data["split"] = file.split
    task: dict[str, Any] = {"id": number, "data": data, "annotations": [], "predictions": []}
    if found is not None:
        result = write_result(found, (file.width, file.height))
        if found.reviewed:
            task["annotations"].append({"result": result, "was_cancelled": False})
        else:
            task["predictions"].append({"result": result, "model_version": "viseon"})
    return task


def _config(classes: tuple[str, ...], joints: int) -> bytes:
    """What a project needs to take the tasks in."""
    view = Element("View")
    SubElement(view, "Image", name="image", value="$image")
    names = (*classes, *(str(n) for n in range(1, joints + 1) if str(n) not in classes))
    for tag, name, values in (
        ("RectangleLabels", "box", classes),
        ("PolygonLabels", "polygon", classes),
        ("BrushLabels", "brush", classes),
        ("EllipseLabels", "ellipse", classes),
        ("KeyPointLabels", "keypoint", names),
        ("Choices", "classes", classes),
    ):
        control = SubElement(view, tag, name=name, toName="image")
        for value in values:
            SubElement(control, "Choice" if tag == "Choices" else "Label", value=value)
    view[-1].set("choice", "multiple")
    indent(view)
    text: bytes = tostring(view, "utf-8")
    return text


def _classes(root: Path, files: list[LabelledFile]) -> tuple[str, ...]:
    named: list[str] = []
    if (root / _CONFIG).is_file():
        view = xml_of(root / _CONFIG, root)
        for control in view.iter():
            whole = control.tag == "Choices" and control.get("perRegion") != "true"
            if whole or control.tag in _REGIONS:
                named += [v for e in control.iter() if (v := e.get("value")) and e is not control]
    labels = [f.annotation for f in files if f.annotation]
    used = {o.class_name for label in labels for o in label.objects}
    used |= {name for label in labels for name in label.classes}
    return tuple(dict.fromkeys([*named, *sorted(used)]))


def _picture(data: dict[str, Any], where: str) -> tuple[str, str]:
    """The field of a task that is its picture."""
    for key in ("image", "img", "picture", "captioning", "ocr"):
        if isinstance(data.get(key), str):
            return key, data[key]
    for key in ("video", "audio", "text", "images"):
        if key in data:
            raise Invalid(
                f"{where}: it is about {key}, not about one picture",
                fix="export a project whose tasks have an image each",
            )
    known = [k for k, v in data.items() if isinstance(v, str) and ("/" in v or "." in v)]
    if len(known) != 1:
        raise Invalid(
            f"{where}: nothing in its data ({', '.join(map(str, data))}) is a picture",
            fix="name the field `image`",
        )
    return known[0], data[known[0]]


def _tasks(path: Path, root: Path) -> list[Any]:
    document = json_of(path, root)
    if not isinstance(document, list):
        raise Invalid(f"{path.name}: this is not a list of tasks", fix="export it as JSON")
    for task in document:
        if isinstance(task, dict) and "data" not in task and "annotator" in task:
            raise Invalid(
                f"{path.name}: this is the export JSON-MIN, which leaves out whose label it is",
                fix="export it as JSON",
            )
    return document


def _documents(root: Path) -> list[Path]:
    return [path for path in those(root, "*.json") if _is_export(path)]


def _is_export(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(PEEK)
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
        return False
    whole = any(k in head for k in (b'"annotations"', b'"predictions"', b'"completions"'))
    return whole or (b'"annotator"' in head and b'"lead_time"' in head)


plugin = Plugin("format", "labelstudio", LabelstudioConfig, LabelstudioFormat)
