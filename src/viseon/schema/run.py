"""Runs: what was learned from what, how, and how well."""

from enum import StrEnum
from typing import Any

from viseon.schema.base import Digest, Name, Noun, Time


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
    metrics: dict[str, float] = {}
    history: tuple[Metric, ...] = ()
    model: str | None = None
    """`name@number` of the model it registered."""
    started: Time
    ended: Time | None = None
