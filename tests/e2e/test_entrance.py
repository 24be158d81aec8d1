"""The tutorial on a real video with a real model, as a person types it."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from viseon.app import House
from viseon.settings import Settings

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "entrance-people.yaml"

ARRIVES_S = [7.6, 24.3, 51.9, 76.5, 94.0, 125.2]
LEAVES_S = [18.3, 43.4, 68.6, 85.2, 118.1, 134.5]
"""When each of the six people comes to rest at the table and steps away: seen by eye."""


@pytest.fixture(scope="module")
def tutorial(shared_data, tmp_path_factory):
    """A folder after the tutorial's commands, and what they said."""
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / EXAMPLE.name).write_bytes(EXAMPLE.read_bytes())
    video = "one-by-one-person-detection.mp4"
    (folder / video).symlink_to(shared_data / "video" / video)
    model = shared_data / "model"
    viseon(folder, "models", "add", model / "yolox_nano.onnx", "--classes", model / "coco80.txt")
    told = viseon(folder, "run", EXAMPLE.name)
    return folder, told


def viseon(folder, *command):
    environment = {**os.environ, "VISEON_HOME": str(folder / "home")}
    done = subprocess.run(
        [sys.executable, "-m", "viseon", *map(str, command)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def events(folder, kind):
    lines = (folder / "out/entrance.jsonl").read_text().splitlines()
    return [e for e in map(json.loads, lines) if e["kind"] == kind]


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(600)
class TestTutorial:
    def test_six_people_come_in_as_anybody_sees(self, tutorial):
        folder, told = tutorial
        crossed = events(folder, "crossed")
        assert len(crossed) == 6
        assert {(e["direction"], e["where"], e["class_name"]) for e in crossed} == {
            ("in", "door", "person")
        }
        assert len({e["track_id"] for e in crossed}) == 6
        assert "in 6" in told

    def test_each_is_at_the_table_for_as_long_as_one_sees(self, tutorial):
        folder, _ = tutorial
        came = [e["time_s"] for e in events(folder, "entered")]
        left = events(folder, "left")
        assert came == pytest.approx(ARRIVES_S, abs=1.0)
        assert [e["time_s"] for e in left] == pytest.approx(LEAVES_S, abs=1.0)
        stays = [b - a for a, b in zip(ARRIVES_S, LEAVES_S, strict=True)]
        assert [e["dwell_s"] for e in left] == pytest.approx(stays, abs=1.0)

    def test_only_who_stays_twenty_seconds_loiters(self, tutorial):
        folder, _ = tutorial
        (loitered,) = events(folder, "loitered")
        assert 94.0 + 19 < loitered["time_s"] < 94.0 + 21

    def test_the_store_has_the_same_events_with_the_frames_they_name(self, tutorial, shared_data):
        folder, _ = tutorial
        house = House(Settings(home=folder / "home"))
        try:
            platform = house.platform()
            stored = platform.events.find(limit=100).items
            lines = (folder / "out/entrance.jsonl").read_text().splitlines()
            written = [json.loads(line) for line in lines]
            assert sorted(e.id for e in stored) == sorted(e["id"] for e in written)
            last = stored[0]
            jpeg = platform.blobs.get(last.snapshot)
            trace = platform.events.trace(last.id)
        finally:
            house.close()
        assert trace.stream.text == EXAMPLE.read_text()
        assert trace.model.ref == "yolox-nano@1"
        assert trace.run is None
        assert "made elsewhere" in trace.notes[0]
        weights = (shared_data / "model" / "yolox_nano.onnx").read_bytes()
        assert trace.model.onnx == hashlib.sha256(weights).hexdigest()
        assert jpeg.startswith(b"\xff\xd8")

    def test_the_overlay_plays_with_every_frame(self, tutorial):
        folder, _ = tutorial
        capture = cv2.VideoCapture(str(folder / "out/entrance.mp4"))
        frames = 0
        while capture.grab():
            frames += 1
        size = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        assert (frames, capture.get(cv2.CAP_PROP_FPS), size) == (1394, 10.0, (768.0, 432.0))
        capture.release()

    def test_once_more_without_the_overlay_gives_the_same_bytes_and_no_event_twice(self, tutorial):
        folder, _ = tutorial
        before = (folder / "out/entrance.jsonl").read_bytes()
        (folder / "out/entrance.jsonl").unlink()
        text = EXAMPLE.read_text()
        sink = "  - {kind: video, path: out/entrance.mp4}\n"
        assert sink in text
        (folder / "again.yaml").write_text(text.replace(sink, ""))
        viseon(folder, "run", "again.yaml")
        assert (folder / "out/entrance.jsonl").read_bytes() == before
        listed = viseon(folder, "events", "--limit", "100").splitlines()
        assert len(listed) == len(before.splitlines())
