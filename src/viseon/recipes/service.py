"""Recipes: check one, make a version with it, and ask where a version came from."""

import tempfile
from pathlib import Path
from typing import Annotated, Protocol, TypeVar

from pydantic import Field

from viseon.operation import Limit, operation
from viseon.ports import BlobStore, Catalog, Images, Report
from viseon.recipes.document import read_recipe, summary
from viseon.recipes.engine import Engine, Item, items_of
from viseon.schema import (
    Clock,
    Dataset,
    Digest,
    Invalid,
    Name,
    NotFound,
    Page,
    Resources,
    Role,
    Row,
    Version,
    canonical_json,
)
from viseon.schema.recipe import Derivation, RecipeSummary

T = TypeVar("T")
Number = Annotated[int, Field(ge=1)]


class Publish(Protocol):
    """How rows become a version of a dataset; wired where services meet."""

    def __call__(self, dataset: str, *, rows: Digest, like: Version, message: str) -> Version:
        """Make `rows` everything there is in `dataset`, and commit; the head if nothing changed.

        A new dataset gets task and classes of `like`.
        """
        ...


class Recipes:
    """Preprocessing and augmentation as versions made out of versions."""

    def __init__(
        self,
        catalog: Catalog,
        blobs: BlobStore,
        images: Images,
        now: Clock,
        publish: Publish,
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._images = images
        self._now = now
        self._publish = publish

    @operation("POST", "/recipes/checks", needs=Role.VIEWER)
    def check(self, *, document: str) -> RecipeSummary:
        """Read a recipe (YAML or JSON) and say how it is understood; nothing is stored."""
        return summary(read_recipe(document))

    @operation(
        "POST",
        "/recipes/derivations/{dataset}/{number}",
        needs=Role.EDITOR,
        takes=Resources(cores=1, ram_mb=1000),
    )
    def start(
        self, dataset: Name, number: Number, *, document: str, into: str = "", report: Report
    ) -> Derivation:
        """Make a version of another dataset out of this one by a recipe (YAML or JSON).

        `into` names the other dataset (by default `DATASET-RECIPE`); it holds what the recipe
        makes and nothing else. Splits are kept, and what was made before from equal samples by
        equal stages is not made again.
        """
        recipe = read_recipe(document)
        target = into or f"{dataset}-{recipe.recipe}"[:63].rstrip("-")
        if target == dataset:
            raise Invalid(f"into: {target!r} is the source itself", fix="name another dataset")
        source, items = self._source(dataset, number)
        made, runs = Engine(self._catalog, self._blobs, self._images, report).run(recipe, items)
        report.progress(0.96, "committing")
        message = f"{recipe.recipe} ({recipe.digest[:12]}) of {source.ref}"
        version = self._publish(
            target, rows=self._rows(made, recipe.digest), like=source, message=message
        )
        with self._catalog.transaction() as records:
            key = f"{version.dataset}@{version.number:08d}"
            earlier = records.seek(Derivation, key)
            derivation = Derivation(
                dataset=version.dataset,
                number=version.number,
                fingerprint=version.fingerprint,
                source=source.ref,
                source_fingerprint=source.fingerprint,
                recipe=summary(recipe),
                stages=tuple(runs),
                created=self._now() if earlier is None else earlier.created,
                created_by=records.by if earlier is None else earlier.created_by,
            )
            records.put(key, derivation)
        return derivation

    @operation("GET", "/recipes/derivations", needs=Role.VIEWER)
    def find(self, *, cursor: str = "", limit: Limit = 50) -> Page[Derivation]:
        """All versions that recipes made, by dataset and number."""
        with self._catalog.read() as records:
            found = records.find(Derivation, after=cursor, limit=limit + 1)
        keys = [f"{d.dataset}@{d.number:08d}" for d in found]
        more = keys[limit - 1] if len(found) > limit else None
        return Page(items=tuple(found[:limit]), next=more)

    @operation("GET", "/recipes/derivations/{dataset}/{number}", needs=Role.VIEWER)
    def get(self, dataset: Name, number: Number) -> Derivation:
        """Where a version came from: its source, the recipe, and what each stage did."""
        with self._catalog.read() as records:
            found = records.seek(Derivation, f"{dataset}@{number:08d}")
        if found is None:
            raise NotFound(f"{dataset}@{number} was not made by a recipe")
        return found

    def _source(self, dataset: str, number: int) -> tuple[Version, list[Item]]:
        with self._catalog.read() as records:
            records.get(Dataset, dataset)
            version = records.seek(Version, f"{dataset}@{number:08d}")
            if version is None:
                raise NotFound(
                    f"dataset {dataset!r} has no version {number}", fix=f"viseon log {dataset}"
                )
            samples = list(records.samples.rows(dataset, version=number))
            digests = {s.annotation for s in samples if s.annotation}
            annotations = records.samples.annotations(digests)
        return version, items_of(samples, annotations)

    def _rows(self, items: list[Item], recipe: Digest) -> Digest:
        with tempfile.TemporaryDirectory(prefix="viseon-recipe-") as folder:
            path = Path(folder) / "rows.jsonl"
            with path.open("wb") as file:
                file.writelines(_row(item, recipe) for item in items)
            return self._blobs.add(path)


def _row(item: Item, recipe: Digest) -> bytes:
    row = Row(
        filename=item.filename,
        digest=item.digest,
        annotation=item.annotation,
        split=item.split,
        width=item.width,
        height=item.height,
        metadata={**item.metadata, "recipe": recipe, "source": list(item.sources)},
    )
    return canonical_json(row.model_dump(mode="json", exclude_defaults=True)) + b"\n"
