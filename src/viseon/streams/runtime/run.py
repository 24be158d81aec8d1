"""Running one stream from its first frame to its last."""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from viseon import plugins
from viseon.inference import Detector
from viseon.ports import (
    BlobStore,
    Catalog,
    EventLog,
    Images,
    Moment,
    Preview,
    SinkContext,
    Source,
)
from viseon.schema import Busy, Invalid, Model, Stream, StreamState, Unavailable, ViseonError
from viseon.streams.bus import OnMessage, Status
from viseon.streams.config import PluginUse, StreamSpec
from viseon.streams.paths import resolved
from viseon.streams.runtime.analysis import lines_in_pixels, zones_in_pixels
from viseon.streams.runtime.evidence import Identity
from viseon.streams.runtime.outlets import Outlet, Outlets
from viseon.streams.runtime.pacing import paced, until
from viseon.streams.runtime.pipeline import Look, Pipeline
from viseon.streams.runtime.snapshots import Snapshots

log = logging.getLogger(__name__)
_STATUS_EVERY_S = 1.0

Make = Callable[..., Any]
"""(kind, use, promised…) → the plugin's own thing."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a stream needs of the installation, bound to its workspace."""

    catalog: Catalog
    blobs: BlobStore
    events: EventLog
    images: Images
    directory: Path
    """Where relative paths begin if the stream does not say."""
    preview: Preview | None = None
    within: tuple[Path, ...] = ()
    """Folders outside which no stream may read or write; anywhere if empty."""


def run_stream(
    parts: Parts,
    stream: Stream,
    *,
    on_message: OnMessage = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Status:
    """Run it until its source ends or `stopped` says so; how it went.

    Never raises: whatever goes wrong becomes a Status that says what and whether trying again may
    help. Tells `on_message` every event, once it is stored, and about every second a Status.
    """
    tally = _Tally(on_message)
    try:
        state = _run(parts, stream, tally, stopped)
    except ViseonError as error:
        again = isinstance(error, Unavailable | Busy)
        return tally.end(StreamState.FAILED, str(error), again=again)
    except Exception as error:  # noqa: BLE001  # the stream loop: a bug in one stream ends that one
        log.exception("stream.crashed", extra={"stream": stream.name})
        notes = "".join(f", {note}" for note in getattr(error, "__notes__", ()))
        reason = f"unexpected {type(error).__name__}: {error}{notes}"
        return tally.end(StreamState.FAILED, reason, again=True)
    return tally.end(state)


def _run(parts: Parts, stream: Stream, tally: "_Tally", stopped: Callable[[], bool]) -> StreamState:
    spec = StreamSpec.model_validate(stream.document)
    base = Path(stream.directory) if stream.directory else parts.directory
    make = partial(_made, base, parts.within)
    with ExitStack() as open_parts:
        model = _model(parts, stream)
        source: Source = make("source", spec.source)
        open_parts.callback(source.close)
        frames = until(source.frames(), stopped)
        first = next(frames, None)
        if first is None:
            return StreamState.STOPPED if stopped() else StreamState.DONE
        size = (first.pixels.shape[1], first.pixels.shape[0])
        look = open_parts.enter_context(_detector(parts, spec, model, make))
        identity = Identity(
            stream.name, stream.config, model.digest, model.signature.classes,
            source.started_at, size,
        )  # fmt: skip
        tracker = make("tracker", spec.tracker)
        pipeline = Pipeline(spec, identity, look, tracker)
        outlets = _outlets(parts, spec, _context(parts, spec, identity, source.fps), make)
        open_parts.callback(outlets.close)
        snapshots = Snapshots(spec, parts.images, parts.blobs)
        tally.start(source.total)
        every = chain([first], frames)
        for moment in pipeline.run(paced(every, stopped) if spec.source.realtime else every):
            _deliver(snapshots.take(moment), outlets, tally)
        if stopped():
            return StreamState.STOPPED
        if (last := pipeline.finish()) is not None:
            _deliver(snapshots.take(last), outlets, tally)
        outlets.close()
    return StreamState.DONE


def _deliver(moment: Moment, outlets: Outlets, tally: "_Tally") -> None:
    outlets.write(moment)
    tally.note(moment)


def _model(parts: Parts, stream: Stream) -> Model:
    """The very model that was applied, whatever its tag names by now."""
    name, _, number = stream.model.partition("@")
    with parts.catalog.read() as records:
        return records.get(Model, f"{name}@{int(number):08d}")


@contextmanager
def _detector(parts: Parts, spec: StreamSpec, model: Model, make: Make) -> Iterator[Look]:
    with tempfile.TemporaryDirectory(prefix="viseon-") as folder:
        path = Path(folder) / "model.onnx"
        with parts.blobs.open(model.onnx) as data, path.open("wb") as file:
            while block := data.read(1 << 20):
                file.write(block)
        backend = make("backend", spec.backend, path)
    try:
        detector = Detector(model.signature, backend, parts.images)
        asked = spec.detect
        classes = asked.classes or None
        yield lambda frames: detector(frames, score=asked.score, iou=asked.iou, classes=classes)
    finally:
        backend.close()


def _context(parts: Parts, spec: StreamSpec, identity: Identity, fps: float) -> SinkContext:
    return SinkContext(
        stream=identity.stream,
        class_names=identity.class_names,
        fps=fps,
        size=identity.size,
        lines=lines_in_pixels(spec, identity.size),
        zones=zones_in_pixels(spec, identity.size),
        events=parts.events,
        preview=parts.preview,
    )


def _outlets(parts: Parts, spec: StreamSpec, context: SinkContext, make: Make) -> Outlets:
    uses = [*spec.sinks, *([PluginUse(kind="live")] if parts.preview else [])]
    made: list[Outlet] = []
    try:
        made.extend(Outlet(_called(use), make("sink", use, context)) for use in uses)
    except ViseonError:
        Outlets(made).close()
        raise
    return Outlets(made)


def _called(use: PluginUse) -> str:
    path = use.options.get("path")
    return f"sink {use.kind!r} ({path})" if path else f"sink {use.kind!r}"


def _made(
    base: Path, within: Sequence[Path], kind: plugins.Kind, use: PluginUse, *promised: Any
) -> Any:
    """Build a plugin; its `Path` options begin at `base` and stay `within`."""
    plugin = plugins.find(kind, use.kind)
    options = resolved(plugin.options(use.options), base, within)
    try:
        return plugin.build(options, *promised)
    except OSError as error:
        raise Invalid(
            f"{kind} {use.kind!r}: {error.strerror or error}: {error.filename}",
            fix="check the path and who may write there",
        ) from error


class _Tally:
    """Counts, and says so about every second."""

    def __init__(self, on_message: OnMessage) -> None:
        self._say = on_message
        self._status = Status(state=StreamState.RUNNING)
        self._frames = self._events = 0
        self._said_s, self._said_frames = time.monotonic(), 0

    def start(self, total: int | None) -> None:
        self._update(total=total)
        self._say(self._status)

    def note(self, moment: Moment) -> None:
        self._frames += not moment.final
        self._events += len(moment.events)
        for event in moment.events:
            self._say(event)
        now_s = time.monotonic()
        passed_s = now_s - self._said_s
        if passed_s < _STATUS_EVERY_S and not moment.events and not moment.final:
            return
        fps = self._status.fps
        if passed_s >= _STATUS_EVERY_S:
            fps = round((self._frames - self._said_frames) / passed_s, 2)
            self._said_s, self._said_frames = now_s, self._frames
        self._update(frames=self._frames, events=self._events, fps=fps, counts=moment.counts)
        self._say(self._status)

    def end(self, state: StreamState, reason: str = "", *, again: bool = False) -> Status:
        self._update(
            state=state, reason=reason, again=again, frames=self._frames, events=self._events
        )
        self._say(self._status)
        return self._status

    def _update(self, **changes: Any) -> None:
        self._status = self._status.model_copy(update=changes)
