"""Lines, zones and rules over the tracks of one stream."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from viseon.ports import Region
from viseon.schema import EventKind
from viseon.streams.config import LineSpec, RuleSpec, StreamSpec, ZoneSpec
from viseon.vision import Anchor, Crossing, Line, Tracks, Zone, ZoneChange
from viseon.vision.line import Sample

Size = tuple[int, int]
Corner = tuple[float, float]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Happening:
    """Something at a line or zone, in pixels, before any rule has judged it."""

    kind: EventKind
    where: str
    anchor: Anchor
    direction: Literal["in", "out"] | None
    track_id: int
    class_id: int
    time_s: float
    point: Corner
    dwell_s: float | None
    before: Sample | None
    after: Sample | None

    @property
    def sighting(self) -> Sample:
        """The sighting that shows it."""
        seen = self.after or self.before
        if seen is None:
            raise ValueError(f"{self.kind} at {self.where} without a sighting")
        return seen


class Analysis:
    """Counts what happens at the lines and zones of one stream."""

    def __init__(self, spec: StreamSpec, size: Size) -> None:
        self._lines = {name: (one.anchor, _line(one, size)) for name, one in _sorted(spec.lines)}
        self._zones = {name: (one.anchor, _zone(one, size)) for name, one in _sorted(spec.zones)}

    def update(self, tracks: Tracks) -> list[Happening]:
        """What this frame decides: by line, then by zone, each by name and track id."""
        happened: list[Happening] = []
        for name, (anchor, line) in self._lines.items():
            happened += (_crossed(name, anchor, c) for c in line.update(tracks))
        for name, (anchor, zone) in self._zones.items():
            zone.update(tracks)
            happened += (_changed(name, anchor, c) for c in zone.changes)
        return happened

    def finish(self) -> list[Happening]:
        """What is decided by nothing more coming: pending crossings, visits that end here."""
        happened: list[Happening] = []
        for name, (anchor, line) in self._lines.items():
            happened += (_crossed(name, anchor, c) for c in line.flush())
        for name, (anchor, zone) in self._zones.items():
            happened += (_changed(name, anchor, c) for c in zone.flush())
        return happened

    def counts(self) -> dict[str, dict[str, int]]:
        """Per line `in` and `out`; per zone `inside` now, `entered` and `left` so far."""
        lines = {n: {"in": x.count_in, "out": x.count_out} for n, (_, x) in self._lines.items()}
        zones = {
            n: {"inside": zone.count, "entered": zone.entered, "left": zone.left}
            for n, (_, zone) in self._zones.items()
        }
        return lines | zones


class Rules:
    """Which happenings become events."""

    def __init__(self, rules: Sequence[RuleSpec], class_names: Sequence[str]) -> None:
        self._rules, self._class_names = rules, class_names

    def wants(self, happening: Happening) -> bool:
        """Whether any rule asks for it; two that do still make one event."""
        return any(self._fits(rule, happening) for rule in self._rules)

    def _fits(self, rule: RuleSpec, happening: Happening) -> bool:
        return (
            rule.when == happening.kind
            and happening.where in (rule.line, rule.zone)
            and rule.direction in (None, happening.direction)
            and (not rule.classes or self._class_names[happening.class_id] in rule.classes)
        )


def lines_in_pixels(spec: StreamSpec, size: Size) -> dict[str, tuple[Corner, Corner]]:
    """Start and end of each line."""
    return {n: (_pixels(one.start, size), _pixels(one.end, size)) for n, one in _sorted(spec.lines)}


def zones_in_pixels(spec: StreamSpec, size: Size) -> dict[str, Region]:
    """The outline of each zone."""
    return {name: _region(one, size) for name, one in _sorted(spec.zones)}


def _sorted(named: dict[str, T]) -> Iterable[tuple[str, T]]:
    """By name: the order in which a file is written must not order the events."""
    return sorted(named.items())


def _line(one: LineSpec, size: Size) -> Line:
    start, end = _pixels(one.start, size), _pixels(one.end, size)
    if one.hysteresis is None:
        return Line(start, end, anchor=one.anchor, laps=one.laps)
    off = one.hysteresis * size[1]
    return Line(start, end, anchor=one.anchor, laps=one.laps, hysteresis_px=off)


def _zone(one: ZoneSpec, size: Size) -> Zone:
    region = _region(one, size)
    return Zone(
        region.polygon,
        holes=region.holes,
        anchor=one.anchor,
        settle_frames=one.settle_frames,
        gone_s=one.gone_s,
        loiter_s=one.loiter_s,
    )


def _region(one: ZoneSpec, size: Size) -> Region:
    holes = tuple(tuple(_pixels(p, size) for p in hole) for hole in one.holes)
    return Region(tuple(_pixels(p, size) for p in one.polygon), holes)


def _pixels(point: Corner, size: Size) -> Corner:
    return point[0] * size[0], point[1] * size[1]


def _crossed(name: str, anchor: Anchor, c: Crossing) -> Happening:
    return Happening(
        "crossed", name, anchor, c.direction, c.track_id, c.class_id, c.time_s, c.point,
        None, c.before, c.after,
    )  # fmt: skip


def _changed(name: str, anchor: Anchor, c: ZoneChange) -> Happening:
    dwell_s = None if c.kind == "entered" else c.dwell_s
    return Happening(
        c.kind, name, anchor, None, c.track_id, c.class_id, c.time_s, c.point,
        dwell_s, c.before, c.after,
    )  # fmt: skip
