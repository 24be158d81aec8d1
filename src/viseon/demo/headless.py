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
"""How far a visit's measured length may be from the true one: the box wobbles at the border."""
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
    """Each visit's length beside the true one, in the order in which they ended."""
    world = world_of(spec)
    visits = world.visits(frames, spec.zones[zone].polygon)
    ends = sorted((v.left or frames, v.entered) for v in visits)
    true = [(left - entered) / world.fps for left, entered in ends]
    left = [e for e in events if e.kind == "left" and e.where == zone]
    seen = [e.dwell_s or 0.0 for e in sorted(left, key=lambda e: (e.time_s, e.id))]
    near = len(seen) == len(true) and all(
        abs(a - b) <= DWELL_WITHIN_S for a, b in zip(seen, true, strict=True)
    )
    return Row(f"{zone} dwell, mean", _mean(seen), _mean(true), near)


def _mean(values: list[float]) -> str:
    return f"{sum(values) / len(values):.1f} s" if values else "none"
