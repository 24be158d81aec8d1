"""An MP4 of the stream with everything drawn on it."""

from pathlib import Path

import cv2
from pydantic import Field

from viseon.adapters.sinks.files import part_of, ready
from viseon.adapters.sinks.overlay import Overlay
from viseon.plugins import Plugin
from viseon.ports import Moment, SinkContext
from viseon.schema import Failed, Invalid, Noun


class VideoSinkConfig(Noun):
    """A recording of the stream with boxes, ids, lines, zones and counts."""

    path: Path = Field(description="The file to write; relative to the folder of the YAML.")
    codec: str = Field(
        default="mp4v", min_length=4, max_length=4, description="FourCC of the encoder."
    )
    overlay: bool = Field(default=True, description="Draw on the frames; else they stay as taken.")


class VideoSink:
    """One frame per moment; the file appears under its name once it is whole."""

    def __init__(self, config: VideoSinkConfig, context: SinkContext) -> None:
        self._path = ready(config.path)
        self._part = part_of(self._path)
        self._overlay = Overlay(context) if config.overlay else None
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        fourcc = cv2.VideoWriter.fourcc(*config.codec)
        self._writer = cv2.VideoWriter(
            str(self._part), cv2.CAP_FFMPEG, fourcc, context.fps, context.size
        )
        self._frames = 0
        if not self._writer.isOpened():
            self._part.unlink(missing_ok=True)
            raise Invalid(
                f"cannot write {self._path} with codec {config.codec!r}",
                fix="is the folder writable? Use codec mp4v and a name ending in .mp4",
            )

    def write(self, moment: Moment) -> None:
        if moment.final:
            return
        picture = moment.frame.pixels
        if self._overlay is not None:
            self._overlay.note(moment)
            picture = self._overlay.picture(moment)
        self._writer.write(picture)
        self._frames += 1

    def close(self) -> None:
        if not self._writer.isOpened():
            return
        self._writer.release()
        if self._frames == 0:
            self._part.unlink(missing_ok=True)
            return
        # OpenCV does not say when the disk is full: a file that was not finished does not open.
        whole = cv2.VideoCapture(str(self._part), cv2.CAP_FFMPEG)
        try:
            if not whole.isOpened():
                raise Failed(f"{self._part} could not be finished", fix="is the disk full?")
        finally:
            whole.release()
        self._part.replace(self._path)


plugin = Plugin("sink", "video", VideoSinkConfig, VideoSink)
