"""OpenVINO: Intel CPUs, integrated GPUs and NPUs; reads ONNX, or its own format as an archive."""

import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from numpy.typing import NDArray
from pydantic import Field

from viseon.plugins import Plugin
from viseon.ports import Tensor
from viseon.schema import Failed, Invalid, NotFound, Noun, Unavailable


class OpenVinoConfig(Noun, use_attribute_docstrings=True):
    """How OpenVINO uses the machine."""

    device: str = "CPU"
    """`CPU`, `GPU`, `NPU` or `AUTO`."""
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """Threads for one inference; 0 leaves it to OpenVINO."""
    hint: Literal["latency", "throughput"] = "latency"
    """Answer one picture soonest, or most pictures in a second."""


class OpenVinoBackend:
    """One compiled model."""

    def __init__(self, config: OpenVinoConfig, path: Path) -> None:
        try:
            import openvino
        except ImportError as error:
            raise Unavailable(
                "the package openvino is missing", fix="pip install 'viseon[openvino]'"
            ) from error
        if not path.is_file():
            raise NotFound(f"there is no file {path}", fix="check the path to the model")
        options: dict[str, Any] = {"PERFORMANCE_HINT": config.hint.upper()}
        # Reduced precision would be another model than the one that was measured.
        options["INFERENCE_PRECISION_HINT"] = "f32"
        if config.threads:
            options["INFERENCE_NUM_THREADS"] = config.threads
        core = openvino.Core()
        if config.device not in ("AUTO", *core.available_devices):
            raise Unavailable(
                f"OpenVINO sees no {config.device} here",
                fix=f"it sees: {', '.join(core.available_devices)}",
            )
        try:
            model = _read(core, path)
            self._compiled: Any = core.compile_model(model, config.device, options)
        except (RuntimeError, zipfile.BadZipFile) as error:
            raise Invalid(
                f"OpenVINO cannot read {path.name}: {_short(error)}",
                fix="try it with backend onnxruntime, or export it again",
            ) from error
        self.metadata = _metadata(model)
        self.inputs = tuple(_tensor(port) for port in self._compiled.inputs)
        self.outputs = tuple(_tensor(port) for port in self._compiled.outputs)
        self._request: Any = self._compiled.create_infer_request()

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        for tensor in self.inputs:
            given = inputs.get(tensor.name)
            if given is None or not _fits(given, tensor):
                seen = "nothing" if given is None else f"{given.dtype} {given.shape}"
                raise Invalid(
                    f"the input does not fit the model: {tensor.name} got {seen}, wants "
                    f"{tensor.dtype} {tensor.shape}"
                )
        try:
            results = self._request.infer(dict(inputs))
        except RuntimeError as error:
            raise Failed(f"the model failed while running: {_short(error)}") from error
        ports = zip(self._compiled.outputs, self.outputs, strict=True)
        return {tensor.name: results[port].copy() for port, tensor in ports}

    def close(self) -> None:
        self._request = self._compiled = None


def _read(core: Any, path: Path) -> Any:
    if path.suffix != ".zip" and not zipfile.is_zipfile(path):
        return core.read_model(str(path))
    with (
        tempfile.TemporaryDirectory(prefix="viseon-ir-") as folder,
        zipfile.ZipFile(path) as packed,
    ):
        for name in ("model.xml", "model.bin"):
            packed.extract(name, folder)
        model = core.read_model(str(Path(folder) / "model.xml"))
        # The weights are mapped from a file that is about to go: take a copy.
        return model.clone()


def _tensor(port: Any) -> Tensor:
    shape = tuple(size.get_length() if size.is_static else None for size in port.partial_shape)
    kind = port.element_type.to_dtype().name
    return Tensor(port.any_name, shape, kind)


def _fits(array: NDArray[Any], tensor: Tensor) -> bool:
    sizes = zip(array.shape, tensor.shape, strict=False)
    return (
        array.dtype == tensor.dtype
        and array.ndim == len(tensor.shape)
        and all(wanted in (None, size) for size, wanted in sizes)
    )


def _metadata(model: Any) -> dict[str, str]:
    """What the exporter wrote, where OpenVINO kept it."""
    if not model.has_rt_info(["framework"]):
        return {}
    return {str(k): str(v.value) for k, v in model.get_rt_info(["framework"]).astype(dict).items()}


def _short(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]


plugin = Plugin("backend", "openvino", OpenVinoConfig, OpenVinoBackend)
