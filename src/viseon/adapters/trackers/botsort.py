"""BoT-SORT as a plugin."""

from pathlib import Path

from pydantic import Field

from viseon.adapters.trackers.bytetrack import ByteTrackConfig
from viseon.adapters.trackers.reid import encoder_for
from viseon.plugins import Plugin
from viseon.vision import BoTSORT


class BotSortConfig(ByteTrackConfig):
    """Options of BoT-SORT: ByteTrack that follows the camera and knows its tracks' looks."""

    camera_motion: bool = Field(True, description="Correct predictions for a camera that moves.")
    encoder: Path | None = Field(
        None, description="ONNX file that turns a person's picture into a vector (ReID)."
    )


def build(config: BotSortConfig) -> BoTSORT:
    """A tracker for one stream."""
    options = config.model_dump(exclude={"encoder", "camera_motion"})
    encoder = None if config.encoder is None else encoder_for(config.encoder)
    return BoTSORT(camera_motion=config.camera_motion, encoder=encoder, **options)


plugin = Plugin("tracker", "botsort", BotSortConfig, build)
