"""From what a person wrote to a stream that can run, or the line that is wrong and the fix."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from viseon import plugins
from viseon.schema import Model, NotFound
from viseon.streams.config import MODEL_REF, PluginUse, RuleSpec, StreamSpec
from viseon.streams.document import Document, Location
from viseon.streams.paths import named
from viseon.vision import Line, Zone

FindModel = Callable[[str, str], Model]
"""(name, number or tag) → the registered model; raises NotFound."""


def check(document: Document, find_model: FindModel) -> tuple[StreamSpec, Model]:
    """The stream, defaults filled in, and its model. Raises Invalid naming file and line."""
    try:
        spec = StreamSpec.model_validate(document.plain)
    except ValidationError as error:
        raise _explained(document, error, StreamSpec, ()) from error
    spec = spec.model_copy(update=_with_plugin_defaults(document, spec))
    _check_paths(document, spec)
    _check_shapes(document, spec)
    model = _find(document, spec.model, find_model)
    _check_classes(document, spec, model)
    for number, rule in enumerate(spec.rules):
        _check_rule(document, spec, rule, ("rules", number))
    return spec, model


def _with_plugin_defaults(document: Document, spec: StreamSpec) -> dict[str, Any]:
    sinks = enumerate(spec.sinks)
    return {
        "source": _filled(document, "source", spec.source, ("source",)),
        "tracker": _filled(document, "tracker", spec.tracker, ("tracker",)),
        "backend": _filled(document, "backend", spec.backend, ("backend",)),
        "sinks": tuple(_filled(document, "sink", use, ("sinks", i)) for i, use in sinks),
    }


def _filled(document: Document, kind: plugins.Kind, use: PluginUse, at: Location) -> PluginUse:
    """The same with the plugin's own defaults written out."""
    try:
        plugin = plugins.find(kind, use.kind)
    except NotFound as error:
        raise document.error((*at, "kind"), error.message, fix=error.fix) from error
    try:
        options = plugin.config.model_validate(use.options)
    except ValidationError as error:
        raise _explained(document, error, plugin.config, at) from error
    own = {name: getattr(use, name) for name in type(use).model_fields}
    return type(use).model_validate({**options.model_dump(mode="json"), **own})


def _check_paths(document: Document, spec: StreamSpec) -> None:
    """No sink may overwrite the source, nor another sink."""
    taken: dict[str, str] = {}
    uses: list[tuple[plugins.Kind, PluginUse, Location]] = [("source", spec.source, ("source",))]
    uses += [("sink", use, ("sinks", i)) for i, use in enumerate(spec.sinks)]
    for kind, use, at in uses:
        for name, path in named(plugins.find(kind, use.kind).options(use.options)):
            if path in taken:
                problem = f"{path} is also the file of {taken[path]}"
                raise document.error((*at, name), problem, fix="choose another name")
            taken[path] = ".".join(map(str, at))


def _check_shapes(document: Document, spec: StreamSpec) -> None:
    """Geometry that cannot work is refused by the geometry itself; the scale does not matter."""
    for name, line in spec.lines.items():
        try:
            Line(_scaled(line.start), _scaled(line.end))
        except ValueError as error:
            fix = "give two different points"
            raise document.error(("lines", name), str(error), fix=fix) from error
    for name, zone in spec.zones.items():
        try:
            Zone(
                [_scaled(p) for p in zone.polygon],
                holes=[[_scaled(p) for p in h] for h in zone.holes],
            )
        except ValueError as error:
            fix = "give the corners in order, round the zone"
            raise document.error(("zones", name), str(error), fix=fix) from error
        if name in spec.lines:
            fix = "choose another name for one of them"
            raise document.error(("zones", name), "is also the name of a line", fix=fix)


def _scaled(point: tuple[float, float]) -> tuple[float, float]:
    return point[0] * 1000, point[1] * 1000


def _find(document: Document, ref: str, find_model: FindModel) -> Model:
    found = MODEL_REF.match(ref)
    if not found:
        looks_like_file = "/" in ref or "." in ref
        problem = (
            f"{ref!r} is a file; a stream names a registered model"
            if looks_like_file
            else (f"{ref!r} does not say which one")
        )
        fix = (
            f"register it with `viseon models add {ref}`, then write its name@number"
            if looks_like_file
            else "write name@number or name@tag, for example people@3 or people@production"
        )
        raise document.error(("model",), problem, fix=fix)
    try:
        return find_model(found[1], found[2])
    except NotFound as error:
        raise document.error(("model",), error.message, fix=error.fix) from error


def _check_classes(document: Document, spec: StreamSpec, model: Model) -> None:
    known = model.signature.classes
    places: list[tuple[Location, Sequence[str]]] = [(("detect", "classes"), spec.detect.classes)]
    places += [(("rules", i, "classes"), rule.classes) for i, rule in enumerate(spec.rules)]
    for at, classes in places:
        for number, name in enumerate(classes):
            if name not in known:
                problem = f"model {model.ref} has no class {name!r}"
                raise document.error((*at, number), problem, fix=_nearest(name, known))
    looked_for = set(spec.detect.classes or known)
    for i, rule in enumerate(spec.rules):
        for number, name in enumerate(rule.classes):
            if name not in looked_for:
                raise document.error(
                    ("rules", i, "classes", number),
                    f"{name!r} is not looked for",
                    fix="add it to detect.classes",
                )


def _check_rule(document: Document, spec: StreamSpec, rule: RuleSpec, at: Location) -> None:
    wanted, other = ("line", "zone") if rule.when == "crossed" else ("zone", "line")
    known: Mapping[str, Any] = spec.lines if wanted == "line" else spec.zones
    where: str | None = getattr(rule, wanted)
    if getattr(rule, other) is not None:
        fix = f"write `{wanted}: …` instead"
        raise document.error((*at, other), f"{rule.when!r} happens at a {wanted}", fix=fix)
    if where is None:
        fix = f"add `{wanted}: …`; there is {_listed(known)}"
        raise document.error(at, f"{rule.when!r} needs a {wanted}", fix=fix)
    if where not in known:
        raise document.error(
            (*at, wanted), f"no {wanted} named {where!r}", fix=_nearest(where, known)
        )
    if rule.direction is not None and wanted == "zone":
        fix = "remove it, or use `entered` and `left`"
        raise document.error((*at, "direction"), "only a line has a direction", fix=fix)
    if rule.when == "loitered" and spec.zones[where].loiter_s is None:
        fix = f"add `loiter_s: 30` (or so) to zones.{where}"
        raise document.error(at, f"zone {where!r} does not say what loitering is", fix=fix)


def _explained(
    document: Document, error: ValidationError, model: type[BaseModel], at: Location
) -> Exception:
    """The first thing wrong, with the nearest key where one is unknown."""
    details = error.errors()
    unknown = (d for d in details if d["type"] == "extra_forbidden")
    detail = next(unknown, details[0])  # a misspelt key explains the one that is missing
    inner = tuple(part for part in detail["loc"] if part != "[key]")
    place = (*at, *inner)
    if detail["type"] == "extra_forbidden":
        known = _keys_at(model, inner[:-1])
        return document.error(place, "unknown key", fix=_nearest(str(inner[-1]), known))
    if detail["type"] == "missing":
        return document.error(place, "is missing", fix=f"add `{inner[-1]}: …`")
    given = detail["input"]
    shown = f", not {given!r}" if isinstance(given, str | int | float | bool) else ""
    message = detail["msg"].removeprefix("Value error, ")
    fix = ""
    if detail["type"] in ("less_than_equal", "greater_than_equal") and _is_fraction(place):
        fix = "lines and zones are in fractions of the frame: x / width, y / height"
    if detail["type"] == "literal_error":
        choices = [c.strip(" '") for c in detail["ctx"]["expected"].replace(" or ", ",").split(",")]
        return document.error(place, f"{given!r} is not known", fix=_nearest(str(given), choices))
    return document.error(place, message[0].lower() + message[1:] + shown, fix=fix)


def _is_fraction(place: Location) -> bool:
    return place[0] in ("lines", "zones")


def _nearest(word: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    near = get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else f"there is {_listed(known)}"


def _listed(known: Sequence[str] | Mapping[str, Any]) -> str:
    names = list(known)
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return (", ".join(names[:12]) + more) or "none"


def _keys_at(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that may stand at a place of a configuration."""
    at: Any = model
    for part in location:
        at = _step(at, part)
    found = next(_models(at), None)
    if found is None:
        return []
    return [field.alias or name for name, field in found.model_fields.items()]


def _step(annotation: Any, part: str | int) -> Any:
    found = next(_models(annotation, deep=False), None)
    if found is None:
        return annotation  # a dictionary's key or a list's index: what follows is inside
    for name, field in found.model_fields.items():
        if part in (field.alias, name):
            return field.annotation
    return annotation


def _models(annotation: Any, *, deep: bool = True) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    if deep or get_origin(annotation) in (Union, UnionType, Annotated):
        for inner in get_args(annotation):
            yield from _models(inner, deep=deep)
