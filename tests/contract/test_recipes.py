"""Versions made out of versions: exact, remembered, traced."""

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from viseon.app import House
from viseon.cli import build_cli
from viseon.schema import Annotation, Failed, Invalid, NotFound, Object, Row, canonical_json
from viseon.schema.recipe import Derivation
from viseon.settings import Settings

FINGERPRINTS = pytest.StashKey[set[str]]()

ALL = """
recipe: everything
stages:
  - {kind: tile, columns: 2, rows: 1, overlap: 0.2}
  - {kind: letterbox, width: 96, height: 96}
  - {kind: rotate, degrees: [-10, 10], copies: 1, splits: [train]}
  - {kind: brightness, gain: [0.7, 1.3], copies: 1, splits: [train]}
  - {kind: noise, sigma: 3}
  - {kind: flip}
  - grayscale
  - {kind: mosaic, width: 128, height: 128}
  - {kind: resize, width: 64, height: 64}
"""


def png(pixels):
    return cv2.imencode(".png", pixels)[1].tobytes()


def scene(seed):
    """A dark picture with one white box, which is its label."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 60, (80, 120, 3)).astype(np.uint8)
    x, y = rng.integers(5, 60), rng.integers(5, 40)
    w, h = rng.integers(20, 50), rng.integers(15, 35)
    pixels[y : y + h, x : x + w] = 255
    box = tuple(float(v) for v in (x, y, x + w, y + h))
    thing = Object(id="a", class_name="box", box=box, track_id=7, attributes={"wet": True})
    return png(pixels), Annotation(objects=(thing,))


def row(platform, name, data, annotation, **more):
    return Row(filename=name, digest=platform.blobs.put(data), annotation=annotation, **more)


def add(platform, dataset, rows):
    lines = [canonical_json(r.model_dump(mode="json", exclude_defaults=True)) for r in rows]
    platform.datasets.add(dataset, rows=platform.blobs.put(b"\n".join(lines)))


@pytest.fixture
def yard(platform):
    platform.datasets.create(name="yard", classes=("box",))
    rows = [
        row(platform, f"{split}/{n}.png", *scene(100 * k + n), split=split)
        for k, (split, count) in enumerate((("train", 5), ("val", 3)))
        for n in range(count)
    ]
    rows[0] = rows[0].model_copy(update={"metadata": {"camera_id": "cam-1"}})
    add(platform, "yard", rows)
    platform.datasets.commit("yard")
    return platform


def derive(platform, document, number=1, dataset="yard", **how):
    job = platform.recipes.start(dataset, number, document=document, **how)
    return Derivation.model_validate(job.wait().result)


def made(platform, derivation):
    """Filename → sample, pixels and boxes of a derived version."""
    found = {}
    page = platform.datasets.samples(derivation.dataset, version=derivation.number, limit=1000)
    for sample in page.items:
        pixels = cv2.imdecode(np.frombuffer(platform.blobs.get(sample.digest), np.uint8), 1)
        labels = None
        if sample.annotation:
            labels = platform.datasets.annotation(
                derivation.dataset, filename=sample.filename, version=derivation.number
            ).objects
        found[sample.filename] = (sample, pixels, labels)
    return found


def seen(pixels):
    """The bounding box of what is white."""
    rows, columns = np.nonzero(pixels.min(axis=2) > 150)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize(
    ("stage", "within"),
    [
        ("{kind: flip}", 0),
        ("{kind: flip, axis: vertical}", 0),
        ("{kind: rotate, degrees: 90}", 0),
        ("{kind: rotate, degrees: 180}", 0),
        ("{kind: rotate, degrees: -90, grow: false}", 1),
        ("{kind: rotate, degrees: 20}", 2),
        ("{kind: rotate, degrees: [-25, 25], grow: false}", 2),
        ("{kind: resize, width: 200, height: 90}", 1),
        ("{kind: letterbox, width: 160, height: 160}", 1),
        ("{kind: brightness, gain: [0.8, 1.2], gamma: 1.1}", 0),
        ("{kind: noise}", 0),
        ("grayscale", 0),
    ],
)
def test_labels_go_exactly_where_the_pixels_go(yard, stage, within):
    derived = derive(yard, f"recipe: r\nstages: [{stage}]\nmin_visible: 0.01")
    found = made(yard, derived)
    assert len(found) == 8
    for sample, pixels, (thing,) in found.values():
        assert pixels.shape[:2] == (sample.height, sample.width)
        assert seen(pixels) == pytest.approx(thing.box, abs=within + 0.01)
        assert (thing.class_name, thing.track_id, thing.attributes) == ("box", 7, {"wet": True})


def test_flipping_twice_and_four_quarter_turns_give_the_same_pixels_and_labels(yard):
    original = {n: yard.datasets.sample("yard", filename=n, version=1) for n in ("train/0.png",)}
    for stages in ("[flip, flip]", "[" + ", ".join(["{kind: rotate, degrees: 90}"] * 4) + "]"):
        found = made(yard, derive(yard, f"recipe: twice\nstages: {stages}"))
        sample, pixels, _ = found["train/0.png"]
        before = yard.blobs.get(original["train/0.png"].digest)
        assert (pixels == cv2.imdecode(np.frombuffer(before, np.uint8), 1)).all()
        assert sample.annotation == original["train/0.png"].annotation


def test_tiles_cover_the_picture_and_keep_what_is_visible_enough(yard):
    found = made(yard, derive(yard, "recipe: t\nstages: [{kind: tile, columns: 3, rows: 2}]"))
    assert len(found) == 8 * 6
    pieces = [[found[f"train/1~r{r}c{c}.png"][1] for c in (1, 2, 3)] for r in (1, 2)]
    whole = np.vstack([np.hstack(line) for line in pieces])
    source = yard.datasets.sample("yard", filename="train/1.png", version=1)
    before = cv2.imdecode(np.frombuffer(yard.blobs.get(source.digest), np.uint8), 1)
    assert (whole == before).all()
    for sample, pixels, things in found.values():
        for thing in things:
            assert 0 <= thing.box[0] < thing.box[2] <= sample.width
            assert seen(pixels) == pytest.approx(thing.box, abs=0.01)


def test_a_mosaic_is_made_of_four_of_the_same_split_and_only_of_train(yard):
    found = made(yard, derive(yard, "recipe: m\nstages: [{kind: mosaic, width: 200, height: 160}]"))
    mosaics = {n: f for n, f in found.items() if n.endswith("~mosaic~1.png")}
    assert len(mosaics) == 5
    assert len(found) == 13
    train = {f[0].digest for n, f in found.items() if n.startswith("train/") and "~" not in n}
    for sample, pixels, things in mosaics.values():
        assert sample.split == "train"
        assert len(set(sample.metadata["source"])) == 4
        assert set(sample.metadata["source"]) <= train
        assert len({t.id for t in things}) == len(things) > 0
        for thing in things:
            assert thing.track_id is None
            x1, y1, x2, y2 = (round(v) for v in thing.box)
            assert pixels[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2].min() > 150


def test_the_same_recipe_gives_the_same_fingerprint_and_makes_nothing_again(yard):
    first = derive(yard, ALL)
    again = derive(yard, ALL)
    assert again.fingerprint == first.fingerprint
    assert again.number == first.number
    assert all(run.made == 0 and run.reused > 0 for run in again.stages)
    elsewhere = derive(yard, ALL, into="elsewhere")
    assert elsewhere.fingerprint == first.fingerprint


def test_a_recipe_gives_the_same_without_its_memory(yard, house, local):
    first = derive(yard, ALL)
    for sample in yard.datasets.samples(first.dataset, version=1, limit=1000).items:
        if "~" in sample.filename:
            local.blobs.delete(sample.digest)
    again = derive(yard, ALL, into="again")
    assert again.fingerprint == first.fingerprint
    assert sum(run.made for run in again.stages) > 0


def test_only_stages_whose_parameters_changed_run_again(yard):
    base = "recipe: r\nstages: [{{kind: tile}}, {{kind: letterbox, width: 64, height: 64}}, {}]"
    derive(yard, base.format("{kind: brightness, gain: 1.1}"))
    changed = derive(yard, base.format("{kind: brightness, gain: 1.2}"))
    assert [(r.kind, r.made) for r in changed.stages] == [
        ("tile", 0),
        ("letterbox", 0),
        ("brightness", 32),
    ]


def test_only_samples_that_are_new_are_made(yard):
    recipe = "recipe: r\nstages: [{kind: tile}, {kind: letterbox, width: 64, height: 64}]"
    before = derive(yard, recipe)
    add(yard, "yard", [row(yard, "train/new.png", *scene(999), split="train")])
    yard.datasets.commit("yard")
    after = derive(yard, recipe, number=2)
    assert [(r.made, r.reused) for r in after.stages] == [(1, 8), (4, 32)]
    diff = yard.datasets.diff(after.dataset, old=before.number, new=after.number)
    assert (diff.added, diff.removed, diff.modified, diff.relabelled) == (4, 0, 0, 0)
    assert {c.kind for c in diff.changes} == {"added"}


def test_a_newcomer_changes_only_the_mosaics_around_it(yard):
    recipe = "recipe: m\nstages: [{kind: mosaic, width: 64, height: 64}]"
    derive(yard, recipe)
    add(yard, "yard", [row(yard, "train/new.png", *scene(999), split="train")])
    yard.datasets.commit("yard")
    (run,) = derive(yard, recipe, number=2).stages
    assert run.made <= 4
    assert run.made + run.reused == 6


def test_what_left_the_source_leaves_the_derived_version(yard):
    recipe = "recipe: r\nstages: [{kind: flip}]"
    derive(yard, recipe)
    yard.datasets.remove("yard", filenames=("train/1.png",))
    yard.datasets.commit("yard")
    after = derive(yard, recipe, number=2)
    assert "train/1.png" not in made(yard, after)
    assert after.number == 2


def test_a_derived_version_knows_where_it_comes_from(yard):
    derived = derive(yard, ALL)
    assert yard.recipes.get(derived.dataset, derived.number) == derived
    assert yard.recipes.find().items == (derived,)
    source = yard.datasets.version("yard", 1)
    assert (derived.source, derived.source_fingerprint) == ("yard@1", source.fingerprint)
    version = yard.datasets.version("yard-everything", 1)
    assert version.fingerprint == derived.fingerprint
    assert version.message.startswith("everything (")
    originals = {s.digest for s in yard.datasets.samples("yard", version=1).items}
    for sample, _, _ in made(yard, derived).values():
        assert sample.metadata["recipe"] == derived.recipe.digest
        assert set(sample.metadata["source"]) <= originals
        assert sample.split == sample.filename.split("/")[0]
    assert made(yard, derived)["train/0~r1c1.png"][0].metadata["camera_id"] == "cam-1"
    with pytest.raises(NotFound, match="not made by a recipe"):
        yard.recipes.get("yard", 1)


def test_what_nobody_labelled_stays_unlabelled(platform):
    platform.datasets.create(name="raw", classes=("box",))
    picture, labels = scene(1)
    rows = [
        row(platform, "a.png", picture, None),
        row(platform, "b.png", scene(2)[0], Annotation()),
    ]
    add(platform, "raw", rows)
    platform.datasets.commit("raw")
    found = made(platform, derive(platform, "recipe: f\nstages: [flip]", dataset="raw"))
    assert found["a.png"][2] is None
    assert found["b.png"][2] == ()


def test_names_that_differ_only_in_their_ending_do_not_collide(platform):
    platform.datasets.create(name="raw")
    jpeg = cv2.imencode(".jpg", np.zeros((9, 9, 3), np.uint8))[1].tobytes()
    add(
        platform,
        "raw",
        [row(platform, "a.png", scene(1)[0], None), row(platform, "a.jpg", jpeg, None)],
    )
    platform.datasets.commit("raw")
    found = made(platform, derive(platform, "recipe: f\nstages: [flip]", dataset="raw"))
    assert set(found) == {"a.png.png", "a.jpg.png"}


def test_jpeg_is_smaller_and_named_so(yard):
    found = made(yard, derive(yard, "recipe: j\nstages: [flip]\nencoding: jpeg"))
    assert all(name.endswith(".jpg") for name in found)


def test_copies_of_two_equal_stages_have_names_of_their_own(yard):
    stage = "{{kind: noise, sigma: {}, copies: 1}}"
    stages = ", ".join(stage.format(n) for n in (2, 3))
    found = made(yard, derive(yard, f"recipe: n\nstages: [{stages}]"))
    assert {n for n in found if n.startswith("val/0")} == {
        "val/0.png",
        "val/0~noise1~1.png",
        "val/0~noise2~1.png",
        "val/0~noise1~1~noise2~1.png",
    }
    assert len({f[0].digest for f in found.values()}) == len(found)


def test_a_check_says_how_a_recipe_is_understood(platform):
    read = platform.recipes.check(document=ALL)
    assert [s.kind for s in read.stages][:3] == ["tile", "letterbox", "rotate"]
    assert read.stages[1].parameters["colour"] == [114, 114, 114]
    renamed = platform.recipes.check(document=ALL.replace("everything", "other"))
    assert renamed.digest == read.digest
    turned = platform.recipes.check(document=ALL.replace("sigma: 3", "sigma: 4"))
    assert turned.digest != read.digest
    as_json = '{"recipe": "f", "stages": [{"kind": "flip", "axis": "horizontal"}]}'
    assert (
        platform.recipes.check(document=as_json).digest
        == platform.recipes.check(document="recipe: f\nstages: [flip]").digest
    )


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("recipe: r\nstages: [{kind: flipp}]", "no stage 'flipp'.*did you mean 'flip'"),
        ("recipe: r\nstages: [flip, {kind: tile, colums: 3}]", "stages.2.colums: Extra inputs"),
        ("recipe: r\nstages: [{kind: resize, width: 0, height: 4}]", "stages.1.width"),
        ("recipe: r\nstages: []", "stages: "),
        ("stages: [flip]", "recipe: Field required"),
        ("recipe: r\nstages: [flip]\nquality: 200", "quality"),
        ("recipe: [", "recipe, line 1"),
        ("- flip", "no mapping"),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_place(platform, document, words):
    with pytest.raises(Invalid, match=words):
        platform.recipes.check(document=document)


def test_what_cannot_be_done_says_why(yard):
    flip = "recipe: f\nstages: [flip]"
    with pytest.raises(Failed, match="is the source itself"):
        derive(yard, flip, into="yard")
    with pytest.raises(Failed, match="no version 9"):
        derive(yard, flip, number=9)
    with pytest.raises(Failed, match="no stage 'x'"):
        derive(yard, "recipe: f\nstages: [x]")
    add(yard, "yard", [row(yard, "train/bad.png", b"no picture", None, split="train")])
    yard.datasets.commit("yard")
    with pytest.raises(Failed, match=r"train/bad.png: .*viseon health"):
        derive(yard, flip, number=2)


def test_the_command_makes_a_version_and_says_what_it_did(yard, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("recipe: half\nstages: [{kind: resize, width: 60, height: 40}]")
    run = CliRunner().invoke(build_cli(lambda: yard), ["derive", "yard", str(path)])
    assert run.exit_code == 0, run.output
    assert "resize: 8 → 8 samples, 8 made, 0 known already" in run.stderr
    assert "yard-half@1 is made of yard@1" in run.stderr


def test_both_databases_give_the_same_derived_version_and_the_same_health(
    tmp_path, request, store_url
):
    """Run on each; the session remembers the fingerprints: there is one."""
    house = House(Settings(home=tmp_path / "home", database=store_url, jobs="inline"))
    platform = house.platform()
    platform.datasets.create(name="yard", classes=("box",))
    rows = [row(platform, f"{n}.png", *scene(n), split="train") for n in range(5)]
    add(platform, "yard", rows)
    platform.datasets.commit("yard")
    raw = "recipe: r\nstages: [flip, {kind: tile}, {kind: mosaic, width: 60, height: 40}]"
    first, again = derive(platform, raw), derive(platform, raw)
    assert (first.fingerprint, first.number) == (again.fingerprint, again.number)
    assert [(run.made, run.reused) for run in again.stages] == [(0, 5), (0, 5), (0, 20)]
    found = made(platform, first)
    assert len(found) == 40
    health = platform.curation.health("yard-r", version=1).wait().result
    assert health["fingerprint"] == first.fingerprint
    assert health["samples"] == 40
    seen = request.config.stash.setdefault(FINGERPRINTS, set())
    seen.add(first.fingerprint)
    house.close()
    assert len(seen) == 1
