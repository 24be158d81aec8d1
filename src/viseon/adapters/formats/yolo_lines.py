"""One line of a YOLO label: a class number, then fractions of the picture's width and height.

| Task | Numbers after the class |
|---|---|
| detect | cx cy w h |
| segment | x y of three or more points; or cx cy w h |
| pose | cx cy w h, then x y or x y v of each keypoint |
| obb | x y of four corners |

https://docs.ultralytics.com/datasets/ describes each.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from viseon.adapters.formats.losses import Says
from viseon.adapters.formats.reading import described
from viseon.adapters.formats.shapes import (
    Fields,
    Point,
    box_is_implied,
    check_reach,
    joined,
    outlines,
    pairs,
    polygon_fields,
    quad_fields,
    rotated_corners,
)
from viseon.ports import LabelledFile
from viseon.schema import Box, Invalid, Object, Task

WORDS = {
    Task.DETECT: "class cx cy w h",
    Task.SEGMENT: "class x1 y1 x2 y2 x3 y3 …",
    Task.OBB: "class x1 y1 x2 y2 x3 y3 x4 y4",
}
_HIDDEN = 2.0


@dataclass(frozen=True, slots=True)
class Lines:
    """Reads and writes the lines of one task."""

    task: Task
    classes: tuple[str, ...]
    keypoints: tuple[int, int] | None = None
    """How many, and numbers of each: 2 or 3."""

    def object(self, id: str, words: list[str], size: tuple[int, int], where: str) -> Object:
        """What a line says. Raises Invalid that shows the line and its right shape."""
        try:
            class_id, numbers = _class_id(words[0]), [float(word) for word in words[1:]]
        except (ValueError, OverflowError):
            raise self._not_a_line(words, where) from None
        if not self._fits(len(numbers)):
            raise self._not_a_line(words, where)
        if not 0 <= class_id < len(self.classes):
            raise Invalid(
                f"{where}: class {class_id} has no name; there are {len(self.classes)}",
                fix="add it to the names, or correct the number",
            )
        if not self._inside(numbers):
            raise Invalid(
                f"{where}: {' '.join(words)!r} is not within the picture",
                fix="values are fractions of width and height, from 0 to 1",
            )
        with described(where, f"`{self._words}`, in fractions of the picture"):
            name = self.classes[class_id]
            thing = Object(id=id, class_name=name, **self._shape(numbers, size))
            return check_reach(thing, size)

    def line(self, thing: Object, file: LabelledFile) -> str:
        """An object as a line; what it cannot say has been taken away before."""
        width, height = file.width, file.height
        class_id = self.classes.index(thing.class_name)
        spread = {Task.SEGMENT: self._outline, Task.OBB: _quad}.get(self.task)
        points = spread(thing) if spread else []
        flat = [n for x, y in points for n in (x / width, y / height)]
        if not flat:
            flat = _centred(thing.box, width, height)
        if self.task is Task.POSE:
            flat += self._keypoints(thing, width, height)
        return f"{class_id} " + " ".join(f"{n:.12g}" for n in flat) + "\n"

    @property
    def _words(self) -> str:
        if self.keypoints is None:
            return WORDS[self.task]
        each = "x y" if self.keypoints[1] == 2 else "x y v"
        return f"class cx cy w h {each} … of {self.keypoints[0]} keypoints"

    def _fits(self, count: int) -> bool:
        if self.task is Task.POSE and self.keypoints is not None:
            return count == 4 + self.keypoints[0] * self.keypoints[1]
        if self.task is Task.OBB:
            return count == 8
        return count == 4 or (self.task is Task.SEGMENT and count >= 6 and count % 2 == 0)

    def _inside(self, numbers: list[float]) -> bool:
        places = numbers[:4] if self.task is Task.POSE else numbers
        if not all(-1 <= n <= 2 for n in places):
            return False
        return len(places) != 4 or min(places[2:]) > 0

    def _shape(self, numbers: list[float], size: tuple[int, int]) -> Fields:
        width, height = size
        if self.task is Task.POSE:
            found = _points(numbers[4:], (self.keypoints or (0, 3))[1], size)
            if not any(number for point in found for number in point):
                found = ()  # nobody labelled any
            return {"box": _box(numbers[:4], size), "keypoints": found}
        if len(numbers) == 4:
            return {"box": _box(numbers, size)}
        points = [(x * width, y * height) for x, y in pairs(numbers)]
        return quad_fields(points) if self.task is Task.OBB else polygon_fields(points)

    def _not_a_line(self, words: list[str], where: str) -> Invalid:
        shown = " ".join(words)
        return Invalid(
            f"{where}: {shown if len(shown) < 80 else shown[:77] + '…'!r} is not `{self._words}`",
            fix="a class number and fractions of the picture",
        )

    def _outline(self, thing: Object) -> list[Point]:
        return pairs(joined(thing.polygons)) if thing.polygons else []

    def _keypoints(self, thing: Object, width: int, height: int) -> Iterable[float]:
        count = (self.keypoints or (0, 3))[0]
        points = [*thing.keypoints, *[(0.0, 0.0, 0)] * (count - len(thing.keypoints))]
        return [n for x, y, v in points for n in (x / width, y / height, v)]


def expressed(says: Says, file: LabelledFile, thing: Object, drop: bool) -> Object | None:
    """An object as the task can say it: one outline, or four corners. None when it is left out.

    Raises Invalid for what would be lost, unless `drop`.
    """
    if "rotated" in says.fields:
        why = _not_four_corners(thing)
    else:
        why = _not_one_outline(thing) if "polygons" in says.fields else ""
    if why and not drop:
        raise says.refused(file, f"an object ({thing.class_name!r}) has {why}")
    if why and "rotated" in says.fields:
        return thing.model_copy(update={"polygons": ()}) if thing.rotated else None
    if why and thing.mask is not None:
        return thing.model_copy(update={"polygons": outlines(thing.mask), "mask": None})
    return thing


def _not_four_corners(thing: Object) -> str:
    if thing.rotated is None:
        return "no rotated box"
    quads = [quad_fields(pairs(p))["rotated"] for p in thing.polygons if len(p) == 8]
    alone = len(thing.polygons) == 1 and quads == [thing.rotated]
    return "" if alone or not thing.polygons else "a polygon beside its rotated box"


def _not_one_outline(thing: Object) -> str:
    if thing.mask is not None:
        return "a mask, not a polygon"
    if len(thing.polygons) > 1:
        return f"{len(thing.polygons)} polygons: one object in parts"
    return "" if box_is_implied(thing) else "a box that is not the one around its polygon"


def _class_id(word: str) -> int:
    number = float(word)
    if number != int(number):
        raise ValueError(word)
    return int(number)


def _box(numbers: list[float], size: tuple[int, int]) -> Box:
    (cx, cy, w, h), (width, height) = numbers, size
    return (
        (cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height,
    )  # fmt: skip


def _centred(box: Box, width: int, height: int) -> list[float]:
    x1, y1, x2, y2 = box
    return [
        (x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height,
    ]  # fmt: skip


def _points(
    numbers: list[float], each: int, size: tuple[int, int]
) -> tuple[tuple[float, float, int], ...]:
    """Keypoints; without a visibility, (0, 0) and what is negative count as not labelled."""
    found = []
    for at in range(0, len(numbers), each):
        x, y = numbers[at : at + 2]
        seen = numbers[at + 2] if each == 3 else _HIDDEN * (min(x, y) >= 0 and (x, y) != (0, 0))
        if seen not in (0, 1, 2):
            raise ValueError(f"keypoint {at // each + 1} has the visibility {seen:g}: 0, 1 or 2")
        if seen and not (-1 <= x <= 2 and -1 <= y <= 2):
            raise ValueError(f"keypoint {at // each + 1} is not within the picture")
        found.append((x * size[0], y * size[1], int(seen)))
    return tuple(found)


def _quad(thing: Object) -> list[Point]:
    if thing.polygons:
        return pairs(thing.polygons[0])
    return rotated_corners(thing.rotated) if thing.rotated else []
