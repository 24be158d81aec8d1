"""Runs: start a training, follow it, take it up again, and measure a model."""

import os
import platform
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from viseon.inference import Detector, find_model, register
from viseon.operation import Limit, operation
from viseon.plugins import Plugin
from viseon.plugins import find as find_plugin
from viseon.ports import BlobStore, Catalog, Images, Records, Report, Trained
from viseon.runs.data import VersionData, find_version
from viseon.runs.evaluate import compare, detect
from viseon.runs.record import LOST, RunReport, end, recorded, settled
from viseon.schema import (
    Clock,
    Conflict,
    Evaluation,
    Invalid,
    Job,
    JobState,
    Metric,
    Model,
    Name,
    Page,
    Resources,
    Role,
    Run,
    RunState,
    Split,
    Version,
    new_id,
)

VersionRef = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}(@[a-z0-9][a-z0-9-]{0,62})?$")]
"""`name` (the latest), `name@number`, or `name@tag`."""
ModelRef = VersionRef
_PACKAGES = ("torch", "onnx", "onnxruntime", "numpy")
_LOWEST = 0.01


class Runs:
    """Trainings: what was learned from what, how, and how well."""

    def __init__(
        self,
        catalog: Catalog,
        blobs: BlobStore,
        images: Images,
        now: Clock,
        *,
        backend: str = "onnxruntime",
    ) -> None:
        self._catalog, self._blobs, self._images = catalog, blobs, images
        self._now, self._backend = now, backend

    @operation("GET", "/runs", needs=Role.VIEWER)
    def find(
        self, *, dataset: str = "", name: str = "", cursor: str = "", limit: Limit = 50
    ) -> Page[Run]:
        """Runs, newest first; of a version `dataset@number` or for a model name."""
        where = {k: v for k, v in (("dataset", dataset), ("name", name)) if v}
        with self._catalog.read() as records:
            found = records.find(Run, where=where, after=cursor, limit=limit + 1, newest_first=True)
            items = tuple(_settled(records, run) for run in found[:limit])
        return Page[Run](items=items, next=items[-1].id if len(found) > limit else None)

    def _may_start(self, *, dataset: str, trainer: str, **given: Any) -> None:
        """Wrong options and versions that are not there are refused before a job is made."""
        find_plugin("trainer", trainer).options(_options(given["config"], given["seed"]))
        with self._catalog.read() as records:
            find_version(records, dataset)

    @operation(
        "POST",
        "/runs",
        needs=Role.EDITOR,
        takes=Resources(cores=1, ram_mb=1500),
        preflight=_may_start,
    )
    def start(  # noqa: PLR0913  # all but one optional, all keyword-only
        self,
        *,
        dataset: VersionRef,
        name: Name | None = None,
        trainer: str = "fcos",
        config: dict[str, Any] | None = None,
        seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None,
        licence: str = "unknown",
        report: Report,
    ) -> Run:
        """Train on a version and register the model under `name` (default: the dataset's name).

        `config` are the trainer's own options; `seed` stands for its `seed`.
        """
        plugin = find_plugin("trainer", trainer)
        options = plugin.options(_options(config, seed)).model_dump(mode="json")
        with self._catalog.transaction() as records:
            learned = find_version(records, dataset)
            started = self._now()
            run = Run(
                id=new_id(started),
                name=name or learned.dataset,
                dataset=learned.ref,
                version=learned.fingerprint,
                trainer=trainer,
                config=options,
                seed=int(options.get("seed", 0)),
                code=_code(plugin),
                environment=_environment(),
                licence=licence,
                job=report.job,
                started=started,
                started_by=records.by,
            )
            records.put(run.id, run)
        return self._train(run, plugin, report)

    @operation(
        "POST", "/runs/{run}/resumption", needs=Role.EDITOR, takes=Resources(cores=1, ram_mb=1500)
    )
    def resume(self, run: str, *, report: Report) -> Run:
        """Take up a failed or cancelled run at its last checkpoint, or from the beginning."""
        with self._catalog.transaction() as records:
            found = _settled(records, records.get(Run, run))
            if found.state in (RunState.RUNNING, RunState.DONE):
                raise Conflict(
                    f"run {run} is {found.state.value}", fix="start a new run with runs.start"
                )
            again = {"state": RunState.RUNNING, "reason": "", "ended": None, "job": report.job}
            found = found.model_copy(update=again)
            records.put(run, found)
        return self._train(found, find_plugin("trainer", found.trainer), report)

    @operation(
        "POST", "/runs/evaluations", needs=Role.EDITOR, takes=Resources(cores=1, ram_mb=1000)
    )
    def evaluate(
        self, *, model: ModelRef, dataset: VersionRef, split: Split = "val", report: Report
    ) -> Evaluation:
        """Measure a model on the labelled samples of a version's split, as COCO does."""
        with self._catalog.read() as records:
            measured = find_model(records, model)
            on = find_version(records, dataset)
            pictures = VersionData(records, on, self._blobs, self._images).split(split)
        if not pictures:
            raise Invalid(
                f"{on.ref} has no labelled samples in the split {split!r}",
                fix=f"its splits: {', '.join(f'{k} {v}' for k, v in on.splits.items()) or 'none'}",
            )
        with tempfile.TemporaryDirectory(prefix="viseon-") as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(self._blobs.get(measured.onnx))
            backend = find_plugin("backend", self._backend).make({}, path)
            detector = Detector(measured.signature, backend, self._images)
            try:
                found = detect(detector, pictures, report, score=_LOWEST)
            finally:
                detector.close()
        truth = [picture.detections for picture in pictures]
        ap, classes = compare(found, truth, measured.signature, on.classes)
        return Evaluation(
            model=measured.ref,
            digest=measured.digest,
            dataset=on.ref,
            version=on.fingerprint,
            split=split,
            images=len(pictures),
            objects=sum(len(t) for t in truth),
            map50=max(0.0, ap.map50),
            map50_95=max(0.0, ap.map50_95),
            map75=max(0.0, ap.map75),
            classes=classes,
        )

    @operation("GET", "/runs/{run}", needs=Role.VIEWER)
    def get(self, run: str) -> Run:
        """One run."""
        with self._catalog.read() as records:
            return _settled(records, records.get(Run, run))

    @operation("GET", "/runs/{run}/metrics", needs=Role.VIEWER)
    def metrics(self, run: str) -> tuple[Metric, ...]:
        """What was measured so far, epoch by epoch."""
        return self.get(run).history

    def abandon(self, job: Job) -> None:
        """End the runs of a job that died or was ended; their checkpoints stay for `resume`."""
        state = RunState.CANCELLED if job.state is JobState.CANCELLED else RunState.FAILED
        with self._catalog.read() as records:
            left = records.find(Run, where={"job": job.id})
        for run in left:
            end(self._catalog, self._now, run.id, state, reason=job.reason or LOST)

    def _train(self, run: Run, plugin: Plugin[Any, Any], report: Report) -> Run:
        with recorded(run, self._catalog, self._blobs, report, self._now) as said:
            report.log(f"run {run.id}: {run.trainer} learns from {run.dataset}")
            with self._catalog.read() as records:
                learned = find_version(records, run.dataset)
                data = VersionData(records, learned, self._blobs, self._images)
            resume = None if run.checkpoint is None else self._blobs.get(run.checkpoint)
            with tempfile.TemporaryDirectory(prefix="viseon-run-") as folder:
                trainer = plugin.make(run.config)
                trained = trainer.fit(data, said, Path(folder), resume=resume)
                return self._finish(run, trained, said, learned)

    def _finish(self, run: Run, trained: Trained, said: RunReport, learned: Version) -> Run:
        """Register the model and end the run, both or neither."""
        size = trained.onnx.stat().st_size
        onnx = self._blobs.add(trained.onnx)
        ended = self._now()
        with self._catalog.transaction() as records:
            key = f"{learned.dataset}@{learned.number:08d}"
            left = records.seek(Version, key) or learned
            draft = Model(
                name=run.name,
                number=0,
                digest=onnx,
                onnx=onnx,
                size=size,
                signature=trained.signature,
                run=run.id,
                version=learned.fingerprint,
                dataset=learned.ref,
                erased=left.erased - learned.erased,
                metrics=trained.metrics,
                licence=run.licence,
                created=ended,
                created_by=records.by,
            )
            model = register(records, draft)
            current = records.get(Run, run.id)
            done = current.model_copy(
                update={
                    "state": RunState.DONE,
                    "reason": "",
                    "metrics": trained.metrics,
                    "history": said.history,
                    "model": model.ref,
                    "checkpoint": None,
                    "ended": ended,
                }
            )
            records.put(run.id, done)
        if current.checkpoint is not None:
            self._blobs.delete(current.checkpoint)
        said.log(f"registered {model.ref}")
        return done


def _settled(records: Records, run: Run) -> Run:
    if run.state is not RunState.RUNNING or run.job is None:
        return run
    return settled(run, records.seek(Job, run.job))


def _options(config: dict[str, Any] | None, seed: int | None) -> dict[str, Any]:
    return dict(config or {}) | ({} if seed is None else {"seed": seed})


def _code(plugin: Plugin[Any, Any]) -> str:
    """The package and version that hold the trainer, and where in it."""
    module = plugin.build.__module__
    package = module.partition(".")[0]
    return f"{package} {_version(package)} {module}"


def _environment() -> dict[str, str]:
    found = {name: _version(name) for name in _PACKAGES}
    return {name: number for name, number in found.items() if number} | {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": str(os.cpu_count() or 0),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
