"""Models that finish inside the graph: SSD and Faster R-CNN exports, D-FINE, EfficientNMS."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseon.models.families.contract import Match, Seen, fractions

_TENSORFLOW = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
_EFFICIENT = ("det_boxes", "det_scores", "det_classes", "num_det")


def tensorflow(seen: Seen) -> Match | None:
    """The object detection API of TensorFlow: y before x, classes from 1."""
    names = seen.called(*_TENSORFLOW)
    if names is None:
        return None
    return Match(
        family="TensorFlow detection",
        decoder="postprocessed",
        outputs=tuple(names),
        because=f"the outputs are called {', '.join(names)}: boxes as y, x in fractions, classes "
        "count from 1",
        options={"layout": "yxyx", "fractions": True, "first_class": 1},
        input={"resize": "stretch", "scale": 1.0},
    )


def efficient_nms(seen: Seen) -> Match | None:
    """The EfficientNMS operator at the end of a YOLO."""
    names = seen.called(*_EFFICIENT)
    if names is None:
        return None
    return Match(
        family="YOLO with EfficientNMS",
        decoder="postprocessed",
        outputs=tuple(names),
        because=f"the outputs are called {', '.join(names)}: suppressed inside the graph",
    )


def lists(seen: Seen) -> Match | None:
    """Boxes, scores and class numbers by name: D-FINE, RT-DETR, torchvision, the zoo's SSDs."""
    names = seen.called("box", "score", "label") or seen.called("box", "score", "class")
    if names is None or len(seen.outputs) > 4:
        return None
    boxes, scores, labels = (seen.outputs[name] for name in names)
    if boxes.shape[-1:] != (4,) or scores.shape != labels.shape:
        return None
    if len(seen.inputs) > 1:
        family, first, feeding = "D-FINE / RT-DETR", 0, {"resize": "stretch"}
        why = "the graph is told the picture's size and scales the boxes itself"
    else:
        family, first, feeding = "SSD / R-CNN", 1, {"resize": "stretch"}
        why = "classes count from 1, 0 being background"
    relative = fractions(boxes) and bool(boxes.any())
    return Match(
        family=family,
        decoder="postprocessed",
        outputs=tuple(names),
        because=f"the outputs are called {', '.join(names)}: finished lists, boxes in "
        f"{'fractions' if relative else 'pixels'}; {why}",
        options={"fractions": relative, "first_class": first},
        input=feeding,
        doubt="" if first == 0 else "pass options.first_class=0 if classes are one off",
    )


def detection_output(seen: Seen) -> Match | None:
    """Caffe's DetectionOutput layer: rows of 7."""
    single = seen.only()
    if single is None or single[1].ndim != 4 or single[1].shape[1] != 1 or single[1].shape[3] != 7:
        return None
    return Match(
        family="SSD (DetectionOutput)",
        decoder="detection-output",
        outputs=(single[0],),
        because=f"output {single[0]} has rows of 7: image, class, score and a box in fractions",
        input={"resize": "stretch", "color": "bgr", "scale": 1.0},
    )


def detectnet(seen: Seen) -> Match | None:
    """DetectNet_v2: coverage and four times as many edge maps."""
    if len(seen.outputs) != 2 or any(a.ndim != 4 for a in seen.outputs.values()):
        return None
    (cover_name, cover), (edge_name, edges) = sorted(
        seen.outputs.items(), key=lambda item: item[1].shape[1]
    )
    if edges.shape[1] != 4 * cover.shape[1] or edges.shape[2:] != cover.shape[2:]:
        return None
    if not _is_coverage(cover):
        return None
    return Match(
        family="DetectNet_v2",
        decoder="detectnet-v2",
        outputs=(cover_name, edge_name),
        because=f"{cover_name} has a map for each of {cover.shape[1]} classes and {edge_name} four "
        "for each: coverage and edges",
        classes=cover.shape[1],
        input={"resize": "stretch"},
    )


def _is_coverage(cover: NDArray[Any]) -> bool:
    return bool(np.isfinite(cover).all() and fractions(cover))
