"""From the trained network to an ONNX file that says how it is used, checked before it counts."""

import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from viseon.adapters.trainers.fcos.network import Detector
from viseon.schema import Failed, Signature

_OPSET = 17
_PIXELS, _SCORE = 0.05, 1e-3
"""How far ONNX Runtime may differ from torch."""


class _Deployed(nn.Module):
    """Two outputs and no joint tail, so that each keeps its own range when quantised."""

    def __init__(self, network: Detector) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        raw = self.network(pictures)
        return raw.boxes, raw.logits.sigmoid()


def export(network: Detector, signature: Signature, path: Path, trial: Tensor) -> None:
    """Write `path`, any batch size. Raises Failed where it answers `trial` otherwise than torch."""
    deployed = _Deployed(network).eval()
    axes = {name: {0: "batch"} for name in (signature.input.name, *signature.outputs)}
    with warnings.catch_warnings():  # torch advises its other exporter, which needs onnxscript
        warnings.simplefilter("ignore")
        torch.onnx.export(
            deployed,
            (trial[:1],),
            str(path),
            input_names=[signature.input.name],
            output_names=list(signature.outputs),
            dynamic_axes=axes,
            opset_version=_OPSET,
            dynamo=False,
        )
    _describe(path, signature)
    _check(deployed, signature, path, trial)


def _describe(path: Path, signature: Signature) -> None:
    model = onnx.load(str(path))
    facts = {
        "names": json.dumps(dict(enumerate(signature.classes))),
        "task": signature.task.value,
        "decoder": signature.decoder,
        "imgsz": json.dumps([signature.input.height, signature.input.width]),
        "viseon.signature": signature.model_dump_json(),
    }
    model.producer_name, model.producer_version, model.doc_string = "viseon", "", ""
    model.graph.name = "detector"
    onnx.helper.set_model_props(model, facts)
    for node in model.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _check(deployed: nn.Module, signature: Signature, path: Path, trial: Tensor) -> None:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for batch in (trial[:1], trial):
        with torch.inference_mode():
            expected = [t.numpy() for t in deployed(batch)]
        names = list(signature.outputs)
        got = session.run(names, {signature.input.name: batch.numpy()})
        for name, a, b, most in zip(names, expected, got, (_PIXELS, _SCORE), strict=True):
            off = float(np.abs(a - b).max()) if a.shape == b.shape else float("inf")
            if not off <= most:
                raise Failed(
                    f"the exported model's {name} differ from the trained one's by {off:g}"
                )
