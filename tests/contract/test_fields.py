"""Custom fields: types of metadata, near and far."""

import json

import pytest

from viseon.adapters.formats import folder
from viseon.datasets import import_folder
from viseon.ports import Contents, LabelledFile
from viseon.schema import Conflict, CustomField, Invalid, NotFound


def rows_of(platform, rows):
    lines = [
        json.dumps({"filename": n, "digest": platform.blobs.put(n.encode()), "metadata": m})
        for n, m in rows.items()
    ]
    return platform.blobs.put("\n".join(lines).encode())


def add(platform, rows):
    return platform.datasets.add("shop", rows=rows_of(platform, rows))


@pytest.fixture
def shop(platform):
    platform.datasets.create(name="shop")
    return platform


FITTING = [
    ("text", {}, ["north", "", "5"], [5, True, ["a"], {"a": 1}, "x" * 1001]),
    ("number", {}, [5, -0.5, 10**20, 0], ["5", True, [5], 10**400]),
    ("boolean", {}, [True, False], [1, 0, "true"]),
    ("time", {}, ["2030-01-01", "2030-01-01T22:00:00+01:00"], ["22:00", 1893456000, "2030-13-01"]),
    ("date", {}, ["2030-01-31"], ["2030-02-30", "2030-01-31T00:00:00", "20300131", 5]),
    ("choice", {"choices": ("day", "night")}, ["day", "night"], ["dusk", "", 1, "Day"]),
]


@pytest.mark.parametrize(("type", "more", "good", "bad"), FITTING, ids=[f[0] for f in FITTING])
def test_a_value_must_be_of_the_fields_type(shop, type, more, good, bad):
    declared = shop.datasets.declare("shop", key="seen", type=type, **more)
    assert (declared.unfit, declared.field) == (0, CustomField(type=type, **more))
    for value in good:
        add(shop, {"good.jpg": {"seen": value}})
        assert shop.datasets.sample("shop", filename="good.jpg").metadata == {"seen": value}
    for value in bad:
        with pytest.raises(Invalid, match="bad.jpg: field 'seen' is .*, which is not") as told:
            add(shop, {"new.jpg": {"seen": good[0]}, "bad.jpg": {"seen": value}})
        assert told.value.fix
    assert shop.datasets.count("shop").total == 1


def test_null_and_nothing_are_of_any_type(shop):
    shop.datasets.declare("shop", key="lux", type="number")
    assert add(shop, {"a.jpg": {"lux": None}, "b.jpg": {}}).added == 2
    assert shop.datasets.count("shop", where="lux is missing").total == 2


def test_nested_values_are_checked_however_they_are_written(shop):
    shop.datasets.declare("shop", key="site.hall.floor", type="number")
    for metadata in (
        {"site.hall.floor": "one"}, {"site": {"hall.floor": "one"}},
        {"site.hall": {"floor": "one"}}, {"site": {"hall": {"floor": "one"}}},
        {"site.hall.floor": 1, "site": {"hall": {"floor": "one"}}},
    ):  # fmt: skip
        with pytest.raises(Invalid, match=r"a.jpg: field 'site.hall.floor' is \"one\""):
            add(shop, {"a.jpg": metadata})
    add(shop, {"a.jpg": {"site": {"hall": {"floor": 2}, "name": "x"}}})
    assert shop.datasets.count("shop", where="site.hall.floor == 2").total == 1


def test_a_choice_says_which_was_meant(shop):
    shop.datasets.declare("shop", key="light", type="choice", choices=("day", "night"))
    with pytest.raises(Invalid) as told:
        add(shop, {"a.jpg": {"light": "nihgt"}})
    assert told.value.fix == "did you mean 'night'? it may be: day, night"


def test_values_that_do_not_fit_are_named_and_nothing_is_declared(shop):
    add(shop, {f"{n}.jpg": {"lux": n if n < 5 else f"{n} lx"} for n in range(10)})
    with pytest.raises(Conflict, match='5 samples say something else: 5.jpg: "5 lx"; 6.jpg') as e:
        shop.datasets.declare("shop", key="lux", type="number")
    assert "8.jpg" not in e.value.message
    assert "and 2 more" in e.value.message
    assert shop.datasets.get("shop").fields == {}
    looked = shop.datasets.declare("shop", key="lux", type="number", dry_run=True)
    assert looked.unfit == 5
    assert [(m.filename, m.value) for m in looked.misfits][0] == ("5.jpg", '"5 lx"')
    assert shop.datasets.get("shop").fields == {}
    shop.datasets.describe("shop", where='lux.contains("lx")', metadata={"lux": 9})
    assert shop.datasets.declare("shop", key="lux", type="number").unfit == 0


def test_unfit_values_hide_nowhere(shop):
    add(shop, {"a.jpg": {"ü": {"b": "no"}}, "b.jpg": {"ü.b": [1]}, "c.jpg": {"ü": {"b": 1}}})
    looked = shop.datasets.declare("shop", key="ü.b", type="number", dry_run=True)
    assert [m.filename for m in looked.misfits] == ["a.jpg", "b.jpg"]
    inner = shop.datasets.declare("shop", key="ü", type="text", dry_run=True)
    assert [m.filename for m in inner.misfits] == ["a.jpg", "c.jpg"]


def test_a_field_can_change_its_type_and_go(shop):
    shop.datasets.declare("shop", key="light", type="choice", choices=("day",))
    add(shop, {"a.jpg": {"light": "day"}})
    shop.datasets.declare("shop", key="light", type="choice", choices=("day", "night"))
    with pytest.raises(Conflict, match="1 samples say something else"):
        shop.datasets.declare("shop", key="light", type="choice", choices=("night",))
    shop.datasets.declare("shop", key="light", type="text")
    add(shop, {"b.jpg": {"light": "dusk"}})
    assert shop.datasets.drop_field("shop", key="light").fields == {}
    add(shop, {"c.jpg": {"light": 5}})
    assert shop.datasets.count("shop", where="light is not missing").total == 3
    with pytest.raises(NotFound, match="has no field 'light'"):
        shop.datasets.drop_field("shop", key="light")


def test_versions_and_their_fingerprints_stay_as_they_are(shop):
    add(shop, {"a.jpg": {"lux": "dark"}})
    first = shop.datasets.commit("shop")
    shop.datasets.describe("shop", filenames=("a.jpg",), metadata={"lux": 1})
    shop.datasets.declare("shop", key="lux", type="number")
    assert shop.datasets.count("shop", version=1, where="lux > 0").total == 0
    assert shop.datasets.count("shop", where="lux > 0").total == 1
    shop.datasets.commit("shop")
    assert shop.datasets.verify("shop", 1).ok
    shop.datasets.revert("shop", 1)
    assert shop.datasets.commit("shop").fingerprint == first.fingerprint


def test_queries_use_the_type(shop):
    shop.datasets.declare("shop", key="seen_at", type="time")
    shop.datasets.declare("shop", key="lux", type="number")
    shop.datasets.declare("shop", key="light", type="choice", choices=("day", "night"))
    add(shop, {"a.jpg": {"seen_at": "2030-01-01T23:30:00+02:00", "lux": 3, "light": "day"}})
    assert shop.datasets.count("shop", where='seen_at < "2030-01-01T21:31:00Z"').total == 1
    for where, message in (
        ('lux == "3"', "lux is a number"),
        ('light == "dusk"', "light is never"),
        ('seen_at > "yesterday"', "seen_at is a time"),
        ('lux.contains("3")', "lux is no text"),
    ):
        with pytest.raises(Invalid, match=message):
            shop.datasets.count("shop", where=where)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"key": "split", "type": "text"}, "'split' means something already"),
        ({"key": "hour", "type": "number"}, "'hour' means something already"),
        ({"key": "and", "type": "text"}, "'and' means something already"),
        ({"key": "source", "type": "text"}, "'source' means something already"),
        ({"key": 'a"b', "type": "text"}, "key: .* must be printable"),
        ({"key": "a..b", "type": "text"}, "key: .* must be printable"),
        ({"key": "", "type": "text"}, "key: .* must be printable"),
        ({"key": "a", "type": "colour"}, "type: "),
        ({"key": "a", "type": "choice"}, "choices: there are none"),
        ({"key": "a", "type": "choice", "choices": ("x", "x")}, "'x' is empty or there twice"),
        ({"key": "a", "type": "text", "choices": ("x",)}, "choices: a text has none"),
    ],
)
def test_what_is_no_field(shop, given, message):
    with pytest.raises(Invalid, match=message):
        shop.datasets.declare("shop", **given)


def test_an_import_is_refused_before_a_byte_is_stored(shop, tmp_path, monkeypatch):
    shop.datasets.declare("shop", key="track", type="text")
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff")
    files = (LabelledFile(tmp_path / "a.jpg", "a.jpg", None, metadata={"track": 7}),)
    monkeypatch.setattr(folder.FolderFormat, "read", lambda *_: Contents((), files))
    with pytest.raises(Invalid, match="a.jpg: field 'track' is 7, which is not a text"):
        import_folder(shop, tmp_path, dataset="shop", format="folder")
