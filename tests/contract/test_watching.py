"""Models, streams and events, near and far."""

import json

import pytest

from viseon.schema import Conflict, Invalid, NotFound, StreamState

YAML = """
stream: hall
source: {{kind: video, path: {video}}}
model: bright@1
lines:
  middle: {{from: [0.5, 1.0], to: [0.5, 0.0], hysteresis: 0.01}}
zones:
  right: {{polygon: [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]}}
rules:
  - {{when: crossed, line: middle}}
  - {{when: entered, zone: right}}
  - {{when: left, zone: right}}
sinks: [{{kind: events}}]
"""


@pytest.fixture
def model(platform, box_model):
    return platform.models.add(
        name="bright", onnx=platform.blobs.add(box_model), classes=("bar",), licence="Apache-2.0"
    )


@pytest.fixture
def ran(platform, house, model, crossing_video):
    stream = platform.streams.apply(document=YAML.format(video=crossing_video))
    status = house.run_stream(stream)
    assert status.state is StreamState.DONE, status.reason
    return stream


def test_a_model_keeps_its_number_and_says_why_it_is_used_as_it_is(platform, model, box_model):
    again = platform.models.add(name="bright", onnx=platform.blobs.add(box_model), classes=("bar",))
    assert again == model == platform.models.get("bright@1")
    assert [m.ref for m in platform.models.find().items] == ["bright@1"]
    assert [m.ref for m in platform.models.versions("bright").items] == ["bright@1"]
    assert "decoder" in {d.field for d in platform.models.explain("bright")}
    assert platform.models.tag("bright@1", "production").tags == ("production",)
    assert platform.models.get("bright@production").number == 1


def test_what_is_not_there_is_not_found(platform):
    for ask in (
        lambda: platform.models.get("nobody"),
        lambda: platform.streams.get("nothing"),
        lambda: platform.streams.history("nothing"),
        lambda: platform.events.get("00000000-0000-7000-8000-000000000000"),
        lambda: platform.events.trace("00000000-0000-7000-8000-000000000000"),
        lambda: platform.jobs.get("nope"),
        lambda: platform.jobs.log("nope"),
        lambda: platform.jobs.cancel("nope"),
        lambda: platform.access.revoke_token("nope"),
    ):
        with pytest.raises(NotFound):
            ask()


def test_an_unknown_key_is_named_with_its_line_and_the_nearest_valid_one(platform, model):
    wrong = YAML.format(video="x.mp4").replace("hysteresis", "hysterisis")
    with pytest.raises(Invalid) as caught:
        platform.streams.check(document=wrong, filename="hall.yaml")
    assert "hall.yaml:6" in str(caught.value)
    assert "hysterisis" in str(caught.value)
    assert "did you mean 'hysteresis'" in str(caught.value)


def test_a_stream_wants_a_registered_model(platform):
    with pytest.raises((Invalid, NotFound), match="bright"):
        platform.streams.apply(document=YAML.format(video="x.mp4"))


def test_applying_the_same_again_changes_nothing(platform, model, crossing_video):
    text = YAML.format(video=crossing_video)
    first = platform.streams.apply(document=text)
    assert platform.streams.apply(document=text) == first
    assert platform.streams.check(document=text).config == first.config
    assert [c.number for c in platform.streams.history("hall").items] == [1]
    assert [s.name for s in platform.streams.find().items] == ["hall"]


def test_a_stream_can_be_asked_to_run_to_stop_and_to_go(platform, model, crossing_video):
    platform.streams.apply(document=YAML.format(video=crossing_video))
    assert platform.streams.start("hall").desired == "running"
    with pytest.raises(Conflict, match="is running"):
        platform.streams.remove("hall")
    assert platform.streams.stop("hall").desired == "stopped"
    platform.streams.remove("hall")
    assert platform.streams.find().items == ()


def test_the_yaml_has_a_schema_and_its_plugins_have_theirs(platform):
    assert {"source", "model", "lines"} <= set(platform.streams.schema()["properties"])
    named = {(p.kind, p.name) for p in platform.streams.plugins().items}
    assert {("source", "video"), ("tracker", "bytetrack"), ("sink", "jsonl")} <= named


def test_events_say_what_happened_and_lead_back_to_the_model(platform, ran, model):
    events = platform.events.find(stream="hall").items[::-1]
    assert [(e.kind, e.direction) for e in events if e.kind == "crossed"] == [
        ("crossed", "in"),
        ("crossed", "out"),
    ]
    assert {e.kind for e in events} == {"crossed", "entered", "left"}
    crossing = next(e for e in events if e.kind == "crossed")
    assert platform.events.get(crossing.id) == crossing
    assert crossing.x == pytest.approx(0.5, abs=0.01)
    assert crossing.before.x < 0.5 < crossing.after.x
    trace = platform.events.trace(crossing.id)
    assert trace.model == model
    assert trace.stream.config == ran.config
    assert "made elsewhere" in trace.notes[0]


def test_the_snapshot_of_an_event_is_a_picture(platform, ran):
    event = platform.events.find().items[0]
    assert platform.blobs.get(event.snapshot).startswith(b"\xff\xd8\xff")


def test_rollups_count_the_events(platform, ran):
    counted = {(r.kind, r.where, r.direction): r.count for r in platform.events.rollup().items}
    assert counted["crossed", "middle", "in"] == counted["crossed", "middle", "out"] == 1


def test_running_again_gives_the_same_events_and_no_more(platform, house, ran):
    before = platform.events.find(limit=100)
    house.run_stream(ran)
    assert platform.events.find(limit=100) == before


def test_events_are_paged_and_filtered(platform, ran):
    everything = platform.events.find(limit=100).items
    paged, cursor = [], ""
    while True:
        page = platform.events.find(limit=1, cursor=cursor)
        paged += page.items
        if page.next is None:
            break
        cursor = page.next
    assert tuple(paged) == everything
    assert {e.kind for e in platform.events.find(kind="entered").items} == {"entered"}
    assert platform.events.find(stream="nowhere").items == ()


def test_same_video_same_yaml_same_bytes(platform, house, model, crossing_video, tmp_path):
    written = []
    for number in range(2):
        path = tmp_path / f"{number}.jsonl"
        text = YAML.format(video=crossing_video).replace(
            "{kind: events}", f"{{kind: jsonl, path: {path}}}"
        )
        status = house.run_stream(platform.streams.apply(document=text))
        assert status.state is StreamState.DONE, status.reason
        written.append(path.read_bytes())
    assert written[0] == written[1]
    assert json.loads(written[0].splitlines()[0])["stream"] == "hall"


def test_a_video_that_is_not_there_fails_the_stream_with_the_path(platform, house, model):
    stream = platform.streams.apply(document=YAML.format(video="/no/such/film.mp4"))
    status = house.run_stream(stream)
    assert status.state is StreamState.FAILED
    assert "/no/such/film.mp4" in status.reason


def test_what_this_machine_has_is_told(platform):
    resources = platform.jobs.resources()
    assert resources["total"].cores >= 1
    assert resources["free"].ram_mb <= resources["total"].ram_mb
