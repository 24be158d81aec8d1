"""One loaded model that answers many callers at once."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import numpy as np

from viseon.deployments.batching import Batcher, Policy, Ran
from viseon.inference import Detector, Prepared
from viseon.inference.detector import Outputs
from viseon.inference.preprocess import Pixels
from viseon.ports import Tensor
from viseon.schema import (
    Busy,
    Deployment,
    Digest,
    Failed,
    Invalid,
    Serving,
    Signature,
    canonical_json,
    digest_of,
)
from viseon.vision import Detections

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the caller wants the outputs read."""

    score: float | None = None
    iou: float | None = None
    classes: tuple[str | int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds by stage, and how many pictures shared the run."""

    pre_s: float
    queue_s: float
    model_s: float
    post_s: float
    batch: int


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a request that is over, by the server's clock."""

    name: Literal["pre", "queue", "model", "post"]
    begun: float
    ended: float
    pictures: int
    batch: int
    """The most pictures that shared a run, also those of others."""
    model: str = ""
    """Its digest."""
    deployment: str = ""


Watch = Callable[[Stage], None]
"""Is told every stage of a request."""


def effective(serving: Serving) -> Serving:
    """What makes two engines different; thresholds and the deadline do not."""
    return serving.model_copy(update={"score": None, "iou": None, "timeout_ms": 1000.0})


def engine_key(digest: Digest, serving: Serving) -> str:
    """The name of the engine that runs this model so: deployments that agree on both share it."""
    return f"{digest}-{digest_of(canonical_json(effective(serving)))[:12]}"


def engine_keys(deployment: Deployment) -> tuple[str, ...]:
    """The names of all its engines; no model has to be there any more to say them."""
    return tuple(engine_key(digest, deployment.serving) for digest in deployment.digests)


class Engine:
    """Prepares and reads in the caller's thread; the model runs in one thread, in batches."""

    def __init__(
        self,
        detector: Detector,
        serving: Serving,
        *,
        clock: Clock = time.monotonic,
        cores: AbstractContextManager[object] | None = None,
    ) -> None:
        """`cores` is held while preparing and reading, so that not everybody computes at once."""
        self._detector = detector
        self._clock = clock
        self._cores = cores or nullcontext()
        self.max_batch, self.because = _largest_batch(detector, serving.max_batch)
        policy = Policy(self.max_batch, serving.max_wait_ms / 1000, serving.queue)
        # Batches keep the processor busy by themselves; single pictures leave gaps for another.
        runs = detector.callers if self.max_batch == 1 else 1
        self._batcher: Batcher[Prepared, Outputs] = Batcher(
            self._run, policy, runs=runs, clock=clock
        )

    @property
    def signature(self) -> Signature:
        """How the model is fed and read."""
        return self._detector.signature

    @property
    def waiting(self) -> int:
        """Pictures that have not begun."""
        return self._batcher.waiting

    def predict(
        self,
        frames: Sequence[Pixels],
        wanted: Wanted,
        *,
        deadline: float,
        watch: Watch | None = None,
    ) -> list[tuple[Detections, Spent]]:
        """What is in each frame. Raises Busy, Invalid."""
        classes = self._detector.class_ids(wanted.classes)
        begun = self._clock()
        with self._cores:
            prepared = [self._detector.prepare(frame) for frame in frames]
        ready = self._clock()
        pre_s = (ready - begun) / max(len(frames), 1)
        answers = self._results(prepared, deadline)
        found = []
        for item, ran in zip(prepared, answers, strict=True):
            started = self._clock()
            with self._cores:
                (detections,) = self._detector.read(
                    ran.result, [item], score=wanted.score, iou=wanted.iou, classes=classes
                )
            post_s = self._clock() - started
            spent = Spent(pre_s, ran.queue_s, ran.run_s, post_s, ran.batch)
            found.append((detections, spent))
        if watch is not None and answers:
            for stage in _stages(answers, (begun, ready, self._clock())):
                watch(stage)
        return found

    def infer(
        self, tensors: Sequence[Prepared], *, deadline: float, watch: Watch | None = None
    ) -> list[Ran[Outputs]]:
        """The raw outputs of tensors that are ready for the model, each with its batch axis."""
        begun = self._clock()
        answers = self._results(tensors, deadline)
        if watch is not None:
            for stage in _stages(answers, (begun, begun, self._clock()))[1:3]:
                watch(stage)
        return answers

    def tensors(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """What the graph takes for a picture, and what it gives, in the signature's order."""
        return self._detector.tensors()

    @property
    def run_s(self) -> float:
        """How long a run of the model takes; 0 before the first."""
        return self._batcher.run_s

    def leave(self) -> None:
        """Refuse what has not begun, at once; `drain` has to follow."""
        self._batcher.leave()

    def drain(self) -> None:
        """Finish what was accepted and free the model."""
        self._batcher.drain()
        self._detector.close()

    def _results(self, prepared: Sequence[Prepared], deadline: float) -> list[Ran[Outputs]]:
        futures = self._batcher.submit(prepared, deadline=deadline)
        done, late = wait(futures, timeout=max(deadline - self._clock(), 0))
        if late:
            raise Busy("the model did not answer before the deadline", fix="try again later")
        return [_result(future) for future in futures if future in done]

    def _run(self, items: list[Prepared]) -> list[Outputs]:
        outputs = self._detector.infer(items)
        if len(items) == 1 and self.max_batch == 1:
            return [outputs]
        return [[output[i : i + 1] for output in outputs] for i in range(len(items))]


def _stages(ran: Sequence[Ran[Outputs]], at: tuple[float, float, float]) -> list[Stage]:
    """The four of them, from when preparing began and ended, and reading ended."""
    begun, ready, over = at
    first, last = min(r.began for r in ran), max(r.began + r.run_s for r in ran)
    counts = len(ran), max(r.batch for r in ran)
    return [
        Stage("pre", begun, ready, *counts),
        Stage("queue", ready, max(first, ready), *counts),
        Stage("model", first, last, *counts),
        Stage("post", last, over, *counts),
    ]


def _result(future: Future[Ran[Outputs]]) -> Ran[Outputs]:
    return future.result()


def _largest_batch(detector: Detector, wanted: int) -> tuple[int, str]:
    """How many pictures the model takes at once, and why; the trial also warms it up."""
    spec = detector.signature.input
    frame = np.zeros((spec.height, spec.width, 3), np.uint8)
    one = detector.prepare(frame)
    detector.infer([one])
    if spec.batch is not None:
        return min(wanted, spec.batch), f"the graph fixes a batch of {spec.batch}"
    if wanted == 1:
        return 1, "max_batch is 1"
    try:
        outputs = detector.infer([one, one])
    except (Invalid, Failed) as error:
        return 1, f"the model refuses two pictures at once: {error.message}"
    if any(output.shape[:1] != (2,) for output in outputs):
        return 1, "its outputs do not have one row per picture"
    return wanted, "the graph takes any batch"
