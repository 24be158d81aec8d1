"""Video files, through OpenCV and the FFmpeg libraries inside it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from pydantic import Field

from viseon.adapters.sources.recording import Recording
from viseon.plugins import Plugin
from viseon.ports import Frame
from viseon.schema import Invalid, NotFound


class VideoConfig(Recording):
    """A video file: MP4, MKV, AVI, MOV, WebM, …"""

    path: Path = Field(description="The file; relative to the folder of the stream's YAML.")


class VideoSource:
    """Frames with the times the file gives them."""

    def __init__(self, config: VideoConfig) -> None:
        self._path = config.path
        self._started_at = config.started_at.astimezone(UTC)
        if not self._path.exists():
            raise NotFound(f"there is no video {self._path}", fix="check source.path")
        if not self._path.is_file():
            raise Invalid(
                f"{self._path} is not a file", fix="for a folder of pictures use `kind: folder`"
            )
        # stderr is for people; what OpenCV would print there is said by our own errors
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        self._capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
        if not self._capture.isOpened() or self._get(cv2.CAP_PROP_FRAME_WIDTH) < 1:
            raise Invalid(
                f"{self._path} cannot be read as a video",
                fix="is it complete? `ffmpeg -i` names the codec, and converts it if need be",
            )

    @property
    def started_at(self) -> datetime:
        return self._started_at

    @property
    def fps(self) -> float:
        fps = self._get(cv2.CAP_PROP_FPS)
        return fps if np.isfinite(fps) and 0 < fps <= 1000 else 25.0

    @property
    def total(self) -> int | None:
        total = int(self._get(cv2.CAP_PROP_FRAME_COUNT))
        return total if total > 0 else None

    def frames(self) -> Iterator[Frame]:
        index, time_s = 0, 0.0
        while True:
            read, pixels = self._capture.read()
            if not read:
                break
            time_s = self._time_s(index, time_s)
            yield Frame(np.asarray(pixels, np.uint8), index, time_s)
            index += 1
        if index == 0:
            raise Invalid(f"{self._path} has no readable frame", fix="is it complete?")

    def close(self) -> None:
        self._capture.release()

    def _time_s(self, index: int, last_s: float) -> float:
        """The frame's own timestamp; its place in the file where there is none."""
        stamp_ms = self._get(cv2.CAP_PROP_POS_MSEC)
        time_s = stamp_ms / 1000 if index == 0 or stamp_ms > 0 else index / self.fps
        return max(last_s, round(time_s, 6))

    def _get(self, prop: int) -> float:
        return float(self._capture.get(prop))


plugin = Plugin("source", "video", VideoConfig, VideoSource)
