"""What people guess before they read: thin, over the same operations as everything else.

shop = viseon.Project("shop").upload("./images")
version = shop.version("first pictures")
model = viseon.Train("shop", name="people", epochs=20).run()
detections = viseon.Deploy(model)("picture.jpg")
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from viseon import app
from viseon.datasets.transfer import Progress, import_folder, pull
from viseon.models import LoadedModel
from viseon.platform import Platform
from viseon.schema import (
    Annotation,
    Box,
    Conflict,
    Dataset,
    Job,
    Model,
    NotFound,
    Object,
    Provenance,
    Row,
    Sample,
    Task,
    Version,
)
from viseon.vision import Detections


class Project:
    """A dataset by name; a new one is made for what is uploaded first, with its task and classes.

    With `task` or `classes` it is made at once.
    """

    def __init__(
        self,
        name: str,
        *,
        platform: Platform | None = None,
        task: Task | str | None = None,
        classes: Iterable[str] = (),
    ) -> None:
        self.platform = platform or app.open()
        self.name = name
        named = tuple(classes)
        if task is None and not named:
            return
        try:
            self.platform.datasets.get(name)
        except NotFound:
            task = Task(task or Task.DETECT)
            self.platform.datasets.create(name=name, task=task, classes=named)

    @property
    def dataset(self) -> Dataset:
        """The dataset as it is now."""
        return self.platform.datasets.get(self.name)

    def upload(
        self, path: str | Path, *, format: str | None = None, progress: Progress | None = None
    ) -> Self:
        """Add a folder of images and annotations; the format is found out unless named."""
        import_folder(self.platform, path, dataset=self.name, format=format, progress=progress)
        return self

    def version(self, message: str = "") -> Version:
        """Freeze what was uploaded; if nothing changed, the latest version."""
        try:
            return self.platform.datasets.commit(self.name, message=message)
        except NotFound:
            raise Conflict(
                f"nothing to commit in dataset {self.name!r}", fix="upload something first"
            ) from None
        except Conflict:
            head = self.dataset.head
            if head == 0:
                raise
            return self.platform.datasets.version(self.name, head)

    def versions(self) -> list[Version]:
        """The newest versions, newest first."""
        return list(self.platform.datasets.log(self.name, limit=100).items)

    def download(
        self, into: str | Path, *, version: int | str | None = None, format: str | None = None
    ) -> Version:
        """Write a version's files into a folder, byte for byte: a number, a tag, or the latest."""
        if isinstance(version, str):
            version = self.platform.datasets.resolve(self.name, version).number
        return pull(self.platform, self.name, version, into=into, format=format)


class Annotate:
    """Labels for the samples of a dataset's working area."""

    def __init__(self, dataset: str, *, platform: Platform | None = None) -> None:
        self.platform = platform or app.open()
        self.dataset = dataset

    def boxes(self, filename: str, boxes: Iterable[tuple[str, Box]]) -> Annotation:
        """Say what is in a sample: class names and `xyxy` boxes in pixels; replaces all."""
        objects = tuple(
            Object(id=str(i), class_name=name, box=box) for i, (name, box) in enumerate(boxes, 1)
        )
        return self._put(filename, Annotation(objects=objects))

    def prelabel(self, model: str, *, score: float | None = None, limit: int = 1000) -> int:
        """Draw a model's predictions on samples nobody has annotated; how many were drawn on.

        They are marked as not reviewed until a person has looked at them.
        """
        loaded = app.load(model, platform=self.platform)
        made_by = self.platform.models.get(model).ref
        done = 0
        for sample in self._unannotated(limit):
            found = loaded(self.platform.blobs.get(sample.digest), score=score)
            objects = tuple(_objects(found, loaded.classes, made_by))
            self._put(sample.filename, Annotation(objects=objects, reviewed=False))
            done += 1
        loaded.close()
        return done

    def _unannotated(self, limit: int) -> Iterable[Sample]:
        cursor, found = "", 0
        while found < limit:
            page = self.platform.datasets.samples(self.dataset, cursor=cursor, limit=500)
            for sample in page.items:
                if sample.annotation is None and found < limit:
                    found += 1
                    yield sample
            if page.next is None:
                return
            cursor = page.next

    def _put(self, filename: str, annotation: Annotation) -> Annotation:
        sample = self.platform.datasets.sample(self.dataset, filename=filename)
        row = Row(
            filename=filename,
            digest=sample.digest,
            annotation=annotation,
            split=sample.split,
            width=sample.width,
            height=sample.height,
            metadata=sample.metadata,
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.jsonl"
            path.write_text(row.model_dump_json() + "\n", encoding="utf-8")
            rows = self.platform.blobs.add(path)
        self.platform.datasets.add(self.dataset, rows=rows)
        return annotation


class Train:
    """Train a model on a version of a dataset."""

    def __init__(
        self,
        dataset: str,
        *,
        name: str | None = None,
        trainer: str = "fcos",
        platform: Platform | None = None,
        **config: Any,
    ) -> None:
        self.platform = platform or app.open()
        self.dataset, self.trainer = dataset, trainer
        self.name = name or dataset.partition("@")[0]
        self.config = config

    def start(self) -> Job:
        """Queue it; `job.wait()` follows it."""
        return self.platform.runs.start(
            dataset=self.dataset, name=self.name, trainer=self.trainer, config=self.config
        )

    def run(self, *, progress: bool = True) -> Model:
        """Train to the end; the registered model. Raises Failed with the reason."""
        job = self.start().wait(progress=progress)
        return self.platform.models.get(str(job.result["model"]))


class Deploy:
    """A registered model that answers: call it with a picture."""

    def __init__(self, model: str | Model, *, platform: Platform | None = None) -> None:
        self.platform = platform or app.open()
        ref = model if isinstance(model, str) else model.ref
        self.model = self.platform.models.get(ref)
        self._loaded: LoadedModel = app.load(self.model.ref, platform=self.platform)

    def __call__(self, picture: Any, *, score: float | None = None) -> Detections:
        """What is in a picture: a path, the bytes of a file, or BGR pixels."""
        found: Detections = self._loaded(picture, score=score)
        return found

    predict = __call__

    def explain(self) -> str:
        """How the model is fed and read, and why."""
        return "\n".join(str(d) for d in self.platform.models.explain(self.model.ref))


def _objects(found: Detections, classes: tuple[str, ...], model: str) -> Iterable[Object]:
    now = app.now()
    columns = zip(found.xyxy.tolist(), found.score.tolist(), found.class_id.tolist(), strict=True)
    for number, (box, score, class_id) in enumerate(columns, 1):
        provenance = Provenance(by=model, at=now, source="model", model=model, score=score)
        yield Object(
            id=str(number),
            class_name=classes[class_id],
            box=tuple(box),
            attributes={"score": round(score, 4)},
            provenance=provenance,
        )
