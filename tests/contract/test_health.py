"""A dataset with known faults: the report finds each of them, and nothing else."""

import io
import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from viseon.cli import build_cli
from viseon.curation import in_words
from viseon.schema import Annotation, Failed, Invalid, Object, Row, canonical_json
from viseon.schema.health import Health


def photo(seed, size=(240, 320)):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (9, 12, 3)).astype(np.uint8)
    return cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC)


def jpeg(picture, quality=90):
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def boxes(*given):
    return Annotation(
        objects=tuple(
            Object(id=str(n), class_name=name, box=box) for n, (name, box) in enumerate(given)
        )
    )


def add(platform, dataset, files):
    """`files`: name → (bytes, annotation, more fields of the row)."""
    rows = []
    for name, (data, annotation, more) in files.items():
        digest = platform.blobs.put(data)
        row = Row(filename=name, digest=digest, annotation=annotation, **more)
        rows.append(canonical_json(row.model_dump(mode="json", exclude_defaults=True)))
    platform.datasets.add(dataset, rows=platform.blobs.put(b"\n".join(rows)))


GOOD = boxes(("person", (10, 10, 90, 200)), ("person", (120, 20, 200, 220)))


@pytest.fixture
def faulty(platform):
    platform.datasets.create(name="shop", classes=("person", "dog", "cat"))
    files = {f"good/{n:02d}.jpg": (jpeg(photo(n)), GOOD, {"split": "train"}) for n in range(12)}
    good, small = photo(0), boxes(("person", (10, 10, 60, 100)))
    bad = boxes(
        ("person", (-30, 10, 60, 100)),
        ("person", (10, 10, 10.5, 100)),
        ("person", (50, 50, 52, 52)),
        ("dog", (100, 100, 200, 200)),
        ("dog", (100, 100, 200, 200.5)),
    )
    files |= {
        "broken/empty.jpg": (b"", GOOD, {"split": "train"}),
        "broken/cut.jpg": (jpeg(photo(50))[:900], GOOD, {"split": "train"}),
        "broken/text.jpg": (b"this is no picture at all", GOOD, {"split": "train"}),
        "blank.jpg": (jpeg(np.full((240, 320, 3), 40, np.uint8)), GOOD, {"split": "train"}),
        "same.jpg": (files["good/03.jpg"][0], GOOD, {"split": "train"}),
        "alike-train.jpg": (jpeg(photo(1), 40), GOOD, {"split": "train"}),
        "alike-val.jpg": (jpeg(cv2.resize(good, (200, 150)), 70), small, {"split": "val"}),
        "boxes.jpg": (jpeg(photo(60)), bad, {"split": "val"}),
        "null.jpg": (jpeg(photo(61)), Annotation(), {"split": "val"}),
        "never.jpg": (jpeg(photo(62)), None, {"split": "val"}),
        "large.jpg": (jpeg(photo(63, (1440, 1920))), GOOD, {"split": "val"}),
        "size.jpg": (jpeg(photo(64)), GOOD, {"split": "val", "width": 640, "height": 480}),
        "cloud.pcd": (b"x y z", None, {"split": "val", "metadata": {"modality": "lidar"}}),
    }
    add(platform, "shop", files)
    return platform


def told(health):
    return {f.kind: f for f in health.findings}


def names(finding):
    return {name for example in finding.examples for name in example.filenames}


def looked_at(platform, dataset, **how):
    return Health.model_validate(platform.curation.health(dataset, **how).wait().result)


def test_every_planted_fault_is_found_and_nothing_else(faulty):
    health = looked_at(faulty, "shop")
    found = told(health)
    assert {kind: f.count for kind, f in found.items()} == {
        "empty": 1,
        "corrupt": 2,
        "blank": 1,
        "wrong-size": 1,
        "duplicates": 1,
        "near-duplicates": 2,
        "leaks": 1,
        "unlabelled": 2,
        "null": 1,
        "out-of-bounds": 1,
        "degenerate": 1,
        "tiny": 1,
        "doubled": 1,
        "imbalance": 2,
        "absent-class": 1,
        "resolutions": 3,
    }
    assert names(found["empty"]) == {"broken/empty.jpg"}
    assert names(found["corrupt"]) == {"broken/cut.jpg", "broken/text.jpg"}
    assert names(found["duplicates"]) == {"good/03.jpg", "same.jpg"}
    assert names(found["leaks"]) == {"good/00.jpg", "alike-val.jpg"}
    assert names(found["near-duplicates"]) == names(found["leaks"]) | {
        "good/01.jpg",
        "alike-train.jpg",
    }
    (outside,) = found["out-of-bounds"].examples
    assert outside.box == (-30, 10, 60, 100)
    assert "30.0 px outside the 320x240 picture" in outside.detail
    assert "640x480, is 320x240" in found["wrong-size"].examples[0].detail
    severities = [f.severity for f in health.findings]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert (health.samples, health.labelled) == (25, 23)
    person, dog, cat = health.classes
    assert (dog.objects, dog.samples, dog.splits) == (2, 1, {"val": 2})
    assert cat.objects == 0
    assert person.objects == sum(person.splits.values()) == health.objects - 2


def test_a_dataset_without_faults_has_none(platform):
    platform.datasets.create(name="clean", classes=("person",))
    add(platform, "clean", {f"{n}.jpg": (jpeg(photo(n)), GOOD, {}) for n in range(6)})
    health = looked_at(platform, "clean")
    assert health.findings == ()
    assert "Nothing to complain about" in in_words(health)


def test_a_version_is_judged_as_it_was(faulty):
    version = faulty.datasets.commit("shop", message="as found")
    faulty.datasets.remove("shop", filenames=("broken/empty.jpg",))
    then, now = looked_at(faulty, "shop", version=1), looked_at(faulty, "shop")
    assert then.fingerprint == version.fingerprint
    assert "empty" in told(then)
    assert "empty" not in told(now)


def test_bytes_that_are_gone_are_found(platform, local):
    platform.datasets.create(name="gone")
    add(platform, "gone", {"a.jpg": (jpeg(photo(1)), None, {})})
    local.blobs.delete(platform.datasets.sample("gone", filename="a.jpg").digest)
    assert told(looked_at(platform, "gone"))["missing"].count == 1


def test_the_threshold_is_the_callers(faulty):
    strict = looked_at(faulty, "shop", near=0)
    assert strict.near_threshold == 0
    assert told(strict).get("near-duplicates") is None or names(told(strict)["near-duplicates"]) < {
        "good/00.jpg",
        "alike-val.jpg",
        "good/01.jpg",
        "alike-train.jpg",
    }


def test_few_places_are_named_but_all_are_counted(faulty):
    health = looked_at(faulty, "shop", examples=1)
    assert told(health)["corrupt"].count == 2
    assert all(len(f.examples) <= 2 for f in health.findings)


def test_what_does_not_exist_is_not_found(platform):
    with pytest.raises(Failed, match="no dataset named 'nope'"):
        platform.curation.health("nope").wait()
    platform.datasets.create(name="shop")
    with pytest.raises(Failed, match="no version 3"):
        platform.curation.health("shop", version=3).wait()


def test_the_page_stands_alone_and_shows_the_pictures(faulty):
    health = looked_at(faulty, "shop")
    text = faulty.blobs.get(health.page).decode()
    assert text.startswith("<!doctype html>")
    assert "http://" not in text
    assert "https://" not in text
    assert "<script" not in text
    assert text.count("data:image/jpeg;base64,") >= 8
    assert '<rect x="-30.0" y="10.0" width="90.0" height="90.0"' in text
    for finding in health.findings:
        assert f'id="{finding.kind}"' in text


def test_names_cannot_smuggle_markup_into_the_page(platform):
    platform.datasets.create(name="evil")
    add(platform, "evil", {"<script>alert(1)</script>.jpg": (b"", None, {})})
    health = looked_at(platform, "evil")
    assert "<script" not in platform.blobs.get(health.page).decode()


def test_the_command_tells_people_writes_pages_and_prints_json(faulty, tmp_path):
    run = CliRunner().invoke(
        build_cli(lambda: faulty), ["health", "shop", "-o", str(tmp_path / "report.html")]
    )
    assert run.exit_code == 0, run.output
    assert "✗ 2 files that cannot be decoded" in run.stdout
    assert "broken/cut.jpg" in run.stdout
    assert "<svg" in (tmp_path / "report.html").read_text()
    run = CliRunner().invoke(build_cli(lambda: faulty), ["health", "shop", "--json"])
    assert json.load(io.StringIO(run.stdout))["samples"] == 25
    with pytest.raises(Invalid, match=r"neither .html nor .json"):
        CliRunner().invoke(
            build_cli(lambda: faulty), ["health", "shop", "-o", "x.pdf"], catch_exceptions=False
        )
