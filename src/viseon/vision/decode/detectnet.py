"""DetectNet_v2, NVIDIA TAO's grid detector: coverage and box edges per cell and class."""

from collections.abc import Sequence

import numpy as np

from viseon.vision.decode.contract import Array, Ask, BadOutputs, Floats, Found, as_float, survivors


def detectnet_v2(
    outputs: Sequence[Array], ask: Ask, /, *, scale: float = 35.0, offset: float = 0.5
) -> list[Found]:
    """Coverage (batch, classes, rows, columns) and edges (batch, 4 x classes, rows, columns).

    A cell's centre is (index * stride + offset) / scale; its four numbers are the distances to the
    left, top, right and bottom edge, left and top counted backwards, in units of `scale` pixels
    (TAO's documentation of the box normalisation).
    """
    if len(outputs) != 2:
        raise BadOutputs(f"{len(outputs)} outputs, but two are needed: coverage, then boxes")
    coverage, edges = (as_float(output) for output in outputs)
    if coverage.ndim != 4 or edges.shape != (
        len(coverage), 4 * coverage.shape[1], *coverage.shape[2:],
    ):  # fmt: skip
        raise BadOutputs(
            f"shapes {coverage.shape} and {edges.shape}, expected (batch, classes, rows, columns) "
            "and (batch, 4 x classes, rows, columns)"
        )
    stride = (ask.height / coverage.shape[2], ask.width / coverage.shape[3])
    return [
        _read(cover, edge.reshape(len(cover), 4, *cover.shape[1:]), stride, (scale, offset), ask)
        for cover, edge in zip(coverage, edges, strict=True)
    ]


def _read(
    coverage: Floats,
    edges: Floats,
    stride: tuple[float, float],
    norm: tuple[float, float],
    ask: Ask,
) -> Found:
    class_id, row, column = np.nonzero(coverage >= ask.min_score)
    score = coverage[class_id, row, column]
    scale, offset = norm
    x, y = (column * stride[1] + offset) / scale, (row * stride[0] + offset) / scale
    left, top, right, bottom = edges[class_id, :, row, column].T
    edges_px = np.stack([x - left, y - top, x + right, y + bottom], axis=1) * scale
    xyxy: Floats = edges_px.astype(np.float32)
    xyxy[:, 2:] = np.maximum(xyxy[:, 2:], xyxy[:, :2])
    keep = survivors(xyxy, score, class_id, ask)
    return Found(xyxy[keep], score[keep], class_id[keep])
