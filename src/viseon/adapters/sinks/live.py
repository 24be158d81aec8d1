"""The newest picture, for whoever is watching."""

import cv2
import numpy as np
from pydantic import Field, PositiveInt

from viseon.adapters.sinks.overlay import Overlay
from viseon.plugins import Plugin
from viseon.ports import Moment, SinkContext
from viseon.schema import Noun


class LiveConfig(Noun):
    """The live picture; every stream of a server has one without asking for it."""

    width: PositiveInt = Field(default=960, ge=64, description="Wider pictures are shrunk to it.")
    quality: int = Field(default=75, ge=1, le=100, description="JPEG quality.")


class LiveSink:
    """Draws only what will be seen."""

    def __init__(self, config: LiveConfig, context: SinkContext) -> None:
        self._config = config
        self._preview = context.preview
        self._overlay = Overlay(context)

    def write(self, moment: Moment) -> None:
        if self._preview is None or moment.final:
            return
        self._overlay.note(moment)
        time_s, index = moment.frame.time_s, moment.frame.index
        if not self._preview.wants(time_s):
            return
        picture = self._overlay.picture(moment)
        height, width = picture.shape[:2]
        if width > self._config.width:
            size = (self._config.width, round(height * self._config.width / width))
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        options = [cv2.IMWRITE_JPEG_QUALITY, self._config.quality]
        _, jpeg = cv2.imencode(".jpg", picture, options)
        self._preview.show(jpeg.tobytes(), index=index, time_s=time_s)

    def close(self) -> None:
        """Nothing is held back."""


plugin = Plugin("sink", "live", LiveConfig, LiveSink)
