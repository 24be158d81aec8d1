"""ONNX Runtime: the reference engine, on CPU or whatever execution provider is installed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as state
from pydantic import Field

from viseon.adapters.backends.onnx_refusals import explained, short
from viseon.overlap import cores
from viseon.plugins import Plugin
from viseon.ports import Tensor
from viseon.schema import Failed, Invalid, NotFound, Noun, Unavailable

_REFUSED = (
    state.Fail, state.InvalidGraph, state.InvalidProtobuf, state.InvalidArgument,
    state.NotImplemented, state.NoSuchFile, state.RuntimeException,
)  # fmt: skip

_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
_PACKAGES = {
    "cuda": "onnxruntime-gpu",
    "tensorrt": "onnxruntime-gpu and TensorRT",
    "openvino": "onnxruntime-openvino",
}
_TIMED_SPINS = (1, 27)
"""The release from which on the time that threads spin can be set."""


class OnnxConfig(Noun, use_attribute_docstrings=True):
    """How ONNX Runtime uses the machine."""

    device: Literal["auto", "cpu", "cuda", "tensorrt", "openvino"] = "auto"
    """`auto` takes CUDA where it is installed, else the CPU."""
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """Threads for one inference; 0 means as many as this process may use cores."""
    spin_us: Annotated[int, Field(ge=0, le=10_000)] = 20
    """How long threads wait busily for the next operator before they sleep. A few microseconds
    bridge the gaps in a run; milliseconds take the cores from whoever shares them. Before ONNX
    Runtime 1.27 threads sleep at once."""


class OnnxBackend:
    """One session. ONNX Runtime allows `run` from several threads at once."""

    def __init__(self, config: OnnxConfig, path: Path) -> None:
        if not path.is_file():
            raise NotFound(f"there is no file {path}", fix="check the path to the ONNX file")
        providers = _providers(config.device)
        try:
            self._session: Any = ort.InferenceSession(
                str(path), _session_options(config), providers=providers
            )
        except _REFUSED as error:
            raise explained(error, path) from error
        self.inputs = tuple(_tensor(node) for node in self._session.get_inputs())
        self.outputs = tuple(_tensor(node) for node in self._session.get_outputs())
        self.metadata = _metadata(self._session.get_modelmeta())
        self.device = self._session.get_providers()[0].removesuffix("ExecutionProvider").lower()

    @property
    def callers(self) -> int:
        """Two on a CPU: where an operator does not use all cores, those of the other run do."""
        return 2 if self.device == "cpu" else 1

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        names = [tensor.name for tensor in self.outputs]
        try:
            return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))
        except (state.InvalidArgument, ValueError) as error:
            raise Invalid(f"the input does not fit the model: {short(error)}") from error
        except _REFUSED as error:
            raise Failed(f"the model failed while running: {short(error)}") from error

    def close(self) -> None:
        self._session = None


def _providers(device: str) -> list[str]:
    installed = ort.get_available_providers()
    if device == "auto":
        device = "cuda" if _PROVIDERS["cuda"] in installed else "cpu"
    wanted = _PROVIDERS[device]
    if wanted not in installed:
        raise Unavailable(
            f"this ONNX Runtime has no {wanted}", fix=f"install {_PACKAGES[device]}, or device: cpu"
        )
    return [wanted] if device == "cpu" else [wanted, _PROVIDERS["cpu"]]


def _session_options(config: OnnxConfig) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = config.threads or cores()
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    # Before, a thread that may spin does so for milliseconds.
    spins = config.spin_us > 0 and _release() >= _TIMED_SPINS
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spins)))
    if spins:
        options.add_session_config_entry("session.intra_op.spin_duration_us", str(config.spin_us))
    return options


def _release() -> tuple[int, ...]:
    return tuple(int(n) for n in ort.__version__.split(".")[:2] if n.isdecimal())


def _tensor(node: Any) -> Tensor:
    shape = tuple(size if isinstance(size, int) and size > 0 else None for size in node.shape)
    return Tensor(node.name, shape, _dtype(node.type))


def _dtype(kind: str) -> str:
    name = kind.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64"}.get(name) or (
        name if hasattr(np, name) else kind
    )


def _metadata(meta: Any) -> dict[str, str]:
    said = {"producer": meta.producer_name, "description": meta.description}
    return {key: value for key, value in said.items() if value} | dict(meta.custom_metadata_map)


plugin = Plugin("backend", "onnxruntime", OnnxConfig, OnnxBackend)
