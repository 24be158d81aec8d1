"""A model on another machine: Triton, KServe, or another viseon, by the protocol they share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from numpy.typing import NDArray
from pydantic import Field

from viseon.plugins import Plugin
from viseon.ports import Tensor
from viseon.schema import Failed, Invalid, NotFound, Noun, Unavailable

_KINDS = {
    "BOOL": "bool", "UINT8": "uint8", "INT8": "int8", "INT16": "int16", "INT32": "int32",
    "INT64": "int64", "FP16": "float16", "FP32": "float32", "FP64": "float64",
}  # fmt: skip
_OURS = frozenset({400, 413, 422})
"""What we sent does not fit."""
_PASSING = frozenset({429, 502, 503, 504})
"""It may answer later."""
_HEADER = "Inference-Header-Content-Length"


class TritonConfig(Noun, use_attribute_docstrings=True):
    """Where the model is served."""

    url: str
    """Host and port, such as `gpu-box:8000`."""
    model: str
    """Its name on that server."""
    version: str = ""
    """Which of its versions; empty leaves it to the server."""
    timeout_s: float = Field(default=10.0, gt=0)
    """How long to wait for a connection, and for each part of an answer."""
    tls: bool = False
    """Speak https."""


class TritonBackend:
    """Sends tensors, gets tensors. The ONNX file stays here: it must be the one served there.

    tritonclient writes and reads the messages; httpx carries them, because tritonclient's own
    connections belong to the thread that made them, and a model is loaded in one and runs in many.
    """

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
        self._client = _client(config)
        try:
            described = self._described()
            self.inputs = tuple(_tensor(tensor) for tensor in described["inputs"])
            self.outputs = tuple(_tensor(tensor) for tensor in described["outputs"])
            self.metadata = {str(k): str(v) for k, v in described.get("parameters", {}).items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.close()
            raise self._babble() from error
        except (NotFound, Invalid, Failed, Unavailable):
            self.close()
            raise

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        body, header = self._message(inputs)
        sized = {} if header is None else {_HEADER: str(header)}
        answer = self._asked("POST", "/infer", content=body, headers=sized)
        if answer.status_code != httpx.codes.OK:
            raise self._explained(answer)
        length = answer.headers.get(_HEADER)
        try:
            result = self._http.InferenceServerClient.parse_response_body(
                answer.content, header_length=None if length is None else int(length)
            )
            found = {tensor.name: result.as_numpy(tensor.name) for tensor in self.outputs}
        except (self._refused, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._babble() from error
        if missing := next((name for name, array in found.items() if array is None), None):
            raise Failed(f"{self._config.url} answered without the output {missing!r}")
        return found

    def close(self) -> None:
        self._client.close()

    def _message(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[bytes, int | None]:
        """The request's bytes, and how many of them are JSON where the rest is not."""
        sent = []
        for tensor in self.inputs:
            if tensor.name not in inputs:
                raise Invalid(f"the input does not fit the model: {tensor.name} is missing")
            array = inputs[tensor.name]
            kind = next((k for k, name in _KINDS.items() if name == array.dtype.name), "FP32")
            one = self._http.InferInput(tensor.name, list(array.shape), kind)
            try:
                one.set_data_from_numpy(array)
            except self._refused as error:
                raise Invalid(f"the input does not fit the model: {error.message()}") from error
            sent.append(one)
        wanted = [self._http.InferRequestedOutput(tensor.name) for tensor in self.outputs]
        body, header = self._http.InferenceServerClient.generate_request_body(sent, outputs=wanted)
        return body, header

    def _described(self) -> Mapping[str, Any]:
        answer = self._asked("GET", "")
        if answer.is_client_error and answer.status_code not in _PASSING:
            raise NotFound(
                f"{self._config.url} has no model {self._config.model!r}: {_told(answer)}",
                fix="check the name and version on that server",
            )
        if answer.status_code != httpx.codes.OK:
            raise self._explained(answer)
        described: Mapping[str, Any] = answer.json()
        return described

    def _asked(self, verb: str, what: str, **more: Any) -> httpx.Response:
        path = f"v2/models/{quote(self._config.model, safe='')}"
        if self._config.version:
            path += f"/versions/{quote(self._config.version, safe='')}"
        try:
            return self._client.request(verb, path + what, **more)
        except httpx.HTTPError as error:
            raise Unavailable(
                f"the inference server {self._config.url} does not answer: {error}",
                fix="check that it runs and that the address is right",
            ) from error

    def _explained(self, answer: httpx.Response) -> Invalid | Failed | Unavailable:
        text = f"{self._config.url} refused: {_told(answer)}"[:400]
        if answer.status_code in _PASSING:
            return Unavailable(text, fix="try again later")
        return Invalid(text) if answer.status_code in _OURS else Failed(text)

    def _babble(self) -> Failed:
        return Failed(
            f"what {self._config.url} answers is not the Open Inference Protocol",
            fix="check that the address is the HTTP port of an inference server",
        )


def _client(config: TritonConfig) -> httpx.Client:
    """Connections that any thread may use. Raises Invalid for an address that is none."""
    fix = "give host and port, such as gpu-box:8000"
    if "://" in config.url:
        raise Invalid(f"url: {config.url!r} names a scheme", fix=f"{fix}, and tls for https")
    try:
        return httpx.Client(
            base_url=f"{'https' if config.tls else 'http'}://{config.url}",
            timeout=config.timeout_s,
            trust_env=False,
        )
    except httpx.InvalidURL as error:
        raise Invalid(f"url: {config.url!r}: {error}", fix=fix) from error


def _told(answer: httpx.Response) -> str:
    """The server's reason: the protocol's `error`, viseon's `detail`, or whatever it wrote."""
    try:
        told = answer.json()
    except ValueError:
        told = None
    if isinstance(told, dict):
        reason = told.get("error") or told.get("detail")
        if reason:
            return str(reason)
    return answer.text[:200].strip() or f"status {answer.status_code}"


def _tensor(described: Mapping[str, Any]) -> Tensor:
    shape = tuple(None if size < 0 else int(size) for size in described["shape"])
    return Tensor(described["name"], shape, _KINDS.get(described["datatype"], "object"))


plugin = Plugin("backend", "triton", TritonConfig, TritonBackend)
