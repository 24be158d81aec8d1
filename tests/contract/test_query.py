"""Asking for samples: expressions, near and far."""

import json

import pytest

from viseon.schema import Invalid


def add(platform, rows, dataset="shop"):
    lines = []
    for name, more in rows.items():
        more = dict(more)
        digest = platform.blobs.put(more.pop("content", name).encode())
        lines.append(json.dumps({"filename": name, "digest": digest, **more}))
    platform.datasets.add(dataset, rows=platform.blobs.put("\n".join(lines).encode()))


def labels(*classes, **more):
    return {
        "objects": [
            {"id": str(i), "class_name": name, "box": [0, 0, 1 + i, 1]}
            for i, name in enumerate(classes)
        ],
        **more,
    }


ROWS = {
    "a/1.jpg": {
        "metadata": {"camera_id": "cam5", "captured_at": "2030-01-05T23:15:00+02:00"},
        "annotation": labels("person", "person", "person", "car"),
        "width": 1920, "height": 1080, "split": "val",
    },
    "a/2.jpg": {
        "metadata": {"camera_id": "cam5", "captured_at": "2030-01-07T09:00:00Z", "blur": 0.25},
        "annotation": labels("person", reviewed=False),
    },
    "b/3.jpg": {
        "metadata": {"camera_id": "Cam5", "tags": ["night", "rain"], "weather": {"sky": "grey"}},
        "annotation": labels(),
    },
    "b/4.jpg": {"metadata": {"blurred": True, "blur": 3}},
    "é.jpg": {"metadata": {"camera_id": 5, "name": "über"}},
}  # fmt: skip


@pytest.fixture
def shop(platform):
    platform.datasets.create(name="shop", classes=("person", "car"))
    add(platform, ROWS)
    return platform.datasets


def found(shop, where, **more):
    page = shop.samples("shop", where=where, **more)
    assert shop.count("shop", where=where).total == len(page.items)
    return " ".join(s.filename for s in page.items)


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ('camera_id == "cam5"', "a/1.jpg a/2.jpg"),
        ('camera_id == "cam5" and hour >= 22', "a/1.jpg"),
        ('split == "val" and count("person") >= 3', "a/1.jpg"),
        ("hour >= 0", "a/1.jpg a/2.jpg"),
        ('weekday in ["sat", "sun"]', "a/1.jpg"),
        ('date == "2030-01-07"', "a/2.jpg"),
        ('captured_at < "2030-01-05T21:16:00Z"', "a/1.jpg"),
        ('"2030-01-06" <= captured_at', "a/2.jpg"),
        ('camera_id != "cam5"', "b/3.jpg"),
        ('not camera_id == "cam5"', "b/3.jpg b/4.jpg é.jpg"),
        ("camera_id == 5", "é.jpg"),
        ('camera_id in ["cam5", "Cam5"]', "a/1.jpg a/2.jpg b/3.jpg"),
        ('camera_id not in ["cam5"]', "b/3.jpg"),
        ("camera_id is missing", "b/4.jpg"),
        ("camera_id is not missing and blur > 0", "a/2.jpg"),
        ("blurred", "b/4.jpg"),
        ("blurred == false", ""),
        ('"night" in tags', "b/3.jpg"),
        ('"night" not in tags and labelled', "a/1.jpg a/2.jpg"),
        ('weather.sky == "grey"', "b/3.jpg"),
        ('meta["weather.sky"] == "grey" or meta["nobody"] == 1', "b/3.jpg"),
        ("reviewed", "a/1.jpg b/3.jpg"),
        ("labelled and not reviewed", "a/2.jpg"),
        ("labelled == false", "b/4.jpg é.jpg"),
        ('has("person") and not has("car")', "a/2.jpg"),
        ('"car" in classes', "a/1.jpg"),
        ("count() == 0", "b/3.jpg b/4.jpg é.jpg"),
        ("4 <= count()", "a/1.jpg"),
        ('count("person") in [1, 3]', "a/1.jpg a/2.jpg"),
        ("width >= 1920 and height < 2000", "a/1.jpg"),
        ("width is missing", "a/2.jpg b/3.jpg b/4.jpg é.jpg"),
        ('filename.startswith("b/")', "b/3.jpg b/4.jpg"),
        ('filename.endswith("1.jpg") or filename == "é.jpg"', "a/1.jpg é.jpg"),
        ('filename.matches("?/*[!]*")', ""),
        ('filename.matches("?.jpg")', "é.jpg"),
        ('camera_id.contains("am")', "a/1.jpg a/2.jpg b/3.jpg"),
        ('name == "\\u00fcber"', "é.jpg"),
        ("name > 'a' and name < 'ÿ'", "é.jpg"),
        ("blur >= 0.25 and blur < 3.5", "a/2.jpg b/4.jpg"),
        ('split is missing and filename < "b"', "a/2.jpg"),
    ],
)
def test_an_expression_finds(shop, where, names):
    assert found(shop, where) == names


def test_pages_go_on_where_they_stopped(shop):
    first = shop.samples("shop", where="not blurred", limit=2)
    rest = shop.samples("shop", where="not blurred", limit=2, cursor=first.next)
    assert [s.filename for s in (*first.items, *rest.items)] == [
        "a/1.jpg", "a/2.jpg", "b/3.jpg", "é.jpg"
    ]  # fmt: skip
    assert rest.next is None


def test_versions_answer_for_themselves(platform, shop):
    shop.commit("shop")
    add(platform, {"a/1.jpg": {"metadata": {"camera_id": "cam9"}}})
    assert found(shop, 'camera_id == "cam9"') == "a/1.jpg"
    assert shop.count("shop", version=1, where='camera_id == "cam9"').total == 0
    old = shop.samples("shop", version=1, where='camera_id == "cam5" and count() > 3').items
    assert [s.filename for s in old] == ["a/1.jpg"]
    shop.commit("shop")
    assert shop.count("shop", version=2, where='camera_id == "cam5"').total == 1


def test_counts_come_by_split(shop):
    shop.commit("shop")
    total = shop.count("shop", version=1)
    assert total.total == 5
    assert sum(total.splits.values()) == 5
    assert shop.count("shop", version=1, where='split == "val"').splits == {
        "val": total.splits["val"]
    }


def test_what_cannot_be_read_says_where_and_why(shop):
    with pytest.raises(Invalid, match=r"column 1: no sample has anything called 'camra_id'.*") as e:
        shop.samples("shop", where='camra_id == "x"')
    assert e.value.fix == "did you mean camera_id?"
    with pytest.raises(Invalid, match="column 16: there is no class 'persn'"):
        shop.count("shop", where="blurred or has('persn')")


def test_what_is_missing_is_found_among_changed_and_erased_samples(platform):
    platform.datasets.create(name="shop")
    add(platform, {f"{n}.jpg": {"metadata": {"lux": n, "kinds": [n]}} for n in range(20)})
    platform.datasets.commit("shop")
    platform.datasets.describe("shop", filenames=("3.jpg",), forget=("lux",), metadata={"kinds": 3})
    assert found(platform.datasets, "lux is missing") == "3.jpg"
    assert found(platform.datasets, "not lux < 19") == "19.jpg 3.jpg"
    assert found(platform.datasets, "not lux != 5") == "3.jpg 5.jpg"
    assert found(platform.datasets, "kinds == 3") == "3.jpg"
    assert found(platform.datasets, "kinds is missing") == ""
    platform.storage.erase(dataset="shop", filename="7.jpg", reason="request 17").wait()
    (left,) = platform.datasets.samples("shop", version=1, where="lux is missing").items
    assert left.erased
    assert platform.datasets.count("shop", where="lux is missing").total == 1


def test_bytes_are_found_by_their_digest(platform, shop):
    digest = platform.blobs.put(b"a/1.jpg")
    assert found(shop, f'digest == "{digest}"') == "a/1.jpg"
    assert found(shop, f'digest in ["{digest}", "{"0" * 64}"]') == "a/1.jpg"
    assert found(shop, f'digest.startswith("{digest[:12]}")') == "a/1.jpg"
    for never in (digest.upper(), digest[:12], "é", digest[:63] + " "):
        assert found(shop, f'digest == "{never}"') == ""
    assert found(shop, f'not digest == "{digest}" and filename < "b"') == "a/2.jpg"


def test_a_piece_of_a_filename_is_found(platform, shop):
    add(platform, {f'çä/{n:03d} \U0001f600"x".jpg': {} for n in range(100)})
    assert found(shop, 'filename.contains("042 😀")') == 'çä/042 😀"x".jpg'
    assert shop.count("shop", where='filename.endswith("\\"x\\".jpg")').total == 100
    assert found(shop, 'filename.matches("*ä/?07*")') == 'çä/007 😀"x".jpg'
