"""A synthetic street with known truth, for demos and tests."""

from collections.abc import Iterator
from datetime import UTC, datetime

from pydantic import Field, PositiveFloat, PositiveInt

from viseon.adapters.sources.recording import Recording
from viseon.plugins import Plugin
from viseon.ports import Frame
from viseon.scene import World


class SceneConfig(Recording):
    """A street in front of a shop: the same seed gives the same pictures to the last bit."""

    seed: int = Field(default=1, ge=0, description="Which street and which people.")
    duration_s: PositiveFloat | None = Field(
        default=None, le=86_400, description="Where it ends; it does not if absent."
    )
    live: bool = Field(
        default=False,
        description="It happens now: events carry the time of day, and are new on every start.",
    )
    fps: PositiveFloat = Field(default=25.0, le=240, description="Frames per second.")
    people: PositiveInt = Field(default=6, le=64, description="How many are about on average.")
    width: PositiveInt | None = Field(default=None, ge=64, le=7680, description="Pixels.")
    height: PositiveInt | None = Field(default=None, ge=64, le=4320, description="Pixels.")


class SceneSource:
    """The frames of one `World`."""

    def __init__(self, config: SceneConfig) -> None:
        usual = World(config.seed)
        size = (config.width or usual.width, config.height or usual.height)
        self._world = World(
            config.seed, config.duration_s, config.fps, size=size, people=config.people
        )
        self._started_at = config.started_at.astimezone(UTC)
        self._live = config.live
        self._open = True

    @property
    def started_at(self) -> datetime:
        return self._started_at

    @property
    def fps(self) -> float:
        return self._world.fps

    @property
    def total(self) -> int | None:
        return self._world.total

    def frames(self) -> Iterator[Frame]:
        index = 0
        if self._live:
            self._started_at = datetime.now(UTC)
        while self._open and (self.total is None or index < self.total):
            yield Frame(self._world.frame(index), index, round(index / self.fps, 6))
            index += 1

    def close(self) -> None:
        self._open = False


plugin = Plugin("source", "scene", SceneConfig, SceneSource)
