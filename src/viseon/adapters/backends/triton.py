"""A model on another machine: Triton, KServe, or another viseon, by the protocol they share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from pydantic import Field

from viseon.plugins import Plugin
from viseon.ports import Tensor
from viseon.schema import Failed, Invalid, NotFound, Noun, Unavailable

_KINDS = {
    "BOOL": "bool", "UINT8": "uint8", "INT8": "int8", "INT16": "int16", "INT32": "int32",
    "INT64": "int64", "FP16": "float16", "FP32": "float32", "FP64": "float64",
}  # fmt: skip


class TritonConfig(Noun):
    """Where the model is served."""

    url: str
    """Host and port, such as `gpu-box:8000`."""
    model: str
    """Its name on that server."""
    version: str = ""
    timeout_s: float = Field(default=10.0, gt=0)
    tls: bool = False


class TritonBackend:
    """Sends tensors, gets tensors. The ONNX file stays here: it must be the one served there."""

    def __init__(self, config: TritonConfig, path: Path) -> None:  # noqa: ARG002
        try:
            from tritonclient import http
            from tritonclient.utils import InferenceServerException
        except ImportError as error:
            raise Unavailable(
                "the package tritonclient is missing", fix="pip install 'viseon[triton]'"
            ) from error
        self._http, self._refused = http, InferenceServerException
        self._config = config
        self._client: Any = http.InferenceServerClient(
            config.url,
            ssl=config.tls,
            connection_timeout=config.timeout_s,
            network_timeout=config.timeout_s,
        )
        described = self._described()
        self.inputs = tuple(_tensor(tensor) for tensor in described["inputs"])
        self.outputs = tuple(_tensor(tensor) for tensor in described["outputs"])
        self.metadata = {str(k): str(v) for k, v in described.get("parameters", {}).items()}

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        sent = []
        for tensor in self.inputs:
            if tensor.name not in inputs:
                raise Invalid(f"the input does not fit the model: {tensor.name} is missing")
            array = inputs[tensor.name]
            kind = next((k for k, name in _KINDS.items() if name == array.dtype.name), "FP32")
            one = self._http.InferInput(tensor.name, list(array.shape), kind)
            one.set_data_from_numpy(array)
            sent.append(one)
        wanted = [self._http.InferRequestedOutput(tensor.name) for tensor in self.outputs]
        try:
            result = self._client.infer(
                self._config.model, sent, model_version=self._config.version, outputs=wanted
            )
        except self._refused as error:
            raise self._explained(error) from error
        except OSError as error:
            raise self._gone(error) from error
        return {tensor.name: result.as_numpy(tensor.name) for tensor in self.outputs}

    def close(self) -> None:
        self._client.close()

    def _described(self) -> dict[str, Any]:
        name, version = self._config.model, self._config.version
        try:
            described: dict[str, Any] = self._client.get_model_metadata(name, version)
        except self._refused as error:
            raise NotFound(
                f"{self._config.url} has no model {name!r}: {error.message()}",
                fix="check the name and version on that server",
            ) from error
        except OSError as error:
            raise self._gone(error) from error
        return described

    def _explained(self, error: Any) -> Invalid | Failed:
        text = f"{self._config.url} refused: {error.message()}"[:400]
        return Invalid(text) if str(error.status() or "").startswith("4") else Failed(text)

    def _gone(self, error: OSError) -> Unavailable:
        return Unavailable(
            f"the inference server {self._config.url} does not answer: {error}",
            fix="check that it runs and that the address is right",
        )


def _tensor(described: Mapping[str, Any]) -> Tensor:
    shape = tuple(None if size < 0 else int(size) for size in described["shape"])
    return Tensor(described["name"], shape, _KINDS.get(described["datatype"], "object"))


plugin = Plugin("backend", "triton", TritonConfig, TritonBackend)
