"""Examples of the OpenAPI document. A test sends every one of them."""

from typing import Any

PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC"
)
"""A black pixel: PNG, base64."""

PARAMETERS: dict[str, str | int] = {
    "dataset": "shop",
    "deployment": "door",
    "name": "door",
    "number": 1,
    "ref": "people@1",
    "tag": "production",
    "version": "1",
}
"""Values for the parameters in paths."""

PLACES: dict[str, dict[str, str | int]] = {
    "datasets_resolve": {"ref": "latest"},
}
"""Values that one operation wants otherwise, by operation."""

BODIES: dict[str, Any] = {
    "access_create_token": {"name": "camera-7", "role": "viewer"},
    "access_create_workspace": {"name": "north"},
    "datasets_create": {"name": "yard", "classes": ["person", "forklift"]},
    "datasets_add_classes": {"classes": ["person", "trolley"]},
    "datasets_declare": {"key": "light", "type": "choice", "choices": ["day", "night"]},
    "datasets_describe": {"where": "width > 0", "metadata": {"light": "day"}, "add_tags": ["old"]},
    "deployments_create": {"name": "gate", "models": ["people@1"], "serving": {"max_batch": 4}},
    "deployments_swap": {"models": ["people@1"], "serving": {"timeout_ms": 500}},
    "deployments_predict_bytes": {"images": [PICTURE]},
    "predict_bytes": {"images": [PICTURE]},
    "streams_check": {
        "document": "stream: entrance\nsource: {kind: scene}\nmodel: people@1\n"
        "tracker: {kind: bytetrack}\nsinks: [{kind: events}]\n"
    },
    "views_put": {"where": 'split == "val" and width >= 640', "description": "Large and unseen"},
}
"""Bodies by operation."""
