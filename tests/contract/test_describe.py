"""Metadata and tags of samples that are there already, near and far."""

import json

import pytest

from viseon.schema import Invalid, NotFound


def add(platform, rows):
    lines = [
        json.dumps({"filename": n, "digest": platform.blobs.put(n.encode()), "metadata": m})
        for n, m in rows.items()
    ]
    platform.datasets.add("shop", rows=platform.blobs.put("\n".join(lines).encode()))


@pytest.fixture
def shop(platform):
    platform.datasets.create(name="shop", classes=("person",))
    add(
        platform,
        {
            "a.jpg": {"camera_id": "cam1", "lux": 1},
            "b.jpg": {"camera_id": "cam1", "lux": 2, "tags": ["rain"]},
            "c.jpg": {"camera_id": "cam2", "tags": "rain", "site": {"hall": 1}},
        },
    )
    platform.datasets.commit("shop")
    return platform.datasets


def metadata(shop, name, **more):
    return shop.sample("shop", filename=name, **more).metadata


def test_samples_are_chosen_by_an_expression(shop):
    done = shop.describe("shop", where='camera_id == "cam1"', metadata={"site": "north"})
    assert (done.matched, done.changed, done.filenames) == (2, 2, ("a.jpg", "b.jpg"))
    assert metadata(shop, "a.jpg") == {"camera_id": "cam1", "lux": 1, "site": "north"}
    assert shop.count("shop", where='site == "north"').total == 2
    assert shop.describe("shop", where='site == "north"', metadata={"site": "north"}).changed == 0


def test_samples_are_chosen_by_name_or_by_view(platform, shop):
    assert shop.describe("shop", filenames=("c.jpg", "a.jpg"), metadata={"lux": 7}).changed == 2
    platform.views.put("shop", "bright", where="lux > 5")
    assert shop.describe("shop", view="bright", forget=("lux",)).filenames == ("a.jpg", "c.jpg")
    assert shop.count("shop", where="lux is missing").total == 2


def test_a_change_may_decide_who_is_asked_next(shop):
    """What matches is what matched before."""
    done = shop.describe("shop", where="lux is missing or lux < 9", metadata={"lux": 9})
    assert done.changed == 3


def test_tags_come_and_go(shop):
    shop.describe("shop", where='filename != ""', add_tags=("night", "rain"))
    assert [metadata(shop, f"{n}.jpg")["tags"] for n in "abc"] == [
        ["night", "rain"], ["rain", "night"], ["rain", "night"]
    ]  # fmt: skip
    shop.describe("shop", where='"night" in tags', remove_tags=("night", "rain"))
    assert all("tags" not in metadata(shop, f"{n}.jpg") for n in "abc")


def test_dots_lead_into_what_is_nested(shop):
    shop.describe("shop", filenames=("c.jpg", "a.jpg"), metadata={"site.floor": 2})
    assert metadata(shop, "c.jpg")["site"] == {"hall": 1, "floor": 2}
    assert metadata(shop, "a.jpg")["site.floor"] == 2
    assert shop.count("shop", where="site.floor == 2").total == 2
    shop.describe("shop", where="site.floor == 2", forget=("site.floor", "site.hall"))
    assert metadata(shop, "c.jpg") == {"camera_id": "cam2", "tags": "rain"}
    assert metadata(shop, "a.jpg") == {"camera_id": "cam1", "lux": 1}


def test_what_changed_shows_and_the_way_back_leaves_nothing(shop):
    shop.describe("shop", filenames=("a.jpg",), metadata={"lux": 5})
    assert shop.status("shop").pending == {"described": 1}
    found = shop.diff("shop", old=1)
    assert (found.described, [c.filename for c in found.changes]) == (1, ["a.jpg"])
    shop.describe("shop", filenames=("a.jpg",), metadata={"lux": 1})
    assert shop.status("shop").pending == {}
    shop.describe("shop", filenames=("a.jpg",), metadata={"lux": True})
    assert shop.status("shop").pending == {"described": 1}
    second = shop.commit("shop")
    assert metadata(shop, "a.jpg", version=1)["lux"] == 1
    assert metadata(shop, "a.jpg", version=2)["lux"] is True
    assert second.splits == shop.version("shop", 1).splits
    assert shop.verify("shop", 2).ok


def test_a_dry_run_counts_and_changes_nothing(shop):
    done = shop.describe("shop", where="lux > 0", metadata={"lux": 2}, dry_run=True)
    assert (done.matched, done.changed, done.filenames) == (2, 1, ("a.jpg",))
    assert shop.status("shop").pending == {}


def test_all_or_nothing(shop):
    shop.declare("shop", key="lux", type="number")
    with pytest.raises(Invalid, match="a.jpg: field 'lux' is \"dark\", which is not a number"):
        shop.describe("shop", where="lux > 0", metadata={"lux": "dark"})
    with pytest.raises(Invalid, match="a.jpg: field 'lux'"):
        shop.describe("shop", where="lux > 0", metadata={"lux": "dark"}, dry_run=True)
    with pytest.raises(NotFound, match="has no sample 'z.jpg'"):
        shop.describe("shop", filenames=("a.jpg", "z.jpg"), metadata={"lux": 3})
    add_numbers = {"tags": 5}
    with pytest.raises(Invalid, match="tags are added and removed"):
        shop.describe("shop", filenames=("a.jpg",), metadata=add_numbers)
    assert shop.status("shop").pending == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"where": "lux > 0"}, "there is nothing to say"),
        ({"metadata": {"a": 1}}, "choose samples either"),
        ({"where": "lux > 0", "filenames": ("a.jpg",), "metadata": {"a": 1}}, "choose samples"),
        ({"where": "lux > 0", "metadata": {"split": "val"}}, "'split' is not for metadata to say"),
        ({"where": "lux > 0", "forget": ("source",)}, "'source' is not for metadata to say"),
        ({"where": "lux > 0", "metadata": {"captured_at": "noon"}}, "captured_at is \"noon\""),
        ({"where": "lux > 0", "metadata": {"captured_at": [1]}}, "captured_at is "),
        ({"where": "lux > 0", "metadata": {"a": None}}, "metadata: a is null"),
        ({"where": "lux > 0", "metadata": {"a": "x" * 1001}}, "longer than 1000"),
        ({"where": "lux > 0", "metadata": {"a": "\0"}}, "holds a NUL"),
        ({"where": "lux > 0", "metadata": {"@a": 1}}, "must be printable"),
        ({"where": "lux > 0", "metadata": {"a": 1}, "forget": ("a",)}, "both set and forgotten"),
        ({"where": "lux > 0", "add_tags": ("a",), "remove_tags": ("a",)}, "both added and removed"),
        ({"where": "lux > 0", "add_tags": (" ",)}, "add_tags"),
        ({"where": "lux >", "add_tags": ("a",)}, "column 6"),
    ],
)  # fmt: skip
def test_what_cannot_be_said(shop, given, message):
    with pytest.raises(Invalid, match=message):
        shop.describe("shop", **given)
    assert shop.status("shop").pending == {}


def test_who_brought_the_labels_stays(platform, shop):
    origins = platform.annotations.origins("shop", filename="a.jpg")
    shop.describe("shop", filenames=("a.jpg",), add_tags=("seen",))
    after = platform.annotations.origins("shop", filename="a.jpg")
    assert {(s.by, s.at, s.operation) for s in after} == {
        (s.by, s.at, s.operation) for s in origins
    }


def test_many_samples_in_one_go(platform, shop):
    add(platform, {f"many/{n:04d}.jpg": {"n": n} for n in range(2500)})
    done = shop.describe("shop", where="n >= 10", metadata={"n": 0}, add_tags=("x",))
    assert (done.matched, done.changed, len(done.filenames)) == (2490, 2490, 20)
    assert shop.count("shop", where='"x" in tags and n == 0').total == 2490
