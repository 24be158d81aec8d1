"""Every family of heads: tiny graphs with known answers, brought in as a person would."""

import numpy as np
import pytest
from onnx import TensorProto

from viseon.adapters.images.raw import RawImages
from viseon.models import Overrides, load
from viseon.plugins import find

FRAME = np.zeros((32, 64, 3), np.uint8)
"""Twice as wide as high: letterboxed into 64 x 64 it lies 16 pixels down, at scale 1."""
LETTERBOX = np.array([0, 16, 0, 16], np.float32)
STRETCH = np.array([1, 2, 1, 2], np.float32)
"""Stretched into 64 x 64, heights double."""


@pytest.fixture
def bring(make_onnx):
    def bring(outputs, *, classes=(), overrides=None, **more):
        backend = find("backend", "onnxruntime").make({"threads": 1}, make_onnx(outputs, **more))
        return load(backend, RawImages(), classes=classes, overrides=overrides)

    return bring


def noise(*shape, low=0.01, high=0.05):
    return np.random.default_rng(0).uniform(low, high, shape).astype(np.float32)


def check(model, decoder, boxes, scores, classes, *, atol=1e-3):
    found = model(FRAME)
    assert model.signature.decoder == decoder, model.explain()
    np.testing.assert_allclose(found.xyxy, boxes, atol=atol)
    np.testing.assert_allclose(found.score, scores, atol=1e-5)
    assert found.class_id.tolist() == classes
    return found


CELLS = 64 + 16 + 4


def v8(extra=0, classes=3):
    """Two objects and a duplicate of the first, in centres and sizes of the input."""
    head = noise(4 + classes + extra, CELLS)
    head[:4] *= 1000
    head[:4, 5], head[4 : 4 + classes, 5] = [20, 32, 10, 8], [0.1, 0.9, 0.1][:classes]
    head[:4, 6], head[4 : 4 + classes, 6] = [20.5, 32, 10, 8], [0.1, 0.8, 0.1][:classes]
    head[:4, 70], head[4 : 4 + classes, 70] = [40, 30, 4, 6], [0.7, 0.1, 0.1][:classes]
    return head


V8_BOXES = np.array([[15, 28, 25, 36], [38, 27, 42, 33]], np.float32) - LETTERBOX


def test_yolov8_and_its_kin(bring):
    model = bring(
        {"output0": v8()}, metadata={"names": "{0: 'a', 1: 'b', 2: 'c'}", "task": "detect"}
    )
    check(model, "yolov8", V8_BOXES, [0.9, 0.7], [1, 0])
    assert model.classes == ("a", "b", "c")
    wants = model.signature.input
    assert (wants.color, wants.resize) == ("rgb", "letterbox")
    assert wants.scale == pytest.approx(1 / 255)


def test_yolov8_with_its_axes_turned(bring):
    model = bring({"output0": v8().T.copy()}, classes=["a", "b", "c"])
    check(model, "yolov8", V8_BOXES, [0.9, 0.7], [1, 0])


@pytest.mark.parametrize("batch", [1, "n"])
def test_yolov8_at_a_size_the_graph_leaves_open(bring, batch):
    head = v8()
    model = bring(
        {"output0": head}, shape=(batch, 3, "h", "w"), overrides=Overrides(width=64, height=64)
    )
    check(model, "yolov8", V8_BOXES, [0.9, 0.7], [1, 0])
    assert "you said so" in model.explain()
    told = bring({"output0": head}, shape=(batch, 3, "h", "w"), metadata={"imgsz": "[64, 64]"})
    assert told.signature.input.width == 64


def test_yolov8_segmentation_draws_its_masks_on_the_frame(bring):
    head = v8(extra=2)
    head[7:, 5], head[7:, 70] = [1, 0], [0, 1]
    protos = np.full((2, 16, 16), -1, np.float32)
    protos[0, 7:9, 4:6] = 1  # input pixels 16..24, 28..36
    protos[1, :, :] = 1
    model = bring({"output0": head, "output1": protos})
    found = check(model, "yolov8", V8_BOXES, [0.9, 0.7], [1, 0])
    masks = np.asarray(found.mask)
    assert masks.shape == (2, 32, 64)
    assert model.signature.task == "segment"
    rows, columns = np.nonzero(masks[0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (12, 19, 16, 23)
    rows, columns = np.nonzero(masks[1])  # everywhere inside: cut off by the box
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (11, 16, 38, 41)


def test_yolov8_pose_gives_seventeen_joints_on_the_frame(bring):
    head = v8(extra=51, classes=1)
    head[4, :] = 0.01
    head[4, 5] = 0.9
    points = np.stack([np.linspace(16, 24, 17), np.linspace(29, 35, 17), np.full(17, 0.5)], 1)
    head[5:, 5] = points.ravel()
    for said in ({"task": "pose", "kpt_shape": "[17, 3]"}, {}):
        model = bring({"output0": head}, metadata=said)
        found = check(model, "yolov8", V8_BOXES[:1], [0.9], [0])
        assert found.keypoints.shape == (1, 17, 3)
        np.testing.assert_allclose(found.keypoints[0], points - [0, 16, 0], atol=1e-4)
        assert model.signature.task == "pose"


def test_yolov8_obb_gives_corners(bring):
    head = v8(extra=1)
    head[7, :] = 0
    head[7, 5] = np.pi / 2
    head[7, 6] = np.pi / 2
    model = bring({"output0": head}, metadata={"task": "obb"})
    found = model(FRAME)
    assert model.signature.task == "obb"
    np.testing.assert_allclose(found.xyxy[0], [16, 11, 24, 21], atol=1e-3)  # 10 x 8 stood up
    assert found.score.tolist() == pytest.approx([0.9, 0.7])
    corners = found.keypoints[0, :, :2]
    np.testing.assert_allclose(
        sorted(map(tuple, corners.round(2))), [(16, 11), (16, 21), (24, 11), (24, 21)], atol=1e-2
    )
    told = bring({"output0": head}, classes=["a", "b", "c"])
    assert told.signature.options == {"rotated": True}


def test_yolov5_and_v7_multiply_objectness(bring):
    rows = noise(3 * CELLS, 8)
    rows[5] = [20, 32, 10, 8, 0.9, 0.1, 1.0, 0.1]
    rows[6] = [20.5, 32, 10, 8, 0.8, 0.1, 1.0, 0.1]
    rows[200] = [40, 30, 4, 6, 1.0, 0.7, 0.1, 0.1]
    rows[90] = [50, 50, 9, 9, 0.4, 0.5, 0.1, 0.1]  # 0.2 in all: below the threshold
    check(bring({"output": rows}), "yolov5", V8_BOXES, [0.9, 0.7], [1, 0])


def test_yolov5_segmentation(bring):
    rows = noise(3 * CELLS, 10)
    rows[5] = [20, 32, 10, 8, 0.9, 0.1, 1.0, 0.1, 1, 0]
    protos = np.full((2, 16, 16), -1, np.float32)
    protos[0] = 1
    found = check(bring({"output0": rows, "output1": protos}), "yolov5", V8_BOXES[:1], [0.9], [1])
    assert np.asarray(found.mask).sum() == 80


@pytest.mark.parametrize("extra", [0, 51])
def test_yolov10_and_v26_are_not_suppressed_again(bring, extra):
    rows = np.zeros((300, 6 + extra), np.float32)
    rows[0, :6] = [15, 28, 25, 36, 0.9, 1]
    rows[1, :6] = [15, 28, 25, 36, 0.8, 1]
    rows[2, :6] = [38, 27, 42, 33, 0.1, 0]
    model = bring({"output0": rows})
    found = check(model, "yolov10", V8_BOXES[[0, 0]], [0.9, 0.8], [1, 1])
    assert (found.keypoints is not None) == bool(extra)


def test_yolov26_segmentation_and_obb(bring):
    rows = np.zeros((300, 8), np.float32)
    rows[0] = [15, 28, 25, 36, 0.9, 1, 1, 0]
    protos = np.ones((2, 16, 16), np.float32)
    found = check(bring({"a": rows, "b": protos}), "yolov10", V8_BOXES[:1], [0.9], [1])
    assert np.asarray(found.mask).sum() == 80
    rows = np.zeros((300, 7), np.float32)
    rows[0] = [20, 32, 10, 8, 0.9, 1, 0]
    check(bring({"a": rows}, file="obb.onnx"), "yolov10", V8_BOXES[:1], [0.9], [1])


@pytest.mark.parametrize("raw", [True, False])
def test_yolox_raw_and_decoded(bring, raw):
    rows = noise(CELLS, 8)
    cell = 64 + 1 * 4 + 1  # stride 16, row 1, column 1
    if raw:
        rows[cell] = [0.25, 1.0, np.log(10 / 16), np.log(8 / 16), 0.9, 0.1, 1.0, 0.1]
        box = [15, 28, 25, 36]
    else:
        rows[:, :2] = np.linspace(0, 64, CELLS)[:, None]
        rows[cell] = [20, 32, 10, 8, 0.9, 0.1, 1.0, 0.1]
        box = [15, 28, 25, 36]
    check(bring({"output": rows}), "yolox", [box], [0.9], [1])  # top-left: nothing to shift


def test_yolov6_looks_like_yolox_but_is_fed_like_yolov8(bring):
    rows = noise(CELLS, 8)
    rows[:, :2] = np.linspace(0, 64, CELLS)[:, None]
    rows[:, 4] = 1
    rows[9] = [20, 32, 10, 8, 1, 0.1, 0.9, 0.1]
    model = bring({"output": rows})
    check(model, "yolox", V8_BOXES[:1], [0.9], [1])
    assert model.signature.input.color == "rgb"


def logit(p):
    return np.log(p / (1 - p))


def queries(n, classes, low=-6.0):
    boxes = np.random.default_rng(0).uniform(0.1, 0.5, (n, 4)).astype(np.float32)
    scores = np.full((n, classes), low, np.float32)
    boxes[7], boxes[9] = [20 / 64, 0.5, 10 / 64, 0.125], [40 / 64, 30 / 64, 4 / 64, 6 / 64]
    return boxes, scores


SET_BOXES = np.array([[15, 28, 25, 36], [38, 27, 42, 33]], np.float32) / STRETCH


@pytest.mark.parametrize("names", [("dets", "labels"), ("pred_boxes", "logits")])
def test_rfdetr_and_rtdetr_score_each_class_by_itself(bring, names):
    boxes, scores = queries(300, 3)
    scores[7, 1], scores[9, 0] = logit(0.9), logit(0.7)
    model = bring({names[1]: scores, names[0]: boxes}, classes=["a", "b", "c"])
    check(model, "detr", SET_BOXES, [0.9, 0.7], [1, 0])
    assert model.signature.input.resize == "stretch"
    assert bool(model.signature.input.mean) == (names[0] == "dets")


def test_detr_has_a_class_for_nothing(bring):
    boxes, scores = queries(100, 4, low=0.0)
    scores[:, 3] = 8.0
    scores[7], scores[9] = np.log([0.05, 0.9, 0.04, 0.01]), np.log([0.7, 0.1, 0.1, 0.1])
    model = bring({"logits": scores, "pred_boxes": boxes}, classes=["a", "b", "c"])
    check(model, "detr", SET_BOXES, [0.9, 0.7], [1, 0])
    assert model.signature.options["activation"] == "softmax"


def test_ultralytics_rtdetr_has_both_in_one(bring):
    boxes, _ = queries(300, 3)
    rows = np.concatenate([boxes, noise(300, 3)], axis=1)
    rows[7, 4:], rows[9, 4:] = [0.1, 0.9, 0.1], [0.7, 0.1, 0.1]
    check(bring({"output0": rows}), "detr", SET_BOXES, [0.9, 0.7], [1, 0])


def test_dfine_is_told_the_size_and_gives_lists(bring):
    outputs = {
        "labels": np.array([1, 0, 2], np.int64),
        "boxes": np.array([[15, 28, 25, 36], [38, 27, 42, 33], [0, 0, 9, 9]], np.float32),
        "scores": np.array([0.9, 0.7, 0.1], np.float32),
    }
    model = bring(outputs, extra={"orig_target_sizes": (TensorProto.INT64, ["batch", 2])})
    check(model, "postprocessed", SET_BOXES, [0.9, 0.7], [1, 0])
    assert model.signature.input.extra == {"orig_target_sizes": (64, 64)}


def test_tensorflow_ssd_has_y_first_and_counts_from_one(bring):
    outputs = {
        "detection_boxes": np.array([[28, 15, 36, 25], [27, 38, 33, 42], [0, 0, 9, 9]], np.float32)
        / 64,
        "detection_classes": np.array([2, 1, 1], np.float32),
        "detection_scores": np.array([0.9, 0.7, 0.6], np.float32),
        "num_detections": np.array(2, np.float32),
    }
    model = bring(outputs, shape=(1, 64, 64, 3), dtype="uint8", name="input_tensor")
    check(model, "postprocessed", SET_BOXES, [0.9, 0.7], [1, 0])
    assert (model.signature.input.layout, model.signature.input.dtype) == ("nhwc", "uint8")


def test_torchvision_counts_from_one(bring):
    outputs = {
        "boxes": np.array([[15, 28, 25, 36], [38, 27, 42, 33]], np.float32),
        "labels": np.array([2, 1], np.int64),
        "scores": np.array([0.9, 0.7], np.float32),
    }
    check(bring(outputs), "postprocessed", SET_BOXES, [0.9, 0.7], [1, 0])


def test_efficient_nms_says_how_many_are_real(bring):
    outputs = {
        "num_dets": np.array([1], np.int32),
        "det_boxes": np.array([[15, 28, 25, 36], [38, 27, 42, 33]], np.float32),
        "det_scores": np.array([0.9, 0.7], np.float32),
        "det_classes": np.array([1, 0], np.int32),
    }
    check(bring(outputs), "postprocessed", V8_BOXES[:1], [0.9], [1])


def test_detection_output_has_rows_of_seven(bring):
    rows = np.zeros((1, 9, 7), np.float32)
    rows[0, 0] = [0, 2, 0.9, 15 / 64, 28 / 64, 25 / 64, 36 / 64]
    rows[0, 1] = [-1, 1, 0.9, 0, 0, 1, 1]
    check(
        bring({"detection_out": rows}, shape=(1, 3, 64, 64)),
        "detection-output",
        SET_BOXES[:1],
        [0.9],
        [1],
    )


def test_detectnet_v2_reads_its_grid(bring):
    coverage = np.zeros((2, 4, 4), np.float32)
    edges = np.zeros((8, 4, 4), np.float32)
    coverage[1, 2, 1] = 0.9  # centre (1 * 16 + 0.5, 2 * 16 + 0.5)
    x, y = 16.5 / 35, 32.5 / 35
    edges[4:, 2, 1] = [x - 15 / 35, y - 28 / 35, 25 / 35 - x, 36 / 35 - y]
    outputs = {"output_bbox/BiasAdd": edges, "output_cov/Sigmoid": coverage}
    check(bring(outputs), "detectnet-v2", SET_BOXES[:1], [0.9], [1])


def test_boxes_and_scores_as_yolo_nas_gives_them(bring):
    boxes = noise(CELLS, 4) * 100
    boxes[:, 2:] += boxes[:, :2]
    scores = noise(CELLS, 3)
    boxes[5], scores[5] = [15, 28, 25, 36], [0.1, 0.9, 0.1]
    check(
        bring({"boxes_out": boxes, "scores_out": scores}), "boxes-scores", V8_BOXES[:1], [0.9], [1]
    )


@pytest.mark.parametrize("form", ["logits", "shares", "scores"])
def test_classifiers_with_and_without_their_softmax(bring, form):
    shares = np.array([0.1, 0.7, 0.2], np.float32)
    numbers = {
        "logits": np.log(shares) * 1 + 3,
        "shares": shares,
        "scores": np.array([0.9, 0.8, 0.01]),
    }[form]
    model = bring({"output": numbers.astype(np.float32)}, classes=["cat", "dog", "cow"])
    found = model(FRAME)
    expected = ([0, 1], [0.9, 0.8]) if form == "scores" else ([1, 2, 0], [0.7, 0.2, 0.1])
    assert found.class_id.tolist() == expected[0]
    np.testing.assert_allclose(found.score, expected[1], atol=1e-5)
    assert model.signature.task == "classify"
    # The middle square of the frame is what the model saw.
    np.testing.assert_allclose(found.xyxy[0], [16, 0, 48, 32])


@pytest.mark.parametrize("form", ["logits", "numbers", "one"])
def test_semantic_segmentation_gives_a_mask_per_class(bring, form):
    numbers = np.zeros((16, 16), np.int64)
    numbers[4:8, 2:6] = 2
    if form == "logits":
        answer = np.where(np.arange(3)[:, None, None] == numbers, 8.0, 0.0).astype(np.float32)
    elif form == "one":
        answer = np.where(numbers == 2, 4.0, -4.0).astype(np.float32)[None]
    else:
        answer = numbers
    known = None if form == "one" else Overrides(options={"background": 0})
    model = bring({"output": answer}, overrides=known)
    found = model(FRAME)
    assert found.class_id.tolist() == ([0] if form == "one" else [2])
    np.testing.assert_allclose(found.xyxy[0], [8, 8, 24, 16])
    mask = np.asarray(found.mask)[0]
    assert mask.shape == (32, 64)
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 15, 8, 23)


def test_half_precision_inputs_and_outputs_are_fine(bring):
    model = bring({"output0": v8().astype(np.float16)}, dtype="float16")
    assert model.signature.input.dtype == "float16"
    found = model(FRAME)
    np.testing.assert_allclose(found.xyxy, V8_BOXES, atol=0.1)


def test_outputs_in_another_order_do_not_matter(bring):
    protos = np.ones((2, 16, 16), np.float32)
    model = bring({"protos": protos, "boxes": v8(extra=2)})
    assert model.signature.outputs == ("boxes", "protos")
    check(model, "yolov8", V8_BOXES, [0.9, 0.7], [1, 0])


def test_a_grey_model_gets_one_channel(bring):
    model = bring({"output0": v8()}, shape=("n", 1, 64, 64))
    assert model.signature.input.color == "gray"
    check(model, "yolov8", V8_BOXES, [0.9, 0.7], [1, 0])


def test_many_masks_of_a_large_frame_come_encoded_and_mean_the_same(bring, monkeypatch):
    head = v8(extra=1)
    head[7, :] = 1
    model = bring({"output0": head, "output1": np.ones((1, 16, 16), np.float32)})
    dense = model(FRAME).mask
    monkeypatch.setattr("viseon.inference.masks._DENSE_BYTES", 10)
    encoded = model(FRAME).mask
    assert not isinstance(encoded, np.ndarray)
    assert np.array_equal(np.asarray(encoded), dense)
