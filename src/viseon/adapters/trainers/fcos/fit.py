"""The training itself."""

import math
from pathlib import Path
from typing import Any

import torch

from viseon.adapters.trainers.fcos import Config
from viseon.adapters.trainers.fcos.batches import PAD, Pictures, batches, shown
from viseon.adapters.trainers.fcos.export import export
from viseon.adapters.trainers.fcos.measure import measure
from viseon.adapters.trainers.fcos.memory import Memory, laid_out
from viseon.adapters.trainers.fcos.objective import loss
from viseon.ports import Report, Trained, TrainingData
from viseon.ports.trainer import Cancelled
from viseon.schema import InputSpec, Invalid, Signature, Task

_CLIP = 10.0
_TRIAL = 3


class Fcos:
    """Trains for detection on the CPU; the same seed, data and threads give the same weights."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def fit(
        self, data: TrainingData, report: Report, workdir: Path, *, resume: bytes | None = None
    ) -> Trained:
        config = self._config
        torch.set_num_threads(config.threads)
        torch.use_deterministic_algorithms(mode=True)
        signature = self._signature(data)
        learn = Pictures(_some(data, "train"), signature.input, config.cache_mb)
        check = Pictures(_some(data, "val"), signature.input, config.cache_mb // 4)
        memory = Memory.fresh(len(data.classes), config)
        facts = self._facts(data, len(learn))
        if resume is not None:
            memory.restore(resume, facts)
            report.log(f"resumed after epoch {memory.epoch} of {config.epochs}")
        while memory.epoch < config.epochs and not self._enough(memory):
            self._epoch(memory, learn, signature, report)
            last = memory.epoch == config.epochs
            if last or memory.epoch % config.evaluate_every == 0:
                self._evaluate(memory, check, signature, report)
                report.checkpoint(memory.save(facts))
        return self._finish(memory, check, signature, workdir)

    def _epoch(self, memory: Memory, learn: Pictures, signature: Signature, report: Report) -> None:
        config, network = self._config, memory.network
        steps = max(1, math.ceil(len(learn) / config.batch))
        network.train()
        total, seen = 0.0, 0
        for step, (pixels, targets) in enumerate(
            batches(learn, signature.input, config, memory.epoch)
        ):
            _stop(report)
            rate = self._rate(memory.epoch + step / steps)
            for group in memory.optimizer.param_groups:
                group["lr"] = rate
            raw = network(pixels.contiguous(memory_format=torch.channels_last))
            wrong = loss(raw, targets, network.points, network.strides)
            if not torch.isfinite(wrong):
                raise Invalid(f"the loss became {wrong.item()}", fix="lower `lr`")
            memory.optimizer.zero_grad(set_to_none=True)
            wrong.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
            memory.optimizer.step()
            memory.follow(config.ema)
            total, seen = total + wrong.item(), seen + 1
            report.progress((memory.epoch + (step + 1) / steps) / config.epochs, "training")
        memory.epoch += 1
        report.metric("loss", total / max(1, seen), step=memory.epoch)
        report.metric("lr", rate, step=memory.epoch)

    def _evaluate(
        self, memory: Memory, check: Pictures, signature: Signature, report: Report
    ) -> None:
        metrics = measure(memory.average, check, signature, report)
        _stop(report)
        for name, value in metrics.items():
            report.metric(name, value, step=memory.epoch)
        memory.judge(metrics)

    def _finish(
        self, memory: Memory, check: Pictures, signature: Signature, workdir: Path
    ) -> Trained:
        memory.average.load_state_dict(memory.best_weights)
        laid_out(memory.average, torch.contiguous_format)
        memory.average.eval()
        workdir.mkdir(parents=True, exist_ok=True)
        path = workdir / "model.onnx"
        few = [shown(check[i], signature.input) for i in range(min(_TRIAL, len(check)))]
        export(memory.average, signature, path, torch.stack(few))
        return Trained(path, signature, dict(memory.best))

    def _signature(self, data: TrainingData) -> Signature:
        if data.task is Task.CLASSIFY:  # every other task has boxes, too
            raise Invalid(f"the trainer 'fcos' detects; the dataset is for {data.task.value!r}")
        if not data.classes:
            raise Invalid("the version has no classes", fix="annotate something before training")
        config = self._config
        spec = InputSpec(
            name="images", width=config.input_width, height=config.input_height, pad_value=PAD
        )
        return Signature(
            classes=data.classes, input=spec, outputs=("boxes", "scores"), decoder="fcos",
            score=0.35, iou=0.6,
        )  # fmt: skip

    def _facts(self, data: TrainingData, pictures: int) -> dict[str, Any]:
        config = self._config.model_dump(mode="json")
        return {"configuration": config, "classes": list(data.classes), "train split": pictures}

    def _rate(self, epoch: float) -> float:
        """Linear warm-up, then half a cosine (Loshchilov and Hutter, ICLR 2017)."""
        config = self._config
        if epoch < config.warmup_epochs:
            return config.lr * (0.05 + 0.95 * epoch / config.warmup_epochs)
        rest = max(1e-9, config.epochs - config.warmup_epochs)
        done = (epoch - config.warmup_epochs) / rest
        return config.lr * (0.01 + 0.99 * (1 + math.cos(math.pi * min(1.0, done))) / 2)

    def _enough(self, memory: Memory) -> bool:
        return 0 < self._config.patience <= memory.stale


def _some(data: TrainingData, split: Any) -> Any:
    examples = data.split(split)
    if not len(examples):
        raise Invalid(
            f"the version has no {split!r} samples", fix="commit more samples, or set their split"
        )
    return examples


def _stop(report: Report) -> None:
    if report.cancelled:
        raise Cancelled("the training was cancelled")
