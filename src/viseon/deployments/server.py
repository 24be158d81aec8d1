"""Everything that answers predictions in this process; lives as long as the process."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from numpy.typing import NDArray

from viseon.deployments.answer import objects
from viseon.deployments.batching import Ran, leaving
from viseon.deployments.engine import (
    Engine,
    Spent,
    Stage,
    Wanted,
    Watch,
    effective,
    engine_key,
    engine_keys,
)
from viseon.deployments.ensemble import fuse
from viseon.deployments.gate import Gate, Outcome, Ticket
from viseon.deployments.metrics import Meter, prometheus
from viseon.deployments.pool import Pool
from viseon.deployments.room import Room
from viseon.deployments.tiling import Squares, tensor_bytes
from viseon.inference import Detector, Placement, Prepared
from viseon.inference.detector import Outputs
from viseon.inference.preprocess import Pixels
from viseon.overlap import cores
from viseon.plugins import find as find_plugin
from viseon.ports import BlobStore, Images
from viseon.schema import (
    Deployment,
    DeploymentStats,
    Latency,
    Model,
    Prediction,
    Serving,
    ViseonError,
)
from viseon.vision import Detections


@dataclass(frozen=True, slots=True)
class Ready:
    """A deployment with the models it stands for, as the catalog has them."""

    deployment: Deployment
    models: tuple[Model, ...]
    blobs: BlobStore
    workspace: str = "default"

    @property
    def key(self) -> str:
        """Its name in this process."""
        return key_of(self.workspace, self.deployment.name)


def key_of(workspace: str, deployment: str) -> str:
    """A deployment's name in metrics and at the door: two workspaces may use the same one."""
    return deployment if workspace == "default" else f"{workspace}/{deployment}"


@dataclass(frozen=True, slots=True)
class PredictOptions:
    """What a caller may choose for one request."""

    wanted: Wanted = Wanted()
    tile: int | None = None
    """Also look at the picture in squares of this many pixels."""
    overlap: float = 0.2
    timeout_ms: float | None = None
    ticket: Ticket | None = None
    """Of a request that came over the wire; its clock is running already."""
    watch: Watch | None = None
    """Is told where the time went."""

    @property
    def squares(self) -> Squares | None:
        """How pictures are cut; None where they are not."""
        return Squares(self.tile, self.overlap) if self.tile else None


class ModelServer:
    """Loads models when they are first asked, runs them in batches, and counts."""

    def __init__(
        self,
        images: Images,
        pool: Pool,
        *,
        clock: Callable[[], float] = time.monotonic,
        room_mb: float = 1024,
    ) -> None:
        """`room_mb` is what the pictures of all requests may take together, packed and unpacked."""
        self.images = images
        self.room = Room(int(room_mb * 1e6))
        self._pool = pool
        self._clock = clock
        self._meters: dict[str, Meter] = {}
        self._gates: dict[str, Gate] = {}
        self._cores = BoundedSemaphore(cores())

    def admit(self, key: str, ticket: Ticket) -> None:
        """Ask at the door of a deployment, before a byte is read; `leave` has to follow.

        Raises Busy. A deployment that was never asked has no door yet: everybody may enter.
        """
        self._stay()
        gate = self._gates.get(key)
        if gate is None or ticket.gate is not None:
            return
        ticket.key = key
        with self._refusals(key):
            gate.enter(ticket.until(gate.usual_ms))
        ticket.gate = gate

    def leave(self, ticket: Ticket, outcome: Outcome, *, replaced: bool = False) -> None:
        """The request is over; `replaced` says that its answer was, because it came too late."""
        if replaced and ticket.key in self._meters:
            self._meters[ticket.key].refuse("late")
        if ticket.gate is not None:
            ticket.gate.leave(outcome)
            ticket.gate = None

    def predict(
        self, ready: Ready, pictures: Sequence[bytes], options: PredictOptions
    ) -> list[Prediction]:
        """What is in each picture (encoded). Raises Busy, Invalid, TooLarge."""
        return [answer for _, answer in self.look(ready, pictures, options)]

    def look(
        self, ready: Ready, pictures: Sequence[bytes], options: PredictOptions
    ) -> list[tuple[Pixels, Prediction]]:
        """As `predict`, with the decoded pixels, for drawing on them."""
        meter = self._meters.setdefault(ready.key, Meter())
        ticket = options.ticket or Ticket(self._clock(), options.timeout_ms)
        ticket.key = ready.key
        ticket.until(self._gate(ready).usual_ms)
        with (
            self._refusals(ready.key),
            self.room.holding(self._unpacked(ready, pictures, options), mine=ticket.held_bytes),
        ):
            begun = self._clock()
            with self._cores:
                self._stay()
                ticket.check(self._clock())
                frames = [self.images.decode(picture) for picture in pictures]
            decode_s = (self._clock() - begun) / max(len(frames), 1)
            found = self._found(ready, frames, options, ticket)
            ticket.check(self._clock())
        answers = []
        for frame, (seen, spent) in zip(frames, found, strict=True):
            begun = self._clock()
            told = objects(seen, ready.models[0].signature.classes)
            total_s = self._clock() - ticket.started
            spent = Spent(
                spent.pre_s + decode_s,
                spent.queue_s,
                spent.model_s,
                spent.post_s + self._clock() - begun,
                spent.batch,
            )
            answer = _prediction(ready, frame, told, spent, total_s)
            meter.answer(answer.latency, spent.batch)
            answers.append((frame, answer))
        return answers

    def infer(
        self, ready: Ready, tensor: NDArray[Any], ticket: Ticket, watch: Watch | None = None
    ) -> list[Ran[Outputs]]:
        """The outputs of a deployment's only model for rows that need no preparing. Raises Busy."""
        meter = self._meters.setdefault(ready.key, Meter())
        (model,), ticket.key = ready.models, ready.key
        deadline, spec = ticket.until(self._gate(ready).usual_ms), model.signature.input
        nowhere = Placement(spec.width, spec.height, spec.width, spec.height)
        rows = [Prepared(row, nowhere) for row in tensor]
        with self._refusals(ready.key):
            patience = max(deadline - self._clock(), 0)
            with self.engine(ready, model, patience_s=patience) as engine:
                ran = engine.infer(rows, deadline=deadline, watch=watched(watch, ready, model))
            ticket.check(self._clock())
        for row in ran:
            spent = Spent(0, row.queue_s, row.run_s, 0, row.batch)
            meter.answer(_latency(spent, self._clock() - ticket.started), row.batch)
        return ran

    @contextmanager
    def engine(
        self, ready: Ready, model: Model, *, patience_s: float | None = None
    ) -> Iterator[Engine]:
        """The loaded model, for those who bring tensors of their own.

        Who has `patience_s` is refused when it takes longer to load; it is loaded all the same.
        """
        serving = ready.deployment.serving
        key = engine_key(model.digest, serving)
        load = partial(self._load, ready.blobs, model, effective(serving))
        size_mb = max(model.size / (1 << 20), 1.0)
        with self._pool.lease(key, load, patience_s=patience_s, least_mb=size_mb) as engine:
            yield engine

    @property
    def full(self) -> bool:
        """Whether loading another model would unload one."""
        return self._pool.full

    def warm(self, ready: Ready, *, patience_s: float | None = None) -> None:
        """Load every model of the deployment, so that the first caller does not wait."""
        for model in ready.models:
            with self.engine(ready, model, patience_s=patience_s):
                pass
        self._gate(ready)

    def swapped(self, key: str, before: Deployment, after: Deployment) -> None:
        """Unload what only the deployment as it was needs, once nobody uses it."""
        self._pool.disown(key, engine_keys(before), keep=engine_keys(after))

    def forget(self, key: str, deployment: Deployment) -> None:
        """Unload a deployment that is no more, and what was counted about it."""
        self._pool.disown(key, engine_keys(deployment))
        self._gates.pop(key, None)
        self._meters.pop(key, None)

    def stats(self, ready: Ready) -> DeploymentStats:
        """How it has been doing since this process first heard of it."""
        meter = self._meters.setdefault(ready.key, Meter())
        loaded = self._loaded(ready)
        return DeploymentStats(
            deployment=ready.deployment.name,
            answered=meter.answered,
            refused=sum(meter.refused.values()),
            waiting=sum(engine.waiting for engine, _ in loaded),
            mean_batch=round(meter.mean_batch, 3),
            memory_mb=round(sum(memory for _, memory in loaded), 1),
            latency_ms=meter.percentiles(),
        )

    def metrics(self) -> str:
        """Prometheus text for all deployments of this process."""
        engines = self._pool.loaded().values()
        gauges: Mapping[str, list[tuple[str, float]]] = {
            "viseon_models_memory_mb": [("all", sum(memory for _, memory in engines))],
            "viseon_models_loaded": [("all", float(len(engines)))],
            "viseon_pictures_waiting": [("all", float(sum(e.waiting for e, _ in engines)))],
            "viseon_pictures_memory_mb": [("all", self.room.taken_bytes / 1e6)],
            "viseon_requests_inside": [
                (key, float(gate.inside)) for key, gate in list(self._gates.items())
            ],
        }
        return prometheus(dict(self._meters), gauges)

    @property
    def longest_run_s(self) -> float:
        """How long the slowest of the loaded models takes for a run, as far as is known."""
        return self._pool.longest_run_s

    def depart(self) -> None:
        """Refuse what comes from now on and what has not begun; what runs is answered."""
        self._pool.leave()

    def close(self) -> None:
        """Finish what was accepted and unload everything."""
        self._pool.close()

    def _stay(self) -> None:
        if self._pool.leaving:
            raise leaving()

    def _gate(self, ready: Ready) -> Gate:
        serving = ready.deployment.serving
        self._pool.own(ready.key, engine_keys(ready.deployment))
        gate = self._gates.setdefault(ready.key, Gate(clock=self._clock))
        gate.usual_ms, gate.most = serving.timeout_ms, serving.queue
        return gate

    def _unpacked(self, ready: Ready, pictures: Sequence[bytes], options: PredictOptions) -> int:
        """Bytes of their pixels and of the squares of the largest, from their headers."""
        sizes = [self.images.size(picture) for picture in pictures]
        pixels = sum(width * height * 3 for width, height in sizes)
        squares = options.squares
        if squares is None:
            return pixels
        most = max((squares.count(*size) for size in sizes), default=0)
        squares.check(most, ready.deployment.serving.queue)
        return pixels + most * max(tensor_bytes(model.signature.input) for model in ready.models)

    @contextmanager
    def _refusals(self, key: str) -> Iterator[None]:
        """Count them by their code."""
        try:
            yield
        except ViseonError as error:
            self._meters.setdefault(key, Meter()).refuse(error.code)
            raise

    def _loaded(self, ready: Ready) -> list[tuple[Engine, float]]:
        loaded = self._pool.loaded()
        return [loaded[key] for key in engine_keys(ready.deployment) if key in loaded]

    def _load(self, blobs: BlobStore, model: Model, serving: Serving) -> Engine:
        with tempfile.TemporaryDirectory(prefix="viseon-model-") as folder:
            path = Path(folder) / f"{model.name}.onnx"
            path.write_bytes(blobs.get(model.onnx))
            backend = find_plugin("backend", serving.backend).make(serving.options, path)
        detector = Detector(model.signature, backend, self.images)
        return Engine(detector, serving, clock=self._clock, cores=self._cores)

    def _found(
        self, ready: Ready, frames: Sequence[Pixels], options: PredictOptions, ticket: Ticket
    ) -> list[tuple[Detections, Spent]]:
        """Every model looks at every frame; several are fused."""
        parts: list[list[tuple[Detections, Spent]]] = []
        with ExitStack() as stack:
            for model in ready.models:
                asked = self._clock()
                patience = max(ticket.deadline - asked, 0) if options.ticket else None
                engine = stack.enter_context(self.engine(ready, model, patience_s=patience))
                if not options.ticket:
                    ticket.deadline += self._clock() - asked  # nobody else could have loaded it
                watch = watched(options.watch, ready, model)
                ask = partial(
                    engine.predict,
                    wanted=_wanted(options.wanted, ready.deployment.serving),
                    deadline=ticket.deadline,
                    watch=watch,
                )
                squares = options.squares
                parts.append(
                    [squares.look(ask, frame) for frame in frames] if squares else ask(frames)
                )
        if len(parts) == 1:
            return parts[0]
        weights = ready.deployment.weights
        return [_fused([part[i] for part in parts], weights) for i in range(len(frames))]


def watched(watch: Watch | None, ready: Ready, model: Model) -> Watch | None:
    """The same, told also which deployment and model it is."""
    if watch is None:
        return None

    def told(stage: Stage) -> None:
        watch(replace(stage, model=model.digest, deployment=ready.deployment.name))

    return told


def _fused(
    seen: Sequence[tuple[Detections, Spent]], weights: Sequence[float]
) -> tuple[Detections, Spent]:
    spent = [s for _, s in seen]
    return fuse([found for found, _ in seen], weights=weights), Spent(
        sum(s.pre_s for s in spent),
        sum(s.queue_s for s in spent),
        sum(s.model_s for s in spent),
        sum(s.post_s for s in spent),
        max(s.batch for s in spent),
    )


def _wanted(asked: Wanted, serving: Serving) -> Wanted:
    score = serving.score if asked.score is None else asked.score
    iou = serving.iou if asked.iou is None else asked.iou
    return Wanted(score, iou, asked.classes)


def _latency(spent: Spent, total_s: float) -> Latency:
    stages = (spent.pre_s, spent.queue_s, spent.model_s, spent.post_s, total_s)
    pre, queue, model, post, total = (round(stage * 1000, 3) for stage in stages)
    return Latency(pre_ms=pre, queue_ms=queue, model_ms=model, post_ms=post, total_ms=total)


def _prediction(
    ready: Ready, frame: Pixels, told: tuple[object, ...], spent: Spent, total_s: float
) -> Prediction:
    return Prediction.model_validate(
        {
            "deployment": ready.deployment.name,
            "models": ready.deployment.models,
            "digests": ready.deployment.digests,
            "versions": tuple(model.version for model in ready.models),
            "config": ready.deployment.config,
            "width": frame.shape[1],
            "height": frame.shape[0],
            "objects": told,
            "batch": spent.batch,
            "latency": _latency(spent, total_s),
        }
    )
