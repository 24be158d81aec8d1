"""Models that answer requests, and their answers."""

from typing import Any

from pydantic import Field

from viseon.schema.base import Digest, Name, Noun, Time


class Serving(Noun):
    """How a deployment uses the machine."""

    max_batch: int = Field(default=8, ge=1, le=64)
    """Pictures that may share one run of the model."""
    max_wait_ms: float = Field(default=2.0, ge=0, le=1000)
    """How long the first picture of a batch waits for company."""
    queue: int = Field(default=256, ge=1, le=10_000)
    """Pictures that may wait; more are refused at once."""
    timeout_ms: float = Field(default=2000.0, gt=0, le=600_000)
    """A request that cannot be answered in this time is refused rather than kept waiting."""
    backend: str = "onnxruntime"
    options: dict[str, Any] = {}
    """The backend's own options, such as `threads` or `device`."""
    score: float | None = Field(default=None, ge=0, le=1)
    iou: float | None = Field(default=None, ge=0, le=1)
    """Thresholds that replace the signature's."""


class Deployment(Noun):
    """One or more models behind a name that stays when they are swapped."""

    name: Name
    models: tuple[str, ...]
    """`name@number` of each; several are an ensemble."""
    digests: tuple[Digest, ...]
    weights: tuple[float, ...] = ()
    """How much each model of an ensemble counts; empty means equally."""
    serving: Serving = Serving()
    config: Digest
    """Digest of the models' digests, weights and serving: equal configurations answer alike."""
    revision: int = 1
    """Grows with every swap."""
    created: Time
    updated: Time


class PredictedObject(Noun):
    """One object in a picture."""

    class_name: str
    class_id: int
    score: float
    box: tuple[float, float, float, float]
    """`xyxy` in pixels of the picture."""
    keypoints: tuple[tuple[float, float, float], ...] = ()
    """x, y and score of each; the four corners for rotated boxes."""
    mask: dict[str, Any] | None = None
    """COCO run-length encoding: `size` (height, width) and uncompressed `counts`."""


class Latency(Noun):
    """Where the time of one answer went, in milliseconds: the server's clock."""

    pre_ms: float
    """Decoding and preparing the picture."""
    queue_ms: float
    """Waiting for a turn or for company."""
    model_ms: float
    """Running the model: the model's clock."""
    post_ms: float
    total_ms: float


class Prediction(Noun):
    """What a deployment sees in one picture, and everything that made it say so."""

    deployment: Name
    models: tuple[str, ...]
    digests: tuple[Digest, ...]
    versions: tuple[Digest | None, ...]
    """Fingerprints of the dataset versions the models learned from."""
    config: Digest
    width: int
    height: int
    objects: tuple[PredictedObject, ...]
    batch: int
    """Pictures that shared the run."""
    latency: Latency


class Percentiles(Noun):
    """Of the recent answers, in milliseconds."""

    p50: float
    p95: float
    p99: float


class DeploymentStats(Noun):
    """How a deployment has been doing since it was loaded."""

    deployment: Name
    answered: int
    refused: int
    waiting: int
    mean_batch: float
    memory_mb: float
    latency_ms: dict[str, Percentiles]
    """By stage: pre, queue, model, post, total."""
