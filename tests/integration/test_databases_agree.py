"""The same history gives the same versions, certificates and manifests on either database."""

import json
from datetime import UTC, datetime

import cv2
import numpy as np

from viseon.adapters.blobs.memory import MemoryBlobs
from viseon.adapters.images.opencv import OpencvImages
from viseon.adapters.sql import open_store
from viseon.datasets import Datasets
from viseon.schema import Principal, Role, Scope

SCOPE = Scope(principal=Principal(name="ada", role=Role.ADMIN))
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def picture(seed, quality=90):
    rng = np.random.default_rng(seed)
    pixels = cv2.resize(rng.integers(0, 255, (8, 8, 3), np.uint8), (160, 120))
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def lived(url):
    """A little of everything a dataset goes through; what is left of it."""
    store, blobs = open_store(url, now=lambda: NOON), MemoryBlobs()
    datasets = Datasets(store.catalog(SCOPE), blobs, lambda: NOON, OpencvImages())

    def add(rows):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        datasets.add("shop", rows=blobs.put(text.encode()))

    def row(name, seed, quality=90, **more):
        return {"filename": name, "digest": blobs.put(picture(seed, quality)), **more}

    datasets.create(name="shop", classes=("a", "b"), near=20)
    label = {"objects": [{"id": "1", "class_name": "b", "box": [0.1, 0.2, 3.3, 4.4]}]}
    names = ["é.jpg", "z.jpg", "Z.jpg", "日本.jpg", "a/b.jpg", "a-b.jpg", "\U0001f600.jpg"]
    add(row(n, i, annotation=label if i % 2 else None) for i, n in enumerate(names))
    add(row(f"s{i}.jpg", 20 + i, metadata={"session": i // 3, "x": [1.5, "ü"]}) for i in range(9))
    datasets.commit("shop", message="one")
    add(row(f"again-{i}.jpg", i, 50) for i in range(4))
    datasets.remove("shop", filenames=("z.jpg",))
    datasets.commit("shop")
    pages = datasets.samples("shop", version=1, limit=1000).items
    homes = {s.split: i for i, s in enumerate(pages) if s.filename[0] == "s"}
    bridge = [pages[i].digest for i in homes.values()][:2]
    add({"filename": f"bridge-{i}", "digest": d, "metadata": {"session": "new"}}
        for i, d in enumerate(bridge))  # fmt: skip
    add([row("last.jpg", 99)])
    datasets.commit("shop")
    datasets.revert("shop", 1, force=True)  # what waits in quarantine goes
    datasets.commit("shop", message="back")
    versions = datasets.log("shop").items
    certificates = [datasets.certificate("shop", v.number) for v in versions]
    verified = [datasets.verify("shop", v.number) for v in versions]
    store.close()
    return versions, certificates, verified


def test_the_same_history_gives_the_same_fingerprints(tmp_path, postgres_url):
    here = lived(f"sqlite:///{tmp_path / 'a.db'}")
    there = lived(postgres_url)
    assert here == there
    versions, certificates, verified = here
    assert all(v.ok for v in verified)
    assert versions[0].fingerprint == versions[-1].fingerprint
    assert certificates[1].quarantined != ()
