"""Models: bring one, find it, tag it, ask why it is used as it is."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from viseon.inference import find_model, latest_model, model_key, register
from viseon.models.export import Bench, Variant, export_and_measure, verdict
from viseon.models.golden import Pictures, golden_set
from viseon.models.signature import Overrides, infer_signature
from viseon.operation import Limit, operation
from viseon.plugins import find as find_plugin
from viseon.plugins import names as plugin_names
from viseon.ports import Backend, BlobStore, Catalog, Images, Records, Report
from viseon.schema import (
    Clock,
    Decision,
    Digest,
    Exported,
    ExporterState,
    Model,
    Name,
    Noun,
    Page,
    Parity,
    Resources,
    Role,
    Unavailable,
)

Ref = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}(@[a-z0-9][a-z0-9-]{0,62})?$")]
"""`name` (the latest), `name@number`, or `name@tag`."""


class Bounds(Noun):
    """How an export is judged."""

    images: int = Field(default=100, ge=1, le=1000)
    """Pictures to calibrate with, and to measure on."""
    max_map_drop: float = Field(default=0.02, ge=0, le=1)
    """How much mAP50-95 a variant may lose."""


class Models:
    """Models, how they are fed and read, and where they come from."""

    def __init__(self, catalog: Catalog, blobs: BlobStore, images: Images, now: Clock) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._images = images
        self._now = now

    @operation("GET", "/models", needs=Role.VIEWER)
    def find(self, *, cursor: str = "", limit: Limit = 50) -> Page[Model]:
        """The latest number of every model, by name."""
        with self._catalog.read() as records:
            names = sorted({m.name for m in records.find(Model) if m.name > cursor})
            items = tuple(latest_model(records, name) for name in names[:limit])
        return Page[Model](items=items, next=items[-1].name if len(names) > limit else None)

    @operation("POST", "/models", needs=Role.EDITOR)
    def add(
        self,
        *,
        name: Name,
        onnx: Digest,
        classes: tuple[str, ...] = (),
        overrides: Overrides = Overrides(),  # noqa: B008  # frozen
        licence: str = "unknown",
    ) -> Model:
        """Bring an ONNX file whose bytes were uploaded.

        Its inputs, outputs and metadata say how it is fed and read; `overrides` corrects what they
        do not say. The same file with the same signature keeps its number.
        """
        with self._opened(onnx) as (backend, size):
            inferred = infer_signature(backend, classes=classes, given=overrides)
        draft = Model(
            name=name,
            number=0,
            digest=onnx,
            onnx=onnx,
            size=size,
            signature=inferred.signature,
            decisions=inferred.decisions,
            licence=licence,
            created=self._now(),
        )
        with self._catalog.transaction() as records:
            return register(records, draft)

    @operation("GET", "/models/exporters", needs=Role.VIEWER)
    def exporters(self) -> tuple[ExporterState, ...]:
        """Other precisions and engines: which are available here, which miss what."""
        states = []
        for name in sorted(plugin_names("exporter")):
            missing = find_plugin("exporter", name).make({}).missing()
            states.append(ExporterState(name=name, available=not missing, missing=missing))
        return tuple(states)

    @operation("GET", "/models/{ref}", needs=Role.VIEWER)
    def get(self, ref: Ref) -> Model:
        """One model: `name` is the latest, or say `name@number` or `name@tag`."""
        with self._catalog.read() as records:
            return find_model(records, ref)

    @operation("GET", "/models/{name}/numbers", needs=Role.VIEWER)
    def versions(self, name: Name, *, cursor: str = "", limit: Limit = 50) -> Page[Model]:
        """Every number of a model, oldest first."""
        with self._catalog.read() as records:
            latest_model(records, name)
            prefix = f"{name}@"
            found = records.find(Model, prefix=prefix, after=cursor, limit=limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        return Page[Model](
            items=tuple(found[:limit]), next=model_key(name, last.number) if last else None
        )

    @operation("GET", "/models/{ref}/explanation", needs=Role.VIEWER)
    def explain(self, ref: Ref) -> tuple[Decision, ...]:
        """What was decided about feeding and reading it, and why."""
        model = self.get(ref)
        if model.decisions or model.run is None:
            return model.decisions
        stated = f"the trainer of run {model.run} stated it"
        spec = model.signature.input
        return (
            Decision(field="decoder", value=model.signature.decoder, because=stated),
            Decision(field="input.size", value=f"{spec.width}x{spec.height}", because=stated),
            Decision(field="input.resize", value=spec.resize, because=stated),
        )

    @operation("PUT", "/models/{ref}/tags/{tag}", needs=Role.EDITOR)
    def tag(self, ref: Ref, tag: Name) -> Model:
        """Let `name@tag` mean this number; the tag moves if another number had it."""
        with self._catalog.transaction() as records:
            model = find_model(records, ref)
            for other in records.find(Model, prefix=f"{model.name}@"):
                if tag in other.tags and other.number != model.number:
                    tags = tuple(t for t in other.tags if t != tag)
                    _put(records, other.model_copy(update={"tags": tags}))
            tags = tuple(sorted({*model.tags, tag}))
            model = model.model_copy(update={"tags": tags})
            _put(records, model)
        return model

    @operation(
        "POST", "/models/{ref}/exports", needs=Role.EDITOR, takes=Resources(cores=1, ram_mb=2000)
    )
    def export(
        self,
        ref: Ref,
        *,
        exporter: str,
        data: str,
        options: dict[str, Any] = {},  # noqa: B006  # never written to
        bounds: Bounds = Bounds(),  # noqa: B008  # frozen
        report: Report,
    ) -> Exported:
        """Make a variant (int8, fp16) or another engine's file, and measure it on a version.

        Accuracy, speed and size of both stand in one table. A variant that neither sees the same
        as the original nor stays within the allowed loss of mAP is registered, but may not be
        deployed.
        """
        made = find_plugin("exporter", exporter).make(options)
        if missing := made.missing():
            raise Unavailable(f"exporter {exporter!r} needs {missing}", fix="install it first")
        with self._catalog.read() as records:
            model = find_model(records, ref)
            golden = golden_set(
                records,
                data,
                model.signature.classes,
                Pictures(self._blobs, self._images),
                most=bounds.images,
            )
        with tempfile.TemporaryDirectory(prefix="viseon-export-") as folder:
            onnx = Path(folder) / f"{model.name}.onnx"
            onnx.write_bytes(self._blobs.get(model.onnx))
            bench = Bench(model.signature, self._images, golden)
            result = export_and_measure(bench, made, exporter, onnx, report)
            return self._kept(model, exporter, result, bounds)

    @operation(
        "POST", "/models/{ref}/parity", needs=Role.EDITOR, takes=Resources(cores=1, ram_mb=2000)
    )
    def parity(
        self,
        ref: Ref,
        *,
        data: str,
        backend: str,
        options: dict[str, Any] = {},  # noqa: B006  # never written to
        images: Limit = 50,
        report: Report,
    ) -> Parity:
        """Whether a backend sees the same as ONNX Runtime on the CPU; names the first pictures
        that differ.
        """
        with self._catalog.read() as records:
            model = find_model(records, ref)
            pictures = Pictures(self._blobs, self._images)
            golden = golden_set(records, data, model.signature.classes, pictures, most=images)
        bench = Bench(model.signature, self._images, golden)
        with tempfile.TemporaryDirectory(prefix="viseon-parity-") as folder:
            path = Path(folder) / f"{model.name}.onnx"
            path.write_bytes(self._blobs.get(model.onnx))
            reference = bench.detector(path, "onnxruntime", {"device": "cpu"})
            candidate = bench.detector(path, backend, options)
            report.progress(0.1, f"comparing {len(golden.measured)} pictures")
            return bench.parity(reference, candidate)

    def _kept(self, model: Model, exporter: str, result: Variant, bounds: Bounds) -> Exported:
        """Store what was made: as a model of its own, or as a file of the original."""
        good, reason = verdict(
            result.table, result.parity, max_map_drop=bounds.max_map_drop, notes=result.notes
        )
        digest = self._blobs.put(result.data)
        ref = None
        with self._catalog.transaction() as records:
            if result.is_model:
                judged = {"blocked": "" if good else reason, "metrics": result.metrics}
                made = {"onnx": digest, "size": len(result.data), "created": self._now()}
                ref = _variant(records, model, made, judged).ref
            else:
                current = find_model(records, model.ref)
                files = dict(current.artefacts)
                if good:
                    files[exporter] = digest
                elif files.get(exporter) == digest:
                    del files[exporter]  # the very file that passed before
                _put(records, current.model_copy(update={"artefacts": files}))
        return Exported(
            exporter=exporter,
            model=ref,
            artefact=None if result.is_model else digest,
            truth=result.truth,
            table=result.table,
            parity=result.parity,
            deployable=good,
            reason=reason,
        )

    @contextmanager
    def _opened(self, onnx: Digest) -> Iterator[tuple[Backend, int]]:
        """The file as a running backend, from a copy that engines can read."""
        data = self._blobs.get(onnx)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(data)
            backend: Backend = find_plugin("backend", "onnxruntime").make({}, path)
            try:
                yield backend, len(data)
            finally:
                backend.close()


def _put(records: Records, model: Model) -> None:
    records.put(model_key(model.name, model.number), model)


def _variant(
    records: Records, model: Model, made: Mapping[str, Any], judged: Mapping[str, Any]
) -> Model:
    """Register what was made of `model`; one that is known gets the newest judgement."""
    fresh = {"parent": model.digest, "tags": (), "artefacts": {}}
    known = register(records, model.model_copy(update={**fresh, **made, **judged}))
    if known.digest == model.digest:
        return known  # the exporter changed nothing: this is the original, which nobody judges
    newest = known.model_copy(update=judged)
    if newest != known:
        _put(records, newest)
    return newest
