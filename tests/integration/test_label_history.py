"""The history of labels on either database: it agrees, nobody's edit is lost or left by halves."""

import json
import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest
from sqlalchemy import MetaData, create_engine, select

from viseon.adapters.blobs.memory import MemoryBlobs
from viseon.adapters.sql import open_store
from viseon.annotations import Annotations
from viseon.app import House
from viseon.datasets import Datasets, import_folder
from viseon.schema import (
    Annotation,
    Mask,
    NotFound,
    Object,
    Principal,
    Role,
    Scope,
    digest_of,
)
from viseon.schema.label import LabelEdit
from viseon.settings import Settings
from viseon.vision.masks import encode, to_coco_rle

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def _mask():
    pixels = np.zeros((1, 48, 64), bool)
    pixels[0, 10:20, 30:50] = True
    return Mask(height=48, width=64, counts=to_coco_rle(encode(pixels))[0]["counts"])


SHAPES = {
    "box": {},
    "rotated": {"rotated": (20, 20, 12, 6, 30)},
    "polygons": {"polygons": ((2, 2, 30, 3, 9.5, 27.25), (3, 3, 5, 3, 5, 9))},
    "mask": {"mask": _mask()},
    "keypoints": {"keypoints": ((4, 5, 2), (6, 7, 1), (0, 0, 0))},
    "track": {"track_id": 7},
    "attributes": {"attributes": {"hidden": True, "n": 1, "size": 0.5, "who": "ü"}},
}
"""Everything that an object can be besides its box."""


class Desk:
    """One store, several people; each look at the clock is a second later."""

    def __init__(self, url):
        self.store = open_store(url, now=self.now)
        self.blobs = MemoryBlobs()
        self.ticks = 0
        self.datasets = Datasets(self.store.catalog(scope("ada")), self.blobs, self.now)

    def now(self):
        self.ticks += 1
        return NOON + timedelta(seconds=self.ticks)

    def of(self, name):
        return Annotations(self.store.catalog(scope(name)), scope(name), self.now)

    def add(self, name, **more):
        digest = self.blobs.put(name.encode())
        row = {"filename": name, "digest": digest, "width": 64, "height": 48, **more}
        self.datasets.add("shop", rows=self.blobs.put(json.dumps(row).encode()))


def scope(name):
    return Scope(principal=Principal(name=name, role=Role.ADMIN))


def thing(id, x=1, **more):
    return Object(id=id, class_name="bag", box=(x, 1, x + 20, 30), **more)


def lived(url):
    """Edits by two people and a model of every shape, commits between them, an import, reverts."""
    desk = Desk(url)
    ada, bob = desk.of("ada"), desk.of("bob")
    desk.datasets.create(name="shop", classes=("bag", "person"))
    names = [f"é/{shape}.png" for shape in SHAPES]
    label = Annotation(objects=(thing("0"),)).model_dump(mode="json", exclude_defaults=True)
    for name in names:
        desk.add(name, annotation=label)
    desk.datasets.commit("shop")
    for n, (name, shape) in enumerate(zip(names, SHAPES.values(), strict=True)):
        fancy = thing("1", n, **shape)
        ada.edit("shop", filename=name, edit=LabelEdit(put=(fancy,)), session="monday")
        seen = thing("2", n + 2, **shape)
        bob.edit("shop", filename=name, edit=LabelEdit(put=(seen,)), source="model", model="m@1")
    desk.datasets.commit("shop")
    for n, name in enumerate(names):
        edit = LabelEdit(put=(thing("1", n + 9),), remove=("0",), classes=("person",))
        bob.edit("shop", filename=name, edit=edit, session="tuesday")
    desk.add(names[0], annotation=label)
    desk.datasets.commit("shop")
    told = [
        ada.revert("shop", session="tuesday", dry_run=True),
        bob.revert("shop", session="monday"),
        ada.revert("shop", model="m@1"),
        ada.revert("shop", session="tuesday", force=True),
        ada.revert("shop", filename=names[1], object="1", force=True),
    ]
    desk.datasets.commit("shop")
    told += [ada.get("shop", filename=name) for name in names]
    told += [ada.get("shop", filename=name, version=2) for name in names]
    told += [ada.history("shop", limit=1000), ada.history("shop", by="bob", session="tuesday")]
    told += [ada.origins("shop", filename=name) for name in names]
    told += desk.datasets.log("shop").items
    desk.store.close()
    return told


def test_history_blame_and_reverts_agree_on_both_databases(tmp_path, postgres_url):
    here = lived(f"sqlite:///{tmp_path / 'a.db'}")
    there = lived(postgres_url)
    assert here == there
    assert {b.source for told in here if hasattr(told, "blame") for b in told.blame} == {
        "person", "model", "import",
    }  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_keeps_its_history_and_finds_its_way_back(store_url, shape):
    desk = Desk(store_url)
    ada = desk.of("ada")
    desk.datasets.create(name="shop", classes=("bag",))
    before = Annotation(objects=(thing("1", 3, **SHAPES[shape]),), classes=("bag",))
    desk.add("a.png", annotation=before.model_dump(mode="json", exclude_defaults=True))
    first = desk.datasets.commit("shop")
    plain = LabelEdit(put=(thing("1", 9),), classes=(), reviewed=False)
    ada.edit("shop", filename="a.png", edit=plain, session="s")
    desk.datasets.commit("shop")
    changes = {c.part: c for c in ada.history("shop").items}
    assert changes["object"].old == before.objects[0]
    assert (changes["classes"].old, changes["classes"].new) == (("bag",), None)
    assert (changes["reviewed"].old, changes["reviewed"].new) == (True, False)
    assert ada.revert("shop", session="s").changed == 3
    assert ada.get("shop", filename="a.png").digest == before.digest
    assert desk.datasets.commit("shop").fingerprint == first.fingerprint
    desk.store.close()


WRITER = """
import sys
from datetime import UTC, datetime
from viseon.adapters.sql import open_store
from viseon.annotations import Annotations
from viseon.schema import Conflict, Object, Principal, Role, Scope
from viseon.schema.label import LabelEdit
url, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
scope = Scope(principal=Principal(name=name, role=Role.ADMIN))
store = open_store(url)
shop = Annotations(store.catalog(scope), scope, lambda: datetime.now(UTC))

def thing(id, n):
    return Object(id=id, class_name="bag", box=(1, 1, 20, 20), attributes={"n": n, "by": name})

def count(label, id):
    return next((o.attributes["n"] for o in label.annotation.objects if o.id == id), 0)

print("ready", flush=True)
sys.stdin.readline()
conflicts = 0
for n in range(1, rounds + 1):
    # of their own: never in anybody's way
    own = LabelEdit(put=tuple(thing(f"{name}{k}", n) for k in range(3)), classes=("bag",) * (n % 2))
    shop.edit("shop", filename="a.png", edit=own, session=f"{name}-{n}")
    while True:  # of both: add one to what was seen
        seen = shop.get("shop", filename="a.png")
        edit = LabelEdit(put=(thing("both", count(seen, "both") + 1),))
        try:
            shop.edit("shop", filename="a.png", edit=edit, expected=seen.digest)
            break
        except Conflict:
            conflicts += 1
print(conflicts, flush=True)
"""


def writer(url, name, rounds):
    command = [sys.executable, "-c", WRITER, url, name, str(rounds)]
    started = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    assert started.stdout.readline() == "ready\n"
    return started


def shop_with_one_picture(url):
    desk = Desk(url)
    desk.datasets.create(name="shop", classes=("bag",))
    desk.add("a.png", annotation={"reviewed": False})
    return desk


def test_two_writers_at_once_lose_no_edit(store_url):
    desk, rounds = shop_with_one_picture(store_url), 25
    writers = [writer(store_url, name, rounds) for name in ("ada", "bob")]
    for process in writers:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in writers:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        assert int(out) >= 0
    shop = desk.of("ada")
    now = shop.get("shop", filename="a.png")
    counted = {o.id: o.attributes["n"] for o in now.annotation.objects}
    own = {f"{name}{k}": rounds for name in ("ada", "bob") for k in range(3)}
    assert counted == {"both": 2 * rounds, **own}
    both = shop.history("shop", object="both", limit=1000).items
    assert [c.new.attributes["n"] for c in both] == list(range(2 * rounds, 0, -1))
    for name in ("ada", "bob"):
        assert len(shop.history("shop", by=name, object=f"{name}1", limit=1000).items) == rounds
    desk.store.close()


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment_no_edit_is_left_by_halves(store_url, seed):
    desk, rng = shop_with_one_picture(store_url), random.Random(seed)
    shop = desk.of("eve")
    for attempt in range(3):
        process = writer(store_url, f"w{attempt}-", 100_000)
        process.stdin.write("go\n")
        process.stdin.flush()
        time.sleep(rng.uniform(0.02, 0.6))  # the moment of death is the point
        process.kill()
        process.communicate()
        assert_no_half_edit(shop)
    assert shop.history("shop", limit=1).items
    shop.revert("shop", filename="a.png")
    assert shop.get("shop", filename="a.png").digest == Annotation(reviewed=False).digest
    desk.store.close()


def assert_no_half_edit(shop):
    """The three objects of an edit agree, and the last change left exactly what is stored."""
    now = shop.get("shop", filename="a.png")
    counted = {o.id: o.attributes["n"] for o in now.annotation.objects}
    for attempt in range(3):
        assert len({counted.get(f"w{attempt}-{k}") for k in range(3)}) == 1
    changes = shop.history("shop", limit=1000).items
    if changes:
        assert changes[0].after == now.digest
    edits = {}
    for change in changes:
        edits.setdefault(change.session, []).append(change)
    whole = list(edits)[: None if len(changes) < 1000 else -1]  # a page may end inside an edit
    for session in whole:
        if session:
            assert sorted(c.object for c in edits[session] if c.part == "object") == [
                f"{session.rpartition('-')[0]}{k}" for k in range(3)
            ]


@pytest.fixture
def pictures(tmp_path):
    """Four pictures with one labelled bag each, as YOLO lays them out."""
    root = tmp_path / "pictures"
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    (root / "data.yaml").write_text("path: .\ntrain: images\nnames: [bag, person]\n")
    for n in range(4):
        pixels = np.random.default_rng(n).integers(0, 255, (60, 80, 3), np.uint8)
        cv2.imwrite(str(root / "images" / f"visitor-{n}.png"), pixels)
        (root / "labels" / f"visitor-{n}.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    return root


@pytest.fixture
def stored_house(store_url, tmp_path):
    house = House(Settings(home=tmp_path / "home", database=store_url, jobs="inline"))
    yield house
    house.close()


def bag(id, name, x, **more):
    return Object(id=id, class_name=name, box=(x, 10, x + 15, 40), **more)


def labelled_by_three(house, pictures):
    """Import, commit; edits of ada and bob on every file, of a model on two of them; commit."""
    ada = house.platform(scope("ada"))
    bob, cam = (house.platform(scope(n)).annotations for n in ("bob", "camera-7"))
    import_folder(ada, pictures, dataset="shop")
    ada.datasets.commit("shop", message="imported")
    names = [s.filename for s in ada.datasets.samples("shop").items]
    for n, name in enumerate(names):
        (given,) = ada.annotations.get("shop", filename=name).annotation.objects
        moved = given.model_copy(update={"box": (5, 5, 30, 40), "provenance": None})
        ada.annotations.edit(
            "shop", filename=name, edit=LabelEdit(put=(moved,)), session="ada-monday"
        )
        put = (bag("b", "person", 40, track_id=n + 1),)
        bob.edit("shop", filename=name, edit=LabelEdit(put=put), session="bob-monday")
    for name in names[:2]:
        put = (bag("m", "bag", 60),)
        cam.edit("shop", filename=name, edit=LabelEdit(put=put), source="model", model="bags@2")
    ada.datasets.commit("shop", message="labelled")
    return ada, names


def test_a_session_taken_back_is_all_that_a_comparison_shows(stored_house, pictures):
    ada, names = labelled_by_three(stored_house, pictures)
    found = ada.datasets.compare("shop", old=1, new=2)
    assert (found.files["relabelled"], sum(found.files.values())) == (4, 4)
    assert (found.objects.moved, found.objects.added) == (4, 6)
    done = ada.annotations.revert("shop", session="bob-monday")
    assert (done.samples, done.changed, done.conflicts) == (4, 4, 0)
    ada.datasets.commit("shop", message="without bob")
    found = ada.datasets.compare("shop", old=2, new=3)
    assert {c.filename for c in found.changes} == set(names)
    assert [(o.kind, o.id, o.old_class) for c in found.changes for o in c.objects] == [
        ("removed", "b", "person")
    ] * 4
    assert ada.datasets.diff("shop", old=2, new=3).relabelled == 4
    blamed = {b.object: b for b in ada.annotations.get("shop", filename=names[0]).blame}
    assert (blamed["m"].source, blamed["m"].model, blamed["m"].by) == (
        "model", "bags@2", "camera-7",
    )  # fmt: skip
    ada.annotations.revert("shop", by="camera-7")
    ada.annotations.revert("shop", by="ada", session="ada-monday")
    assert ada.datasets.commit("shop").fingerprint == ada.datasets.version("shop", 1).fingerprint
    lines = [_manifest(ada, number) for number in (1, 2, 3, 4)]
    assert lines[0] == lines[3]
    labels = [[json.loads(line)["annotation"] for line in of[1:]] for of in lines]
    assert all(len({of[n] for of in labels}) == 3 for n in range(4))
    assert ada.datasets.verify("shop", 3).ok


def _manifest(platform, number):
    data = platform.blobs.get(platform.datasets.manifest("shop", number))
    assert digest_of(data) == platform.datasets.version("shop", number).fingerprint
    return data.splitlines()


def test_an_erased_sample_leaves_nothing_in_the_history(stored_house, store_url, pictures):
    ada, names = labelled_by_three(stored_house, pictures)
    gone, *left = names
    file = ada.datasets.sample("shop", filename=gone).digest
    changes = ada.annotations.history("shop", limit=1000).items
    secret = bag("secret-object", "bag", 1, attributes={"who": "secret-person"})
    ada.annotations.edit("shop", filename=gone, edit=LabelEdit(put=(secret,)), session="later")
    ada.annotations.revert("shop", filename=gone, object="secret-object")
    ada.storage.erase(dataset="shop", filename=gone, reason="request 17").wait()
    now = ada.annotations.history("shop", limit=1000).items
    assert now == tuple(c for c in changes if c.filename != gone)
    assert {c.filename for c in now} == set(left)
    for told in (ada.annotations.get, ada.annotations.origins):
        with pytest.raises(NotFound):
            told("shop", filename=gone)
    assert ada.annotations.revert("shop", filename=gone).changed == 0
    rest = everything(store_url, but={"audit", "noun"})
    assert not any(word in rest for word in ("secret", gone))
    assert bytes.fromhex(file).hex() in everything(store_url, but={"audit"})  # the tombstones
    ada.annotations.revert("shop", by="bob")
    ada.annotations.revert("shop", by="ada")
    assert {b.source for b in ada.annotations.get("shop", filename=left[2]).blame} == {"import"}


def everything(url, *, but):
    """All rows of all tables as text; bytes in hex."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    tables = MetaData()
    tables.reflect(engine)
    told = []
    with engine.connect() as db:
        for name, table in tables.tables.items():
            if name not in but:
                for row in db.execute(select(table)):
                    told += [v.hex() if isinstance(v, bytes) else str(v) for v in row]
    engine.dispose()
    return "\n".join(told)
