"""A folder of pictures, as if it were a video."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from viseon.adapters.sources.recording import Recording
from viseon.plugins import Plugin
from viseon.ports import Frame
from viseon.schema import Invalid, NotFound

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}


class FolderConfig(Recording):
    """Pictures of one size, in natural order (`2.png` before `10.png`)."""

    path: Path = Field(description="The folder; relative to the folder of the stream's YAML.")
    fps: PositiveFloat = Field(default=10.0, le=1000, description="Pictures per second.")


class FolderSource:
    """One frame per picture."""

    def __init__(self, config: FolderConfig) -> None:
        if not config.path.is_dir():
            raise NotFound(f"there is no folder {config.path}", fix="check source.path")
        found = (p for p in config.path.iterdir() if p.suffix.lower() in SUFFIXES)
        self._paths = sorted((p for p in found if p.is_file()), key=_natural)
        if not self._paths:
            raise Invalid(
                f"{config.path} holds no picture", fix=f"known are {', '.join(sorted(SUFFIXES))}"
            )
        self._started_at = config.started_at.astimezone(UTC)
        self._fps = config.fps
        self._open = True

    @property
    def started_at(self) -> datetime:
        return self._started_at

    @property
    def fps(self) -> float:
        return self._fps

    @property
    def total(self) -> int | None:
        return len(self._paths)

    def frames(self) -> Iterator[Frame]:
        first: NDArray[np.uint8] | None = None
        for index, path in enumerate(self._paths):
            if not self._open:
                return
            pixels = _read(path)
            if first is None:
                first = pixels
            elif pixels.shape != first.shape:
                raise Invalid(
                    f"{path.name} is {_size(pixels)}, but {self._paths[0].name} is {_size(first)}",
                    fix="all pictures of a stream have one size: put the others elsewhere",
                )
            yield Frame(pixels, index, round(index / self._fps, 6))

    def close(self) -> None:
        self._open = False


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Numbers inside names count as numbers."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p]


def _read(path: Path) -> NDArray[np.uint8]:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    data = np.frombuffer(path.read_bytes(), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if pixels is None:
        raise Invalid(f"{path} cannot be read as a picture", fix="is it complete? Remove it if not")
    return np.asarray(pixels, np.uint8)


def _size(pixels: NDArray[np.uint8]) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"


plugin = Plugin("source", "folder", FolderConfig, FolderSource)
