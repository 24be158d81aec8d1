"""YOLOX: the reference formula, and the real YOLOX-nano on real frames."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.adapters.backends.onnx import OnnxBackend, OnnxConfig
from viseon.adapters.images.opencv import OpencvImages
from viseon.models import load
from viseon.vision.decode import Ask, BadOutputs, decoder


def reference_candidates(raw, width, height, strides=(8, 16, 32)):
    """Boxes (cxcywh) and scores, written out as the model's documentation says it."""
    boxes, scores, at = [], [], 0
    for stride in strides:
        for y in range(height // stride):
            for x in range(width // stride):
                row = raw[at].astype(np.float64)
                boxes.append([(row[0] + x) * stride, (row[1] + y) * stride,
                              np.exp(row[2]) * stride, np.exp(row[3]) * stride])  # fmt: skip
                scores.append(row[4] * row[5:])
                at += 1
    return np.array(boxes), np.array(scores)


def reference_detections(raw, size, ratio, min_score, max_iou):
    """Greedy suppression by class in plain loops, on boxes of the original frame."""
    boxes, scores = reference_candidates(raw, size, size)
    class_id, score = scores.argmax(1), scores.max(1)
    xyxy = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)
    xyxy /= ratio
    kept = []
    for i in sorted(np.flatnonzero(score >= min_score), key=lambda i: -score[i]):
        if all(class_id[i] != class_id[k] or overlap(xyxy[i], xyxy[k]) <= max_iou for k in kept):
            kept.append(i)
    return xyxy[kept], score[kept], class_id[kept]


def overlap(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(w, 0) * max(h, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_raw_rows_decode_as_the_formula_says(seed):
    rng = np.random.default_rng(seed)
    raw = rng.normal(0, 1, (1, 4 * 6 + 2 * 3 + 1 * 1, 7)).astype(np.float32)
    raw[..., 4:] = rng.random((1, raw.shape[1], 3))
    ask = Ask(48, 32, min_score=0.2, min_iou=1.0, max_found=1000)
    (found,) = decoder("yolox")([raw], ask)
    boxes, scores = reference_candidates(raw[0], 48, 32)
    order = [i for i in np.argsort(-scores.max(1), kind="stable") if scores[i].max() >= 0.2]
    centre, half = boxes[order, :2], boxes[order, 2:] / 2
    np.testing.assert_allclose(found.score, scores[order].max(1), rtol=1e-5)
    np.testing.assert_allclose(
        found.xyxy, np.concatenate([centre - half, centre + half], 1), rtol=1e-4, atol=1e-3
    )
    assert found.class_id.tolist() == scores[order].argmax(1).tolist()


def test_decoded_rows_are_taken_as_they_are():
    rows = np.array([[[10, 20, 4, 6, 1.0, 0.5, 0.25]]], np.float32)
    (found,) = decoder("yolox", {"decoded": True})([rows], Ask(64, 64))
    assert found.xyxy.tolist() == [[8, 17, 12, 23]]
    assert found.score.tolist() == [0.5]


@pytest.mark.parametrize("shape", [(1, 10, 85), (1, 3549, 5), (3549, 85)])
def test_a_shape_that_is_not_yolox_is_refused(shape):
    with pytest.raises(BadOutputs, match="strides|YOLOX"):
        decoder("yolox")([np.zeros(shape, np.float32)], Ask(416, 416))


@pytest.fixture(scope="module")
def nano(request):
    shared = request.getfixturevalue("shared_data")
    backend = OnnxBackend(OnnxConfig(threads=1), shared / "model" / "yolox_nano.onnx")
    model = load(backend, OpencvImages(), classes=shared / "model" / "coco80.txt")
    yield model, backend
    model.close()


@pytest.mark.parametrize("video", ["one-by-one-person-detection.mp4", "car-detection.mp4"])
def test_the_real_model_finds_what_the_reference_decode_finds(shared_data, nano, video):
    model, backend = nano
    capture = cv2.VideoCapture(str(shared_data / "video" / video))
    compared = 0
    for index in range(280):
        _, frame = capture.read()
        if index % 40:
            continue
        ratio = min(416 / frame.shape[0], 416 / frame.shape[1])
        canvas = np.full((416, 416, 3), 114, np.uint8)
        small = cv2.resize(frame, (int(frame.shape[1] * ratio), int(frame.shape[0] * ratio)))
        canvas[: small.shape[0], : small.shape[1]] = small
        raw = backend.run({"images": canvas.transpose(2, 0, 1)[None].astype(np.float32)})["output"]
        xyxy, score, class_id = reference_detections(raw[0], 416, ratio, 0.25, 0.5)
        found = model(frame)
        assert found.class_id.tolist() == class_id.tolist()
        np.testing.assert_allclose(found.score, score, atol=1e-4)
        np.testing.assert_allclose(found.xyxy, xyxy, atol=0.01)
        compared += len(found)
    assert compared >= 3


def test_the_real_model_is_recognised_and_explained(nano):
    model, _ = nano
    wants = model.signature.input
    assert (model.signature.decoder, wants.color, wants.scale) == ("yolox", "bgr", 1.0)
    assert (wants.resize, wants.pad_value) == ("letterbox-topleft", 114)
    assert "decoder: yolox, because output output has 3549 rows" in model.explain()
