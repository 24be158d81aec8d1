"""Bringing models: numbers, tags, explanations, and files nobody can read."""

from datetime import UTC, datetime

import numpy as np
import onnx
import pytest

import viseon as vs
from viseon.adapters.blobs.memory import MemoryBlobs
from viseon.adapters.images.raw import RawImages
from viseon.cli.models import names_in
from viseon.inference import Detector
from viseon.models import Models, Overrides, load, read_classes
from viseon.plugins import find
from viseon.schema import InputSpec, Invalid, NotFound, Signature

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def blobs():
    return MemoryBlobs()


@pytest.fixture
def models(house, blobs):
    from viseon.app import LOCAL  # noqa: PLC0415

    return Models(house.store.catalog(LOCAL), blobs, RawImages(), lambda: NOON)


@pytest.fixture
def yolox_file(make_onnx):
    rows = np.random.default_rng(0).random((64 + 16 + 4, 7)).astype(np.float32)
    return make_onnx({"output": rows})


def test_a_model_gets_the_next_number_and_the_same_one_keeps_its_own(models, blobs, yolox_file):
    onnx = blobs.put(yolox_file.read_bytes())
    first = models.add(name="cars", onnx=onnx, classes=("car", "bus"))
    again = models.add(name="cars", onnx=onnx, classes=("car", "bus"))
    other = models.add(name="cars", onnx=onnx, classes=("car", "van"))
    assert (first.ref, again.ref, other.ref) == ("cars@1", "cars@1", "cars@2")
    assert first.digest != other.digest
    assert models.get("cars").number == 2
    assert models.get("cars@1") == first
    assert [m.number for m in models.versions("cars").items] == [1, 2]
    assert models.add(name="vans", onnx=onnx, classes=("car", "bus")).ref == "vans@1"


def test_models_are_listed_by_name_with_their_latest_number(models, blobs, yolox_file):
    onnx = blobs.put(yolox_file.read_bytes())
    for name in ("b", "a", "a-b", "c"):
        models.add(name=name, onnx=onnx)
    models.add(name="a", onnx=onnx, classes=("x", "y"))
    first = models.find(limit=2)
    rest = models.find(limit=2, cursor=first.next)
    assert [m.ref for m in (*first.items, *rest.items)] == ["a@2", "a-b@1", "b@1", "c@1"]
    assert rest.next is None


def test_a_tag_names_one_number_and_moves(models, blobs, yolox_file):
    onnx = blobs.put(yolox_file.read_bytes())
    models.add(name="cars", onnx=onnx)
    models.add(name="cars", onnx=onnx, classes=("x", "y"))
    models.tag("cars@1", "production")
    assert models.get("cars@production").number == 1
    models.tag("cars@2", "production")
    assert models.get("cars@production").number == 2
    assert models.get("cars@1").tags == ()


@pytest.mark.parametrize("ref", ["ghost", "ghost@1", "cars@9", "cars@gold"])
def test_a_model_that_is_not_there_is_not_found(models, blobs, yolox_file, ref):
    models.add(name="cars", onnx=blobs.put(yolox_file.read_bytes()))
    with pytest.raises(NotFound, match=ref.partition("@")[0]):
        models.get(ref)


def test_every_decision_has_a_reason(models, blobs, yolox_file):
    models.add(name="cars", onnx=blobs.put(yolox_file.read_bytes()), licence="Apache-2.0")
    reasons = {d.field: d for d in models.explain("cars@1")}
    assert {"decoder", "classes", "input.size", "input.resize", "task"} <= set(reasons)
    assert all(d.because for d in reasons.values())
    assert "pass classes" in reasons["classes"].because
    assert models.get("cars").licence == "Apache-2.0"


def test_what_a_person_says_wins(models, blobs, yolox_file):
    said = Overrides(color="rgb", resize="stretch", scale=1 / 255, score=0.6, mean=(0, 0, 0))
    model = models.add(name="cars", onnx=blobs.put(yolox_file.read_bytes()), overrides=said)
    wants = model.signature.input
    assert (wants.color, wants.resize, wants.scale) == ("rgb", "stretch", 1 / 255)
    assert model.signature.score == 0.6
    assert {d.because for d in model.decisions if d.field == "input.color"} == {"you said so"}


def test_outputs_nobody_knows_are_named_with_what_could_be_passed(models, blobs, make_onnx):
    onnx = blobs.put(make_onnx({"odd": np.zeros((3, 5, 7, 2)), "end": np.zeros(9)}).read_bytes())
    with pytest.raises(Invalid, match=r"odd 1x3x5x7x2 float64, end 1x9 float64") as error:
        models.add(name="odd", onnx=onnx)
    assert "yolox" in error.value.fix
    assert models.find().items == ()


def test_a_decoder_that_is_told_but_cannot_read_the_outputs_says_so(make_onnx):
    path = make_onnx({"odd": np.zeros((3, 5), np.float32)})
    backend = find("backend", "onnxruntime").make({}, path)
    with pytest.raises(Invalid, match="'yolox' cannot read this model"):
        load(backend, RawImages(), overrides=Overrides(decoder="yolox"))


@pytest.mark.parametrize(
    ("said", "word"),
    [({"decoder": "yolo-x"}, "did you mean 'yolox'"), ({"decoder": "yolox", "options": {"stride": 8}}, "strides"),
     ({"options": {"decode": True}}, "decoded"),
     ({"options": {"strides": "x"}}, "strides='x'"), ({"options": {"strides": [0]}}, "strides=[0]"),
     ({"options": {"strides": [8]}}, "strides"), ({"decoder": "detectnet-v2"}, "coverage"),
     ({"outputs": ("no",)}, "named 'no'"), ({"width": 128}, "64x64 only"), ({"mean": (1, 2)}, "mean")],
)  # fmt: skip
def test_overrides_that_cannot_be_are_refused(models, blobs, yolox_file, said, word):
    onnx = blobs.put(yolox_file.read_bytes())
    with pytest.raises(Invalid) as error:
        models.add(name="cars", onnx=onnx, overrides=Overrides(**said))
    assert word in str(error.value)
    assert models.find().items == ()


def test_too_few_names_are_refused(models, blobs, yolox_file):
    onnx = blobs.put(yolox_file.read_bytes())
    with pytest.raises(Invalid, match="5 names, but the outputs tell 2"):
        models.add(name="cars", onnx=onnx, classes=tuple("abcde"))


def test_bytes_that_were_not_uploaded_are_not_found(models):
    with pytest.raises(NotFound):
        models.add(name="cars", onnx="0" * 64)


def test_a_missing_output_is_named(make_onnx):
    backend = find("backend", "onnxruntime").make({}, make_onnx({"output": np.zeros((84, 7))}))
    spec = InputSpec(name="images", width=64, height=64)
    signature = Signature(classes=("a",), input=spec, outputs=("boxes",), decoder="yolox")
    with pytest.raises(Invalid, match="no output named 'boxes'"):
        Detector(signature, backend, RawImages())


def test_a_fixed_batch_is_filled_up_and_a_free_one_is_used_whole(make_onnx):
    rows = np.zeros((84, 7), np.float32)
    rows[10] = [0, 0, 0, 0, 1, 0.9, 0.1]
    for batch in (1, 4, "n"):
        path = make_onnx({"output": rows}, shape=(batch, 3, 64, 64))
        model = load(find("backend", "onnxruntime").make({}, path), RawImages())
        found = model([np.zeros((32, 32, 3), np.uint8)] * 6)
        assert [len(f) for f in found] == [1] * 6
        assert model([]) == []


def test_only_the_classes_asked_for_are_given(make_onnx):
    rows = np.zeros((84, 7), np.float32)
    rows[10], rows[60] = [0, 0, 0, 0, 1, 0.9, 0.1], [0, 0, 0, 0, 1, 0.1, 0.8]
    backend = find("backend", "onnxruntime").make({}, make_onnx({"output": rows}))
    model = load(backend, RawImages(), classes=["car", "bus"])
    frame = np.zeros((64, 64, 3), np.uint8)
    assert sorted(model(frame).class_id) == [0, 1]
    assert model(frame, classes=["bus"]).class_id.tolist() == [1]
    assert model(frame, score=0.85).class_id.tolist() == [0]
    for wrong in (-1, 5, float("nan"), "a"):
        with pytest.raises(Invalid, match="score: .* is not between 0 and 1"):
            model(frame, score=wrong)
        with pytest.raises(Invalid, match="iou: .* is not between 0 and 1"):
            model(frame, iou=wrong)
    with pytest.raises(Invalid, match="bos") as error:
        model(frame, classes=["bos"])
    assert "bus" in error.value.fix


def test_numbers_that_are_no_numbers_are_dropped(make_onnx):
    rows = np.zeros((84, 7), np.float32)
    rows[10], rows[11] = [0, 0, 99, 0, 1, 0.9, 0.1], [0, 0, 0, 0, 1, 0.8, 0.1]
    rows[12, 4:] = np.nan
    model = load(find("backend", "onnxruntime").make({}, make_onnx({"output": rows})), RawImages())
    assert model(np.zeros((64, 64, 3), np.uint8)).score.tolist() == [pytest.approx(0.8)]


@pytest.mark.parametrize(
    ("text", "names"),
    [("a\nb\n", ("a", "b")), ('["a", "b"]', ("a", "b")), ("names:\n  0: a\n  1: b\n", ("a", "b")),
     ("names: [a, b]", ("a", "b")), ("  person\r\ntraffic light\r\n", ("person", "traffic light"))],
)  # fmt: skip
def test_class_names_come_in_many_files(text, names):
    assert read_classes(text) == names


@pytest.mark.parametrize("text", ["", "a\na", "names: {0: a, 2: b}", "names: 3", "[broken"])
def test_class_names_that_make_no_sense_are_refused(text):
    with pytest.raises(Invalid):
        read_classes(text)


@pytest.mark.parametrize("shape", [(1, 3, 100_000, 100_000), (100_000, 3, 640, 640)])
def test_a_graph_that_wants_more_than_there_is_is_refused_before_it_is_tried(make_onnx, shape):
    backend = find("backend", "onnxruntime").make(
        {}, make_onnx({"output": np.zeros(3)}, shape=shape)
    )
    with pytest.raises(Invalid, match="too much to try"):
        load(backend, RawImages())


def test_a_graph_of_two_pictures_is_refused_by_name(make_onnx):
    extra = {"template": (1, ["batch", 3, 64, 64])}
    backend = find("backend", "onnxruntime").make(
        {}, make_onnx({"output": np.zeros(3)}, extra=extra)
    )
    with pytest.raises(Invalid, match="template.*2 of them look like a picture"):
        load(backend, RawImages())


def test_an_input_whose_meaning_is_unknown_is_named(make_onnx):
    extra = {"prompt": (1, ["batch", 77])}
    backend = find("backend", "onnxruntime").make(
        {}, make_onnx({"output": np.zeros(3)}, extra=extra)
    )
    with pytest.raises(Invalid, match="prompt"):
        load(backend, RawImages())


def test_a_graph_without_outputs_is_refused_by_name(make_onnx):
    path = make_onnx({"output": np.zeros((84, 8))})
    model = onnx.load(path)
    del model.graph.output[:]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(Invalid, match="no outputs"):
        vs.load(path)


def test_class_names_that_are_not_text_are_refused_on_the_command_line(tmp_path):
    path = tmp_path / "names.txt"
    path.write_bytes(b"caf\xe9\n")
    with pytest.raises(Invalid, match="--classes: names.txt is not UTF-8"):
        names_in(path)


def test_a_classifier_of_grey_pictures_needs_no_overrides(make_onnx):
    path = make_onnx({"logits": np.zeros(10, np.float32)}, shape=("n", 1, 28, 28))
    model = load(find("backend", "onnxruntime").make({}, path), RawImages())
    assert (model.signature.input.color, model.signature.input.mean) == ("gray", ())
    assert len(model(np.zeros((40, 30, 3), np.uint8))) >= 0
