"""What holds for every film: events are proofs, counts follow from them, nothing depends on chance."""

from collections import Counter, defaultdict

import blocks
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.ports import Frame
from viseon.schema import canonical_json
from viseon.streams.check import check
from viseon.streams.document import read
from viseon.streams.runtime.evidence import PATH_LENGTH, Evidence, Identity
from viseon.streams.runtime.pipeline import Pipeline
from viseon.vision import ByteTrack, Detections, Tracks

RULES = blocks.YAML.replace("  - {when: left", "  - {when: loitered, zone: room}\n  - {when: left")


class _Model:
    ref, digest, signature = "blocks@1", "d" * 64, blocks.SIGNATURE


SPEC, _ = check(read(RULES), lambda *_: _Model)


def pipeline(spec=SPEC, *, stream="hall", boxes=None, batch=1):
    identity = Identity(
        stream, "c" * 64, "d" * 64, blocks.CLASSES, blocks.datetime(1970, 1, 1, tzinfo=blocks.UTC),
        (blocks.WIDTH, blocks.HEIGHT),
    )  # fmt: skip
    look = blocks.look if boxes is None else _Seen(boxes)
    return Pipeline(spec, identity, look, ByteTrack(), batch=batch)


class _Seen:
    """A detector that says what the test says, whatever the picture."""

    def __init__(self, boxes):
        self._boxes = iter(boxes)

    def __call__(self, pictures):
        return [
            Detections(np.array(next(self._boxes), np.float32).reshape(-1, 4)) for _ in pictures
        ]


def moments(running, frames):
    told = list(running.run(frames))
    last = running.finish()
    return told if last is None else [*told, last]


def blank(n):
    nothing = np.zeros((blocks.HEIGHT, blocks.WIDTH, 3), np.uint8)
    return [Frame(nothing, i, round(i / 10, 6)) for i in range(n)]


@st.composite
def wanderings(draw):
    """Per frame, the boxes of up to four that wander, flicker and may leave the picture."""
    n = draw(st.integers(1, 60))
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    film = [[] for _ in range(n)]
    for _ in range(draw(st.integers(1, 4))):
        x, y = chance.uniform(0, 140), chance.uniform(0, 100)
        dx = chance.uniform(-6, 6)
        for i in range(int(chance.integers(0, n)), n):
            x, y = x + dx + chance.normal(0, 1), y + chance.normal(0, 1)
            dx = -dx if chance.random() < 0.05 else dx
            if chance.random() > 0.1:
                film[i].append([x, y, x + blocks.SIDE, y + blocks.SIDE])
    return film


@settings(deadline=None, max_examples=40)
@given(wanderings())
def test_counts_are_the_events_and_every_event_is_a_proof(film):
    told = moments(pipeline(boxes=film), blank(len(film)))
    events = [e for moment in told for e in moment.events]
    assert len({e.id for e in events}) == len(events)
    counted = Counter((e.where, e.direction or e.kind) for e in events)
    last = told[-1].counts
    assert last["door"] == {"in": counted["door", "in"], "out": counted["door", "out"]}
    assert last["room"]["entered"] == counted["room", "entered"]
    assert last["room"]["left"] == counted["room", "left"] == counted["room", "entered"]
    assert last["room"]["inside"] == 0
    for e in events:
        assert len(e.path) <= PATH_LENGTH
        assert [p.frame_index for p in e.path] == sorted(p.frame_index for p in e.path)
        if e.kind == "crossed":
            assert (e.before.x - 0.5) * (e.after.x - 0.5) <= 0
            assert e.before.time_s <= e.time_s <= e.after.time_s
            assert abs(e.x - 0.5) < 1e-5


@settings(deadline=None, max_examples=40)
@given(wanderings())
def test_of_one_track_ins_and_outs_differ_by_at_most_one(film):
    crossed = defaultdict(Counter)
    for moment in moments(pipeline(boxes=film), blank(len(film))):
        for e in moment.events:
            crossed[e.track_id][e.direction or e.kind] += 1
            ways = crossed[e.track_id]
            assert abs(ways["in"] - ways["out"]) <= 1
            assert ways["entered"] - ways["left"] in (0, 1)


@settings(deadline=None, max_examples=25)
@given(wanderings(), st.integers(1, 3), st.integers(2, 5))
def test_how_many_frames_go_through_the_detector_at_once_changes_nothing(film, every, batch):
    spec = SPEC.model_copy(update={"detect": SPEC.detect.model_copy(update={"every": every})})
    seen = film[::every]

    def told(batch):
        return [
            (m.frame.index, m.looked, m.final, m.counts, m.tracks.track_id.tolist(), m.events)
            for m in moments(pipeline(spec, boxes=seen, batch=batch), blank(len(film)))
        ]

    one = told(1)
    assert [t[0] for t in one[:-1]] == list(range(len(film)))
    assert told(batch) == one


@settings(deadline=None, max_examples=20)
@given(wanderings(), wanderings())
def test_streams_side_by_side_do_not_disturb_each_other(one, other):
    def told(running):
        return [canonical_json(e) for m in running for e in m.events]

    alone = told(pipeline(boxes=one).run(blank(len(one))))
    first = pipeline(boxes=one).run(blank(len(one)))
    second = pipeline(stream="yard", boxes=other).run(blank(len(other)))
    mixed = []
    for moment in first:
        mixed.append(moment)
        next(second, None)
    assert told(mixed) == alone


def test_a_stream_by_another_name_has_other_ids_for_the_same_film():
    film = blocks.frames(blocks.walk(0, 140))
    ids = [
        {e.id for m in moments(pipeline(stream=name), film) for e in m.events}
        for name in ("hall", "yard")
    ]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_the_order_of_lines_in_the_file_does_not_order_the_events():
    text = blocks.YAML.replace("lines:\n", "lines:\n  a: {from: [0.5, 1], to: [0.5, 0]}\n")
    text = text.replace("rules:", "rules:\n  - {when: crossed, line: a}")
    spec, _ = check(read(text), lambda *_: _Model)
    turned = spec.model_copy(update={"lines": dict(reversed(spec.lines.items()))})
    film = blocks.frames(blocks.walk(0, 140))
    one, other = (
        [e for m in moments(pipeline(which), film) for e in m.events] for which in (spec, turned)
    )
    assert one == other
    assert [e.where for e in one if e.kind == "crossed"] == ["a", "door"]


def test_an_empty_film_has_no_moments():
    running = pipeline()
    assert list(running.run([])) == []
    assert running.finish() is None


def test_what_is_remembered_does_not_grow_with_the_hours():
    evidence = Evidence()
    box = np.array([[0, 0, 10, 10]], np.float32)
    for n in range(5000):
        evidence.note(Tracks(Detections(box), np.array([n]), float(n), n))
    assert len(evidence._past) < 200
    assert len(evidence.until(4999, 4999)) == 1
