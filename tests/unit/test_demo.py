"""The demo's parts: the truth beside a stream, the data behind a model, and what is said when not."""

import importlib.util

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.demo import train
from viseon.demo.recreate import draw, recreate
from viseon.demo.shipped import document, register, shipped
from viseon.demo.truth import Ledger, world_of
from viseon.schema import Failed, Unavailable
from viseon.streams.config import StreamSpec


@pytest.fixture(scope="module")
def spec():
    class Model:
        ref = "people@7"

    return StreamSpec.model_validate(yaml.safe_load(document(Model)))


@settings(deadline=None, max_examples=12)
@given(steps=st.lists(st.integers(1, 90), min_size=1, max_size=8))
def test_the_truth_is_the_same_in_however_many_steps_it_is_counted(spec, steps):
    ledger = Ledger(spec)
    for frames in (sum(steps[: i + 1]) for i in range(len(steps))):
        ledger.until(frames)
    assert ledger.truth == Ledger(spec).until(sum(steps))


def test_the_truth_of_a_stream_that_began_again_begins_again(spec):
    ledger = Ledger(spec)
    early = ledger.until(150)
    ledger.until(400)
    assert ledger.until(150) == early


def test_whoever_entered_has_left_or_is_inside(spec):
    for zone in Ledger(spec).until(600).zones.values():
        assert zone["entered"] == zone["left"] + zone["inside"]


def test_nobody_knows_the_truth_about_a_camera(spec):
    camera = spec.model_copy(update={"source": spec.source.model_copy(update={"kind": "video"})})
    with pytest.raises(ValueError, match="'video'"):
        world_of(camera)


def test_the_stream_uses_the_model_it_is_given(spec):
    assert spec.model == "people@7"


def test_the_shipped_model_is_registered_once_with_the_run_that_made_it(house):
    first, again = register(house), register(house)
    assert first == again
    assert first.run == shipped().run.id
    run = house.platform().runs.get(first.run)
    assert run.version == first.version == shipped().fingerprint
    assert run.model == first.ref
    assert first.size < 1_000_000


def test_data_with_another_fingerprint_is_not_passed_off_as_the_models(house, monkeypatch):
    monkeypatch.setattr("viseon.demo.recreate.draw", lambda folder, *_: draw(folder, 2, 9, _none))
    with pytest.raises(Failed, match="the card of the shipped model names data"):
        recreate(house.platform(), shipped(), lambda *_: None)


def test_training_without_torch_says_what_to_install(house, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "viseon.demo.training.find_spec", lambda name: None if name == "torch" else found(name)
    )
    with pytest.raises(Unavailable, match="torch") as error:
        train(house.platform(), lambda *_: None, lambda _: None)
    assert "viseon[train]" in error.value.fix


def _none(_):
    return None
