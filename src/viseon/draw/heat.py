"""Where time is spent, as colours over a picture."""

import cv2
import numpy as np

from viseon.draw.palette import WHITE, Image, stroke
from viseon.vision import Heatmap


def heatmap(image: Image, heat: Heatmap, *, opacity: float = 0.6) -> Image:
    """Blend the heat into the picture, clearer where there is more of it. Changes `image`."""
    height, width = image.shape[:2]
    smooth = np.asarray(cv2.GaussianBlur(heat.normalized(), (0, 0), 1.2), np.float64)
    share = smooth / max(float(smooth.max()), 1e-6)
    whole = np.asarray(cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR))
    colours = cv2.applyColorMap((whole * 255).astype(np.uint8), cv2.COLORMAP_TURBO)
    weight = (np.sqrt(whole) * opacity)[..., None]
    image[:] = (image * (1 - weight) + colours * weight).astype(np.uint8)
    return image


def flow(image: Image, heat: Heatmap, *, every: int = 4, seconds: float = 0.5) -> Image:
    """Draw arrows as long as what is walked in `seconds`, one per few cells. Changes `image`."""
    rows, cols = heat.shape
    moving, spent = heat.flow, heat.seconds
    for top in range(0, rows, every):
        for left in range(0, cols, every):
            weight = spent[top : top + every, left : left + every]
            if weight.sum() <= 0:
                continue
            part = moving[top : top + every, left : left + every]
            mean = (part * weight[..., None]).sum(axis=(0, 1)) / weight.sum()
            cell = np.array(image.shape[1::-1]) / (cols, rows)
            start = (np.array([left, top]) + every / 2) * cell
            tail, tip = (np.round(p).astype(int).tolist() for p in (start, start + mean * seconds))
            if tail != tip:
                cv2.arrowedLine(image, tail, tip, WHITE, stroke(image), cv2.LINE_AA, tipLength=0.35)
    return image
