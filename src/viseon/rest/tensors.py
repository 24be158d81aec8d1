"""Tensors on the wire of the Open Inference Protocol: JSON, or Triton's binary extension."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from fastapi import Response
from numpy.typing import NDArray

from viseon.schema import Invalid

DATATYPES = {
    "bool": "BOOL", "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64",
    "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64", "float16": "FP16",
    "float32": "FP32", "float64": "FP64",
}  # fmt: skip
_KINDS = {wire: kind for kind, wire in DATATYPES.items()}
_MOST = 1 << 28


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: tensors by name, and which outputs are wanted, in which form."""

    id: str
    inputs: dict[str, NDArray[Any]]
    outputs: dict[str, bool]
    """Whether each is wanted as binary; empty means all."""
    binary: bool
    """Whether outputs that are not named are wanted as binary."""


@dataclass(frozen=True, slots=True)
class Form:
    """Shape and kind of a tensor."""

    shape: tuple[int, ...]
    kind: np.dtype[Any]


def read_request(body: bytes, header: str | None) -> Asked:
    """Parse a request; `header` is the length of its JSON part where tensors follow it as bytes."""
    length = _length(header, len(body))
    try:
        document = json.loads(body[:length])
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits
        raise Invalid(f"the body is not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("inputs"), list):
        raise Invalid("inputs: missing", fix="send the Open Inference Protocol's request")
    rest = memoryview(body)[length:]
    inputs: dict[str, NDArray[Any]] = {}
    for index, tensor in enumerate(document["inputs"]):
        name, array, rest = _tensor(tensor, f"inputs.{index}", rest)
        inputs[name] = array
    wanted = document.get("outputs") or []
    binary = _flag(document.get("parameters"), "binary_data_output")
    try:
        outputs = {
            str(o["name"]): _flag(o.get("parameters"), "binary_data", binary) for o in wanted
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise Invalid("outputs: each needs a name") from error
    return Asked(str(document.get("id", "")), inputs, outputs, binary)


def write_response(
    head: Mapping[str, Any], outputs: Mapping[str, tuple[NDArray[Any], bool]]
) -> Response:
    """The answer: `head` and the outputs, each as JSON numbers or as bytes behind the JSON."""
    described, blobs = [], []
    for name, (array, binary) in outputs.items():
        entry: dict[str, Any] = {
            "name": name,
            "datatype": DATATYPES[array.dtype.name],
            "shape": list(array.shape),
        }
        if binary:
            data = np.ascontiguousarray(array).tobytes()
            entry["parameters"] = {"binary_data_size": len(data)}
            blobs.append(data)
        else:
            entry["data"] = _finite(array)
        described.append(entry)
    text = json.dumps({**head, "outputs": described}, allow_nan=False).encode()
    if not blobs:
        return Response(text, media_type="application/json")
    headers = {"Inference-Header-Content-Length": str(len(text))}
    body = b"".join([text, *blobs])
    return Response(body, media_type="application/octet-stream", headers=headers)


def form_of(shape: object, datatype: object, where: str) -> Form:
    """What a tensor says it is. Raises Invalid, naming `where`."""
    return Form(_shape(shape, where), _kind(datatype, where))


def from_bytes(data: bytes | memoryview, form: Form, where: str) -> NDArray[Any]:
    """A view of `data` (little-endian, row by row). Raises Invalid if it is not as long."""
    needed = prod(form.shape) * form.kind.itemsize
    if len(data) != needed:
        raise Invalid(f"{where}: {len(data)} bytes, but its shape needs {needed}")
    return np.frombuffer(data, form.kind).reshape(form.shape)


def from_numbers(data: Any, form: Form, where: str) -> NDArray[Any]:
    """Numbers, nested or not, row by row. Raises Invalid if there are more or fewer."""
    try:
        array = np.asarray(data, form.kind)
    except (TypeError, ValueError, OverflowError) as error:
        raise Invalid(f"{where}.data: {error}") from error
    if array.size != prod(form.shape):
        raise Invalid(f"{where}.data: {array.size} numbers, its shape needs {prod(form.shape)}")
    return array.reshape(form.shape)


def _finite(array: NDArray[Any]) -> list[Any]:
    """JSON has no infinity: such numbers become null."""
    flat = array.ravel()
    if array.dtype.kind == "f" and not np.isfinite(flat).all():
        return [value if np.isfinite(value) else None for value in flat.tolist()]
    values: list[Any] = flat.tolist()
    return values


def _tensor(tensor: Any, where: str, rest: memoryview) -> tuple[str, NDArray[Any], memoryview]:
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise Invalid(f"{where}: needs a name")
    form = form_of(tensor.get("shape"), tensor.get("datatype"), where)
    size = _binary_size(tensor, where)
    if size is None:
        return tensor["name"], from_numbers(tensor.get("data"), form, where), rest
    if size > len(rest):
        raise Invalid(f"{where}: {size} bytes said, {len(rest)} sent")
    return tensor["name"], from_bytes(rest[:size], form, where), rest[size:]


def _shape(shape: object, where: str) -> tuple[int, ...]:
    fits = isinstance(shape, list) and all(
        isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape
    )
    large = isinstance(shape, list) and fits and prod(n or 1 for n in shape) > _MOST
    if not isinstance(shape, list) or not fits or large or not 0 < len(shape) <= 8:
        raise Invalid(f"{where}.shape: {str(shape)[:80]} is not a shape")
    return tuple(shape)


def _kind(said: object, where: str) -> np.dtype[Any]:
    if not isinstance(said, str) or said not in _KINDS:
        raise Invalid(f"{where}.datatype: {str(said)[:40]!r}", fix=f"known: {', '.join(_KINDS)}")
    return np.dtype(_KINDS[said])


def _binary_size(tensor: Mapping[str, Any], where: str) -> int | None:
    parameters = tensor.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is not None and (not isinstance(size, int) or size < 0):
        raise Invalid(f"{where}.parameters.binary_data_size: not a size")
    return size


def _flag(parameters: Any, name: str, default: bool = False) -> bool:  # noqa: FBT001, FBT002
    return bool(parameters.get(name, default)) if isinstance(parameters, dict) else default


def _length(header: str | None, size: int) -> int:
    if header is None:
        return size
    digits = header.isascii() and header.isdigit() and len(header) <= len(str(size))
    if not digits or int(header) > size:
        raise Invalid("Inference-Header-Content-Length: not a length within the body")
    return int(header)
