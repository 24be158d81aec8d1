"""mAP over 5,000 images x 10 detections, beside faster-coco-eval (bar: within 1.5x, or faster).

Both get what their users have in hand: we `Detections`, the peer COCO dictionaries.
"""

import contextlib
import io
import statistics
import sys
import time

import numpy as np

from viseon.vision import Detections
from viseon.vision.metrics import coco_ap

IMAGES, EACH, CLASSES, REPEATS = 5000, 10, 80, 5


def scene():
    random = np.random.default_rng(0)
    truth, found = [], []
    for _ in range(IMAGES):
        low = random.uniform(0, 500, (EACH, 2))
        box = np.hstack([low, low + random.uniform(10, 140, (EACH, 2))])
        class_id = random.integers(0, CLASSES, EACH)
        truth.append(Detections(box.astype(np.float32), None, class_id))
        shaken = box + random.normal(0, 5, box.shape)
        shaken[:, 2:] = np.maximum(shaken[:, 2:], shaken[:, :2] + 1)
        found.append(Detections(shaken.astype(np.float32), random.random(EACH), class_id))
    return found, truth


def as_coco(found, truth):
    images = [{"id": i + 1, "height": 640, "width": 640} for i in range(len(truth))]
    annotations, results = [], []
    for i, (f, t) in enumerate(zip(found, truth, strict=True), start=1):
        for detections, into in ((t, annotations), (f, results)):
            rows = zip(
                detections.xyxy.astype(float).tolist(),
                detections.score.tolist(),
                detections.class_id.tolist(),
                strict=True,
            )
            for (x1, y1, x2, y2), score, class_id in rows:
                into.append(
                    {
                        "id": len(into) + 1,
                        "image_id": i,
                        "category_id": class_id + 1,
                        "iscrowd": 0,
                        "bbox": [x1, y1, x2 - x1, y2 - y1],
                        "area": (x2 - x1) * (y2 - y1),
                        "score": score,
                    }
                )
    categories = [{"id": k + 1, "name": str(k)} for k in range(CLASSES)]
    return {
        "images": images,
        "annotations": annotations,
        "categories": categories,
        "info": {},
    }, results


def timed(work):
    took = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        value = work()
        took.append(time.perf_counter() - start)
    return statistics.median(took), value


def main():
    found, truth = scene()
    ours, result = timed(lambda: coco_ap(found, truth))
    print(f"viseon             {ours * 1e3:8.1f} ms   mAP {result.map50_95:.6f}")
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError:
        print("faster-coco-eval is not installed: pip install faster-coco-eval; no ratio printed")
        return 0
    dataset, results = as_coco(found, truth)

    def peer():
        with contextlib.redirect_stdout(io.StringIO()):
            gt = COCO(dataset)
            judge = COCOeval_faster(gt, gt.loadRes(results), "bbox")
            judge.run()
        return judge

    whole, judge = timed(peer)
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO(dataset)
        dt = gt.loadRes(results)

    def evaluation():
        with contextlib.redirect_stdout(io.StringIO()):
            COCOeval_faster(gt, dt, "bbox").run()

    theirs, _ = timed(evaluation)
    print(
        f"faster-coco-eval   {whole * 1e3:8.1f} ms   mAP {judge.stats[0]:.6f}   (loading its dictionaries included)"
    )
    print(f"                   {theirs * 1e3:8.1f} ms   evaluation alone")
    print(f"ratio (ours / theirs, evaluation alone) {ours / theirs:.2f}   bar <= 1.50")
    return 0 if ours <= 1.5 * theirs and abs(judge.stats[0] - result.map50_95) < 1e-6 else 1


if __name__ == "__main__":
    sys.exit(main())
