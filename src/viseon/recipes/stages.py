"""The stages: each makes of one picture (or a few) one or more, and says how places moved."""

import random
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from viseon.ports import Images
from viseon.schema import SPLITS, Digest, Noun, Split, canonical_json, digest_of
from viseon.vision.affine import (
    IDENTITY,
    Box,
    Matrix,
    mirror,
    overturn,
    scaling,
    shift,
    then,
    turn,
)

Pixels = NDArray[np.uint8]
Side = Annotated[int, Field(ge=1, le=16384)]
Share = Annotated[float, Field(ge=0, le=0.9)]
Range = float | tuple[float, float]
"""A number, or the two between which one is drawn for every picture."""
Colour = tuple[
    Annotated[int, Field(ge=0, le=255)],
    Annotated[int, Field(ge=0, le=255)],
    Annotated[int, Field(ge=0, le=255)],
]
GREY: Colour = (114, 114, 114)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Part of a new picture: whose it was, how its places moved, and the window it fills."""

    source: int
    matrix: Matrix
    window: Box
    swap: tuple[tuple[int, int], ...] | None = None
    """Keypoints that mirroring exchanges."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A new picture and the pieces it is made of."""

    pixels: Pixels
    pieces: tuple[Piece, ...]
    suffix: str = ""


class Stage(Noun):
    """What all stages have. Fields of a stage are its parameters, and its digest is theirs."""

    release: ClassVar[int] = 1
    """Counts up when the same parameters make other pixels than before."""
    takes: ClassVar[int] = 1
    """How many pictures go into a new one."""

    kind: str
    splits: tuple[Split, ...] = SPLITS
    """Samples of other splits pass unchanged."""
    copies: Annotated[int, Field(ge=0, le=20)] = 0
    """0 replaces each sample; n keeps it and adds n variants."""

    @property
    def digest(self) -> Digest:
        """SHA-256 of what decides about pixels and labels."""
        decides = self.model_dump(mode="json", exclude={"splits"})
        return digest_of(canonical_json({**decides, "release": self.release}))

    def run(
        self, pictures: Sequence[Pixels], images: Images, seed: Sequence[Digest]
    ) -> list[Drawn]:
        """What becomes of `pictures`; `seed` (their digests) decides every draw."""
        if not self.copies:
            return self.draw(pictures, images, self._chance(seed, 0))
        return [
            Drawn(d.pixels, d.pieces, f"{d.suffix}~{number}")
            for number in range(1, self.copies + 1)
            for d in self.draw(pictures, images, self._chance(seed, number))
        ]

    @abstractmethod
    def draw(
        self, pictures: Sequence[Pixels], images: Images, chance: random.Random
    ) -> list[Drawn]:
        """Make the new pictures."""

    def _chance(self, seed: Sequence[Digest], number: int) -> random.Random:
        said = canonical_json([self.digest, list(seed), number])
        return random.Random(int(digest_of(said), 16))  # noqa: S311 (reproducible on purpose)


class Resize(Stage):
    """Stretch to a size, whatever the shape was."""

    kind: Literal["resize"]
    width: Side
    height: Side

    def draw(self, pictures: Sequence[Pixels], images: Images, _: random.Random) -> list[Drawn]:
        """One picture."""
        height, width = pictures[0].shape[:2]
        matrix = scaling(self.width / width, self.height / height)
        return [_one(images.resize(pictures[0], self.width, self.height), matrix)]


class Letterbox(Stage):
    """Fit into a size without stretching; what is left over is filled."""

    kind: Literal["letterbox"]
    width: Side
    height: Side
    colour: Colour = GREY
    """BGR."""

    def draw(self, pictures: Sequence[Pixels], images: Images, _: random.Random) -> list[Drawn]:
        """One picture, in the middle."""
        height, width = pictures[0].shape[:2]
        scale = min(self.width / width, self.height / height)
        wide, high = max(1, round(width * scale)), max(1, round(height * scale))
        x, y = (self.width - wide) // 2, (self.height - high) // 2
        canvas = np.full((self.height, self.width, 3), self.colour, np.uint8)
        canvas[y : y + high, x : x + wide] = images.resize(pictures[0], wide, high)
        matrix = then(scaling(wide / width, high / height), shift(x, y))
        return [Drawn(canvas, (Piece(0, matrix, (x, y, x + wide, y + high)),))]


class Grayscale(Stage):
    """Take the colour out; three equal channels stay."""

    kind: Literal["grayscale"]

    def draw(self, pictures: Sequence[Pixels], images: Images, _: random.Random) -> list[Drawn]:  # noqa: ARG002 (the stages' common shape)
        """One picture (ITU-R BT.601 luma)."""
        grey = np.rint(pictures[0] @ np.array([0.114, 0.587, 0.299])).astype(np.uint8)
        return [_one(np.repeat(grey[..., None], 3, axis=2), IDENTITY)]


class Flip(Stage):
    """Mirror."""

    kind: Literal["flip"]
    axis: Literal["horizontal", "vertical"] = "horizontal"
    pairs: tuple[tuple[int, int], ...] | None = None
    """Keypoints, from 0, that change places, such as left and right eye."""

    def draw(self, pictures: Sequence[Pixels], images: Images, _: random.Random) -> list[Drawn]:  # noqa: ARG002
        """One picture."""
        height, width = pictures[0].shape[:2]
        if self.axis == "horizontal":
            return [_one(pictures[0][:, ::-1], mirror(width), self.pairs)]
        return [_one(pictures[0][::-1], overturn(height), self.pairs)]


class Rotate(Stage):
    """Turn counter-clockwise; an upright box becomes the upright box around the turned one."""

    kind: Literal["rotate"]
    degrees: Range
    grow: bool = True
    """Make room for the corners, instead of cutting them off."""
    colour: Colour = GREY

    def draw(
        self, pictures: Sequence[Pixels], images: Images, chance: random.Random
    ) -> list[Drawn]:
        """One picture."""
        height, width = pictures[0].shape[:2]
        degrees = _drawn(self.degrees, chance)
        matrix, wide, high = turn(degrees, width, height, grow=self.grow)
        if degrees % 90 == 0 and (wide, high) == (
            (width, height) if degrees % 180 == 0 else (height, width)
        ):
            return [_one(np.rot90(pictures[0], int(degrees // 90)), matrix)]
        return [_one(images.warp(pictures[0], matrix, wide, high, fill=self.colour), matrix)]


class Tile(Stage):
    """Cut into a grid, so that small objects stay large."""

    kind: Literal["tile"]
    columns: Annotated[int, Field(ge=1, le=64)] = 2
    rows: Annotated[int, Field(ge=1, le=64)] = 2
    overlap: Share = 0.0
    """Of a tile's side that its neighbour shows too."""

    def draw(self, pictures: Sequence[Pixels], images: Images, _: random.Random) -> list[Drawn]:  # noqa: ARG002
        """`rows` times `columns` pictures, named by row and column from 1."""
        height, width = pictures[0].shape[:2]
        found = []
        for row, (top, bottom) in enumerate(_spans(height, self.rows, self.overlap), 1):
            for column, (left, right) in enumerate(_spans(width, self.columns, self.overlap), 1):
                window = (0.0, 0.0, float(right - left), float(bottom - top))
                piece = Piece(0, shift(-left, -top), window)
                found.append(
                    Drawn(pictures[0][top:bottom, left:right], (piece,), f"~r{row}c{column}")
                )
        return found


class Light(Stage):
    """Change brightness, contrast and gamma: `255 * ((gain * v + bias) / 255) ** gamma`."""

    kind: Literal["brightness"]
    gain: Range = 1.0
    bias: Range = 0.0
    """Grey levels, of 255."""
    gamma: Range = 1.0

    def draw(
        self,
        pictures: Sequence[Pixels],
        images: Images,  # noqa: ARG002
        chance: random.Random,
    ) -> list[Drawn]:
        """One picture."""
        gain, bias = _drawn(self.gain, chance), _drawn(self.bias, chance)
        gamma = max(0.01, _drawn(self.gamma, chance))
        levels = np.clip((gain * np.arange(256) + bias) / 255, 0, 1) ** gamma
        table = np.rint(255 * levels).astype(np.uint8)
        return [_one(table[pictures[0]], IDENTITY)]


class Noise(Stage):
    """Add grain, as a sensor does in the dark."""

    kind: Literal["noise"]
    sigma: Range = 8.0
    """Standard deviation in grey levels."""

    def draw(
        self,
        pictures: Sequence[Pixels],
        images: Images,  # noqa: ARG002
        chance: random.Random,
    ) -> list[Drawn]:
        """One picture."""
        sigma = _drawn(self.sigma, chance)
        grain = np.random.default_rng(chance.getrandbits(128)).normal(0, 1, pictures[0].shape)
        noisy = np.clip(np.rint(pictures[0] + abs(sigma) * grain), 0, 255)
        return [_one(noisy.astype(np.uint8), IDENTITY)]


class Mosaic(Stage):
    """Four pictures of one split in one (Bochkovskiy et al., "YOLOv4", 2020, section 3.3)."""

    takes: ClassVar[int] = 4
    kind: Literal["mosaic"]
    width: Side
    height: Side
    splits: tuple[Split, ...] = ("train",)
    copies: Annotated[int, Field(ge=0, le=20)] = 1

    def draw(
        self, pictures: Sequence[Pixels], images: Images, chance: random.Random
    ) -> list[Drawn]:
        """One picture; each of the four covers its quarter, whose common corner is drawn."""
        x = round(self.width * chance.uniform(0.35, 0.65))
        y = round(self.height * chance.uniform(0.35, 0.65))
        canvas = np.full((self.height, self.width, 3), GREY, np.uint8)
        quarters = ((0, 0, x, y), (x, 0, self.width, y), (0, y, x, self.height))
        pieces = []
        for index, (x1, y1, x2, y2) in enumerate((*quarters, (x, y, self.width, self.height))):
            if x2 <= x1 or y2 <= y1:
                continue
            part, matrix = _covering(pictures[index], images, x2 - x1, y2 - y1)
            canvas[y1:y2, x1:x2] = part
            pieces.append(Piece(index, then(matrix, shift(x1, y1)), (x1, y1, x2, y2)))
        return [Drawn(canvas, tuple(pieces))]


AnyStage = Annotated[
    Resize | Letterbox | Grayscale | Flip | Rotate | Tile | Light | Noise | Mosaic,
    Field(discriminator="kind"),
]


class Recipe(Noun):
    """What a person writes: stages in order, and how the pictures are stored."""

    recipe: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]
    """Its name."""
    stages: Annotated[tuple[AnyStage, ...], Field(min_length=1, max_length=30)]
    encoding: Literal["png", "jpeg"] = "png"
    """PNG loses nothing; JPEG is a tenth of the size, but every stage encodes anew."""
    quality: Annotated[int, Field(ge=1, le=100)] = 92
    min_visible: Annotated[float, Field(ge=0, le=1)] = 0.3
    """An object of which less remains in a picture is left out of it."""

    @model_validator(mode="before")
    @classmethod
    def _kinds(cls, given: Any) -> Any:
        """`- grayscale` is short for `- {kind: grayscale}`."""
        if isinstance(given, dict) and isinstance(given.get("stages"), (list, tuple)):
            stages = [{"kind": s} if isinstance(s, str) else s for s in given["stages"]]
            return {**given, "stages": stages}
        return given

    def key(self, stage: Stage) -> Digest:
        """What decides, besides the samples, what a stage of this recipe makes."""
        quality = self.quality if self.encoding == "jpeg" else 0
        return digest_of(canonical_json([stage.digest, self.encoding, quality, self.min_visible]))

    @property
    def digest(self) -> Digest:
        """Of everything that decides about the outcome; not of the name."""
        return digest_of(canonical_json([[self.key(s), list(s.splits)] for s in self.stages]))


def _one(pixels: Pixels, matrix: Matrix, swap: tuple[tuple[int, int], ...] | None = None) -> Drawn:
    height, width = pixels.shape[:2]
    return Drawn(pixels, (Piece(0, matrix, (0.0, 0.0, float(width), float(height)), swap),))


def _drawn(value: Range, chance: random.Random) -> float:
    if isinstance(value, tuple):
        return value[0] + (value[1] - value[0]) * chance.random()
    return value


def _spans(length: int, parts: int, overlap: float) -> list[tuple[int, int]]:
    """Where each part begins and ends; together they cover the whole."""
    parts = min(parts, length)
    size = length / (parts - (parts - 1) * overlap)
    step = size * (1 - overlap)
    spans = [(floor(i * step + 1e-9), floor(i * step + size + 1e-9)) for i in range(parts)]
    spans[-1] = (spans[-1][0], length)
    return spans


def _covering(pixels: Pixels, images: Images, width: int, height: int) -> tuple[Pixels, Matrix]:
    """The middle of a picture, scaled to cover a size, and how its places moved."""
    high, wide = pixels.shape[:2]
    scale = max(width / wide, height / high)
    new_wide, new_high = max(width, round(wide * scale)), max(height, round(high * scale))
    scaled = images.resize(pixels, new_wide, new_high)
    left, top = (new_wide - width) // 2, (new_high - height) // 2
    matrix = then(scaling(new_wide / wide, new_high / high), shift(-left, -top))
    return scaled[top : top + height, left : left + width], matrix
