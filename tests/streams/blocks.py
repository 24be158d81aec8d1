"""A model that sees white blocks, and films of them: everything but a neural network."""

from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from viseon import plugins
from viseon.adapters.blobs.files import FileBlobs
from viseon.adapters.images.opencv import OpencvImages
from viseon.adapters.sql import open_store
from viseon.inference import register
from viseon.plugins import Plugin
from viseon.ports import Frame, Tensor
from viseon.schema import InputSpec, Model, Noun, Principal, Role, Scope, Signature
from viseon.streams import Parts, Streams
from viseon.vision import Detections

SCOPE = Scope(principal=Principal(name="tester", role=Role.ADMIN))
WIDTH, HEIGHT, SIDE = 160, 120, 20
CLASSES = ("block", "ball")
SIGNATURE = Signature(
    classes=CLASSES,
    input=InputSpec(name="x", width=WIDTH, height=HEIGHT, resize="stretch", scale=1.0),
    outputs=("boxes", "scores"),
    decoder="boxes-scores",
)

YAML = """\
stream: hall
source: {kind: folder, path: film}
model: blocks@1
lines:
  door: {from: [0.5, 1.0], to: [0.5, 0.0]}
zones:
  room: {polygon: [[0.5, 0], [1, 0], [1, 1], [0.5, 1]], loiter_s: 0.5}
rules:
  - {when: crossed, line: door}
  - {when: entered, zone: room}
  - {when: left, zone: room}
sinks:
  - {kind: events}
  - {kind: jsonl, path: out/hall.jsonl}
"""


class Options(Noun):
    """Nothing to set."""


class BlocksBackend:
    inputs = (Tensor("x", (None, 3, HEIGHT, WIDTH), "float32"),)
    outputs = (
        Tensor("boxes", (None, None, 4), "float32"),
        Tensor("scores", (None, None, 2), "float32"),
    )
    metadata: dict[str, str] = {}

    def __init__(self, config, path):
        assert path.read_bytes() == b"not really a network"

    def run(self, batch):
        batch = batch["x"]
        assert len(batch) == 1
        picture = (batch[0].mean(axis=0) > 127).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(picture)
        found = [(x, y, x + w, y + h) for x, y, w, h, area in stats[1:] if area > 100]
        boxes = np.array(found, np.float32).reshape(1, -1, 4)
        scores = np.zeros((1, len(found), 2), np.float32)
        scores[:, :, 0] = 0.9
        return {"boxes": boxes, "scores": scores}

    def close(self):
        pass


plugin = Plugin("backend", "onnxruntime", Options, BlocksBackend)


def install(patch=setattr):
    """Let streams find this backend instead of the real one."""
    real = plugins.find
    patch(plugins, "find", lambda kind, name: plugin if kind == "backend" else real(kind, name))


def picture(*corners):
    """Blocks with their top left corners here."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for x, y in corners:
        cv2.rectangle(pixels, (x, y), (x + SIDE - 1, y + SIDE - 1), (255, 255, 255), cv2.FILLED)
    return pixels


def walk(start_x, end_x, *, y=50, step=4):
    """A block's way across the picture."""
    stride = step if end_x > start_x else -step
    return [picture((x, y)) for x in range(start_x, end_x, stride)]


def film(folder: Path, pictures):
    """A folder of PNGs, as `source: {kind: folder}` reads it."""
    folder.mkdir(parents=True)
    for number, pixels in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
    return folder


def frames(pictures, *, fps=10):
    """The same as frames, without a disk."""
    return [Frame(pixels, i, round(i / fps, 6)) for i, pixels in enumerate(pictures)]


def look(pictures):
    """The same model without the machinery around it."""
    backend = BlocksBackend.__new__(BlocksBackend)
    found = []
    for pixels in pictures:
        boxes = backend.run({"x": pixels.transpose(2, 0, 1)[None]})["boxes"][0]
        n = len(boxes)
        found.append(Detections(boxes, np.full(n, 0.9, np.float32), np.zeros(n, np.int64)))
    return found


class Shop:
    """One installation: a store, blobs, a registered model."""

    def __init__(self, home: Path):
        self.home = home
        self.store = open_store(f"sqlite:///{home / 'store.db'}")
        self.catalog = self.store.catalog(SCOPE)
        self.events = self.store.events(SCOPE)
        self.blobs = FileBlobs(home / "blobs")
        self.parts = Parts(self.catalog, self.blobs, self.events, OpencvImages(), home)
        self.streams = Streams(self.catalog, now)

    def with_model(self):
        digest = self.blobs.put(b"not really a network")
        draft = Model(
            name="blocks", number=0, digest=digest, onnx=digest, size=20,
            signature=SIGNATURE, created=now(), tags=("production",),
        )  # fmt: skip
        with self.catalog.transaction() as records:
            self.model = register(records, draft)
        return self

    def apply(self, text=YAML):
        return self.streams.apply(document=text, filename="hall.yaml", directory=str(self.home))


def now():
    return datetime.now(UTC)
