"""Where moments go."""

import csv
import json

import blocks
import cv2
import numpy as np
import pytest

from viseon import plugins
from viseon.ports import Frame, Moment, Region, SinkContext
from viseon.schema import Event, Failed, Invalid
from viseon.streams.runtime.outlets import Outlet, Outlets
from viseon.vision import Detections, Tracks

EVENT = Event(
    id="00000000-06d6-7628-be2e-d600aa60a6db", stream="hall", config="c" * 64, kind="crossed",
    where="door", direction="in", track_id=3, class_name="bläck, \"x\"", score=0.9, frame_index=7,
    time_s=0.7, at=blocks.datetime(1970, 1, 1, 0, 0, 0, 700000, tzinfo=blocks.UTC), x=0.5, y=0.25,
    model="d" * 64, snapshot="e" * 64,
)  # fmt: skip


def context(size=(160, 120), **more):
    return SinkContext(
        stream="hall",
        class_names=("block",),
        fps=10,
        size=size,
        lines={"door": ((80.0, 120.0), (80.0, 0.0))},
        zones={"room": Region(((80.0, 0.0), (160.0, 0.0), (160.0, 120.0)))},
        **more,
    )


def moment(index=0, events=(), *, size=(160, 120), final=False):
    pixels = np.full((size[1], size[0], 3), 40, np.uint8)
    tracks = Tracks(
        Detections(np.array([[10, 10, 40, 60]], np.float32)), np.array([3]), index / 10, index
    )
    counts = {"door": {"in": 1, "out": 0}, "room": {"inside": 2, "entered": 2, "left": 0}}
    return Moment(
        Frame(pixels, index, index / 10), tracks, ("block",), tuple(events), counts, final=final
    )


def sink(kind, made_for=None, **options):
    return plugins.find("sink", kind).make(options, made_for or context())


def test_jsonl_is_canonical_and_without_the_snapshot(tmp_path):
    path = tmp_path / "deep" / "er" / "events.jsonl"
    lines = sink("jsonl", path=path)
    lines.write(moment(0, [EVENT]))
    assert path.read_bytes().count(b"\n") == 1  # there before the next frame
    lines.write(moment(1))
    lines.write(moment(2, [EVENT], final=True))
    lines.close()
    lines.close()
    first, second = path.read_text(encoding="utf-8").splitlines()
    assert first == second
    told = json.loads(first)
    assert "snapshot" not in told
    assert Event.model_validate(told) == EVENT.model_copy(update={"snapshot": None})
    assert first == json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_jsonl_starts_afresh_unless_told_to_go_on(tmp_path):
    for append, wanted in ((False, 1), (False, 1), (True, 2)):
        lines = sink("jsonl", path=tmp_path / "e.jsonl", append=append)
        lines.write(moment(0, [EVENT]))
        lines.close()
        assert len((tmp_path / "e.jsonl").read_bytes().splitlines()) == wanted


def test_csv_is_read_back_by_anybody(tmp_path):
    table = sink("csv", path=tmp_path / "e.csv")
    table.write(moment(0, [EVENT]))
    table.close()
    with (tmp_path / "e.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["class_name"] == 'bläck, "x"'
    assert (row["kind"], row["direction"], row["dwell_s"]) == ("crossed", "in", "")
    assert row["at"] == "1970-01-01T00:00:00.700000Z"


@pytest.mark.parametrize("size", [(160, 120), (161, 121), (64, 64)])
def test_the_video_has_every_frame_at_its_size_with_something_drawn(tmp_path, size):
    path = tmp_path / "o.mp4"
    video = sink("video", context(size), path=path)
    for index in range(12):
        video.write(moment(index, size=size))
    video.write(moment(11, size=size, final=True))
    assert not path.exists()  # not before it is whole
    video.close()
    video.close()
    capture = cv2.VideoCapture(str(path))
    read = []
    while True:
        ok, pixels = capture.read()
        if not ok:
            break
        read.append(pixels)
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
    capture.release()
    assert len(read) == 12
    assert abs(read[0].shape[1] - size[0]) <= 1
    assert read[5].std() > 10
    assert [p.name for p in tmp_path.iterdir()] == ["o.mp4"]


def test_a_video_of_nothing_is_no_file(tmp_path):
    sink("video", path=tmp_path / "o.mp4").close()
    assert list(tmp_path.iterdir()) == []


def test_drawing_leaves_the_frame_as_it_was(tmp_path):
    video = sink("video", path=tmp_path / "o.mp4")
    shown = moment()
    before = shown.frame.pixels.copy()
    video.write(shown)
    video.close()
    assert (shown.frame.pixels == before).all()


def test_a_codec_nobody_has_is_said_so(tmp_path):
    with pytest.raises(Invalid, match="codec 'zzzz'") as caught:
        sink("video", path=tmp_path / "o.mp4", codec="zzzz")
    assert "mp4v" in caught.value.fix
    assert list(tmp_path.iterdir()) == []


def test_events_need_an_event_log():
    with pytest.raises(Invalid, match="no event log"):
        sink("events")


class Preview:
    def __init__(self):
        self.wanted, self.shown = False, []

    def wants(self, time_s):
        return self.wanted

    def show(self, jpeg, *, index, time_s):
        self.shown.append((cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1).shape, index))


def test_the_live_picture_is_drawn_only_for_who_wants_it_and_shrunk():
    preview = Preview()
    live = sink("live", context((2000, 1000), preview=preview), width=500)
    live.write(moment(0, size=(2000, 1000)))
    assert preview.shown == []
    preview.wanted = True
    live.write(moment(1, size=(2000, 1000)))
    live.write(moment(1, size=(2000, 1000), final=True))
    live.close()
    assert preview.shown == [((250, 500, 3), 1)]


class Broken:
    def __init__(self, *, write=None, close=None):
        self.errors, self.closed = {"write": write, "close": close}, 0

    def write(self, moment):
        if self.errors["write"]:
            raise self.errors["write"]

    def close(self):
        self.closed += 1
        if self.errors["close"]:
            raise self.errors["close"]


def test_a_sink_that_fails_is_named():
    outlets = Outlets(
        [Outlet("sink 'a'", Broken()), Outlet("sink 'b'", Broken(write=OSError(28, "No space")))]
    )
    with pytest.raises(Failed, match=r"^sink 'b': No space"):
        outlets.write(moment())


def test_a_bug_in_a_sink_stays_a_bug_and_names_it():
    outlets = Outlets([Outlet("sink 'mine'", Broken(write=TypeError("no")))])
    with pytest.raises(TypeError) as caught:
        outlets.write(moment())
    assert caught.value.__notes__ == ["in sink 'mine'"]


def test_all_sinks_are_closed_once_even_if_some_fail():
    sinks = [Broken(), Broken(close=Failed("lost", fix="plug it in")), Broken()]
    outlets = Outlets([Outlet(f"sink {n}", one) for n, one in enumerate(sinks)])
    with pytest.raises(Failed, match="sink 1: lost") as caught:
        outlets.close()
    assert caught.value.fix == "plug it in"
    outlets.close()
    assert [s.closed for s in sinks] == [1, 1, 1]
