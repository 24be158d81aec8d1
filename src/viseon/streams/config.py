"""What a stream's YAML may say."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PositiveFloat, PositiveInt

from viseon.schema import Digest, EventKind, Model, Name, Noun, canonical_json, digest_of
from viseon.vision import Anchor

MODEL_REF = re.compile(r"^([a-z0-9][a-z0-9-]{0,62})@([a-z0-9][a-z0-9-]{0,62})$")


def _number(given: Any) -> Any:
    if isinstance(given, bool):
        raise ValueError(f"expected a number, not {str(given).lower()}")
    return given


Fraction = Annotated[float, BeforeValidator(_number), Field(ge=0, le=1)]
"""Of the frame's width or height; pixels are refused."""
Point = tuple[Fraction, Fraction]
Ring = Annotated[tuple[Point, ...], Field(min_length=3)]


class PluginUse(Noun):
    """A plugin by its `kind`, and that plugin's own options beside it."""

    model_config = ConfigDict(extra="allow")
    kind: Name

    @property
    def options(self) -> dict[str, Any]:
        """What is for the plugin."""
        return dict(self.model_extra or {})


class SourceUse(PluginUse):
    """Where frames come from."""

    realtime: bool = Field(
        default=False,
        description="Play a recording at the pace it was taken; otherwise as fast as it goes.",
    )


class BackendUse(PluginUse):
    """What runs the model; changes the speed, not the events."""

    kind: Name = "onnxruntime"


class TrackerUse(PluginUse):
    """What gives detections an identity."""

    kind: Name = "bytetrack"


class Detect(Noun):
    """How the detector looks."""

    score: Fraction | None = Field(
        default=None, description="Detections below it are dropped; the model's own if absent."
    )
    iou: Fraction | None = Field(
        default=None, description="Overlap above which the lesser box is dropped."
    )
    classes: tuple[str, ...] = Field(
        default=(), description="Class names to look for; all of the model's if empty."
    )
    every: PositiveInt = Field(
        default=1, description="Look at every n-th frame; the ones between are shown, not judged."
    )


class LineSpec(Noun):
    """A line to cross. Standing at `from` and looking to `to`, `in` is from left to right."""

    start: Point = Field(alias="from", description="[x, y] as fractions of the frame.")
    end: Point = Field(alias="to", description="[x, y] as fractions of the frame.")
    anchor: Anchor = Field(
        default="bottom_center", description="The point of the box that has to cross."
    )
    hysteresis: Fraction | None = Field(
        default=None,
        description="How far beyond the line counts as across, as a fraction of the frame's "
        "height; 3 pixels if absent.",
    )
    laps: bool = Field(
        default=False, description="Count a track again that walks round the line and re-enters."
    )


class ZoneSpec(Noun):
    """An area to be in."""

    polygon: Ring = Field(description="At least three [x, y], fractions of the frame.")
    holes: tuple[Ring, ...] = Field(default=(), description="Areas cut out of it.")
    anchor: Anchor = Field(
        default="bottom_center", description="The point of the box that has to be inside."
    )
    loiter_s: PositiveFloat | None = Field(
        default=None, description="Seconds inside after which `loitered` happens, once per visit."
    )
    settle_frames: PositiveInt = Field(
        default=2,
        description="Frames in a row that the point has to be on the other side of the border; "
        "more where boxes tremble.",
    )
    gone_s: PositiveFloat = Field(
        default=5.0, description="A track not seen for so long has left, when it was last seen."
    )


class RuleSpec(Noun):
    """What becomes an event."""

    when: EventKind
    line: str | None = None
    zone: str | None = None
    classes: tuple[str, ...] = Field(default=(), description="Only these; any if empty.")
    direction: Literal["in", "out"] | None = Field(
        default=None, description="Only this way across; both if absent."
    )


class SnapshotPolicy(Noun):
    """Whether the frame of an event is kept as JPEG."""

    events: bool = True
    quality: Annotated[int, Field(ge=1, le=100)] = 85


class StreamSpec(Noun):
    """One stream: where frames come from, what looks at them, what counts, where it goes."""

    stream: Name = Field(description="The stream's name.")
    source: SourceUse
    model: str = Field(description="A registered model: `name@number` or `name@tag`.")
    backend: BackendUse = BackendUse.model_validate({"kind": "onnxruntime"})
    detect: Detect = Detect()
    tracker: TrackerUse = TrackerUse()
    lines: dict[Name, LineSpec] = {}
    zones: dict[Name, ZoneSpec] = {}
    rules: tuple[RuleSpec, ...] = ()
    sinks: tuple[PluginUse, ...] = ()
    snapshot: SnapshotPolicy = SnapshotPolicy()

    def canonical(self) -> dict[str, Any]:
        """As plain JSON values with every default filled in."""
        return self.model_dump(mode="json", by_alias=True)

    def digest(self, model: Model) -> Digest:
        """What decides the events, and nothing else.

        In: the stream's name, the source and its options, the model's own digest, detect, tracker,
        lines, zones, rules. Out: sinks, snapshots, the backend and `realtime`, which change where
        events go or how fast they come, not which.
        """
        plain = self.canonical()
        for key in ("sinks", "snapshot", "backend"):
            del plain[key]
        del plain["source"]["realtime"]
        plain["model"] = model.digest
        return digest_of(canonical_json(plain))
