"""A street in front of a shop: any frame on demand, and the truth about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from viseon.scene import truth as counting
from viseon.scene.chance import Chance
from viseon.scene.figure import Look, View, stamp
from viseon.scene.paint import Clip, Pixels, Stamp, darken, overlap, stick
from viseon.scene.street import DOOR, HEIGHT, WIDTH, Style, Thing, background, things
from viseon.scene.truth import XY, Crossing, Truth, Visit
from viseon.scene.walk import (
    FINE,
    Person,
    Place,
    Stop,
    Walk,
    behind_wall,
    enters,
    leaves,
    looks,
    passes,
    tall,
)

LINE: tuple[XY, XY] = ((0.62, 0.61), (0.38, 0.61))
"""The door line as fractions of the frame: into the shop is `in`."""
ZONE: tuple[XY, ...] = ((0.09, 0.585), (0.34, 0.585), (0.34, 0.715), (0.09, 0.715))
"""The place before the shop window, as fractions of the frame."""

_DOOR, _PASSES, _LOOKS = range(3)
_LOOK_BEATS = 4
_SPAN_US = 1_000_000
_KINDS = 64
_LONGEST_US = 40_000_000
_SETTLE_US = 1_200_000
"""Nobody goes through the door this soon after the beginning, or twice this long before the end."""


@dataclass(frozen=True, slots=True)
class _Figure:
    """A person as drawn in one frame."""

    person: Person
    place: Place
    stamp: Stamp
    left: int
    top: int
    clip: Clip | None


class World:
    """The same seed gives the same pictures to the last bit, on any machine, in any order."""

    def __init__(
        self,
        seed: int = 1,
        duration_s: float | None = None,
        fps: float = 25,
        *,
        size: tuple[int, int] = (WIDTH, HEIGHT),
        people: int = 6,
        style: Style | None = None,
    ) -> None:
        """`size` is (width, height); `people` how many are about on average; no duration: no end.

        With a duration everybody who uses the door does so well before the end. Raises ValueError
        for an empty picture, or a rate, duration or number of people that is not positive.
        """
        _positive(fps=fps, duration_s=1 if duration_s is None else duration_s, people=people)
        _positive(width=size[0], height=size[1])
        self.seed = seed
        self.fps = fps
        self.width, self.height = size
        self.style = style or Style()
        self._milli_fps = max(1, round(fps * 1000))
        self.total = None if duration_s is None else max(1, round(duration_s * fps))
        self._end_us = None if self.total is None else self._moment(self.total)
        self._beat_us = 3_000_000 * max(5, people) // people if people < 5 else 3_000_000
        self._passers = max(20, (people - 4) * 42 + 20)
        self._person = lru_cache(maxsize=512)(self._somebody)
        self._around = lru_cache(maxsize=64)(self._about)

    def frame(self, index: int) -> Pixels:
        """BGR, height x width x 3, uint8. Raises IndexError outside the duration."""
        self._check(index)
        picture = background(self.width, self.height, self.style).copy()
        figures = self._figures(index)
        self._shadows(picture, figures)
        for drawn in self._by_depth(figures):
            if isinstance(drawn, Thing):
                drawn.onto(picture)
            else:
                stick(picture, drawn.stamp, drawn.left, drawn.top, drawn.clip)
        return picture

    def truth(self, index: int) -> Truth:
        """Everybody who shows in that frame, by id; somebody wholly outside it is left out."""
        self._check(index)
        figures = sorted(self._figures(index), key=lambda f: f.person.id)
        boxes = [_box(f, self.width, self.height) for f in figures]
        shown = [i for i, box in enumerate(boxes) if box is not None]
        visible = self._visible(figures)
        return Truth(
            index,
            np.array([boxes[i] for i in shown], np.float32).reshape(-1, 4),
            np.array([figures[i].person.id for i in shown], np.int64),
            np.array([visible[figures[i].person.id] for i in shown], np.float32),
        )

    def crossings(
        self, until: int, line: tuple[XY, XY] = LINE, *, since: int = 0
    ) -> Iterator[Crossing]:
        """Who goes over the line (fractions) in the frames from `since` to before `until`."""
        start, end = (self._pixels(p) for p in line)
        return counting.crossings(self._feet(since, until), start, end)

    def visits(self, until: int, zone: Sequence[XY] = ZONE, *, since: int = 0) -> list[Visit]:
        """Who is in the zone (fractions) and when, in the frames from `since` to before `until`."""
        return counting.visits(self._feet(since, until), [self._pixels(p) for p in zone])

    def _pixels(self, p: XY) -> XY:
        return p[0] * self.width, p[1] * self.height

    def _check(self, index: int) -> None:
        if index < 0 or (self.total is not None and index >= self.total):
            raise IndexError(f"frame {index}: the scene has frames 0 to {self.total}")

    def _feet(self, since: int, until: int) -> Iterator[Truth]:
        """Truth without the costly visibility."""
        for index in range(since, until):
            drawn = [(f.person.id, _box(f, self.width, self.height)) for f in self._figures(index)]
            shown = sorted((i, box) for i, box in drawn if box is not None)
            yield Truth(
                index,
                np.array([box for _, box in shown], np.float32).reshape(-1, 4),
                np.array([i for i, _ in shown], np.int64),
                np.ones(len(shown), np.float32),
            )

    def _moment(self, index: int) -> int:
        return index * 1_000_000_000 // self._milli_fps

    def _figures(self, index: int) -> list[_Figure]:
        now = self._moment(index)
        places = ((person, person.at(now)) for person in self._around(now // _SPAN_US))
        return [self._drawn(person, place) for person, place in places if place is not None]

    def _about(self, span: int) -> tuple[Person, ...]:
        """Everybody who is in the scene at some moment of a span."""
        begin, end = span * _SPAN_US, (span + 1) * _SPAN_US
        return tuple(
            person
            for kind, beats in ((_DOOR, 1), (_PASSES, 1), (_LOOKS, _LOOK_BEATS))
            for slot in range(
                (begin - _LONGEST_US) // (beats * self._beat_us),
                (end + _LONGEST_US) // (beats * self._beat_us) + 1,
            )
            for person in self._person(kind, slot)
            if person.start_us < end and person.end_us > begin
        )

    def _drawn(self, person: Person, place: Place) -> _Figure:
        height = max(2, tall(place.y, person.stature) * self.height // (HEIGHT * FINE))
        picture = stamp(person.look, place.view, place.step, height)
        x, y = place.x * self.width // (WIDTH * FINE), place.y * self.height // (HEIGHT * FINE)
        clip = None
        if behind_wall(place.y):
            clip = (DOOR[0] * self.width // WIDTH, DOOR[1] * self.height // HEIGHT,
                    DOOR[2] * self.width // WIDTH, self.height)  # fmt: skip
        return _Figure(person, place, picture, x - picture.size[0] // 2, y - picture.size[1], clip)

    def _by_depth(self, figures: list[_Figure]) -> list[_Figure | Thing]:
        standing = things(self.width, self.height) if self.style.things else ()
        everything: list[tuple[int, int, _Figure | Thing]] = [
            (f.place.y, f.person.id, f) for f in figures
        ]
        everything += [(t.ground * FINE, -1 - i, t) for i, t in enumerate(standing)]
        return [drawn for _, _, drawn in sorted(everything, key=lambda e: e[:2])]

    def _shadows(self, picture: Pixels, figures: list[_Figure]) -> None:
        for f in figures:
            if f.clip is None:
                w, h = f.stamp.size
                darken(
                    picture, (f.left + w // 2, f.top + h - 1), (h * 2 // 11, max(1, h // 26)), 50
                )

    def _visible(self, figures: list[_Figure]) -> dict[int, float]:
        owner = np.full((self.height, self.width), -1, np.int64)
        for drawn in self._by_depth(figures):
            if isinstance(drawn, Thing):
                w, h = drawn.stamp.size
                _own(owner, drawn.stamp, (drawn.foot[0] - w // 2, drawn.foot[1] - h), None, -1)
            else:
                _own(owner, drawn.stamp, (drawn.left, drawn.top), drawn.clip, drawn.person.id)
        ids, counts = np.unique(owner, return_counts=True)
        seen = dict(zip(ids.tolist(), counts.tolist(), strict=True))
        return {
            f.person.id: seen.get(f.person.id, 0) / max(1, int((f.stamp.alpha > 127).sum()))
            for f in figures
        }

    def _somebody(self, kind: int, slot: int) -> tuple[Person, ...]:
        """Who sets out in a slot; a pure function of the seed."""
        chance = Chance(self.seed, kind, slot + (1 << 20))
        if kind == _PASSES:
            return self._walkers_by(chance, slot)
        if kind == _LOOKS:
            if not chance.percent(85):
                return ()
            gate = slot * _LOOK_BEATS * self._beat_us + chance.below(2 * self._beat_us)
            return (self._made(chance, (kind, slot), looks(chance), gate),)
        gate = slot * self._beat_us + chance.between(-200_000, 200_000)
        action = chance.below(100)
        if action >= 82 or not self._door_open(gate):
            return ()
        route = enters(chance) if action < 45 else leaves(chance)
        return (self._made(chance, (kind, slot), route, gate),)

    def _door_open(self, gate: int) -> bool:
        late = self._end_us is not None and gate > self._end_us - 2 * _SETTLE_US
        return gate >= _SETTLE_US and not late

    def _walkers_by(self, chance: Chance, slot: int) -> tuple[Person, ...]:
        whole, part = divmod(self._passers, 100)
        count = whole + chance.percent(part)
        middle = slot * self._beat_us + self._beat_us // 2
        return tuple(
            self._made(
                chance,
                (_PASSES + 2 + n, slot),
                passes(chance),
                middle + chance.between(-150_000, 150_000),
            )
            for n in range(min(count, _KINDS - 4))
        )

    def _made(
        self, chance: Chance, key: tuple[int, int], route: tuple[list[Stop], int], gate_us: int
    ) -> Person:
        stops, gate = route
        walk = Walk(stops, speed=chance.between(1150, 1650))
        kind, slot = key
        start = gate_us - walk.at_stop(gate) * 1000
        number = (slot + 64) * _KINDS + kind
        return Person(number, Look.by(chance), chance.between(218, 256), walk, start)


def _positive(**numbers: float) -> None:
    for name, value in numbers.items():
        if not value > 0:
            raise ValueError(f"{name}: {value} must be greater than 0")


@lru_cache(maxsize=4096)
def _extent(look: Look, view: View, step: int, height: int) -> tuple[int, int, int]:
    """Left, right and top of the drawn pixels within the stamp."""
    solid = stamp(look, view, step, height).alpha > 127
    columns, rows = np.flatnonzero(solid.any(axis=0)), np.flatnonzero(solid.any(axis=1))
    return int(columns[0]), int(columns[-1]) + 1, int(rows[0])


def _box(f: _Figure, width: int, height: int) -> tuple[int, int, int, int] | None:
    look, place = f.person.look, f.place
    left, right, top = _extent(look, place.view, place.step, f.stamp.size[1])
    cx0, cy0, cx1, cy1 = f.clip or (0, 0, width, height)
    x0, y0 = max(cx0, 0, f.left + left), max(cy0, 0, f.top + top)
    x1, y1 = min(cx1, width, f.left + right), min(cy1, height, f.top + f.stamp.size[1])
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _own(
    owner: NDArray[np.int64], stamp_: Stamp, at: tuple[int, int], clip: Clip | None, who: int
) -> None:
    left, top = at
    x0, y0, x1, y1 = overlap(owner, stamp_, left, top, clip)
    if x0 < x1 and y0 < y1:
        solid = stamp_.alpha[y0 - top : y1 - top, x0 - left : x1 - left] > 127
        owner[y0:y1, x0:x1][solid] = who
