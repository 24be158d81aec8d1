"""How to feed a graph and read it: inferred, explained, and open to correction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, ValidationError

from viseon.models.classes import classes_in
from viseon.models.families import FAMILIES, Match, Seen
from viseon.ports import Backend, Tensor
from viseon.schema import Decision, Failed, InputSpec, Invalid, Noun, Signature, Task
from viseon.vision.decode import DECODERS, Ask, BadDecoder, BadOutputs, decoder

_DEFAULT_SIDE = 640
_MOST_PIXELS = 64_000_000


class Overrides(Noun):
    """What a person knows better than the graph tells. Everything left out is inferred."""

    decoder: str | None = None
    options: dict[str, Any] | None = None
    task: Task | None = None
    outputs: tuple[str, ...] | None = None
    width: PositiveInt | None = None
    height: PositiveInt | None = None
    layout: Literal["nchw", "nhwc"] | None = None
    color: Literal["rgb", "bgr", "gray"] | None = None
    resize: Literal["letterbox", "letterbox-topleft", "stretch", "crop"] | None = None
    pad_value: int | None = Field(default=None, ge=0, le=255)
    scale: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    score: float | None = Field(default=None, ge=0, le=1)
    iou: float | None = Field(default=None, ge=0, le=1)


@dataclass(frozen=True, slots=True)
class Inferred:
    """A signature and the reasons for it."""

    signature: Signature
    decisions: tuple[Decision, ...]


def infer_signature(
    backend: Backend, *, classes: tuple[str, ...] = (), given: Overrides | None = None
) -> Inferred:
    """Look at the graph, try it on a picture, and say how it is used.

    `classes` are the names if the caller knows them. Raises Invalid that says what was seen, what
    is known and what to pass.
    """
    given = given or Overrides()
    decisions: list[Decision] = []
    tensor = _image_input(backend)
    shape = _shape(tensor, backend.metadata, given, decisions)
    names = _names(backend, classes, decisions)
    outputs = _trial(backend, tensor, shape)
    seen = Seen(backend.inputs, shape.width, shape.height, outputs, backend.metadata, names)
    match = _match(seen, given)
    _decide(decisions, "decoder", match.decoder, match.because)
    _tried(match, outputs, shape, given)
    spec = _input_spec(tensor, shape, match, given, decisions)
    extra = _extra_inputs(backend, tensor, shape)
    if extra:
        spec = spec.model_copy(update={"extra": extra})
        _decide(decisions, "input.extra", ", ".join(extra), "the graph also wants the size")
    signature = Signature(
        task=given.task or match.task,
        classes=_numbered(names, match, decisions),
        input=spec,
        outputs=match.outputs,
        decoder=match.decoder,
        options=match.options,
        **_thresholds(match, given),
    )
    _decide(decisions, "task", signature.task.value, f"decoder {match.decoder} gives that")
    if match.doubt:
        _decide(decisions, "doubt", "perhaps", match.doubt)
    return Inferred(signature, tuple(decisions))


def _thresholds(match: Match, given: Overrides) -> dict[str, float]:
    score = match.score if given.score is None else given.score
    return {k: v for k, v in (("score", score), ("iou", given.iou)) if v is not None}


@dataclass(frozen=True, slots=True)
class _Shape:
    layout: Literal["nchw", "nhwc"]
    channels: int
    width: int
    height: int
    batch: int | None


def _decide(decisions: list[Decision], field: str, value: object, because: str) -> None:
    decisions.append(Decision(field=field, value=str(value), because=because))


def _image_input(backend: Backend) -> Tensor:
    if not backend.outputs:
        raise Invalid("the model has no outputs", fix="export it again, with them")
    pictures = [tensor for tensor in backend.inputs if len(tensor.shape) == 4]
    if len(pictures) != 1:
        listed = ", ".join(f"{t.name} {_size(t)}" for t in backend.inputs)
        raise Invalid(
            f"the model takes {listed}: {len(pictures)} of them look like a picture, not one",
            fix="export it with one image input, batch x channels x height x width",
        )
    if pictures[0].dtype not in ("float32", "float16", "uint8"):
        raise Invalid(
            f"input {pictures[0].name} wants {pictures[0].dtype}",
            fix="export it with float32, float16 or uint8 pixels",
        )
    return pictures[0]


def _shape(
    tensor: Tensor, metadata: Mapping[str, str], given: Overrides, decisions: list[Decision]
) -> _Shape:
    layout = given.layout or _layout(tensor)
    batch, *sizes = tensor.shape
    channels, height, width = sizes if layout == "nchw" else (sizes[2], sizes[0], sizes[1])
    _decide(decisions, "input.layout", layout, f"input {tensor.name} is {_size(tensor)}")
    if height is None or width is None:
        told_height, told_width = _told_size(metadata)
        source = "the file's metadata says so" if told_height else "640 is what most are trained at"
        height = height or given.height or told_height or _DEFAULT_SIDE
        width = width or given.width or told_width or _DEFAULT_SIDE
        if given.height or given.width:
            source = "you said so"
        because = f"the graph leaves it open and {source}"
    else:
        because = "the graph fixes it"
        if (given.width or width, given.height or height) != (width, height):
            raise Invalid(
                f"width, height: you said {given.width}x{given.height}, the graph takes {width}x"
                f"{height} only",
                fix="leave them out, or export with dynamic axes",
            )
    _decide(decisions, "input.size", f"{width}x{height}", because)
    limit = "any, the graph leaves it open" if batch is None else f"{batch}, the graph fixes it"
    _decide(decisions, "input.batch", batch or "any", limit.partition(", ")[2])
    if width * height * (batch or 1) > _MOST_PIXELS:
        raise Invalid(
            f"the model takes {width}x{height} pixels in batches of {batch or 1}: too much to try",
            fix=f"at most {_MOST_PIXELS} pixels in all: export it for a smaller picture or "
            "batch, or pass a smaller width and height where the graph leaves them open",
        )
    if given.color and (given.color == "gray") != (channels == 1):
        raise Invalid(
            f"color: you said {given.color}, the graph takes {channels or 3} channels",
            fix="color=gray for one channel; rgb or bgr for three",
        )
    return _Shape(layout, channels or 3, width, height, batch)


def _layout(tensor: Tensor) -> Literal["nchw", "nhwc"]:
    first, last = tensor.shape[1], tensor.shape[3]
    if first in (1, 3) or (first is None and last not in (1, 3)):
        return "nchw"
    if last in (1, 3):
        return "nhwc"
    raise Invalid(
        f"input {tensor.name} is {_size(tensor)}: no axis has 1 or 3 colours",
        fix="only models of RGB, BGR or grey pictures are supported",
    )


def _told_size(metadata: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Ultralytics writes imgsz as `[height, width]`."""
    digits = "".join(c if c.isdigit() else " " for c in metadata.get("imgsz", "")).split()
    sizes = [int(d) for d in digits if 0 < int(d) < 65536]
    if not sizes:
        return None, None
    return sizes[0], sizes[-1]


def _names(
    backend: Backend, classes: tuple[str, ...], decisions: list[Decision]
) -> tuple[str, ...]:
    if classes:
        _decide(decisions, "classes", f"{len(classes)} names", "you gave them")
        return classes
    found = classes_in(backend.metadata)
    if found:
        _decide(decisions, "classes", f"{len(found)} names", "the file's metadata holds them")
    return found


def _trial(backend: Backend, tensor: Tensor, shape: _Shape) -> dict[str, NDArray[Any]]:
    """What the graph answers to noise; its values tell raw from decoded outputs."""
    noise = np.random.default_rng(0).random((shape.height, shape.width, shape.channels))
    picture = noise * 255 if tensor.dtype == "uint8" else noise
    if shape.layout == "nchw":
        picture = picture.transpose(2, 0, 1)
    batch = np.repeat(picture[None].astype(tensor.dtype), shape.batch or 1, axis=0)
    inputs = {tensor.name: batch}
    for name, row in _extra_inputs(backend, tensor, shape).items():
        kind = next(t.dtype for t in backend.inputs if t.name == name)
        inputs[name] = np.repeat(np.array([row], kind), len(batch), axis=0)
    try:
        outputs = dict(backend.run(inputs))
    except (Invalid, Failed) as error:
        raise Invalid(
            f"the model fails on a trial picture of {shape.width}x{shape.height}: {error.message}",
            fix="pass the width and height it was exported for",
        ) from error
    for name, values in outputs.items():
        if values.size and values.dtype.kind == "f" and not np.isfinite(values).any():
            raise Invalid(
                f"the model's output {name} is {values.flat[0]} throughout for a trial picture",
                fix="export it again; a float16 export may have overflowed: try float32",
            )
    return outputs


def _extra_inputs(backend: Backend, image: Tensor, shape: _Shape) -> dict[str, tuple[float, ...]]:
    """Values of the inputs that are not the picture; we place boxes on the frame ourselves, so
    every such model is told that the picture is as large as its input.
    """
    values: dict[str, tuple[float, ...]] = {}
    for tensor in backend.inputs:
        name = tensor.name.lower()
        if tensor.name == image.name:
            continue
        if "scale" in name:
            values[tensor.name] = (1.0, 1.0)
        elif "size" in name:
            values[tensor.name] = (shape.width, shape.height)
        elif "shape" in name:
            values[tensor.name] = (shape.height, shape.width)
        else:
            raise Invalid(
                f"the model also wants {tensor.name} {_size(tensor)}, whose meaning is unknown",
                fix="export it with the picture as its only input",
            )
    return values


def _match(seen: Seen, given: Overrides) -> Match:
    if given.decoder is not None:
        return _as_told(seen, given)
    for family in FAMILIES:
        match = family(seen)
        if match is not None:
            return _with_options(match, given)
    raise Invalid(
        f"the outputs match no decoder; seen on a {seen.width}x{seen.height} picture: "
        f"{seen.shapes()}",
        fix=f"pass decoder= one of {', '.join(sorted(DECODERS))}, with its options and the outputs "
        "in its order",
    )


def _as_told(seen: Seen, given: Overrides) -> Match:
    """What the family knows about feeding still holds if it has the same decoder."""
    name = given.decoder or ""
    try:
        decoder(name, given.options)
    except BadDecoder as error:
        raise Invalid(f"decoder: {error}", fix="pass one of the known ones") from error
    matches = (family(seen) for family in FAMILIES)
    same = next((m for m in matches if m is not None and m.decoder == name), None)
    base = same or Match(
        family=name, decoder=name, outputs=tuple(seen.outputs), because="", task=Task.DETECT
    )
    return _with_options(_replaced(base, because="you said so"), given)


def _with_options(match: Match, given: Overrides) -> Match:
    try:
        decoder(match.decoder, given.options)
    except BadDecoder as error:
        raise Invalid(f"options: {error}", fix="see the decoder's options") from error
    return _replaced(
        match,
        options={**match.options, **(given.options or {})},
        outputs=given.outputs or match.outputs,
    )


def _tried(
    match: Match, outputs: Mapping[str, NDArray[Any]], shape: _Shape, given: Overrides
) -> None:
    """Read the trial as a person said it is read: what cannot be read should not be deployed."""
    if given.decoder is None and given.options is None and given.outputs is None:
        return
    missing = [name for name in match.outputs if name not in outputs]
    if missing:
        raise Invalid(
            f"outputs: the model has none named {missing[0]!r}", fix=f"it has: {', '.join(outputs)}"
        )
    read = decoder(match.decoder, match.options)
    thresholds = Ask(shape.width, shape.height, 0.5, 0.5)
    try:
        read([outputs[name] for name in match.outputs], thresholds)
    except BadOutputs as error:
        raise Invalid(
            f"decoder {match.decoder!r} cannot read this model: {error}",
            fix="pass decoder, options and outputs that fit the model, or leave them out",
        ) from error
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        options = ", ".join(f"{k}={v!r}" for k, v in match.options.items())
        raise Invalid(
            f"options: decoder {match.decoder!r} cannot read this model with {options}: {error}",
            fix="correct the options, or leave them out to have them inferred",
        ) from error


def _replaced(match: Match, **changes: Any) -> Match:
    fields = {name: getattr(match, name) for name in Match.__slots__}
    return Match(**fields | changes)


def _input_spec(
    tensor: Tensor, shape: _Shape, match: Match, given: Overrides, decisions: list[Decision]
) -> InputSpec:
    values: dict[str, Any] = dict(match.input)
    if tensor.dtype == "uint8":
        values |= {"scale": 1.0, "mean": (), "std": ()}
        _decide(decisions, "input.scale", 1.0, "the graph takes uint8 pixels as they are")
    if shape.channels == 1:
        values |= {"color": "gray", "mean": (), "std": ()}  # families speak of three channels
        _decide(decisions, "input.color", "gray", "the graph takes one channel")
    for name in ("color", "resize", "pad_value", "scale", "mean", "std"):
        told = getattr(given, name)
        if told is not None:
            values[name] = told
            _decide(decisions, f"input.{name}", told, "you said so")
        elif not any(d.field == f"input.{name}" for d in decisions):
            default = InputSpec.model_fields[name].default
            value = values.get(name, default)
            if value == ():
                continue
            _decide(decisions, f"input.{name}", value, f"{match.family} models are fed like that")
    try:
        return InputSpec.model_validate(
            {
                "name": tensor.name,
                "width": shape.width,
                "height": shape.height,
                "layout": shape.layout,
                "dtype": tensor.dtype,
                "batch": shape.batch,
            }
            | values
        )
    except ValidationError as error:
        raise Invalid.because(error.errors()[0], where="overrides.") from error


def _numbered(names: tuple[str, ...], match: Match, decisions: list[Decision]) -> tuple[str, ...]:
    if not names:
        made = tuple(f"class-{i}" for i in range(match.classes))
        if made:
            because = "nobody named them and the outputs tell that many apart; pass classes"
            _decide(decisions, "classes", f"class-0 … class-{len(made) - 1}", because)
        return made
    if match.classes and len(names) != match.classes:
        raise Invalid(
            f"classes: {len(names)} names, but the outputs tell {match.classes} classes apart",
            fix="give as many names as there are classes, in the order of training",
        )
    return names


def _size(tensor: Tensor) -> str:
    return "x".join("?" if n is None else str(n) for n in tensor.shape) + f" {tensor.dtype}"
