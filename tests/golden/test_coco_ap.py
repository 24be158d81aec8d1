"""Average precision against the field's reference, pycocotools, on random and awkward cases."""

import contextlib
import io

import numpy as np
import pytest

from viseon.vision import Detections, VisionError
from viseon.vision.masks import as_rle, encode
from viseon.vision.metrics import coco_ap

pytest.importorskip("pycocotools", reason="pycocotools, the reference, is not installed")
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

SIZE = (120, 160)


def random_boxes(random, n, *, within=(160, 120), small=False):
    low = random.uniform(0, 0.8, (n, 2)) * within
    size = random.uniform(2, 30 if small else 110, (n, 2))
    return np.hstack([low, np.minimum(low + size, within)]).astype(np.float32)


def scene(seed, *, images=12, classes=4, most=14):
    """Truth, and detections that are shaken copies of it among false ones; scores often tie."""
    random = np.random.default_rng(seed)
    truth, found, crowd = [], [], []
    for _ in range(images):
        n = int(random.integers(0, most))
        box = random_boxes(random, n, small=random.random() < 0.3)
        class_id = random.integers(0, classes, n)
        truth.append(Detections(box, None, class_id))
        crowd.append(random.random(n) < 0.1)
        copies = random.integers(0, 3, n).repeat(1)
        rows = np.repeat(np.arange(n), copies)
        shaken = box[rows] + random.normal(0, 4, (len(rows), 4))
        false = random_boxes(random, int(random.integers(0, 5)))
        boxes = np.concatenate([shaken, false])
        boxes = np.stack([boxes[:, :2].clip(0, 150), boxes[:, 2:].clip(0, 160)], 1).reshape(-1, 4)
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
        labels = np.concatenate([class_id[rows], random.integers(0, classes + 1, len(false))])
        score = random.integers(1, 12, len(boxes)) / 12
        found.append(Detections(boxes.astype(np.float32), score, labels))
    return found, truth, crowd


def reference(found, truth, crowd, kind, *, area=None):
    """The same through pycocotools, from the same numbers."""
    images, annotations, results = [], [], []
    for i, (f, t) in enumerate(zip(found, truth, strict=True), start=1):
        images.append({"id": i, "height": SIZE[0], "width": SIZE[1]})
        for k in range(len(t)):
            entry = _entry(t, k, i, kind) | {
                "id": len(annotations) + 1,
                "iscrowd": int(crowd[i - 1][k]),
            }
            if area is not None:
                entry["area"] = float(area[i - 1][k])
            annotations.append(entry)
        results += [_entry(f, k, i, kind) | {"score": float(f.score[k])} for k in range(len(f))]
    gt = COCO()
    gt.dataset = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": int(c)} for c in {a["category_id"] for a in annotations}],
        "info": {},
    }
    name = {"boxes": "bbox", "masks": "segm", "keypoints": "keypoints"}[kind]
    with contextlib.redirect_stdout(io.StringIO()):
        gt.createIndex()
        for r in results:
            r.pop("area", None)
            if kind != "boxes":
                r.pop("bbox")
        judge = COCOeval(gt, gt.loadRes(results), name)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge


def _entry(detections, k, image, kind):
    x1, y1, x2, y2 = detections.xyxy[k].astype(float).tolist()
    entry = {
        "image_id": image,
        "category_id": int(detections.class_id[k]) + 1,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": (x2 - x1) * (y2 - y1),
    }
    if kind == "masks":
        mask = np.asarray(detections.mask)[k].astype(np.uint8)
        entry["segmentation"] = coco_mask.encode(np.asfortranarray(mask))
        entry["area"] = float(mask.sum())
    if kind == "keypoints":
        points = detections.keypoints[k].astype(float)
        entry["keypoints"] = points.ravel().tolist()
        entry["num_keypoints"] = int((points[:, 2] > 0).sum())
    return entry


def same(ours, judge):
    np.testing.assert_allclose(ours.stats, judge.stats, atol=1e-6)
    p = judge.eval["precision"][..., -1]
    np.testing.assert_allclose(ours.precision, p[:, :, : len(ours.class_id)], atol=1e-6)
    np.testing.assert_allclose(ours.recall, judge.eval["recall"], atol=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_box_ap_equals_pycocotools(seed):
    found, truth, crowd = scene(seed)
    if sum(map(len, found)) == 0:
        pytest.skip("nothing found")
    same(coco_ap(found, truth, crowd=crowd), reference(found, truth, crowd, "boxes"))


def test_box_ap_with_given_areas_equals_pycocotools():
    found, truth, crowd = scene(3)
    random = np.random.default_rng(0)
    area = [random.uniform(10, 12000, len(t)) for t in truth]
    expected = reference(found, truth, crowd, "boxes", area=area)
    same(coco_ap(found, truth, crowd=crowd, area=area), expected)


def test_more_than_a_hundred_detections_in_an_image_equal_pycocotools():
    random = np.random.default_rng(5)
    truth = [Detections(random_boxes(random, 150)) for _ in range(2)]
    found = [Detections(t.xyxy[random.permutation(150)], random.random(150)) for t in truth]
    crowd = [np.zeros(150, bool)] * 2
    same(coco_ap(found, truth), reference(found, truth, crowd, "boxes"))


@pytest.mark.parametrize("seed", range(3))
def test_mask_ap_equals_pycocotools(seed):
    random = np.random.default_rng(seed)
    found, truth, crowd = scene(seed, images=6, classes=2, most=6)
    found = [_masked(f, random) for f in found]
    truth = [_masked(t, random) for t in truth]
    ours = coco_ap(found, truth, kind="masks", crowd=crowd)
    same(ours, reference(found, truth, crowd, "masks"))
    dense = [Detections(f.xyxy, f.score, f.class_id, np.asarray(f.mask)) for f in found]
    assert coco_ap(dense, truth, kind="masks", crowd=crowd).stats.tolist() == ours.stats.tolist()


def _masked(detections, random):
    """Ellipses in the boxes, some with a bite taken out."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    masks = []
    for x1, y1, x2, y2 in detections.xyxy.tolist():
        centre, radius = ((x1 + x2) / 2, (y1 + y2) / 2), ((x2 - x1) / 2, (y2 - y1) / 2)
        mask = ((x - centre[0]) / radius[0]) ** 2 + ((y - centre[1]) / radius[1]) ** 2 <= 1
        mask[int(centre[1]), int(centre[0])] = True
        if random.random() < 0.3:
            mask &= x < centre[0] + 1
        masks.append(mask)
    dense = np.array(masks) if masks else np.zeros((0, *SIZE), bool)
    return Detections(detections.xyxy, detections.score, detections.class_id, encode(dense))


@pytest.mark.parametrize("seed", range(6))
def test_keypoint_ap_equals_pycocotools(seed):
    random = np.random.default_rng(seed)
    found, truth, crowd = scene(seed, images=8, classes=1, most=6)
    crowd = [c & False for c in crowd]
    truth = [_posed(t, random, shake=0) for t in truth]
    found = [_posed(f, random, shake=3) for f in found]
    area = [(t.xyxy[:, 2] - t.xyxy[:, 0]) * (t.xyxy[:, 3] - t.xyxy[:, 1]) for t in truth]
    ours = coco_ap(found, truth, kind="keypoints", area=area)
    same(ours, reference(found, truth, crowd, "keypoints"))


def _posed(detections, random, *, shake):
    grid = np.random.default_rng(7).random((17, 2))
    box = detections.xyxy[:, None]
    points = box[..., :2] + (box[..., 2:] - box[..., :2]) * grid
    points = points + random.normal(0, 1, points.shape) * shake
    seen = (
        (random.random((*points.shape[:2], 1)) < 0.8) * 2
        if not shake
        else np.ones((*points.shape[:2], 1))
    )
    if not shake and len(points):
        seen[0] = 0  # an object nobody labelled
    keypoints = np.concatenate([points, seen], axis=2).astype(np.float32)
    return Detections(detections.xyxy, detections.score, detections.class_id, None, keypoints)


def test_nothing_found_scores_zero_and_nothing_true_has_no_score():
    truth = [Detections(np.array([[0, 0, 10, 10]]))]
    assert coco_ap([Detections.empty()], truth).map50_95 == 0.0
    assert coco_ap(truth, [Detections.empty()]).map50_95 == -1.0
    assert coco_ap([], []).map50 == -1.0


def test_images_that_do_not_pair_up_are_refused():
    with pytest.raises(VisionError, match="found: 1 images, but truth has 2"):
        coco_ap([Detections.empty()], [Detections.empty()] * 2)


def test_missing_masks_are_named():
    box = [Detections(np.array([[0, 0, 10, 10]]))]
    with pytest.raises(VisionError, match="mask: missing"):
        coco_ap(box, box, kind="masks")


def test_run_length_masks_equal_those_of_pycocotools():
    random = np.random.default_rng(1)
    dense = random.random((5, *SIZE)) < 0.3
    ours = as_rle(dense)
    theirs = coco_mask.encode(np.asfortranarray(dense.transpose(1, 2, 0).astype(np.uint8)))
    assert ours.area.tolist() == coco_mask.area(theirs).tolist()
