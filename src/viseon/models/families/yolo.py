"""YOLOv5 to v13 and v26, as their exporters write them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from viseon.models.families.contract import Match, Seen, strides_of
from viseon.schema import Task

_POSE = (17, 3)
"""The COCO joints, each with x, y, score."""


@dataclass(frozen=True, slots=True)
class _Tail:
    """What follows the class scores."""

    task: Task
    because: str
    masks: int = 0
    keypoints: tuple[int, ...] = ()
    rotated: bool = False
    transposed: bool = False

    @property
    def width(self) -> int:
        points = self.keypoints[0] * self.keypoints[1] if self.keypoints else 0
        return self.masks + points + self.rotated

    @property
    def options(self) -> dict[str, Any]:
        said: dict[str, Any] = {}
        if self.masks:
            said["masks"] = self.masks
        if self.keypoints:
            said["keypoints"] = list(self.keypoints)
        if self.rotated:
            said["rotated"] = True
        if self.transposed:
            said["transposed"] = True
        return said


def yolov8(seen: Seen) -> Match | None:
    """A column per grid cell: 4 + classes + what the task adds. v8, v9, v11, v12, v13."""
    head = _head(seen)
    if head is None:
        return None
    name, array, protos = head
    transposed = False
    strides = strides_of(seen, array.shape[2])
    channels = array.shape[1]
    if strides is None:
        # Some exporters turn the axes. Only the class names can then tell it from YOLOX.
        strides, channels, transposed = strides_of(seen, array.shape[1]), array.shape[2], True
        if strides is None or channels != 4 + len(seen.classes):
            return None
    tail = _tail(seen, channels - 4, protos)
    classes = channels - 4 - tail.width
    if classes < 1:
        return None
    because = (
        f"output {name} has {'a row' if transposed else 'a column'} for each cell of strides "
        f"{', '.join(map(str, strides))}: 4 + {classes} classes{tail.because}"
    )
    tail = replace(tail, transposed=transposed)
    return _match(("YOLOv8-like", "yolov8"), (name, protos), because, tail, classes)


def yolov5(seen: Seen) -> Match | None:
    """Three rows per grid cell: 4 + objectness + classes + mask coefficients. v5, v7."""
    head = _head(seen)
    if head is None:
        return None
    name, array, protos = head
    strides = strides_of(seen, array.shape[1], anchors=3)
    masks = _prototypes(seen, protos)
    classes = array.shape[2] - 5 - masks
    if strides is None or classes < 1:
        return None
    tail = _Tail(Task.SEGMENT if masks else Task.DETECT, "", masks=masks)
    because = (
        f"output {name} has {array.shape[1]} rows, three anchors per cell of strides "
        f"{', '.join(map(str, strides))}, of 5 + {classes} classes"
        + (f" + {masks} mask coefficients" if masks else "")
    )
    return _match(("YOLOv5-like", "yolov5"), (name, protos), because, tail, classes)


def yolov10(seen: Seen) -> Match | None:
    """A short list of finished rows: box, score, class and what the task adds. v10, v26."""
    head = _head(seen)
    if head is None:
        return None
    name, array, protos = head
    extra = array.shape[2] - 6
    if array.shape[1] > 1000 or extra < 0 or strides_of(seen, array.shape[1]):
        return None
    masks = _prototypes(seen, protos)
    known = {
        0: _Tail(Task.DETECT, ""),
        1: _Tail(Task.OBB, " and an angle", rotated=True),
        _POSE[0] * _POSE[1]: _Tail(Task.POSE, " and 17 joints", keypoints=_POSE),
    }
    if masks:
        known = {masks: _Tail(Task.SEGMENT, f" and {masks} mask coefficients", masks=masks)}
    elif points := _told_keypoints(seen.metadata):
        known[points[0] * points[1]] = _Tail(
            Task.POSE, f" and {points[0]} points", keypoints=points
        )
    tail = known.get(extra)
    if tail is None:
        return None
    because = (
        f"output {name} has {array.shape[1]} rows of box, score, class{tail.because}: "
        "suppression happened inside the graph"
    )
    return _match(("end-to-end YOLO", "yolov10"), (name, protos), because, tail, 0)


def _match(
    kind: tuple[str, str],
    outputs: tuple[str, str | None],
    because: str,
    tail: _Tail,
    classes: int,
) -> Match:
    used = outputs if tail.masks else outputs[:1]
    return Match(
        family=kind[0],
        decoder=kind[1],
        outputs=tuple(name for name in used if name is not None),
        because=because,
        task=tail.task,
        options=tail.options,
        classes=classes,
    )


def _head(seen: Seen) -> tuple[str, NDArray[Any], str | None] | None:
    """The output of boxes, and the one of mask prototypes if there is one."""
    boxes = [(n, a) for n, a in seen.outputs.items() if a.ndim == 3]
    protos = [n for n, a in seen.outputs.items() if a.ndim == 4]
    if len(boxes) != 1 or len(protos) > 1 or len(seen.outputs) != 1 + len(protos):
        return None
    return *boxes[0], protos[0] if protos else None


def _prototypes(seen: Seen, protos: str | None) -> int:
    return int(seen.outputs[protos].shape[1]) if protos else 0


def _tail(seen: Seen, columns: int, protos: str | None) -> _Tail:
    """What the columns after the box hold besides class scores."""
    masks = _prototypes(seen, protos)
    if masks:
        return _Tail(Task.SEGMENT, f" + {masks} mask coefficients", masks=masks)
    if seen.task:
        return _told(seen)
    spare = columns - len(seen.classes)
    if seen.classes and spare == 1:
        return _Tail(Task.OBB, " + an angle (one column more than class names)", rotated=True)
    if (seen.classes and spare == _POSE[0] * _POSE[1]) or (not seen.classes and columns == 52):
        return _Tail(Task.POSE, " + 17 joints of x, y, score", keypoints=_POSE)
    return _Tail(Task.DETECT, "")


def _told(seen: Seen) -> _Tail:
    """The exporter wrote the task into the file."""
    if seen.task == "pose":
        points = _told_keypoints(seen.metadata) or _POSE
        return _Tail(Task.POSE, f" + {points[0]} points (metadata: pose)", keypoints=points)
    if seen.task == "obb":
        return _Tail(Task.OBB, " + an angle (metadata: obb)", rotated=True)
    return _Tail(Task.DETECT, f" (metadata: {seen.task})")


def _told_keypoints(metadata: Mapping[str, str]) -> tuple[int, ...]:
    """Ultralytics writes `kpt_shape` as `[17, 3]`."""
    text = metadata.get("kpt_shape", "")
    digits = "".join(c if c.isdigit() else " " for c in text).split()
    numbers = tuple(int(d) for d in digits)
    return numbers if len(numbers) == 2 and numbers[1] in (2, 3) else ()
