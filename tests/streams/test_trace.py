"""From an event to the pictures behind it."""

import blocks
import pytest

from viseon.events import Events
from viseon.schema import (
    Invalid,
    Model,
    NotFound,
    Run,
    Sample,
    Task,
    Version,
)
from viseon.streams import run_stream

FINGERPRINT = "f" * 64


@pytest.fixture
def counted(shop):
    """A stream that has run, and the service to ask about it."""
    blocks.film(shop.home / "film", blocks.walk(0, 140))
    run_stream(shop.parts, shop.apply())
    shop.asked = Events(shop.catalog, shop.events)
    return shop


def crossed(shop):
    (event,) = shop.asked.find(kind="crossed").items
    return event


def learned(shop, **changes):
    """Say of the model that it was trained here."""
    with shop.catalog.transaction() as records:
        model = shop.model.model_copy(
            update={"run": "run-1", "version": FINGERPRINT, "dataset": "yard@2", **changes}
        )
        records.put(f"blocks@{model.number:08d}", model)


def with_run(shop):
    run = Run(
        id="run-1", name="blocks", dataset="yard@2", version=FINGERPRINT, trainer="fcos",
        config={}, seed=7, code="viseon 0.1.0", model="blocks@1", started=blocks.now(),
    )  # fmt: skip
    with shop.catalog.transaction() as records:
        records.put(run.id, run)


def with_version(shop, samples):
    version = Version(
        dataset="yard", number=1, fingerprint=FINGERPRINT, samples=len(samples), splits={},
        classes=blocks.CLASSES, created=blocks.now(),
    )  # fmt: skip
    with shop.catalog.transaction() as records:
        from viseon.schema import Dataset

        records.put(
            "yard",
            Dataset(name="yard", task=Task.DETECT, classes=blocks.CLASSES, created=blocks.now()),
        )
        records.samples.add("yard", samples)
        records.samples.freeze("yard", 1)
        records.put("yard@00000001", version)


def test_the_way_leads_through_every_digest_to_the_training_images(counted):
    samples = [
        Sample(filename=f"{n:03d}.jpg", digest=f"{n:064x}", split="val" if n % 3 == 0 else "train")
        for n in range(40)
    ]
    learned(counted)
    with_run(counted)
    with_version(counted, samples)
    trace = counted.asked.trace(crossed(counted).id)
    assert trace.event == crossed(counted)
    assert trace.stream.config == trace.event.config
    assert trace.stream.text == blocks.YAML
    assert trace.model.digest == trace.event.model
    assert trace.run.id == trace.model.run
    assert trace.version.fingerprint == trace.model.version == trace.run.version
    training = [s.filename for s in samples if s.split == "train"]
    assert [s.filename for s in trace.samples] == training[:12]
    assert trace.notes == ()


def test_a_model_made_elsewhere_ends_the_way_and_it_says_so(counted):
    trace = counted.asked.trace(crossed(counted).id)
    assert trace.model.ref == "blocks@1"
    assert (trace.run, trace.version, trace.samples) == (None, None, ())
    assert trace.notes == ("blocks@1 was made elsewhere: no run, no training images are known",)


def test_what_is_missing_is_named_and_the_rest_is_shown(counted):
    learned(counted)
    trace = counted.asked.trace(crossed(counted).id)
    assert trace.model is not None
    assert any("run-1" in note for note in trace.notes)
    assert any(FINGERPRINT[:12] in note and "yard@2" in note for note in trace.notes)
    with counted.catalog.transaction() as records:
        records.remove(Model, "blocks@00000001")
    trace = counted.asked.trace(crossed(counted).id)
    assert trace.stream is not None
    assert trace.notes == ("the model is not in this catalog",)


def test_an_event_of_an_older_configuration_finds_the_one_that_made_it(counted):
    before = crossed(counted)
    counted.apply(blocks.YAML.replace("[0.5, 1.0]", "[0.4, 1.0]"))
    assert counted.asked.trace(before.id).stream.config == before.config


def test_an_event_that_is_not_there_is_not_found(counted):
    for ask in (counted.asked.get, counted.asked.trace):
        with pytest.raises(NotFound):
            ask("00000000-0000-7000-8000-000000000000")


def test_events_are_found_by_stream_kind_and_time_and_paged(counted):
    find = counted.asked.find
    assert {e.kind for e in find().items} == {"crossed", "entered", "left"}
    assert find(stream="elsewhere").items == ()
    at = crossed(counted).at
    assert crossed(counted) in find(since=at).items
    assert crossed(counted) not in find(until=at).items
    first = find(limit=2)
    rest = find(limit=2, cursor=first.next)
    assert [*first.items, *rest.items] == list(find().items)
    assert rest.next is None


def test_rollups_count_what_the_events_say(counted):
    rollups = counted.asked.rollup().items
    assert {(r.kind, r.where, r.direction, r.count) for r in rollups} == {
        ("crossed", "door", "in", 1),
        ("entered", "room", "", 1),
        ("left", "room", "", 1),
    }
    first = counted.asked.rollup(limit=2)
    rest = counted.asked.rollup(limit=2, cursor=first.next)
    assert [*first.items, *rest.items] == list(rollups)
    with pytest.raises(Invalid, match="cursor"):
        counted.asked.rollup(cursor="x")
