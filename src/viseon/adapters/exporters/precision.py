"""INT8 and FP16 ONNX files, by ONNX Runtime's own tools."""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from viseon.plugins import Plugin
from viseon.ports.exporter import Inputs
from viseon.schema import Failed, Invalid, Noun, Unavailable

_FIX = "pip install 'viseon[optimise]'"
_CHANNEL_OPSET = 13
_HEAVY = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})


class Int8Config(Noun, use_attribute_docstrings=True):
    """How numbers become eight bits."""

    calibration: Literal["minmax", "entropy", "percentile"] = "minmax"
    """How the range of each tensor is chosen from the calibration pictures."""
    per_channel: bool = True
    """A scale for each output channel of a weight; better, where the engine supports it."""
    keep_tail: bool = True
    """Leave everything behind the last convolutions in float. Boxes and scores that share one
    tensor do not share a scale: quantising them together ruins the scores."""


class Int8Exporter:
    """Static quantisation in QDQ form (Jacob et al., arXiv 1712.05877)."""

    suffix = ".onnx"

    def __init__(self, config: Int8Config) -> None:
        self._config = config

    def missing(self) -> str:
        return _missing()

    def export(self, onnx: Path, workdir: Path, pictures: Iterable[Inputs]) -> Path:
        if absent := _missing():
            raise Unavailable(f"INT8 needs {absent}", fix=_FIX)
        import onnx as onnx_format
        from onnxruntime import quantization as q
        from onnxruntime.quantization.shape_inference import quant_pre_process

        ready, target = workdir / "prepared.onnx", workdir / f"{onnx.stem}-int8.onnx"
        try:
            # Symbolic shape inference fails on graphs with a free batch; the rest suffices.
            quant_pre_process(str(_raised(onnx, workdir)), str(ready), skip_symbolic_shape=True)
            graph = onnx_format.load(str(ready)).graph
            kept = tail(graph) if self._config.keep_tail else []
            methods = {
                "minmax": q.CalibrationMethod.MinMax,
                "entropy": q.CalibrationMethod.Entropy,
                "percentile": q.CalibrationMethod.Percentile,
            }
            q.quantize_static(
                str(ready),
                str(target),
                _Reader(pictures),
                quant_format=q.QuantFormat.QDQ,
                per_channel=self._config.per_channel,
                activation_type=q.QuantType.QUInt8,
                weight_type=q.QuantType.QInt8,
                calibrate_method=methods[self._config.calibration],
                nodes_to_exclude=kept,
            )
        except (ValueError, RuntimeError, KeyError, AssertionError) as error:
            raise Failed(f"ONNX Runtime could not quantise it: {error}") from error
        return target


class Fp16Config(Noun, use_attribute_docstrings=True):
    """Half precision."""

    keep_io: bool = True
    """Inputs and outputs stay float32, so that the signature stays the same."""


class Fp16Exporter:
    """Weights and computation in float16; pays on GPUs, saves half the file anywhere."""

    suffix = ".onnx"

    def __init__(self, config: Fp16Config) -> None:
        self._config = config

    def missing(self) -> str:
        return _missing()

    def export(self, onnx: Path, workdir: Path, pictures: Iterable[Inputs]) -> Path:  # noqa: ARG002
        if absent := _missing():
            raise Unavailable(f"FP16 needs {absent}", fix=_FIX)
        import onnx as onnx_format
        from onnxruntime.transformers.float16 import convert_float_to_float16

        model = onnx_format.load(str(onnx))
        try:
            half = convert_float_to_float16(model, keep_io_types=self._config.keep_io)
        except (ValueError, RuntimeError) as error:
            raise Failed(f"it could not be converted to float16: {error}") from error
        target = workdir / f"{onnx.stem}-fp16.onnx"
        onnx_format.save(half, str(target))
        return target


class _Reader:
    """Calibration pictures, one at a time, as ONNX Runtime asks for them."""

    def __init__(self, pictures: Iterable[Inputs]) -> None:
        self._left: Iterator[Inputs] = iter(pictures)
        self._seen = 0

    def get_next(self) -> dict[str, Any] | None:
        """The next picture, or None at the end."""
        one = next(self._left, None)
        if one is None:
            if not self._seen:
                raise Invalid("INT8 needs pictures to calibrate with", fix="pass data=dataset@1")
            return None
        self._seen += 1
        return dict(one)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while (one := self.get_next()) is not None:
            yield one


def _raised(onnx: Path, workdir: Path) -> Path:
    """The file at an opset whose quantised operators know channels: 13 or later."""
    import onnx as onnx_format
    from onnx import version_converter

    model = onnx_format.load(str(onnx))
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    if opset >= _CHANNEL_OPSET:
        return onnx
    target = workdir / "raised.onnx"
    onnx_format.save(version_converter.convert_version(model, _CHANNEL_OPSET), str(target))
    return target


def tail(graph: Any) -> list[str]:
    """Names of the nodes behind which no convolution or matrix product comes."""
    heavy_after: dict[str, bool] = {}
    names = []
    for node in reversed(graph.node):
        behind = any(heavy_after.get(output, False) for output in node.output)
        heavy = node.op_type in _HEAVY
        if not behind and not heavy:
            names.append(node.name)
        for given in node.input:
            heavy_after[given] = heavy_after.get(given, False) or behind or heavy
    return names


def _missing() -> str:
    return "" if find_spec("onnx") else "the package onnx"


int8 = Plugin("exporter", "int8", Int8Config, Int8Exporter)
fp16 = Plugin("exporter", "fp16", Fp16Config, Fp16Exporter)
