"""Where somebody is at any moment: a walk along straight stretches, with pauses."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

from viseon.scene.chance import Chance
from viseon.scene.figure import STANDING, STEPS, Look, View
from viseon.scene.street import DOOR, HORIZON_Y, WALL_Y, WIDTH

FINE = 64
"""Positions are in 1/64 of the scene's units, so that slow people move smoothly."""
_STRIDE_MM = 1400
_DEPTH = 2450
"""Focal length times camera height: turns heights on the picture into depths on the ground."""
LANES = (272, 326)
"""Where people walk along the street, in the scene's units."""
EDGE = 60
"""How far outside the picture walks begin and end."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A place on the way and how long somebody stays there."""

    x: int
    y: int
    pause_ms: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is: the point between the feet (1/64 units), which side shows, which step."""

    x: int
    y: int
    view: View
    step: int


def tall(y: int, stature: int) -> int:
    """Height on the picture in 1/64 units of somebody whose feet are at `y` (1/64 units)."""
    return (y - HORIZON_Y * FINE) * stature // 700


class Walk:
    """Stretches between stops at a steady speed on the ground."""

    def __init__(self, stops: Sequence[Stop], *, speed: int) -> None:
        """`speed` in millimetres per second."""
        self.stops = tuple(stops)
        self._arrive, self._leave, self._mm = [0], [stops[0].pause_ms], [0]
        for a, b in zip(stops, stops[1:], strict=False):
            mm = _millimetres(a, b)
            self._mm.append(self._mm[-1] + mm)
            self._arrive.append(self._leave[-1] + max(1, mm * 1000 // speed))
            self._leave.append(self._arrive[-1] + b.pause_ms)
        self.length_ms = self._leave[-1]

    def at_stop(self, number: int) -> int:
        """When the stop is reached, in milliseconds after setting out."""
        return self._arrive[number]

    def at(self, t_us: int) -> Place | None:
        """The place at a moment (microseconds after setting out); None before and after."""
        if not 0 <= t_us < self.length_ms * 1000:
            return None
        i = bisect_right(self._leave, t_us // 1000)
        i = min(i, len(self.stops) - 1)
        a, b = self.stops[max(0, i - 1)], self.stops[i]
        if t_us >= self._arrive[i] * 1000:
            return Place(b.x * FINE, b.y * FINE, "back", STANDING)
        since = t_us - self._leave[i - 1] * 1000
        whole = (self._arrive[i] - self._leave[i - 1]) * 1000
        x = a.x * FINE + (b.x - a.x) * FINE * since // whole
        y = a.y * FINE + (b.y - a.y) * FINE * since // whole
        mm = self._mm[i - 1] + (self._mm[i] - self._mm[i - 1]) * since // whole
        return Place(x, y, _view(a, b), mm * STEPS // _STRIDE_MM % STEPS)


def _millimetres(a: Stop, b: Stop) -> int:
    """The way on the ground (pinhole camera above a plane)."""
    far, near = _DEPTH * 1000 // (a.y - HORIZON_Y), _DEPTH * 1000 // (b.y - HORIZON_Y)
    across = 5000 * (b.x - a.x) * 2 // (a.y + b.y - 2 * HORIZON_Y)
    return isqrt((far - near) ** 2 + across**2)


def _view(a: Stop, b: Stop) -> View:
    dx, dy = b.x - a.x, b.y - a.y
    if abs(dx) >= abs(dy):
        return "right" if dx > 0 else "left"
    return "front" if dy > 0 else "back"


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Somebody with a look, a walk and a moment to set out."""

    id: int
    look: Look
    stature: int
    """Height relative to the others; 240 is the middle."""
    walk: Walk
    start_us: int

    @property
    def end_us(self) -> int:
        """When the person is gone."""
        return self.start_us + self.walk.length_ms * 1000

    def at(self, t_us: int) -> Place | None:
        """Where the person is; None when not in the scene."""
        return self.walk.at(t_us - self.start_us)


def _side(chance: Chance) -> int:
    return chance.pick((-1, 1))


def _outside(side: int) -> int:
    return -EDGE if side < 0 else WIDTH + EDGE


def enters(chance: Chance) -> tuple[list[Stop], int]:
    """Comes along the street, goes through the door and vanishes behind the wall."""
    side, inside = _side(chance), _side(chance)
    lane = chance.between(*LANES)
    x = WIDTH // 2 + chance.between(-14, 14)
    turn = WIDTH // 2 + side * chance.between(105, 140)
    end = chance.between(176, 186)
    stops = [
        Stop(_outside(side), lane),
        Stop(turn, chance.between(272, 292)),
        Stop(x + side * 10, 238),
        Stop(x, 220),
        Stop(x, end),
        Stop((DOOR[0] - 40) if inside < 0 else (DOOR[2] + 40), end),
    ]
    return stops, 3


def leaves(chance: Chance) -> tuple[list[Stop], int]:
    """Appears inside, comes out of the door and goes away along the street."""
    stops, gate = enters(chance)
    return stops[::-1], len(stops) - 1 - gate


def passes(chance: Chance) -> tuple[list[Stop], int]:
    """Walks by; the gate is the middle of the picture."""
    side = _side(chance)
    lane = chance.between(LANES[0] + 4, LANES[1])
    drift = chance.between(-6, 6)
    return [
        Stop(_outside(side), lane),
        Stop(WIDTH // 2, lane),
        Stop(_outside(-side), min(LANES[1], max(LANES[0], lane + drift))),
    ], 1


def looks(chance: Chance) -> tuple[list[Stop], int]:
    """Stops at the shop window for a while, then goes on."""
    lane = chance.between(LANES[0], LANES[0] + 26)
    x = chance.between(80, 195)
    stay = chance.between(3500, 9000)
    stand = Stop(x, chance.between(228, 238), stay)
    back = chance.between(LANES[0], LANES[0] + 26)
    return [
        Stop(-EDGE, lane),
        Stop(x - chance.between(20, 40), lane),
        stand,
        Stop(x + chance.between(-25, 15), back),
        Stop(-EDGE, back),
    ], 2


def behind_wall(y: int) -> bool:
    """Whether somebody with the feet at `y` (1/64 units) is inside the shop."""
    return y < WALL_Y * FINE
