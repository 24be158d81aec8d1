"""The demo without a page: as fast as it goes, counted against the truth."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from viseon.app import House
from viseon.demo.shipped import STREAM, document
from viseon.demo.truth import Ledger, world_of
from viseon.schema import Event, Failed, Model, StreamState
from viseon.streams import Message, Status
from viseon.streams.config import StreamSpec

DWELL_WITHIN_S = 0.5
"""How far the mean length of visits may be from the true one: boxes wobble at the border."""
EVENTS, VIDEO = "events.jsonl", "overlay.mp4"
_NAME = f"{STREAM}-headless"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was counted."""

    what: str
    counted: str
    truth: str
    same: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the stream counted beside what happened."""

    rows: tuple[Row, ...]
    frames: int
    events: int

    @property
    def agrees(self) -> bool:
        """Whether everything was counted as it happened."""
        return all(row.same for row in self.rows)


def run_headless(
    house: House,
    model: Model,
    *,
    seconds: float,
    out: Path | None = None,
    say: Callable[[float, str], None] = lambda done, stage: None,  # noqa: ARG005
    stopped: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Watch the first `seconds` of the scene. With `out`: events as JSONL and an overlay MP4 there.

    Two runs give the same events, byte for byte. Raises Failed when the stream fails.
    """
    platform = house.platform()
    text = yaml.safe_dump(_document(model, seconds, out), sort_keys=False)
    stream = platform.streams.apply(
        document=text, filename="entrance.yaml", directory=str(out.absolute()) if out else ""
    )
    events: list[Event] = []

    def hear(message: Message) -> None:
        if isinstance(message, Event):
            events.append(message)
        elif isinstance(message, Status) and message.total:
            say(message.frames / message.total, f"{message.fps:.0f} frames/s")

    status = house.run_stream(stream, on_message=hear, stopped=stopped)
    platform.streams.remove(stream.name)
    if status.state is not StreamState.DONE:
        raise Failed(f"the demo's stream ended as {status.state.value}: {status.reason or 'early'}")
    spec = StreamSpec.model_validate(stream.document)
    return Outcome(_rows(spec, status, events), status.frames, len(events))


def _document(model: Model, seconds: float, out: Path | None) -> dict[str, Any]:
    """The demo's own document, as a recording that ends."""
    plain: dict[str, Any] = yaml.safe_load(document(model))
    source = plain["source"] | {"realtime": False, "live": False, "duration_s": float(seconds)}
    sinks = [*plain["sinks"]]
    if out is not None:
        sinks += [{"kind": "jsonl", "path": EVENTS}, {"kind": "video", "path": VIDEO}]
    return plain | {"stream": _NAME, "source": source, "sinks": sinks}


def _rows(spec: StreamSpec, status: Status, events: list[Event]) -> tuple[Row, ...]:
    truth = Ledger(spec).until(status.frames)
    rows = []
    for name, counts in truth.lines.items():
        for key in ("in", "out"):
            rows.append(_number(f"{name} {key}", status.counts[name][key], counts[key]))
    for name, counts in truth.zones.items():
        visits = counts["left"] + counts["inside"]  # the scene's end ends them
        rows.append(_number(f"{name} entered", status.counts[name]["entered"], counts["entered"]))
        rows.append(_number(f"{name} left", status.counts[name]["left"], visits))
        rows.append(_dwell(spec, name, status.frames, events))
    return tuple(rows)


def _number(what: str, counted: int, truth: int) -> Row:
    return Row(what, str(counted), str(truth), counted == truth)


def _dwell(spec: StreamSpec, zone: str, frames: int, events: list[Event]) -> Row:
    """How long visits lasted on average; the number of visits is a row of its own."""
    world = world_of(spec)
    true = [
        ((v.left or frames) - v.entered) / world.fps
        for v in world.visits(frames, spec.zones[zone].polygon)
    ]
    seen = [e.dwell_s or 0.0 for e in events if e.kind == "left" and e.where == zone]
    near = bool(seen) == bool(true) and abs(_mean(seen) - _mean(true)) <= DWELL_WITHIN_S
    what = f"{zone} dwell, mean (±{DWELL_WITHIN_S} s)"
    return Row(what, f"{_mean(seen):.1f} s", f"{_mean(true):.1f} s", near)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
