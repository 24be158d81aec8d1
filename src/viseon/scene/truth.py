"""What really happens in a scene, as lines and zones would report it if detection were perfect."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

XY = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Everybody in one frame; columns of equal length.

    `xyxy` (n, 4) float32 pixels: the whole person, hidden parts too, but only what the picture and
    the door frame leave room for; `person` (n,) int64 ids that never repeat; `visible` (n,)
    float32: the share of the whole person's pixels that nothing covers.
    """

    index: int
    xyxy: NDArray[np.float32]
    person: NDArray[np.int64]
    visible: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.person)


@dataclass(frozen=True, slots=True)
class Crossing:
    """Somebody's bottom middle went over a line: `in` is from left to right of the arrow from the
    line's first point to its second, as seen on the screen."""

    frame: int
    person: int
    direction: Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody's bottom middle was in a zone from frame `entered` to the one before `left`."""

    person: int
    entered: int
    left: int | None
    """None if still there when the counting ended."""


def feet(truth: Truth) -> Iterator[tuple[int, XY]]:
    """Each person's id and bottom middle, pixels."""
    for person, box in zip(truth.person.tolist(), truth.xyxy.tolist(), strict=True):
        yield person, ((box[0] + box[2]) / 2, box[3])


def crossings(frames: Iterable[Truth], start: XY, end: XY) -> Iterator[Crossing]:
    """Who went over the segment from `start` to `end` (pixels), in order."""
    last: dict[int, XY] = {}
    for truth in frames:
        now = dict(feet(truth))
        for person, point in now.items():
            before = last.get(person)
            if before is not None and _meets(before, point, start, end):
                right = _turn(start, end, point) > 0
                yield Crossing(truth.index, person, "in" if right else "out")
        last = now


def visits(frames: Iterable[Truth], polygon: Sequence[XY]) -> list[Visit]:
    """Who was in the polygon (pixels) and when, by entry."""
    inside: dict[int, int] = {}
    done: list[Visit] = []
    for truth in frames:
        now = {person for person, point in feet(truth) if _within(point, polygon)}
        for person in sorted(now - inside.keys()):
            inside[person] = truth.index
        for person in sorted(inside.keys() - now):
            done.append(Visit(person, inside.pop(person), truth.index))
    done += [Visit(person, entered, None) for person, entered in inside.items()]
    return sorted(done, key=lambda v: (v.entered, v.person))


def _turn(a: XY, b: XY, p: XY) -> float:
    """Positive where `p` lies to the right of a → b on a picture (y down)."""
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def _meets(before: XY, now: XY, start: XY, end: XY) -> bool:
    """Whether the step goes over the segment; a point on the line belongs to its left side."""
    sides = _turn(start, end, before) > 0, _turn(start, end, now) > 0
    ends = _turn(before, now, start) > 0, _turn(before, now, end) > 0
    return sides[0] != sides[1] and ends[0] != ends[1]


def _within(p: XY, polygon: Sequence[XY]) -> bool:
    """Even-odd rule."""
    inside = False
    for a, b in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (a[1] <= p[1]) != (b[1] <= p[1]):
            x = a[0] + (p[1] - a[1]) * (b[0] - a[0]) / (b[1] - a[1])
            inside ^= p[0] < x
    return inside
