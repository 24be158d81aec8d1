"""What is known about a graph, and what a family says when it recognises its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseon.ports import Tensor
from viseon.schema import Task

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A graph, and what it answered to a trial picture."""

    inputs: tuple[Tensor, ...]
    width: int
    height: int
    outputs: Mapping[str, NDArray[Any]]
    """In the graph's order, with the batch axis."""
    metadata: Mapping[str, str]
    classes: tuple[str, ...] = ()
    """Class names, if somebody or the file said them."""

    @property
    def task(self) -> str:
        """What the exporter says it is for: `detect`, `segment`, ...; empty if it says nothing."""
        return self.metadata.get("task", "")

    def shapes(self) -> str:
        """The outputs, for messages."""
        listed = (f"{name} {_text(array)}" for name, array in self.outputs.items())
        return ", ".join(listed)

    def only(self) -> tuple[str, NDArray[Any]] | None:
        """The single output, where there is but one."""
        return next(iter(self.outputs.items())) if len(self.outputs) == 1 else None

    def called(self, *names: str) -> list[str] | None:
        """The outputs whose names contain these words, in this order; None if one is missing."""
        chosen = []
        for name in names:
            there = [o for o in self.outputs if name in o.lower() and o not in chosen]
            if not there:
                return None
            chosen.append(there[0])
        return chosen


@dataclass(frozen=True, slots=True)
class Match:
    """How to feed a model and read it, as its family does."""

    family: str
    decoder: str
    outputs: tuple[str, ...]
    because: str
    task: Task = Task.DETECT
    options: dict[str, Any] = field(default_factory=dict)
    classes: int = 0
    """How many classes the outputs tell apart; 0 where they do not say."""
    input: dict[str, Any] = field(default_factory=dict)
    """What differs from `InputSpec`'s defaults."""
    score: float | None = None
    """The threshold that fits the family, where the usual one does not."""
    doubt: str = ""
    """What could be wrong, and the override that sets it right."""


Family = Callable[[Seen], Match | None]
"""Looks at a graph and says how it is read if it is one of its own."""


STRIDES = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32))
"""The pyramids that YOLO-like heads have."""


def cells(width: int, height: int, strides: tuple[int, ...]) -> int:
    """Grid cells of an input over all strides."""
    return sum((width // stride) * (height // stride) for stride in strides)


def strides_of(seen: Seen, rows: int, *, anchors: int = 1) -> tuple[int, ...] | None:
    """The pyramid whose cells, times the anchors, are that many rows; None if there is none."""
    for strides in STRIDES:
        if rows == anchors * cells(seen.width, seen.height, strides):
            return strides
    return None


def fractions(array: NDArray[Any]) -> bool:
    """Whether all values lie in 0..1, give or take rounding."""
    return bool(array.size and array.min() >= -1e-3 and array.max() <= 1.001)


def _text(array: NDArray[np.generic]) -> str:
    return f"{'x'.join(str(n) for n in array.shape) or 'a single'} {array.dtype}"
