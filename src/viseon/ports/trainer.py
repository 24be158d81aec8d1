"""Learning from a version."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from viseon.schema import Failed, Signature, Split, Task
from viseon.vision import Detections


class Cancelled(Failed):
    """Somebody asked the work to stop, and it did; nothing was left behind."""


class Example(Protocol):
    """One labelled image; pixels are decoded when asked for."""

    @property
    def filename(self) -> str:
        """Its name in the version."""
        ...

    @property
    def detections(self) -> Detections:
        """What is in it (score 1); boxes in pixels of the image."""
        ...

    def pixels(self) -> NDArray[np.uint8]:
        """RGB, height x width x 3."""
        ...


class TrainingData(Protocol):
    """One version, ready to learn from. The same version always gives the same splits."""

    @property
    def task(self) -> Task:
        """What the labels are for."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by `class_id`."""
        ...

    def split(self, name: Split) -> Sequence[Example]:
        """The examples of a split, in filename order."""
        ...


class Report(Protocol):
    """How long work talks while it works."""

    @property
    def job(self) -> str | None:
        """The id of the job it is; None where it runs outside of one."""
        ...

    @property
    def cancelled(self) -> bool:
        """Somebody asked it to stop: leave at the next safe point."""
        ...

    def progress(self, done: float, stage: str = "") -> None:
        """How much is done, from 0 to 1."""
        ...

    def metric(self, name: str, value: float, *, step: int) -> None:
        """One value at one epoch: `loss`, `map50`, `map50_95`, `lr`."""
        ...

    def log(self, message: str) -> None:
        """A line for people."""
        ...

    def checkpoint(self, data: bytes) -> None:
        """Everything needed to resume from here; replaces the one before."""
        ...


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training leaves behind: the file, how to use it, and how well the best epoch did."""

    onnx: Path
    signature: Signature
    metrics: dict[str, float]


class Trainer(Protocol):
    """Learns from a version and leaves an ONNX file behind."""

    def fit(
        self, data: TrainingData, report: Report, workdir: Path, *, resume: bytes | None = None
    ) -> Trained:
        """The best model, its ONNX in `workdir`. Same data, config and seed: same metrics."""
        ...
