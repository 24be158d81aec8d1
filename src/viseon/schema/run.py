"""Runs: what was learned from what, how, and how well."""

from enum import StrEnum
from typing import Any

from viseon.schema.base import Digest, Name, Noun, Time
from viseon.schema.dataset import Split


class RunState(StrEnum):
    """A run ends once."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Metric(Noun):
    """One value at one epoch."""

    name: str
    value: float
    epoch: int


class Run(Noun):
    """One training: everything needed to do it again."""

    id: str
    name: Name
    """The model name it will register."""
    dataset: str
    """`name@number` of the version it learns from."""
    version: Digest
    """Fingerprint of that version."""
    trainer: str
    config: dict[str, Any]
    seed: int
    code: str
    """What was run: the package and its version, or a commit."""
    environment: dict[str, str] = {}
    state: RunState = RunState.RUNNING
    reason: str = ""
    job: str | None = None
    """The job that does it, or did it last."""
    licence: str = "unknown"
    """The licence its model will carry."""
    checkpoint: Digest | None = None
    """Where it can be taken up again, as a blob; None once it is done."""
    metrics: dict[str, float] = {}
    history: tuple[Metric, ...] = ()
    model: str | None = None
    """`name@number` of the model it registered."""
    started: Time
    started_by: str = ""
    ended: Time | None = None


class ClassScore(Noun):
    """How well one class is found."""

    objects: int
    """How many there were to find."""
    map50: float
    map50_95: float


class Evaluation(Noun):
    """How well a model does on a split of a version; the numbers are COCO's."""

    model: str
    """`name@number`."""
    digest: Digest
    """The model's."""
    dataset: str
    """`name@number`."""
    version: Digest
    """Fingerprint of that version."""
    split: Split
    images: int
    objects: int
    map50: float
    map50_95: float
    map75: float
    classes: dict[str, ClassScore]
