"""Saved views: expressions kept under names, near and far."""

import json
import time

import pytest

from viseon.app import LOCAL
from viseon.schema import Conflict, Invalid, NotFound, View


def add(platform, rows, dataset="shop"):
    lines = [
        json.dumps(
            {"filename": n, "digest": platform.blobs.put(n.encode()), "metadata": m}
        )
        for n, m in rows.items()
    ]  # fmt: skip
    platform.datasets.add(dataset, rows=platform.blobs.put("\n".join(lines).encode()))


@pytest.fixture
def shop(platform):
    platform.datasets.create(name="shop", classes=("person",))
    add(platform, {f"{n}.jpg": {"camera_id": f"cam{n % 3}", "lux": n} for n in range(9)})
    return platform


def test_a_view_is_asked_by_its_name(shop):
    saved = shop.views.put("shop", "dark", where="lux < 4", description="Too dark to read plates")
    assert (saved.dataset, saved.name, saved.created_by) == ("shop", "dark", "local")
    assert shop.views.get("shop", "dark") == saved
    assert shop.datasets.count("shop", view="dark").total == 4
    both = shop.datasets.samples("shop", view="dark", where='camera_id == "cam0"').items
    assert [s.filename for s in both] == ["0.jpg", "3.jpg"]


def test_saving_again_replaces(shop):
    shop.views.put("shop", "dark", where="lux < 4", description="old")
    shop.views.put("shop", "dark", where="lux < 2")
    assert shop.views.get("shop", "dark").description == ""
    assert shop.datasets.count("shop", view="dark").total == 2
    assert len(shop.views.find("shop").items) == 1


def test_views_are_listed_in_pages_and_by_dataset(shop):
    shop.datasets.create(name="shop-2")
    for name in ("c", "a", "b"):
        shop.views.put("shop", name, where="lux > 1")
    shop.views.put("shop-2", "other", where='filename != ""')
    first = shop.views.find("shop", limit=2)
    rest = shop.views.find("shop", limit=2, cursor=first.next)
    assert [v.name for v in (*first.items, *rest.items)] == ["a", "b", "c"]
    assert rest.next is None
    assert [v.name for v in shop.views.find("shop-2").items] == ["other"]


def test_what_cannot_be_read_is_not_saved(shop):
    with pytest.raises(Invalid, match="column 1: no sample has anything called 'luc'") as told:
        shop.views.put("shop", "dark", where="luc < 4")
    assert told.value.fix == "did you mean lux?"
    with pytest.raises(Invalid, match="there is nothing to ask"):
        shop.views.put("shop", "dark", where=" ")
    assert shop.views.find("shop").items == ()


def test_a_view_that_is_not_there(shop):
    shop.views.put("shop", "dark", where="lux < 4")
    for ask in (
        lambda: shop.views.get("shop", "night"),
        lambda: shop.views.remove("shop", "night"),
        lambda: shop.datasets.count("shop", view="night"),
    ):
        with pytest.raises(NotFound, match="has no view 'night'") as told:
            ask()
        assert told.value.fix == "it has: dark"
    with pytest.raises(NotFound, match="no dataset"):
        shop.views.find("nowhere")
    with pytest.raises(NotFound, match="no dataset"):
        shop.views.put("nowhere", "dark", where="lux < 4")


def test_a_removed_view_is_gone(shop):
    shop.views.put("shop", "dark", where="lux < 4")
    shop.views.remove("shop", "dark")
    assert shop.views.find("shop").items == ()


def test_views_go_and_come_back_with_their_dataset(shop, house):
    shop.views.put("shop", "dark", where="lux < 4")
    shop.datasets.delete("shop")
    for ask in (lambda: shop.views.get("shop", "dark"), lambda: shop.views.find("shop")):
        with pytest.raises(NotFound, match="'shop' was deleted"):
            ask()
    shop.datasets.restore("shop")
    assert shop.views.get("shop", "dark").where == "lux < 4"
    shop.datasets.delete("shop")
    shop.storage.purge("shop")
    with house.store.catalog(LOCAL).read() as records:
        assert records.find(View) == []


def test_a_view_that_a_revert_broke_says_which(platform):
    platform.datasets.create(name="shop")
    add(platform, {"1.jpg": {"lux": 1}})
    platform.datasets.commit("shop")
    platform.datasets.add_classes("shop", classes=("car",))
    platform.views.put("shop", "cars", where='count("car") == 0')
    platform.datasets.revert("shop", 1)
    with pytest.raises(Invalid, match=r"view 'cars': where, column 7: there is no class 'car'"):
        platform.datasets.count("shop", view="cars")


def test_a_field_that_would_break_a_view_is_refused(shop):
    shop.views.put("shop", "dark", where="lux < 4")
    shop.views.put("shop", "named", where='lux == "bright"')
    with pytest.raises(Conflict, match=r"understood: 'named' \(where, column 8: lux is a number"):
        shop.datasets.declare("shop", key="lux", type="number")
    assert shop.datasets.get("shop").fields == {}
    shop.views.remove("shop", "named")
    shop.datasets.declare("shop", key="lux", type="number")


def test_a_view_keeps_no_bytes(shop, local):
    digest = shop.blobs.put(b"nobody needs this")
    local.views.put("shop", "those", where=f'digest == "{digest}"')
    time.sleep(0.01)  # files have a time as coarse as this
    assert digest in shop.storage.collect(grace_s=0).wait().result["examples"]
    assert digest not in shop.blobs
