"""Pictures on their way into the network: fitted, moved, mirrored and tinted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from viseon.adapters.trainers.fcos import Config
from viseon.adapters.trainers.fcos.objective import Targets
from viseon.inference.geometry import Placement, place
from viseon.ports import Example
from viseon.schema import InputSpec

PAD = 114
_LEFT_OVER = 0.3
"""A box that keeps less than this of its area after a shift is not asked for."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A picture resized to fit the input (3, h, w) uint8, its boxes (M, 4) there, their classes."""

    pixels: Tensor
    xyxy: NDArray[np.float32]
    class_id: NDArray[np.int64]
    placement: Placement


class Pictures:
    """The examples of a split, fitted to the input and kept as long as there is room."""

    def __init__(self, examples: Sequence[Example], spec: InputSpec, cache_mb: int) -> None:
        self._examples, self._spec = examples, spec
        self._room = cache_mb * 1_000_000
        self._kept: dict[int, Fitted] = {}

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, i: int) -> Fitted:
        """One of them."""
        if i in self._kept:
            return self._kept[i]
        fitted = self._fit(self._examples[i])
        size = fitted.pixels.numel()
        if size <= self._room:
            self._room -= size
            self._kept[i] = fitted
        return fitted

    def _fit(self, example: Example) -> Fitted:
        pixels = example.pixels()
        placement = place(pixels.shape[1], pixels.shape[0], self._spec)
        small = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float()
        if small.shape[2:] != (placement.height, placement.width):
            size = (placement.height, placement.width)
            small = functional.interpolate(small, size, mode="bilinear", antialias=True)
        truth = example.detections
        offset = np.array([placement.left, placement.top] * 2, np.float32)
        xyxy = placement.to_input(truth.xyxy) - offset
        plain = small[0].round().clamp(0, 255).to(torch.uint8)
        return Fitted(plain, xyxy.astype(np.float32), np.asarray(truth.class_id), placement)


def shown(picture: Fitted, spec: InputSpec) -> Tensor:
    """The picture as inference shows it: letterboxed (3, H, W), 0..1."""
    canvas = torch.full((3, spec.height, spec.width), PAD, dtype=torch.uint8)
    p = picture.placement
    canvas[:, p.top : p.top + p.height, p.left : p.left + p.width] = picture.pixels
    return canvas.float() / 255


def batches(
    pictures: Pictures, spec: InputSpec, config: Config, epoch: int
) -> Iterator[tuple[Tensor, list[Targets]]]:
    """All pictures once, shuffled and varied; a pure function of the seed and the epoch."""
    order = np.random.default_rng((config.seed, epoch, 0)).permutation(len(pictures))
    for start in range(0, len(order), config.batch):
        part = order[start : start + config.batch]
        if len(part) == 1 and start:
            return  # batch normalisation needs more than one
        made = [
            _varied(pictures[i], spec, config, np.random.default_rng((config.seed, epoch, 1, i)))
            for i in part.tolist()
        ]
        yield torch.stack([pixels for pixels, _ in made]), [targets for _, targets in made]


def _varied(
    picture: Fitted, spec: InputSpec, config: Config, rng: np.random.Generator
) -> tuple[Tensor, Targets]:
    zoom = float(np.exp(rng.uniform(*np.log(config.zoom))))
    stretch = float(rng.uniform(0.93, 1.07))
    scale = np.array([zoom * stretch, zoom / stretch])
    mirrored = bool(rng.random() < config.flip)
    height, width = picture.pixels.shape[1:]
    slack = np.array([spec.width - width * scale[0], spec.height - height * scale[1]])
    reach = np.maximum(np.abs(slack) / 2, config.shift * np.array([spec.width, spec.height]))
    corner = slack / 2 + rng.uniform(-1, 1, 2) * reach
    pixels = _warped(picture.pixels, spec, scale, corner, mirrored=mirrored)
    pixels = _tinted(pixels, config.color, rng)
    return pixels, _moved(picture, spec, scale, corner, mirrored=mirrored)


def _warped(
    pixels: Tensor, spec: InputSpec, scale: NDArray[np.float64], corner: NDArray[np.float64],
    *, mirrored: bool,
) -> Tensor:  # fmt: skip
    """Input pixels sampled from the picture; grey where there is none."""
    height, width = pixels.shape[1:]
    x = (torch.arange(spec.width) + 0.5 - float(corner[0])) / float(scale[0])
    y = (torch.arange(spec.height) + 0.5 - float(corner[1])) / float(scale[1])
    x, y = x * (2 / width) - 1, y * (2 / height) - 1
    if mirrored:
        x = -x
    grid = torch.stack([x.expand(len(y), -1), y[:, None].expand(-1, len(x))], 2)[None]
    source = pixels[None].float() - PAD
    sampled = functional.grid_sample(source, grid, mode="bilinear", align_corners=False)
    return sampled[0] + PAD


def _tinted(pixels: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    gain = 1 + strength * rng.uniform(-1, 1)
    tint = torch.from_numpy((1 + 0.3 * strength * rng.uniform(-1, 1, (3, 1, 1))).astype(np.float32))
    lift = 60 * strength * rng.uniform(-1, 1)
    if rng.random() < 0.1:  # noqa: PLR2004
        pixels = pixels.mean(0, keepdim=True).expand(3, -1, -1)
    return ((pixels * gain * tint + lift).clamp(0, 255)) / 255


def _moved(
    picture: Fitted, spec: InputSpec, scale: NDArray[np.float64], corner: NDArray[np.float64],
    *, mirrored: bool,
) -> Targets:  # fmt: skip
    xyxy = picture.xyxy.astype(np.float64)
    if mirrored:
        xyxy[:, [0, 2]] = picture.pixels.shape[2] - xyxy[:, [2, 0]]
    xyxy = xyxy * np.tile(scale, 2) + np.tile(corner, 2)
    inside = np.clip(xyxy, 0, [spec.width, spec.height] * 2)
    keep = _area(inside) >= np.maximum(_LEFT_OVER * _area(xyxy), 4.0)
    return Targets(
        torch.from_numpy(inside[keep].astype(np.float32)),
        torch.from_numpy(picture.class_id[keep].astype(np.int64)),
    )


def _area(xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    area: NDArray[np.float64] = (xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1])
    return area
