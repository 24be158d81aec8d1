"""From frames to the tensor a model wants."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from viseon.inference.geometry import Placement, place
from viseon.ports import Images
from viseon.schema import InputSpec, Invalid

Pixels = NDArray[np.uint8]
Numbers = NDArray[np.generic]

_LUMA_BGR = np.array([0.114, 0.587, 0.299], np.float32)  # ITU-R BT.601


def prepare(frame: Pixels, spec: InputSpec, images: Images) -> tuple[Numbers, Placement]:
    """One frame (BGR, height x width x 3) as the model's input without the batch axis.

    Raises Invalid where the array is not a picture.
    """
    _check(frame)
    placement = place(frame.shape[1], frame.shape[0], spec)
    return tensor(_laid(frame, placement, spec, images), spec), placement


def stack(tensors: Sequence[Numbers]) -> Numbers:
    """A batch; one tensor is not copied."""
    return tensors[0][None] if len(tensors) == 1 else np.stack(tensors)


def tensor(canvas: Pixels, spec: InputSpec) -> Numbers:
    """BGR pixels of the input's size, in the model's colours, numbers and layout."""
    channels = _channels(canvas, spec)
    kind = np.dtype(spec.dtype)
    nchw = spec.layout == "nchw"
    shape = (len(channels), *canvas.shape[:2]) if nchw else (*canvas.shape[:2], len(channels))
    out = np.empty(shape, kind)
    planes = out if nchw else np.moveaxis(out, -1, 0)
    for index, channel in enumerate(channels):
        factor, shift = _linear(spec, index)
        if kind == np.uint8 or (factor == 1 and shift == 0):
            planes[index] = channel
        elif kind == np.float32:
            np.multiply(channel, np.float32(factor), out=planes[index])
            if shift:
                planes[index] += np.float32(shift)
        else:
            planes[index] = channel.astype(np.float32) * np.float32(factor) + np.float32(shift)
    return out


def _check(frame: Pixels) -> None:
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8:
        kind = getattr(frame, "dtype", type(frame).__name__)
        raise Invalid(f"a frame is {kind}", fix="pass uint8 pixels, BGR, height x width x 3")
    if frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise Invalid(
            f"a frame has shape {frame.shape}", fix="pass height x width x 3, in BGR order"
        )


def _laid(frame: Pixels, placement: Placement, spec: InputSpec, images: Images) -> Pixels:
    """The resized frame on the model's canvas; what sticks out is lost."""
    size = (placement.height, placement.width)
    small = frame if frame.shape[:2] == size else images.resize(frame, *size[::-1])
    if size == (spec.height, spec.width):
        return small
    if spec.resize == "crop":
        top, left = -placement.top, -placement.left
        return small[top : top + spec.height, left : left + spec.width]
    canvas = np.full((spec.height, spec.width, 3), spec.pad_value, np.uint8)
    top, left = placement.top, placement.left
    canvas[top : top + size[0], left : left + size[1]] = small
    return canvas


def _channels(canvas: Pixels, spec: InputSpec) -> list[Numbers]:
    if spec.color == "gray":
        gray = canvas @ _LUMA_BGR
        return [np.rint(gray).astype(np.uint8)]
    order = (0, 1, 2) if spec.color == "bgr" else (2, 1, 0)
    return [canvas[:, :, index] for index in order]


def _linear(spec: InputSpec, channel: int) -> tuple[float, float]:
    """`x * scale`, less the mean, over the deviation, as one factor and one shift."""
    mean = spec.mean[channel] if spec.mean else 0.0
    deviation = spec.std[channel] if spec.std else 1.0
    return spec.scale / deviation, -mean / deviation
