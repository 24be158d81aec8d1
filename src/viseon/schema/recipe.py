"""Recipes: how a version is made out of another one."""

from typing import Any

from viseon.schema.annotation import Annotation
from viseon.schema.base import Digest, Name, Noun, Time


class StageSummary(Noun):
    """One stage, as it is understood: every default spelled out."""

    kind: str
    digest: Digest
    """Of the stage's parameters: what is made by equal stages from equal samples is equal."""
    parameters: dict[str, Any]


class RecipeSummary(Noun):
    """A recipe, as it is understood."""

    name: Name
    digest: Digest
    """Of everything that decides what it makes; not of its name."""
    stages: tuple[StageSummary, ...]


class StageRun(Noun):
    """What one stage did in one derivation."""

    kind: str
    digest: Digest
    samples_in: int
    samples_out: int
    made: int
    """Pieces of work that were done now."""
    reused: int
    """Pieces of work whose result was known already."""


class Derivation(Noun):
    """Where a derived version comes from, and how it was made."""

    dataset: Name
    number: int
    fingerprint: Digest
    source: str
    """The version it was made from, as `name@number`."""
    source_fingerprint: Digest
    recipe: RecipeSummary
    stages: tuple[StageRun, ...]
    created: Time
    created_by: str = ""


class Made(Noun):
    """One picture that a stage made."""

    suffix: str
    """What tells it from its siblings; empty for an only child."""
    digest: Digest
    annotation: Annotation | None
    width: int
    height: int


class StageResult(Noun):
    """What a stage made of one sample (or a few): remembered, so that it is made once."""

    key: Digest
    """Of the stage, and of the bytes and labels that went in."""
    made: tuple[Made, ...]
    inputs: tuple[Digest, ...] = ()
    """The files it was made from."""
