"""What the package brings for the demo: the model, its card, and the stream that uses it."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from viseon.app import LOCAL, House
from viseon.inference import register as number
from viseon.schema import Digest, Model, Run, Signature

STREAM = "entrance"


@dataclass(frozen=True, slots=True)
class Shipped:
    """The model as it was trained, and from what."""

    onnx: bytes
    signature: Signature
    run: Run
    licence: str
    pictures: int
    seed: int
    message: str

    @property
    def name(self) -> str:
        """The model's."""
        return self.run.name

    @property
    def dataset(self) -> str:
        """The name of the dataset it learned from."""
        return self.run.dataset.partition("@")[0]

    @property
    def fingerprint(self) -> Digest:
        """Of the version it learned from."""
        return self.run.version


def document(model: Model) -> str:
    """The stream's YAML, with that model."""
    text = files("viseon.demo").joinpath("entrance.yaml").read_text(encoding="utf-8")
    return text.replace("model: people@1\n", f"model: {model.ref}\n")


def register(house: House) -> Model:
    """Put the shipped model and the run that made it into the catalog, unless they are there."""
    found = shipped()
    onnx = house.platform().blobs.put(found.onnx)
    draft = Model(
        name=found.name,
        number=0,
        digest=onnx,
        onnx=onnx,
        size=len(found.onnx),
        signature=found.signature,
        run=found.run.id,
        version=found.fingerprint,
        dataset=found.run.dataset,
        metrics=found.run.metrics,
        licence=found.licence,
        created=found.run.ended or found.run.started,
        created_by="viseon",
    )
    with house.store.catalog(LOCAL).transaction() as records:
        model = number(records, draft)
        if records.seek(Run, found.run.id) is None:
            records.put(found.run.id, found.run.model_copy(update={"model": model.ref}))
    return model


@cache
def shipped() -> Shipped:
    """Read from the package."""
    folder = files("viseon").joinpath("assets", "demo")
    card = json.loads(folder.joinpath("card.json").read_bytes())
    return Shipped(
        onnx=folder.joinpath("model.onnx").read_bytes(),
        signature=Signature.model_validate(card["signature"]),
        run=Run.model_validate(card["run"]),
        licence=card["licence"],
        pictures=card["pictures"],
        seed=card["seed"],
        message=card["message"],
    )
