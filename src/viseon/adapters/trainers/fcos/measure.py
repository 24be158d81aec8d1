"""How well the network does on pictures it does not learn from."""

import numpy as np
import torch

from viseon.adapters.trainers.fcos.batches import Pictures, shown
from viseon.adapters.trainers.fcos.network import Detector
from viseon.ports import Report
from viseon.schema import Signature
from viseon.vision import Detections
from viseon.vision.decode import Ask, decoder
from viseon.vision.metrics import coco_ap

_LOWEST = 0.02
_AT_ONCE = 16


def measure(
    network: Detector, pictures: Pictures, signature: Signature, report: Report
) -> dict[str, float]:
    """`map50` and `map50_95` as COCO defines them, in pixels of the input; 0 without truth."""
    spec = signature.input
    ask = Ask(spec.width, spec.height, _LOWEST, signature.iou, 100)
    read = decoder(signature.decoder, signature.options)
    network.eval()
    found, truth = [], []
    for start in range(0, len(pictures), _AT_ONCE):
        if report.cancelled:
            break
        part = [pictures[i] for i in range(start, min(start + _AT_ONCE, len(pictures)))]
        with torch.inference_mode():
            raw = network(torch.stack([shown(p, spec) for p in part]))
        outputs = [raw.boxes.numpy(), raw.logits.sigmoid().numpy()]
        found += [f.detections() for f in read(outputs, ask)]
        for p in part:
            offset = np.array([p.placement.left, p.placement.top] * 2, np.float32)
            truth.append(Detections(p.xyxy + offset, class_id=p.class_id))
    network.train()
    score = coco_ap(found, truth)
    return {"map50": max(0.0, score.map50), "map50_95": max(0.0, score.map50_95)}
