"""Models, how to feed them, and where they come from."""

from math import isfinite
from typing import Any, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from viseon.schema.base import Digest, Name, Noun, Time
from viseon.schema.dataset import Task


class InputSpec(Noun):
    """How pixels must look when they enter the model."""

    name: str
    width: PositiveInt
    height: PositiveInt
    layout: Literal["nchw", "nhwc"] = "nchw"
    dtype: Literal["float32", "float16", "uint8"] = "float32"
    color: Literal["rgb", "bgr", "gray"] = "rgb"
    resize: Literal["letterbox", "letterbox-topleft", "stretch", "crop"] = "letterbox"
    """`letterbox` centres the picture, `letterbox-topleft` puts the padding right and below; `crop`
    fills the input and loses what sticks out on two sides."""
    pad_value: int = Field(default=114, ge=0, le=255)
    scale: float = Field(default=1 / 255, gt=0, allow_inf_nan=False)
    """Pixels are multiplied by `scale`, then `mean` is taken off and the rest divided by `std`."""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    batch: int | None = None
    """The fixed batch size, or None when any will do."""
    extra: dict[str, tuple[float, ...]] = {}
    """Further inputs of the graph and the row of numbers that each picture gives them."""

    @model_validator(mode="after")
    def _one_number_per_channel(self) -> Self:
        channels = 1 if self.color == "gray" else 3
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (0, channels):
                raise ValueError(f"{name} has {len(values)} numbers, the input {channels} channels")
            if not all(map(isfinite, values)):
                raise ValueError(f"{name} must be finite numbers")
        if 0 in self.std:
            raise ValueError("std must not be 0")
        return self


class Signature(Noun):
    """What goes in and how to read what comes out."""

    task: Task = Task.DETECT
    classes: tuple[str, ...]
    input: InputSpec
    outputs: tuple[str, ...]
    decoder: str
    """Name of the decoder: `yolox`, `yolov8`, `fcos`, …"""
    options: dict[str, Any] = {}
    """The decoder's own options."""
    score: float = Field(default=0.25, ge=0, le=1)
    """Detections below it are dropped unless the caller says otherwise."""
    iou: float = Field(default=0.5, ge=0, le=1)
    """Overlap above which non-maximum suppression drops the lesser box."""


class Decision(Noun):
    """Something about a model that was inferred, or said by a person, and why."""

    field: str
    value: str
    because: str

    def __str__(self) -> str:
        return f"{self.field}: {self.value}, because {self.because}"


class Model(Noun):
    """A model with its past: follow the digests to the very pixels it learned from."""

    name: Name
    number: int
    digest: Digest
    """SHA-256 of the canonical JSON of the weights' digest and the signature."""
    onnx: Digest
    size: int
    """Bytes of the ONNX file."""
    signature: Signature
    run: str | None = None
    """The run that made it; None for a model made elsewhere."""
    version: Digest | None = None
    """Fingerprint of the dataset version it learned from; None if unknown."""
    dataset: str | None = None
    """That version as `name@number`."""
    metrics: dict[str, float] = {}
    licence: str = "unknown"
    decisions: tuple[Decision, ...] = ()
    """How its signature came about; empty where a trainer stated it."""
    tags: tuple[Name, ...] = ()
    parent: Digest | None = None
    """The model it was exported from; None for an original."""
    blocked: str = ""
    """Why it must not be deployed, such as a failed parity gate; empty if it may."""
    artefacts: dict[str, Digest] = {}
    """Files for other engines made from it, by exporter."""
    erased: int = 0
    """How many files of the version it learned from were erased since: consider a new training."""
    created: Time
    created_by: str = ""

    @property
    def ref(self) -> str:
        """`name@number`."""
        return f"{self.name}@{self.number}"


class Offence(Noun):
    """A picture in which two engines disagree, and how."""

    image: str
    reason: str


class Parity(Noun):
    """Whether two engines see the same in the same pictures."""

    passed: bool
    images: int
    compared: int
    """Detections of either side that were looked for on the other."""
    worst_iou: float
    worst_score_diff: float
    offences: tuple[Offence, ...] = ()
    """The first of them."""


class Measured(Noun):
    """One variant's row in the table."""

    variant: str
    size: int
    """Bytes of its file."""
    ms: float
    """Median time of one picture through the model, on this machine's CPU."""
    map50: float
    map50_95: float


class Exported(Noun):
    """What an export made, and whether it may be used."""

    exporter: str
    model: str | None = None
    """The variant as `name@number`, if it is a model of its own."""
    artefact: Digest | None = None
    """The file, if it is for another engine."""
    truth: str
    """What accuracy was measured against: the dataset's labels, or the original's detections."""
    table: tuple[Measured, ...] = ()
    parity: Parity | None = None
    deployable: bool
    reason: str


class ExporterState(Noun):
    """An exporter and whether it can be used here."""

    name: str
    available: bool
    missing: str = ""
    """The tool that has to be installed first."""
