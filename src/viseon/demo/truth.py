"""What truly happened in a stream's scene, counted beside the stream."""

from viseon.scene import Visit, World
from viseon.schema import Noun
from viseon.streams.config import StreamSpec


class Truth(Noun):
    """What a stream that saw everything would have counted."""

    frames: int = 0
    lines: dict[str, dict[str, int]] = {}
    """Per line `in` and `out`."""
    zones: dict[str, dict[str, int]] = {}
    """Per zone `entered`, `left` and, now, `inside`."""


def world_of(spec: StreamSpec) -> World:
    """The scene that a stream looks at. Raises ValueError for any other source."""
    if spec.source.kind != "scene":
        raise ValueError(f"nobody knows the truth about a source of kind {spec.source.kind!r}")
    given = spec.source.options
    usual = World()
    return World(
        given.get("seed", 1),
        given.get("duration_s"),
        given.get("fps", usual.fps),
        size=(given.get("width") or usual.width, given.get("height") or usual.height),
        people=given.get("people", 6),
    )


class Ledger:
    """Counts on from where it stopped; going back in time starts it anew."""

    def __init__(self, spec: StreamSpec) -> None:
        self._spec = spec
        self._world = world_of(spec)
        self._truth = self._nothing()

    @property
    def truth(self) -> Truth:
        """As far as it was counted."""
        return self._truth

    def until(self, frames: int) -> Truth:
        """What happened before frame number `frames`; costs about a millisecond per new frame."""
        if frames < self._truth.frames:
            self._truth = self._nothing()
        if frames > self._truth.frames:
            self._truth = self._counted(frames)
        return self._truth

    def _nothing(self) -> Truth:
        return Truth(
            lines={name: {"in": 0, "out": 0} for name in self._spec.lines},
            zones={name: {"inside": 0, "entered": 0, "left": 0} for name in self._spec.zones},
        )

    def _counted(self, frames: int) -> Truth:
        since = max(0, self._truth.frames - 1)  # the last frame again: a step needs two
        lines = {name: dict(counts) for name, counts in self._truth.lines.items()}
        for name, line in self._spec.lines.items():
            for crossing in self._world.crossings(frames, (line.start, line.end), since=since):
                lines[name][crossing.direction] += 1
        zones = {}
        for name, zone in self._spec.zones.items():
            visits = self._world.visits(frames, zone.polygon, since=since)
            zones[name] = _added(self._truth.zones[name], visits, since, self._truth.frames)
        return Truth(frames=frames, lines=lines, zones=zones)


def _added(known: dict[str, int], visits: list[Visit], since: int, seen: int) -> dict[str, int]:
    """Who was inside in frame `since`, which was seen before, has been counted as entered."""
    new = sum(1 for v in visits if v.entered > since or seen == 0)
    return {
        "inside": sum(1 for v in visits if v.left is None),
        "entered": known["entered"] + new,
        "left": known["left"] + sum(1 for v in visits if v.left is not None),
    }
