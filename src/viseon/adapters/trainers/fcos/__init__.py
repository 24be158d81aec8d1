"""A small anchor-free detector that learns on a CPU in minutes."""

from typing import Annotated

from pydantic import Field, PositiveInt, field_validator, model_validator

from viseon.plugins import Plugin
from viseon.ports import Trainer
from viseon.schema import Noun, Unavailable

Share = Annotated[float, Field(ge=0, le=1)]


class Config(Noun):
    """How to train. The defaults suit a few hundred pictures on two cores."""

    epochs: int = Field(default=36, ge=1, le=5000, description="Times every picture is seen.")
    batch: int = Field(default=16, ge=1, le=512, description="Pictures per step.")
    lr: float = Field(default=0.004, gt=0, le=1, description="Highest learning rate.")
    weight_decay: float = Field(
        default=0.02, ge=0, le=1, description="How hard the weights are pulled to zero."
    )
    warmup_epochs: float = Field(default=1.0, ge=0, description="The rate rises, then falls.")
    input_width: PositiveInt = Field(default=320, le=4096, description="A multiple of 32.")
    input_height: PositiveInt = Field(default=192, le=4096, description="A multiple of 32.")
    channels: int = Field(default=48, ge=8, le=512, description="Width of the head.")
    seed: int = Field(default=0, ge=0, lt=2**31, description="Of chance: same seed, same run.")
    flip: Share = Field(default=0.5, description="Share of pictures that are mirrored.")
    zoom: tuple[float, float] = Field(
        default=(0.6, 1.3), description="Smallest and largest size of the picture on the input."
    )
    shift: Share = Field(default=0.25, description="How far a picture may move off the middle.")
    color: Share = Field(default=0.3, description="How much brightness, contrast, tint may vary.")
    ema: float = Field(default=0.995, ge=0, lt=1, description="Decay of the averaged weights.")
    evaluate_every: PositiveInt = Field(default=2, description="Epochs between two evaluations.")
    patience: int = Field(
        default=0, ge=0, description="Evaluations without a better one before it stops; 0: never."
    )
    threads: int = Field(
        default=1, ge=1, le=256, description="CPU threads. More help only on an idle machine."
    )
    cache_mb: int = Field(default=1024, ge=0, description="Memory for decoded pictures.")

    @field_validator("input_width", "input_height")
    @classmethod
    def _strided(cls, size: int) -> int:
        if size % 32:
            raise ValueError(
                f"{size} is not a multiple of 32; try {max(32, round(size / 32) * 32)}"
            )
        return size

    @model_validator(mode="after")
    def _ordered(self) -> "Config":
        low, high = self.zoom
        if not 0.1 <= low <= high <= 10:  # noqa: PLR2004
            raise ValueError(f"zoom: {self.zoom} must be (smallest, largest) within 0.1 and 10")
        return self


def build(config: Config) -> Trainer:
    """The trainer. Raises Unavailable where torch or onnx is not installed."""
    try:
        import onnx  # noqa: F401
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise Unavailable(
            f"training needs {error.name}, which is not installed",
            fix="pip install 'viseon[train]'",
        ) from error
    from viseon.adapters.trainers.fcos.fit import Fcos

    return Fcos(config)


plugin = Plugin("trainer", "fcos", Config, build)
