"""Video files, through OpenCV and the FFmpeg libraries inside it."""

import logging
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

log = logging.getLogger(__name__)

_MOST_DAMAGED = 250
"""Frames in a row that cannot be decoded; beyond, the rest of the file is given up."""


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
        """Frames that are damaged are passed over; their numbers are not given to others."""
        index, time_s, damaged, in_a_row = 0, 0.0, 0, 0
        total = self.total
        while in_a_row <= _MOST_DAMAGED and not (total and index >= total and in_a_row):
            read, pixels = self._capture.read()
            if read:
                time_s, in_a_row = self._time_s(index, time_s), 0
                yield Frame(np.asarray(pixels, np.uint8), index, time_s)
            else:
                in_a_row += 1
                damaged += 1
            index += 1
        self._check_end(index - in_a_row, time_s)
        if damaged > in_a_row:
            told = {"path": str(self._path), "frames": damaged - in_a_row}
            log.warning("video.damaged", extra=told)

    def close(self) -> None:
        self._capture.release()

    def _check_end(self, frames: int, time_s: float) -> None:
        """A file cut short would give counts cut short, and nobody would know."""
        if frames == 0:
            raise Invalid(f"{self._path} has no readable frame", fix="is it complete?")
        total = self.total
        if total is None or frames >= 0.95 * total or time_s >= 0.95 * total / self.fps - 0.5:
            return  # both are guesses in some containers: only if both fall short
        raise Invalid(
            f"{self._path} ends after {frames} of {total} frames, at {time_s:.1f} s",
            fix="is it complete? What was seen until there is kept",
        )

    def _time_s(self, index: int, last_s: float) -> float:
        """The frame's own timestamp; its place in the file where there is none."""
        stamp_ms = self._get(cv2.CAP_PROP_POS_MSEC)
        time_s = stamp_ms / 1000 if index == 0 or stamp_ms > 0 else index / self.fps
        return max(last_s, round(time_s, 6))

    def _get(self, prop: int) -> float:
        return float(self._capture.get(prop))


plugin = Plugin("source", "video", VideoConfig, VideoSource)
