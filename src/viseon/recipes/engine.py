"""Runs stages over samples; what was made before from the same is not made again."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

from viseon.ports import BlobStore, Catalog, Images, Records, Report
from viseon.recipes.labels import joined_labels, moved_labels
from viseon.recipes.stages import Recipe, Stage
from viseon.schema import (
    Annotation,
    Conflict,
    Digest,
    Invalid,
    Sample,
    Split,
    TooLarge,
    canonical_json,
    digest_of,
)
from viseon.schema.recipe import Made, StageResult, StageRun

_THREADS = 2
_BATCH = 100
"""Results remembered in one transaction: what a crash may cost."""


@dataclass(frozen=True, slots=True)
class Item:
    """A sample on its way through the stages."""

    stem: str
    """Its name so far, without what says how it is stored."""
    filename: str
    digest: Digest
    annotation: Annotation | None
    split: Split | None
    width: int
    height: int
    metadata: dict[str, Any]
    sources: tuple[Digest, ...]
    """Of the samples of the source version that it is made of."""


@dataclass(frozen=True, slots=True)
class _Work:
    """One piece of work: what goes in, and the name of what comes out."""

    key: Digest
    inputs: tuple[Item, ...]


def items_of(samples: Sequence[Sample], annotations: dict[Digest, Annotation]) -> list[Item]:
    """The samples of a version. Raises Invalid for files that are no pictures."""
    stems = Counter(_stem(s.filename) for s in samples)
    found = []
    for s in samples:
        if s.erased:
            continue
        if s.metadata.get("modality", "image") != "image":
            raise Invalid(f"{s.filename}: recipes work on pictures", fix="leave it out")
        stem = _stem(s.filename)
        found.append(
            Item(
                stem=stem if stems[stem] == 1 else s.filename,
                filename=s.filename,
                digest=s.digest,
                annotation=annotations[s.annotation] if s.annotation else None,
                split=s.split,
                width=s.width,
                height=s.height,
                metadata=dict(s.metadata),
                sources=(s.digest,),
            )
        )
    return found


class Engine:
    """Makes pictures and remembers them, within one workspace."""

    def __init__(self, catalog: Catalog, blobs: BlobStore, images: Images, report: Report) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._images = images
        self._report = report

    def run(self, recipe: Recipe, items: list[Item]) -> tuple[list[Item], list[StageRun]]:
        """What becomes of `items`, and what each stage had to do."""
        runs = []
        for number, stage in enumerate(recipe.stages):
            before = len(items)
            items, made, reused = self._stage(recipe, stage, items, number)
            _check_names(items)
            runs.append(
                StageRun(
                    kind=stage.kind,
                    digest=recipe.key(stage),
                    samples_in=before,
                    samples_out=len(items),
                    made=made,
                    reused=reused,
                )
            )
        return items, runs

    def _stage(
        self, recipe: Recipe, stage: Stage, items: list[Item], number: int
    ) -> tuple[list[Item], int, int]:
        work = {item.filename: w for item, w in _plan(recipe, stage, items)}
        wanted = {w.key: w for w in work.values()}
        results: dict[Digest, StageResult] = {}
        made = 0
        for keys in _batches(list(wanted)):
            if self._report.cancelled:
                raise Conflict("cancelled", fix="start it again: what was made is kept")
            known = self._known(keys)
            fresh = [wanted[k] for k in keys if k not in known]
            if fresh:
                known |= self._make(recipe, stage, fresh)
            results |= known
            made += len(fresh)
            share = (number + len(results) / len(wanted)) / len(recipe.stages)
            self._report.progress(0.95 * share, f"{stage.kind} ({number + 1})")
        label = _label(recipe, number)
        out: list[Item] = []
        for item in items:
            mine = work.get(item.filename)
            if mine is None or stage.copies:
                out.append(item)
            if mine is not None:
                out += _made(mine.inputs, results[mine.key], label, recipe.encoding)
        return out, made, len(wanted) - made

    def _known(self, keys: Sequence[Digest]) -> dict[Digest, StageResult]:
        """What was made before, as long as its bytes are still there."""
        with self._catalog.read() as records:
            found = {k: r for k in keys if (r := records.seek(StageResult, k)) is not None}
        made = chain.from_iterable(r.made for r in found.values())
        gone = set(self._blobs.missing(m.digest for m in made))
        return {k: r for k, r in found.items() if not any(m.digest in gone for m in r.made)}

    def _make(
        self, recipe: Recipe, stage: Stage, work: Sequence[_Work]
    ) -> dict[Digest, StageResult]:
        with ThreadPoolExecutor(_THREADS) as pool:
            done = list(pool.map(lambda w: self._cook(recipe, stage, w), work))
        with self._catalog.transaction() as records:
            self._check(records, done)
            for result in done:
                records.put(result.key, result)
        return {result.key: result for result in done}

    def _check(self, records: Records, done: Sequence[StageResult]) -> None:
        """Raises Conflict if a source was erased while something was made of it."""
        erased = records.remains.erased()
        tainted = [r for r in done if not erased.isdisjoint(r.inputs)] if erased else []
        if tainted:
            made = {m.digest for r in tainted for m in r.made}
            for digest in made - records.remains.used(made):
                self._blobs.delete(digest)
            raise Conflict("a source was erased meanwhile", fix="start it again")

    def _cook(self, recipe: Recipe, stage: Stage, work: _Work) -> StageResult:
        pictures = []
        for item in work.inputs:
            try:
                pictures.append(self._images.decode(self._blobs.get(item.digest)))
            except (Invalid, TooLarge) as error:
                raise Invalid(
                    f"{item.filename}: {error.message}", fix="see `viseon health`; take it out"
                ) from error
        made = []
        for drawn in stage.run(pictures, self._images, [i.digest for i in work.inputs]):
            height, width = drawn.pixels.shape[:2]
            labels = [
                moved_labels(
                    work.inputs[piece.source].annotation,
                    piece.matrix,
                    piece.window,
                    size=(width, height),
                    min_visible=recipe.min_visible,
                    swap=piece.swap,
                )
                for piece in drawn.pieces
            ]
            data = self._images.encode(drawn.pixels, kind=recipe.encoding, quality=recipe.quality)
            made.append(
                Made(
                    suffix=drawn.suffix,
                    digest=self._blobs.put(data),
                    annotation=labels[0] if stage.takes == 1 else joined_labels(labels),
                    width=width,
                    height=height,
                )
            )
        inputs = tuple(dict.fromkeys(i.digest for i in work.inputs))
        return StageResult(key=work.key, made=tuple(made), inputs=inputs)


def _plan(recipe: Recipe, stage: Stage, items: Sequence[Item]) -> Iterator[tuple[Item, _Work]]:
    """What the stage has to do for whom; partners are of the same split."""
    key = recipe.key(stage)
    chosen = [i for i in items if i.split is None or i.split in stage.splits]
    rings: dict[str, list[Item]] = {}
    places: dict[str, int] = {}
    if stage.takes > 1:
        for item in sorted(chosen, key=lambda i: (digest_of((key + i.digest).encode()), i.stem)):
            ring = rings.setdefault(item.split or "", [])
            places[item.filename] = len(ring)
            ring.append(item)
    for item in chosen:
        inputs: tuple[Item, ...] = (item,)
        if stage.takes > 1:
            ring, at = rings[item.split or ""], places[item.filename]
            inputs = tuple(ring[(at + n) % len(ring)] for n in range(stage.takes))
        said = [[i.digest, i.annotation.digest if i.annotation else None] for i in inputs]
        yield item, _Work(digest_of(canonical_json([key, said])), inputs)


def _label(recipe: Recipe, number: int) -> str:
    """What tells the copies of one stage from those of another: its kind, counted if need be."""
    stage = recipe.stages[number]
    if not stage.copies:
        return ""
    twins = [n for n, s in enumerate(recipe.stages) if s.copies and s.kind == stage.kind]
    return f"~{stage.kind}" + (f"{twins.index(number) + 1}" if len(twins) > 1 else "")


def _made(
    inputs: tuple[Item, ...], result: StageResult, label: str, encoding: str
) -> Iterator[Item]:
    first = inputs[0]
    ending = "jpg" if encoding == "jpeg" else encoding
    sources = tuple(dict.fromkeys(chain.from_iterable(i.sources for i in inputs)))
    for made in result.made:
        stem = first.stem + label + made.suffix
        yield replace(
            first,
            stem=stem,
            filename=f"{stem}.{ending}",
            digest=made.digest,
            annotation=made.annotation,
            width=made.width,
            height=made.height,
            sources=sources,
        )


def _check_names(items: Sequence[Item]) -> None:
    twice = [name for name, n in Counter(i.filename for i in items).items() if n > 1]
    if twice:
        raise Invalid(
            f"the recipe makes two samples named {twice[0]!r}",
            fix="rename the sample in the source, or leave out one of two equal stages",
        )


def _stem(filename: str) -> str:
    return str(PurePosixPath(filename).with_suffix(""))


def _batches(keys: Sequence[Digest]) -> Iterator[Sequence[Digest]]:
    for start in range(0, len(keys), _BATCH):
        yield keys[start : start + _BATCH]
