"""What a training knows between two steps, and how that is written down."""

import copy
import io
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from viseon.adapters.trainers.fcos import Config
from viseon.adapters.trainers.fcos.network import Detector
from viseon.schema import Invalid


@dataclass(slots=True)
class Memory:
    """Weights, their running average (Polyak and Juditsky 1992), the optimizer, the best so far."""

    network: Detector
    average: Detector
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    steps: int = 0
    best: dict[str, float] = field(default_factory=dict)
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    stale: int = 0
    """Evaluations since the best one."""

    @classmethod
    def fresh(cls, classes: int, config: Config) -> "Memory":
        """Before the first step."""
        torch.manual_seed(config.seed)
        size = (config.input_width, config.input_height)
        network = Detector(classes, size, config.channels)
        laid_out(network, torch.channels_last)
        average = copy.deepcopy(network).requires_grad_(requires_grad=False)
        optimizer = torch.optim.AdamW(_groups(network, config.weight_decay), lr=config.lr)
        return cls(network, average, optimizer)

    def follow(self, decay: float) -> None:
        """Move the average towards the weights; faster in the beginning."""
        self.steps += 1
        keep = min(decay, (1 + self.steps) / (10 + self.steps))
        now = self.network.state_dict()
        for name, kept in self.average.state_dict().items():
            if kept.dtype.is_floating_point:
                kept.lerp_(now[name], 1 - keep)
            else:
                kept.copy_(now[name])

    def judge(self, metrics: dict[str, float]) -> None:
        """Keep the averaged weights if they are the best so far."""
        if metrics["map50_95"] > self.best.get("map50_95", -1.0):
            self.best, self.stale = dict(metrics), 0
            self.best_weights = {k: v.clone() for k, v in self.average.state_dict().items()}
        else:
            self.stale += 1

    def save(self, facts: dict[str, Any]) -> bytes:
        """Everything needed to go on; `facts` must be the same then."""
        data = io.BytesIO()
        state = {
            "facts": facts,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best_weights": self.best_weights,
            "numbers": [self.epoch, self.steps, self.stale],
            "best": self.best,
        }
        torch.save(state, data)
        return data.getvalue()

    def restore(self, data: bytes, facts: dict[str, Any]) -> None:
        """Go on from what `save` gave. Raises Invalid where it was another training."""
        state = torch.load(io.BytesIO(data), weights_only=True)
        for name, value in facts.items():
            if state["facts"].get(name) != value:
                raise Invalid(
                    f"the checkpoint is of a training with another {name}",
                    fix="start a new run, or resume with the configuration it had",
                )
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best_weights, self.best = state["best_weights"], state["best"]
        self.epoch, self.steps, self.stale = state["numbers"]


def laid_out(network: Detector, layout: torch.memory_format) -> None:
    """Store convolution weights in that order, in place: channels last is a third faster."""
    for parameter in network.parameters():
        if parameter.ndim == 4:  # noqa: PLR2004
            parameter.data = parameter.data.contiguous(memory_format=layout)


def _groups(network: Detector, decay: float) -> list[dict[str, Any]]:
    """Only convolution weights decay; norms, biases and scales do not."""
    named = list(network.named_parameters())
    return [
        {"params": [p for _, p in named if p.ndim > 1], "weight_decay": decay},
        {"params": [p for _, p in named if p.ndim <= 1], "weight_decay": 0.0},
    ]
