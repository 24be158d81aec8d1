"""The network: FCOS (Tian et al., ICCV 2019) made small, with one score for class and overlap."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
_PRIOR = -4.6  # sigmoid gives 0.01: most places are empty (Lin et al., ICCV 2017)
_LARGEST = 6.0


@dataclass(frozen=True, slots=True)
class Raw:
    """What the network says of every point: class logits (B, N, C), xyxy boxes in pixels."""

    logits: Tensor
    boxes: Tensor


class Detector(nn.Module):
    """Pictures (B, 3, H, W) in 0..1, RGB → `Raw` over all points.

    A point predicts its distances to the four sides in strides (FCOS); the score is trained to be
    the overlap of the box (quality focal loss, Li et al., NeurIPS 2020), so none is needed for
    centre-ness. The strides share the head's weights but not its normalisation, for their
    features differ in size.
    """

    points: Tensor
    strides: Tensor

    def __init__(self, classes: int, size: tuple[int, int], channels: int = 48) -> None:
        """`size` is (width, height) of the input."""
        super().__init__()
        c = channels
        self.stem = nn.Sequential(_conv(3, c // 3, stride=2), _conv(c // 3, c // 2, stride=2))
        self.low = _Block(c // 2)
        self.down8 = nn.Sequential(_conv(c // 2, c, stride=2), _Block(c), _Block(c, reach=2))
        self.down16 = nn.Sequential(_conv(c, c * 4 // 3, stride=2), _Block(c * 4 // 3))
        self.down32 = _conv(c * 4 // 3, c, stride=2)
        self.side = nn.ModuleList(nn.Conv2d(width, c, 1) for width in (c, c * 4 // 3, c))
        self.trunk = nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(c, momentum=0.05) for _ in STRIDES)
        self.score = nn.Conv2d(c, classes, 3, padding=1)
        self.distance = nn.Conv2d(c, 4, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(len(STRIDES)))
        nn.init.constant_(_bias(self.score), _PRIOR)
        nn.init.constant_(_bias(self.distance), 0.7)
        for head in (self.score, self.distance):
            nn.init.normal_(head.weight, std=0.01)
        points, strides = _grid(size)
        self.register_buffer("points", points, persistent=False)
        self.register_buffer("strides", strides, persistent=False)

    def forward(self, pictures: Tensor) -> Raw:
        """Every point's logits and box."""
        c8 = self.down8(self.low(self.stem(pictures)))
        c16 = self.down16(c8)
        c32 = self.down32(c16)
        p32 = self.side[2](c32)
        p16 = self.side[1](c16) + functional.interpolate(p32, scale_factor=2.0, mode="nearest")
        p8 = self.side[0](c8) + functional.interpolate(p16, scale_factor=2.0, mode="nearest")
        logits, distances = [], []
        for level, features in enumerate((p8, p16, p32)):
            shared = functional.relu(self.norms[level](self.trunk(features)))
            logits.append(self.score(shared).flatten(2))
            side = self.distance(shared).flatten(2) * self.scale[level]
            distances.append(side)
        away = torch.cat(distances, 2).transpose(1, 2).clamp(max=_LARGEST).exp()
        away = away * self.strides[:, None]
        boxes = torch.cat([self.points - away[..., :2], self.points + away[..., 2:]], 2)
        return Raw(torch.cat(logits, 2).transpose(1, 2), boxes)


class _Block(nn.Module):
    """Two convolutions and a way past them (He et al., CVPR 2016), narrow in the middle.

    `reach` spreads them (dilation), so that a point sees the far ends of what it stands on.
    """

    def __init__(self, channels: int, *, reach: int = 1) -> None:
        super().__init__()
        half = channels // 2
        self.inner = nn.Sequential(
            _conv(channels, half, reach=reach), _conv(half, channels, reach=reach)
        )

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + self.inner(x)
        return added


def _conv(into: int, out: int, *, stride: int = 1, reach: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(into, out, 3, stride=stride, padding=reach, dilation=reach, bias=False),
        nn.BatchNorm2d(out, momentum=0.05),
        nn.ReLU(inplace=True),
    )


def _bias(layer: nn.Conv2d) -> Tensor:
    bias = layer.bias
    if bias is None:
        raise RuntimeError("a head has a bias")
    return bias


def _grid(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Centres (N, 2) in input pixels and strides (N,) of every point, strides in order."""
    width, height = size
    points, strides = [], []
    for stride in STRIDES:
        y, x = torch.meshgrid(
            torch.arange(height // stride), torch.arange(width // stride), indexing="ij"
        )
        centre = torch.stack([x.flatten(), y.flatten()], 1)
        points.append((centre.float() + 0.5) * stride)
        strides.append(torch.full((len(centre),), float(stride)))
    return torch.cat(points), torch.cat(strides)
