"""What a stream's YAML may say, as JSON Schema, the installed plugins' options included."""

import contextlib
from typing import Any, Literal

from viseon import plugins
from viseon.schema import StreamPlugin
from viseon.streams.config import PluginUse, StreamSpec

StreamKind = Literal["source", "tracker", "sink"]

_PLACES: tuple[tuple[plugins.Kind, str], ...] = (
    ("source", "SourceUse"),
    ("tracker", "TrackerUse"),
    ("backend", "BackendUse"),
    ("sink", "PluginUse"),
)


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the whole document; editors complete and check with it."""
    whole = StreamSpec.model_json_schema(by_alias=True)
    whole["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    definitions = whole["$defs"]
    for kind, place in _PLACES:
        common = definitions[place]
        definitions[place] = {
            "description": common.get("description", ""),
            "oneOf": [_variant(kind, name, common, definitions) for name in _loadable(kind)],
        }
    return whole


def installed() -> list[StreamPlugin]:
    """Every source, tracker and sink that a stream may name, with its options."""
    kinds: tuple[StreamKind, ...] = ("source", "tracker", "sink")
    return [_described(kind, name) for kind in kinds for name in _names(kind)]


def _described(kind: StreamKind, name: str) -> StreamPlugin:
    """A plugin whose own needs are missing is listed with what is missing."""
    try:
        config = plugins.find(kind, name).config
    except ImportError as error:
        return StreamPlugin(kind=kind, name=name, summary=f"cannot be loaded: {error}", options={})
    options = config.model_json_schema(by_alias=True)
    return StreamPlugin(
        kind=kind, name=name, summary=(config.__doc__ or "").strip(), options=options
    )


def _names(kind: plugins.Kind) -> list[str]:
    return sorted(set(plugins.names(kind)))


def _loadable(kind: plugins.Kind) -> list[str]:
    found = []
    for name in _names(kind):
        with contextlib.suppress(ImportError):
            plugins.find(kind, name)
            found.append(name)
    return found


def _variant(
    kind: plugins.Kind, name: str, common: dict[str, Any], definitions: dict[str, Any]
) -> dict[str, Any]:
    """The options of one plugin together with what every plugin of its place takes."""
    config = plugins.find(kind, name).config
    template = f"#/$defs/{kind}.{name}.{{model}}"
    own = config.model_json_schema(by_alias=True, ref_template=template)
    for inner, meaning in own.get("$defs", {}).items():
        definitions[f"{kind}.{name}.{inner}"] = meaning
    shared = {k: v for k, v in common["properties"].items() if k != "kind"}
    default_kind = PluginUse.model_fields["kind"].default
    first: dict[str, Any] = {"const": name}
    if (chosen := common["properties"]["kind"].get("default")) not in (None, default_kind):
        first["default"] = chosen
    required = own.get("required", [])
    return {
        "title": name,
        "description": own.get("description", ""),
        "type": "object",
        "properties": {"kind": first, **shared, **own.get("properties", {})},
        "required": required if chosen == name else ["kind", *required],
        "additionalProperties": False,
    }
