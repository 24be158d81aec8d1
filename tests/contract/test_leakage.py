"""Nothing leaks from one split into another, and anybody can check it."""

import json
from itertools import combinations

import cv2
import numpy as np
import pytest

from viseon.schema import Conflict, Invalid, NotFound
from viseon.vision.phash import distance, perceptual_hash

NEAR = 16  # what a dataset has unless it is told otherwise


def scene(seed, size=(240, 180)):
    """A picture with large and small shapes; another seed, another picture."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (7, 9, 3), np.uint8)
    pixels = cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)
    for _ in range(6):
        x, y = rng.integers(0, size[0]), rng.integers(0, size[1])
        colour = tuple(map(int, rng.integers(0, 255, 3)))
        cv2.circle(pixels, (int(x), int(y)), int(rng.integers(8, 40)), colour, -1)
    return pixels


def encoded(pixels, quality=92):
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def copies(pixels):
    """What a folder collects in a year: the same picture again and again."""
    height, width = pixels.shape[:2]
    dy, dx = height // 40, width // 40
    brighter = np.clip(pixels.astype(np.float32) * 1.1 + 10, 0, 255).astype(np.uint8)
    return {
        "same": encoded(pixels),
        "encoded-again": encoded(pixels, 55),
        "smaller": encoded(cv2.resize(pixels, (width * 2 // 3, height * 2 // 3))),
        "brighter": encoded(brighter),
        "cropped": encoded(pixels[dy:-dy, dx:-dx]),
    }


def add(platform, dataset, files):
    """files: filename → bytes, or (bytes, metadata)."""
    lines = []
    for name, value in files.items():
        data, metadata = value if isinstance(value, tuple) else (value, {})
        digest = platform.blobs.put(data)
        lines.append(json.dumps({"filename": name, "digest": digest, "metadata": metadata}))
    return platform.datasets.add(dataset, rows=platform.blobs.put("\n".join(lines).encode()))


def splits(platform, dataset, version):
    page = platform.datasets.samples(dataset, version=version, limit=1000)
    return {s.filename: s.split for s in page.items}


@pytest.fixture
def shop(platform):
    made = platform.datasets.create(name="shop", ratios={"train": 2, "val": 1, "test": 1})
    assert made.near == NEAR
    return made


def test_no_copy_crosses_whatever_was_done_to_it(platform, shop):
    sources = {n: copies(scene(n)) for n in range(16)}
    first = {f"{n}/same.jpg": c["same"] for n, c in sources.items()}
    first |= {f"{n}/encoded-again.jpg": c["encoded-again"] for n, c in sources.items() if n % 2}
    add(platform, "shop", first)
    before = platform.datasets.commit("shop")
    assert len(before.splits) == 3
    old = splits(platform, "shop", 1)
    add(platform, "shop", {f"{n}/{k}.jpg": d for n, c in sources.items() for k, d in c.items()})
    add(platform, "shop", {f"renamed-{n}.jpg": c["same"] for n, c in sources.items()})
    platform.datasets.commit("shop")
    new = splits(platform, "shop", 2)
    assert {name: new[name] for name in old} == old
    for n, versions in sources.items():
        homes = {new[f"{n}/{kind}.jpg"] for kind in versions} | {new[f"renamed-{n}.jpg"]}
        assert len(homes) == 1
    certificate = platform.datasets.certificate("shop", 2)
    assert certificate.crossing == 0
    assert certificate.compared == len({d for c in sources.values() for d in c.values()})
    assert certificate.nearest is None or certificate.nearest.bits > NEAR
    assert platform.datasets.version("shop", 2).certificate == certificate.digest
    assert platform.datasets.verify("shop", 2).ok
    assert platform.datasets.verify("shop", 1).ok


def test_frames_of_one_camera_close_in_time_stay_together(platform, shop):
    def frame(n, second, camera="cam-1"):
        moment = f"2030-01-01T12:{second // 60:02d}:{second % 60:02d}+00:00"
        return encoded(scene(n)), {"camera_id": camera, "captured_at": moment}

    add(platform, "shop", {f"{n:02d}.jpg": frame(n, 20 * n) for n in range(10)})
    add(platform, "shop", {f"late-{n}.jpg": frame(50 + n, 600 + 40 * n) for n in range(8)})
    platform.datasets.commit("shop")
    found = splits(platform, "shop", 1)
    assert len({found[f"{n:02d}.jpg"] for n in range(10)}) == 1
    assert len({found[f"late-{n}.jpg"] for n in range(8)}) > 1
    add(platform, "shop", {"between.jpg": frame(99, 190), "far.jpg": frame(98, 190, "cam-2")})
    platform.datasets.commit("shop")
    assert splits(platform, "shop", 2)["between.jpg"] == found["09.jpg"]


def test_a_session_stays_together_even_after_its_samples_are_gone(platform, shop):
    add(platform, "shop", {f"{n}.jpg": (encoded(scene(n)), {"session": n // 4}) for n in range(24)})
    platform.datasets.commit("shop")
    found = splits(platform, "shop", 1)
    assert all(len({found[f"{4 * s + n}.jpg"] for n in range(4)}) == 1 for s in range(1, 6))
    platform.datasets.remove("shop", filenames=tuple(f"{n}.jpg" for n in range(4, 8)))
    platform.datasets.commit("shop")
    add(platform, "shop", {"late.jpg": (encoded(scene(77)), {"session": 1})})
    platform.datasets.commit("shop")
    assert splits(platform, "shop", 3)["late.jpg"] == found["4.jpg"]


def test_a_newcomer_that_would_join_two_splits_is_quarantined_and_listed(platform, shop):
    add(platform, "shop", {f"{n}.jpg": encoded(scene(n)) for n in range(12)})
    platform.datasets.commit("shop")
    found = splits(platform, "shop", 1)
    train = next(n for n in range(12) if found[f"{n}.jpg"] == "train")
    val = next(n for n in range(12) if found[f"{n}.jpg"] == "val")
    pair = {
        "left.jpg": (copies(scene(train))["smaller"], {"session": "visit"}),
        "right.jpg": (copies(scene(val))["encoded-again"], {"session": "visit"}),
    }
    add(platform, "shop", pair)
    with pytest.raises(Conflict, match="2 samples are quarantined"):
        platform.datasets.commit("shop")
    add(platform, "shop", {"other.jpg": encoded(scene(50))})
    version = platform.datasets.commit("shop")
    assert version.quarantined == 2
    assert set(splits(platform, "shop", 2)) == set(found) | {"other.jpg"}
    held = platform.datasets.certificate("shop", 2).quarantined
    assert [q.filename for q in held] == ["left.jpg", "right.jpg"]
    assert "in train looks the same" in held[0].why
    assert "in val looks the same" in held[0].why
    platform.datasets.remove("shop", filenames=("left.jpg",))
    platform.datasets.commit("shop")
    assert splits(platform, "shop", 3)["right.jpg"] == "val"


def test_classes_are_spread_and_the_certificate_says_how(platform):
    platform.datasets.create(name="shop", classes=("common", "rare"), ratios={"train": 1, "val": 1})
    lines = []
    for n in range(40):
        classes = ["common", "rare"] if n < 4 else ["common"]
        objects = [
            {"id": str(i), "class_name": c, "box": [0, 0, 9, 9]} for i, c in enumerate(classes)
        ]
        digest = platform.blobs.put(b"%d" % n)
        row = {"filename": f"{n}", "digest": digest, "annotation": {"objects": objects}}
        lines.append(json.dumps(row))
    platform.datasets.add("shop", rows=platform.blobs.put("\n".join(lines).encode()))
    version = platform.datasets.commit("shop")
    assert version.splits == {"train": 20, "val": 20}
    certificate = platform.datasets.certificate("shop", 1)
    assert certificate.balance["rare"] == {"train": 2, "val": 2}
    assert certificate.ratios == {"train": 0.5, "val": 0.5}


def test_versions_of_unknown_datasets_have_no_certificate(platform, shop):
    with pytest.raises(NotFound):
        platform.datasets.certificate("shop", 1)
    with pytest.raises(NotFound):
        platform.datasets.verify("shop", 1)
    with pytest.raises(Invalid):
        platform.datasets.create(name="x", near=64)


def test_one_byte_on_the_disk_and_verify_names_the_file(local, house):
    local.datasets.create(name="shop")
    add(local, "shop", {f"{n}.jpg": b"%d" % n * 100 for n in range(3)})
    local.datasets.commit("shop")
    (path,) = [
        p for p in (house.settings.home / "blobs").rglob("*")
        if p.is_file() and p.read_bytes() == b"1" * 100
    ]  # fmt: skip
    path.chmod(0o644)
    path.write_bytes(b"1" * 99 + b"2")
    found = local.datasets.verify("shop", 1)
    assert (found.ok, found.where) == (False, "bytes")
    assert found.problem.startswith("1.jpg:")
    path.unlink()
    assert "1.jpg" in local.datasets.verify("shop", 1).problem


@pytest.mark.parametrize(
    ("statement", "where", "words"),
    [
        ("update sample set line = replace(line, '0.jpg', 'x.jpg')", "manifest", "SHA-256"),
        ("update sample set line = replace(line, '\"train\"', '\"val\"')", "manifest", "SHA-256"),
        ("delete from sample where filename = '0.jpg'", "manifest", "SHA-256"),
        (
            "update noun set body = replace(body, '\"crossing\":0', '\"crossing\":1')"
            " where kind = 'Certificate'",
            "certificate",
            "SHA-256",
        ),
        ("delete from noun where kind = 'Certificate'", "certificate", "gone"),
        ("update annotation set body = replace(body, '\"a\"', '\"b\"')", "labels", "annotation"),
        ("update annotation set body = '{'", "labels", "damaged"),
        ("delete from annotation", "labels", "no annotation"),
    ],
)
def test_one_change_in_the_database_and_verify_names_it(local, house, statement, where, words):
    import sqlite3

    local.datasets.create(name="shop", classes=("a", "b"))
    rows = [
        {
            "filename": f"{n}.jpg",
            "digest": local.blobs.put(b"%d" % n),
            "annotation": {"objects": [{"id": "1", "class_name": "a", "box": [0, 0, 1, 1]}]},
        }
        for n in range(3)
    ]
    text = "\n".join(map(json.dumps, rows))
    local.datasets.add("shop", rows=local.blobs.put(text.encode()))
    local.datasets.commit("shop")
    assert local.datasets.verify("shop", 1).ok
    with sqlite3.connect(house.settings.home / "viseon.db") as db:
        db.execute(statement)
    db.close()
    found = local.datasets.verify("shop", 1)
    assert (found.ok, found.where) == (False, where)
    assert words in found.problem


def test_many_newcomers_are_looked_at_beforehand_and_not_twice(platform):
    platform.datasets.create(name="many")
    add(platform, "many", {f"{n}.png": tiny(n) for n in range(501)})
    assert platform.datasets.status("many").unseen == 501
    looked = platform.datasets.look("many").wait()
    assert looked.result == {"pictures": 501}
    assert looked.progress == 1
    assert platform.datasets.status("many").unseen == 0
    assert platform.datasets.look("many").wait().result == {"pictures": 0}
    assert platform.datasets.commit("many").samples == 501


def test_few_newcomers_are_looked_at_as_they_come(platform):
    platform.datasets.create(name="few")
    add(platform, "few", {f"{n}.png": tiny(n) for n in range(3)})
    assert platform.datasets.status("few").unseen == 0


def tiny(seed):
    pixels = np.random.default_rng(seed).integers(0, 255, (16, 16, 3), np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


def shifted(pixels, by):
    """The same scene a little later: neither a copy nor a stranger."""
    later = np.roll(pixels, (by, -by), axis=(0, 1))
    cv2.rectangle(later, (5 * by, 10), (5 * by + 40, 60), (0, 0, 255), -1)
    return encoded(later)


def test_the_nearest_pair_is_that_of_all_pictures_whichever_came_last(platform):
    """A commit compares newcomers only; whoever compares all must find the same distance."""
    platform.datasets.create(name="yard", ratios={"train": 1, "val": 1, "test": 1}, near=8)
    scenes = [scene(seed) for seed in range(6)]
    rounds = [[0], [3, 9], [5], [14], []]
    for number, shifts in enumerate(rounds, 1):
        add(platform, "yard", {
            f"{number}/{n}-{by}.jpg": shifted(pixels, by)
            for n, pixels in enumerate(scenes) for by in shifts
        })  # fmt: skip
        add(platform, "yard", {f"{number}.bin": bytes([number])})
        if number == 3:
            there = [s.filename for s in platform.datasets.samples("yard", limit=100).items]
            platform.datasets.remove("yard", filenames=there[:2])
        platform.datasets.commit("yard")
        stated = platform.datasets.certificate("yard", number)
        looks = {}
        for sample in platform.datasets.samples("yard", version=number, limit=100).items:
            pixels = cv2.imdecode(np.frombuffer(platform.blobs.get(sample.digest), np.uint8), 1)
            if pixels is not None:
                looks[sample.digest] = (sample.split, perceptual_hash(pixels))
        apart = [
            distance(one, other)
            for (split, one), (another, other) in combinations(looks.values(), 2)
            if split != another
        ]
        assert stated.compared == len(looks)
        least = min(apart)
        assert (stated.nearest.bits if stated.nearest else None) == (least if least <= 24 else None)
        assert platform.datasets.verify("yard", number).ok
