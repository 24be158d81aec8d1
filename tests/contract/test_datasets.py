"""What datasets promise, in this process and across HTTP."""

import json

import pytest

from viseon.schema import (
    Added,
    Annotation,
    Conflict,
    Invalid,
    NotFound,
    Object,
    Sample,
    digest_of,
)


@pytest.fixture
def shop(platform):
    return platform.datasets.create(name="shop", classes=("person", "bag"))


def row(platform, name, content=None, **more):
    digest = platform.blobs.put((content or name).encode())
    return {"filename": name, "digest": digest, **more}


def add(platform, *rows, dataset="shop"):
    text = "".join(json.dumps(r) + "\n" for r in rows)
    return platform.datasets.add(dataset, rows=platform.blobs.put(text.encode()))


def box(class_name="person", id="1"):
    return {"id": id, "class_name": class_name, "box": [1, 2, 3, 4]}


def test_datasets_are_listed_by_name_in_pages(platform):
    for name in ("b", "c", "a"):
        platform.datasets.create(name=name)
    first = platform.datasets.find(limit=2)
    rest = platform.datasets.find(cursor=first.next)
    assert [d.name for d in first.items + rest.items] == ["a", "b", "c"]
    assert rest.next is None


@pytest.mark.parametrize("key", ["erased", "er\\u0061sed"])
def test_nobody_uploads_what_looks_erased(platform, shop, key):
    given = row(platform, "a.jpg")
    text = json.dumps(given).replace('"filename"', f'"{key}": true, "filename"')
    with pytest.raises(Invalid, match="line 1: erased"):
        platform.datasets.add("shop", rows=platform.blobs.put(text.encode()))
    assert platform.datasets.samples("shop").items == ()


def test_keys_may_be_escaped_as_json_allows(platform, shop):
    text = json.dumps(row(platform, "a.jpg", annotation={"objects": [box()]}))
    text = text.replace('"annotation"', '"\\u0061nnotation"').replace("a.jpg", "\\u0061.jpg")
    platform.datasets.add("shop", rows=platform.blobs.put(text.encode()))
    (found,) = platform.datasets.samples("shop").items
    assert found.filename == "a.jpg"
    assert found.annotation is not None


def test_two_datasets_cannot_share_a_name(platform, shop):
    with pytest.raises(Conflict, match="'shop' already exists"):
        platform.datasets.create(name="shop")


@pytest.mark.parametrize(
    "given",
    [
        {"name": "Front Door"},
        {"name": "a", "classes": ("x", "x")},
        {"name": "a", "classes": (" ",)},
        {"name": "a", "ratios": {"train": 0}},
        {"name": "a", "ratios": {"train": -1}},
        {"name": "a", "ratios": {"dev": 1}},
    ],
)
def test_a_dataset_that_makes_no_sense_is_refused(platform, given):
    with pytest.raises(Invalid):
        platform.datasets.create(**given)


def test_a_commit_freezes_what_was_added(platform, shop):
    label = Annotation(objects=(Object(**box()),))
    assert add(platform, row(platform, "a.jpg", annotation={"objects": [box()]})) == Added(added=1)
    version = platform.datasets.commit("shop", message="first")
    assert (version.ref, version.samples, version.message) == ("shop@1", 1, "first")
    assert version.created_by == "local"
    assert platform.datasets.get("shop").head == 1
    (sample,) = platform.datasets.samples("shop", version=1).items
    assert sample == Sample(
        filename="a.jpg", digest=digest_of(b"a.jpg"), annotation=label.digest, split="train"
    )
    assert platform.datasets.sample("shop", filename="a.jpg", version=1) == sample


def test_the_fingerprint_is_the_sha256_of_the_manifest(platform, shop):
    add(platform, *[row(platform, f"{n}.jpg", metadata={"n": n}) for n in range(5)])
    version = platform.datasets.commit("shop")
    digest = platform.datasets.manifest("shop", 1)
    manifest = platform.blobs.get(digest)
    assert digest == version.fingerprint == digest_of(manifest)
    header, *lines = manifest.decode().splitlines()
    assert json.loads(header) == {"classes": ["person", "bag"], "manifest": 1, "task": "detect"}
    names = [json.loads(line)["filename"] for line in lines]
    assert names == sorted(names)
    assert len(names) == 5


def test_equal_contents_have_equal_fingerprints_whatever_the_way_there(platform):
    for name in ("one", "two"):
        platform.datasets.create(name=name)
    rows = [row(platform, f"{n}.jpg", split="val") for n in range(4)]
    add(platform, *rows, dataset="one")
    add(platform, *reversed(rows), row(platform, "gone.jpg"), dataset="two")
    platform.datasets.remove("two", filenames=("gone.jpg",))
    first, second = (platform.datasets.commit(name) for name in ("one", "two"))
    assert first.fingerprint == second.fingerprint


def test_every_kind_of_change_changes_the_fingerprint(platform, shop):
    seen = set()
    for change in (
        row(platform, "a.jpg", split="train"),
        row(platform, "b.jpg", split="train"),
        row(platform, "b.jpg", "other bytes"),
        row(platform, "b.jpg", "other bytes", annotation={"objects": [box()]}),
        row(platform, "b.jpg", "other bytes", annotation={"objects": [box("bag")]}),
        row(platform, "b.jpg", "other bytes", annotation={}),
        row(platform, "b.jpg", "other bytes", metadata={"camera_id": "c"}),
    ):
        add(platform, change)
        seen.add(platform.datasets.commit("shop").fingerprint)
    platform.datasets.add_classes("shop", classes=("person", "dog"))
    seen.add(platform.datasets.commit("shop").fingerprint)
    assert len(seen) == 8


def test_each_version_names_the_one_before(platform, shop):
    for n in range(3):
        add(platform, row(platform, f"{n}.jpg"))
        platform.datasets.commit("shop", message=str(n))
    third, second, first = platform.datasets.log("shop").items
    assert (first.parent, second.parent, third.parent) == (
        None,
        first.fingerprint,
        second.fingerprint,
    )
    page = platform.datasets.log("shop", limit=2)
    assert page.items == (third, second)
    assert platform.datasets.log("shop", cursor=page.next).items == (first,)
    assert platform.datasets.version("shop", 2) == second


def test_nothing_to_commit_is_said_so(platform, shop):
    with pytest.raises(Conflict, match="nothing to commit"):
        platform.datasets.commit("shop")
    add(platform, row(platform, "a.jpg"))
    platform.datasets.commit("shop")
    add(platform, row(platform, "a.jpg"))
    with pytest.raises(Conflict, match="nothing to commit"):
        platform.datasets.commit("shop")


def test_diff_counts_everything_and_pages(platform, shop):
    add(platform, *[row(platform, f"{n}.jpg", split="train") for n in range(6)])
    platform.datasets.commit("shop")
    add(platform, row(platform, "6.jpg"), row(platform, "1.jpg", "other"))
    add(platform, row(platform, "2.jpg", metadata={"x": 1}), row(platform, "3.jpg", annotation={}))
    platform.datasets.remove("shop", filenames=("0.jpg",))
    pending = platform.datasets.diff("shop", old=1)
    assert pending.new is None
    platform.datasets.commit("shop")
    diff = platform.datasets.diff("shop", old=1, new=2, limit=2)
    assert [c.filename for c in diff.changes] == ["0.jpg", "1.jpg"]
    counts = (diff.added, diff.removed, diff.modified, diff.relabelled, diff.described)
    assert counts == (1, 1, 1, 1, 1)
    assert diff.moved == 0
    rest = platform.datasets.diff("shop", old=1, new=2, cursor=diff.next)
    assert [c.kind for c in diff.changes + rest.changes] == [
        "removed",
        "modified",
        "described",
        "relabelled",
        "added",
    ]
    assert (diff.changes[1].old, diff.changes[1].new) == (digest_of(b"1.jpg"), digest_of(b"other"))


def test_what_is_not_there_is_named(platform, shop):
    with pytest.raises(NotFound, match="no dataset named 'nope'"):
        platform.datasets.samples("nope")
    with pytest.raises(NotFound, match="no version 1") as caught:
        platform.datasets.version("shop", 1)
    assert "commit first" in caught.value.fix
    with pytest.raises(NotFound, match=r"no sample 'x\.jpg'"):
        platform.datasets.sample("shop", filename="x.jpg")
    with pytest.raises(NotFound):
        platform.datasets.add("shop", rows="0" * 64)


@pytest.mark.parametrize(
    ("line", "error", "words"),
    [
        ("{", Invalid, "line 2"),
        ('{"filename": "../x", "digest": "%s"}', Invalid, "line 2: filename"),
        ('{"filename": "x", "digest": "1"}', Invalid, "line 2: digest"),
        ('{"filename": "x", "digest": "%s", "nope": 1}', Invalid, "line 2: nope"),
        ('{"filename": "good", "digest": "%s"}', Invalid, "'good' is there twice"),
        ('{"filename": "x", "digest": "' + "0" * 64 + '"}', NotFound, "x: its bytes"),
        (
            '{"filename": "x", "digest": "%s", "annotation": {"objects": [{"id": "1",'
            ' "class_name": "persn", "box": [0, 0, 1, 1]}]}}',
            Invalid,
            "x: object 1 is a 'persn'",
        ),
        (
            '{"filename": "x", "digest": "%s", "annotation": {"objects": [{"id": "1",'
            ' "class_name": "person", "box": [0, 0, 0, 1]}]}}',
            Invalid,
            "is empty",
        ),
        ('{"filename": "x", "digest": "%s", "annotation": "' + "0" * 64 + '"}', NotFound, "0000"),
    ],
)
def test_one_bad_row_and_nothing_is_added(platform, shop, line, error, words):
    good = row(platform, "good")
    text = json.dumps(good) + "\n" + line.replace("%s", good["digest"]) + "\n"
    with pytest.raises(error, match=words):
        platform.datasets.add("shop", rows=platform.blobs.put(text.encode()))
    assert platform.datasets.samples("shop").items == ()


def test_an_unknown_class_comes_with_the_nearest_known_one(platform, shop):
    with pytest.raises(Invalid) as caught:
        add(platform, row(platform, "x", annotation={"objects": [box("persn")]}))
    assert "did you mean 'person'" in caught.value.fix
    platform.datasets.add_classes("shop", classes=("persn",))
    assert add(platform, row(platform, "x", annotation={"objects": [box("persn")]})).added == 1


def test_a_commit_stores_no_blobs(platform, shop, house):
    add(platform, *[row(platform, f"{n}.jpg") for n in range(3)])
    before = sorted((house.settings.home / "blobs").rglob("*"))
    platform.datasets.commit("shop")
    assert sorted((house.settings.home / "blobs").rglob("*")) == before
    assert len([p for p in before if p.is_file()]) == 3


def test_splits_never_move_and_equal_bytes_stay_together(platform, shop):
    add(platform, *[row(platform, f"{n}.jpg") for n in range(50)])
    first = platform.datasets.commit("shop")
    assert first.splits == {"train": 35, "val": 10, "test": 5}
    before = {s.filename: s.split for s in platform.datasets.samples("shop", version=1).items}
    copies = [row(platform, f"copy-{n}.jpg", f"{n}.jpg") for n in range(50)]
    add(platform, *copies, *[row(platform, f"new-{n}.jpg") for n in range(50)])
    platform.datasets.commit("shop")
    after = {s.filename: s.split for s in platform.datasets.samples("shop", limit=1000).items}
    assert {name: after[name] for name in before} == before
    assert all(after[f"copy-{n}.jpg"] == before[f"{n}.jpg"] for n in range(50))


def test_asking_for_another_split_does_not_move_what_was_committed(platform, shop):
    add(platform, row(platform, "a.jpg", split="train"))
    platform.datasets.commit("shop")
    add(
        platform, row(platform, "a.jpg", split="val"), row(platform, "b.jpg", "a.jpg", split="test")
    )
    platform.datasets.commit("shop")
    assert platform.datasets.version("shop", 2).splits == {"train": 2}
    diff = platform.datasets.diff("shop", old=1, new=2)
    assert (diff.added, diff.moved) == (1, 0)


def test_annotations_travel_as_one_blob(platform, shop):
    add(
        platform,
        row(platform, "a.jpg", annotation={"objects": [box()]}),
        row(platform, "b.jpg", annotation={"objects": [box()]}),
        row(platform, "c.jpg", annotation={}),
        row(platform, "d.jpg"),
    )
    platform.datasets.commit("shop")
    lines = platform.blobs.get(platform.datasets.annotations("shop", 1)).splitlines()
    digests = {s.annotation for s in platform.datasets.samples("shop", version=1).items}
    assert {digest_of(line) for line in lines} == digests - {None}


def test_a_misspelt_dataset_is_guessed_and_others_are_listed(platform):
    with pytest.raises(NotFound) as nothing:
        platform.datasets.get("shop")
    assert nothing.value.fix == "there is none yet"
    platform.datasets.create(name="shop-front")
    platform.datasets.create(name="yard")
    with pytest.raises(NotFound) as near:
        platform.datasets.get("shop-frnt")
    assert near.value.fix == "did you mean 'shop-front'?"
    with pytest.raises(NotFound) as far:
        platform.datasets.get("q")
    assert far.value.fix == "there are: shop-front, yard"
