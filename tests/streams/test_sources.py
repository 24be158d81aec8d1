"""Where frames come from."""

from datetime import UTC, datetime
from pathlib import Path

import blocks
import cv2
import numpy as np
import pytest

from viseon import plugins
from viseon.schema import Invalid, NotFound

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def source(kind, **options):
    return plugins.find("source", kind).make(options)


@pytest.fixture
def clip(tmp_path):
    """Twelve frames, each with its number in grey."""
    path = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 12.5, (64, 48))
    for n in range(12):
        writer.write(np.full((48, 64, 3), n * 20, np.uint8))
    writer.release()
    return path


def test_a_video_gives_every_frame_with_the_time_the_file_gives_it(clip):
    video = source("video", path=clip)
    assert (video.fps, video.total, video.started_at) == (12.5, 12, EPOCH)
    frames = list(video.frames())
    video.close()
    assert [f.index for f in frames] == list(range(12))
    assert [f.time_s for f in frames] == pytest.approx([n / 12.5 for n in range(12)], abs=1e-6)
    assert [f.pixels.mean() for f in frames] == pytest.approx([n * 20 for n in range(12)], abs=6)
    assert frames[0].pixels.shape == (48, 64, 3)


def test_a_recording_may_say_when_it_was_made(clip):
    video = source("video", path=clip, started_at="2026-03-01T08:00:00+01:00")
    assert video.started_at == datetime(2026, 3, 1, 7, tzinfo=UTC)
    video.close()


def test_a_recording_that_says_no_time_zone_is_refused(clip):
    with pytest.raises(Invalid, match="started_at"):
        source("video", path=clip, started_at="2026-03-01T08:00:00")


def test_what_is_no_video_is_said_so(tmp_path, clip):
    with pytest.raises(NotFound, match="there is no video"):
        source("video", path=tmp_path / "nowhere.mp4")
    with pytest.raises(Invalid, match="is not a file") as caught:
        source("video", path=tmp_path)
    assert "kind: folder" in caught.value.fix
    for name, data in {
        "empty.mp4": b"",
        "text.mp4": b"just words\n" * 100,
        "cut.mp4": clip.read_bytes()[:100],
    }.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(Invalid, match="cannot be read as a video"):
            source("video", path=path)


@pytest.fixture
def street(shared_data):
    return (shared_data / "video" / "car-detection.mp4").read_bytes()


def test_a_video_cut_short_says_so_at_its_end(tmp_path, street):
    """It would count too few, and nobody would know."""
    path = tmp_path / "cut.mp4"
    path.write_bytes(street[: len(street) * 6 // 10])
    video, seen = source("video", path=path), []
    with pytest.raises(Invalid, match=r"ends after \d+ of 377 frames, at \d+\.\d s"):
        seen.extend(f.index for f in video.frames())
    video.close()
    assert seen == list(range(len(seen)))
    assert 150 < len(seen) < 350


def test_damage_in_the_middle_costs_only_the_damaged_frames(tmp_path, street, caplog):
    path = tmp_path / "damaged.mp4"
    middle = len(street) // 2
    path.write_bytes(street[:middle] + bytes(20_000) + street[middle + 20_000 :])
    video = source("video", path=path)
    frames = list(video.frames())
    video.close()
    assert 360 < len(frames) < 377
    assert frames[-1].index == 376  # frames keep the numbers they have in the file
    assert [f.time_s for f in frames] == pytest.approx([f.index * 0.08 for f in frames], abs=1e-3)
    assert "video.damaged" in caplog.text


def test_an_address_is_not_fetched_as_a_video():
    with pytest.raises(NotFound):
        source("video", path="http://127.0.0.1:9/clip.mp4")


def test_a_real_video_has_its_frames_and_its_times(shared_data):
    video = source("video", path=shared_data / "video" / "car-detection.mp4")
    assert (video.fps, video.total) == (12.5, 377)
    times = [f.time_s for f in video.frames()]
    video.close()
    assert len(times) == 377
    assert np.diff(times) == pytest.approx(0.08, abs=1e-3)


def test_a_folder_is_read_in_the_order_people_count(tmp_path):
    for name in ("10.png", "9.png", "1.png", "notes.txt", "b2.PNG", "b10.png"):
        cv2.imwrite(str(tmp_path / name), blocks.picture()) if "png" in name.lower() else (
            tmp_path / name
        ).write_text("x")
    folder = source("folder", path=tmp_path, fps=4)
    assert [p.name for p in folder._paths] == ["1.png", "9.png", "10.png", "b2.PNG", "b10.png"]
    assert [f.time_s for f in folder.frames()] == [0, 0.25, 0.5, 0.75, 1.0]


def test_a_folder_with_nothing_to_see_or_something_broken_is_said_so(tmp_path):
    with pytest.raises(NotFound, match="there is no folder"):
        source("folder", path=tmp_path / "nowhere")
    with pytest.raises(Invalid, match="holds no picture"):
        source("folder", path=tmp_path)
    (tmp_path / "1.png").write_bytes(b"\x89PNG but not really")
    with pytest.raises(Invalid, match=r"1\.png cannot be read as a picture"):
        next(source("folder", path=tmp_path).frames())


def test_a_scene_is_the_same_every_time_and_ends_when_told():
    first, second = (source("scene", seed=3, duration_s=0.4) for _ in range(2))
    assert first.total == 10
    pairs = list(zip(first.frames(), second.frames(), strict=True))
    assert len(pairs) == 10
    assert all((a.pixels == b.pixels).all() and a.time_s == b.time_s for a, b in pairs)
    assert first.started_at == EPOCH


def test_a_scene_without_an_end_ends_when_it_is_closed():
    scene = source("scene")
    assert scene.total is None
    seen = 0
    for _ in scene.frames():
        seen += 1
        if seen == 3:
            scene.close()
    assert seen == 3


@pytest.mark.parametrize("kind", ["video", "folder", "scene"])
def test_unknown_options_are_refused_with_the_nearest(kind):
    with pytest.raises(Invalid) as caught:
        source(kind, **({"path": Path("x")} if kind != "scene" else {}), started="1970")
    assert "did you mean 'started_at'?" in caught.value.fix
