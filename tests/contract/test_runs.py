"""Runs, near and far: what is written down, whatever happens."""

import json
from datetime import timedelta

import cv2
import numpy as np
import pytest

from viseon import plugins
from viseon.plugins import Plugin
from viseon.ports import Trained
from viseon.ports.trainer import Cancelled
from viseon.schema import (
    Annotation,
    Conflict,
    Failed,
    InputSpec,
    Invalid,
    Job,
    JobState,
    NotFound,
    Noun,
    Object,
    Row,
    Run,
    RunState,
    Signature,
)

RUNNING = RunState.RUNNING


class Options(Noun):
    """What the trainer of these tests does."""

    seed: int = 0
    fail: str = ""


class Copier:
    """A trainer that has learned already."""

    def __init__(self, options, onnx):
        self._options, self._onnx = options, onnx
        self.resumed = []

    def fit(self, data, report, workdir, *, resume=None):
        self.resumed.append(resume)
        report.metric("loss", 1.0, step=1)
        report.metric("map50", 0.5, step=1)
        report.checkpoint(b"after epoch one")
        if self._options.fail == "bug":
            raise ZeroDivisionError("a bug in the trainer")
        if self._options.fail == "cancel":
            raise Cancelled("stopped")
        if self._options.fail == "once" and resume is None:
            raise Failed("the power went")
        seen = [e.pixels().shape for e in data.split("train")]
        assert seen == [(64, 64, 3)] * len(seen)
        path = workdir / "m.onnx"
        path.write_bytes(self._onnx.read_bytes())
        signature = Signature(
            classes=data.classes,
            input=InputSpec(name="images", width=64, height=64, batch=1),
            outputs=("boxes", "scores"),
            decoder="fcos",
        )
        return Trained(path, signature, {"map50": 0.5})


@pytest.fixture
def made(box_model, monkeypatch):
    """Every trainer asked for is the copier; the list of those that were built."""
    built = []

    def build(options):
        built.append(Copier(options, box_model))
        return built[-1]

    build.__module__ = "viseon.tests.copier"
    plugin = Plugin("trainer", "copier", Options, build)
    find = plugins.find

    def found(kind, name):
        return plugin if (kind, name) == ("trainer", "copier") else find(kind, name)

    monkeypatch.setattr("viseon.runs.service.find_plugin", found)
    return built


@pytest.fixture
def dataset(platform):
    """Twelve labelled pictures: a bright bar where the model of the tests sees its box."""
    platform.datasets.create(name="bars", classes=("bar",), near=None)
    rows = []
    for number in range(12):
        x = 10 + 3 * number
        pixels = np.zeros((64, 64, 3), np.uint8)
        pixels[:, x : x + 6] = 255
        pixels[0, 0] = number
        middle = x + 2.5
        box = Object(id="1", class_name="bar", box=(middle - 8, 16, middle + 8, 48))
        rows.append(
            Row(
                filename=f"{number:02}.png",
                digest=platform.blobs.put(cv2.imencode(".png", pixels)[1].tobytes()),
                annotation=Annotation(objects=(box,)),
                split="val" if number % 3 == 2 else "train",
                width=64,
                height=64,
            )
        )
    lines = "\n".join(json.dumps(r.model_dump(mode="json")) for r in rows)
    platform.datasets.add("bars", rows=platform.blobs.put(lines.encode()))
    return platform.datasets.commit("bars")


def started(platform, **given):
    return platform.runs.start(dataset="bars", trainer="copier", **given).wait()


def test_a_run_leaves_a_model_that_leads_back_to_the_data(platform, dataset, made):
    job = started(platform, name="seer", seed=5, licence="MIT")
    run = platform.runs.get(job.result["id"])
    assert (run.state, run.model, run.job) == (RunState.DONE, "seer@1", job.id)
    assert (run.dataset, run.version) == ("bars@1", dataset.fingerprint)
    assert (run.seed, run.config) == (5, {"seed": 5, "fail": ""})
    assert run.code.startswith("viseon ")
    assert {"python", "numpy", "onnxruntime"} <= run.environment.keys()
    assert run.checkpoint is None
    model = platform.models.get("seer")
    assert (model.run, model.version, model.dataset) == (run.id, dataset.fingerprint, "bars@1")
    assert (model.licence, model.metrics) == ("MIT", {"map50": 0.5})
    assert platform.blobs.get(model.onnx)
    assert [(m.name, m.epoch) for m in platform.runs.metrics(run.id)] == [("loss", 1), ("map50", 1)]
    assert [r.id for r in platform.runs.find(dataset="bars@1").items] == [run.id]
    assert platform.runs.find(name="nobody").items == ()


def test_the_same_weights_keep_their_number(platform, dataset, made):
    first, second = (started(platform).result for _ in range(2))
    assert first["id"] != second["id"]
    assert first["model"] == second["model"] == "bars@1"


@pytest.mark.parametrize(
    ("how", "reason"), [("bug", "ZeroDivisionError: a bug"), ("once", "the power went")]
)
def test_a_run_that_fails_says_why_and_registers_nothing(platform, dataset, made, how, reason):
    with pytest.raises(Failed, match=reason):
        started(platform, config={"fail": how})
    (run,) = platform.runs.find().items
    assert run.state is RunState.FAILED
    assert reason in run.reason
    assert run.ended is not None
    assert [m.name for m in run.history] == ["loss", "map50"]
    assert platform.models.find().items == ()


def test_a_failed_run_is_taken_up_at_its_checkpoint(platform, dataset, made):
    with pytest.raises(Failed):
        started(platform, config={"fail": "once"})
    (failed,) = platform.runs.find().items
    assert platform.blobs.get(failed.checkpoint) == b"after epoch one"
    platform.runs.resume(failed.id).wait()
    run = platform.runs.get(failed.id)
    assert (run.state, run.reason) == (RunState.DONE, "")
    assert made[-1].resumed == [b"after epoch one"]
    assert failed.checkpoint not in platform.blobs
    with pytest.raises(Failed, match="is done"):
        platform.runs.resume(run.id).wait()


def test_a_run_whose_process_was_killed_is_failed_and_can_be_resumed(
    platform, house, dataset, made
):
    """What the jobs reaper finds after kill -9: a running run of a job that is gone."""
    catalog = house.store.catalog(house.local())
    noon = dataset.created
    job = Job(
        id="gone", operation="runs.start", state=JobState.RUNNING, created=noon,
        lease_until=noon - timedelta(hours=1), pid=2**22 + 12345,
    )  # fmt: skip
    run = Run(
        id="lost", name="bars", dataset="bars@1", version=dataset.fingerprint, trainer="copier",
        config={}, seed=0, code="test", job="gone", started=noon,
    )  # fmt: skip
    with catalog.transaction() as records:
        records.put(job.id, job)
        records.put(run.id, run)
    assert platform.runs.get("lost").state is RUNNING
    house.tick()
    assert platform.runs.get("lost").state is RunState.FAILED
    assert "its process ended" in platform.runs.get("lost").reason
    with catalog.read() as records:
        assert records.get(Run, "lost").state is RunState.FAILED
    platform.runs.resume("lost").wait()
    assert platform.runs.get("lost").state is RunState.DONE


def test_a_model_is_measured_on_a_split(platform, dataset, made):
    started(platform, name="seer")
    job = platform.runs.evaluate(model="seer", dataset="bars", split="val").wait()
    found = job.result
    assert (found["model"], found["dataset"], found["split"]) == ("seer@1", "bars@1", "val")
    assert (found["images"], found["objects"]) == (4, 4)
    assert found["map50"] > 0.9
    assert found["classes"]["bar"]["objects"] == 4
    with pytest.raises(Failed, match="no labelled samples in the split 'test'"):
        platform.runs.evaluate(model="seer", dataset="bars", split="test").wait()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"dataset": "nothing"}, "has no version"),
        ({"dataset": "bars@9"}, "no version 'bars@9'"),
        ({"trainer": "fcoss"}, "did you mean .fcos"),
        ({"config": {"epoch": 3}}, "epoch"),
    ],
)
def test_a_run_that_cannot_begin_is_refused_before_it_is_queued(
    platform, dataset, made, given, says
):
    with pytest.raises((Invalid, NotFound), match=says):
        platform.runs.start(**({"dataset": "bars", "trainer": "copier"} | given)).wait()
    assert platform.runs.find().items == ()


def test_a_run_that_is_not_there(platform):
    with pytest.raises(NotFound):
        platform.runs.get("nobody")
    with pytest.raises((NotFound, Conflict, Failed)):
        platform.runs.resume("nobody").wait()
