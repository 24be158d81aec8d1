"""Models: bring one, find it, tag it, ask why it is used as it is."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import Field

from viseon.inference import find_model, latest_model, model_key, register
from viseon.models.signature import Overrides, infer_signature
from viseon.operation import Limit, operation
from viseon.plugins import find as find_plugin
from viseon.ports import Backend, BlobStore, Catalog, Records
from viseon.schema import (
    Clock,
    Decision,
    Digest,
    Model,
    Name,
    Page,
    Role,
)

Ref = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}(@[a-z0-9][a-z0-9-]{0,62})?$")]
"""`name` (the latest), `name@number`, or `name@tag`."""


class Models:
    """Models, how they are fed and read, and where they come from."""

    def __init__(
        self, catalog: Catalog, blobs: BlobStore, now: Clock, *, backend: str = "onnxruntime"
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._now = now
        self._backend = backend

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

    @contextmanager
    def _opened(self, onnx: Digest) -> Iterator[tuple[Backend, int]]:
        """The file as a running backend, from a copy that engines can read."""
        data = self._blobs.get(onnx)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(data)
            backend: Backend = find_plugin("backend", self._backend).make({}, path)
            try:
                yield backend, len(data)
            finally:
                backend.close()


def _put(records: Records, model: Model) -> None:
    records.put(model_key(model.name, model.number), model)
