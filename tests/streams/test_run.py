"""From a YAML and a folder of pictures to events, in one process."""

import json

import blocks
import pytest

from viseon.schema import StreamState
from viseon.streams import Status, run_stream


def hall(shop, pictures=None, text=blocks.YAML):
    blocks.film(shop.home / "film", pictures or blocks.walk(0, 140))
    return shop.apply(text)


def lines(shop, name="out/hall.jsonl"):
    return [json.loads(line) for line in (shop.home / name).read_bytes().splitlines()]


def test_a_block_that_walks_through_the_door_is_counted_once_and_its_visit_ends_with_the_film(shop):
    status = run_stream(shop.parts, hall(shop))
    assert (status.state, status.reason, status.frames) == (StreamState.DONE, "", 35)
    assert status.counts == {
        "door": {"in": 1, "out": 0},
        "room": {"inside": 0, "entered": 1, "left": 1},
    }
    told = [(e["kind"], e["where"], e["direction"]) for e in lines(shop)]
    assert told == [
        ("crossed", "door", "in"),
        ("entered", "room", None),
        ("left", "room", None),
    ]


def test_an_event_carries_the_proof_a_person_needs_to_check_it(shop):
    stream = hall(shop)
    run_stream(shop.parts, stream)
    crossed = next(e for e in shop.events.query(kind="crossed").items)
    assert crossed.stream == "hall"
    assert crossed.config == stream.config
    assert crossed.model == shop.model.digest
    assert crossed.class_name == "block"
    assert crossed.x == pytest.approx(0.5, abs=1e-6)  # the door
    assert crossed.y == pytest.approx(70 / blocks.HEIGHT, abs=1e-6)  # its bottom edge
    assert crossed.before.x < 0.5 <= crossed.after.x
    assert crossed.before.frame_index + 1 == crossed.after.frame_index == crossed.frame_index
    assert crossed.before.time_s < crossed.time_s <= crossed.after.time_s
    assert crossed.path[-1] == crossed.after
    assert [p.x for p in crossed.path] == sorted(p.x for p in crossed.path)
    x1, y1, x2, y2 = crossed.box
    assert (x1 + x2) / 2 == pytest.approx(crossed.after.x, abs=1e-6)
    assert y2 == pytest.approx(crossed.after.y, abs=1e-6)


@pytest.mark.parametrize("settle", [1, 2, 12])
def test_the_snapshot_is_the_very_frame_the_event_names(shop, settle):
    pictures = blocks.walk(0, 140) + [blocks.picture()] * 70  # it vanishes, and has left later
    text = blocks.YAML.replace("loiter_s: 0.5", f"settle_frames: {settle}")
    run_stream(shop.parts, hall(shop, pictures, text))
    assert len(shop.events.query().items) == 3
    for event in shop.events.query().items:
        shown = shop.parts.images.decode(shop.blobs.get(event.snapshot))
        wanted = pictures[event.frame_index].astype(int)
        assert abs(shown.astype(int) - wanted).max() < 60, event.kind  # JPEG ringing, no more


def test_no_snapshot_is_kept_where_the_policy_says_so(shop):
    run_stream(shop.parts, hall(shop, text=blocks.YAML + "snapshot: {events: false}\n"))
    events = shop.events.query().items
    assert events
    assert {e.snapshot for e in events} == {None}


def test_the_same_film_and_yaml_give_the_same_bytes_and_no_second_events(shop):
    stream = hall(shop, blocks.walk(0, 140) + blocks.walk(136, 0))
    run_stream(shop.parts, stream)
    first = (shop.home / "out/hall.jsonl").read_bytes()
    stored = shop.events.query().items
    assert len(stored) == len(first.splitlines()) > 3
    run_stream(shop.parts, stream)
    assert (shop.home / "out/hall.jsonl").read_bytes() == first
    assert shop.events.query().items == stored


def test_ids_sort_by_time_and_never_repeat(shop):
    run_stream(shop.parts, hall(shop, blocks.walk(0, 140) + blocks.walk(136, 0)))
    told = lines(shop)
    assert len({e["id"] for e in told}) == len(told)
    by_time = sorted(told, key=lambda e: e["at"])
    assert [e["id"][:13] for e in by_time] == sorted(e["id"][:13] for e in told)


def test_a_stream_that_was_stopped_does_not_say_that_anybody_left(shop):
    stream = hall(shop)
    seen = []
    run_stream(
        shop.parts,
        stream,
        on_message=lambda m: seen.append(m),
        stopped=lambda: any(not isinstance(m, Status) and m.kind == "entered" for m in seen),
    )
    assert seen[-1].state is StreamState.STOPPED
    kinds = [e["kind"] for e in lines(shop)]
    assert "entered" in kinds
    assert "left" not in kinds


def test_what_it_says_comes_in_order_running_events_done(shop):
    said = []
    status = run_stream(shop.parts, hall(shop), on_message=said.append)
    assert said[0].state is StreamState.RUNNING
    assert said[0].total == 35
    assert said[-1] == status
    events = [m for m in said if not isinstance(m, Status)]
    assert [e.id for e in events] == [e["id"] for e in lines(shop)]
    assert status.events == len(events)


def test_looking_at_every_third_frame_still_counts_and_shows_every_frame(shop):
    text = blocks.YAML + "detect: {every: 3}\n"
    text = text.replace("jsonl, path: out/hall.jsonl", "video, path: out/hall.mp4")
    status = run_stream(shop.parts, hall(shop, text=text))
    assert status.frames == 35
    assert status.counts["door"] == {"in": 1, "out": 0}
    crossed = shop.events.query(kind="crossed").items[0]
    assert (crossed.before.frame_index % 3, crossed.after.frame_index % 3) == (0, 0)
    assert crossed.after.frame_index - crossed.before.frame_index == 3


def test_rules_choose_by_direction_and_class(shop):
    text = blocks.YAML[: blocks.YAML.index("rules:")] + (
        "rules:\n"
        "  - {when: crossed, line: door, direction: out, classes: [block]}\n"
        "  - {when: entered, zone: room, classes: [ball]}\n"
        "sinks: [{kind: jsonl, path: out/hall.jsonl}]\n"
    )
    run_stream(shop.parts, hall(shop, blocks.walk(0, 140) + blocks.walk(136, 0), text))
    assert [(e["kind"], e["direction"]) for e in lines(shop)] == [("crossed", "out")]


def test_lingering_is_told_once_per_visit(shop):
    text = blocks.YAML.replace("  - {when: left, zone: room}", "  - {when: loitered, zone: room}")
    run_stream(shop.parts, hall(shop, blocks.walk(0, 120) + [blocks.picture((120, 50))] * 20, text))
    loitered = [e for e in lines(shop) if e["kind"] == "loitered"]
    assert len(loitered) == 1
    assert 0.5 <= loitered[0]["dwell_s"] < 0.7


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (blocks.YAML.replace("path: film", "path: nowhere"), "there is no folder"),
        (blocks.YAML.replace("out/hall.jsonl", "blobs"), "is a folder"),
        (blocks.YAML.replace("out/hall.jsonl", "film/0.png/x.jsonl"), "cannot make the folder"),
        (blocks.YAML.replace("folder, path: film", "video, path: film"), "is not a file"),
        (blocks.YAML.replace("folder, path: film", "video, path: film/0.txt"), "there is no video"),
    ],
)
def test_what_cannot_be_opened_is_named_and_needs_no_second_try(shop, text, reason):
    import re

    status = run_stream(shop.parts, hall(shop, text=text))
    assert status.state is StreamState.FAILED
    assert re.search(reason, status.reason), status.reason
    assert not status.again


def test_a_sink_that_fails_is_named_and_the_others_are_closed(shop, monkeypatch):
    from viseon.adapters.sinks.jsonl import JsonlSink

    def full(self, moment):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(JsonlSink, "write", full)
    text = blocks.YAML + "  - {kind: video, path: out/hall.mp4}\n"
    text = text.replace(
        "  - {kind: jsonl, path: out/hall.jsonl}\n  - {kind: video, path: out/hall.mp4}\n",
        "  - {kind: video, path: out/hall.mp4}\n  - {kind: jsonl, path: out/hall.jsonl}\n",
    )
    status = run_stream(shop.parts, hall(shop, text=text))
    assert status.state is StreamState.FAILED
    assert status.reason == "sink 'jsonl' (out/hall.jsonl): No space left on device"
    assert (shop.home / "out/hall.mp4").stat().st_size > 0  # what there was is whole
    assert not list((shop.home / "out").glob(".*.part.*"))


def test_a_picture_of_another_size_ends_the_stream_with_its_name(shop):
    import cv2

    stream = hall(shop)
    cv2.imwrite(str(shop.home / "film/20.png"), blocks.picture((0, 0))[:50])
    status = run_stream(shop.parts, stream)
    assert "20.png is 160x50, but 0.png is 160x120" in status.reason


def test_a_bug_in_one_stream_is_a_failed_stream_not_a_dead_process(shop, monkeypatch, caplog):
    def divide(self, batch):
        return 1 / 0

    monkeypatch.setattr(blocks.BlocksBackend, "run", divide)
    status = run_stream(shop.parts, hall(shop))
    assert status.state is StreamState.FAILED
    assert status.again
    assert "ZeroDivisionError" in status.reason


def test_a_model_whose_bytes_are_gone_is_said_so(shop):
    stream = hall(shop)
    shop.blobs.delete(shop.model.onnx)
    status = run_stream(shop.parts, stream)
    assert status.state is StreamState.FAILED
    assert shop.model.onnx[:8] in status.reason


@pytest.mark.parametrize("path", ["../elsewhere.jsonl", "/tmp/elsewhere.jsonl", "link/e.jsonl"])
def test_where_streams_have_their_place_none_leaves_it(shop, path):
    from dataclasses import replace

    home = shop.home / "streams"
    home.mkdir()
    (home / "link").symlink_to(shop.home)
    blocks.film(home / "film", blocks.walk(0, 140))
    parts = replace(shop.parts, directory=home, within=(home,))
    inside = shop.streams.apply(document=blocks.YAML)
    assert run_stream(parts, inside).state is StreamState.DONE
    outside = shop.streams.apply(document=blocks.YAML.replace("out/hall.jsonl", path))
    status = run_stream(parts, outside)
    assert status.state is StreamState.FAILED
    assert "is not a place for streams" in status.reason
    told = shop.streams.apply(document=blocks.YAML, directory="/")
    assert "is not a place for streams" in run_stream(parts, told).reason
