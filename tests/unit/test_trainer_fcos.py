"""The CPU trainer: it learns, the same way every time, and stops when asked."""

import json

import numpy as np
import pytest

from viseon.plugins import find
from viseon.ports.trainer import Cancelled
from viseon.schema import Invalid, Task, Unavailable
from viseon.testing import check_trainer
from viseon.vision import Detections
from viseon.vision.boxes import iou
from viseon.vision.decode import Ask, decoder

SMALL = {"input_width": 64, "input_height": 64, "channels": 24, "batch": 8, "shift": 0.1}


class Card:
    """A grey picture with a bright card on it."""

    def __init__(self, number, classes=1):
        rng = np.random.default_rng(number)
        w, h = rng.integers(14, 26), rng.integers(18, 34)
        x, y = rng.integers(1, 63 - w), rng.integers(1, 63 - h)
        self.filename = f"{number:03}.png"
        kind = number % classes
        self.detections = Detections(
            np.array([[x, y, x + w, y + h]], np.float32), class_id=np.array([kind])
        )
        self._pixels = rng.integers(60, 110, (64, 64, 3)).astype(np.uint8)
        self._pixels[y : y + h, x : x + w] = (250, 220, 60) if kind == 0 else (40, 60, 240)

    def pixels(self):
        return self._pixels


class Cards:
    task = Task.DETECT

    def __init__(self, train=24, val=8, classes=("card",)):
        self.classes = classes
        n = max(1, len(classes))
        self._splits = {
            "train": [Card(i, n) for i in range(train)],
            "val": [Card(1000 + i, n) for i in range(val)],
        }

    def split(self, name):
        return self._splits.get(name, [])


class Listener:
    job = None

    def __init__(self, cancel_after=None):
        self.metrics, self.checkpoints, self.logs, self.done = [], [], [], [0.0]
        self._cancel_after = cancel_after

    @property
    def cancelled(self):
        return self._cancel_after is not None and len(self.done) > self._cancel_after

    def progress(self, done, stage=""):
        self.done.append(done)

    def metric(self, name, value, *, step):
        self.metrics.append((step, name, value))

    def log(self, message):
        self.logs.append(message)

    def checkpoint(self, data):
        self.checkpoints.append(data)


@pytest.fixture(autouse=True)
def _needs_torch():
    pytest.importorskip("torch", reason="install viseon[train] to run these")
    pytest.importorskip("onnx", reason="install viseon[train] to run these")


def fit(tmp_path, *, data=None, report=None, resume=None, **config):
    trainer = find("trainer", "fcos").make(SMALL | config)
    return trainer.fit(data or Cards(), report or Listener(), tmp_path, resume=resume)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    pytest.importorskip("torch")
    listener = Listener()
    folder = tmp_path_factory.mktemp("learned")
    config = {"epochs": 40, "evaluate_every": 10, "lr": 0.01, "ema": 0.9}
    return fit(folder, data=Cards(48, 12, ("card", "note")), report=listener, **config), listener


def test_it_learns_to_find_cards(learned):
    trained, listener = learned
    assert trained.metrics["map50"] > 0.8
    assert trained.signature.classes == ("card", "note")
    assert listener.done == sorted(listener.done)
    assert {name for _, name, _ in listener.metrics} == {"loss", "lr", "map50", "map50_95"}


def test_the_file_finds_them_too_in_batches_of_any_size(learned):
    ort = pytest.importorskip("onnxruntime")
    trained, _ = learned
    session = ort.InferenceSession(str(trained.onnx), providers=["CPUExecutionProvider"])
    cards = [Card(5000 + i, 2) for i in range(10)]
    batch = np.stack([c.pixels().transpose(2, 0, 1) for c in cards]).astype(np.float32) / 255
    outputs = session.run(list(trained.signature.outputs), {"images": batch})
    assert [o.shape[2] for o in outputs] == [4, 2]
    hits = 0
    for found, card in zip(decoder("fcos")(outputs, Ask(64, 64, 0.3)), cards, strict=True):
        if len(found):
            right = found.class_id[0] == card.detections.class_id[0]
            hits += right and iou(found.xyxy[:1], card.detections.xyxy)[0, 0] > 0.5
    assert hits >= 8
    one = session.run(list(trained.signature.outputs), {"images": batch[:1]})
    assert np.allclose(one[0][0], outputs[0][0], atol=0.01)


def test_the_file_says_how_it_is_used(learned):
    ort = pytest.importorskip("onnxruntime")
    trained, _ = learned
    facts = ort.InferenceSession(str(trained.onnx)).get_modelmeta().custom_metadata_map
    assert json.loads(facts["names"]) == {"0": "card", "1": "note"}
    assert (facts["task"], facts["decoder"]) == ("detect", "fcos")
    assert facts["viseon.signature"] == trained.signature.model_dump_json()


def test_the_same_seed_gives_the_same_file_and_another_seed_another(tmp_path):
    short = {"epochs": 2, "evaluate_every": 1}
    first, again, other = (
        fit(tmp_path / str(n), seed=seed, **short) for n, seed in enumerate((3, 3, 4))
    )
    assert first.onnx.read_bytes() == again.onnx.read_bytes()
    assert first.metrics == again.metrics
    assert first.onnx.read_bytes() != other.onnx.read_bytes()


def test_a_resumed_training_ends_as_if_it_had_not_been_stopped(tmp_path):
    config = {"epochs": 4, "evaluate_every": 1}
    whole = fit(tmp_path / "whole", **config)
    stopped = Listener(cancel_after=7)
    with pytest.raises(Cancelled):
        fit(tmp_path / "stopped", report=stopped, **config)
    assert 0 < len(stopped.checkpoints) < 4
    resumed = fit(tmp_path / "resumed", resume=stopped.checkpoints[-1], **config)
    assert resumed.onnx.read_bytes() == whole.onnx.read_bytes()


def test_cancelling_is_heard_within_a_batch_and_leaves_no_file(tmp_path):
    listener = Listener(cancel_after=2)
    with pytest.raises(Cancelled):
        fit(tmp_path, report=listener, epochs=100)
    assert len(listener.done) == 3
    assert not list(tmp_path.rglob("*.onnx"))


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    listener = Listener()
    fit(tmp_path, report=listener, epochs=1)
    with pytest.raises(Invalid, match="another configuration"):
        fit(tmp_path, resume=listener.checkpoints[-1], epochs=2)


def test_it_stops_early_when_nothing_gets_better(tmp_path):
    listener = Listener()
    fit(tmp_path, report=listener, epochs=50, evaluate_every=1, patience=1, lr=1e-9)
    assert max(step for step, _, _ in listener.metrics) < 10


def test_pictures_without_objects_and_small_batches_are_fine(tmp_path):
    data = Cards(3, 1)
    data.split("train")[0].detections = Detections.empty()
    fit(tmp_path, data=data, epochs=1, batch=2)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (Cards(classes=()), "no classes"),
        (Cards(train=0), "'train'"),
        (Cards(val=0), "'val'"),
    ],
)
def test_data_it_cannot_learn_from_is_refused_with_the_reason(tmp_path, data, says):
    with pytest.raises(Invalid, match=says):
        fit(tmp_path, data=data, epochs=1)


def test_a_dataset_without_boxes_is_refused(tmp_path):
    data = Cards()
    data.task = Task.CLASSIFY
    with pytest.raises(Invalid, match="detects; the dataset is for 'classify'"):
        fit(tmp_path, data=data, epochs=1)


def test_boxes_are_learned_from_whatever_else_the_labels_are_for(tmp_path):
    data = Cards()
    data.task = Task.POSE
    assert fit(tmp_path, data=data, epochs=1).onnx.is_file()


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"epoch": 3}, "did you mean 'epochs'"),
        ({"epochs": 0}, "epochs"),
        ({"input_width": 100}, "not a multiple of 32; try 96"),
        ({"zoom": [2, 1]}, "smallest, largest"),
        ({"lr": -1}, "lr"),
    ],
)
def test_options_that_make_no_sense_are_named(config, says):
    with pytest.raises(Invalid, match=says):
        find("trainer", "fcos").options(config)


def test_without_torch_it_says_what_to_install(monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *more):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Unavailable, match=r"viseon\[train\]"):
        find("trainer", "fcos").make({})


def test_it_keeps_the_contract_of_trainers():
    check_trainer(find("trainer", "fcos"), SMALL | {"epochs": 1})
