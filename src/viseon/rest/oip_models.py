"""What both wires of the Open Inference Protocol do: find a model, describe it, run it."""

from typing import Any

import numpy as np
from fastapi import FastAPI
from numpy.typing import NDArray

from viseon import __version__
from viseon.deployments import ModelServer, Ready, Ticket, Warmer, Watch
from viseon.platform import Platform
from viseon.rest.tensors import DATATYPES, Asked
from viseon.schema import InputSpec, Invalid, Model, NotFound

SERVER = {"name": "viseon", "version": __version__, "extensions": ["binary_tensor_data"]}


def found(platform: Platform, name: str, version: str) -> Ready:
    """A deployment, which is a model here. Raises NotFound, and Invalid for an ensemble."""
    ready = platform.deployments.ready(name)
    if version and version != str(ready.deployment.revision):
        raise NotFound(
            f"{name!r} has no version {version!r}", fix=f"it is at {ready.deployment.revision}"
        )
    if len(ready.models) != 1:
        raise Invalid(f"{name!r} is an ensemble and has no tensors", fix="use /v1 … /predict")
    return ready


def is_ready(app: FastAPI, ready: Ready) -> bool:
    """Whether it can be asked: not if it could not be loaded when last tried."""
    warmer: Warmer | None = app.state.warmer
    return warmer is None or ready.key not in warmer.failed


def described(server: ModelServer, ready: Ready) -> dict[str, Any]:
    """Inputs and outputs, in the protocol's words."""
    (model,) = ready.models
    with server.engine(ready, model) as engine:
        inputs, outputs = engine.tensors()
    return {
        "name": ready.deployment.name,
        "versions": [str(ready.deployment.revision)],
        "platform": f"viseon_{ready.deployment.serving.backend}",
        "inputs": [_tensor(t.name, t.shape, t.dtype) for t in inputs],
        "outputs": [_tensor(t.name, t.shape, t.dtype) for t in outputs],
        "parameters": {"digest": model.digest, "decoder": model.signature.decoder},
    }


def answered(
    server: ModelServer, ready: Ready, asked: Asked, ticket: Ticket, watch: Watch | None = None
) -> tuple[dict[str, Any], dict[str, tuple[NDArray[Any], bool]]]:
    """The answer's head; and the wanted outputs, each with whether it is wanted as binary."""
    (model,) = ready.models
    spec = model.signature.input
    tensor = asked.inputs.get(spec.name)
    if tensor is None:
        raise Invalid(
            f"inputs: there is no {spec.name!r}",
            fix=f"the model's metadata is at /v2/models/{ready.deployment.name}",
        )
    _check(tensor, spec)
    if unknown := [name for name in asked.outputs if name not in model.signature.outputs]:
        known = ", ".join(model.signature.outputs)
        raise Invalid(f"outputs: no {unknown[0]!r}", fix=f"known: {known}")
    ran = server.infer(ready, tensor, ticket, watch)
    columns = zip(*(r.result for r in ran), strict=True)
    outputs = dict(zip(model.signature.outputs, map(np.concatenate, columns), strict=True))
    wanted = asked.outputs or dict.fromkeys(outputs, asked.binary)
    return _head(ready, model, asked), {n: (outputs[n], binary) for n, binary in wanted.items()}


def _head(ready: Ready, model: Model, asked: Asked) -> dict[str, Any]:
    return {
        "model_name": ready.deployment.name,
        "model_version": str(ready.deployment.revision),
        "id": asked.id,
        "parameters": {"digest": model.digest, "config": ready.deployment.config},
    }


def _check(tensor: NDArray[Any], spec: InputSpec) -> None:
    shape = (3 if spec.color != "gray" else 1, spec.height, spec.width)
    shape = shape if spec.layout == "nchw" else (*shape[1:], shape[0])
    if tensor.shape[1:] != shape or tensor.dtype != spec.dtype or not len(tensor):
        raise Invalid(
            f"inputs: {spec.name} is {tensor.dtype} {list(tensor.shape)}",
            fix=f"send {spec.dtype} {[-1, *shape]}",
        )


def _tensor(name: str, shape: tuple[int | None, ...], dtype: str) -> dict[str, Any]:
    sizes = [-1 if size is None else size for size in shape]
    return {"name": name, "datatype": DATATYPES.get(dtype, "BYTES"), "shape": sizes}
