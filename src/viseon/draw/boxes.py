"""Boxes with names, and the paths behind them."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from viseon.draw.labels import labels
from viseon.draw.palette import Colour, Image, colour, stroke
from viseon.vision import Detections, Tracks


def boxes(
    image: Image,
    detections: Detections,
    *,
    texts: Sequence[str] = (),
    colours: Sequence[Colour] | None = None,
) -> Image:
    """Draw each box in the colour of its class, with its text if given. Changes `image`."""
    tints = [colour(i) for i in detections.class_id.tolist()] if colours is None else list(colours)
    corners = np.round(detections.xyxy).astype(int).tolist()
    for (x1, y1, x2, y2), tint in zip(corners, tints, strict=True):
        cv2.rectangle(image, (x1, y1), (x2, y2), tint, stroke(image))
    if texts:
        labels(image, texts, [(x1, y1) for x1, y1, _, _ in corners], colours=tints)
    return image


def tracks(
    image: Image, followed: Tracks, *, class_names: Sequence[str] = (), scores: bool = False
) -> Image:
    """Draw each track in its own colour, labelled like "person #42". Changes `image`."""
    texts = []
    rows = zip(
        followed.class_id.tolist(), followed.track_id.tolist(), followed.score.tolist(), strict=True
    )
    for class_id, track_id, score in rows:
        name = class_names[class_id] if class_id < len(class_names) else ""
        text = f"{name} #{track_id}".strip()
        texts.append(f"{text} {score:.2f}" if scores else text)
    tints = [colour(i) for i in followed.track_id.tolist()]
    return boxes(image, followed.detections, texts=texts, colours=tints)


class Traces:
    """The paths of the last `length_s` seconds: feed every frame, draw when wanted."""

    def __init__(self, *, length_s: float = 2.0) -> None:
        self._length_s = length_s
        self._paths: dict[int, list[tuple[float, float, float]]] = {}

    def update(self, followed: Tracks) -> None:
        """Add where each track stands (bottom centre) and drop what is older than `length_s`."""
        box = followed.xyxy
        middle = ((box[:, 0] + box[:, 2]) / 2).tolist()
        rows = zip(followed.track_id.tolist(), middle, box[:, 3].tolist(), strict=True)
        for track_id, x, y in rows:
            self._paths.setdefault(track_id, []).append((followed.time_s, x, y))
        oldest = followed.time_s - self._length_s
        kept = {i: [p for p in path if p[0] >= oldest] for i, path in self._paths.items()}
        self._paths = {i: path for i, path in kept.items() if path}

    def draw(self, image: Image) -> Image:
        """Draw each path in its track's colour, thinner towards the past. Changes `image`."""
        for track_id, path in self._paths.items():
            points: NDArray[np.int64] = np.round([p[1:] for p in path]).astype(int)
            for i in range(1, len(points)):
                width = max(1, round(stroke(image) * (0.5 + i / len(points))))
                ends = tuple(points[i - 1].tolist()), tuple(points[i].tolist())
                cv2.line(image, *ends, colour(track_id), width, cv2.LINE_AA)
        return image
