"""What a stream's YAML may say, as JSON Schema, the installed plugins' options included."""

from typing import Any

from viseon import plugins
from viseon.schema import StreamPlugin
from viseon.streams.config import PluginUse, StreamSpec

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
            "oneOf": [_variant(kind, name, common, definitions) for name in _names(kind)],
        }
    return whole


def installed() -> list[StreamPlugin]:
    """Every source, tracker and sink that a stream may name, with its options."""
    return [
        StreamPlugin(
            kind=kind,
            name=name,
            summary=(plugin.config.__doc__ or "").strip(),
            options=plugin.config.model_json_schema(by_alias=True),
        )
        for kind in ("source", "tracker", "sink")
        for name in _names(kind)
        for plugin in [plugins.find(kind, name)]
    ]


def _names(kind: plugins.Kind) -> list[str]:
    return sorted(set(plugins.names(kind)))


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
