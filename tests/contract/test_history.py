"""Status, tags, going back and branching off, near and far."""

import json

import pytest

from viseon.schema import Conflict, NotFound


@pytest.fixture
def shop(platform):
    platform.datasets.create(name="shop", classes=("a",))
    add(platform, {f"{n}.jpg": {"metadata": {"n": n}} for n in range(10)})
    platform.datasets.commit("shop")
    return platform.datasets


def add(platform, rows):
    lines = []
    for name, more in rows.items():
        digest = platform.blobs.put(more.pop("content", name).encode())
        lines.append(json.dumps({"filename": name, "digest": digest, **more}))
    platform.datasets.add("shop", rows=platform.blobs.put("\n".join(lines).encode()))


def changed(platform):
    """Everything that can change, changes."""
    add(platform, {"new.jpg": {}, "1.jpg": {"content": "other"}, "2.jpg": {"annotation": {}}})
    add(platform, {"3.jpg": {"metadata": {"n": 77}}})
    platform.datasets.remove("shop", filenames=("0.jpg",))
    platform.datasets.add_classes("shop", classes=("b",))


def test_status_counts_what_a_commit_would_freeze(platform, shop):
    assert shop.status("shop").pending == {}
    changed(platform)
    found = shop.status("shop")
    assert found.head == 1
    assert found.pending == {
        "added": 1, "removed": 1, "modified": 1, "relabelled": 1, "described": 1
    }  # fmt: skip


def test_reverting_restores_the_very_fingerprint(platform, shop):
    first = shop.version("shop", 1)
    changed(platform)
    second = shop.commit("shop")
    assert second.fingerprint != first.fingerprint
    assert shop.revert("shop", 1).pending != {}
    third = shop.commit("shop", message="back")
    assert third.fingerprint == first.fingerprint
    assert third.parent == second.fingerprint
    shop.revert("shop", 2)
    assert shop.commit("shop").fingerprint == second.fingerprint
    for number in (1, 2, 3, 4):  # counts that were carried along are counted again
        assert shop.verify("shop", number).problem == ""


def test_reverting_to_the_head_forgets_what_is_pending(platform, shop):
    changed(platform)
    with pytest.raises(Conflict, match="never committed: 1 added, .* 1 removed"):
        shop.revert("shop", 1)
    assert shop.revert("shop", 1, force=True).pending == {}
    with pytest.raises(Conflict, match="nothing to commit"):
        shop.commit("shop")
    with pytest.raises(NotFound):
        shop.revert("shop", 9)


def test_a_fork_begins_with_the_same_fingerprint_and_goes_its_own_way(platform, shop):
    fork = shop.fork("shop", 1, name="shop-two")
    assert fork.ref == "shop-two@1"
    assert fork.fingerprint == shop.version("shop", 1).fingerprint
    shop.remove("shop-two", filenames=("1.jpg",))
    shop.commit("shop-two")
    assert shop.version("shop-two", 2).samples == 9
    assert shop.status("shop").pending == {}
    with pytest.raises(Conflict, match="already exists"):
        shop.fork("shop", 1, name="shop")


def test_a_tag_names_one_version(platform, shop):
    changed(platform)
    shop.commit("shop")
    assert shop.tag("shop", 1, tag="golden").tags == ("golden",)
    shop.tag("shop", 1, tag="first")
    shop.tag("shop", 2, tag="golden")
    assert [v.tags for v in shop.log("shop").items] == [("golden",), ("first",)]
    assert shop.verify("shop", 1).ok
