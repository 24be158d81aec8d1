"""Two versions compared object by object, near and far."""

import json
import re

import cv2
import numpy as np
import pytest

from viseon.schema import Invalid, NotFound
from viseon.schema.comparison import DrawnComparison


def photo(seed):
    rng = np.random.default_rng(seed)
    pixels = cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (160, 120))
    return cv2.imencode(".png", pixels)[1].tobytes()


def box(id, name, x, **more):
    return {"id": id, "class_name": name, "box": [x, 10, x + 30, 50], **more}


def add(platform, rows):
    lines = []
    for name, (data, objects, *more) in rows.items():
        row = {"filename": name, "digest": platform.blobs.put(data)}
        if objects is not None:
            row["annotation"] = {"objects": objects}
        lines.append(json.dumps(row | (more[0] if more else {})))
    platform.datasets.add("shop", rows=platform.blobs.put("\n".join(lines).encode()))


@pytest.fixture
def shop(platform):
    """shop@1 and shop@2, which differs in every way there is."""
    platform.datasets.create(name="shop", classes=("bag", "person"), ratios={"train": 1})
    two = [box("1", "bag", 5), box("2", "person", 80)]
    add(platform, {f"{n}.png": (photo(n), two) for n in range(9)} | {"note.txt": (b"hi", None)})
    platform.datasets.commit("shop", message="first")
    platform.datasets.add_classes("shop", classes=("<cart>",))
    add(
        platform,
        {
            "0.png": (photo(0), [box("1", "person", 80)]),  # the bag is gone, ids moved up
            "1.png": (photo(1), [box("1", "<cart>", 6), box("2", "person", 80)]),
            "2.png": (photo(2), [box("1", "bag", 20), box("2", "person", 81)]),
            "3.png": (photo(3), [*two, box("3", "bag", 120)]),
            "4.png": (photo(99), two),
            "5.png": (photo(5), [box("1", "bag", 5, attributes={"open": True}), two[1]]),
            "6.png": (photo(6), two, {"metadata": {"camera_id": "c"}}),
            "new.png": (photo(50), two),
        },
    )
    platform.datasets.remove("shop", filenames=("7.png", "note.txt"))
    platform.datasets.commit("shop", message="second")
    return platform.datasets


def test_everything_that_changed_is_counted(shop):
    found = shop.compare("shop", old=1, new=2)
    assert found.files == {
        "added": 1, "removed": 2, "modified": 1, "relabelled": 5, "moved": 0, "described": 1
    }  # fmt: skip
    assert found.objects.model_dump() == {
        "added": 3, "removed": 3, "reclassified": 1, "renamed": 0, "moved": 1, "edited": 1,
        "nudged": 1,
    }  # fmt: skip
    rows = {c.name: c.model_dump(exclude={"name"}, exclude_defaults=True) for c in found.classes}
    assert rows == {
        "bag": {"added": 2, "removed": 2, "moved": 1, "edited": 1, "left": 1},
        "person": {"added": 1, "removed": 1},
        "<cart>": {"joined": 1},
    }
    assert [t.model_dump() for t in found.between] == [{"old": "bag", "new": "<cart>", "count": 1}]
    assert found.class_list.added == ("<cart>",)
    assert found.old_fingerprint == shop.version("shop", 1).fingerprint
    assert found.new_fingerprint == shop.version("shop", 2).fingerprint
    by_name = {c.filename: c for c in found.changes}
    moved = by_name["2.png"].objects[0]
    assert (moved.kind, moved.old_box[0], moved.new_box[0], moved.shift_px) == ("moved", 5, 20, 15)
    assert by_name["5.png"].objects[0].fields == ("attributes",)
    assert by_name["1.png"].old_annotation != by_name["1.png"].new_annotation
    assert by_name["4.png"].old != by_name["4.png"].new
    assert by_name["4.png"].objects == ()


def test_totals_do_not_depend_on_the_page_and_pages_add_up(shop):
    whole = shop.compare("shop", old=1, new=2, limit=1000)
    seen, cursor = [], ""
    while True:
        part = shop.compare("shop", old=1, new=2, cursor=cursor, limit=3)
        empty = {"changes": (), "next": None}
        assert part.model_copy(update=empty) == whole.model_copy(update=empty)
        seen += part.changes
        if part.next is None:
            break
        cursor = part.next
    assert tuple(seen) == whole.changes
    counted = [thing.kind for change in seen for thing in change.objects]
    assert {k: counted.count(k) for k in set(counted)} == whole.objects.model_dump(
        exclude={"nudged"}, exclude_defaults=True
    )


def test_the_limit_decides_what_moved(shop):
    assert shop.compare("shop", old=1, new=2, moved_px=0).objects.moved == 2
    assert shop.compare("shop", old=1, new=2, moved_px=15).objects.moved == 0
    assert shop.compare("shop", old=1, new=2, moved_px=15).objects.nudged == 2
    with pytest.raises(Invalid, match="moved_px"):
        shop.compare("shop", old=1, new=2, moved_px=-1)


def test_backwards_from_nothing_and_the_working_area(platform, shop):
    back = shop.compare("shop", old=2, new=1)
    assert (back.objects.added, back.objects.removed) == (3, 3)
    assert back.class_list.removed == ("<cart>",)
    first = shop.compare("shop", old=0, new=1)
    assert (first.files["added"], first.objects.added, first.old_fingerprint) == (10, 18, None)
    assert shop.compare("shop", old=2).files == dict.fromkeys(first.files, 0)
    add(platform, {"3.png": (photo(3), [])})
    pending = shop.compare("shop", old=2)
    assert (pending.objects.removed, pending.new, pending.new_fingerprint) == (3, None, None)
    with pytest.raises(NotFound, match="no version 9"):
        shop.compare("shop", old=9)


def test_a_file_in_another_split_is_told(local, house):
    import sqlite3

    local.datasets.create(name="shop")
    add(local, {"a.png": (photo(1), None, {"split": "train"})})
    local.datasets.commit("shop")
    add(local, {"a.png": (photo(1), [], {"metadata": {"n": 1}})})
    local.datasets.commit("shop")
    with sqlite3.connect(house.settings.home / "viseon.db") as db:
        db.execute("update sample set line = replace(line, 'train', 'test') where since = 2")
    db.close()
    found = local.datasets.compare("shop", old=1, new=2)
    assert [t.model_dump() for t in found.splits] == [{"old": "train", "new": "test", "count": 1}]


def drawn(platform, **given):
    job = platform.datasets.draw_comparison("shop", old=1, new=2, **given)
    found = DrawnComparison.model_validate(job.wait().result)
    return found.comparison, platform.blobs.get(found.page).decode()


def test_the_page_shows_old_and_new_boxes_and_needs_no_network(platform, shop):
    found, page = drawn(platform)
    assert len(found.changes) == sum(found.files.values()) == 10
    assert page.count("<figure>") == 10
    assert page.count("data:image/jpeg;base64,") == 10  # 4.png twice, note.txt never
    assert "no picture" in page
    moved = re.search(r"<figure>(?:(?!<figure>).)*2\.png.*?</figure>", page, re.S)[0]
    assert moved.count("<rect") == 2
    assert 'x="5" y="10" width="30" height="40"' in moved
    assert 'x="20" y="10" width="30" height="40"' in moved
    assert moved.count("stroke-dasharray") == 1
    assert "&lt;cart&gt;" in page
    assert "<cart>" not in page
    assert found.old_fingerprint in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)
    assert "more changed files are not drawn" not in page


def test_a_capped_page_shows_some_of_each_kind_and_says_so(platform, shop):
    found, page = drawn(platform, pictures=5)
    assert {c.kind for c in found.changes} == {
        "added", "removed", "modified", "relabelled", "described"
    }  # fmt: skip
    assert "5 more changed files are not drawn" in page
    assert "<small>1 of 5</small>" in page
    assert drawn(platform, pictures=0)[1].count("<figure>") == 0
