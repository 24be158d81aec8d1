"""The whole loop for real: pictures, version, training, and the model that the demo then uses."""

import time
from collections.abc import Callable
from importlib.util import find_spec

from viseon.demo.recreate import Say, recreate
from viseon.demo.shipped import shipped
from viseon.platform import Platform
from viseon.schema import Failed, Job, JobEvent, JobState, Model, Unavailable

Tell = Callable[[str], None]
"""A line for people."""
_SHOWN = ("loss", "map50", "map50_95")
_EVERY_S = 0.5


def train(platform: Platform, say: Say, tell: Tell) -> Model:
    """Train as the shipped model was trained, in a job process of its own; the registered model.

    `say` hears how far it is, `tell` each epoch's metrics and what the job logs. Raises Unavailable
    without torch, Failed with the job's reason.
    """
    for package in ("torch", "onnx"):
        if find_spec(package) is None:
            raise Unavailable(
                f"training needs {package}, which is not installed",
                fix="pip install 'viseon[train]', or leave out --train: a model is shipped",
            )
    recipe = shipped()
    version = recreate(platform, recipe, say)
    tell(
        f"data     {version.ref}, {version.samples} images, fingerprint {version.fingerprint[:12]}"
    )
    job = platform.runs.start(
        dataset=version.ref,
        name=recipe.name,
        trainer=recipe.run.trainer,
        config=recipe.run.config,
        licence=recipe.licence,
    )
    tell(f"job      {job.id}")
    ended = _followed(platform, job, say, tell)
    if ended.state is not JobState.DONE:
        raise Failed(
            f"the training {ended.state.value}: {ended.reason}", fix=f"viseon jobs log {job.id}"
        )
    return platform.models.get(ended.result["model"])


def _followed(platform: Platform, job: Job, say: Say, tell: Tell) -> Job:
    """The job once it has ended; interrupting cancels it."""
    seen, told = 0, _Epochs(tell)
    try:
        while True:
            current = platform.jobs.get(job.id)
            for event in platform.jobs.log(job.id, after=seen, limit=1000).items:
                seen = event.number
                told.hear(event)
            say(current.progress, _words(current))
            if current.state.ended:
                told.flush()
                return current
            time.sleep(_EVERY_S)
    except KeyboardInterrupt:
        platform.jobs.cancel(job.id)
        raise


def _words(job: Job) -> str:
    if job.state is JobState.QUEUED:
        return job.reason or "queued"
    left = f", {job.eta_s:.0f} s left" if job.eta_s else ""
    return f"training: {job.stage}{left}" if job.stage else f"training{left}"


class _Epochs:
    """Puts the metrics of one epoch on one line."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._step: int | None = None
        self._values: dict[str, float] = {}

    def hear(self, event: JobEvent) -> None:
        if event.kind == "log" and event.message:
            self._tell(event.message)
        if event.kind != "metric" or event.name not in _SHOWN or event.value is None:
            return
        if event.step != self._step:
            self.flush()
        self._step = event.step
        self._values[event.name] = event.value

    def flush(self) -> None:
        if self._values:
            shown = "  ".join(f"{name} {value:.3f}" for name, value in self._values.items())
            self._tell(f"epoch {self._step:>3}  {shown}")
        self._values = {}
