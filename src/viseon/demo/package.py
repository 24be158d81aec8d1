"""How the shipped model was made: `python -m viseon.demo.package` makes `assets/demo` anew.

Draws the pictures, commits them, trains, and writes the ONNX file and its card. The pictures, and
so the fingerprint, are the same on every machine; the weights only to the trainer's tolerance.
"""

import json
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from viseon.app import House
from viseon.datasets.transfer import import_folder
from viseon.demo.recreate import draw
from viseon.platform import Platform
from viseon.schema import Model, Run
from viseon.settings import Settings

PICTURES, SEED = 300, 1
DATASET, NAME = "street", "people"
MESSAGE = f"{PICTURES} drawn pictures of people before shops"
CONFIG = {"epochs": 60, "evaluate_every": 5}
LICENCE = "Apache-2.0"


def main() -> None:
    """Make the folder; says on standard error how the training goes."""
    folder = Path(str(files("viseon"))) / "assets" / "demo"
    with tempfile.TemporaryDirectory(prefix="viseon-package-") as scratch:
        house = House(Settings(home=Path(scratch) / "home", jobs="inline"))
        try:
            platform = house.platform()
            model, run = _trained(platform, Path(scratch) / "pictures")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "model.onnx").write_bytes(platform.blobs.get(model.onnx))
            (folder / "card.json").write_text(_card(model, run), encoding="utf-8")
        finally:
            house.close()
    sys.stderr.write(f"{folder}: {run.metrics}\n")


def _trained(platform: Platform, pictures: Path) -> tuple[Model, Run]:
    draw(pictures, PICTURES, SEED, lambda _: None)
    import_folder(platform, pictures, dataset=DATASET, format="coco")
    version = platform.datasets.commit(DATASET, message=MESSAGE)
    job = platform.runs.start(
        dataset=version.ref, name=NAME, trainer="fcos", config=CONFIG, licence=LICENCE
    ).wait(progress=True)
    run = Run.model_validate(job.result)
    return platform.models.get(str(run.model)), platform.runs.get(run.id)


def _card(model: Model, run: Run) -> str:
    card = {
        "pictures": PICTURES,
        "seed": SEED,
        "message": MESSAGE,
        "licence": LICENCE,
        "signature": model.signature.model_dump(mode="json"),
        "run": run.model_copy(update={"job": None}).model_dump(mode="json"),
    }
    return json.dumps(card, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    main()
