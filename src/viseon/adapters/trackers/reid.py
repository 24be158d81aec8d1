"""Appearance vectors from any ONNX ReID model."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from viseon.schema import Invalid, NotFound
from viseon.vision import Encoder
from viseon.vision.appearance import Embeddings, Image

_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_SPREAD = np.array([0.229, 0.224, 0.225], np.float32)
_SIZE = (256, 128)
"""Height and width where the file leaves them open: what person ReID models are trained on."""
_BATCH = 32


def encoder_for(path: Path) -> Encoder:
    """An encoder that crops, resizes, normalises as ImageNet does, and runs the file.

    The file takes one NCHW float32 tensor of RGB pictures and gives one (n, d) tensor. Raises
    NotFound for a missing file, Invalid for one that is no such model.
    """
    if not path.is_file():
        raise NotFound(f"encoder: no file {path}", fix="name an ONNX file with a ReID model")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except (ort.capi.onnxruntime_pybind11_state.InvalidProtobuf, RuntimeError) as error:
        raise Invalid(f"encoder: {path} is not an ONNX model") from error
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != "tensor(float)":
        shapes = ", ".join(f"{i.name} {i.shape} {i.type}" for i in inputs)
        raise Invalid(f"encoder: {path} takes {shapes}; expected one float tensor n x 3 x H x W")
    fixed, _, height, width = inputs[0].shape
    size = (_known(height, _SIZE[0]), _known(width, _SIZE[1]))
    return _OnnxEncoder(session, inputs[0].name, size, _known(fixed, _BATCH))


class _OnnxEncoder:
    def __init__(self, session: Any, name: str, size: tuple[int, int], batch: int) -> None:
        self._session, self._name = session, name
        self._size, self._batch = size, batch

    def __call__(self, image: Image, xyxy: NDArray[np.float32]) -> Embeddings:
        if not len(xyxy):
            return np.empty((0, 1), np.float32)
        crops = np.stack([self._crop(image, box) for box in xyxy])
        parts = [self._run(crops[i : i + self._batch]) for i in range(0, len(crops), self._batch)]
        return np.concatenate(parts)

    def _run(self, crops: NDArray[np.float32]) -> Embeddings:
        """One batch; short ones are filled up, because some files fix the batch size."""
        filled = np.resize(crops, (self._batch, *crops.shape[1:]))
        vectors = np.asarray(self._session.run(None, {self._name: filled})[0], np.float32)
        return vectors.reshape(self._batch, -1)[: len(crops)]

    def _crop(self, image: Image, box: NDArray[np.float32]) -> NDArray[np.float32]:
        height, width = image.shape[:2]
        x1, y1 = np.floor(box[:2]).astype(int).clip(0, (width - 1, height - 1)).tolist()
        x2, y2 = np.ceil(box[2:]).astype(int).clip((x1 + 1, y1 + 1), (width, height)).tolist()
        part = np.asarray(cv2.resize(image[y1:y2, x1:x2], self._size[::-1]))
        scaled = (part[..., ::-1].astype(np.float32) / 255 - _MEAN) / _SPREAD
        return np.ascontiguousarray(scaled.transpose(2, 0, 1))


def _known(size: Any, default: int) -> int:
    return size if isinstance(size, int) and size > 0 else default
