"""The contract of each kind of plugin, as a function a plugin's author can run.

    from viseon.testing import check_tracker
    check_tracker(plugin)

Each raises AssertionError that says which promise was broken.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseon.plugins import Plugin
from viseon.ports import Format, LabelledFile, Moment, Sink, SinkContext, Source, Tracker, Trainer
from viseon.schema import Invalid, Split, Task
from viseon.vision import Detections, Tracks

Options = Mapping[str, Any]


def check_options(plugin: Plugin[Any, Any]) -> None:
    """An option nobody knows is refused by name; the options have a JSON Schema."""
    try:
        plugin.options({"no_such_option": 1})
    except Invalid as error:
        assert "no_such_option" in str(error), "the refusal does not name the option"
    else:
        raise AssertionError("an unknown option was accepted")
    json.dumps(plugin.config.model_json_schema())


def check_tracker(plugin: Plugin[Any, Tracker], options: Options = {}) -> None:  # noqa: B006 (read only)
    """Ids are unique in a frame, never reused, not shared between trackers, and restorable."""
    check_options(plugin)
    seen = _ids(plugin.make(options), _people(frames=40))
    assert seen, "two people in plain view for 40 frames were never confirmed"
    assert all(len(set(ids)) == len(ids) for ids in seen), "an id stood twice in one frame"
    first = plugin.make(options)
    again = plugin.make(options)
    _ids(again, _people(frames=40))
    assert _ids(first, _people(frames=40)) == seen, "another tracker's work changed the ids"
    used = {i for ids in seen for i in ids}
    first.reset()
    later = {i for ids in _ids(first, _people(frames=40)) for i in ids}
    assert not used & later, "ids were used again after reset()"
    _check_restore(plugin, options)


def _check_restore(plugin: Plugin[Any, Tracker], options: Options) -> None:
    video = list(_people(frames=40))
    whole, half = plugin.make(options), plugin.make(options)
    expected = [tuple(_update(whole, moment).track_id.tolist()) for moment in video]
    got = [tuple(_update(half, moment).track_id.tolist()) for moment in video[:20]]
    resumed = plugin.make(options)
    resumed.restore(json.loads(json.dumps(half.state())))
    got += [tuple(_update(resumed, moment).track_id.tolist()) for moment in video[20:]]
    assert got == expected, "a tracker restored from its state went on differently"


def check_source(plugin: Plugin[Any, Source], options: Options, *, most: int = 50) -> None:
    """Frames are of one size, numbered from zero, and time never goes back; `close` ends it."""
    check_options(plugin)
    source = plugin.make(options)
    assert source.started_at.utcoffset() == timedelta(0), "started_at must be in UTC"
    frames = list(islice(source.frames(), most))
    source.close()
    assert frames, "there was no frame"
    assert [f.index for f in frames] == list(range(len(frames))), "frames are not numbered 0, 1, 2"
    assert len({f.pixels.shape for f in frames}) == 1, "frames differ in size"
    assert frames[0].pixels.dtype == np.uint8, "pixels are not bytes"
    assert frames[0].pixels.shape[2] == 3, "pixels are not BGR"  # noqa: PLR2004
    times = [f.time_s for f in frames]
    assert times == sorted(times), "time went back"


def check_sink(plugin: Plugin[Any, Sink], options: Options, context: SinkContext) -> None:
    """It takes moments, and `close` may be called twice."""
    check_options(plugin)
    sink = plugin.make(options, context)
    width, height = context.size
    for index, (found, time_s) in enumerate(_people(frames=3)):
        tracks = Tracks(found, np.arange(1, len(found) + 1), time_s=time_s, frame_index=index)
        frame = _frame(width, height, index, time_s)
        sink.write(Moment(frame, tracks, context.class_names, (), {}))
    sink.close()
    sink.close()


def check_format(
    plugin: Plugin[Any, Format], files: list[LabelledFile], classes: tuple[str, ...]
) -> None:
    """What it writes it recognises, and reads back equal."""
    check_options(plugin)
    made = plugin.make({})
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "out"
        made.write(root, iter(files), classes)
        assert made.recognises(root), "it does not recognise what it wrote"
        back = made.read(root)
        found = {f.path.read_bytes(): f.annotation for f in back.files}
        wanted = {f.path.read_bytes(): f.annotation for f in files}
        assert set(found) == set(wanted), "pictures were lost or changed"
        for data, annotation in wanted.items():
            boxes = _boxes(annotation)
            assert _boxes(found[data]) == boxes, "annotations came back different"


def check_trainer(plugin: Plugin[Any, Trainer], options: Options = {}) -> None:  # noqa: B006
    """Its ONNX lies in the folder it was given; two trainings on the same data score the same."""
    check_options(plugin)
    results = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            data = _Rectangles()
            trained = plugin.make(options).fit(data, _Quiet(), Path(folder))
            assert trained.onnx.is_file(), "there is no ONNX file"
            assert trained.onnx.is_relative_to(folder), "the ONNX file lies outside its folder"
            assert trained.signature.classes == data.classes, "the classes are not the data's"
            results.append(trained.metrics)
    assert results[0] == results[1], f"two trainings differ: {results}"


@dataclass(frozen=True, slots=True)
class _Rectangle:
    filename: str
    detections: Detections
    picture: NDArray[np.uint8]

    def pixels(self) -> NDArray[np.uint8]:
        return self.picture


class _Rectangles:
    """White rectangles on black: eight to learn from, four to measure on."""

    task = Task.DETECT
    classes = ("rectangle",)

    def split(self, name: Split) -> Sequence[_Rectangle]:
        count = {"train": 8, "val": 4, "test": 4}[name]
        return [_rectangle(number) for number in range(count)]


def _rectangle(number: int) -> _Rectangle:
    picture = np.zeros((64, 64, 3), np.uint8)
    x, y = 4 + 3 * number, 8 + 2 * number
    picture[y : y + 24, x : x + 16] = 255
    found = Detections(
        np.array([[x, y, x + 16, y + 24]], np.float32),
        np.ones(1, np.float32),
        np.zeros(1, np.int64),
    )
    return _Rectangle(f"{number}.png", found, picture)


class _Quiet:
    """A report nobody reads."""

    job = None
    cancelled = False

    def progress(self, done: float, stage: str = "") -> None: ...

    def metric(self, name: str, value: float, *, step: int) -> None: ...

    def log(self, message: str) -> None: ...

    def checkpoint(self, data: bytes) -> None: ...


def _boxes(annotation: Any) -> list[tuple[str, tuple[int, ...]]]:
    if annotation is None:
        return []
    return sorted((o.class_name, tuple(round(v) for v in o.box)) for o in annotation.objects)


def _frame(width: int, height: int, index: int, time_s: float) -> Any:
    from viseon.ports import Frame

    return Frame(np.zeros((height, width, 3), np.uint8), index, time_s)


def _people(*, frames: int) -> list[tuple[Detections, float]]:
    """Two people who walk past each other at a distance, ten frames a second."""
    video = []
    for index in range(frames):
        left, right = 20 + 5 * index, 400 - 5 * index
        boxes = [[left, 40, left + 40, 140], [right, 200, right + 40, 300]]
        found = Detections(
            np.array(boxes, np.float32), np.full(2, 0.9, np.float32), np.zeros(2, np.int64)
        )
        video.append((found, index / 10))
    return video


def _update(tracker: Tracker, moment: tuple[Detections, float]) -> Tracks:
    found, time_s = moment
    return tracker.update(found, np.zeros((360, 640, 3), np.uint8), time_s=time_s)


def _ids(tracker: Tracker, video: list[tuple[Detections, float]]) -> list[tuple[int, ...]]:
    return [ids for m in video if (ids := tuple(_update(tracker, m).track_id.tolist()))]
