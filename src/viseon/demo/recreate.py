"""The data that the shipped model learned from, drawn again to the last bit."""

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from viseon.datasets.transfer import import_folder
from viseon.demo.shipped import Shipped
from viseon.platform import Platform
from viseon.scene import Labelled, training_images
from viseon.schema import Conflict, Failed, NotFound, Version

CLASS = "person"
Say = Callable[[float, str], None]


def recreate(platform: Platform, shipped: Shipped, say: Say) -> Version:
    """The version that the shipped model learned from, made here unless it is here already.

    Raises Failed when it does not get the fingerprint that the model's card names: then this is
    not the data that the model learned from.
    """
    if (known := _known(platform, shipped)) is not None:
        say(1.0, "done")
        return known
    with tempfile.TemporaryDirectory(prefix="viseon-demo-") as scratch:
        folder = Path(scratch)
        draw(folder, shipped.pictures, shipped.seed, lambda done: say(0.8 * done, "drawing"))
        with suppress(Conflict):  # it is there, perhaps half made; all are drawn of one street
            platform.datasets.create(name=shipped.dataset, classes=(CLASS,), near=None)
        import_folder(
            platform,
            folder,
            dataset=shipped.dataset,
            format="coco",
            progress=lambda done, stage: say(0.8 + 0.2 * done, stage),
        )
    try:
        made = platform.datasets.commit(shipped.dataset, message=shipped.message)
    except Conflict:  # somebody else was quicker, or the store holds something else
        made = None
    found = _known(platform, shipped)
    if found is None:
        got = f"{made.ref} has {made.fingerprint[:12]}" if made else "nothing was new"
        raise Failed(
            f"the card of the shipped model names data {shipped.fingerprint[:12]}, but {got}",
            fix="somebody changed the demo's dataset: remove the demo's folder and start again",
        )
    say(1.0, "done")
    return found


def draw(folder: Path, count: int, seed: int, say: Callable[[float], None]) -> None:
    """Write `count` pictures of people before shops into `folder`, labelled as COCO."""
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    documents: dict[str, dict[str, Any]] = {}
    for number, picture in enumerate(training_images(count, seed), 1):
        (folder / "images" / picture.filename).write_bytes(picture.png())
        _note(documents.setdefault(picture.split, _empty()), number, picture)
        say(number / count)
    for split, document in documents.items():
        path = folder / "annotations" / f"instances_{split}.json"
        path.write_text(json.dumps(document), encoding="utf-8")


def _known(platform: Platform, shipped: Shipped) -> Version | None:
    try:
        versions = platform.datasets.log(shipped.dataset, limit=1000).items
    except NotFound:
        return None
    return next((v for v in versions if v.fingerprint == shipped.fingerprint), None)


def _empty() -> dict[str, Any]:
    return {"images": [], "annotations": [], "categories": [{"id": 1, "name": CLASS}]}


def _note(document: dict[str, Any], number: int, picture: Labelled) -> None:
    height, width = picture.pixels.shape[:2]
    document["images"].append(
        {"id": number, "file_name": picture.filename, "width": width, "height": height}
    )
    for x1, y1, x2, y2 in picture.xyxy.tolist():
        document["annotations"].append(
            {
                "id": len(document["annotations"]) + 1,
                "image_id": number,
                "category_id": 1,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
            }
        )
